#include "test/conformance/reference_products.h"

#include <cmath>
#include <cstdlib>

#include "test/conformance/reference_numerics.h"

namespace switchyard::conformance::reference {
namespace {

bool IsWeight8(DataType type) {
  return type == DataType::kQCInt8 || type == DataType::kQInt8 || type == DataType::kQCInt4;
}

// A sum that an accumulator forms in any order, fused or not: every product and every addition
// rounds once, relative to at most the sum of the magnitudes. Terms that are 0 round nothing.
// XNNPACK has the CPU take numbers below the normal ones for 0, so any step may lose as much.
double SumError(const Sum& sum, bool f16) {
  if (std::isinf(sum.value()) || std::isnan(sum.value())) return 0;
  const double unit = f16 ? kF16Unit : kF32Unit, largest = f16 ? kF16Max : kF32Max;
  const double count = static_cast<double>(sum.terms()) + 2;
  // Terms of one sign whose sum is far beyond the largest number end in infinity in every order.
  if (std::abs(sum.value()) == sum.magnitude() &&
      sum.magnitude() * (1 - 2 * count * unit) > largest * (1 + unit)) {
    return 0;
  }
  if (sum.magnitude() <= largest && sum.IsExact(f16 ? 11 : 24, f16 ? -14 : -126)) return 0;
  const double error = count * (unit * sum.magnitude() + (f16 ? kF16Normal : kF32Normal));
  // A partial sum may overflow.
  if (sum.magnitude() + error > largest) return std::numeric_limits<double>::infinity();
  return error;
}

}  // namespace

Result<Products> Products::Create(const Tensor& input, const Tensor& weights, const Tensor* bias,
                                  const Value& output) {
  std::optional<Arithmetic> arithmetic;
  if (IsFloat(input.type) && IsFloat(weights.type)) arithmetic = Arithmetic::kFloat;
  if (input.type == DataType::kQInt8 && IsWeight8(weights.type)) arithmetic = Arithmetic::kInteger;
  if (input.type == DataType::kQDInt8 && IsWeight8(weights.type)) arithmetic = Arithmetic::kDynamic;
  if (input.type == DataType::kQDInt8 && weights.type == DataType::kQBInt4) {
    arithmetic = Arithmetic::kDynamicBlocks;
  }
  if (!arithmetic || IsFloat(output.type) != (*arithmetic != Arithmetic::kInteger)) {
    return Fail(ErrorCode::kNotImplemented, "the reference has no product of {} and {} to {}",
                Name(input.type), Name(weights.type), Name(output.type));
  }
  return Products(*arithmetic, input, weights, bias);
}

// In f16 arithmetic, weights and biases of f32 are rounded to f16 when they are packed.
double Products::Bias(size_t channel) const {
  if (bias_ == nullptr) return 0;
  const double bias = bias_->values[channel];
  return input_->type == DataType::kF16 && IsFloat(weights_->type) ? RoundToF16(bias) : bias;
}

double Products::WeightScale(size_t channel) const {
  if (const auto* channels = std::get_if<PerChannelQuantization>(&weights_->quantization)) {
    return channels->scales[channel];
  }
  return std::get<PerTensorQuantization>(weights_->quantization).scale;
}

void Products::Finish(std::span<const Term> terms, size_t channel, size_t slice, Range range,
                      Tensor& result, size_t index) const {
  switch (arithmetic_) {
    case Arithmetic::kFloat:
      return FinishFloat(terms, channel, range, result, index);
    case Arithmetic::kInteger:
      return FinishInteger(terms, channel, range, result, index);
    case Arithmetic::kDynamic:
      return FinishDynamic(terms, channel, slice, range, result, index);
    case Arithmetic::kDynamicBlocks:
      return FinishBlocks(terms, channel, slice, range, result, index);
  }
}

// Whether f16 sums are kept in f16 or in f32 is the backend's choice (of XNNPACK's kernels, those
// for NEON and AVX512-FP16 do the former, the packed kernels the latter): the bound allows both.
void Products::FinishFloat(std::span<const Term> terms, size_t channel, Range range, Tensor& result,
                           size_t index) const {
  const bool f16 = input_->type == DataType::kF16;
  Sum sum;
  double propagated = 0;
  for (const Term& term : terms) {
    const double x = input_->values[term.input], x_bound = input_->bounds[term.input];
    double w = weights_->values[term.weight];
    if (f16 && weights_->type == DataType::kF32) w = RoundToF16(w);
    const double w_bound = weights_->bounds[term.weight];
    sum.Add(x * w);
    if (x_bound != 0 || w_bound != 0) {
      propagated += x_bound * std::abs(w) + (std::abs(x) + x_bound) * w_bound;
    }
    if (IsSubnormal(x, f16) || IsSubnormal(w, f16)) propagated += std::abs(x * w);
  }
  sum.Add(Bias(channel));
  double error = SumError(sum, f16);
  if (propagated > 0) {
    // Inputs that are not exact: their errors, and one rounding more of each term.
    error += (static_cast<double>(sum.terms()) + 2) * (f16 ? kF16Unit : kF32Unit) *
                 (sum.magnitude() + propagated) +
             propagated;
  }
  Store(result, index, sum.value(), error, range);
}

// The accumulator is exact; its conversion to float, the factor (two products of scales), and the
// product with it round once each, unless all are powers of two.
void Products::FinishInteger(std::span<const Term> terms, size_t channel, Range range,
                             Tensor& result, size_t index) const {
  const auto& quantization = std::get<PerTensorQuantization>(input_->quantization);
  double sum = Bias(channel), uncertain = 0;
  for (const Term& term : terms) {
    const double w = weights_->values[term.weight];
    sum += (input_->values[term.input] - quantization.zero_point) * w;
    uncertain += input_->bounds[term.input] * std::abs(w);
  }
  const double scale = double{quantization.scale} * WeightScale(channel);
  const double real = sum * scale;
  double error = uncertain * scale;
  const auto& output = std::get<PerTensorQuantization>(result.quantization);
  const bool exact = std::abs(sum) <= 0x1p24 && IsPowerOfTwo(scale) && IsPowerOfTwo(output.scale);
  if (!exact) error += 4 * kF32Unit * std::abs(real);
  Store(result, index, real, error, range);
}

// float(sum) * (input scale * weight scale) + bias, in either association, the last step fused or
// not.
void Products::FinishDynamic(std::span<const Term> terms, size_t channel, size_t slice, Range range,
                             Tensor& result, size_t index) const {
  double sum = 0, uncertain = 0;
  for (const Term& term : terms) {
    const double w = weights_->values[term.weight];
    sum += input_->values[term.input] * w;
    uncertain += input_->bounds[term.input] * std::abs(w);
  }
  const double scale = input_->slices[slice].scale * WeightScale(channel);
  Sum real;
  real.Add(sum * scale);
  real.Add(Bias(channel));
  double error = uncertain * scale;
  const bool exact =
      std::abs(sum) <= 0x1p24 && uncertain == 0 && IsPowerOfTwo(scale) && real.IsExact(24, -126);
  if (!exact) {
    error += 6 * kF32Unit * (std::abs(sum) + uncertain) * scale +
             kF32Unit * (std::abs(real.value()) + std::abs(Bias(channel))) + 6 * kF32Normal;
  }
  Store(result, index, real.value(), error, range);
}

// scale * (sum over blocks of s_b * (sum of q * w - zero point * sum of w)) + bias. The order of
// the blocks, and where the zero point comes in, are the kernel's: each block rounds up to three
// times for its two parts.
void Products::FinishBlocks(std::span<const Term> terms, size_t channel, size_t slice, Range range,
                            Tensor& result, size_t index) const {
  const auto& groups = std::get<PerGroupQuantization>(weights_->quantization);
  const size_t blocks = terms.size() / groups.group_size;
  const auto [scale, zero_point] = input_->slices[slice];
  Sum sum;
  double uncertain = 0, value = 0;
  bool exact = IsPowerOfTwo(scale);
  for (size_t b = 0; b < blocks; ++b) {
    double dot = 0, weights = 0, block_uncertain = 0;
    for (const Term& term : terms.subspan(b * groups.group_size, groups.group_size)) {
      const double w = weights_->values[term.weight];
      dot += (input_->values[term.input] + zero_point) * w;
      weights += w;
      block_uncertain += input_->bounds[term.input] * std::abs(w);
    }
    const double block_scale = F32FromBF16(groups.scales[channel * blocks + b]);
    exact = exact && IsPowerOfTwo(block_scale);
    sum.Add(block_scale * dot * scale);
    sum.Add(-block_scale * weights * zero_point * scale);
    value += block_scale * (dot - weights * zero_point) * scale;
    uncertain += std::abs(block_scale) * block_uncertain * scale;
  }
  sum.Add(Bias(channel));
  double error = uncertain;
  if (uncertain > 0 || !exact || !sum.IsExact(24, -126)) {
    error += (3 * static_cast<double>(blocks) + 5) * kF32Unit * (sum.magnitude() + uncertain) +
             kF32Normal * static_cast<double>(blocks);
  }
  Store(result, index, value + Bias(channel), error, range);
}

}  // namespace switchyard::conformance::reference
