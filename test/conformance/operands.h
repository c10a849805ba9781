// The inputs, weights and biases of products (FullyConnected, Conv2d, BatchMatrixMultiply) in each
// variant, so that the families only say shapes.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "runtime/tensor.h"
#include "test/conformance/random.h"
#include "test/support/graph_builder.h"

namespace switchyard::conformance {

// Activations, weights, output. The first five are those with packed kernels; the others are what
// the wire format allows besides, or a neighbour that must not be taken for one of the five.
enum class Format : uint8_t {
  kPf32,        // f32 f32 f32
  kPf16,        // f16 f16 f16
  kQp8F32Qc8w,  // f32 quantized per row, int8 per channel, f32
  kPqs8Qc8w,    // int8, int8 per channel, int8
  kQp8F32Qb4w,  // f32 quantized per row, int4 by blocks, f32
  kPqs8Qs8w,    // int8, int8 per tensor, int8
  kQp8F32Qc4w,  // f32 quantized per row, int4 per channel, f32
  kF32F16w,     // f32 f16 f32
  kF16F32w,     // f16 f32 f16
  kQp8F16Qc8w,  // f16 quantized per row, int8 per channel, f16
  kQp8F16Qb4w,  // f16 quantized per row, int4 by blocks, f16
};
// "qp8_f32_qc8w"
std::string_view Name(Format format);
// Properties of a format.
bool IsDynamic(Format format);  // the input goes through a Convert to qdint8
bool IsInt8(Format format);     // int8 in and out
bool HasBlocks(Format format);  // int4 by blocks: the depth is a multiple of 32
DataType ActivationType(Format format);

enum class Style : uint8_t {
  kRandom,
  // Integers and powers of two, such that no sum and no scale rounds.
  kExact,
  // Corners. Where a format has no such thing, it is as kRandom.
  kZeroWeights,   // every weight is 0: what remains is the bias
  kZeroRows,      // every other row is 0
  kConstantRows,  // all elements of a row are equal
  kOneHot,        // exact; a single 1 in each row, weights that tell their place
  kPositive,      // zero point at the lower end
  kNegative,      // zero point at the upper end
  kTinyScales,
  kHugeScales,
  kSaturating,       // exact; results beyond what the output holds
  kLargestSums,      // every factor at the end of its range
  kDenormals,        // inputs and weights whose products are below the normal numbers
  kNan,              // NaN in every other row, its first element included
  kInfinity,         // the same with infinity, weights positive
  kMixedMagnitudes,  // from 1e-6 to 1e6
  kGrowingRows,      // every row begins beyond the range of the one before
};
std::string_view Name(Style style);
// Whether answers are to be the same bits, for Case::data.
bool IsExact(Style style);

// Draws and adds the operands of one product to a graph. All products of a graph that read one
// quantized value need the same `input_quantization`.
class Operands {
 public:
  // `depth`: products per sum; what scales of the output depend on.
  Operands(Format format, Style style, size_t depth, Random& random);

  Operands(const Operands&) = default;
  Operands& operator=(const Operands&) = default;
  // Takes the other's output for input.
  void ContinueFrom(const Operands& other);

  bool is_dynamic() const { return IsDynamic(format_); }
  // Of input and output.
  DataType type() const { return ActivationType(format_); }
  ElementType element_type() const { return *ExternalElementType(type()); }
  Quantization input_quantization() const;
  Quantization output_quantization() const;
  // About half of the output's range.
  float spread() const;

  // `channels` along dimension `channel_dim`; `depth` of them for each of the channels.
  ValueIndex AddWeights(test::GraphBuilder& b, const Dims& dims, uint32_t channel_dim,
                        size_t group_size = 32);
  ValueIndex AddBias(test::GraphBuilder& b, size_t channels);
  // `row` elements are quantized together, or make one row of a product.
  OwnedTensor MakeInput(std::span<const size_t> sizes, size_t row);

  // An input in the graph; through a Convert where the format wants that. Returns what the product
  // is to read.
  ValueIndex AddInput(test::GraphBuilder& b, const Dims& bounds, uint32_t num_nonbatch_dims = 1);
  // Quantizes a float value of the graph dynamically.
  ValueIndex AddConvert(test::GraphBuilder& b, ValueIndex from, const Dims& dims,
                        uint32_t num_nonbatch_dims = 1);

 private:
  void FillRow(std::span<float> row, size_t index);
  void FillDynamicRow(std::span<float> row);
  std::vector<float> WeightScales(size_t channels);
  float WeightUnit(size_t channel) const;

  Format format_;
  Style style_;
  size_t depth_;
  Random* random_;
  float input_scale_ = 1, output_scale_ = 1, weight_scale_ = 1;
  int32_t input_zero_ = 0, output_zero_ = 0;
  std::vector<float> scales_;  // of the weights, once they are there
};

}  // namespace switchyard::conformance
