#include "test/conformance/operands.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "test/conformance/tensors.h"

namespace switchyard::conformance {
namespace {

// The input's scale of exact dynamic rows, and the unit of their biases.
constexpr float kExactScale = 0x1p-3f;
constexpr float kExactWeightScale = 0x1p-5f;

// 2^round(log2(value)).
float NearestPowerOfTwo(double value) {
  return static_cast<float>(std::exp2(std::round(std::log2(value))));
}

}  // namespace

std::string_view Name(Format format) {
  switch (format) {
    case Format::kPf32:
      return "pf32";
    case Format::kPf16:
      return "pf16";
    case Format::kQp8F32Qc8w:
      return "qp8_f32_qc8w";
    case Format::kPqs8Qc8w:
      return "pqs8_qc8w";
    case Format::kQp8F32Qb4w:
      return "qp8_f32_qb4w";
    case Format::kPqs8Qs8w:
      return "pqs8_qs8w";
    case Format::kQp8F32Qc4w:
      return "qp8_f32_qc4w";
    case Format::kF32F16w:
      return "f32_f16w";
    case Format::kF16F32w:
      return "f16_f32w";
    case Format::kQp8F16Qc8w:
      return "qp8_f16_qc8w";
    case Format::kQp8F16Qb4w:
      return "qp8_f16_qb4w";
  }
  return "unknown";
}

bool IsDynamic(Format format) {
  return format == Format::kQp8F32Qc8w || format == Format::kQp8F32Qc4w ||
         format == Format::kQp8F16Qc8w || HasBlocks(format);
}
bool IsInt8(Format format) { return format == Format::kPqs8Qc8w || format == Format::kPqs8Qs8w; }
bool HasBlocks(Format format) {
  return format == Format::kQp8F32Qb4w || format == Format::kQp8F16Qb4w;
}
DataType ActivationType(Format format) {
  switch (format) {
    case Format::kPqs8Qc8w:
    case Format::kPqs8Qs8w:
      return DataType::kQInt8;
    case Format::kPf16:
    case Format::kF16F32w:
    case Format::kQp8F16Qc8w:
    case Format::kQp8F16Qb4w:
      return DataType::kF16;
    default:
      return DataType::kF32;
  }
}

std::string_view Name(Style style) {
  switch (style) {
    case Style::kRandom:
      return "random";
    case Style::kExact:
      return "exact";
    case Style::kZeroWeights:
      return "zero_weights";
    case Style::kZeroRows:
      return "zero_rows";
    case Style::kConstantRows:
      return "constant_rows";
    case Style::kOneHot:
      return "one_hot";
    case Style::kPositive:
      return "positive";
    case Style::kNegative:
      return "negative";
    case Style::kTinyScales:
      return "tiny_scales";
    case Style::kHugeScales:
      return "huge_scales";
    case Style::kSaturating:
      return "saturating";
    case Style::kLargestSums:
      return "largest_sums";
    case Style::kDenormals:
      return "denormals";
    case Style::kNan:
      return "nan";
    case Style::kInfinity:
      return "infinity";
    case Style::kMixedMagnitudes:
      return "mixed_magnitudes";
    case Style::kGrowingRows:
      return "growing_rows";
  }
  return "unknown";
}

bool IsExact(Style style) {
  return style == Style::kExact || style == Style::kOneHot || style == Style::kSaturating;
}

Operands::Operands(Format format, Style style, size_t depth, Random& random)
    : format_(format), style_(style), depth_(std::max<size_t>(depth, 1)), random_(&random) {
  input_zero_ = static_cast<int32_t>(random.Integer(-128, 127));
  output_zero_ = static_cast<int32_t>(random.Integer(-40, 40));
  if (style == Style::kPositive) input_zero_ = output_zero_ = -128;
  if (style == Style::kNegative) input_zero_ = output_zero_ = 127;
  // Uniform int8 factors deviate by 74 from their mean; so do their sums, by the root of their
  // number. A third of the output's range is to be one deviation.
  const double deviation = 74.0 * std::hypot(74, input_zero_) * std::sqrt(double(depth_)) / 42;
  if (IsExact(style)) {
    input_scale_ = 0x1p-4f;
    weight_scale_ = 0x1p-4f;
    output_scale_ = NearestPowerOfTwo(deviation * 0x1p-8);
    if (style == Style::kSaturating) output_scale_ /= 64;
  } else {
    input_scale_ = static_cast<float>(random.Real(0.01, 0.05));
    weight_scale_ = static_cast<float>(random.Real(0.002, 0.01));
    if (style == Style::kTinyScales) input_scale_ = 1e-9f, weight_scale_ = 1e-7f;
    if (style == Style::kHugeScales) input_scale_ = 1e9f, weight_scale_ = 1e7f;
    output_scale_ = static_cast<float>(deviation * input_scale_ * weight_scale_);
  }
}

void Operands::ContinueFrom(const Operands& other) {
  const double widened = other.output_scale_ / input_scale_;
  input_scale_ = other.output_scale_;
  input_zero_ = other.output_zero_;
  output_scale_ = static_cast<float>(output_scale_ * widened);
}

Quantization Operands::input_quantization() const {
  if (!IsInt8(format_)) return {};
  return PerTensorQuantization{input_scale_, input_zero_};
}
Quantization Operands::output_quantization() const {
  if (!IsInt8(format_)) return {};
  return PerTensorQuantization{output_scale_, output_zero_};
}
float Operands::spread() const {
  if (IsInt8(format_)) return output_scale_ * 64;
  if (IsExact(style_)) return 4;
  return is_dynamic() ? 0.5f : 0.25f;
}

float Operands::WeightUnit(size_t channel) const {
  if (IsExact(style_))
    return std::ldexp(is_dynamic() ? kExactWeightScale : weight_scale_, int(channel % 3) - 1);
  return weight_scale_ * (0.5f + static_cast<float>(channel * 7 % 11) / 10);
}

std::vector<float> Operands::WeightScales(size_t channels) {
  std::vector<float> scales(channels);
  for (size_t i = 0; i < channels; ++i) scales[i] = WeightUnit(i);
  return scales;
}

ValueIndex Operands::AddWeights(test::GraphBuilder& b, const Dims& dims, uint32_t channel_dim,
                                size_t group_size) {
  const size_t count = *dims.NumElements(), channels = dims[channel_dim];
  if (!IsInt8(format_) && !is_dynamic()) {
    std::vector<float> values = random_->Reals(count, -1, 1);
    if (IsExact(style_)) values = random_->Integers<float>(count, -2, 2);
    if (style_ == Style::kOneHot) {
      for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 199) - 99;
    }
    if (style_ == Style::kSaturating) {
      for (float& value : values) value *= 0x1p100f;
      if (type() == DataType::kF16) values = random_->Integers<float>(count, 4, 7);
    }
    if (style_ == Style::kZeroWeights) std::ranges::fill(values, 0.0f);
    if (style_ == Style::kLargestSums) values = random_->Reals(count, 1.5, 2);
    if (style_ == Style::kInfinity) values = random_->Reals(count, 0.5, 1);
    if (style_ == Style::kDenormals) {
      for (float& value : values) value *= type() == DataType::kF16 ? 0x1p-10f : 0x1p-100f;
    }
    if (style_ == Style::kMixedMagnitudes) {
      for (float& value : values) value *= static_cast<float>(std::exp2(random_->Real(-10, 10)));
    }
    const bool f16 = format_ == Format::kPf16 || format_ == Format::kF32F16w;
    if (f16) return b.Constant(DataType::kF16, dims, ToF16(values));
    return b.Constant(DataType::kF32, dims, values);
  }

  const bool int4 = HasBlocks(format_) || format_ == Format::kQp8F32Qc4w;
  const int64_t low = int4 ? -8 : -127, high = int4 ? 7 : 127;
  std::vector<int8_t> values = random_->Integers<int8_t>(count, low, high);
  if (style_ == Style::kOneHot) {
    for (size_t i = 0; i < count; ++i)
      values[i] = static_cast<int8_t>(low + int64_t(i % 251) % (high - low + 1));
  }
  if (style_ == Style::kZeroWeights) std::ranges::fill(values, int8_t{0});
  if (style_ == Style::kLargestSums) std::ranges::fill(values, static_cast<int8_t>(low));
  scales_ = WeightScales(channels);
  if (HasBlocks(format_)) {
    std::vector<uint16_t> scales;
    const size_t blocks = count / channels / group_size;
    for (size_t i = 0; i < channels * blocks; ++i) {
      scales.push_back(BF16FromF32(WeightUnit(i / blocks + i % blocks)));
    }
    return b.Constant(DataType::kQBInt4, dims, PackInt4(values, dims.back()),
                      b.PerGroup(channel_dim, static_cast<uint32_t>(group_size), scales));
  }
  if (format_ == Format::kQp8F32Qc4w) {
    return b.Constant(DataType::kQCInt4, dims, PackInt4(values, dims.back()),
                      b.PerChannel(channel_dim, scales_));
  }
  if (format_ == Format::kPqs8Qs8w) {
    std::ranges::fill(scales_, weight_scale_);
    return b.Constant(DataType::kQInt8, dims, values, PerTensorQuantization{weight_scale_, 0});
  }
  return b.Constant(DataType::kQCInt8, dims, values, b.PerChannel(channel_dim, scales_));
}

ValueIndex Operands::AddBias(test::GraphBuilder& b, size_t channels) {
  const Dims dims{channels};
  if (IsInt8(format_)) {
    const auto limit = static_cast<int64_t>(74 * 74 * std::sqrt(double(depth_)));
    const std::vector<int32_t> values = random_->Integers<int32_t>(channels, -limit, limit);
    if (format_ == Format::kPqs8Qs8w) {
      return b.Constant(DataType::kQInt32, dims, values,
                        PerTensorQuantization{input_scale_ * weight_scale_, 0});
    }
    std::vector<float> scales = scales_;
    for (float& scale : scales) scale *= input_scale_;
    return b.Constant(DataType::kQCInt32, dims, values, b.PerChannel(0, scales));
  }
  std::vector<float> values = random_->Reals(channels, -1, 1);
  if (IsExact(style_)) {
    values = random_->Integers<float>(channels, -32, 32);
    for (float& value : values) {
      if (is_dynamic()) value *= 4 * kExactScale * kExactWeightScale;
    }
  }
  if (style_ == Style::kTinyScales || style_ == Style::kDenormals) {
    for (float& value : values) value *= type() == DataType::kF16 ? 0x1p-20f : 0x1p-140f;
  }
  if (format_ == Format::kPf16) return b.Constant(DataType::kF16, dims, ToF16(values));
  return b.Constant(DataType::kF32, dims, values);
}

// A row whose range is 255 times a power of two, so that every element is a whole number of steps.
void Operands::FillDynamicRow(std::span<float> row) {
  const size_t k = row.size();
  int64_t below = random_->Integer(0, 255);
  if (k == 1) below = below < 128 ? 0 : 255;
  for (float& value : row) value = static_cast<float>(random_->Integer(-below, 255 - below));
  const auto first = static_cast<size_t>(random_->Integer(0, static_cast<int64_t>(k) - 1));
  row[first] = static_cast<float>(below == 255 && k == 1 ? -255 : 255 - below);
  if (k > 1) row[(first + 1) % k] = static_cast<float>(-below);
  for (float& value : row) value *= kExactScale;
}

void Operands::FillRow(std::span<float> row, size_t index) {
  const bool f16 = type() == DataType::kF16;
  if (style_ == Style::kOneHot && !is_dynamic()) {
    std::ranges::fill(row, 0.0f);
    row[index % row.size()] = 1;
    return;
  }
  if (IsExact(style_)) {
    if (is_dynamic()) return FillDynamicRow(row);
    for (float& value : row) value = static_cast<float>(random_->Integer(-2, 2));
    if (style_ == Style::kSaturating) {
      // One product beyond the largest number, by powers of two alone.
      std::ranges::fill(row, 0.0f);
      const float largest = f16 ? 0x1p15f : 0x1p100f;
      row[index % row.size()] = index % 2 == 0 ? largest : -largest;
    }
    return;
  }
  for (float& value : row) value = static_cast<float>(random_->Real(-1, 1));
  const auto last = static_cast<float>(random_->Real(-1, 1));
  switch (style_) {
    case Style::kZeroRows:
      if (index % 2 == 0) std::ranges::fill(row, 0.0f);
      break;
    case Style::kConstantRows:
      std::ranges::fill(row, last);
      break;
    case Style::kPositive:
      for (float& value : row) value = std::abs(value) + 0.125f;
      break;
    case Style::kNegative:
      for (float& value : row) value = -std::abs(value) - 0.125f;
      break;
    case Style::kTinyScales:
      for (float& value : row) value *= f16 ? 0x1p-12f : 1e-20f;
      break;
    case Style::kHugeScales:
      for (float& value : row) value *= f16 ? 0x1p5f : 1e20f;
      break;
    case Style::kLargestSums:
      for (float& value : row) value = index % 2 == 0 ? 1 : -1;
      break;
    case Style::kDenormals:
      for (float& value : row) value *= f16 ? 0x1p-12f : 0x1p-40f;
      break;
    case Style::kMixedMagnitudes:
      for (float& value : row)
        value *= static_cast<float>(std::exp2(random_->Real(-10, f16 ? 4 : 10)));
      break;
    case Style::kGrowingRows:
      for (float& value : row) value = (std::abs(value) + 1) * static_cast<float>(index % 16 + 1);
      break;
    case Style::kNan:
      if (index % 2 == 0) row[row.size() / 2] = row[0] = std::numeric_limits<float>::quiet_NaN();
      break;
    case Style::kInfinity:
      for (float& value : row) value = std::abs(value) + 0.125f;
      if (index % 2 == 0) row[row.size() / 2] = row[0] = std::numeric_limits<float>::infinity();
      break;
    default:
      break;
  }
}

OwnedTensor Operands::MakeInput(std::span<const size_t> sizes, size_t row) {
  const size_t count = Product(sizes);
  if (IsInt8(format_)) {
    std::vector<int8_t> values = random_->Integers<int8_t>(count, -128, 127);
    for (size_t i = 0; i < count; ++i) {
      const size_t index = i / row;
      if (style_ == Style::kZeroRows && index % 2 == 0)
        values[i] = static_cast<int8_t>(input_zero_);
      if (style_ == Style::kConstantRows) values[i] = values[index * row];
      if (style_ == Style::kLargestSums) values[i] = index % 2 == 0 ? -128 : 127;
      if (style_ == Style::kOneHot) {
        values[i] =
            static_cast<int8_t>(std::clamp(input_zero_ + (i % row == index % row), -128, 127));
      }
    }
    return Int8Tensor(sizes, values);
  }
  std::vector<float> values(count);
  for (size_t begin = 0; begin < count; begin += row) {
    FillRow(std::span(values).subspan(begin, row), begin / row);
  }
  return FloatTensor(element_type(), sizes, values);
}

ValueIndex Operands::AddConvert(test::GraphBuilder& b, ValueIndex from, const Dims& dims,
                                uint32_t num_nonbatch_dims) {
  const ValueIndex to =
      b.Internal(DataType::kQDInt8, dims, PerTokenQuantization{num_nonbatch_dims});
  b.Add(NodeKind::kConvert, {from}, {to});
  return to;
}

ValueIndex Operands::AddInput(test::GraphBuilder& b, const Dims& bounds,
                              uint32_t num_nonbatch_dims) {
  const ValueIndex input = b.Input(type(), bounds, input_quantization());
  return is_dynamic() ? AddConvert(b, input, bounds, num_nonbatch_dims) : input;
}

}  // namespace switchyard::conformance
