// Shape inference over the payloads of real models.
#include <string>
#include <vector>

#include "backend/plan/dim_order.h"
#include "backend/plan/plan.h"
#include "backend/plan/shapes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "schema/payload.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

template <typename Function>
void ForEachPayload(Function function) {
  size_t count = 0;
  for (const auto& folder : test::ModelFolders()) {
    const bool is_bundled = !exists(folder / "model.pte");
    const Result<test::Model> model =
        test::LoadModel(folder, is_bundled ? "model.bpte" : "model.pte");
    ASSERT_TRUE(model) << model.error().ToString();
    for (const test::ModelPayload& payload : model->payloads) {
      SCOPED_TRACE(payload.name);
      const Result<Graph> graph = ReadPayload(payload.bytes, model->named_data.get());
      ASSERT_TRUE(graph) << graph.error().ToString();
      function(*graph);
      ++count;
    }
  }
  EXPECT_GT(count, 100u);
}

// The exporter has written the dims of every value at the bounds: an independent source.
TEST(RealModels, InferredShapesAreTheFiles) {
  ForEachPayload([](const Graph& graph) {
    const Result<std::vector<Dims>> shapes = InferShapesAtBounds(graph);
    ASSERT_TRUE(shapes) << shapes.error().ToString();
    for (const Node& node : graph.nodes) {
      for (const ValueIndex i : node.outputs) {
        const Value& value = graph.values[i];
        Dims expected = value.dims;
        // The exporter leaves what it quantizes for a convolution in the order that it had before.
        if (value.type == DataType::kQDInt8 && expected.rank() == 4) {
          expected = {expected[0], expected[2], expected[3], expected[1]};
        }
        EXPECT_EQ(ToString((*shapes)[i]), ToString(expected)) << Describe(value);
      }
    }
    EXPECT_TRUE(CheckFootprint(graph, *shapes, uint64_t{1} << 28));
    EXPECT_TRUE(CheckRepeatedWeights(graph, /*max_workspace_bytes=*/0));
  });
}

TEST(RealModels, OneIslandWithoutOwnSteps) {
  ForEachPayload([](const Graph& graph) {
    const Plan plan = MakePlan(graph, std::vector<bool>(graph.nodes.size()));
    EXPECT_EQ(plan.steps.size(), 1u);
    EXPECT_TRUE(plan.intermediates.empty());
    EXPECT_EQ(std::get<IslandStep>(plan.steps[0]).nodes.size(), graph.nodes.size());
  });
}

TEST(RealModels, DefaultOrderAtTheBoundsIsAccepted) {
  ForEachPayload([](const Graph& graph) {
    for (ValueIndex i = 0; i < graph.values.size(); ++i) {
      const Value& value = graph.values[i];
      if (!value.is_external_input) continue;
      OwnedTensor tensor(*ExternalElementType(value.type), value.dims.span());
      const Result<Dims> dims = PhysicalDims(graph, i, tensor.View());
      ASSERT_TRUE(dims) << dims.error().ToString();
      EXPECT_EQ(*dims, value.dims);
    }
  });
}

TEST(RealModels, ChannelsLast) {
  const test::Model model = test::LoadTestModel("conv.fp32.channels_last");
  ASSERT_EQ(model.payloads.size(), 1u);
  const Result<Graph> graph = ReadPayload(model.payloads[0].bytes, model.named_data.get());
  ASSERT_TRUE(graph) << graph.error().ToString();
  const auto is_input = [](const Value& value) { return value.is_external_input; };
  const auto input = std::ranges::find_if(graph->values, is_input);
  const auto index = static_cast<ValueIndex>(input - graph->values.begin());
  ASSERT_EQ(input->dims.rank(), 4u);

  const Dims& bounds = input->dims;  // N, H, W, C
  OwnedTensor tensor(ElementType::kF32, std::vector{bounds[0], bounds[3], bounds[1], bounds[2]});
  TensorView view = tensor.View();
  const Result<Dims> refused = PhysicalDims(*graph, index, view);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("[0, 2, 3, 1]"));

  view.dim_order = {0, 2, 3, 1};
  const Result<Dims> accepted = PhysicalDims(*graph, index, view);
  ASSERT_TRUE(accepted) << accepted.error().ToString();
  EXPECT_EQ(*accepted, bounds);
}

}  // namespace
}  // namespace switchyard
