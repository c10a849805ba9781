// Every elementwise operator, Softmax and Convert, on small numbers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "test/support/graph_builder.h"
#include "test/unit/backend/xnnpack/reference.h"
#include "test/unit/backend/xnnpack/stock_runner.h"

namespace switchyard::test {
namespace {

using enum DataType;

struct UnaryCase {
  NodeKind kind;
  double (*reference)(double);
  bool positive_only = false;
  Attributes attributes = {};
};

const UnaryCase kUnaries[] = {
    {NodeKind::kAbs, [](double x) { return std::abs(x); }},
    {NodeKind::kCeiling, [](double x) { return std::ceil(x); }},
    {NodeKind::kClamp, [](double x) { return std::clamp(x, -0.25, 0.5); }},
    {NodeKind::kCos, [](double x) { return std::cos(x); }},
    {NodeKind::kELU, [](double x) { return x < 0 ? 0.5 * std::expm1(x) : x; }, false,
     EluAttributes{.alpha = 0.5f}},
    {NodeKind::kExp, [](double x) { return std::exp(x); }},
    {NodeKind::kFloor, [](double x) { return std::floor(x); }},
    {NodeKind::kGelu, [](double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); }},
    {NodeKind::kHardswish, [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; }},
    {NodeKind::kLeakyReLU, [](double x) { return x < 0 ? 0.125 * x : x; }, false,
     LeakyReluAttributes{.negative_slope = 0.125f}},
    {NodeKind::kLog, [](double x) { return std::log(x); }, true},
    {NodeKind::kNegate, [](double x) { return -x; }},
    {NodeKind::kReciprocalSquareRoot, [](double x) { return 1 / std::sqrt(x); }, true},
    {NodeKind::kSigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }},
    {NodeKind::kSin, [](double x) { return std::sin(x); }},
    {NodeKind::kSquare, [](double x) { return x * x; }},
    {NodeKind::kSquareRoot, [](double x) { return std::sqrt(x); }, true},
    {NodeKind::kTanh, [](double x) { return std::tanh(x); }},
};

std::vector<float> Scaled(std::vector<float> values, float factor, float offset) {
  for (float& value : values) value = value * factor + offset;
  return values;
}

// Relative error of a result near 1 after a few operations in the type.
float Tolerance(DataType type) { return type == kF32 ? 2e-5f : type == kF16 ? 4e-3f : 2e-2f; }

TEST(StockElementwise, Unary) {
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const UnaryCase& c : kUnaries) {
      SCOPED_TRACE(std::format("unary.{}.{}", Info(c.kind).name, Name(type)));
      GraphBuilder b;
      const ValueIndex x = b.Input(type, {3, 7});
      const ValueIndex y = b.Output(type, {3, 7});
      Node& node = b.Add(c.kind, {x}, {y}, c.attributes);
      if (c.kind == NodeKind::kClamp) node.output_min = -0.25f, node.output_max = 0.5f;
      const Graph graph = b.Build();
      const std::vector<float> in =
          Scaled(RandomValues(21, 1), c.positive_only ? 0.5f : 2.0f, c.positive_only ? 1.0f : 0.0f);
      const auto out = RunStock(graph, {FloatTensor(type, {3, 7}, in)});
      ASSERT_TRUE(out) << out.error().message;
      const std::vector<float> found = Floats(type, (*out)[1]);
      for (size_t i = 0; i < in.size(); ++i) {
        const double expected = c.reference(in[i]);
        EXPECT_NEAR(found[i], expected, Tolerance(type) * std::max(1.0, std::abs(expected)))
            << "x = " << in[i];
      }
    }
  }
}

struct BinaryCase {
  NodeKind kind;
  double (*reference)(double, double);
};
const BinaryCase kBinaries[] = {
    {NodeKind::kAdd, [](double a, double b) { return a + b; }},
    {NodeKind::kSubtract, [](double a, double b) { return a - b; }},
    {NodeKind::kMultiply, [](double a, double b) { return a * b; }},
    {NodeKind::kDiv, [](double a, double b) { return a / b; }},
    {NodeKind::kMinimum, [](double a, double b) { return std::min(a, b); }},
    {NodeKind::kMaximum, [](double a, double b) { return std::max(a, b); }},
    {NodeKind::kPReLU, [](double a, double b) { return a < 0 ? a * b : a; }},
};

// The second input is a constant row; both orders are tried but for PReLU.
TEST(StockElementwise, BinaryWithBroadcastConstant) {
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const BinaryCase& c : kBinaries) {
      for (const bool swapped : {false, true}) {
        if (swapped && c.kind == NodeKind::kPReLU) continue;
        SCOPED_TRACE(std::format("binary.{}.{}.{}", Info(c.kind).name, Name(type), swapped));
        const std::vector<float> row = {1.25f, -0.5f, 2.0f, 0.75f, -1.5f};
        GraphBuilder b;
        const ValueIndex x = b.Input(type, {4, 5});
        const ValueIndex y = b.Output(type, {4, 5});
        const ValueIndex k = type == kF32
                                 ? b.Constant(type, {5}, row)
                                 : b.Constant(type, {5}, type == kF16 ? ToF16(row) : ToBF16(row));
        b.Add(c.kind, swapped ? std::vector{k, x} : std::vector{x, k}, {y});
        const Graph graph = b.Build();
        const std::vector<float> in = Scaled(RandomValues(20, 2), 0.25f, 1.0f);
        const auto out = RunStock(graph, {FloatTensor(type, {4, 5}, in)});
        ASSERT_TRUE(out) << out.error().message;
        const std::vector<float> found = Floats(type, (*out)[1]);
        for (size_t i = 0; i < in.size(); ++i) {
          const float r = row[i % 5];
          const double expected = swapped ? c.reference(r, in[i]) : c.reference(in[i], r);
          EXPECT_NEAR(found[i], expected, Tolerance(type) * std::max(1.0, std::abs(expected)));
        }
      }
    }
  }
}

TEST(StockElementwise, BinaryClampsItsResult) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {2, 3});
  const ValueIndex z = b.Input(kF32, {3});
  const ValueIndex y = b.Output(kF32, {2, 3});
  Node& node = b.Add(NodeKind::kAdd, {x, z}, {y});
  node.output_min = 0;
  node.output_max = 5;
  const Graph graph = b.Build();
  const auto out = RunStock(
      graph, {Tensor::Of<float>({2, 3}, {-4, 1, 2, 3, 4, 5}), Tensor::Of<float>({3}, {1, 1, 1})});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT((*out)[2].As<float>(), testing::ElementsAre(0, 2, 3, 4, 5, 5));
}

TEST(StockElementwise, QuantizedAddAndMultiply) {
  const Quantization q = PerTensorQuantization{.scale = 0.5f, .zero_point = 1};
  for (const NodeKind kind : {NodeKind::kAdd, NodeKind::kMultiply, NodeKind::kSubtract}) {
    SCOPED_TRACE(Info(kind).name);
    GraphBuilder b;
    const ValueIndex x = b.Input(kQInt8, {4}, q);
    const ValueIndex z = b.Input(kQInt8, {4}, q);
    const ValueIndex y = b.Output(kQInt8, {4}, q);
    b.Add(kind, {x, z}, {y});
    const Graph graph = b.Build();
    // Real values 1, 2, -1, 4 and 2, 2, 3, -1.
    const auto out = RunStock(
        graph, {Tensor::Of<int8_t>({4}, {3, 5, -1, 9}), Tensor::Of<int8_t>({4}, {5, 5, 7, -1})});
    ASSERT_TRUE(out) << out.error().message;
    const std::vector<int8_t> found = (*out)[2].As<int8_t>();
    if (kind == NodeKind::kAdd) EXPECT_THAT(found, testing::ElementsAre(7, 9, 5, 7));
    if (kind == NodeKind::kSubtract) EXPECT_THAT(found, testing::ElementsAre(-1, 1, -7, 11));
    if (kind == NodeKind::kMultiply) EXPECT_THAT(found, testing::ElementsAre(5, 9, -5, -7));
  }
}

TEST(StockElementwise, QuantizedClampAndTanh) {
  const Quantization q = PerTensorQuantization{.scale = 0.125f, .zero_point = -2};
  for (const NodeKind kind : {NodeKind::kClamp, NodeKind::kTanh}) {
    GraphBuilder b;
    const ValueIndex x = b.Input(kQInt8, {3}, q);
    const ValueIndex y = b.Output(kQInt8, {3}, q);
    Node& node = b.Add(kind, {x}, {y});
    if (kind == NodeKind::kClamp) node.output_min = 0, node.output_max = 6;
    const Graph graph = b.Build();
    // Real values -1, 1, 8.
    const auto out = RunStock(graph, {Tensor::Of<int8_t>({3}, {-10, 6, 62})});
    ASSERT_TRUE(out) << out.error().message;
    if (kind == NodeKind::kClamp) {
      EXPECT_THAT((*out)[1].As<int8_t>(), testing::ElementsAre(-2, 6, 46));
    } else {
      EXPECT_THAT((*out)[1].As<int8_t>(), testing::ElementsAre(-8, 4, 6));
    }
  }
}

TEST(StockElementwise, Softmax) {
  for (const DataType type : {kF32, kF16, kBF16}) {
    SCOPED_TRACE(Name(type));
    GraphBuilder b;
    const ValueIndex x = b.Input(type, {2, 4});
    const ValueIndex y = b.Output(type, {2, 4});
    b.Add(NodeKind::kSoftmax, {x}, {y});
    const Graph graph = b.Build();
    const std::vector<float> in = {0, 1, 2, 3, -1, -1, -1, -1};
    const auto out = RunStock(graph, {FloatTensor(type, {2, 4}, in)});
    ASSERT_TRUE(out) << out.error().message;
    std::vector<float> expected(8, 0.25f);
    const double sum = 1 + std::exp(1) + std::exp(2) + std::exp(3);
    for (int i = 0; i < 4; ++i) expected[i] = static_cast<float>(std::exp(i) / sum);
    ExpectNear(Floats(type, (*out)[1]), expected, Tolerance(type));
  }
}

TEST(StockElementwise, ConvertBetweenFloats) {
  for (const DataType from : {kF32, kF16, kBF16}) {
    for (const DataType to : {kF32, kF16, kBF16}) {
      SCOPED_TRACE(std::format("convert.{}.{}", Name(from), Name(to)));
      GraphBuilder b;
      const ValueIndex x = b.Input(from, {5, 3});
      const ValueIndex y = b.Output(to, {5, 3});
      b.Add(NodeKind::kConvert, {x}, {y});
      const Graph graph = b.Build();
      const std::vector<float> in = RandomValues(15, 3);  // exact in all
      const auto out = RunStock(graph, {FloatTensor(from, {5, 3}, in)});
      ASSERT_TRUE(out) << out.error().message;
      EXPECT_EQ(Floats(to, (*out)[1]), in);
    }
  }
}

TEST(StockElementwise, ConvertQuantizesAndBack) {
  for (const DataType type : {kF32, kF16, kBF16}) {
    SCOPED_TRACE(Name(type));
    const Quantization q = PerTensorQuantization{.scale = 0.25f, .zero_point = 3};
    GraphBuilder b;
    const ValueIndex x = b.Input(type, {4});
    const ValueIndex y = b.Output(kQInt8, {4}, q);
    const ValueIndex z = b.Output(type, {4});
    b.Add(NodeKind::kConvert, {x}, {y});
    b.Add(NodeKind::kConvert, {y}, {z});
    const Graph graph = b.Build();
    const auto out = RunStock(graph, {FloatTensor(type, {4}, {0, 1, -2.25f, 100})});
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_THAT((*out)[1].As<int8_t>(), testing::ElementsAre(3, 7, -6, 127));
    EXPECT_THAT(Floats(type, (*out)[2]), testing::ElementsAre(0, 1, -2.25f, 31));
  }
}

TEST(StockElementwise, RefusesWhatCannotBe) {
  struct {
    const char* what;
    DataType in, out;
    NodeKind kind;
  } const kCases[] = {
      {"f32 to qint8 without Convert", kF32, kQInt8, NodeKind::kAbs},
      {"clamp between types", kF32, kQInt8, NodeKind::kClamp},
      {"softmax of int8", kQInt8, kQInt8, NodeKind::kSoftmax},
      {"abs of int32", kInt32, kInt32, NodeKind::kAbs},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const Quantization q = PerTensorQuantization{.scale = 1, .zero_point = 0};
    GraphBuilder b;
    const ValueIndex x = b.Input(c.in, {4}, c.in == kQInt8 ? q : Quantization{});
    const ValueIndex y = b.Output(c.out, {4}, c.out == kQInt8 ? q : Quantization{});
    b.Add(c.kind, {x}, {y});
    const Graph graph = b.Build();
    const auto runner = StockRunner::Create(graph);
    ASSERT_FALSE(runner);
    EXPECT_EQ(runner.error().code, ErrorCode::kNotSupported);
    EXPECT_THAT(runner.error().message, testing::StartsWith("node 0"));
  }
}

TEST(StockElementwise, RefusesAnEmptyRange) {
  for (const float max : {-1.0f, std::numeric_limits<float>::quiet_NaN()}) {
    GraphBuilder b;
    const ValueIndex x = b.Input(kF32, {4});
    const ValueIndex y = b.Output(kF32, {4});
    Node& node = b.Add(NodeKind::kClamp, {x}, {y});
    node.output_min = 0;
    node.output_max = max;
    const Graph graph = b.Build();
    const auto runner = StockRunner::Create(graph);
    ASSERT_FALSE(runner);
    EXPECT_THAT(runner.error().message, testing::HasSubstr("output range"));
  }
}

}  // namespace
}  // namespace switchyard::test
