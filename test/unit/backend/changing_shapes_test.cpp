// What an operator keeps from one execute to the next must not reach an answer: every kind of node
// in every form that the conformance suite has of it, each dimension alone made smaller, larger and
// empty, each answer that of a delegate that has seen no other shapes.
#include <gtest/gtest.h>

#include <algorithm>
#include <format>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "schema/node_kinds.h"
#include "schema/writer.h"
#include "test/conformance/case.h"
#include "test/support/graph_builder.h"
#include "test/unit/backend/fresh_run.h"
#include "test/unit/backend/hostile_run.h"

namespace switchyard {
namespace {

using test::CompareWithFresh;
using test::EachDimensionAlone;
using test::FreshResult;
using test::GraphBuilder;

// Where a CPU is emulated a case takes longer.
#if defined(__aarch64__)
constexpr bool kIsEmulated = true;
#else
constexpr bool kIsEmulated = false;
#endif

// Only there may packed kernels make a difference.
bool HasProducts(const Graph& graph) {
  return std::ranges::any_of(graph.nodes, [](const Node& node) {
    return node.kind == NodeKind::kFullyConnected || node.kind == NodeKind::kConv2d ||
           node.kind == NodeKind::kBatchMatrixMultiply;
  });
}

FreshResult Compare(const Graph& graph, const WriterOptions& writer, bool packed,
                    const std::vector<test::InputDims>& runs) {
  const auto payload = WritePayload(graph, writer);
  if (!payload) return {.refused = payload.error()};
  return CompareWithFresh(*payload, graph, runs, /*seed=*/1, {{"packed_kernels", packed}});
}

TEST(ChangingShapes, EveryCase) {
  const auto cases = conformance::AllCases();
  ASSERT_TRUE(cases) << cases.error().ToString();
  // By kind: executes that ran. Fewer than two show nothing.
  std::map<NodeKind, size_t> most;
  std::set<std::string> seen;
  test::CrashReporter reporter;
  for (const conformance::Case& item : *cases) {
    if (item.refused || !item.must_pass) continue;
    const bool is_first = seen.insert(OperatorOf(item) + "." + VariantOf(item)).second;
    if (kIsEmulated && !is_first) continue;
    const conformance::Built built = conformance::BuildCase(item, 0);
    for (const bool packed : {true, false}) {
      if (!packed && !HasProducts(built.graph)) continue;
      const std::string name = std::format("{} packed_kernels={}", item.name, packed);
      reporter.Running(name);
      const FreshResult result =
          Compare(built.graph, built.writer, packed, EachDimensionAlone(built.graph));
      EXPECT_EQ(result.wrong, "") << name;
      for (const Node& node : built.graph.nodes) {
        most[node.kind] = std::max(most[node.kind], result.num_ran);
      }
    }
  }
  for (const NodeKindInfo& info : NodeKindTable()) {
    EXPECT_GE(most[info.kind], 5) << info.name;
  }
}

// A pool that takes the whole image is another operator of XNNPACK's, which shares what the first
// one keeps.
TEST(ChangingShapes, AveragePoolThatBecomesGlobal) {
  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {2, 7, 8, 5});
  const ValueIndex y = b.Output(DataType::kF32, {2, 7, 8, 5});
  b.Add(NodeKind::kAvgPooling2d, {x}, {y},
        PoolingAttributes{.padding_top = 1,
                          .padding_right = 1,
                          .padding_bottom = 1,
                          .padding_left = 1,
                          .pooling_height = 3,
                          .pooling_width = 3});
  const Graph graph = b.Build();
  std::vector<test::InputDims> runs;
  for (const Dims& dims :
       {Dims{2, 7, 8, 5}, Dims{2, 1, 8, 5}, Dims{2, 1, 1, 5}, Dims{2, 1, 8, 5}, Dims{2, 1, 1, 5},
        Dims{2, 1, 1, 3}, Dims{2, 1, 8, 3}, Dims{2, 7, 8, 5}}) {
    runs.push_back({dims, {}});
  }
  const FreshResult result = Compare(graph, {}, /*packed=*/true, runs);
  EXPECT_EQ(result.wrong, "");
  EXPECT_EQ(result.num_ran, runs.size());
}

}  // namespace
}  // namespace switchyard
