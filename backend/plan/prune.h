// An island at shapes at which some of its values have no elements: XNNPACK's memory planner and
// some of its operators assert that all have some.
#pragma once

#include <span>
#include <vector>

#include "backend/plan/plan.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// The nodes of the island whose results reach one of its outputs.
std::vector<NodeIndex> LiveNodes(const Graph& graph, const IslandStep& step);

// A value all of whose elements are `number`.
struct FilledValue {
  ValueIndex value;  // of PrunedIsland::graph
  float number;      // quantized types hold what stands for it
};

struct PrunedIsland {
  // What is left to compute, as a graph of its own, and the step that is all of it.
  Graph graph;
  IslandStep step;
  std::vector<Dims> shapes;        // by value of `graph`; none is empty
  std::vector<ValueIndex> values;  // by value of `graph`: the whole graph's; kNoValue for a new one
  // Made by no node: inputs of the step, outputs of the island, or both.
  std::vector<FilledValue> filled;
};

// The part of `step` that makes its outputs that are not empty, at these shapes of the whole
// graph's values. A node that reads empty values and makes one with elements becomes what PyTorch
// says that it is: a concatenation of the others, padding alone, a sum of no products (0, or the
// bias), a mean over nothing (NaN). Constants of the result view the bytes of those of `graph`, and
// values keep their ids. Errors: NotSupported naming a node of another kind.
Result<PrunedIsland> PruneIsland(const Graph& graph, const IslandStep& step,
                                 std::span<const Dims> shapes);

}  // namespace switchyard
