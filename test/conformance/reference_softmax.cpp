#include <algorithm>
#include <cmath>

#include "test/conformance/reference_nodes.h"
#include "test/conformance/reference_numerics.h"

namespace switchyard::conformance::reference {
namespace {

// Relative, of e(x) / sum of e, where d is how far x is below the maximum: in f32 the difference is
// rounded, which is d units of its exponential, every exponential is good to 6 epsilons (as Exp's),
// the sum has n roundings in whatever order, the reciprocal and the product three.
double RelativeError(double d, size_t n, bool f16) {
  const double count = static_cast<double>(n);
  if (!f16) return kF32Unit * (d + 12 + 12 + count + 3);
  // XNNPACK's own tests ask 5e-3 of halfs; rows here are longer than theirs, and add roundings.
  return 5e-3 + kF16Unit * (d + count);
}

}  // namespace

// Along the last dimension, from the maximum down so that nothing overflows.
Result<std::vector<Tensor>> Softmax(const Call& call) {
  const Tensor& input = *call.inputs[0];
  if (input.dims.rank() == 0 || !IsFloat(input.type)) {
    return Fail(ErrorCode::kNotImplemented, "Softmax of {} {}", Name(input.type),
                ToString(input.dims));
  }
  Tensor result = Empty(call.output(), input.dims);
  const size_t n = input.dims.back();
  const bool f16 = input.type == DataType::kF16 || result.type == DataType::kF16;
  for (size_t begin = 0; begin < input.values.size(); begin += n) {
    double max = -std::numeric_limits<double>::infinity(), widest = 0, sum = 0;
    for (size_t i = begin; i < begin + n; ++i) {
      max = std::max(max, input.values[i]);
      widest = std::max(widest, input.bounds[i]);
      if (std::isnan(input.values[i])) widest = std::numeric_limits<double>::infinity();
    }
    for (size_t i = begin; i < begin + n; ++i) sum += std::exp(input.values[i] - max);
    for (size_t i = begin; i < begin + n; ++i) {
      const double d = max - input.values[i];
      const double y = std::exp(-d) / sum;
      // Moving all inputs by `widest` moves numerator and denominator by that factor.
      double error = y * (std::exp(2 * widest) - 1);
      if (std::isfinite(d)) error += y * RelativeError(d, n, f16) + (f16 ? 1e-4 : 0);
      Store(result, i, y, error);
    }
  }
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
