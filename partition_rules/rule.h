// What a rule is made of.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kernels/problem.h"
#include "partition_rules/classify.h"
#include "runtime/base/reason.h"
#include "runtime/base/variant.h"
#include "schema/graph.h"
#include "schema/graph_index.h"

namespace switchyard {

// What a constraint looks at.
struct Subject {
  const Graph& graph;
  const GraphIndex& index;
  std::span<const Dims> shapes;  // by value, at the bounds
  NodeIndex node_index;

  const Node& node() const { return graph.nodes[node_index]; }
  const Value& input() const { return graph.values[node().inputs[0]]; }
  const Value& weights() const { return graph.values[node().inputs[1]]; }
  const Value* bias() const {
    return node().inputs.size() > 2 ? &graph.values[node().inputs[2]] : nullptr;
  }
  const Value& output() const { return graph.values[node().outputs[0]]; }
  const Dims& input_shape() const { return shapes[node().inputs[0]]; }
  const Dims& weights_shape() const { return shapes[node().inputs[1]]; }
  const Dims& output_shape() const { return shapes[node().outputs[0]]; }
};

// Nothing when the node keeps it; otherwise what was found and what was expected. A constraint
// holds on its own: those before it may have failed.
struct Constraint {
  ReasonId reason;
  struct Finding {
    std::string found, expected;
  };
  std::optional<Finding> (*check)(const Subject& subject);
};

// One (operator, variant). A node belongs to the row whose types it has; all constraints of the
// operator and of that row are then evaluated. They say what a packed kernel needs beyond what
// CheckGraph and shape inference make sure of.
struct Rule {
  Variant variant;
  DataType input_type;
  std::span<const DataType> weight_types;
  std::span<const Constraint> constraints;  // of this variant
  // The problem of a node that keeps them all.
  GemmProblem (*problem)(const Subject& subject);
};

// All that is said about one operator.
struct OperatorRules {
  std::string_view name;  // "FullyConnected"
  std::span<const NodeKind> kinds;
  // What no row takes, whatever its types: a node that fails one of these has no other reasons.
  std::span<const Constraint> exclusions;
  // Of every row. A node whose types no row has is refused for kProductTypes.
  std::span<const Constraint> constraints;
  std::span<const Rule> rows;
};

// One for each operator. Every judged kind belongs to one of them.
std::span<const OperatorRules> RuleTable();

extern const OperatorRules kFullyConnectedRules;
extern const OperatorRules kConv2dRules;
extern const OperatorRules kBatchMatrixMultiplyRules;

}  // namespace switchyard
