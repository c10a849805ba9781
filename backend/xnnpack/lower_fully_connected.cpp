#include <initializer_list>
#include <limits>

#include "backend/xnnpack/lowering.h"
#include "backend/xnnpack/remedies.h"
#include "backend/xnnpack/weights.h"

namespace switchyard {
namespace {

using enum DataType;

// An f16 product takes f16 weights throughout, or f32 ones throughout, which it narrows itself.
constexpr ProductTypes kTypes[] = {
    {kF16, kF16, kF16, kF16},          {kF16, kF32, kF32, kF16},
    {kF32, kF32, kF32, kF32},          {kF32, kQCInt8, kF32, kF32},
    {kF32, kQCInt4, kF32, kF32},       {kQDInt8, kQCInt8, kF32, kF32},
    {kQDInt8, kQCInt4, kF32, kF32},    {kQDInt8, kQBInt4, kF32, kF32},
    {kQDInt8, kQCInt8, kF32, kF16},    {kQDInt8, kQCInt4, kF32, kF16},
    {kQDInt8, kQBInt4, kF32, kF16},    {kQInt8, kQCInt8, kQCInt32, kQInt8},
    {kQInt8, kQInt8, kQInt32, kQInt8}, {kQUInt8, kQUInt8, kQInt32, kQUInt8},
};

// One set of quantization parameters for each row is what the micro-kernels read.
Status CheckRowQuantization(const Lowering& lowering) {
  const auto* rows = std::get_if<PerTokenQuantization>(&lowering.input(0).quantization);
  if (rows == nullptr || rows->num_nonbatch_dims == 1) return {};
  return lowering.Unsupported(
      "input quantized over its last {} dimensions, expected one; export again",
      rows->num_nonbatch_dims);
}

// A product with computed weights as matrix multiplication, addition and clamp.
Status LowerAsMatrixMultiply(Lowering& lowering) {
  const Node& node = lowering.node();
  const Value& output = lowering.output();
  const bool has_bias = node.inputs.size() > 2;
  const bool has_clamp = node.output_min > -std::numeric_limits<float>::infinity() ||
                         node.output_max < std::numeric_limits<float>::infinity();
  const bool is_vector = lowering.input(0).dims.rank() == 1;  // a matrix of one row
  SWITCHYARD_ASSIGN(uint32_t a, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t b, lowering.Weights(1, kF32));
  SWITCHYARD_ASSIGN(const uint32_t bias, lowering.Weights(2, kF32));
  SWITCHYARD_ASSIGN(const uint32_t result, lowering.Output());
  uint32_t product = result;
  if (has_bias || has_clamp) {
    SWITCHYARD_ASSIGN(product, lowering.Intermediate(output, output.dims.rank()));
  }
  const auto reshape = [&](std::initializer_list<size_t> shape, uint32_t from, uint32_t to) {
    return lowering.Check(xnn_define_static_reshape(lowering.subgraph(), shape.size(),
                                                    shape.begin(), from, to, /*flags=*/0));
  };
  uint32_t matrix = product;
  if (is_vector) {
    SWITCHYARD_ASSIGN(const uint32_t row, lowering.Intermediate(lowering.input(0), 2));
    SWITCHYARD_TRY(reshape({1, 0}, a, row));
    a = row;
    SWITCHYARD_ASSIGN(matrix, lowering.Intermediate(output, 2));
  }
  // A FullyConnected's filter is [N, K], transposed it is [K, N]; a matrix is the other way round.
  SWITCHYARD_TRY(lowering.Check(xnn_define_batch_matrix_multiply(
      lowering.subgraph(), a, b, matrix,
      (node.flags ^ kFlagTransposeWeights) & XNN_FLAG_TRANSPOSE_B)));
  if (is_vector) SWITCHYARD_TRY(reshape({0}, matrix, product));
  if (has_bias) {
    const xnn_binary_params range = {.output_min = node.output_min, .output_max = node.output_max};
    return lowering.Check(xnn_define_binary(lowering.subgraph(), xnn_binary_add, &range, product,
                                            bias, result, /*flags=*/0),
                          /*num_operators=*/has_clamp ? 2 : 1);
  }
  if (has_clamp) {
    const xnn_unary_params range = {.clamp = {.min = node.output_min, .max = node.output_max}};
    return lowering.Check(xnn_define_unary(lowering.subgraph(), xnn_unary_clamp, &range, product,
                                           result, /*flags=*/0));
  }
  return {};
}

}  // namespace

Status LowerFullyConnected(Lowering& lowering) {
  const Node& node = lowering.node();
  const Dims& filter = lowering.input(1).dims;
  const bool transposed = (node.flags & kFlagTransposeWeights) != 0;
  const size_t channel_dim = transposed ? 1 : 0;
  if (filter.rank() != 2) {
    return Fail(ErrorCode::kInvalidProgram, "{}: filter {}, expected two dimensions; export again",
                lowering.DescribeNode(), ToString(filter));
  }
  if (lowering.input(0).dims.rank() == 0) {
    return lowering.Unsupported("input without dimensions, expected one at least");
  }
  SWITCHYARD_TRY(CheckWeights(lowering, filter, filter[channel_dim], channel_dim));
  SWITCHYARD_TRY(CheckRowQuantization(lowering));
  SWITCHYARD_TRY(lowering.RequireRange(/*may_be_empty=*/false));
  if (transposed && IsInt4(lowering.input(1).type)) {
    return lowering.Unsupported(
        "int4 filter stored as [input channels, output channels], expected the other way round; "
        "export it as a linear layer");
  }
  if (lowering.use_remedies() && FindRemedy(RemedyAction::kMatrixMultiply, lowering.graph(), node,
                                            lowering.cpu()) != nullptr) {
    return LowerAsMatrixMultiply(lowering);
  }
  SWITCHYARD_ASSIGN(const WeightIds ids,
                    DefineProduct(lowering, kTypes, /*computed_weights=*/true));
  return lowering.Check(xnn_define_fully_connected(lowering.subgraph(), node.output_min,
                                                   node.output_max, ids.input, ids.filter, ids.bias,
                                                   ids.output, node.flags & kFlagTransposeWeights));
}

}  // namespace switchyard
