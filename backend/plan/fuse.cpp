#include "backend/plan/fuse.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "backend/plan/quantize.h"
#include "runtime/base/float16.h"
#include "schema/graph_index.h"

namespace switchyard {
namespace {

bool IsQuantizedInt8(const Value& value) {
  return value.type == DataType::kQInt8 || value.type == DataType::kQUInt8;
}

// A Clamp may leave a single number; XNNPACK's products refuse such a range.
bool IsProductRange(float min, float max, const Value& output) {
  if (!(min < max)) return false;
  if (output.type == DataType::kF16) {
    return F32FromF16(F16FromF32(min)) < F32FromF16(F16FromF32(max));
  }
  const auto* quantization = std::get_if<PerTensorQuantization>(&output.quantization);
  return quantization == nullptr ||
         Quantize(min, *quantization, output.type) < Quantize(max, *quantization, output.type);
}

// Whether a StaticConstantPad of `number` writes what a convolution's padding stands for.
bool IsZero(float number, const Value& output) {
  const auto* quantization = std::get_if<PerTensorQuantization>(&output.quantization);
  if (quantization == nullptr) return number == 0;
  return Quantize(number, *quantization, output.type) == quantization->zero_point;
}

// Rewrites one graph. Nodes that were absorbed are marked and removed at the end, so that indices
// stay valid meanwhile.
class Fuser {
 public:
  explicit Fuser(Graph& graph)
      : graph_(graph),
        producer_(graph.values.size(), kNoNode),
        num_readers_(graph.values.size(), 0),
        is_absorbed_(graph.nodes.size(), false) {
    for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
      for (const ValueIndex value : graph.nodes[n].outputs) producer_[value] = n;
      for (const ValueIndex value : graph.nodes[n].inputs) ++num_readers_[value];
    }
  }

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
  // The node that makes `value`, if the one input that reads it is all that sees it. An input that
  // takes the place of an absorbed node's leaves the number of readers as it is.
  NodeIndex PrivateProducer(ValueIndex value) const {
    return graph_.values[value].is_external_output || num_readers_[value] != 1 ? kNoNode
                                                                               : producer_[value];
  }

  // Both plain, or int8 with the same parameters.
  bool AreAlike(ValueIndex a, ValueIndex b) const {
    const Value &x = graph_.values[a], &y = graph_.values[b];
    if (x.type != y.type) return false;
    if (IsFloat(x.type)) return true;
    const auto* p = std::get_if<PerTensorQuantization>(&x.quantization);
    const auto* q = std::get_if<PerTensorQuantization>(&y.quantization);
    return IsQuantizedInt8(x) && p != nullptr && q != nullptr && p->scale == q->scale &&
           p->zero_point == q->zero_point;
  }

  void Absorb(NodeIndex absorbed, NodeIndex into) {
    is_absorbed_[absorbed] = true;
    const Node& node = graph_.nodes[absorbed];
    graph_.nodes[into].absorbed.push_back({node.id, node.kind, node.debug_handle});
  }

  void FuseClamp(NodeIndex clamp) {
    const ValueIndex input = graph_.nodes[clamp].inputs[0];
    const ValueIndex output = graph_.nodes[clamp].outputs[0];
    const NodeIndex producer = PrivateProducer(input);
    if (producer == kNoNode || !AreAlike(input, output)) return;
    Node& node = graph_.nodes[producer];
    if (node.kind != NodeKind::kFullyConnected && node.kind != NodeKind::kConv2d &&
        node.kind != NodeKind::kDepthwiseConv2d) {
      return;
    }
    // The inner bounds, moved into the outer ones.
    const float clamp_min = graph_.nodes[clamp].output_min;
    const float clamp_max = graph_.nodes[clamp].output_max;
    const float min = std::clamp(node.output_min, clamp_min, clamp_max);
    const float max = std::clamp(node.output_max, clamp_min, clamp_max);
    if (!IsProductRange(min, max, graph_.values[output])) return;
    node.output_min = min;
    node.output_max = max;
    node.outputs[0] = output;
    producer_[output] = producer;
    Absorb(clamp, producer);
  }

  void FusePad(NodeIndex convolution) {
    Node& node = graph_.nodes[convolution];
    const NodeIndex producer = PrivateProducer(node.inputs[0]);
    if (producer == kNoNode || graph_.nodes[producer].kind != NodeKind::kStaticConstantPad ||
        (node.flags & kFlagTensorFlowSamePadding)) {
      return;
    }
    const Node& pad = graph_.nodes[producer];
    if (!AreAlike(pad.inputs[0], pad.outputs[0])) return;
    const auto& [pre, post, number] = std::get<PadAttributes>(pad.attributes);
    if (!IsZero(number, graph_.values[pad.outputs[0]]) || pre.size() != 4 || pre[0] != 0 ||
        pre[3] != 0 || post[0] != 0 || post[3] != 0) {
      return;
    }
    auto& attributes = std::get<ConvolutionAttributes>(node.attributes);
    const uint64_t top = uint64_t{attributes.padding_top} + pre[1];
    const uint64_t bottom = uint64_t{attributes.padding_bottom} + post[1];
    const uint64_t left = uint64_t{attributes.padding_left} + pre[2];
    const uint64_t right = uint64_t{attributes.padding_right} + post[2];
    // What CheckGraph asks of a convolution.
    constexpr uint64_t kMax = std::numeric_limits<uint32_t>::max();
    if (top + bottom > kMax || left + right > kMax) return;
    attributes.padding_top = static_cast<uint32_t>(top);
    attributes.padding_bottom = static_cast<uint32_t>(bottom);
    attributes.padding_left = static_cast<uint32_t>(left);
    attributes.padding_right = static_cast<uint32_t>(right);
    node.inputs[0] = pad.inputs[0];
    Absorb(producer, convolution);
  }

  void FuseTranspose(NodeIndex product) {
    Node& node = graph_.nodes[product];
    const NodeIndex producer = PrivateProducer(node.inputs[1]);
    if (producer == kNoNode || graph_.nodes[producer].kind != NodeKind::kStaticTranspose) return;
    const Node& transpose = graph_.nodes[producer];
    // Not of quantized matrices, whose scales belong to one of the dimensions.
    if (!IsFloat(graph_.values[transpose.inputs[0]].type) ||
        !AreAlike(transpose.inputs[0], transpose.outputs[0])) {
      return;
    }
    const auto& permutation = std::get<TransposeAttributes>(transpose.attributes).permutation;
    const size_t rank = permutation.size();
    if (rank < 2 || permutation[rank - 1] != rank - 2 || permutation[rank - 2] != rank - 1) return;
    for (size_t i = 0; i + 2 < rank; ++i) {
      if (permutation[i] != i) return;
    }
    node.flags ^= kFlagTransposeWeights;
    node.inputs[1] = transpose.inputs[0];
    Absorb(producer, product);
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
  std::vector<NodeIndex> producer_;    // by value
  std::vector<uint32_t> num_readers_;  // by value: inputs of nodes
  std::vector<bool> is_absorbed_;
};

}  // namespace

void FuseGraph(Graph& graph) { Fuser(graph).Run(); }

}  // namespace switchyard
