// Bytes as a valid graph of nodes of all kinds, and executes whose shapes change: what the sequence
// fuzzer runs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "schema/graph.h"

namespace switchyard::fuzz {

struct DrawnGraph {
  Graph graph;
  // The inputs' dims of each execute, by external id. From one to the next a single dimension
  // changes, wherever the graph needs it to be the same; it may become 0. Nearly all fit the graph.
  std::vector<std::vector<Dims>> runs;
  std::string name;  // "Add(0 fp32 [2, 3], 1 fp32 [1, 3]) -> 2; ..., runs [2, 3][1, 3] ..."
};

// Any bytes give a graph. It keeps the rules of CheckGraph, and its bounds those of shape
// inference.
DrawnGraph DrawGraph(std::span<const uint8_t> bytes);

struct SequenceOutcome {
  bool is_refused = false;  // the graph does not load
  size_t num_ran = 0;       // executes that gave an answer
  std::string wrong;        // what is wrong; empty where nothing is
};

// Draws, loads, and compares each execute with that of a delegate which has seen no other shapes
// (test/unit/backend/fresh_run.h); where there are products, on the CPU's packed kernels and on
// those of the reference. A graph that is refused says why in `reason`.
SequenceOutcome CheckSequence(std::span<const uint8_t> bytes, std::string* reason = nullptr);

}  // namespace switchyard::fuzz
