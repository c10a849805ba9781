#include <limits>

#include "backend/xnnpack/lowering.h"

namespace switchyard {
namespace {

using enum DataType;

// A dynamically quantized A with an int8 constant B.
Status CheckQuantized(const Lowering& lowering) {
  const Value& a = lowering.input(0);
  const Value& b = lowering.input(1);
  const bool transposed = (lowering.node().flags & kFlagTransposeWeights) != 0;
  const auto* rows = std::get_if<PerTokenQuantization>(&a.quantization);
  const auto* channels = std::get_if<PerChannelQuantization>(&b.quantization);
  if (b.type != kQCInt8 || lowering.output().type != kF32 || rows == nullptr ||
      channels == nullptr || !b.constant) {
    return lowering.Unsupported(
        "no operator for the types {}; export the matrix multiplication in f32 or f16",
        lowering.DescribeTypes());
  }
  if (rows->num_nonbatch_dims != 1) {
    return lowering.Unsupported(
        "input quantized over its last {} dimensions, expected one; export again",
        rows->num_nonbatch_dims);
  }
  // XNNPACK wants scales for each matrix of the batch; a value has them for one dimension only.
  const size_t column_dim = b.dims.rank() - (transposed ? 2 : 1);
  size_t batch = 1;
  for (size_t i = 0; i + 2 < b.dims.rank(); ++i) batch *= b.dims[i];
  if (channels->channel_dim != column_dim || batch != 1) {
    return lowering.Unsupported(
        "quantized matrices {} with scales along dimension {}, expected a single matrix with a "
        "scale per column; export the matrix multiplication in f32 or f16",
        ToString(b.dims), channels->channel_dim);
  }
  return {};
}

}  // namespace

Status LowerBatchMatrixMultiply(Lowering& lowering) {
  const Value& a = lowering.input(0);
  const Value& b = lowering.input(1);
  if (a.dims.rank() < 2 || b.dims.rank() < 2) {
    return lowering.Unsupported("matrices {} and {}, expected two dimensions at least",
                                ToString(a.dims), ToString(b.dims));
  }
  const bool is_float = (Types(lowering.TypeOf(a)) & kFloatTypes) != 0 &&
                        (Types(lowering.TypeOf(b)) & kFloatTypes) != 0;
  if (is_float) {
    SWITCHYARD_TRY(lowering.RequireOneType(kFloatTypes));
  } else {
    SWITCHYARD_TRY(CheckQuantized(lowering));
  }
  SWITCHYARD_ASSIGN(const uint32_t a_id, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t b_id, lowering.Input(1));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  // XNNPACK's operator has no output range.
  const Node& node = lowering.node();
  const bool has_clamp = node.output_min > -std::numeric_limits<float>::infinity() ||
                         node.output_max < std::numeric_limits<float>::infinity();
  uint32_t product = output;
  if (has_clamp) {
    SWITCHYARD_TRY(lowering.RequireRange(/*may_be_empty=*/false));
    SWITCHYARD_ASSIGN(product,
                      lowering.Intermediate(lowering.output(), lowering.output().dims.rank()));
  }
  SWITCHYARD_TRY(lowering.Check(xnn_define_batch_matrix_multiply(
      lowering.subgraph(), a_id, b_id, product, node.flags & kFlagTransposeWeights)));
  if (!has_clamp) return {};
  const xnn_unary_params range = {.clamp = {.min = node.output_min, .max = node.output_max}};
  return lowering.Check(
      xnn_define_unary(lowering.subgraph(), xnn_unary_clamp, &range, product, output, /*flags=*/0));
}

}  // namespace switchyard
