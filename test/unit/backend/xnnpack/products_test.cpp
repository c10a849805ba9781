// FullyConnected, the convolutions and BatchMatrixMultiply in every combination of types.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "test/support/graph_builder.h"
#include "test/unit/backend/xnnpack/reference.h"
#include "test/unit/backend/xnnpack/stock_runner.h"

namespace switchyard::test {
namespace {

using enum DataType;

// Of a sum of a few products of values below 1, in the type.
float SumTolerance(DataType type) { return type == kF32 ? 1e-4f : type == kF16 ? 2e-2f : 1e-1f; }

std::vector<float> Transposed(const std::vector<float>& w, size_t rows, size_t columns) {
  std::vector<float> t(w.size());
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) t[j * rows + i] = w[i * columns + j];
  }
  return t;
}

constexpr size_t kM = 5, kN = 9, kK = 32;

TEST(StockFullyConnected, Float) {
  const auto x = RandomValues(kM * kK, 1), w = RandomValues(kN * kK, 2), c = RandomValues(kN, 3);
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const DataType weights : {kF32, kF16, kBF16}) {
      for (const DataType bias : {kF32, kF16, kInvalid}) {
        for (const bool transposed : {false, true}) {
          SCOPED_TRACE(std::format("fc.{}.{}.{}.{}", Name(type), Name(weights),
                                   bias == kInvalid ? "no_bias" : Name(bias), transposed));
          GraphBuilder b;
          const ValueIndex in = b.Input(type, {kM, kK});
          const ValueIndex out = b.Output(type, {kM, kN});
          std::vector<ValueIndex> inputs = {in};
          inputs.push_back(transposed ? FloatConstant(b, weights, {kK, kN}, Transposed(w, kN, kK))
                                      : FloatConstant(b, weights, {kN, kK}, w));
          if (bias != kInvalid) inputs.push_back(FloatConstant(b, bias, {kN}, c));
          b.Add(NodeKind::kFullyConnected, inputs, {out}).flags = transposed;
          const Graph graph = b.Build();
          const auto result = RunStock(graph, {FloatTensor(type, {kM, kK}, x)});
          ASSERT_TRUE(result) << result.error().message;
          ExpectNear(Floats(type, (*result)[1]),
                     Product(x, w, bias == kInvalid ? std::vector<float>{} : c, kM, kN, kK),
                     SumTolerance(type));
        }
      }
    }
  }
}

// What addmm's exporter writes: a bias [1, N], which packing reads as N numbers.
TEST(StockFullyConnected, BiasOfHigherRank) {
  const auto x = RandomValues(kM * kK, 1), w = RandomValues(kN * kK, 2), c = RandomValues(kN, 3);
  for (const DataType type : {kF32, kF16}) {
    SCOPED_TRACE(Name(type));
    GraphBuilder b;
    const ValueIndex in = b.Input(type, {kM, kK});
    const ValueIndex out = b.Output(type, {kM, kN});
    b.Add(NodeKind::kFullyConnected,
          {in, FloatConstant(b, type, {kN, kK}, w), FloatConstant(b, type, {1, kN}, c)}, {out});
    const auto result = RunStock(b.Build(), {FloatTensor(type, {kM, kK}, x)});
    ASSERT_TRUE(result) << result.error().message;
    ExpectNear(Floats(type, (*result)[1]), Product(x, w, c, kM, kN, kK), SumTolerance(type));
  }
}

TEST(StockFullyConnected, MixedActivations) {
  const auto x = RandomValues(kM * kK, 1), w = RandomValues(kN * kK, 2);
  for (const auto& [from, to] : {std::pair{kF32, kF16}, {kF16, kF32}, {kBF16, kF32}}) {
    SCOPED_TRACE(std::format("fc.{}.{}", Name(from), Name(to)));
    GraphBuilder b;
    const ValueIndex in = b.Input(from, {kM, kK});
    const ValueIndex out = b.Output(to, {kM, kN});
    b.Add(NodeKind::kFullyConnected, {in, FloatConstant(b, kF16, {kN, kK}, w)}, {out});
    const Graph graph = b.Build();
    const auto result = RunStock(graph, {FloatTensor(from, {kM, kK}, x)});
    ASSERT_TRUE(result) << result.error().message;
    ExpectNear(Floats(to, (*result)[1]), Product(x, w, {}, kM, kN, kK), SumTolerance(kF16));
  }
}

TEST(StockFullyConnected, ComputedWeightsAndRange) {
  const auto x = RandomValues(kM * kK, 1), w = RandomValues(kN * kK, 2), c = RandomValues(kN, 3);
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const bool has_bias : {false, true}) {
      SCOPED_TRACE(std::format("fc.computed.{}.{}", Name(type), has_bias));
      GraphBuilder b;
      const ValueIndex in = b.Input(type, {kM, kK});
      const ValueIndex filter = b.Input(type, {kN, kK});
      const ValueIndex bias = b.Input(type, {kN});
      const ValueIndex out = b.Output(type, {kM, kN});
      Node& node = b.Add(NodeKind::kFullyConnected, {in, filter}, {out});
      if (has_bias) node.inputs.push_back(bias);
      node.output_min = -1;
      node.output_max = 1;
      const Graph graph = b.Build();
      const auto result =
          RunStock(graph, {FloatTensor(type, {kM, kK}, x), FloatTensor(type, {kN, kK}, w),
                           FloatTensor(type, {kN}, c)});
      ASSERT_TRUE(result) << result.error().message;
      auto expected = Product(x, w, has_bias ? c : std::vector<float>{}, kM, kN, kK);
      for (float& y : expected) y = std::clamp(y, -1.0f, 1.0f);
      ExpectNear(Floats(type, (*result)[3]), expected, SumTolerance(type));
    }
  }
}

struct QuantizedWeights {
  std::vector<float> real;  // what the quantized ones stand for
  ValueIndex value;
};

// int8 or int4 per channel, or int4 in groups of 32.
QuantizedWeights AddWeights(GraphBuilder& b, DataType type, size_t n, size_t k) {
  std::vector<float> scales;
  std::vector<uint16_t> group_scales;
  std::vector<int> q(n * k);
  QuantizedWeights weights{.real = std::vector<float>(n * k), .value = 0};
  const int range = type == kQCInt8 ? 254 : 15;
  for (size_t i = 0; i < q.size(); ++i) {
    q[i] = static_cast<int>((i * 7919 + i / k) % static_cast<size_t>(range)) - range / 2;
  }
  for (size_t row = 0; row < n; ++row) {
    scales.push_back(static_cast<float>(row + 1) / (type == kQCInt8 ? 1024.0f : 64.0f));
    for (size_t g = 0; g < k / 32; ++g) {
      group_scales.push_back(BF16FromF32(static_cast<float>(row + g + 1) / 64.0f));
    }
    for (size_t j = 0; j < k; ++j) {
      const float scale =
          type == kQBInt4 ? static_cast<float>(row + j / 32 + 1) / 64.0f : scales[row];
      weights.real[row * k + j] = static_cast<float>(q[row * k + j]) * scale;
    }
  }
  if (type == kQCInt8) {
    weights.value =
        b.Constant(type, {n, k}, std::vector<int8_t>(q.begin(), q.end()), b.PerChannel(0, scales));
  } else if (type == kQCInt4) {
    weights.value = b.Constant(type, {n, k}, PackInt4(q, k), b.PerChannel(0, scales));
  } else {
    weights.value = b.Constant(type, {n, k}, PackInt4(q, k), b.PerGroup(0, 32, group_scales));
  }
  return weights;
}

float MaxMagnitude(const std::vector<float>& values) {
  float max = 0;
  for (float value : values) max = std::max(max, std::abs(value));
  return max;
}

TEST(StockFullyConnected, DynamicallyQuantized) {
  constexpr size_t kDepth = 64;
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const DataType weights_type : {kQCInt8, kQCInt4, kQBInt4}) {
      for (const DataType out_type : {kF32, kF16, kBF16}) {
        for (const size_t rows : {size_t{1}, kM, size_t{16}, size_t{30}}) {
          SCOPED_TRACE(std::format("fc.qd8.{}.{}.{}.m{}", Name(type), Name(weights_type),
                                   Name(out_type), rows));
          const auto x = RandomValues(rows * kDepth, 4), c = RandomValues(kN, 5);
          GraphBuilder b;
          const ValueIndex in = b.Input(type, {rows, kDepth});
          const ValueIndex out = b.Output(out_type, {rows, kN});
          const ValueIndex q = b.Internal(kQDInt8, {rows, kDepth}, PerTokenQuantization{1});
          const QuantizedWeights w = AddWeights(b, weights_type, kN, kDepth);
          b.Add(NodeKind::kConvert, {in}, {q});
          b.Add(NodeKind::kFullyConnected, {q, w.value, b.Constant(kF32, {kN}, c)}, {out});
          const Graph graph = b.Build();
          const auto result = RunStock(graph, {FloatTensor(type, {rows, kDepth}, x)});
          ASSERT_TRUE(result) << result.error().message;
          const auto expected =
              Product(QuantizedRows(x, rows, kDepth), w.real, c, rows, kN, kDepth);
          const float scale = MaxMagnitude(expected);
          ExpectNear(Floats(out_type, (*result)[1]), expected,
                     scale * (out_type == kF32 && type != kF16 ? 2e-3f : 1e-2f));
        }
      }
    }
  }
}

TEST(StockFullyConnected, QuantizedWeightsOnly) {
  const auto x = RandomValues(kM * kK, 4);
  for (const DataType type : {kQCInt8, kQCInt4}) {
    SCOPED_TRACE(Name(type));
    GraphBuilder b;
    const ValueIndex in = b.Input(kF32, {kM, kK});
    const ValueIndex out = b.Output(kF32, {kM, kN});
    const QuantizedWeights w = AddWeights(b, type, kN, kK);
    b.Add(NodeKind::kFullyConnected, {in, w.value}, {out});
    const Graph graph = b.Build();
    const auto result = RunStock(graph, {Tensor::Of({kM, kK}, x)});
    ASSERT_TRUE(result) << result.error().message;
    ExpectNear((*result)[1].As<float>(), Product(x, w.real, {}, kM, kN, kK), 1e-3f);
  }
}

TEST(StockFullyConnected, StaticallyQuantized) {
  const PerTensorQuantization in_q{.scale = 1.0f / 64, .zero_point = 5};
  const PerTensorQuantization out_q{.scale = 0.25f, .zero_point = -3};
  for (const bool per_channel : {true, false}) {
    SCOPED_TRACE(per_channel ? "qc8w" : "qs8");
    std::vector<int8_t> x(kM * kK), w(kN * kK);
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<int8_t>(i * 31 % 200 - 100);
    for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<int8_t>(i * 17 % 255 - 127);
    std::vector<float> scales;
    std::vector<int32_t> bias;
    for (size_t i = 0; i < kN; ++i) {
      scales.push_back(per_channel ? static_cast<float>(i + 1) / 2048 : 1.0f / 512);
      bias.push_back(static_cast<int32_t>(i * 100) - 300);
    }
    GraphBuilder b;
    const ValueIndex in = b.Input(kQInt8, {kM, kK}, in_q);
    const ValueIndex out = b.Output(kQInt8, {kM, kN}, out_q);
    std::vector<float> bias_scales = scales;
    for (float& scale : bias_scales) scale *= in_q.scale;
    const ValueIndex filter =
        per_channel ? b.Constant(kQCInt8, {kN, kK}, w, b.PerChannel(0, scales))
                    : b.Constant(kQInt8, {kN, kK}, w, PerTensorQuantization{scales[0], 0});
    const ValueIndex bias_value =
        per_channel ? b.Constant(kQCInt32, {kN}, bias, b.PerChannel(0, bias_scales))
                    : b.Constant(kQInt32, {kN}, bias, PerTensorQuantization{bias_scales[0], 0});
    b.Add(NodeKind::kFullyConnected, {in, filter, bias_value}, {out});
    const Graph graph = b.Build();
    const auto result = RunStock(graph, {Tensor::Of({kM, kK}, x)});
    ASSERT_TRUE(result) << result.error().message;
    const std::vector<int8_t> found = (*result)[1].As<int8_t>();
    for (size_t i = 0; i < kM; ++i) {
      for (size_t j = 0; j < kN; ++j) {
        int32_t sum = bias[j];
        for (size_t l = 0; l < kK; ++l) sum += (x[i * kK + l] - in_q.zero_point) * w[j * kK + l];
        const double y = sum * double{in_q.scale} * scales[j] / out_q.scale + out_q.zero_point;
        EXPECT_NEAR(found[i * kN + j], std::clamp(std::nearbyint(y), -128.0, 127.0), 1)
            << i << ", " << j;
      }
    }
  }
}

TEST(StockFullyConnected, RefusesWhatWouldReadOutOfBounds) {
  const auto expect = [](Graph graph, std::string_view message) {
    const auto runner = StockRunner::Create(graph);
    ASSERT_FALSE(runner);
    EXPECT_THAT(runner.error().message, testing::HasSubstr(message));
  };
  {
    GraphBuilder b;
    const ValueIndex x = b.Input(kF32, {1, 8}), y = b.Output(kF32, {1, 4});
    b.Add(NodeKind::kFullyConnected,
          {x, b.Constant(kF32, {4, 8}, std::vector<float>(32)),
           b.Constant(kF32, {3}, std::vector<float>(3))},
          {y});
    expect(b.Build(), "bias [3]");
  }
  {
    GraphBuilder b;
    const ValueIndex x = b.Input(kF32, {1, 0}), y = b.Output(kF32, {1, 4});
    b.Add(NodeKind::kFullyConnected, {x, b.Constant(kF32, {4, 0}, std::vector<float>())}, {y});
    expect(b.Build(), "filter [4, 0]");
  }
  {
    GraphBuilder b;
    const ValueIndex x = b.Input(kF32, {2, 4, 8}), y = b.Output(kF32, {2, 4, 4});
    const ValueIndex q = b.Internal(kQDInt8, {2, 4, 8}, PerTokenQuantization{2});
    b.Add(NodeKind::kConvert, {x}, {q});
    b.Add(NodeKind::kFullyConnected, {q, AddWeights(b, kQCInt8, 4, 8).value}, {y});
    expect(b.Build(), "last 2 dimensions");
  }
}

struct ConvolutionCase {
  const char* name;
  size_t height, width;
  ConvolutionAttributes attributes;
};

const ConvolutionCase kConvolutions[] = {
    {"1x1", 4, 5, {.group_input_channels = 8, .group_output_channels = 6}},
    {"3x3.padded",
     5,
     6,
     {.padding_top = 1,
      .padding_right = 1,
      .padding_bottom = 1,
      .padding_left = 1,
      .kernel_height = 3,
      .kernel_width = 3,
      .group_input_channels = 3,
      .group_output_channels = 7}},
    {"3x2.strided.dilated.grouped",
     9,
     8,
     {.padding_top = 1,
      .padding_bottom = 2,
      .kernel_height = 3,
      .kernel_width = 2,
      .stride_height = 2,
      .stride_width = 1,
      .dilation_height = 2,
      .dilation_width = 3,
      .group_input_channels = 2,
      .group_output_channels = 3,
      .groups = 2}},
};

TEST(StockConvolution, Float) {
  for (const ConvolutionCase& c : kConvolutions) {
    const ConvolutionAttributes& a = c.attributes;
    const size_t ic = size_t{a.groups} * a.group_input_channels;
    const size_t oc = size_t{a.groups} * a.group_output_channels;
    const Dims filter = {oc, a.kernel_height, a.kernel_width, a.group_input_channels};
    const auto x = RandomValues(c.height * c.width * ic, 1);
    const auto w = RandomValues(*filter.NumElements(), 2), bias = RandomValues(oc, 3);
    const auto expected = Convolution(x, c.height, c.width, w, bias, a);
    for (const DataType type : {kF32, kF16, kBF16}) {
      for (const DataType weights : {kF32, kF16, kBF16}) {
        SCOPED_TRACE(std::format("conv.{}.{}.{}", c.name, Name(type), Name(weights)));
        const size_t pixels = expected.size() / oc;
        GraphBuilder b;
        const ValueIndex in = b.Input(type, {1, c.height, c.width, ic});
        // Only the rank of the declared shape matters here.
        const ValueIndex out = b.Output(type, {1, pixels, 1, oc});
        b.Add(NodeKind::kConv2d,
              {in, FloatConstant(b, weights, filter, w), FloatConstant(b, weights, {oc}, bias)},
              {out}, a);
        const Graph graph = b.Build();
        const auto result = RunStock(graph, {FloatTensor(type, {1, c.height, c.width, ic}, x)});
        ASSERT_TRUE(result) << result.error().message;
        ExpectNear(Floats(type, (*result)[1]), expected, SumTolerance(type));
      }
    }
  }
}

TEST(StockConvolution, Depthwise) {
  const ConvolutionAttributes a = {.padding_top = 1,
                                   .padding_right = 1,
                                   .padding_bottom = 1,
                                   .padding_left = 1,
                                   .kernel_height = 3,
                                   .kernel_width = 3,
                                   .stride_height = 2,
                                   .stride_width = 2,
                                   .group_input_channels = 1,
                                   .group_output_channels = 2,
                                   .groups = 5};
  const auto x = RandomValues(7 * 6 * 5, 1), w = RandomValues(9 * 10, 2),
             bias = RandomValues(10, 3);
  const auto expected = DepthwiseConvolution(x, 7, 6, w, bias, a);
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const DataType weights : {kF32, kF16}) {
      SCOPED_TRACE(std::format("depthwise.{}.{}", Name(type), Name(weights)));
      GraphBuilder b;
      const ValueIndex in = b.Input(type, {1, 7, 6, 5});
      const ValueIndex out = b.Output(type, {1, 4, 3, 10});
      b.Add(
          NodeKind::kDepthwiseConv2d,
          {in, FloatConstant(b, weights, {1, 3, 3, 10}, w), FloatConstant(b, weights, {10}, bias)},
          {out}, a);
      const Graph graph = b.Build();
      const auto result = RunStock(graph, {FloatTensor(type, {1, 7, 6, 5}, x)});
      ASSERT_TRUE(result) << result.error().message;
      ExpectNear(Floats(type, (*result)[1]), expected, SumTolerance(type));
    }
  }
}

TEST(StockConvolution, Transposed) {
  const ConvolutionAttributes a = {.padding_top = 1,
                                   .padding_left = 1,
                                   .kernel_height = 3,
                                   .kernel_width = 3,
                                   .stride_height = 2,
                                   .stride_width = 2,
                                   .group_input_channels = 2,
                                   .group_output_channels = 3,
                                   .groups = 2,
                                   .adjustment_height = 1};
  const auto x = RandomValues(3 * 4 * 4, 1), w = RandomValues(6 * 9 * 2, 2),
             bias = RandomValues(6, 3);
  const auto expected = TransposedConvolution(x, 3, 4, w, bias, a);
  for (const DataType type : {kF32, kF16, kBF16}) {
    SCOPED_TRACE(Name(type));
    GraphBuilder b;
    const ValueIndex in = b.Input(type, {1, 3, 4, 4});
    const ValueIndex out = b.Output(type, {1, 7, 8, 6});
    b.Add(NodeKind::kConvTranspose2d,
          {in, b.Constant(kF32, {6, 3, 3, 2}, w), b.Constant(kF32, {6}, bias)}, {out}, a);
    const Graph graph = b.Build();
    const auto result = RunStock(graph, {FloatTensor(type, {1, 3, 4, 4}, x)});
    ASSERT_TRUE(result) << result.error().message;
    ExpectNear(Floats(type, (*result)[1]), expected, SumTolerance(type));
  }
}

TEST(StockConvolution, DynamicallyQuantizedToEveryFloat) {
  const ConvolutionAttributes a = {
      .kernel_height = 2, .kernel_width = 2, .group_input_channels = 8, .group_output_channels = 5};
  std::vector<int8_t> w(5 * 4 * 8);
  std::vector<float> scales, real(w.size());
  for (size_t i = 0; i < 5; ++i) scales.push_back(static_cast<float>(i + 1) / 1024);
  for (size_t i = 0; i < w.size(); ++i) {
    w[i] = static_cast<int8_t>(i * 37 % 255 - 127);
    real[i] = static_cast<float>(w[i]) * scales[i / 32];
  }
  const auto x = RandomValues(4 * 3 * 8, 6);
  const auto expected = Convolution(QuantizedRows(x, 1, x.size()), 4, 3, real, {}, a);
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const DataType out_type : {kF32, kF16, kBF16}) {
      SCOPED_TRACE(std::format("conv.qd8.{}.{}", Name(type), Name(out_type)));
      GraphBuilder b;
      const ValueIndex in = b.Input(type, {1, 4, 3, 8});
      const ValueIndex out = b.Output(out_type, {1, 3, 2, 5});
      const ValueIndex q = b.Internal(kQDInt8, {1, 4, 3, 8}, PerTokenQuantization{3});
      b.Add(NodeKind::kConvert, {in}, {q});
      b.Add(NodeKind::kConv2d, {q, b.Constant(kQCInt8, {5, 2, 2, 8}, w, b.PerChannel(0, scales))},
            {out}, a);
      const Graph graph = b.Build();
      const auto result = RunStock(graph, {FloatTensor(type, {1, 4, 3, 8}, x)});
      ASSERT_TRUE(result) << result.error().message;
      ExpectNear(Floats(out_type, (*result)[1]), expected, 2e-2f * MaxMagnitude(expected));
    }
  }
}

TEST(StockConvolution, StaticallyQuantized) {
  const ConvolutionAttributes a = {.padding_top = 1,
                                   .padding_right = 1,
                                   .padding_bottom = 1,
                                   .padding_left = 1,
                                   .kernel_height = 3,
                                   .kernel_width = 3,
                                   .group_input_channels = 4,
                                   .group_output_channels = 6};
  const PerTensorQuantization in_q{.scale = 1.0f / 32, .zero_point = 7};
  const PerTensorQuantization out_q{.scale = 0.5f, .zero_point = -1};
  std::vector<int8_t> x(5 * 5 * 4), w(6 * 9 * 4);
  std::vector<float> scales, real_x, real_w;
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<int8_t>(i * 31 % 200 - 100);
  for (size_t i = 0; i < 6; ++i) scales.push_back(static_cast<float>(i + 1) / 1024);
  for (size_t i = 0; i < w.size(); ++i) {
    w[i] = static_cast<int8_t>(i * 17 % 255 - 127);
    real_w.push_back(static_cast<float>(w[i]) * scales[i / 36]);
  }
  for (int8_t q : x) real_x.push_back(static_cast<float>(q - in_q.zero_point) * in_q.scale);
  GraphBuilder b;
  const ValueIndex in = b.Input(kQInt8, {1, 5, 5, 4}, in_q);
  const ValueIndex out = b.Output(kQInt8, {1, 5, 5, 6}, out_q);
  b.Add(NodeKind::kConv2d, {in, b.Constant(kQCInt8, {6, 3, 3, 4}, w, b.PerChannel(0, scales))},
        {out}, a);
  const Graph graph = b.Build();
  const auto result = RunStock(graph, {Tensor::Of({1, 5, 5, 4}, x)});
  ASSERT_TRUE(result) << result.error().message;
  const auto expected = Convolution(real_x, 5, 5, real_w, {}, a);
  const auto found = (*result)[1].As<int8_t>();
  for (size_t i = 0; i < found.size(); ++i) {
    const double y = std::nearbyint(expected[i] / out_q.scale) + out_q.zero_point;
    EXPECT_NEAR(found[i], std::clamp(y, -128.0, 127.0), 1);
  }
}

TEST(StockConvolution, RefusesAFilterOfOtherDims) {
  GraphBuilder b;
  const ValueIndex in = b.Input(kF32, {1, 4, 4, 2});
  const ValueIndex out = b.Output(kF32, {1, 4, 4, 3});
  b.Add(NodeKind::kConv2d, {in, b.Constant(kF32, {3, 1, 1, 1}, std::vector<float>(3))}, {out},
        ConvolutionAttributes{.group_input_channels = 2, .group_output_channels = 3});
  const Graph graph = b.Build();
  const auto runner = StockRunner::Create(graph);
  ASSERT_FALSE(runner);
  EXPECT_EQ(runner.error().code, ErrorCode::kInvalidProgram);
  EXPECT_THAT(runner.error().message, testing::HasSubstr("[3, 1, 1, 1], expected [3, 1, 1, 2]"));
}

TEST(StockBatchMatrixMultiply, Float) {
  constexpr size_t kBatch = 3;
  const auto x = RandomValues(kBatch * kM * kK, 1), w = RandomValues(kBatch * kN * kK, 2);
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const bool transposed : {false, true}) {
      for (const bool constant : {false, true}) {
        for (const size_t b_batch : {size_t{1}, kBatch}) {
          SCOPED_TRACE(std::format("bmm.{}.{}.{}.b{}", Name(type), transposed, constant, b_batch));
          std::vector<float> matrices;
          std::vector<float> expected;
          for (size_t i = 0; i < b_batch; ++i) {
            const std::vector<float> one(w.begin() + i * kN * kK, w.begin() + (i + 1) * kN * kK);
            const auto stored = transposed ? one : Transposed(one, kN, kK);
            matrices.insert(matrices.end(), stored.begin(), stored.end());
          }
          for (size_t i = 0; i < kBatch; ++i) {
            const size_t j = i % b_batch;
            const auto y =
                Product({x.begin() + i * kM * kK, x.begin() + (i + 1) * kM * kK},
                        {w.begin() + j * kN * kK, w.begin() + (j + 1) * kN * kK}, {}, kM, kN, kK);
            expected.insert(expected.end(), y.begin(), y.end());
          }
          const Dims dims = transposed ? Dims{b_batch, kN, kK} : Dims{b_batch, kK, kN};
          GraphBuilder b;
          const ValueIndex a = b.Input(type, {kBatch, kM, kK});
          const ValueIndex m =
              constant ? FloatConstant(b, type, dims, matrices) : b.Input(type, dims);
          const ValueIndex y = b.Output(type, {kBatch, kM, kN});
          b.Add(NodeKind::kBatchMatrixMultiply, {a, m}, {y}).flags = transposed;
          const Graph graph = b.Build();
          std::vector<Tensor> inputs = {FloatTensor(type, {kBatch, kM, kK}, x)};
          if (!constant) inputs.push_back(FloatTensor(type, dims, matrices));
          const auto result = RunStock(graph, inputs);
          ASSERT_TRUE(result) << result.error().message;
          ExpectNear(Floats(type, result->back()), expected, SumTolerance(type));
        }
      }
    }
  }
}

TEST(StockBatchMatrixMultiply, DynamicallyQuantized) {
  const auto x = RandomValues(2 * kM * kK, 1);
  std::vector<int8_t> w(kK * kN);
  std::vector<float> scales, real(w.size());
  for (size_t i = 0; i < kN; ++i) scales.push_back(static_cast<float>(i + 1) / 1024);
  for (size_t i = 0; i < w.size(); ++i) {
    w[i] = static_cast<int8_t>(i * 37 % 255 - 127);
    real[i] = static_cast<float>(w[i]) * scales[i % kN];
  }
  GraphBuilder b;
  const ValueIndex in = b.Input(kF32, {2, kM, kK});
  const ValueIndex y = b.Output(kF32, {2, kM, kN});
  const ValueIndex q = b.Internal(kQDInt8, {2, kM, kK}, PerTokenQuantization{1});
  b.Add(NodeKind::kConvert, {in}, {q});
  b.Add(NodeKind::kBatchMatrixMultiply,
        {q, b.Constant(kQCInt8, {kK, kN}, w, b.PerChannel(1, scales))}, {y});
  const Graph graph = b.Build();
  const auto result = RunStock(graph, {Tensor::Of({2, kM, kK}, x)});
  ASSERT_TRUE(result) << result.error().message;
  const auto expected =
      Product(QuantizedRows(x, 2 * kM, kK), Transposed(real, kK, kN), {}, 2 * kM, kN, kK);
  ExpectNear((*result)[1].As<float>(), expected, 2e-3f * MaxMagnitude(expected));
}

TEST(StockBatchMatrixMultiply, RefusesInt8NamingTheNode) {
  const Quantization q = PerTensorQuantization{.scale = 1, .zero_point = 0};
  GraphBuilder b;
  const ValueIndex a = b.Input(kQInt8, {2, 3, 4}, q);
  const ValueIndex m = b.Input(kQInt8, {2, 4, 5}, q);
  const ValueIndex y = b.Output(kQInt8, {2, 3, 5}, q);
  b.Add(NodeKind::kBatchMatrixMultiply, {a, m}, {y});
  const Graph graph = b.Build();
  const auto runner = StockRunner::Create(graph);
  ASSERT_FALSE(runner);
  EXPECT_EQ(runner.error().code, ErrorCode::kNotSupported);
  EXPECT_THAT(runner.error().message, testing::StartsWith("node 0 BatchMatrixMultiply"));
}

}  // namespace
}  // namespace switchyard::test
