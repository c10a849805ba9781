// Elementwise operators of one input.
//
// What an approximation may be off is what XNNPACK's own tests of the elementwise operators ask of
// every implementation (an absolute error, or a relative one, whichever is larger): it is the only
// accuracy that is documented. Where arithmetic that is rounded step by step gives less, the number
// of steps is the bound. int8 is dequantized, computed in f32, quantized.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "test/conformance/reference_nodes.h"
#include "test/conformance/reference_numerics.h"

namespace switchyard::conformance::reference {
namespace {

constexpr double kF32Epsilon = 2 * kF32Unit;
double Epsilon(bool f16) { return f16 ? 2 * kF16Unit : kF32Epsilon; }

// The error before the last rounding, which Store adds, of y = f(x); `f16` says that the backend
// may compute in f16, else it computes in f32.
using ErrorFunction = double (*)(double x, double y, bool f16, const Node& node);

double NoError(double, double, bool, const Node&) { return 0; }

double Mixed(double y, double absolute, double relative) {
  return std::max(absolute, relative * std::abs(y));
}

// exp, log. What is computed in f16 is allowed as many epsilons of f16 (also below).
double ErrorOfExponential(double, double y, bool f16, const Node&) {
  return Mixed(y, 2 * Epsilon(f16), 6 * Epsilon(f16));
}
// The square root of a half is one rounding, or an estimate's and a product's; an estimate is good
// to 1.125 units (Intel's AVX512-FP16; Arm refines its own).
double ErrorOfSquareRoot(double, double y, bool f16, const Node&) {
  return std::abs(y) * (f16 ? 2 * kF16Unit : 2.5 * kF32Epsilon);
}
double ErrorOfReciprocalSquareRoot(double, double y, bool f16, const Node&) {
  return std::abs(y) * (f16 ? 2 * kF16Unit : 4 * kF32Epsilon);
}
// e / (1 + e): the exponential's error, the sum's, those of a quotient by refined estimates.
double ErrorOfSigmoid(double, double y, bool f16, const Node&) {
  return f16 ? Mixed(y, 1e-4, 5e-3) : (6 + 1 + 3) * kF32Epsilon * std::abs(y);
}
double ErrorOfTanh(double, double y, bool f16, const Node&) {
  return f16 ? Mixed(y, 1e-4, 5e-3) : 4 * kF32Epsilon * std::abs(y);
}
double ErrorOfGelu(double, double y, bool f16, const Node&) {
  return Mixed(y, 10 * Epsilon(f16), 5 * Epsilon(f16));
}
// alpha * (e - 1): the error of the exponential, which is at most 1, the difference's, the
// product's.
double ErrorOfElu(double x, double y, bool f16, const Node& node) {
  if (x >= 0) return 0;
  const double alpha = std::get<EluAttributes>(node.attributes).alpha;
  return f16 ? Mixed(y, 1e-4 * alpha, 5e-3) : (6 + 1) * kF32Epsilon * alpha + kF32Epsilon * -y;
}
// Beyond the tests' arguments, -10 to 10, taking multiples of a rounded pi away loses a rounding of
// x. In f16 the steps, all of numbers up to 1, are the reduced argument, its square, the polynomial
// and the last product.
double ErrorOfSine(double x, double, bool f16, const Node&) {
  const double far = std::abs(x) > 10 ? Epsilon(f16) * std::abs(x) : 0;
  return far + (f16 ? 4 * kF16Unit : 1e-6);
}
// x * clamp(x / 6 + 1/2, 0, 1), or (x / 6) * clamp(x + 3, 0, 6): a sixth is rounded, its product,
// the sum, the last product or the one before; the first form has the error of its sum in x.
double ErrorOfHardswish(double x, double y, bool f16, const Node&) {
  const double unit = f16 ? kF16Unit : kF32Unit;
  if (x <= -3) return x > -3.1 ? std::abs(x) * 2 * unit : 0;  // the sum may not be quite 0
  const double sum = std::min(x / 6 + 0.5, 1.0);
  return unit * (3 * std::abs(y) + std::abs(x) * (2 * std::abs(x / 6) + std::abs(sum)));
}
// The slope is rounded to f16, too.
double ErrorOfLeakyRelu(double x, double y, bool f16, const Node&) {
  return x < 0 && f16 ? kF16Unit * std::abs(y) : 0;
}

struct Row {
  NodeKind kind;
  double (*function)(double x, const Node& node);
  ErrorFunction error;
  // What f may change by when x does, per change of x; 0 for functions that rise or fall
  // throughout, of which the ends of an interval are enough.
  double slope = 0;
};

using enum NodeKind;

constexpr auto kRows = std::to_array<Row>({
    {kAbs, [](double x, const Node&) { return std::abs(x); }, NoError, 1},
    {kNegate, [](double x, const Node&) { return -x; }, NoError},
    {kFloor, [](double x, const Node&) { return std::floor(x); }, NoError},
    {kCeiling, [](double x, const Node&) { return std::ceil(x); }, NoError},
    {kSquare, [](double x, const Node&) { return x * x; }, NoError},
    {kSquareRoot, [](double x, const Node&) { return std::sqrt(x); }, ErrorOfSquareRoot},
    {kReciprocalSquareRoot, [](double x, const Node&) { return 1 / std::sqrt(x); },
     ErrorOfReciprocalSquareRoot},
    {kExp, [](double x, const Node&) { return std::exp(x); }, ErrorOfExponential},
    {kLog, [](double x, const Node&) { return std::log(x); }, ErrorOfExponential},
    {kSigmoid, [](double x, const Node&) { return 1 / (1 + std::exp(-x)); }, ErrorOfSigmoid},
    {kTanh, [](double x, const Node&) { return std::tanh(x); }, ErrorOfTanh},
    {kGelu, [](double x, const Node&) { return x / 2 * std::erfc(-x / std::numbers::sqrt2); },
     ErrorOfGelu, 1.2},
    {kELU,
     [](double x, const Node& node) {
       return x < 0 ? std::get<EluAttributes>(node.attributes).alpha * std::expm1(x) : x;
     },
     ErrorOfElu},
    {kHardswish, [](double x, const Node&) { return x / 6 * std::clamp(x + 3, 0.0, 6.0); },
     ErrorOfHardswish, 1.5},
    {kLeakyReLU,
     [](double x, const Node& node) {
       return x < 0 ? x * std::get<LeakyReluAttributes>(node.attributes).negative_slope : x;
     },
     ErrorOfLeakyRelu},
    {kSin, [](double x, const Node&) { return std::sin(x); }, ErrorOfSine, 1},
    {kCos, [](double x, const Node&) { return std::cos(x); }, ErrorOfSine, 1},
    {kClamp, [](double x, const Node&) { return x; }, NoError},
});

const Row* FindRow(NodeKind kind) {
  for (const Row& row : kRows) {
    if (row.kind == kind) return &row;
  }
  return nullptr;
}

// How much f(x) may move when x is known to `bound` only.
double Spread(const Row& row, const Node& node, double x, double y, double bound) {
  if (bound == 0) return 0;
  if (std::isinf(bound)) return bound;
  if (row.kind == kSquare) return bound * (2 * std::abs(x) + bound);
  if (row.slope > 0) return row.slope * bound;
  return std::max(std::abs(row.function(x + bound, node) - y),
                  std::abs(row.function(x - bound, node) - y));
}

// XNNPACK scales int8 by slopes of fixed point with 8 binary digits after the point.
double ErrorOfFixedPointSlope(const Tensor& input, size_t i, const Tensor& output) {
  if (IsFloat(input.type)) return 0;
  const auto* in = std::get_if<PerTensorQuantization>(&input.quantization);
  const auto* out = std::get_if<PerTensorQuantization>(&output.quantization);
  return std::abs(input.values[i] - in->zero_point) * 0x1p-9 * out->scale;
}

}  // namespace

Result<std::vector<Tensor>> Unary(const Call& call) {
  const Row* row = FindRow(call.node.kind);
  const Tensor& input = *call.inputs[0];
  Tensor result = Empty(call.output(), input.dims);
  // Only a clamp has a range.
  const Range range = row->kind == kClamp ? OutputRange(call.node) : Range{};
  const bool f16 = input.type == DataType::kF16 || result.type == DataType::kF16;
  for (size_t i = 0; i < input.values.size(); ++i) {
    const double x = Real(input, i);
    const double y = row->function(x, call.node);
    // A function's limit is not approximated.
    double error = std::isfinite(x) && std::isfinite(y) ? row->error(x, y, f16, call.node) : 0;
    error += Spread(*row, call.node, x, y, RealBound(input, i));
    // XNNPACK's threads take subnormal numbers for 0.
    if (IsFloat(input.type) && IsSubnormal(x, input.type == DataType::kF16)) {
      error += std::abs(row->function(0, call.node) - y);
    }
    if (row->kind == kLeakyReLU) error += ErrorOfFixedPointSlope(input, i, result);
    Store(result, i, y, error, range);
  }
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
