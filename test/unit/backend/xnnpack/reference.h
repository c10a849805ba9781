// Matrix products and convolutions by their definition, to compare with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "schema/graph.h"

namespace switchyard::test {

// y[m][n] = bias[n] + sum over k of x[m][k] w[n][k]; no bias when it is empty.
std::vector<float> Product(const std::vector<float>& x, const std::vector<float>& w,
                           const std::vector<float>& bias, size_t m, size_t n, size_t k);

// NHWC input of one image; filter [groups * goc, kh, kw, gic].
std::vector<float> Convolution(const std::vector<float>& x, size_t height, size_t width,
                               const std::vector<float>& filter, const std::vector<float>& bias,
                               const ConvolutionAttributes& attributes);

// Filter [1, kh, kw, groups * multiplier].
std::vector<float> DepthwiseConvolution(const std::vector<float>& x, size_t height, size_t width,
                                        const std::vector<float>& filter,
                                        const std::vector<float>& bias,
                                        const ConvolutionAttributes& attributes);

// Filter [groups * goc, kh, kw, gic].
std::vector<float> TransposedConvolution(const std::vector<float>& x, size_t height, size_t width,
                                         const std::vector<float>& filter,
                                         const std::vector<float>& bias,
                                         const ConvolutionAttributes& attributes);

// Rows of int4 values (-8..7), as the payload stores them: plus 8, the even one in the low nibble.
std::vector<uint8_t> PackInt4(const std::vector<int>& values, size_t columns);

// Rows as they are after dynamic quantization to int8 and back.
std::vector<float> QuantizedRows(const std::vector<float>& x, size_t rows, size_t columns);

void ExpectNear(const std::vector<float>& found, const std::vector<float>& expected,
                float tolerance);

}  // namespace switchyard::test
