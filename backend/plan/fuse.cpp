#include "backend/plan/fuse.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/base/checked_math.h"
#include "schema/graph_index.h"

namespace switchyard {
namespace {

// Rewrites one graph. Nodes that were absorbed are marked and removed at the end, so that indices
// stay valid meanwhile.
class Fuser {
 public:
  explicit Fuser(Graph& graph)
      : graph_(graph), index_(graph), is_absorbed_(graph.nodes.size(), false) {}

  void Run() {
    for (NodeIndex n = 0; n < graph_.nodes.size(); ++n) {
      switch (graph_.nodes[n].kind) {
        case NodeKind::kClamp:
          FuseClamp(n);
          break;
        case NodeKind::kConv2d:
        case NodeKind::kDepthwiseConv2d:
          FusePad(n);
          break;
        case NodeKind::kBatchMatrixMultiply:
          FuseTranspose(n);
          break;
        default:
          break;
      }
    }
    RemoveAbsorbed();
  }

 private:
  // The node that makes `value`, if it is of `kind` and nobody but `reader` sees its result.
  NodeIndex PrivateProducer(ValueIndex value, NodeIndex reader) const {
    const NodeIndex producer = index_.producer[value];
    if (producer == kNoNode || graph_.values[value].is_external_output ||
        index_.readers[value] != std::vector<NodeIndex>{reader}) {
      return kNoNode;
    }
    return producer;
  }

  bool SameQuantization(ValueIndex a, ValueIndex b) const {
    const Value &x = graph_.values[a], &y = graph_.values[b];
    if (x.type != y.type) return false;
    const auto* p = std::get_if<PerTensorQuantization>(&x.quantization);
    const auto* q = std::get_if<PerTensorQuantization>(&y.quantization);
    if ((p == nullptr) != (q == nullptr)) return false;
    return p == nullptr || (p->scale == q->scale && p->zero_point == q->zero_point);
  }

  void Absorb(NodeIndex absorbed, NodeIndex into) {
    is_absorbed_[absorbed] = true;
    Node& from = graph_.nodes[absorbed];
    Node& node = graph_.nodes[into];
    node.absorbed.push_back({from.id, from.kind, from.debug_handle});
    node.absorbed.insert(node.absorbed.end(), from.absorbed.begin(), from.absorbed.end());
  }

  void FuseClamp(NodeIndex clamp) {
    const ValueIndex input = graph_.nodes[clamp].inputs[0];
    const ValueIndex output = graph_.nodes[clamp].outputs[0];
    const NodeIndex producer = PrivateProducer(input, clamp);
    if (producer == kNoNode || !SameQuantization(input, output)) return;
    Node& node = graph_.nodes[producer];
    if (node.kind != NodeKind::kFullyConnected && node.kind != NodeKind::kConv2d &&
        node.kind != NodeKind::kDepthwiseConv2d) {
      return;
    }
    // The inner bounds, moved into the outer ones.
    const float min = graph_.nodes[clamp].output_min, max = graph_.nodes[clamp].output_max;
    node.output_min = std::clamp(node.output_min, min, max);
    node.output_max = std::clamp(node.output_max, min, max);
    node.outputs[0] = output;
    index_.producer[output] = producer;
    Absorb(clamp, producer);
  }

  void FusePad(NodeIndex convolution) {
    Node& node = graph_.nodes[convolution];
    auto& attributes = std::get<ConvolutionAttributes>(node.attributes);
    const NodeIndex producer = PrivateProducer(node.inputs[0], convolution);
    if (producer == kNoNode || graph_.nodes[producer].kind != NodeKind::kStaticConstantPad ||
        (node.flags & kFlagTensorFlowSamePadding) ||
        std::ranges::count(node.inputs, node.inputs[0]) != 1) {
      return;
    }
    const Node& pad = graph_.nodes[producer];
    if (!SameQuantization(pad.inputs[0], pad.outputs[0])) return;
    const auto& [pre, post, value] = std::get<PadAttributes>(pad.attributes);
    if (value != 0 || pre.size() != 4 || pre[0] != 0 || pre[3] != 0 || post[0] != 0 ||
        post[3] != 0) {
      return;
    }
    const auto top = CheckedAdd(attributes.padding_top, pre[1]);
    const auto bottom = CheckedAdd(attributes.padding_bottom, post[1]);
    const auto left = CheckedAdd(attributes.padding_left, pre[2]);
    const auto right = CheckedAdd(attributes.padding_right, post[2]);
    if (!top || !bottom || !left || !right) return;
    attributes.padding_top = *top;
    attributes.padding_bottom = *bottom;
    attributes.padding_left = *left;
    attributes.padding_right = *right;
    ReplaceInput(convolution, 0, pad.inputs[0], producer);
    Absorb(producer, convolution);
  }

  void FuseTranspose(NodeIndex product) {
    Node& node = graph_.nodes[product];
    if (std::ranges::count(node.inputs, node.inputs[1]) != 1) return;
    const NodeIndex producer = PrivateProducer(node.inputs[1], product);
    if (producer == kNoNode || graph_.nodes[producer].kind != NodeKind::kStaticTranspose) return;
    const Node& transpose = graph_.nodes[producer];
    const auto& permutation = std::get<TransposeAttributes>(transpose.attributes).permutation;
    const size_t rank = permutation.size();
    if (rank < 2 || permutation[rank - 1] != rank - 2 || permutation[rank - 2] != rank - 1) return;
    for (size_t i = 0; i + 2 < rank; ++i) {
      if (permutation[i] != i) return;
    }
    node.flags ^= kFlagTransposeWeights;
    ReplaceInput(product, 1, transpose.inputs[0], producer);
    Absorb(producer, product);
  }

  void ReplaceInput(NodeIndex reader, size_t slot, ValueIndex value, NodeIndex absorbed) {
    graph_.nodes[reader].inputs[slot] = value;
    std::vector<NodeIndex>& readers = index_.readers[value];
    std::erase(readers, absorbed);
    if (!std::ranges::contains(readers, reader)) readers.push_back(reader);
  }

  void RemoveAbsorbed() {
    std::vector<Node> nodes;
    nodes.reserve(graph_.nodes.size());
    std::vector<bool> is_used(graph_.values.size(), false);
    for (NodeIndex n = 0; n < graph_.nodes.size(); ++n) {
      if (is_absorbed_[n]) continue;
      Node& node = nodes.emplace_back(std::move(graph_.nodes[n]));
      for (ValueIndex value : node.inputs) is_used[value] = true;
      for (ValueIndex value : node.outputs) is_used[value] = true;
    }
    graph_.nodes = std::move(nodes);

    std::vector<Value> values;
    std::vector<ValueIndex> moved(graph_.values.size(), kNoValue);
    for (ValueIndex v = 0; v < graph_.values.size(); ++v) {
      if (!is_used[v] && !graph_.values[v].external_id) continue;
      moved[v] = static_cast<ValueIndex>(values.size());
      values.push_back(std::move(graph_.values[v]));
    }
    graph_.values = std::move(values);
    for (Node& node : graph_.nodes) {
      for (ValueIndex& value : node.inputs) value = moved[value];
      for (ValueIndex& value : node.outputs) value = moved[value];
    }
  }

  Graph& graph_;
  GraphIndex index_;
  std::vector<bool> is_absorbed_;
};

}  // namespace

void FuseGraph(Graph& graph) { Fuser(graph).Run(); }

}  // namespace switchyard
