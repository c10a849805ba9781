#include "backend/plan/decompose.h"

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

namespace switchyard {
namespace {

using enum NodeKind;

// The parts of one attention.
class Attention {
 public:
  Attention(Graph& graph, const Node& whole, std::vector<Node>& nodes)
      : graph_(graph), whole_(whole), nodes_(nodes) {}

  void Decompose() {
    const ValueIndex query = InF32(whole_.inputs[0]);
    const ValueIndex key = InF32(whole_.inputs[1]);
    const ValueIndex value = InF32(whole_.inputs[2]);
    const ValueIndex scale = InF32(whole_.inputs[3]);
    const ValueIndex mask = InF32(whole_.inputs[4]);
    const Dims query_dims = DimsOf(query);
    const Dims logit_dims = ProductDims(query_dims, DimsOf(key), DimsOf(key).back(1));

    const ValueIndex scaled = Add(kMultiply, {query, scale}, NewValue(query_dims));
    const ValueIndex logits =
        Add(kBatchMatrixMultiply, {scaled, key}, NewValue(logit_dims), kFlagTransposeWeights);
    const ValueIndex masked = Add(kAdd, {logits, mask}, NewValue(logit_dims));
    const ValueIndex probabilities = Add(kSoftmax, {masked}, NewValue(logit_dims));
    const ValueIndex output = whole_.outputs[0];
    const bool is_f32 = graph_.values[output].type == DataType::kF32;
    const Dims output_dims = ProductDims(logit_dims, DimsOf(value), DimsOf(value).back());
    const ValueIndex product =
        Add(kBatchMatrixMultiply, {probabilities, value}, is_f32 ? output : NewValue(output_dims));
    nodes_.back().output_min = whole_.output_min;
    nodes_.back().output_max = whole_.output_max;
    if (!is_f32) Add(kConvert, {product}, output);
  }

 private:
  Dims DimsOf(ValueIndex value) const { return graph_.values[value].dims; }

  // Of matrices `a` times others of `columns` columns: batch dimensions broadcast from the right.
  static Dims ProductDims(Dims a, const Dims& b, size_t columns) {
    for (size_t i = 2; i < std::min(a.rank(), b.rank()); ++i) {
      size_t& size = a[a.rank() - 1 - i];
      if (size == 1) size = b.back(i);
    }
    a[a.rank() - 1] = columns;
    return a;
  }

  // The file has no value for it: messages name the attention's output.
  ValueIndex NewValue(const Dims& dims) {
    Value value;
    value.id = graph_.values[whole_.outputs[0]].id;
    value.type = DataType::kF32;
    value.dims = dims;
    graph_.values.push_back(std::move(value));
    return static_cast<ValueIndex>(graph_.values.size() - 1);
  }

  ValueIndex Add(NodeKind kind, std::initializer_list<ValueIndex> inputs, ValueIndex output,
                 uint32_t flags = 0) {
    Node part;
    part.id = whole_.id;
    part.kind = kind;
    part.part_of = whole_.kind;
    part.debug_handle = whole_.debug_handle;
    part.flags = flags;
    part.inputs = inputs;
    part.outputs = {output};
    nodes_.push_back(std::move(part));
    return output;
  }

  ValueIndex InF32(ValueIndex value) {
    if (graph_.values[value].type == DataType::kF32) return value;
    return Add(kConvert, {value}, NewValue(DimsOf(value)));
  }

  Graph& graph_;
  const Node& whole_;
  std::vector<Node>& nodes_;
};

}  // namespace

void DecomposeGraph(Graph& graph) {
  if (!std::ranges::contains(graph.nodes, kScaledDotProductAttention, &Node::kind)) return;
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    if (node.kind == kScaledDotProductAttention) {
      Attention(graph, node, nodes).Decompose();
    } else {
      nodes.push_back(std::move(node));
    }
  }
  graph.nodes = std::move(nodes);
}

}  // namespace switchyard
