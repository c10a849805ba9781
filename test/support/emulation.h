// What tests do less of where the CPU is emulated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>

namespace switchyard::test {

// Of very many points that are alike on every CPU, a test tries each Stride()-th: all natively,
// fewer where the CPU is emulated. Odd, so that points that take turns are not always the same.
inline size_t Stride() {
  const char* stride = std::getenv("SWITCHYARD_TEST_STRIDE");
  return stride == nullptr ? 1 : std::max<size_t>(1, std::strtoull(stride, nullptr, 10));
}

}  // namespace switchyard::test
