// Memory that is written as soon as it is allocated.
#pragma once

#include <cstddef>
#include <span>

namespace switchyard {

// Has Linux give a large block, fresh from the heap, all of its pages at once, which takes half of
// the time that a fault for each takes. For what will be written as a whole: it becomes resident.
// Changes nothing in the bytes; does nothing where Linux cannot (before 5.14), and then the faults
// come as they would have.
void Populate(std::span<std::byte> block);

}  // namespace switchyard
