// What fills up rows of int4 with an odd number of elements.
#pragma once

#include <cstddef>
#include <span>

#include "schema/graph.h"

namespace switchyard {

// Whether the rows of a value have a nibble more than elements.
bool HasInt4Padding(const Value& value);

// Makes the padding of `bytes`, all rows of such a value, the zero point of its type. A file may
// have anything there, and XNNPACK takes it for a weight: its kernels multiply it with the byte
// that follows a row of activations.
void ClearInt4Padding(const Value& value, std::span<std::byte> bytes);

}  // namespace switchyard
