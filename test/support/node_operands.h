// What a node of each kind may read, small and unlike in each dimension: for tests of all kinds.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/dims.h"
#include "schema/graph.h"
#include "schema/node_kinds.h"

namespace switchyard::test {

struct Operands {
  Dims input;                   // of every other input
  std::vector<Dims> constants;  // the further inputs, where they may be constants
  size_t output_rank;
  Attributes attributes;
};

Operands OperandsOf(NodeKind kind);

}  // namespace switchyard::test
