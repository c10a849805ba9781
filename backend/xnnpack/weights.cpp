#include "backend/xnnpack/weights.h"

#include <algorithm>

#include "backend/xnnpack/remedies.h"

namespace switchyard {
namespace {

using enum DataType;

bool HasBias(const Lowering& lowering) { return lowering.node().inputs.size() > 2; }

// The type in which a constant weight is handed to XNNPACK. Float weights of another type than the
// row's are widened, f16 to f32, bf16 to f32, and int4 filters to int8 where a remedy says so.
DataType WeightType(const Lowering& lowering, size_t i, DataType wanted) {
  const Value& value = lowering.input(i);
  if (i == 1 && value.type == kQCInt4 && lowering.use_remedies() &&
      FindRemedy(RemedyAction::kWidenInt4, lowering.graph(), lowering.node(), lowering.cpu())) {
    return kQCInt8;
  }
  const bool widens = lowering.use_remedies() && value.constant && IsFloat(value.type);
  if (widens && wanted == kF32) return kF32;
  return value.constant ? value.type : lowering.TypeOf(value);
}

bool Matches(const Lowering& lowering, const ProductTypes& row) {
  if (lowering.TypeOf(lowering.input(0)) != row.input) return false;
  if (lowering.TypeOf(lowering.output()) != row.output) return false;
  if (WeightType(lowering, 1, row.filter) != row.filter) return false;
  return !HasBias(lowering) || WeightType(lowering, 2, row.bias) == row.bias;
}

}  // namespace

Result<WeightIds> DefineProduct(Lowering& lowering, std::span<const ProductTypes> allowed,
                                bool computed_weights) {
  const auto row = std::ranges::find_if(
      allowed, [&](const ProductTypes& types) { return Matches(lowering, types); });
  if (row == allowed.end()) {
    return lowering.Unsupported(
        "no operator for the types {}; export with one of the supported quantization schemes",
        lowering.DescribeTypes());
  }
  for (size_t i = 1; i < lowering.node().inputs.size(); ++i) {
    if (lowering.input(i).constant || (computed_weights && row->filter == kF32)) continue;
    return lowering.Unsupported("its {} is computed, expected a constant; export it as a parameter",
                                i == 1 ? "filter" : "bias");
  }
  // Of int8 such scales give zeros; for uint8 there is an assert.
  if (row->input == kQUInt8) {
    const float ratio =
        ScaleOf(lowering.input(0)) * ScaleOf(lowering.input(1)) / ScaleOf(lowering.output());
    SWITCHYARD_TRY(lowering.RequireScaleRatio(
        "the product of the input's and the filter's scale divided by the output's", ratio,
        0x1p-32f, 256.0f));
  }
  WeightIds ids{};
  SWITCHYARD_ASSIGN(ids.input, lowering.Input(0));
  SWITCHYARD_ASSIGN(ids.filter, lowering.Weights(1, row->filter));
  SWITCHYARD_ASSIGN(ids.bias, lowering.Weights(2, row->bias));
  SWITCHYARD_ASSIGN(ids.output, lowering.Output());
  return ids;
}

Status CheckWeights(const Lowering& lowering, const Dims& filter_dims, size_t output_channels,
                    size_t quantized_dim) {
  const Value& filter = lowering.input(1);
  if (filter.dims != filter_dims ||
      std::ranges::any_of(filter_dims, [](size_t size) { return size == 0; })) {
    return Fail(ErrorCode::kInvalidProgram,
                "{}: filter {}, expected {}, no size zero; export again", lowering.DescribeNode(),
                ToString(filter.dims), ToString(filter_dims));
  }
  const auto* channels = std::get_if<PerChannelQuantization>(&filter.quantization);
  if (channels != nullptr && channels->channel_dim != quantized_dim) {
    return lowering.Unsupported(
        "filter with scales along dimension {}, expected {}, the output channels; export again",
        channels->channel_dim, quantized_dim);
  }
  if (filter.type == DataType::kQInt8) {
    const auto* tensor = std::get_if<PerTensorQuantization>(&filter.quantization);
    if (tensor != nullptr && tensor->zero_point != 0) {
      return lowering.Unsupported(
          "filter with zero point {}, expected 0; quantize it symmetrically", tensor->zero_point);
    }
  }
  if (!HasBias(lowering)) return {};
  const Value& bias = lowering.input(2);
  if (bias.dims.NumElements() != output_channels) {
    return Fail(ErrorCode::kInvalidProgram, "{}: bias {}, expected {} elements; export again",
                lowering.DescribeNode(), ToString(bias.dims), output_channels);
  }
  return {};
}

}  // namespace switchyard
