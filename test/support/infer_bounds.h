// The dims that a graph's values have at most.
#pragma once

#include <vector>

#include "backend/plan/shapes.h"

namespace switchyard::test {

// The upper ends of InferRanges.
inline Result<std::vector<Dims>> InferBounds(const Graph& graph) {
  return InferRanges(graph).transform(&UpperEnds);
}

}  // namespace switchyard::test
