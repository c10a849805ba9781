// Pooling over the height and width of [batch, height, width, channels]. What is padding counts
// neither for the maximum nor for the average.
#include <algorithm>
#include <cmath>

#include "test/conformance/reference_nodes.h"
#include "test/conformance/reference_numerics.h"

namespace switchyard::conformance::reference {
namespace {

// A window's way along one axis.
struct WindowAxis {
  size_t input = 0, output = 0;
  size_t size = 1, stride = 1, dilation = 1, before = 0;

  // The input's position that element `k` of the window has at `out`; beyond the input for padding.
  size_t At(size_t out, size_t k) const { return out * stride + k * dilation - before; }
};

Result<WindowAxis> MakeWindowAxis(size_t input, uint32_t size, uint32_t stride, uint32_t dilation,
                                  uint32_t before, uint32_t after, bool same) {
  WindowAxis axis{input, 0, size, stride, dilation, before};
  const size_t extent = size_t{size - 1} * dilation + 1;
  if (same) {
    axis.output = (input + stride - 1) / stride;
    const size_t covered = (axis.output - 1) * stride + extent;
    axis.before = covered > input ? (covered - input) / 2 : 0;
    return axis;
  }
  const size_t padded = input + before + after;
  if (padded < extent) {
    return Fail(ErrorCode::kInvalidArgument, "a window of {} over {} elements", extent, padded);
  }
  axis.output = (padded - extent) / stride + 1;
  return axis;
}

struct Windows {
  WindowAxis vertical, horizontal;
  Dims input, output;

  // Calls visit(index of the element, number in the window) for what is not padding. The numbers
  // go down the columns of the window, as XNNPACK's do.
  template <typename Visit>
  void ForEach(size_t out, Visit visit) const {
    const size_t c = out % output[3], x = out / output[3] % output[2];
    const size_t y = out / output[3] / output[2] % output[1];
    const size_t n = out / output[3] / output[2] / output[1];
    for (size_t kx = 0; kx < horizontal.size; ++kx) {
      for (size_t ky = 0; ky < vertical.size; ++ky) {
        const size_t iy = vertical.At(y, ky), ix = horizontal.At(x, kx);
        if (iy >= input[1] || ix >= input[2]) continue;
        visit(((n * input[1] + iy) * input[2] + ix) * input[3] + c, kx * vertical.size + ky);
      }
    }
  }
};

Result<Windows> MakeWindows(const Call& call) {
  const Dims& input = call.inputs[0]->dims;
  if (input.rank() != 4) {
    return Fail(ErrorCode::kInvalidArgument, "pooling of {}", ToString(input));
  }
  const auto& a = std::get<PoolingAttributes>(call.node.attributes);
  const bool same = (call.node.flags & kFlagTensorFlowSamePadding) != 0;
  const bool max = call.node.kind == NodeKind::kMaxPooling2d;
  const bool argmax = call.node.kind == NodeKind::kArgMaxPooling2d;
  SWITCHYARD_ASSIGN(
      const WindowAxis vertical,
      MakeWindowAxis(input[1], a.pooling_height, argmax ? a.pooling_height : a.stride_height,
                     max ? a.dilation_height : 1, a.padding_top, a.padding_bottom, same));
  SWITCHYARD_ASSIGN(
      const WindowAxis horizontal,
      MakeWindowAxis(input[2], a.pooling_width, argmax ? a.pooling_width : a.stride_width,
                     max ? a.dilation_width : 1, a.padding_left, a.padding_right, same));
  return Windows{vertical, horizontal, input,
                 Dims{input[0], vertical.output, horizontal.output, input[3]}};
}

// The mean of `n` numbers. A sum has a rounding for each number, in whatever order, the reciprocal
// of n one, the product Store's; a backend may do all of it in the type of the data.
class Mean {
 public:
  explicit Mean(DataType type) : type_(type) {}

  void Add(const Tensor& input, size_t i) {
    sum_.Add(Real(input, i));
    bound_ += RealBound(input, i);
    is_nan_ = is_nan_ || std::isnan(input.values[i]);
    ++n_;
  }

  void Finish(Tensor& result, size_t i, Range range) const {
    const auto n = static_cast<double>(n_);
    const double mean = is_nan_ ? std::numeric_limits<double>::quiet_NaN() : sum_.value() / n;
    const bool f16 = type_ == DataType::kF16;
    const double unit = f16 ? kF16Unit : kF32Unit;
    // int8 adds up as integers.
    const bool exact = !IsFloat(type_) || sum_.IsExact(f16 ? 11 : 24, f16 ? -24 : -149);
    double error = bound_ / n;
    if (!exact) error += unit * sum_.magnitude();
    if (!IsPowerOfTwo(n)) error += unit * (std::abs(mean) + error);
    Store(result, i, mean, error, range);
  }

 private:
  DataType type_;
  Sum sum_;
  double bound_ = 0;
  size_t n_ = 0;
  bool is_nan_ = false;
};

}  // namespace

Result<std::vector<Tensor>> AveragePooling(const Call& call) {
  SWITCHYARD_ASSIGN(const Windows windows, MakeWindows(call));
  Tensor result = Empty(call.output(), windows.output);
  for (size_t i = 0; i < result.values.size(); ++i) {
    Mean mean(call.inputs[0]->type);
    windows.ForEach(i, [&](size_t from, size_t) { mean.Add(*call.inputs[0], from); });
    mean.Finish(result, i, OutputRange(call.node));
  }
  return std::vector{std::move(result)};
}

// The second output of ArgMaxPooling2d is the number of the maximum in its window, and
// of equal ones the first.
Result<std::vector<Tensor>> MaxPooling(const Call& call) {
  SWITCHYARD_ASSIGN(const Windows windows, MakeWindows(call));
  const Tensor& input = *call.inputs[0];
  const bool argmax = call.node.kind == NodeKind::kArgMaxPooling2d;
  std::vector<Tensor> results{Empty(call.output(), windows.output)};
  if (argmax) results.push_back(Empty(call.output(1), windows.output));
  for (size_t i = 0; i < results[0].values.size(); ++i) {
    double max = -std::numeric_limits<double>::infinity(), bound = 0;
    size_t place = 0;
    windows.ForEach(i, [&](size_t from, size_t k) {
      const double x = Real(input, from);
      bound = std::max(bound, RealBound(input, from));
      if (!(x <= max)) {
        max = std::isnan(max) ? max : x;
        place = k;
      }
    });
    Store(results[0], i, max, bound, argmax ? Range{} : OutputRange(call.node));
    // Inputs that are not exact leave the place open.
    if (argmax) {
      results[1].values[i] = static_cast<double>(place);
      results[1].bounds[i] =
          bound > 0 || std::isnan(max) ? std::numeric_limits<double>::infinity() : 0;
    }
  }
  return results;
}

Result<std::vector<Tensor>> GlobalAveragePooling(const Call& call) {
  const Tensor& input = *call.inputs[0];
  if (input.dims.rank() != 4) {
    return Fail(ErrorCode::kInvalidArgument, "global pooling of {}", ToString(input.dims));
  }
  const size_t batch = input.dims[0], pixels = input.dims[1] * input.dims[2], c = input.dims[3];
  const bool keep = (call.node.flags & kFlagKeepDims) != 0;
  Tensor result = Empty(call.output(), keep ? Dims{batch, 1, 1, c} : Dims{batch, c});
  for (size_t i = 0; i < result.values.size(); ++i) {
    Mean mean(input.type);
    for (size_t p = 0; p < pixels; ++p) mean.Add(input, (i / c * pixels + p) * c + i % c);
    mean.Finish(result, i, OutputRange(call.node));
  }
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
