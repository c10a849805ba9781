#include "backend/plan/plan.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/graph_builder.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using testing::ElementsAre;
using testing::IsEmpty;
using enum DataType;

// Small graphs of f32 vectors: a node per call, whose output it returns.
class Builder : public GraphBuilder {
 public:
  ValueIndex In() { return Input(kF32, {2, 4}); }
  ValueIndex Unary(ValueIndex x) { return Made(NodeKind::kAbs, {x}); }
  ValueIndex Binary(ValueIndex x, ValueIndex y) { return Made(NodeKind::kAdd, {x, y}); }
  ValueIndex Layer(ValueIndex x) {
    if (filter_ == kNoValue) filter_ = Constant(kF32, {4, 4}, std::vector<float>(16));
    return Made(NodeKind::kFullyConnected, {x, filter_});
  }
  ValueIndex Quantize(ValueIndex x) {
    const ValueIndex q = Internal(kQDInt8, {2, 4}, PerTokenQuantization{1});
    Add(NodeKind::kConvert, {x}, {q});
    return q;
  }
  void MakeOutput(ValueIndex value) {
    graph().values[value].is_external_output = true;
    graph().values[value].external_id = graph().num_externals++;
  }

 private:
  ValueIndex Made(NodeKind kind, std::vector<ValueIndex> inputs) {
    const ValueIndex y = Internal(kF32, {2, 4});
    Add(kind, std::move(inputs), {y});
    return y;
  }
  ValueIndex filter_ = kNoValue;
};

// "[0 1] 2 [3 4]": islands in brackets, standalone steps bare.
std::string Text(const Plan& plan) {
  std::string text;
  for (const Step& step : plan.steps) {
    if (!text.empty()) text += ' ';
    if (const auto* island = std::get_if<IslandStep>(&step)) {
      text += '[';
      for (const NodeIndex n : island->nodes) {
        if (text.back() != '[') text += ' ';
        text += std::to_string(n);
      }
      text += ']';
    } else {
      text += std::to_string(std::get<StockOperatorStep>(step).node);
    }
  }
  return text;
}

std::vector<bool> Own(const Graph& graph, std::initializer_list<NodeIndex> nodes) {
  std::vector<bool> own(graph.nodes.size());
  for (const NodeIndex n : nodes) own[n] = true;
  return own;
}

const IslandStep& Island(const Plan& plan, size_t step) {
  return std::get<IslandStep>(plan.steps[step]);
}

TEST(MakePlan, WithoutStandaloneStepsThereIsOneIsland) {
  Builder b;
  const ValueIndex x = b.In();
  const ValueIndex y = b.Unary(x);  // 0
  const ValueIndex z = b.Layer(y);  // 1
  const ValueIndex w = b.Unary(x);  // 2, apart from the others
  b.MakeOutput(z);
  b.MakeOutput(w);
  const Graph graph = b.Build();
  const Plan plan = MakePlan(graph, Own(graph, {}));
  EXPECT_EQ(Text(plan), "[0 1 2]");
  EXPECT_THAT(Island(plan, 0).inputs, ElementsAre(x));
  EXPECT_THAT(Island(plan, 0).outputs, ElementsAre(z, w));
  EXPECT_THAT(plan.intermediates, IsEmpty());
}

TEST(MakePlan, AStandaloneStepInAChainMakesTwoIslands) {
  Builder b;
  const ValueIndex x = b.In();
  const ValueIndex y = b.Unary(x);  // 0
  const ValueIndex z = b.Layer(y);  // 1
  const ValueIndex w = b.Unary(z);  // 2
  b.MakeOutput(w);
  const Graph graph = b.Build();
  const Plan plan = MakePlan(graph, Own(graph, {1}));
  EXPECT_EQ(Text(plan), "[0] 1 [2]");
  EXPECT_THAT(Island(plan, 0).outputs, ElementsAre(y));
  EXPECT_THAT(Island(plan, 2).inputs, ElementsAre(z));
  EXPECT_THAT(plan.intermediates, ElementsAre(y, z));
}

TEST(MakePlan, ABranchAroundAStandaloneStepStaysInTheFirstIsland) {
  Builder b;
  const ValueIndex x = b.In();
  const ValueIndex y = b.Unary(x);      // 0
  const ValueIndex z = b.Layer(y);      // 1
  const ValueIndex u = b.Unary(y);      // 2
  const ValueIndex w = b.Binary(z, u);  // 3
  b.MakeOutput(w);
  const Graph graph = b.Build();
  const Plan plan = MakePlan(graph, Own(graph, {1}));
  EXPECT_EQ(Text(plan), "[0 2] 1 [3]");
  EXPECT_THAT(Island(plan, 2).inputs, ElementsAre(z, u));
}

TEST(MakePlan, StandaloneStepsThatNeedNoIslandComeFirst) {
  Builder b;
  const ValueIndex x = b.In();
  const ValueIndex a = b.Layer(x);      // 0
  const ValueIndex c = b.Layer(a);      // 1
  const ValueIndex u = b.Unary(x);      // 2
  const ValueIndex w = b.Binary(c, u);  // 3
  b.MakeOutput(w);
  const Graph graph = b.Build();
  EXPECT_EQ(Text(MakePlan(graph, Own(graph, {0, 1}))), "0 1 [2 3]");
}

TEST(MakePlan, ParallelStandaloneStepsShareAStage) {
  Builder b;
  const ValueIndex y = b.Unary(b.In());  // 0
  const ValueIndex q = b.Layer(y);       // 1
  const ValueIndex k = b.Layer(y);       // 2
  const ValueIndex w = b.Binary(q, k);   // 3
  b.MakeOutput(w);
  const Graph graph = b.Build();
  EXPECT_EQ(Text(MakePlan(graph, Own(graph, {1, 2}))), "[0] 1 2 [3]");
}

TEST(MakePlan, AConvertIsRepeatedInEveryIslandThatReadsIt) {
  Builder b;
  const ValueIndex x = b.In();
  const ValueIndex q = b.Quantize(x);   // 0
  const ValueIndex y = b.Layer(q);      // 1, island
  const ValueIndex z = b.Layer(q);      // 2, own
  const ValueIndex u = b.Binary(y, z);  // 3
  const ValueIndex v = b.Layer(q);      // 4, island
  const ValueIndex w = b.Binary(u, v);  // 5
  b.MakeOutput(w);
  Graph graph = b.Build();
  // Node 4 reads a standalone step's result, too, so that it is in the second island.
  graph.nodes[4].inputs.push_back(z);
  const Plan plan = MakePlan(graph, Own(graph, {2}));
  EXPECT_EQ(Text(plan), "2 [0 1 3 4 5]");
  const auto& own = std::get<StockOperatorStep>(plan.steps[0]);
  EXPECT_EQ(own.input, x);
  EXPECT_EQ(own.output, z);
  EXPECT_THAT(Island(plan, 1).inputs, ElementsAre(x, z));
  EXPECT_THAT(plan.intermediates, ElementsAre(z));
}

TEST(MakePlan, NoDynamicallyQuantizedValueCrossesABorder) {
  Builder b;
  const ValueIndex x = b.Unary(b.In());  // 0
  const ValueIndex q = b.Quantize(x);    // 1
  const ValueIndex y = b.Layer(q);       // 2, first island
  const ValueIndex z = b.Layer(y);       // 3, own
  const ValueIndex u = b.Binary(z, y);   // 4, second island
  const ValueIndex v = b.Layer(q);       // 5
  Graph& built = b.graph();
  built.nodes[5].inputs.push_back(u);  // as a bias: pulls node 5 into the second island
  b.MakeOutput(v);
  const Graph graph = b.Build();
  const Plan plan = MakePlan(graph, Own(graph, {3}));
  EXPECT_EQ(Text(plan), "[0 1 2] 3 [1 4 5]");
  EXPECT_THAT(Island(plan, 0).outputs, ElementsAre(x, y));
  EXPECT_THAT(Island(plan, 2).inputs, ElementsAre(x, z, y));
  EXPECT_THAT(plan.intermediates, ElementsAre(x, y, z));
}

TEST(MakePlan, AConvertThatOnlyStandaloneStepsReadIsInNoIsland) {
  Builder b;
  const ValueIndex x = b.In();
  const ValueIndex q = b.Quantize(x);  // 0
  const ValueIndex y = b.Layer(q);     // 1
  b.MakeOutput(y);
  const Graph graph = b.Build();
  const Plan plan = MakePlan(graph, Own(graph, {1}));
  EXPECT_EQ(Text(plan), "1");
  EXPECT_EQ(std::get<StockOperatorStep>(plan.steps[0]).input, x);
  EXPECT_THAT(plan.intermediates, IsEmpty());
}

TEST(MakePlan, AnOutputThatIsReadAgainIsNoIntermediate) {
  Builder b;
  const ValueIndex y = b.Unary(b.In());  // 0
  const ValueIndex z = b.Layer(y);       // 1
  b.MakeOutput(y);
  b.MakeOutput(z);
  const Graph graph = b.Build();
  const Plan plan = MakePlan(graph, Own(graph, {1}));
  EXPECT_EQ(Text(plan), "[0] 1");
  EXPECT_THAT(Island(plan, 0).outputs, ElementsAre(y));
  EXPECT_THAT(plan.intermediates, IsEmpty());
}

TEST(MakePlan, AStandaloneStepHasAPlaceForAResultThatNobodyReads) {
  Builder b;
  const ValueIndex x = b.In();
  const ValueIndex y = b.Layer(x);  // 0
  b.MakeOutput(b.Unary(x));         // 1
  const Graph graph = b.Build();
  EXPECT_THAT(MakePlan(graph, Own(graph, {0})).intermediates, ElementsAre(y));
}

TEST(MakePlan, AnEmptyGraphHasNoSteps) {
  const Graph graph;
  EXPECT_TRUE(MakePlan(graph, {}).steps.empty());
}

TEST(FirstNode, IsTheFirstOfTheStep) {
  Builder b;
  const ValueIndex y = b.Unary(b.In());
  b.MakeOutput(b.Layer(b.Unary(y)));
  const Graph graph = b.Build();
  const Plan plan = MakePlan(graph, Own(graph, {2}));
  ASSERT_EQ(plan.steps.size(), 2u);
  EXPECT_EQ(FirstNode(plan.steps[0]), 0u);
  EXPECT_EQ(FirstNode(plan.steps[1]), 2u);
}

// --- Random graphs ------------------------------------------------------------------------------

// Everything that a plan promises, by definition instead of by stage.
void ExpectSound(const Graph& graph, const std::vector<bool>& own, const Plan& plan) {
  std::vector<size_t> ready_at(graph.values.size(), SIZE_MAX);  // step after which it is there
  std::vector<int> runs(graph.nodes.size());
  const auto is_given = [&](ValueIndex v) {
    return graph.values[v].constant || graph.values[v].is_external_input;
  };
  const auto is_stored = [&](ValueIndex v) {
    return is_given(v) || graph.values[v].is_external_output ||
           std::ranges::contains(plan.intermediates, v);
  };
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    if (const auto* single = std::get_if<StockOperatorStep>(&plan.steps[s])) {
      EXPECT_TRUE(own[single->node]);
      ++runs[single->node];
      EXPECT_TRUE(is_given(single->input) || ready_at[single->input] < s);
      EXPECT_NE(graph.values[single->input].type, kQDInt8);
      EXPECT_TRUE(is_stored(single->input));
      EXPECT_TRUE(is_stored(single->output));
      ready_at[single->output] = s;
      continue;
    }
    const IslandStep& island = Island(plan, s);
    EXPECT_TRUE(std::ranges::is_sorted(island.nodes));
    std::set<ValueIndex> here;
    for (const NodeIndex n : island.nodes) {
      EXPECT_FALSE(own[n]);
      ++runs[n];
      for (const ValueIndex v : graph.nodes[n].inputs) {
        if (graph.values[v].constant || here.contains(v)) continue;
        EXPECT_TRUE(std::ranges::contains(island.inputs, v)) << "node " << n << " value " << v;
        EXPECT_TRUE(is_given(v) || ready_at[v] < s) << "node " << n << " value " << v;
        EXPECT_NE(graph.values[v].type, kQDInt8) << "crosses a border";
      }
      here.insert(graph.nodes[n].outputs.begin(), graph.nodes[n].outputs.end());
    }
    for (const ValueIndex v : island.inputs) {
      EXPECT_FALSE(here.contains(v));
      EXPECT_TRUE(is_stored(v));
    }
    for (const ValueIndex v : island.outputs) {
      EXPECT_TRUE(here.contains(v));
      EXPECT_TRUE(is_stored(v));
      ready_at[v] = s;
    }
  }
  for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
    const bool is_convert = graph.nodes[n].kind == NodeKind::kConvert;
    EXPECT_TRUE(runs[n] == 1 || is_convert) << "node " << n << " runs " << runs[n] << " times";
  }
  for (ValueIndex v = 0; v < graph.values.size(); ++v) {
    if (graph.values[v].is_external_output) EXPECT_NE(ready_at[v], SIZE_MAX);
  }
}

// No two islands could be one: for each pair there is a way from one to the other through a node
// that is in neither. (Islands of Converts alone do not exist.)
void ExpectMaximal(const Graph& graph, const Plan& plan) {
  std::vector<size_t> island_of(graph.nodes.size(), SIZE_MAX);
  std::vector<size_t> islands;
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    if (std::holds_alternative<StockOperatorStep>(plan.steps[s])) continue;
    islands.push_back(s);
    for (const NodeIndex n : Island(plan, s).nodes) {
      if (graph.nodes[n].kind != NodeKind::kConvert) island_of[n] = s;
    }
  }
  std::vector<NodeIndex> producer(graph.values.size(), UINT32_MAX);
  for (NodeIndex n = 0; n < graph.nodes.size(); ++n) producer[graph.nodes[n].outputs[0]] = n;
  for (const size_t a : islands) {
    for (const size_t b : islands) {
      if (b <= a) continue;
      // 0: not reached from a; 1: in a; 2: reached through a node outside of both.
      std::vector<int> reached(graph.nodes.size());
      bool found = false;
      for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
        int from = 0;
        for (const ValueIndex v : graph.nodes[n].inputs) {
          if (producer[v] != UINT32_MAX) from = std::max(from, reached[producer[v]]);
        }
        const bool is_convert = graph.nodes[n].kind == NodeKind::kConvert;
        const bool inside = island_of[n] == a || island_of[n] == b;
        if (island_of[n] == b && from == 2) found = true;
        if (from > 0) reached[n] = inside || is_convert ? from : 2;
        if (island_of[n] == a) reached[n] = std::max(reached[n], 1);
      }
      EXPECT_TRUE(found) << "steps " << a << " and " << b << " could be one island";
    }
  }
}

TEST(MakePlan, RandomGraphsAreSoundAndMaximal) {
  size_t max_islands = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Builder b;
    std::vector<ValueIndex> floats = {b.In(), b.In()};
    std::vector<ValueIndex> quantized;
    std::vector<bool> own;
    const size_t size = 2 + random() % 24;
    const auto any = [&random](const std::vector<ValueIndex>& from) {
      // Recent ones mostly, so that graphs are deep.
      const size_t last = std::min<size_t>(from.size(), 4);
      return from[from.size() - 1 - random() % (random() % 3 == 0 ? from.size() : last)];
    };
    while (own.size() < size) {
      const uint32_t choice = random() % 10;
      if (choice < 2) {
        quantized.push_back(b.Quantize(any(floats)));
        own.push_back(false);
      } else if (choice < 5) {
        floats.push_back(b.Binary(any(floats), any(floats)));
        own.push_back(false);
      } else {
        const bool reads_quantized = !quantized.empty() && random() % 2 == 0;
        floats.push_back(b.Layer(any(reads_quantized ? quantized : floats)));
        own.push_back(random() % 2 == 0);
      }
    }
    for (size_t i = 2; i < floats.size(); ++i) {
      if (i + 1 == floats.size() || random() % 8 == 0) b.MakeOutput(floats[i]);
    }
    const Graph graph = b.Build();
    const Plan plan = MakePlan(graph, own);
    ExpectSound(graph, own, plan);
    ExpectMaximal(graph, plan);
    size_t islands = 0;
    for (const Step& step : plan.steps) islands += std::holds_alternative<IslandStep>(step);
    max_islands = std::max(max_islands, islands);
  }
  EXPECT_GT(max_islands, 3u);
}

// XNNPACK compares each value of an island with all others: the sum of squares must stay linear in
// the number of nodes, whether they follow each other or all their results wait for the last.
TEST(MakePlan, ManyNodesMakeIslandsOfLimitedSize) {
  constexpr size_t kValues = 3 * kMaxIslandNodes;
  for (const bool all_alive : {false, true}) {
    SCOPED_TRACE(all_alive);
    Builder b;
    std::vector<ValueIndex> values = {b.In()};
    const ValueIndex q = b.Quantize(values[0]);
    for (size_t i = 0; i < kValues; ++i) {
      values.push_back(b.Unary(all_alive ? values[0] : values.back()));
    }
    ValueIndex sum = b.Layer(q);
    for (size_t i = values.size(); i-- > 1;) sum = b.Binary(sum, values[all_alive ? i : kValues]);
    b.MakeOutput(b.Binary(sum, b.Layer(q)));
    const Graph graph = b.Build();
    const std::vector<bool> own(graph.nodes.size());
    const Plan plan = MakePlan(graph, own);
    ExpectSound(graph, own, plan);
    EXPECT_EQ(plan.steps.size(), (graph.nodes.size() + kMaxIslandNodes - 2) / kMaxIslandNodes);
    for (const Step& step : plan.steps) {
      EXPECT_LE(std::get<IslandStep>(step).nodes.size(), kMaxIslandNodes + 1);
    }
  }
}

TEST(MakePlan, ManyNodesTakeLinearTime) {
  Builder b;
  ValueIndex x = b.In();
  const ValueIndex q = b.Quantize(x);
  std::vector<bool> own = {false};
  for (int i = 0; i < 100'000; ++i) {
    const bool is_own = i % 3 == 0;
    x = b.Binary(x, is_own ? b.Layer(q) : x);
    if (is_own) own.push_back(i % 2 == 0);
    own.push_back(i % 5 == 0);
  }
  b.MakeOutput(x);
  const Graph graph = b.Build();
  EXPECT_GT(MakePlan(graph, own).steps.size(), 20'000u);
}

}  // namespace
}  // namespace switchyard
