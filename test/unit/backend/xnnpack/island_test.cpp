// Islands: shapes that change, memory that is shared, nodes that nobody needs, threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "test/support/graph_builder.h"
#include "test/unit/backend/xnnpack/reference.h"
#include "test/unit/backend/xnnpack/stock_runner.h"

namespace switchyard::test {
namespace {

using enum DataType;

// A FullyConnected between two elementwise operators, with rows up to 64.
Graph SmallNetwork() {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {64, 8});
  const ValueIndex y = b.Output(kF32, {64, 4});
  const ValueIndex h = b.Internal(kF32, {64, 8}), z = b.Internal(kF32, {64, 4});
  b.Add(NodeKind::kNegate, {x}, {h});
  b.Add(NodeKind::kFullyConnected, {h, b.Constant(kF32, {4, 8}, RandomValues(32, 1))}, {z});
  b.Add(NodeKind::kAbs, {z}, {y});
  return b.Build();
}

std::vector<float> SmallNetworkReference(const std::vector<float>& x) {
  auto y = Product(x, RandomValues(32, 1), {}, x.size() / 8, 4, 8);
  for (float& value : y) value = std::abs(value);
  return y;
}

TEST(Island, FollowsItsInputsShapes) {
  const Graph graph = SmallNetwork();
  const auto runner = StockRunner::Create(graph);
  ASSERT_TRUE(runner) << runner.error().message;
  for (const size_t rows : {3, 64, 1, 0, 17, 0, 64}) {
    SCOPED_TRACE(rows);
    const auto x = RandomValues(rows * 8, static_cast<uint32_t>(rows));
    const auto out = (*runner)->Run({Tensor::Of({rows, 8}, x)});
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ((*out)[1].dims, Dims({rows, 4}));
    ExpectNear((*out)[1].As<float>(), SmallNetworkReference(x), 1e-5f);
  }
}

// What XNNPACK's memory plan shares is right for the shapes it was made for: here the sum may take
// the place of the operand of its own size. When that one becomes the row that is broadcast, at the
// same size of the result, it must not.
TEST(Island, PlansItsMemoryAnewForNewShapes) {
  GraphBuilder b;
  const ValueIndex p = b.Input(kF32, {4, 8}), q = b.Input(kF32, {4, 8});
  const ValueIndex y = b.Output(kF32, {4, 8});
  const ValueIndex m = b.Internal(kF32, {4, 8}), n = b.Internal(kF32, {4, 8});
  const ValueIndex s = b.Internal(kF32, {4, 8});
  b.Add(NodeKind::kNegate, {p}, {m});
  b.Add(NodeKind::kNegate, {q}, {n});
  b.Add(NodeKind::kAdd, {m, n}, {s});
  b.Add(NodeKind::kNegate, {s}, {y});
  const Graph graph = b.Build();
  const auto runner = StockRunner::Create(graph);
  ASSERT_TRUE(runner) << runner.error().message;
  const auto big = RandomValues(32, 1), row = RandomValues(8, 2);
  std::vector<float> sum(32);
  for (size_t i = 0; i < 32; ++i) sum[i] = big[i] + row[i % 8];
  for (int round = 0; round < 2; ++round) {
    const auto first = (*runner)->Run({Tensor::Of({4, 8}, big), Tensor::Of({1, 8}, row)});
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ((*first)[2].As<float>(), sum);
    const auto second = (*runner)->Run({Tensor::Of({1, 8}, row), Tensor::Of({4, 8}, big)});
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ((*second)[2].As<float>(), sum);
  }
}

// More images of fewer pixels need more quantization parameters in no more bytes.
TEST(Island, HasRoomForTheParametersOfManySmallImages) {
  constexpr size_t kImages = 64, kSize = 16, kChannels = 4;
  std::vector<int8_t> w(kChannels * kChannels);
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<int8_t>(i * 37 % 255 - 127);
  const std::vector<float> scales(kChannels, 1.0f / 128);
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {kImages, kSize, kSize, kChannels});
  const ValueIndex y = b.Output(kF32, {kImages, kSize, kSize, kChannels});
  const ValueIndex z = b.Output(kF32, {kImages, kSize, kSize, kChannels});
  const ValueIndex q =
      b.Internal(kQDInt8, {kImages, kSize, kSize, kChannels}, PerTokenQuantization{3});
  const ValueIndex n = b.Internal(kF32, {kImages, kSize, kSize, kChannels});
  b.Add(NodeKind::kConvert, {x}, {q});
  b.Add(NodeKind::kNegate, {x}, {n});
  b.Add(
      NodeKind::kConv2d,
      {q, b.Constant(kQCInt8, {kChannels, 1, 1, kChannels}, w, b.PerChannel(0, scales))}, {y},
      ConvolutionAttributes{.group_input_channels = kChannels, .group_output_channels = kChannels});
  b.Add(NodeKind::kNegate, {n}, {z});
  const Graph graph = b.Build();
  std::vector<float> real(w.size());
  for (size_t i = 0; i < w.size(); ++i) real[i] = static_cast<float>(w[i]) / 128;
  const auto runner = StockRunner::Create(graph);
  ASSERT_TRUE(runner) << runner.error().message;
  for (const auto& [images, size] : {std::pair<size_t, size_t>{1, 16}, {64, 2}, {4, 8}}) {
    SCOPED_TRACE(images);
    const size_t pixels = size * size;
    const auto in = RandomValues(images * pixels * kChannels, 3);
    const auto out = (*runner)->Run({Tensor::Of({images, size, size, kChannels}, in)});
    ASSERT_TRUE(out) << out.error().message;
    ExpectNear((*out)[1].As<float>(),
               Product(QuantizedRows(in, images, pixels * kChannels), real, {}, images * pixels,
                       kChannels, kChannels),
               2e-2f);
    EXPECT_EQ((*out)[2].As<float>(), in);
  }
}

TEST(Island, LeavesOutNodesThatNobodyNeeds) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {2, 3});
  const ValueIndex y = b.Output(kF32, {2, 3});
  const ValueIndex d1 = b.Internal(kF32, {2, 3}), d2 = b.Internal(kF32, {2, 3});
  b.Add(NodeKind::kExp, {x}, {d1});
  b.Add(NodeKind::kAbs, {d1}, {d2});
  b.Add(NodeKind::kNegate, {x}, {y});
  const Graph graph = b.Build();
  const auto out = RunStock(graph, {Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6})});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT((*out)[1].As<float>(), testing::ElementsAre(-1, -2, -3, -4, -5, -6));
}

TEST(Island, OutputsAreReadInsideToo) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {4});
  const ValueIndex y = b.Output(kF32, {4}), z = b.Output(kF32, {4});
  b.Add(NodeKind::kNegate, {x}, {y});
  Node& clamp = b.Add(NodeKind::kClamp, {y}, {z});
  clamp.output_min = -2;
  const Graph graph = b.Build();
  const auto out = RunStock(graph, {Tensor::Of<float>({4}, {1, 2, 3, 4})});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT((*out)[1].As<float>(), testing::ElementsAre(-1, -2, -3, -4));
  EXPECT_THAT((*out)[2].As<float>(), testing::ElementsAre(-1, -2, -2, -2));
}

TEST(Island, SharesItsWorkspace) {
  ASSERT_TRUE(InitializeXnnpack(&DefaultAllocator()));
  const auto workspace = XnnpackWorkspace::Create();
  ASSERT_TRUE(workspace) << workspace.error().message;
  const RunnerOptions options{.workspace = *workspace};
  const Graph graph = SmallNetwork();
  const auto a = StockRunner::Create(graph, options), b = StockRunner::Create(graph, options);
  ASSERT_TRUE(a && b);
  // In turns: each growth moves what the other one has been set up with.
  for (const size_t rows : {1, 7, 20, 3, 64, 2}) {
    for (const auto* runner : {&*a, &*b}) {
      const auto x = RandomValues(rows * 8, static_cast<uint32_t>(rows));
      const auto out = (*runner)->Run({Tensor::Of({rows, 8}, x)});
      ASSERT_TRUE(out) << out.error().message;
      ExpectNear((*out)[1].As<float>(), SmallNetworkReference(x), 1e-5f);
    }
  }
}

TEST(Island, RunsOnThreadsAndFromThreads) {
  const Graph graph = SmallNetwork();
  std::vector<std::thread> threads;
  std::vector<int> correct(4);
  for (size_t t = 0; t < correct.size(); ++t) {
    threads.emplace_back([&graph, &correct, t] {
      for (size_t i = 0; i < 10; ++i) {
        const auto x = RandomValues(64 * 8, static_cast<uint32_t>(t * 100 + i));
        const auto out = RunStock(graph, {Tensor::Of({64, 8}, x)}, {.num_threads = 2});
        if (!out) return;
        const auto found = (*out)[1].As<float>(), expected = SmallNetworkReference(x);
        for (size_t j = 0; j < found.size(); ++j) {
          if (std::abs(found[j] - expected[j]) > 1e-5f) return;
        }
      }
      correct[t] = 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(correct, testing::Each(1));
}

TEST(Island, RunWithoutReshapeIsAnError) {
  const Graph graph = SmallNetwork();
  ASSERT_TRUE(InitializeXnnpack(&DefaultAllocator()));
  const auto workspace = XnnpackWorkspace::Create();
  ASSERT_TRUE(workspace);
  const StockEnvironment environment{
      .cpu = HostCpuFeatures(), .thread_pool = nullptr, .workspace = *workspace};
  ConstantData constants{
      .bytes = std::vector<const std::byte*>(graph.values.size(), nullptr),
      .is_consumed = ConsumedByPacking(graph),
  };
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].constant) constants.bytes[i] = graph.values[i].constant->bytes.data();
  }
  const Plan plan = MakePlan(graph, std::vector<bool>(graph.nodes.size()));
  const auto island =
      CreateIsland(graph, std::get<IslandStep>(plan.steps[0]), constants, environment);
  ASSERT_TRUE(island) << island.error().message;
  const std::vector<void*> data(graph.values.size(), nullptr);
  const Status status = (*island)->Run({.values = data});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidState);
}

TEST(Island, NamesTheNodeThatXnnpackRefuses) {
  // The product of the scales is beyond what XNNPACK's int8 multiplication takes.
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {4});
  const ValueIndex y = b.Output(kQInt8, {4}, PerTensorQuantization{1e-6f, 0});
  const ValueIndex q = b.Internal(kQInt8, {4}, PerTensorQuantization{100.0f, 0});
  b.Add(NodeKind::kConvert, {x}, {q});
  b.Add(NodeKind::kMultiply, {q, q}, {y});
  const Graph graph = b.Build();
  const auto runner = StockRunner::Create(graph);
  ASSERT_FALSE(runner);
  EXPECT_THAT(runner.error().message, testing::StartsWith("node 1 Multiply"));
}

TEST(Constants, ConsumedByPackingAreThoseOfProductsOnly) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {2, 4}), y = b.Output(kF32, {2, 4}), f = b.Input(kF32, {4, 4});
  const ValueIndex h = b.Internal(kF32, {2, 4}), g = b.Internal(kF32, {2, 4});
  const ValueIndex filter = b.Constant(kF32, {4, 4}, RandomValues(16, 1));
  const ValueIndex bias = b.Constant(kF32, {4}, RandomValues(4, 2));
  const ValueIndex shared = b.Constant(kF32, {4}, RandomValues(4, 3));
  const ValueIndex unpacked = b.Constant(kF32, {4}, RandomValues(4, 4));
  b.Add(NodeKind::kFullyConnected, {x, filter, bias}, {h});
  b.Add(NodeKind::kAdd, {h, shared}, {g});
  // With a computed filter the bias is read at every run.
  b.Add(NodeKind::kFullyConnected, {g, f, unpacked}, {y});
  const Graph graph = b.Build();
  const std::vector<bool> consumed = ConsumedByPacking(graph);
  EXPECT_TRUE(consumed[filter]);
  EXPECT_TRUE(consumed[bias]);
  EXPECT_FALSE(consumed[shared]);
  EXPECT_FALSE(consumed[unpacked]);
}

TEST(Initialization, TellsWhoseAllocatorXnnpackUses) {
  ASSERT_TRUE(InitializeXnnpack(&DefaultAllocator()));
  EXPECT_TRUE(XnnpackUsesOurAllocator());
}

}  // namespace
}  // namespace switchyard::test
