// Elementwise operators of two inputs, which broadcast from the right.
#include <algorithm>
#include <cmath>

#include "test/conformance/reference_nodes.h"
#include "test/conformance/reference_numerics.h"

namespace switchyard::conformance::reference {
namespace {

using enum NodeKind;

struct Operand {
  double value, bound;
};
// XNNPACK's threads take subnormal numbers for 0.
Operand Get(const Tensor& tensor, size_t i) {
  Operand operand{Real(tensor, i), RealBound(tensor, i)};
  if (IsFloat(tensor.type) && IsSubnormal(operand.value, tensor.type == DataType::kF16)) {
    operand.bound += std::abs(operand.value);
  }
  return operand;
}

double Apply(NodeKind kind, double a, double b) {
  switch (kind) {
    case kAdd:
      return a + b;
    case kSubtract:
      return a - b;
    case kMultiply:
      return a * b;
    case kDiv:
      return a / b;
    case kMinimum:
      return std::isnan(a) || std::isnan(b) ? a + b : std::min(a, b);
    case kMaximum:
      return std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b);
    default:
      return a < 0 ? a * b : a;  // PReLU
  }
}

// What the result may move when the operands are known to their bounds only: all of these are
// monotone in each operand, but for a divisor around 0.
double Spread(NodeKind kind, Operand a, Operand b, double y) {
  if (a.bound == 0 && b.bound == 0) return 0;
  if (kind == kDiv && std::abs(b.value) <= b.bound) {
    return std::numeric_limits<double>::infinity();
  }
  double spread = 0;
  for (double da : {-a.bound, a.bound}) {
    for (double db : {-b.bound, b.bound}) {
      spread = std::max(spread, std::abs(Apply(kind, a.value + da, b.value + db) - y));
    }
  }
  return spread;
}

// int8 sums are of fixed point: XNNPACK has 20 binary digits of the larger of the two ratios of
// scales, so each is off by half a unit of the last. The others are computed in f32, two roundings
// each before the one to int8, which Store has.
double ErrorOfInt8(NodeKind kind, const Tensor& a, size_t i, const Tensor& b, size_t j,
                   double result) {
  const auto* qa = std::get_if<PerTensorQuantization>(&a.quantization);
  const auto* qb = std::get_if<PerTensorQuantization>(&b.quantization);
  if (kind != kAdd && kind != kSubtract) return 4 * kF32Unit * std::abs(result);
  const double steps =
      std::abs(a.values[i] - qa->zero_point) + std::abs(b.values[j] - qb->zero_point);
  return steps * 0x1p-21 * std::max(qa->scale, qb->scale);
}

Result<Dims> BroadcastDims(const Dims& a, const Dims& b) {
  Dims dims = a.rank() >= b.rank() ? a : b;
  const size_t common = std::min(a.rank(), b.rank());
  for (size_t i = 0; i < common; ++i) {
    const size_t x = a.back(i), y = b.back(i);
    if (x != y && x != 1 && y != 1) {
      return Fail(ErrorCode::kInvalidArgument, "{} and {} do not broadcast", ToString(a),
                  ToString(b));
    }
    dims[dims.rank() - 1 - i] = x == 1 ? y : x;
  }
  return dims;
}

// The element of `from` that is broadcast to element `index` of `dims`.
size_t Source(const Dims& from, const Dims& dims, size_t index) {
  size_t source = 0, stride = 1;
  for (size_t i = 0; i < from.rank(); ++i) {
    const size_t size = dims.back(i);
    if (from.back(i) != 1) source += index % size * stride;
    index /= size;
    stride *= from.back(i);
  }
  return source;
}

}  // namespace

// Floats round once, to the output's type (so does f16 that is computed in f32: 24 digits are twice
// 11 and two more). Sums, differences, products and quotients have a range.
Result<std::vector<Tensor>> Binary(const Call& call) {
  const Tensor &a = *call.inputs[0], &b = *call.inputs[1];
  SWITCHYARD_ASSIGN(const Dims dims, BroadcastDims(a.dims, b.dims));
  Tensor result = Empty(call.output(), dims);
  const NodeKind kind = call.node.kind;
  const bool has_range = kind == kAdd || kind == kSubtract || kind == kMultiply || kind == kDiv;
  const Range range = has_range ? OutputRange(call.node) : Range{};
  for (size_t i = 0; i < result.values.size(); ++i) {
    const size_t ia = Source(a.dims, dims, i), ib = Source(b.dims, dims, i);
    const Operand x = Get(a, ia), y = Get(b, ib);
    const double value = Apply(kind, x.value, y.value);
    double error = Spread(kind, x, y, value);
    if (!IsFloat(result.type)) error += ErrorOfInt8(kind, a, ia, b, ib, value);
    Store(result, i, value, error, range);
  }
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
