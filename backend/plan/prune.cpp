#include "backend/plan/prune.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>

namespace switchyard {
namespace {

NodeKind ConcatenateOf(size_t num_inputs) {
  switch (num_inputs) {
    case 1:
      return NodeKind::kCopy;
    case 2:
      return NodeKind::kConcatenate2;
    case 3:
      return NodeKind::kConcatenate3;
    default:
      return NodeKind::kConcatenate4;  // of five, one is gone
  }
}

class Pruner {
 public:
  Pruner(const Graph& graph, const IslandStep& step, std::span<const Dims> shapes)
      : graph_(graph), step_(step), shapes_(shapes) {}

  Result<PrunedIsland> Make() {
    MarkNeeded();
    for (const NodeIndex n : step_.nodes) {
      if (IsNeeded(graph_.nodes[n])) SWITCHYARD_TRY(AddNode(n));
    }
    FindBorders();
    return std::move(pruned_);
  }

 private:
  bool IsEmpty(ValueIndex value) const {
    return !graph_.values[value].constant && shapes_[value].NumElements() == 0;
  }
  bool ReadsEmpty(const Node& node) const {
    return std::ranges::any_of(node.inputs, [this](ValueIndex value) { return IsEmpty(value); });
  }
  bool IsNeeded(const Node& node) const {
    return std::ranges::any_of(node.outputs,
                               [this](ValueIndex value) { return needed_.contains(value); });
  }

  void MarkNeeded() {
    for (const ValueIndex output : step_.outputs) {
      if (!IsEmpty(output)) needed_.insert(output);
    }
    for (size_t i = step_.nodes.size(); i-- > 0;) {
      const Node& node = graph_.nodes[step_.nodes[i]];
      if (!IsNeeded(node)) continue;
      const bool is_rewritten = ReadsEmpty(node);
      if (is_rewritten && !std::holds_alternative<ConcatenateAttributes>(node.attributes)) {
        if (HasBias(node)) needed_.insert(node.inputs[2]);
        continue;
      }
      for (const ValueIndex input : node.inputs) {
        if (!IsEmpty(input)) needed_.insert(input);
      }
    }
  }

  static bool HasBias(const Node& node) {
    return node.kind == NodeKind::kFullyConnected && node.inputs.size() > 2;
  }

  Status AddNode(NodeIndex n) {
    const Node& node = graph_.nodes[n];
    if (!ReadsEmpty(node)) {
      Emit(node);
      return {};
    }
    if (std::holds_alternative<ConcatenateAttributes>(node.attributes)) {
      Node others = node;
      std::erase_if(others.inputs, [this](ValueIndex value) { return IsEmpty(value); });
      others.kind = ConcatenateOf(others.inputs.size());
      if (others.kind == NodeKind::kCopy) others.attributes = {};
      Emit(others);
      return {};
    }
    if (const auto* pad = std::get_if<PadAttributes>(&node.attributes)) {
      Fill(Map(node.outputs[0]), pad->value);
      return {};
    }
    switch (node.kind) {
      case NodeKind::kGlobalAvgPooling2d:
        Fill(Map(node.outputs[0]), std::numeric_limits<float>::quiet_NaN());
        return {};
      case NodeKind::kBatchMatrixMultiply:
        Fill(Map(node.outputs[0]), std::clamp(0.0f, node.output_min, node.output_max));
        return {};
      case NodeKind::kFullyConnected:
        if (HasBias(node)) {
          AddBias(node);
        } else {
          Fill(Map(node.outputs[0]), std::clamp(0.0f, node.output_min, node.output_max));
        }
        return {};
      default:
        return Fail(ErrorCode::kNotSupported,
                    "{}: reads an empty value and writes {}, expected none or both of them empty; "
                    "pass inputs that are not empty",
                    Describe(graph_, n), ToString(shapes_[node.outputs[0]]));
    }
  }

  // Zeros for the product, then the addition with the node's range.
  void AddBias(const Node& node) {
    const ValueIndex output = node.outputs[0];
    Value zeros = graph_.values[output];
    zeros.is_external_output = false;
    zeros.external_id.reset();
    const ValueIndex product = AddValue(std::move(zeros), shapes_[output], kNoValue);
    Fill(product, 0);
    Node& add = pruned_.graph.nodes.emplace_back();
    add.id = node.id;
    add.kind = NodeKind::kAdd;
    add.output_min = node.output_min;
    add.output_max = node.output_max;
    add.inputs = {product, Map(node.inputs[2])};
    add.outputs = {Map(output)};
  }

  void Emit(const Node& node) {
    Node& emitted = pruned_.graph.nodes.emplace_back(node);
    for (auto* ends : {&emitted.inputs, &emitted.outputs}) {
      for (ValueIndex& value : *ends) value = Map(value);
    }
  }

  void Fill(ValueIndex value, float number) { pruned_.filled.push_back({value, number}); }

  ValueIndex AddValue(Value value, const Dims& dims, ValueIndex of_whole) {
    value.dims = dims;
    pruned_.graph.values.push_back(std::move(value));
    pruned_.shapes.push_back(dims);
    pruned_.values.push_back(of_whole);
    return static_cast<ValueIndex>(pruned_.values.size() - 1);
  }
  ValueIndex Map(ValueIndex value) {
    const auto [entry, is_new] = mapped_.try_emplace(value, kNoValue);
    if (is_new) entry->second = AddValue(graph_.values[value], shapes_[value], value);
    return entry->second;
  }

  void FindBorders() {
    const Graph& part = pruned_.graph;
    std::vector<bool> is_made(part.values.size()), is_read(part.values.size());
    for (NodeIndex n = 0; n < part.nodes.size(); ++n) {
      pruned_.step.nodes.push_back(n);
      for (const ValueIndex value : part.nodes[n].inputs) is_read[value] = true;
      for (const ValueIndex value : part.nodes[n].outputs) is_made[value] = true;
    }
    for (ValueIndex i = 0; i < part.values.size(); ++i) {
      if (is_read[i] && !is_made[i] && !part.values[i].constant) pruned_.step.inputs.push_back(i);
    }
    for (const ValueIndex output : step_.outputs) {
      const auto mapped = mapped_.find(output);
      if (mapped != mapped_.end() && is_made[mapped->second]) {
        pruned_.step.outputs.push_back(mapped->second);
      }
    }
  }

  const Graph& graph_;
  const IslandStep& step_;
  const std::span<const Dims> shapes_;
  std::unordered_set<ValueIndex> needed_;  // none of them empty
  std::unordered_map<ValueIndex, ValueIndex> mapped_;
  PrunedIsland pruned_;
};

}  // namespace

std::vector<NodeIndex> LiveNodes(const Graph& graph, const IslandStep& step) {
  std::unordered_set<ValueIndex> needed(step.outputs.begin(), step.outputs.end());
  std::vector<NodeIndex> live;
  for (size_t i = step.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[step.nodes[i]];
    if (!std::ranges::any_of(node.outputs, [&](ValueIndex v) { return needed.contains(v); })) {
      continue;
    }
    needed.insert(node.inputs.begin(), node.inputs.end());
    live.push_back(step.nodes[i]);
  }
  std::ranges::reverse(live);
  return live;
}

Result<PrunedIsland> PruneIsland(const Graph& graph, const IslandStep& step,
                                 std::span<const Dims> shapes) {
  return Pruner(graph, step, shapes).Make();
}

}  // namespace switchyard
