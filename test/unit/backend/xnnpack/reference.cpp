#include "test/unit/backend/xnnpack/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace switchyard::test {

std::vector<float> Product(const std::vector<float>& x, const std::vector<float>& w,
                           const std::vector<float>& bias, size_t m, size_t n, size_t k) {
  std::vector<float> y(m * n);
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = bias.empty() ? 0 : bias[j];
      for (size_t l = 0; l < k; ++l) sum += double{x[i * k + l]} * w[j * k + l];
      y[i * n + j] = static_cast<float>(sum);
    }
  }
  return y;
}

namespace {

size_t OutputSize(size_t input, size_t padding, size_t kernel, size_t stride, size_t dilation) {
  return (input + padding - (kernel - 1) * dilation - 1) / stride + 1;
}

// fn(output position, input position, tap) for every tap inside the image.
template <typename Fn>
void ForEachTap(size_t height, size_t width, const ConvolutionAttributes& a, Fn fn) {
  const size_t out_height = OutputSize(height, a.padding_top + a.padding_bottom, a.kernel_height,
                                       a.stride_height, a.dilation_height);
  const size_t out_width = OutputSize(width, a.padding_left + a.padding_right, a.kernel_width,
                                      a.stride_width, a.dilation_width);
  for (size_t oy = 0; oy < out_height; ++oy) {
    for (size_t ox = 0; ox < out_width; ++ox) {
      for (size_t ky = 0; ky < a.kernel_height; ++ky) {
        for (size_t kx = 0; kx < a.kernel_width; ++kx) {
          const size_t y = oy * a.stride_height + ky * a.dilation_height - a.padding_top;
          const size_t x = ox * a.stride_width + kx * a.dilation_width - a.padding_left;
          if (y >= height || x >= width) continue;  // wraps below zero
          fn(oy * out_width + ox, y * width + x, ky * a.kernel_width + kx);
        }
      }
    }
  }
}

size_t OutputPixels(size_t height, size_t width, const ConvolutionAttributes& a) {
  return OutputSize(height, a.padding_top + a.padding_bottom, a.kernel_height, a.stride_height,
                    a.dilation_height) *
         OutputSize(width, a.padding_left + a.padding_right, a.kernel_width, a.stride_width,
                    a.dilation_width);
}

std::vector<float> BiasImage(size_t pixels, size_t channels, const std::vector<float>& bias) {
  std::vector<float> image(pixels * channels, 0.0f);
  for (size_t i = 0; i < image.size() && !bias.empty(); ++i) image[i] = bias[i % channels];
  return image;
}

}  // namespace

std::vector<float> Convolution(const std::vector<float>& x, size_t height, size_t width,
                               const std::vector<float>& filter, const std::vector<float>& bias,
                               const ConvolutionAttributes& a) {
  const size_t gic = a.group_input_channels, goc = a.group_output_channels;
  const size_t ic = gic * a.groups, oc = goc * a.groups;
  const size_t taps = size_t{a.kernel_height} * a.kernel_width;
  std::vector<float> y = BiasImage(OutputPixels(height, width, a), oc, bias);
  ForEachTap(height, width, a, [&](size_t out, size_t in, size_t tap) {
    for (size_t o = 0; o < oc; ++o) {
      for (size_t i = 0; i < gic; ++i) {
        y[out * oc + o] += x[in * ic + o / goc * gic + i] * filter[(o * taps + tap) * gic + i];
      }
    }
  });
  return y;
}

std::vector<float> DepthwiseConvolution(const std::vector<float>& x, size_t height, size_t width,
                                        const std::vector<float>& filter,
                                        const std::vector<float>& bias,
                                        const ConvolutionAttributes& a) {
  const size_t multiplier = a.group_output_channels / a.group_input_channels;
  const size_t oc = multiplier * a.groups;
  std::vector<float> y = BiasImage(OutputPixels(height, width, a), oc, bias);
  ForEachTap(height, width, a, [&](size_t out, size_t in, size_t tap) {
    for (size_t o = 0; o < oc; ++o) {
      y[out * oc + o] += x[in * a.groups + o / multiplier] * filter[tap * oc + o];
    }
  });
  return y;
}

std::vector<float> TransposedConvolution(const std::vector<float>& x, size_t height, size_t width,
                                         const std::vector<float>& filter,
                                         const std::vector<float>& bias,
                                         const ConvolutionAttributes& a) {
  const size_t gic = a.group_input_channels, goc = a.group_output_channels;
  const size_t ic = gic * a.groups, oc = goc * a.groups;
  const auto size = [](size_t input, size_t stride, size_t dilation, size_t kernel, size_t padding,
                       size_t adjustment) {
    return (input - 1) * stride + (kernel - 1) * dilation + 1 + adjustment - padding;
  };
  const size_t out_height = size(height, a.stride_height, a.dilation_height, a.kernel_height,
                                 a.padding_top + a.padding_bottom, a.adjustment_height);
  const size_t out_width = size(width, a.stride_width, a.dilation_width, a.kernel_width,
                                a.padding_left + a.padding_right, a.adjustment_width);
  std::vector<float> result = BiasImage(out_height * out_width, oc, bias);
  for (size_t iy = 0; iy < height; ++iy) {
    for (size_t ix = 0; ix < width; ++ix) {
      for (size_t ky = 0; ky < a.kernel_height; ++ky) {
        for (size_t kx = 0; kx < a.kernel_width; ++kx) {
          const size_t oy = iy * a.stride_height + ky * a.dilation_height - a.padding_top;
          const size_t ox = ix * a.stride_width + kx * a.dilation_width - a.padding_left;
          if (oy >= out_height || ox >= out_width) continue;
          for (size_t o = 0; o < oc; ++o) {
            for (size_t i = 0; i < gic; ++i) {
              const size_t tap = ky * a.kernel_width + kx;
              const size_t taps = size_t{a.kernel_height} * a.kernel_width;
              result[(oy * out_width + ox) * oc + o] +=
                  x[(iy * width + ix) * ic + o / goc * gic + i] *
                  filter[(o * taps + tap) * gic + i];
            }
          }
        }
      }
    }
  }
  return result;
}

std::vector<uint8_t> PackInt4(const std::vector<int>& values, size_t columns) {
  std::vector<uint8_t> packed;
  for (size_t row = 0; row < values.size() / columns; ++row) {
    for (size_t k = 0; k < columns; k += 2) {
      const int low = values[row * columns + k] + 8;
      const int high = k + 1 < columns ? values[row * columns + k + 1] + 8 : 8;
      packed.push_back(static_cast<uint8_t>(low | high << 4));
    }
  }
  return packed;
}

std::vector<float> QuantizedRows(const std::vector<float>& x, size_t rows, size_t columns) {
  std::vector<float> y(x.size());
  for (size_t row = 0; row < rows; ++row) {
    const float* in = x.data() + row * columns;
    const float min = std::min(0.0f, *std::min_element(in, in + columns));
    const float max = std::max(0.0f, *std::max_element(in, in + columns));
    const float inverse = min == max ? 1.0f : 255.0f / (max - min);
    const float from_min = -128.0f - min * inverse, from_max = 127.0f - max * inverse;
    const float error = (-128.0f + min * inverse) + (127.0f + max * inverse);
    const float zero = std::nearbyint(std::clamp(error > 0 ? from_min : from_max, -128.0f, 127.0f));
    for (size_t k = 0; k < columns; ++k) {
      const float q = std::clamp(std::nearbyint(in[k] * inverse) + zero, -128.0f, 127.0f);
      y[row * columns + k] = (q - zero) / inverse;
    }
  }
  return y;
}

void ExpectNear(const std::vector<float>& found, const std::vector<float>& expected,
                float tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], tolerance) << "element " << i;
  }
}

}  // namespace switchyard::test
