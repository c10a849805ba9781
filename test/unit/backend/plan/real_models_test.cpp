// Shape inference over the payloads of real models.
#include <string>
#include <vector>

#include "backend/plan/dim_order.h"
#include "backend/plan/plan.h"
#include "backend/plan/shapes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "schema/payload.h"
#include "test/support/infer_bounds.h"
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
    const Result<std::vector<Dims>> shapes = test::InferBounds(graph);
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

TEST(RealModels, OneIslandWithoutStandaloneSteps) {
  ForEachPayload([](const Graph& graph) {
    const Plan plan = MakePlan(graph, std::vector<bool>(graph.nodes.size()));
    EXPECT_EQ(plan.steps.size(), 1u);
    EXPECT_TRUE(plan.intermediates.empty());
    EXPECT_EQ(std::get<IslandStep>(plan.steps[0]).nodes.size(), graph.nodes.size());
  });
}

// All arguments of a graph at their bounds; inputs in the order that the graph wants.
struct Arguments {
  Arguments(const Graph& graph, const Layouts& layouts) : views(graph.num_externals) {
    for (ValueIndex i = 0; i < graph.values.size(); ++i) {
      const Value& value = graph.values[i];
      if (!value.external_id) continue;
      TensorView& view = views[*value.external_id];
      view.rank = value.dims.rank();
      const std::vector<uint8_t> order =
          value.is_external_input ? WantedDimOrder(graph, layouts, i) : DefaultDimOrder(view.rank);
      for (size_t j = 0; j < view.rank; ++j) {
        view.dim_order[j] = order[j];
        view.sizes[order[j]] = value.dims[j];
      }
    }
  }

  std::vector<TensorView> views;
};

TEST(RealModels, WantedOrdersAtTheBoundsAreAccepted) {
  ForEachPayload([](const Graph& graph) {
    const Layouts layouts(graph, /*likely=*/true);
    const Arguments arguments(graph, layouts);
    ArgumentOrders orders(graph, layouts, arguments.views);
    for (ValueIndex i = 0; i < graph.values.size(); ++i) {
      if (!graph.values[i].is_external_input) continue;
      const Result<Dims> dims = orders.PhysicalDims(i);
      ASSERT_TRUE(dims) << dims.error().ToString();
      EXPECT_EQ(*dims, graph.values[i].dims);
    }
  });
}

// No value of the exporter's is in both layouts.
TEST(RealModels, LayoutsAreConsistent) {
  ForEachPayload([](const Graph& graph) {
    for (const LayoutClaims& claims : Layouts(graph, /*likely=*/true).claims()) {
      EXPECT_TRUE(claims[0] == kNobody || claims[1] == kNobody);
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

  const Layouts layouts(*graph, /*likely=*/true);
  Arguments arguments(*graph, layouts);
  TensorView& view = arguments.views[*input->external_id];
  EXPECT_THAT(std::span(view.dim_order).first(4), testing::ElementsAre(0, 2, 3, 1));
  EXPECT_EQ(*ArgumentOrders(*graph, layouts, arguments.views).PhysicalDims(index), input->dims);

  view.dim_order = {0, 1, 2, 3};
  const Result<Dims> refused = ArgumentOrders(*graph, layouts, arguments.views).PhysicalDims(index);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("[0, 2, 3, 1]"));
}

}  // namespace
}  // namespace switchyard
