// Who makes and who reads each value of a graph.
#pragma once

#include <vector>

#include "schema/graph.h"

namespace switchyard {

inline constexpr NodeIndex kNoNode = 0xFFFFFFFF;

// Valid until the graph changes.
struct GraphIndex {
  explicit GraphIndex(const Graph& graph);

  std::vector<NodeIndex> producer;  // by value; kNoNode for constants and inputs
  std::vector<std::vector<NodeIndex>>
      readers;  // by value; a node that reads it twice is there once
};

}  // namespace switchyard
