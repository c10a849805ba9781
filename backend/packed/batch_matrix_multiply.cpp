// A BatchMatrixMultiply: a slice for each matrix of the output. A [..., M, K], B [..., K, N] (or
// [..., N, K]), output [..., M, N]; leading dimensions broadcast. B is packed once where it is
// constant, else for each execute.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "backend/packed/operators.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/float16.h"

namespace switchyard {
namespace {

size_t NumSlices(const Dims& dims) {
  const std::span<const size_t> all = dims.span();
  return CheckedProduct(all.first(all.size() - 2)).value_or(SIZE_MAX);
}

// Which slice of an operand output slice `index` reads.
size_t BroadcastSlice(const Dims& operand, const Dims& output, size_t index) {
  size_t slice = 0, stride = 1;
  for (size_t i = 2; i < output.rank(); ++i) {
    const size_t coordinate = index % output.back(i);
    index /= output.back(i);
    if (i >= operand.rank()) continue;
    if (operand.back(i) != 1) slice += coordinate * stride;
    stride *= operand.back(i);
  }
  return slice;
}

class BatchMatrixMultiply final : public MultiplyStep {
 public:
  BatchMatrixMultiply(const Node& node, MultiplyParts parts)
      : MultiplyStep(std::move(parts)), a_(node.inputs[0]), b_(node.inputs[1]) {}

  Status PackWeights(const Graph& graph, ConstantBytes constants,
                     const PackedEnvironment& environment) override {
    if (!problem().rhs_is_constant) return {};
    const Value& b = graph.values[b_];
    const size_t slices = NumSlices(b.dims), slice_bytes = b.constant->bytes.size() / slices;
    for (size_t i = 0; i < slices; ++i) {
      RhsSource source;
      source.weights = constants[b_] + i * slice_bytes;
      std::string key;
      if (!b.constant->key.empty()) {
        key = WeightsKey(b.constant->key, kernel(), problem(), i);
      }
      SWITCHYARD_TRY(AddWeights(source, std::move(key), environment));
    }
    return {};
  }

 private:
  Status SetShapes(std::span<const Dims> shapes) override {
    a_dims_ = shapes[a_];
    b_dims_ = shapes[b_];
    output_dims_ = shapes[step().output];
    return {};
  }

  Slice SliceAt(size_t i, const StepData& data) const override {
    const size_t m = output_dims_.back(1);
    const size_t a = BroadcastSlice(a_dims_, output_dims_, i);
    return {.lhs = static_cast<const std::byte*>(data.values[a_]) +
                   a * m * problem().k * lhs_element_bytes(),
            .rhs = BroadcastSlice(b_dims_, output_dims_, i),
            .out = static_cast<std::byte*>(data.values[step().output]) +
                   i * m * problem().n * output_element_bytes()};
  }

  RhsSource ComputedRhs(size_t i, const StepData& data) const override {
    RhsSource source;
    source.weights = static_cast<const std::byte*>(data.values[b_]) +
                     i * problem().n * problem().k * lhs_element_bytes();
    return source;
  }

  // Without columns of A there are no products: all sums are 0.
  void RunEmpty(const StepData& data) const override {
    void* const output = data.values[step().output];
    const float zero = std::clamp(0.0f, stage().min, stage().max);
    const size_t count = output_dims_.NumElements().value_or(0);
    if (problem().output_type == DataType::kF16) {
      std::fill_n(static_cast<uint16_t*>(output), count, F16FromF32(zero));
    } else {
      std::fill_n(static_cast<float*>(output), count, zero);
    }
  }

  const ValueIndex a_, b_;
  // Of the last Reshape.
  Dims a_dims_, b_dims_, output_dims_;
};

}  // namespace

std::unique_ptr<MultiplyStep> MakeBatchMatrixMultiply(const Graph& graph, MultiplyParts parts) {
  const Node& node = graph.nodes[parts.step.node];
  return std::make_unique<BatchMatrixMultiply>(node, std::move(parts));
}

}  // namespace switchyard
