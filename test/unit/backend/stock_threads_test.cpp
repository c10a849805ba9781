// Stock operators on a pool whose thread count changes between what sizes their memory and what
// cuts it up: XNNPACK asks the pool anew whenever a shape changes, and gives a thread the memory of
// its number.
#include <gtest/gtest.h>

#include <cstring>
#include <format>
#include <string>
#include <vector>

#include "backend/xnnpack/remedies.h"
#include "backend/xnnpack/stock_step.h"
#include "test/support/graph_builder.h"
#include "test/unit/backend/changing_pool.h"
#include "test/unit/backend/packed_graphs.h"
#include "test/unit/backend/xnnpack/stock_runner.h"

namespace switchyard {
namespace {

using enum DataType;
using test::GraphBuilder;

// XNNPACK's memory.
test::PoisonAllocator& Memory() {
  static test::PoisonAllocator& memory = *new test::PoisonAllocator;
  return memory;
}

constexpr size_t kChannels = 37, kSide = 13;  // of images

struct Case {
  std::string name;
  Graph graph;
};

Quantization QuantizationOf(DataType type) {
  if (type != kQInt8) return {};
  return PerTensorQuantization{0.05f, 3};
}

Case Pooling(NodeKind kind, DataType type, uint32_t window) {
  GraphBuilder b;
  const size_t side = kSide - window + 1;
  const ValueIndex x = b.Input(type, {2, kSide, kSide, kChannels}, QuantizationOf(type));
  const Dims dims = {2, side, side, kChannels};
  std::vector<ValueIndex> outputs = {b.Output(type, dims, QuantizationOf(type))};
  PoolingAttributes attributes{.pooling_height = window, .pooling_width = window};
  if (kind == NodeKind::kArgMaxPooling2d) {
    outputs.push_back(b.Output(kInt32, dims));
    attributes.stride_height = attributes.stride_width = window;
    for (const ValueIndex output : outputs) {
      b.graph().values[output].dims = {2, kSide / window, kSide / window, kChannels};
    }
  }
  b.Add(kind, {x}, outputs, attributes);
  return {std::format("{}.{}.{}x{}", Info(kind).name, Name(type), window, window), b.Build()};
}

Case Depthwise(DataType type, uint32_t window) {
  GraphBuilder b;
  const size_t side = kSide - window + 1;
  const ValueIndex x = b.Input(type, {2, kSide, kSide, kChannels}, QuantizationOf(type));
  const ValueIndex y = b.Output(type, {2, side, side, kChannels}, QuantizationOf(type));
  const Dims filter = {1, window, window, kChannels};
  ValueIndex w;
  if (type == kQInt8) {
    w = b.Constant(kQCInt8, filter, test::Random(kQCInt8, *filter.NumElements(), 1),
                   b.PerChannel(3, std::vector<float>(kChannels, 0.01f)));
  } else {
    w = test::FloatConstant(b, kF32, filter, test::RandomValues(*filter.NumElements(), 1));
  }
  b.Add(NodeKind::kDepthwiseConv2d, {x, w}, {y},
        ConvolutionAttributes{.kernel_height = window,
                              .kernel_width = window,
                              .group_input_channels = 1,
                              .group_output_channels = 1,
                              .groups = kChannels});
  return {std::format("DepthwiseConv2d.{}.{}x{}", Name(type), window, window), b.Build()};
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const DataType type : {kF32, kF16, kQInt8}) {
    for (const uint32_t window : {3, 5, 7}) {
      cases.push_back(Depthwise(type, window));
      cases.push_back(Pooling(NodeKind::kMaxPooling2d, type, window));
      if (type == kQInt8) continue;
      cases.push_back(Pooling(NodeKind::kAvgPooling2d, type, window));
    }
  }
  for (const uint32_t window : {3, 4}) {
    cases.push_back(Pooling(NodeKind::kArgMaxPooling2d, kF32, window));
  }
  for (const Variant variant : {Variant::kPf32, Variant::kPf16, Variant::kPqs8Qc8w}) {
    cases.push_back(
        {std::format("Conv2d.{}", Name(variant)), test::Convolution(variant, {2, 9, 7, 5}, 21, 1)});
  }
  for (size_t i = 0; i < kNumVariants; ++i) {
    const auto variant = static_cast<Variant>(i);
    cases.push_back({std::format("FullyConnected.{}", Name(variant)),
                     test::FullyConnected(variant, 33, 21, 64)});
  }
  for (const bool constant : {false, true}) {
    cases.push_back(
        {std::format("BatchMatrixMultiply{}", constant ? ".constant" : ""),
         test::BatchMatrixMultiply(Variant::kPf32, {5, 9, 7}, {5, 7, 21}, {5, 9, 21}, constant)});
  }
  return cases;
}

std::vector<test::Tensor> Inputs(const Graph& graph) {
  std::vector<test::Tensor> inputs;
  for (const Value& value : graph.values) {
    if (!value.is_external_input) continue;
    inputs.push_back(
        {.dims = value.dims,
         .bytes = test::Random(value.type, *value.dims.NumElements(), 6 + *value.external_id)});
  }
  return inputs;
}

// The bytes that XNNPACK allocates to make and run `graph` where a pool of two answers `threads`.
size_t AllocatedBytes(const Graph& graph, size_t threads, bool use_remedies) {
  test::SetThreadsCount(threads);
  const size_t before = Memory().allocated_bytes();
  const auto result =
      test::RunStock(graph, Inputs(graph), {.use_remedies = use_remedies, .num_threads = 2});
  EXPECT_TRUE(result) << result.error().message;
  test::SetThreadsCount(test::kHonest);
  return Memory().allocated_bytes() - before;
}

class StockThreads : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitializeXnnpack(&Memory()));
    ASSERT_TRUE(XnnpackUsesOurAllocator());
  }
};

// The row pooling.by_thread is where it has to be, and nowhere else.
TEST_F(StockThreads, MemoryDoesNotFollowTheCount) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const MaskedCpu cpu = HostCpuFeatures();
    const bool by_thread =
        FindRemedy(RemedyAction::kOneThread, c.graph, c.graph.nodes[0], cpu) != nullptr;
    // Without its remedies, f16 does not run at all where the CPU has no arithmetic for it.
    const bool runs_by_itself =
        FindRemedy(RemedyAction::kComputeInF32, c.graph, c.graph.nodes[0], cpu) == nullptr;
    EXPECT_EQ(AllocatedBytes(c.graph, 2, true), AllocatedBytes(c.graph, 9, true));
    if (by_thread && runs_by_itself) {
      EXPECT_LT(AllocatedBytes(c.graph, 2, false), AllocatedBytes(c.graph, 9, false));
    }
  }
}

TEST_F(StockThreads, AnswersDoNotFollowTheCount) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const std::vector<test::Tensor> inputs = Inputs(c.graph);
    const auto expected = test::RunStock(c.graph, inputs);
    ASSERT_TRUE(expected) << expected.error().message;
    test::SetThreadsCount(test::kChanging);
    const auto found = test::RunStock(c.graph, inputs, {.num_threads = 3});
    test::SetThreadsCount(test::kHonest);
    ASSERT_TRUE(found) << found.error().message;
    for (size_t i = inputs.size(); i < expected->size(); ++i) {
      EXPECT_EQ((*found)[i].bytes, (*expected)[i].bytes) << "output " << i;
    }
    EXPECT_TRUE(Memory().IsWhole());
  }
}

}  // namespace
}  // namespace switchyard
