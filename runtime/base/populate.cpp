#include "runtime/base/populate.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace switchyard {

void Populate(std::span<std::byte> block) {
#ifdef MADV_POPULATE_WRITE
  // Smaller ones come from memory that the heap has used before.
  constexpr size_t kMinBytes = size_t{1} << 17;
  if (block.size() < kMinBytes) return;
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<uintptr_t>(block.data());
  const uintptr_t begin = (address + page - 1) / page * page;
  const uintptr_t end = (address + block.size()) / page * page;
  if (begin >= end) return;
  const int error = errno;
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE);
  errno = error;
#endif
}

}  // namespace switchyard
