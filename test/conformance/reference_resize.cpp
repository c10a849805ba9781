#include <algorithm>
#include <cmath>

#include "test/conformance/reference_nodes.h"
#include "test/conformance/reference_numerics.h"

namespace switchyard::conformance::reference {
namespace {

// XNNPACK's name for it: coordinates are multiples of the scale, without half pixels.
constexpr uint32_t kFlagLegacy = 0x4;

// Where an output's position lies between two of the input.
struct Between {
  size_t low, high;
  double weight;  // of high
  // What a backend, which computes coordinates in f32, may have for the weight instead.
  double error;
  // Binary digits of the weight after the point; more than 8 count as rounded.
  int digits;
};

Between Locate(size_t out, size_t input, size_t output, uint32_t flags) {
  const bool align = (flags & kFlagAlignCorners) != 0 && output != 1;
  const double scale = align ? static_cast<double>(input - 1) / static_cast<double>(output - 1)
                             : static_cast<double>(input) / static_cast<double>(output);
  const bool half_pixels = (flags & (kFlagAlignCorners | kFlagLegacy)) == 0;
  const double offset = half_pixels ? 0.5 : 0;
  const double at = std::clamp((static_cast<double>(out) + offset) * scale - offset, 0.0,
                               static_cast<double>(input - 1));
  Between between{static_cast<size_t>(at), 0, at - std::floor(at), 0, 9};
  between.high = std::min(between.low + 1, input - 1);
  if (scale * 256 == std::floor(scale * 256)) {
    for (int digits = 8; digits >= 0; --digits) {
      const double scaled = std::ldexp(between.weight, digits);
      if (scaled == std::floor(scaled)) between.digits = digits;
    }
  }
  // Scale, offset, product and sum are rounded.
  if (between.digits > 8) between.error = 4 * kF32Unit * (at + 1);
  return between;
}

}  // namespace

// Linear along the width, then along the height (or the other way round), as a + (b - a) * weight.
Result<std::vector<Tensor>> ResizeBilinear(const Call& call) {
  const Tensor& input = *call.inputs[0];
  const auto& a = std::get<ResizeAttributes>(call.node.attributes);
  if (input.dims.rank() != 4) {
    return Fail(ErrorCode::kInvalidArgument, "resize of {}", ToString(input.dims));
  }
  const Dims dims{input.dims[0], a.new_height, a.new_width, input.dims[3]};
  Tensor result = Empty(call.output(), dims);
  double largest = 0;
  for (size_t i = 0; i < input.values.size(); ++i) {
    if (std::isfinite(input.values[i])) largest = std::max(largest, std::abs(Real(input, i)));
  }
  const bool f16 = input.type == DataType::kF16;
  const double unit = f16 ? kF16Unit : kF32Unit;
  for (size_t i = 0; i < result.values.size(); ++i) {
    const size_t c = i % dims[3], n = i / dims[3] / dims[2] / dims[1];
    const Between x = Locate(i / dims[3] % dims[2], input.dims[2], dims[2], call.node.flags);
    const Between y =
        Locate(i / dims[3] / dims[2] % dims[1], input.dims[1], dims[1], call.node.flags);
    Sum corners;
    double bound = 0;
    auto at = [&](size_t row, size_t column) {
      const size_t from = ((n * input.dims[1] + row) * input.dims[2] + column) * input.dims[3] + c;
      corners.Add(Real(input, from));
      bound = std::max(bound, RealBound(input, from));
      return Real(input, from);
    };
    const double top = std::lerp(at(y.low, x.low), at(y.low, x.high), x.weight);
    const double bottom = std::lerp(at(y.high, x.low), at(y.high, x.high), x.weight);
    const double value = std::lerp(top, bottom, y.weight);
    double error = bound;
    const bool on_pixel = x.digits == 0 && y.digits == 0;
    // Neighbours differ by at most twice the largest.
    const double step = 2 * largest;
    if (!IsFloat(input.type)) {
      // Weights have 11 binary digits; a tie may go either way.
      if (!on_pixel) error += step * (x.error + y.error + 2 * 0x1p-12);
    } else if (!corners.IsExact((f16 ? 11 : 24) - x.digits - y.digits - 2, f16 ? -16 : -133) ||
               x.digits > 8 || y.digits > 8) {
      // Along each axis: the weight as it is and as it is rounded to f16; difference, product, sum.
      if (!on_pixel) {
        error +=
            step * (x.error + y.error + (f16 ? 2 * unit : 0)) + 2 * unit * (2 * step + largest);
      }
    }
    Store(result, i, value, error);
  }
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
