// Any bytes as a graph of products: packed kernels and stock operators against the reference.
#include <cstdio>
#include <cstdlib>
#include <span>

#include "test/fuzz/drawn_case.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (const auto wrong = switchyard::fuzz::CheckDrawn(std::span(data, size))) {
    std::fprintf(stderr, "%s\n", wrong->c_str());
    std::abort();
  }
  return 0;
}
