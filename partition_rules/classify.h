// Could this node run packed at all? Rules are data: one row for each (operator, variant), made of
// named constraints. Hardware plays no part here.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "kernels/problem.h"
#include "runtime/base/dims.h"
#include "runtime/base/reason.h"
#include "schema/graph.h"
#include "schema/graph_index.h"

namespace switchyard {

struct Verdict {
  // Set: the node is eligible, and this is what it asks of a kernel.
  std::optional<GemmProblem> problem;
  // Otherwise every constraint that the node does not keep (never empty then).
  std::vector<Reason> reasons;
};

// True for FullyConnected, the convolutions and BatchMatrixMultiply: the nodes that the rules speak
// about. Everything else runs on stock XNNPACK without a verdict.
bool IsJudged(NodeKind kind);

// The verdict on a judged node. `graph` keeps the rules of CheckGraph, `index` is its index, and
// `shapes` are its values' at the bounds.
Verdict Classify(const Graph& graph, const GraphIndex& index, std::span<const Dims> shapes,
                 NodeIndex node);

// The value that a dynamically quantized one is made from: the input of its Convert; nothing when
// `value` is not the output of a Convert.
std::optional<ValueIndex> QuantizationSource(const Graph& graph, const GraphIndex& index,
                                             ValueIndex value);

// A convolution that is a matrix multiplication as it stands: 1 x 1, stride 1, unpadded, ungrouped.
bool IsPointwise(const Node& node);

}  // namespace switchyard
