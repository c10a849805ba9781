// What a trace says of the steps of real models, on every CPU tier.
#include "backend/plan/step_description.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "backend/plan/fuse.h"
#include "backend/plan/report.h"
#include "backend/plan/shapes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cpu/mask.h"
#include "schema/payload.h"
#include "test/support/infer_bounds.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Described {
  Graph graph;
  Plan plan;
  std::vector<StepDescription> steps;
};

Described DescribeOn(const test::Model& model, const test::ModelPayload& payload,
                     std::string_view tier, bool standalone_steps = false) {
  auto graph = ReadPayload(payload.bytes, model.named_data.get());
  EXPECT_TRUE(graph) << graph.error().ToString();
  Described d = {.graph = *std::move(graph), .plan = {}, .steps = {}};
  FuseGraph(d.graph);
  const auto shapes = test::InferBounds(d.graph);
  const auto cpu = ParseCpu(tier, HostCpuFeatures());
  EXPECT_TRUE(shapes && cpu);
  const auto routes =
      RouteGraph(d.graph, GraphIndex(d.graph), *shapes, KernelTable(), *cpu, RouteOptions{});
  EXPECT_TRUE(routes) << routes.error().ToString();
  std::vector<bool> own(d.graph.nodes.size());
  for (const Node& node : d.graph.nodes) {
    own[&node - d.graph.nodes.data()] = standalone_steps && node.kind == NodeKind::kFullyConnected;
  }
  d.plan = MakePlan(d.graph, own, *routes);
  d.steps = DescribeSteps(d.graph, d.plan, *routes);
  return d;
}

// Ids of the file, so that nodes that were fused count.
std::set<uint32_t> AllNodes(const Graph& graph) {
  std::set<uint32_t> ids;
  for (const Node& node : graph.nodes) {
    ids.insert(node.id);
    for (const AbsorbedNode& absorbed : node.absorbed) ids.insert(absorbed.id);
  }
  return ids;
}

TEST(StepDescriptions, CoverEveryNodeUnderNamesOfTheirOwn) {
  size_t packed = 0;
  for (const auto& folder : test::ModelFolders()) {
    const auto model =
        test::LoadModel(folder, exists(folder / "model.pte") ? "model.pte" : "model.bpte");
    ASSERT_TRUE(model) << model.error().ToString();
    for (const test::ModelPayload& payload : model->payloads) {
      for (const char* tier : {"stock", "dotprod", "sme2"}) {
        for (const bool standalone_steps : {false, true}) {
          SCOPED_TRACE(payload.name + " on " + tier);
          const Described d = DescribeOn(*model, payload, tier, standalone_steps);
          ASSERT_EQ(d.steps.size(), d.plan.steps.size());
          std::set<std::string> names;
          std::set<uint32_t> nodes;
          for (const StepDescription& step : d.steps) {
            EXPECT_TRUE(names.insert(step.name).second) << step.name;
            EXPECT_FALSE(step.route.empty());
            EXPECT_EQ(step.nodes.size(), step.debug_handles.size());
            const bool runs_kernel = step.route == kRoutePacked || step.route == kRoutePackLhs;
            EXPECT_EQ(runs_kernel, !step.kernel.empty());
            packed += runs_kernel;
            nodes.insert(step.nodes.begin(), step.nodes.end());
          }
          EXPECT_EQ(nodes, AllNodes(d.graph));
        }
      }
    }
  }
  EXPECT_GT(packed, 100u);
}

TEST(StepDescriptions, OfAPackThatThreeNodesShare) {
  const test::Model model = test::LoadTestModel("qkv.qd8");
  const Described d = DescribeOn(model, model.payloads[0], "sme2");
  ASSERT_EQ(d.steps.size(), 4u);
  // The Convert is done while packing.
  EXPECT_THAT(d.steps[0].nodes, testing::SizeIs(4));
  const Node& convert = d.graph.nodes[0];
  ASSERT_EQ(convert.kind, NodeKind::kConvert);
  EXPECT_EQ(d.steps[0].nodes[0], convert.id);
  EXPECT_EQ(d.steps[0].debug_handles[0], convert.debug_handle);
  EXPECT_EQ(d.steps[0].route, "pack LHS");
  EXPECT_THAT(d.steps[0].name, HasSubstr("pack value "));
  EXPECT_THAT(d.steps[0].name, HasSubstr(" for node "));
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_THAT(d.steps[i].nodes, ElementsAre(d.steps[0].nodes[i]));
    EXPECT_EQ(d.steps[i].route, "packed");
    EXPECT_EQ(d.steps[i].kernel, d.steps[0].kernel);
    EXPECT_THAT(std::string(d.steps[i].kernel), HasSubstr("sme2"));
  }
}

TEST(StepDescriptions, OfAnIsland) {
  const test::Model model = test::LoadTestModel("qkv.qd8");
  const Described d = DescribeOn(model, model.payloads[0], "stock");
  ASSERT_EQ(d.steps.size(), 1u);
  EXPECT_EQ(d.steps[0].name, "island of 4 nodes from node 0 Convert");
  EXPECT_EQ(d.steps[0].route, "XNNPACK subgraph");
  EXPECT_THAT(d.steps[0].nodes, ElementsAre(0, 1, 2, 3));
}

TEST(UniqueNames, NumberThoseThatWereThere) {
  UniqueNames names;
  EXPECT_EQ(names.Make("a"), "a");
  EXPECT_EQ(names.Make("a"), "a (2)");
  EXPECT_EQ(names.Make("a (2)"), "a (2) (2)");
  EXPECT_EQ(names.Make("a"), "a (3)");
}

}  // namespace
}  // namespace switchyard
