// Any bytes as a graph of all kinds of nodes: executes whose shapes change against fresh delegates.
#include <cstdio>
#include <cstdlib>
#include <span>

#include "test/fuzz/drawn_graph.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto outcome = switchyard::fuzz::CheckSequence(std::span(data, size));
  if (!outcome.wrong.empty()) {
    std::fprintf(stderr, "%s\n", outcome.wrong.c_str());
    std::abort();
  }
  return 0;
}
