#include <cmath>

#include "test/conformance/reference_nodes.h"
#include "test/conformance/reference_numerics.h"

namespace switchyard::conformance::reference {
namespace {

// The integers that `value` may be rounded to when a backend has it within `slack`.
struct Rounded {
  double low, high;
};
Rounded RoundWithin(double value, double slack) {
  return {std::nearbyint(value - slack), std::nearbyint(value + slack)};
}

// The parameters of one slice, every step rounded to float by itself: the range is widened to hold
// 0, scale and zero point spread it over -128 to 127. A zero point that lies on a tie, and an
// element that does, may go either way: both are computed, and the bound holds both.
void QuantizeSlice(const Tensor& input, size_t begin, size_t size, Tensor& result, size_t slice) {
  float low = 0, high = 0;
  bool finite = true;
  double widest = 0;  // bound of the inputs
  for (size_t i = begin; i < begin + size; ++i) {
    const auto x = static_cast<float>(input.values[i]);
    low = std::min(low, x);
    high = std::max(high, x);
    widest = std::max(widest, input.bounds[i]);
    finite = finite && std::isfinite(x);
  }
  const float range = high - low;
  const float inverse = range == 0 ? 1.0f : 255.0f / range;
  const float scaled_low = low * inverse;
  const float scaled_high = high * inverse;
  const float error_low = -128.0f + scaled_low;
  const float error_high = 127.0f + scaled_high;
  const float zero = std::clamp(
      error_low + error_high > 0 ? -128.0f - scaled_low : 127.0f - scaled_high, -128.0f, 127.0f);
  const float scale = 1.0f / inverse;
  // NaN or infinity, or a range beyond the floats: what a row becomes is not documented.
  finite = finite && std::isfinite(range) && std::isfinite(inverse) && std::isfinite(scale);
  // Half a unit in the last place for each of the steps that may be fused or not. A backend may
  // multiply halves in their own arithmetic.
  const double unit = input.type == DataType::kF16 ? kF16Unit : kF32Unit;
  const Rounded zeros = RoundWithin(zero, 255 * 4 * kF32Unit + (widest > 0 ? 1 : 0));
  result.slices[slice] = {scale, std::nearbyint(zero)};
  for (size_t i = begin; i < begin + size; ++i) {
    if (!finite) {
      result.bounds[i] = std::numeric_limits<double>::infinity();
      continue;
    }
    const double scaled = input.values[i] * inverse;
    // Inputs that are not exact move the range, too.
    const double slack =
        4 * unit * std::abs(scaled) + (widest > 0 ? (3 * widest + input.bounds[i]) * inverse : 0);
    const double ties_even = std::nearbyint(scaled);
    Rounded q = RoundWithin(scaled, slack);
    if (std::abs(scaled - std::floor(scaled) - 0.5) <= slack) {
      q = {std::floor(scaled - slack), std::ceil(scaled + slack)};
    }
    double least = 255, most = -255;
    for (double z : {zeros.low, zeros.high}) {
      least = std::min(least, std::clamp(q.low + z, -128.0, 127.0) - z);
      most = std::max(most, std::clamp(q.high + z, -128.0, 127.0) - z);
    }
    const double z = result.slices[slice].zero_point;
    result.values[i] = std::clamp(ties_even + z, -128.0, 127.0) - z;
    // With inputs that are not exact the scale moves, too, by twice their error over the range.
    result.bounds[i] =
        std::max(most - result.values[i], result.values[i] - least) + 2 * widest * inverse;
  }
}

Result<std::vector<Tensor>> QuantizeDynamically(const Call& call, uint32_t num_nonbatch_dims) {
  const Tensor& input = *call.inputs[0];
  if (!IsFloat(input.type) || num_nonbatch_dims > input.dims.rank()) {
    return Fail(ErrorCode::kNotImplemented, "dynamic quantization of {} {}", Name(input.type),
                ToString(input.dims));
  }
  Tensor result = Empty(call.output(), input.dims);
  result.num_nonbatch_dims = num_nonbatch_dims;
  size_t size = 1;
  for (uint32_t i = 0; i < num_nonbatch_dims; ++i) size *= input.dims.back(i);
  const size_t slices = size == 0 ? 0 : input.values.size() / size;
  result.slices.resize(slices);
  for (size_t i = 0; i < slices; ++i) QuantizeSlice(input, i * size, size, result, i);
  return std::vector{std::move(result)};
}

// What a backend may be off before the last rounding. Halfs are scaled in f16, by a scale that is
// rounded to it; int8 becomes int8 of another scale by fixed point with 8 binary digits after the
// point.
double ConversionError(const Tensor& input, size_t i, const Tensor& output) {
  const bool from_int8 = input.type == DataType::kQInt8 || input.type == DataType::kQUInt8;
  const bool to_int8 = output.type == DataType::kQInt8 || output.type == DataType::kQUInt8;
  const double real = std::abs(Real(input, i));
  if (from_int8 && to_int8) {
    const auto& from = std::get<PerTensorQuantization>(input.quantization);
    const auto& to = std::get<PerTensorQuantization>(output.quantization);
    return std::abs(input.values[i] - from.zero_point) * 0x1p-9 * to.scale;
  }
  if (input.type == DataType::kF16 && to_int8) return 2 * kF16Unit * real;
  if (from_int8 && output.type == DataType::kF16) return kF16Unit * real;
  return 0;
}

}  // namespace

// Between floats, to and from static quantization, to dynamic quantization.
Result<std::vector<Tensor>> Convert(const Call& call) {
  if (const auto* token = std::get_if<PerTokenQuantization>(&call.output().quantization)) {
    return QuantizeDynamically(call, token->num_nonbatch_dims);
  }
  const Tensor& input = *call.inputs[0];
  Tensor result = Empty(call.output(), input.dims);
  for (size_t i = 0; i < input.values.size(); ++i) {
    Store(result, i, Real(input, i), RealBound(input, i) + ConversionError(input, i, result));
  }
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
