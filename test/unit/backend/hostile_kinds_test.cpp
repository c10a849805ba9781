// The same for what no real model at hand has: a graph of each node kind in each type that a tensor
// can have, and mutants of it. Then, one by one, what XNNPACK asserts on.
#include <gtest/gtest.h>

#include <cstdlib>
#include <format>
#include <iostream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "backend/switchyard_backend.h"
#include "runtime/blob_runner.h"
#include "schema/writer.h"
#include "test/support/graph_builder.h"
#include "test/support/node_operands.h"
#include "test/unit/backend/hostile_run.h"

namespace switchyard {
namespace {

using enum DataType;
using test::GraphBuilder;

constexpr DataType kTypes[] = {kF32, kF16, kBF16, kQInt8, kQUInt8, kInt32};
constexpr size_t kMutantsEach = 60;

Quantization QuantizationOf(DataType type) {
  if (type == kQInt8) return PerTensorQuantization{0.5f, -3};
  if (type == kQUInt8) return PerTensorQuantization{0.5f, 130};
  if (type == kQInt32) return PerTensorQuantization{0.25f, 0};
  return {};
}

ValueIndex AddConstant(GraphBuilder& b, DataType type, const Dims& dims) {
  std::vector<uint8_t> bytes(*TensorBytes(type, dims));
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 37 % 61);
  return b.Constant(type, dims, bytes, QuantizationOf(type));
}

// As many ones as an output has dimensions; shape inference knows its sizes.
Dims Ones(size_t rank) { return Dims(std::vector<size_t>(rank, 1)); }

ValueIndex AddOutput(GraphBuilder& b, DataType type, size_t rank) {
  return b.Output(type, Ones(rank), QuantizationOf(type));
}

// One node, its further inputs external or constant.
Graph MakeGraph(NodeKind kind, DataType type) {
  GraphBuilder b;
  const NodeKindInfo& info = Info(kind);
  const test::Operands operands = test::OperandsOf(kind);
  const bool has_weights =
      kind == NodeKind::kFullyConnected || info.attributes == AttributeKind::kConvolution;
  std::vector<ValueIndex> inputs = {b.Input(type, operands.input, QuantizationOf(type))};
  while (inputs.size() < info.min_inputs && operands.constants.empty()) {
    inputs.push_back(b.Input(type, operands.input, QuantizationOf(type)));
  }
  for (size_t i = 0; i < operands.constants.size(); ++i) {
    const bool is_quantized_bias = has_weights && i == 1 && (type == kQInt8 || type == kQUInt8);
    inputs.push_back(AddConstant(b, is_quantized_bias ? kQInt32 : type, operands.constants[i]));
  }
  std::vector<ValueIndex> outputs = {AddOutput(b, type, operands.output_rank)};
  // The backend takes the indices' sizes from the file, which has to be right.
  if (info.num_outputs == 2) outputs.push_back(b.Output(kInt32, {2, 2, 2, 4}));
  b.Add(kind, inputs, outputs, operands.attributes);
  return b.Build();
}

class HostileKinds : public testing::TestWithParam<NodeKind> {
 protected:
  static void TearDownTestSuite() { std::cout << tally_.ToString(); }

  static inline test::HostileTally tally_;
};

std::vector<NodeKind> AllKinds() {
  std::vector<NodeKind> kinds;
  for (const NodeKindInfo& info : NodeKindTable()) kinds.push_back(info.kind);
  return kinds;
}
INSTANTIATE_TEST_SUITE_P(, HostileKinds, testing::ValuesIn(AllKinds()),
                         [](const auto& info) { return std::string(Info(info.param).name); });

TEST_P(HostileKinds, Mutants) {
  const char* wanted = std::getenv("SWITCHYARD_TEST_MUTANTS_EACH");
  const size_t count = wanted == nullptr ? kMutantsEach : std::strtoul(wanted, nullptr, 10);
  size_t runs = 0;
  for (const DataType type : kTypes) {
    const std::string name = std::format("{} of {}", Info(GetParam()).name, Name(type));
    SCOPED_TRACE(name);
    const Graph graph = MakeGraph(GetParam(), type);
    const auto payload = WritePayload(graph);
    ASSERT_TRUE(payload) << payload.error().ToString();
    const auto outcome = test::RunHostile(payload->bytes, nullptr, /*seed=*/1);
    EXPECT_NE(outcome, test::HostileOutcome::kRefusedAtDoor);
    runs +=
        outcome == test::HostileOutcome::kRan || outcome == test::HostileOutcome::kRefusedAtExecute;
    test::RunMutants(name, graph, /*seed=*/static_cast<uint64_t>(type) + 1, count, tally_);
  }
  EXPECT_GT(runs, 0u);
}

// --- What XNNPACK asserts on --------------------------------------------------------------------

// Refused with a message that has `part` in it.
void ExpectNotSupported(GraphBuilder& b, std::string_view part) {
  const auto payload = WritePayload(b.Build());
  ASSERT_TRUE(payload) << payload.error().ToString();
  const auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes);
  ASSERT_FALSE(runner) << "loads";
  EXPECT_EQ(runner.error().code, ErrorCode::kNotSupported);
  EXPECT_NE(runner.error().message.find(part), std::string::npos) << runner.error().ToString();
}

void ExpectLoads(GraphBuilder& b) {
  const auto payload = WritePayload(b.Build());
  ASSERT_TRUE(payload) << payload.error().ToString();
  EXPECT_EQ(test::RunHostile(payload->bytes, nullptr, /*seed=*/1), test::HostileOutcome::kRan);
}

class ScaleLimits : public testing::TestWithParam<DataType> {
 protected:
  // One node on values of these scales.
  static GraphBuilder Node(NodeKind kind, float output_scale, std::vector<float> input_scales,
                           const Attributes& attributes = {}) {
    GraphBuilder b;
    std::vector<ValueIndex> inputs;
    for (const float scale : input_scales) {
      inputs.push_back(b.Input(GetParam(), {2, 8}, PerTensorQuantization{scale, 1}));
    }
    const ValueIndex y = b.Output(GetParam(), {2, 8}, PerTensorQuantization{output_scale, 2});
    b.Add(kind, inputs, {y}, attributes);
    return b;
  }
};
INSTANTIATE_TEST_SUITE_P(, ScaleLimits, testing::Values(kQInt8, kQUInt8),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_P(ScaleLimits, Convert) {
  for (const float ratio : {0x1.FFFFFEp-9f, 0x1.000002p+7f, 1e-30f, 1e30f}) {
    GraphBuilder b = Node(NodeKind::kConvert, 1, {ratio});
    ExpectNotSupported(b, "the input's scale divided by the output's");
  }
  for (const float ratio : {0x1p-8f, 1.5f, 0x1p+7f}) {
    GraphBuilder b = Node(NodeKind::kConvert, 1, {ratio});
    ExpectLoads(b);
  }
}

TEST_P(ScaleLimits, LeakyReLU) {
  const auto slope = [](float number) { return LeakyReluAttributes{.negative_slope = number}; };
  for (const float ratio : {0x1.FFFFFEp-9f, 0x1.000002p+7f}) {
    GraphBuilder b = Node(NodeKind::kLeakyReLU, 1, {ratio}, slope(1));
    ExpectNotSupported(b, "the input's scale divided by the output's");
  }
  for (const float number : {0.0f, 0x1.FFFFFEp-9f, -0x1.FFFFFEp-9f, 129.0f, -128.0f}) {
    GraphBuilder b = Node(NodeKind::kLeakyReLU, 1, {1}, slope(number));
    ExpectNotSupported(b, "the negative slope");
  }
  for (const float number : {0x1p-8f, -0x1p-8f, 128.0f, -127.0f}) {
    GraphBuilder b = Node(NodeKind::kLeakyReLU, 1, {1}, slope(number));
    ExpectLoads(b);
  }
}

TEST_P(ScaleLimits, AddAndSubtract) {
  for (const NodeKind kind : {NodeKind::kAdd, NodeKind::kSubtract}) {
    for (const float ratio : {0x1.FFFFFEp-11f, 0x1p+8f, 1e38f}) {
      GraphBuilder first = Node(kind, 1, {ratio, 1});
      ExpectNotSupported(first, "the first input's scale");
      GraphBuilder second = Node(kind, 1, {1, ratio});
      ExpectNotSupported(second, "the second input's scale");
    }
    GraphBuilder b = Node(kind, 1, {0x1p-10f, 0x1.FFFFFEp+7f});
    ExpectLoads(b);
  }
}

TEST_P(ScaleLimits, Multiply) {
  for (const float ratio : {0x1.FFFFFEp-17f, 0x1p+8f}) {
    GraphBuilder b = Node(NodeKind::kMultiply, 1, {ratio, 1});
    ExpectNotSupported(b, "the product of the inputs' scales");
  }
  // The product overflows, and underflows.
  for (const float scale : {1e30f, 1e-30f}) {
    GraphBuilder b = Node(NodeKind::kMultiply, scale, {scale, scale});
    ExpectNotSupported(b, "the product of the inputs' scales");
  }
  for (const float ratio : {0x1p-16f, 0x1.FFFFFEp+7f}) {
    GraphBuilder b = Node(NodeKind::kMultiply, 1, {ratio, 1});
    ExpectLoads(b);
  }
}

TEST_P(ScaleLimits, MaxPoolingOfAnEmptyRange) {
  const auto pool = [](float min, float max) {
    GraphBuilder b;
    const Quantization q = PerTensorQuantization{0.5f, 0};
    const ValueIndex x = b.Input(GetParam(), {1, 4, 4, 2}, q);
    const ValueIndex y = b.Output(GetParam(), {1, 3, 3, 2}, q);
    auto& node = b.Add(NodeKind::kMaxPooling2d, {x}, {y},
                       PoolingAttributes{.pooling_height = 2, .pooling_width = 2});
    node.output_min = min;
    node.output_max = max;
    return b;
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const auto& [min, max] :
       {std::pair(1.0f, 1.1f), std::pair(-kInfinity, -1000.0f), std::pair(1000.0f, kInfinity)}) {
    GraphBuilder b = pool(min, max);
    ExpectNotSupported(b, "holds one number");
  }
  GraphBuilder b = pool(1, 1.5f);
  ExpectLoads(b);
}

// For int8 a tiny product gives zeros; for uint8 there is an assert.
TEST(ScaleLimitsOfProducts, UnsignedFullyConnected) {
  for (const float scale : {0x1p-33f, 0x1p-32f}) {
    GraphBuilder b;
    const ValueIndex x = b.Input(kQUInt8, {3, 8}, PerTensorQuantization{scale, 7});
    const ValueIndex w =
        b.Constant(kQUInt8, {5, 8}, std::vector<uint8_t>(40, 3), PerTensorQuantization{1, 128});
    const ValueIndex y = b.Output(kQUInt8, {3, 5}, PerTensorQuantization{1, 9});
    b.Add(NodeKind::kFullyConnected, {x, w}, {y});
    if (scale < 0x1p-32f) {
      ExpectNotSupported(b, "the product of the input's and the filter's scale");
    } else {
      ExpectLoads(b);
    }
  }
}

}  // namespace
}  // namespace switchyard
