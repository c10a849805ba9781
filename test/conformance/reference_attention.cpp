#include <utility>
#include <vector>

#include "test/conformance/reference_nodes.h"

namespace switchyard::conformance::reference {
namespace {

// Evaluates parts of a node, each with its own bounds.
class Parts {
 public:
  explicit Parts(const Value& like) {
    Value value;
    value.type = like.type;
    graph_.values.push_back(std::move(value));
  }

  Result<Tensor> Evaluate(NodeFunction function, NodeKind kind, std::vector<const Tensor*> inputs,
                          uint32_t flags = 0) {
    Node part;
    part.kind = kind;
    part.flags = flags;
    part.outputs = {0};
    const Call call{graph_, part, std::move(inputs)};
    SWITCHYARD_ASSIGN(std::vector<Tensor> outputs, function(call));
    return std::move(outputs[0]);
  }

 private:
  Graph graph_;
};

}  // namespace

// softmax(query * scale x key^T + mask) x value. What is between the parts may be rounded to the
// output's type, as XNNPACK does, or not: each part's bound is that of the type, carried on.
Result<std::vector<Tensor>> ScaledDotProductAttention(const Call& call) {
  const Tensor &query = *call.inputs[0], &key = *call.inputs[1], &value = *call.inputs[2],
               &scale = *call.inputs[3], &mask = *call.inputs[4];
  if (scale.dims != Dims{query.dims.back()} ||
      mask.dims != Dims{query.dims.back(1), key.dims.back(1)} ||
      value.dims.back(1) != key.dims.back(1)) {
    return Fail(ErrorCode::kInvalidArgument,
                "ScaledDotProductAttention of {}, {}, {}, scale {}, mask {}", ToString(query.dims),
                ToString(key.dims), ToString(value.dims), ToString(scale.dims),
                ToString(mask.dims));
  }
  Parts parts(call.output());
  SWITCHYARD_ASSIGN(const Tensor scaled,
                    parts.Evaluate(Binary, NodeKind::kMultiply, {&query, &scale}));
  SWITCHYARD_ASSIGN(const Tensor logits,
                    parts.Evaluate(BatchMatrixMultiply, NodeKind::kBatchMatrixMultiply,
                                   {&scaled, &key}, kFlagTransposeWeights));
  SWITCHYARD_ASSIGN(const Tensor masked, parts.Evaluate(Binary, NodeKind::kAdd, {&logits, &mask}));
  SWITCHYARD_ASSIGN(const Tensor probabilities,
                    parts.Evaluate(Softmax, NodeKind::kSoftmax, {&masked}));
  SWITCHYARD_ASSIGN(Tensor result,
                    parts.Evaluate(BatchMatrixMultiply, NodeKind::kBatchMatrixMultiply,
                                   {&probabilities, &value}));
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
