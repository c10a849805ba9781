#include "backend/plan/arena.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/graph_builder.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using testing::ElementsAre;
using testing::HasSubstr;
using enum DataType;

struct Planned {
  Graph graph;
  Plan plan;
  std::vector<Dims> shapes;
};

// A chain of layers with standalone steps, of these widths; the last is external.
Planned Chain(const std::vector<size_t>& widths) {
  GraphBuilder b;
  ValueIndex x = b.Input(kF32, {1, widths[0]});
  for (size_t i = 1; i < widths.size(); ++i) {
    const Dims dims = {1, widths[i]};
    const ValueIndex y = i + 1 == widths.size() ? b.Output(kF32, dims) : b.Internal(kF32, dims);
    b.Add(NodeKind::kFullyConnected, {x, b.Constant(kF32, {1, 1}, std::vector<float>(1))}, {y});
    x = y;
  }
  Planned planned{b.Build(), {}, {}};
  planned.plan = MakePlan(planned.graph, std::vector<bool>(planned.graph.nodes.size(), true));
  for (const Value& value : planned.graph.values) planned.shapes.push_back(value.dims);
  return planned;
}

TEST(PlanArena, AChainNeedsTheLargestTwoNeighbours) {
  // 16 floats are 64 bytes, and 128 with the slack.
  const Planned p = Chain({1, 16, 16, 16, 16, 1});
  const Result<ArenaLayout> layout = PlanArena(p.graph, p.plan, p.shapes);
  ASSERT_TRUE(layout);
  EXPECT_THAT(layout->offsets, ElementsAre(0, 128, 0, 128));
  EXPECT_EQ(layout->bytes, 256u);
}

TEST(PlanArena, TheSlackIsCounted) {
  // 12 floats and 16 bytes are 64 bytes; one more float starts the next 64.
  for (const auto& [width, bytes] : {std::pair<size_t, size_t>{12, 64}, {13, 128}}) {
    const Planned p = Chain({1, width, 1});
    const Result<ArenaLayout> layout = PlanArena(p.graph, p.plan, p.shapes);
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->bytes, bytes) << width;
  }
}

TEST(PlanArena, NothingToPlaceTakesNoBytes) {
  const Planned p = Chain({1, 1});
  const Result<ArenaLayout> layout = PlanArena(p.graph, p.plan, p.shapes);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->bytes, 0u);
}

TEST(PlanArena, TooManyBytesAreAnError) {
  Planned p = Chain({1, 1, 1, 1});
  for (Dims& dims : p.shapes) dims = {size_t{1} << 40, size_t{1} << 21};
  const Result<ArenaLayout> layout = PlanArena(p.graph, p.plan, p.shapes);
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().code, ErrorCode::kMemoryAllocationFailed);
  EXPECT_THAT(layout.error().message, HasSubstr("value 3"));
  for (Dims& dims : p.shapes) dims = {size_t{1} << 40, size_t{1} << 40};
  EXPECT_FALSE(PlanArena(p.graph, p.plan, p.shapes));
}

// Random graphs: what lives at one step does not overlap.
TEST(PlanArena, ValuesThatLiveTogetherDoNotOverlap) {
  size_t shared = 0;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    GraphBuilder b;
    const ValueIndex filter = b.Constant(kF32, {1, 1}, std::vector<float>(1));
    std::vector<ValueIndex> values = {b.Input(kF32, {4})};
    std::vector<bool> own;
    for (size_t i = 0; i < 30; ++i) {
      const ValueIndex y = b.Internal(kF32, {1 + random() % 100});
      const auto any = [&] {
        return values[values.size() - 1 - random() % std::min<size_t>(values.size(), 5)];
      };
      own.push_back(random() % 3 != 0);
      b.Add(own.back() ? NodeKind::kFullyConnected : NodeKind::kAdd,
            {any(), own.back() ? filter : any()}, {y});
      values.push_back(y);
    }
    const Graph graph = b.Build();
    const Plan plan = MakePlan(graph, own);
    std::vector<Dims> shapes;
    for (const Value& value : graph.values) shapes.push_back(value.dims);
    const Result<ArenaLayout> layout = PlanArena(graph, plan, shapes);
    ASSERT_TRUE(layout);
    ASSERT_EQ(layout->offsets.size(), plan.intermediates.size());

    // Run the steps on a map of the arena: each writes its name where its results are, and each
    // reader finds the names still there.
    constexpr uint32_t kNobody = UINT32_MAX;
    std::vector<uint32_t> owner(layout->bytes, kNobody);
    size_t sum = 0;
    const auto extent = [&](ValueIndex value) {
      const auto place = std::ranges::find(plan.intermediates, value) - plan.intermediates.begin();
      const size_t offset = layout->offsets[static_cast<size_t>(place)];
      const size_t bytes = *TensorBytes(kF32, shapes[value]) + kArenaSlackBytes;
      EXPECT_EQ(offset % kArenaAlignment, 0u);
      EXPECT_LE(offset + bytes, layout->bytes);
      return std::span(owner).subspan(offset, bytes);
    };
    const auto is_placed = [&](ValueIndex value) {
      return std::ranges::contains(plan.intermediates, value);
    };
    const auto check = [&](const std::vector<ValueIndex>& inputs) {
      for (const ValueIndex value : inputs) {
        if (!is_placed(value)) continue;
        EXPECT_TRUE(std::ranges::all_of(extent(value), [&](uint32_t o) { return o == value; }))
            << Describe(graph.values[value]);
      }
    };
    const auto write = [&](ValueIndex value) {
      if (!is_placed(value)) return;
      std::ranges::fill(extent(value), value);
      sum += extent(value).size();
    };
    for (const Step& step : plan.steps) {
      if (const auto* island = std::get_if<IslandStep>(&step)) {
        for (const ValueIndex value : island->outputs) write(value);
        for (const ValueIndex value : island->outputs) check({value});
        check(island->inputs);
      } else {
        const auto& single = std::get<StockOperatorStep>(step);
        write(single.output);
        check({single.input, single.output});
      }
    }
    shared += sum > layout->bytes;
  }
  EXPECT_GT(shared, 150u);
}

TEST(PlanArena, ManyValuesTakeLittleTime) {
  std::vector<size_t> widths(100'000);
  std::mt19937 random(1);
  for (size_t& width : widths) width = 1 + random() % 1000;
  const Planned p = Chain(widths);
  const Result<ArenaLayout> layout = PlanArena(p.graph, p.plan, p.shapes);
  ASSERT_TRUE(layout);
  EXPECT_LT(layout->bytes, 20'000u);
}

}  // namespace
}  // namespace switchyard
