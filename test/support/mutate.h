// Seeded mutations of payloads: what hostile and damaged files look like. The same seed gives the
// same mutants on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "schema/graph.h"
#include "schema/writer.h"

namespace switchyard::test {

// The same values and nodes, viewing what `graph` views; keys and bytes stay the original's.
Graph ShallowCopy(const Graph& graph);

struct Mutant {
  Payload payload;
  bool structural = false;
  std::string description;  // "mutant 17: values[2].dims = 4294967295 (was 3); offset"
};

// Makes mutants of one valid graph. Two of three are structural: one field of the graph replaced by
// an edge value, or one element added, removed, doubled or moved, then written by the unchecked
// writer in one of its modes. The others are valid payloads with bytes changed, added or cut off.
class Mutator {
 public:
  // `graph` has values and nodes, and must outlive the mutator and its mutants.
  Mutator(const Graph& graph, uint64_t seed) : graph_(graph), state_(seed) {}

  Mutant Next();

  // Uniform in [0, bound); bound > 0. (The standard's distributions differ between libraries.)
  uint64_t Random(uint64_t bound);

 private:
  // Changes one thing of `graph` and says what.
  std::string ChangeField(Graph& graph);
  std::string ChangeStructure(Graph& graph);
  // Changes one thing of the bytes and says what.
  std::string ChangeBytes(std::vector<std::byte>& bytes);

  const Graph& graph_;
  uint64_t state_;
  uint64_t count_ = 0;
};

}  // namespace switchyard::test
