// Elements: from a host's tensors and a graph's constants, to numbers and back.
#include <cmath>
#include <cstring>

#include "runtime/base/float16.h"
#include "test/conformance/reference.h"
#include "test/conformance/reference_numerics.h"

namespace switchyard::conformance::reference {
namespace {

template <typename T>
T Load(std::span<const std::byte> bytes, size_t index) {
  T element;
  std::memcpy(&element, bytes.data() + index * sizeof(T), sizeof(T));
  return element;
}

// Element `index` of dense data; int4 has rows of whole bytes, the first element in the low half.
double Decode(DataType type, const Dims& dims, std::span<const std::byte> bytes, size_t index) {
  switch (type) {
    case DataType::kF32:
      return Load<float>(bytes, index);
    case DataType::kF16:
      return F32FromF16(Load<uint16_t>(bytes, index));
    case DataType::kBF16:
      return F32FromBF16(Load<uint16_t>(bytes, index));
    case DataType::kQUInt8:
      return Load<uint8_t>(bytes, index);
    case DataType::kQInt8:
    case DataType::kQCInt8:
      return Load<int8_t>(bytes, index);
    case DataType::kInt32:
    case DataType::kQInt32:
    case DataType::kQCInt32:
      return Load<int32_t>(bytes, index);
    case DataType::kQCInt4:
    case DataType::kQBInt4: {
      const size_t columns = dims.back();
      const size_t row = index / columns, column = index % columns;
      const auto byte = std::to_integer<uint8_t>(bytes[row * ((columns + 1) / 2) + column / 2]);
      return (column % 2 == 0 ? byte & 15 : byte >> 4) - 8;
    }
    default:
      return std::numeric_limits<double>::quiet_NaN();
  }
}

void Fill(Tensor& tensor, std::span<const std::byte> bytes) {
  for (size_t i = 0; i < tensor.values.size(); ++i) {
    tensor.values[i] = Decode(tensor.type, tensor.dims, bytes, i);
  }
}

const PerTensorQuantization* PerTensor(const Tensor& tensor) {
  return std::get_if<PerTensorQuantization>(&tensor.quantization);
}

struct Limits {
  double min, max;
};
Limits IntegerLimits(DataType type) {
  switch (type) {
    case DataType::kQUInt8:
      return {0, 255};
    case DataType::kQInt8:
    case DataType::kQCInt8:
      return {-128, 127};
    default:
      return {-0x1p31, 0x1p31 - 1};
  }
}

void StoreInteger(Tensor& tensor, size_t index, double real, double error, Range range) {
  const PerTensorQuantization* quantization = PerTensor(tensor);
  const double scale = quantization != nullptr ? double{quantization->scale} : 1;
  const double zero = quantization != nullptr ? quantization->zero_point : 0;
  const Limits limits = IntegerLimits(tensor.type);
  const double low = std::clamp(std::nearbyint(range.min / scale) + zero, limits.min, limits.max);
  const double high = std::clamp(std::nearbyint(range.max / scale) + zero, limits.min, limits.max);
  auto quantize = [&](double p) { return std::clamp(std::nearbyint(p) + zero, low, high); };
  const double p = real / scale;
  // A backend multiplies by the reciprocal, or by a quotient of scales: three roundings to float
  // that only powers of two do without.
  double uncertainty = error / scale;
  if (error > 0 || !IsPowerOfTwo(scale)) uncertainty += 3 * kF32Unit * std::abs(p);
  tensor.values[index] = quantize(p);
  tensor.bounds[index] = std::max(quantize(p + uncertainty) - tensor.values[index],
                                  tensor.values[index] - quantize(p - uncertainty));
  if (std::isnan(real) || std::isnan(uncertainty)) {
    tensor.values[index] = 0;
    tensor.bounds[index] = std::numeric_limits<double>::infinity();
  }
}

}  // namespace

Tensor Empty(const Value& value, const Dims& dims) {
  Tensor tensor;
  tensor.type = value.type;
  tensor.dims = dims;
  tensor.quantization = value.quantization;
  tensor.values.resize(dims.NumElements().value_or(0));
  tensor.bounds.resize(tensor.values.size());
  return tensor;
}

double Real(const Tensor& tensor, size_t index) {
  const PerTensorQuantization* quantization = PerTensor(tensor);
  if (quantization == nullptr) return tensor.values[index];
  return (tensor.values[index] - quantization->zero_point) * double{quantization->scale};
}

double RealBound(const Tensor& tensor, size_t index) {
  const PerTensorQuantization* quantization = PerTensor(tensor);
  return tensor.bounds[index] * (quantization != nullptr ? double{quantization->scale} : 1);
}

void Store(Tensor& tensor, size_t index, double real, double error, Range range) {
  if (!IsFloat(tensor.type)) return StoreInteger(tensor, index, real, error, range);
  const bool f16 = tensor.type == DataType::kF16, f32 = tensor.type == DataType::kF32;
  if (f16) range = {RoundToF16(range.min), RoundToF16(range.max)};
  const double value = std::clamp(real, range.min, range.max);
  double bound = std::max(std::clamp(real + error, range.min, range.max) - value,
                          value - std::clamp(real - error, range.min, range.max));
  const double rounded = f32   ? static_cast<double>(static_cast<float>(value))
                         : f16 ? RoundToF16(value)
                               : double{F32FromBF16(BF16FromF32(static_cast<float>(value)))};
  if (error == 0 && std::isinf(rounded)) {
    tensor.values[index] = rounded;  // overflow, for sure
    return;
  }
  if (error > 0 || rounded != value || IsSubnormal(value, f16)) {
    const double unit = f32 ? kF32Unit : f16 ? kF16Unit : kBF16Unit;
    const double normal = f16 ? kF16Normal : kF32Normal;
    bound += unit * (std::abs(value) + bound);
    if (std::abs(value) - bound < normal) bound += normal;
  }
  // A result that is not a number, or an error that leaves everything open, documents nothing.
  if (std::isnan(real) || std::isnan(bound) || std::isinf(error)) {
    bound = std::numeric_limits<double>::infinity();
  }
  tensor.values[index] = value;
  tensor.bounds[index] = bound;
}

void CopyElement(const Tensor& from, size_t from_index, Tensor& to, size_t to_index) {
  to.values[to_index] = from.values[from_index];
  to.bounds[to_index] = from.bounds[from_index];
}

Result<Tensor> FromHost(const Value& value, const OwnedTensor& tensor) {
  if (ExternalElementType(value.type) != tensor.element_type() &&
      !(value.type == DataType::kInt32 && tensor.element_type() == ElementType::kInt64)) {
    return Fail(ErrorCode::kInvalidArgument, "value {}: a tensor of type {}", value.id,
                Name(tensor.element_type()));
  }
  Tensor result = Empty(value, Dims(tensor.sizes()));
  if (tensor.element_type() == ElementType::kInt64) {
    for (size_t i = 0; i < result.values.size(); ++i) {
      result.values[i] = static_cast<double>(Load<int64_t>(tensor.bytes(), i));
    }
  } else {
    Fill(result, tensor.bytes());
  }
  return result;
}

Tensor FromConstant(const Value& value) {
  Tensor tensor = Empty(value, value.dims);
  Fill(tensor, value.constant->bytes);
  return tensor;
}

}  // namespace switchyard::conformance::reference
