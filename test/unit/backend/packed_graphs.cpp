#include "test/unit/backend/packed_graphs.h"

#include <cstring>

#include "runtime/base/float16.h"
#include "test/support/graph_builder.h"

namespace switchyard::test {
namespace {

using enum DataType;

// What the variants' graphs are made of.
DataType ActivationType(Variant variant) {
  if (variant == Variant::kPf16) return kF16;
  return variant == Variant::kPqs8Qc8w ? kQInt8 : kF32;
}
Quantization InputQuantization(Variant variant) {
  if (variant != Variant::kPqs8Qc8w) return {};
  return PerTensorQuantization{0.05f, 3};
}
Quantization OutputQuantization(Variant variant) {
  if (variant != Variant::kPqs8Qc8w) return {};
  return PerTensorQuantization{0.4f, -5};
}

ValueIndex Weights(test::GraphBuilder& b, Variant variant, const Dims& dims) {
  const size_t count = *dims.NumElements(), channels = dims[0];
  std::vector<float> scales(channels);
  for (size_t i = 0; i < channels; ++i) scales[i] = 0.01f + 0.001f * static_cast<float>(i % 13);
  switch (variant) {
    case Variant::kPf32:
    case Variant::kPf16: {
      const DataType type = ActivationType(variant);
      return b.Constant(type, dims, Random(type, count, 1));
    }
    case Variant::kQp8F32Qc8w:
    case Variant::kPqs8Qc8w:
      return b.Constant(kQCInt8, dims, Random(kQCInt8, count, 2), b.PerChannel(0, scales));
    case Variant::kQp8F32Qb4w: {
      std::vector<uint16_t> block_scales;
      for (size_t i = 0; i < count / 32; ++i) {
        block_scales.push_back(BF16FromF32(scales[i % channels]));
      }
      return b.Constant(kQBInt4, dims, Random(kQBInt4, count, 3), b.PerGroup(0, 32, block_scales));
    }
  }
  return kNoValue;
}

ValueIndex Bias(test::GraphBuilder& b, Variant variant, size_t channels) {
  if (variant != Variant::kPqs8Qc8w) {
    const DataType type = ActivationType(variant);
    return b.Constant(type, {channels}, Random(type, channels, 4));
  }
  std::vector<int32_t> bias(channels);
  for (size_t i = 0; i < channels; ++i) bias[i] = static_cast<int32_t>(i * 37 % 200) - 100;
  return b.Constant(kQCInt32, {channels}, bias, b.PerChannel(0, std::vector(channels, 0.001f)));
}

}  // namespace

std::vector<std::byte> Random(DataType type, size_t count, uint32_t seed) {
  std::vector<std::byte> bytes(count * ElementBits(type) / 8);
  uint32_t state = seed * 2654435761u + 1;
  const auto next = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
  for (size_t i = 0; IsFloat(type) && i < count; ++i) {
    const float real = static_cast<float>(next()) * 0x1p-23f - 1.0f;
    if (type == kF32) {
      std::memcpy(bytes.data() + i * 4, &real, 4);
    } else {
      const uint16_t half = F16FromF32(real);
      std::memcpy(bytes.data() + i * 2, &half, 2);
    }
  }
  if (!IsFloat(type)) {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(next() >> 8);
  }
  return bytes;
}

Graph FullyConnected(Variant variant, size_t m, size_t n, size_t k, size_t readers) {
  test::GraphBuilder b;
  const DataType type = ActivationType(variant);
  ValueIndex x = b.Input(type, {m, k}, InputQuantization(variant));
  if (variant == Variant::kQp8F32Qc8w || variant == Variant::kQp8F32Qb4w) {
    const ValueIndex quantized = b.Internal(kQDInt8, {m, k}, PerTokenQuantization{1});
    b.Add(NodeKind::kConvert, {x}, {quantized});
    x = quantized;
  }
  for (size_t i = 0; i < readers; ++i) {
    const ValueIndex y = b.Output(type, {m, n}, OutputQuantization(variant));
    b.Add(NodeKind::kFullyConnected, {x, Weights(b, variant, {n, k}), Bias(b, variant, n)}, {y});
  }
  return b.Build();
}

Graph Convolution(Variant variant, const Dims& images, size_t n, uint32_t groups) {
  const size_t channels = images[3];
  test::GraphBuilder b;
  const DataType type = ActivationType(variant);
  const ValueIndex x = b.Input(type, {images[0], images[1], images[2], channels * groups},
                               InputQuantization(variant));
  const ValueIndex y = b.Output(type, {images[0], images[1], images[2] - 1, n * groups},
                                OutputQuantization(variant));
  b.Add(NodeKind::kConv2d,
        {x, Weights(b, variant, {n * groups, 3, 3, channels}), Bias(b, variant, n * groups)}, {y},
        ConvolutionAttributes{.padding_top = 2,
                              .padding_right = 1,
                              .padding_bottom = 0,
                              .padding_left = 0,
                              .kernel_height = 3,
                              .kernel_width = 3,
                              .group_input_channels = static_cast<uint32_t>(channels),
                              .group_output_channels = static_cast<uint32_t>(n),
                              .groups = groups});
  return b.Build();
}

Graph BatchMatrixMultiply(Variant variant, const Dims& a, const Dims& c, const Dims& output,
                          bool constant) {
  test::GraphBuilder b;
  const DataType type = ActivationType(variant);
  const ValueIndex x = b.Input(type, a);
  const ValueIndex w =
      constant ? b.Constant(type, c, Random(type, *c.NumElements(), 5)) : b.Input(type, c);
  b.Add(NodeKind::kBatchMatrixMultiply, {x, w}, {b.Output(type, output)});
  return b.Build();
}

}  // namespace switchyard::test
