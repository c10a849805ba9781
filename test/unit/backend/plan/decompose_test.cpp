// What DecomposeGraph makes of an attention, and which shapes its parts take.
#include "backend/plan/decompose.h"

#include <string>
#include <vector>

#include "backend/plan/fuse.h"
#include "backend/plan/shapes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "schema/graph_check.h"
#include "test/support/graph_builder.h"
#include "test/support/infer_bounds.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using testing::ElementsAre;
using testing::HasSubstr;
using enum DataType;
using enum NodeKind;

// Bounds of query, key, value, scale and mask.
struct Bounds {
  Dims query{2, 3, 4, 8}, key{2, 3, 5, 8}, value{2, 3, 5, 6}, scale{8}, mask{4, 5};
};

// abs(query) -> attention -> abs
Graph Model(DataType type, const Bounds& bounds = {}) {
  GraphBuilder b;
  const ValueIndex x = b.Input(type, bounds.query);
  const ValueIndex query = b.Internal(type, bounds.query);
  std::vector<ValueIndex> inputs = {query};
  for (const Dims& dims : {bounds.key, bounds.value, bounds.scale, bounds.mask}) {
    inputs.push_back(b.Input(type, dims));
  }
  const ValueIndex output = b.Internal(type, {2, 3, 4, 6});
  const ValueIndex y = b.Output(type, {2, 3, 4, 6});
  b.Add(kAbs, {x}, {query});
  Node& attention = b.Add(kScaledDotProductAttention, inputs, {output});
  attention.debug_handle = 7;
  attention.output_max = 3;
  b.Add(kAbs, {output}, {y});
  return b.Build();
}

Graph Decomposed(Graph graph) {
  const Status before = CheckGraph(graph);
  EXPECT_TRUE(before) << before.error().ToString();
  DecomposeGraph(graph);
  const Status after = CheckGraph(graph);
  EXPECT_TRUE(after) << after.error().ToString();
  return graph;
}

std::vector<NodeKind> Kinds(const Graph& graph) {
  std::vector<NodeKind> kinds;
  for (const Node& node : graph.nodes) kinds.push_back(node.kind);
  return kinds;
}

TEST(DecomposeGraph, AttentionBecomesItsParts) {
  const Graph graph = Decomposed(Model(kF32));
  ASSERT_THAT(Kinds(graph), ElementsAre(kAbs, kMultiply, kBatchMatrixMultiply, kAdd, kSoftmax,
                                        kBatchMatrixMultiply, kAbs));
  for (NodeIndex n = 1; n <= 5; ++n) {
    EXPECT_EQ(graph.nodes[n].id, 1u);
    EXPECT_EQ(graph.nodes[n].debug_handle, 7u);
    EXPECT_EQ(graph.nodes[n].part_of, kScaledDotProductAttention);
  }
  EXPECT_EQ(Describe(graph, 4), "node 1 Softmax of ScaledDotProductAttention");
  EXPECT_EQ(graph.nodes[2].flags, kFlagTransposeWeights);
  EXPECT_EQ(graph.nodes[5].flags, 0u);
  EXPECT_EQ(graph.nodes[5].output_max, 3);
  const auto shapes = test::InferBounds(graph);
  ASSERT_TRUE(shapes) << shapes.error().ToString();
  // What they say of themselves is what follows.
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    EXPECT_EQ((*shapes)[i], graph.values[i].dims) << Describe(graph.values[i]);
  }
}

TEST(DecomposeGraph, NarrowFloatsAreComputedInF32) {
  for (const DataType type : {kF16, kBF16}) {
    const Graph graph = Decomposed(Model(type));
    EXPECT_THAT(Kinds(graph), ElementsAre(kAbs, kConvert, kConvert, kConvert, kConvert, kConvert,
                                          kMultiply, kBatchMatrixMultiply, kAdd, kSoftmax,
                                          kBatchMatrixMultiply, kConvert, kAbs));
    EXPECT_TRUE(test::InferBounds(graph));
  }
}

TEST(DecomposeGraph, HeadsAreBroadcast) {
  const Graph one_head = Decomposed(Model(kF32, {.key = {2, 1, 5, 8}, .value = {2, 1, 5, 6}}));
  EXPECT_TRUE(test::InferBounds(one_head));
  const Graph query_of_one = Decomposed(Model(kF32, {.query = {2, 1, 4, 8}}));
  const auto shapes = test::InferBounds(query_of_one);
  ASSERT_TRUE(shapes) << shapes.error().ToString();
  EXPECT_EQ(shapes->at(query_of_one.nodes.back().outputs[0]), (Dims{2, 3, 4, 6}));
  EXPECT_TRUE(test::InferBounds(Decomposed(Model(kF32, {.key = {5, 8}, .value = {5, 6}}))));
}

TEST(DecomposeGraph, DimsThatDoNotFitAreRefused) {
  const struct {
    Bounds bounds;
    const char* message;
  } cases[] = {
      {{.query = {2, 3, 1, 8}},
       "node 1 Add of ScaledDotProductAttention: its mask has dimensions [4, 5], expected ones "
       "that broadcast to [2, 3, 1, 5]"},
      {{.query = {2, 3, 4, 1}, .key = {2, 3, 5, 1}},
       "node 1 Multiply of ScaledDotProductAttention: its scale has dimensions [8], expected ones "
       "that broadcast to [2, 3, 4, 1]"},
      {{.key = {2, 3, 5, 7}}, "node 1 BatchMatrixMultiply of ScaledDotProductAttention"},
      {{.key = {2, 2, 5, 8}}, "node 1 BatchMatrixMultiply of ScaledDotProductAttention"},
      {{.value = {2, 3, 4, 6}}, "node 1 BatchMatrixMultiply of ScaledDotProductAttention"},
      {{.mask = {4, 4}}, "node 1 Add of ScaledDotProductAttention: its inputs have dimensions"},
  };
  for (const auto& [bounds, message] : cases) {
    const auto shapes = InferShapes(
        Decomposed(Model(kF32, bounds)),
        std::vector<Dims>{bounds.query, bounds.key, bounds.value, bounds.scale, bounds.mask});
    ASSERT_FALSE(shapes) << message;
    EXPECT_THAT(shapes.error().message, HasSubstr(message));
  }
}

// A transpose before the key becomes part of the product, which is transposed already.
TEST(DecomposeGraph, TransposedKeysAreFused) {
  GraphBuilder b;
  std::vector<ValueIndex> inputs;
  for (const Dims& dims : {Dims{3, 4, 8}, {3, 8, 5}, {3, 5, 6}, {8}, {4, 5}}) {
    inputs.push_back(b.Input(kF32, dims));
  }
  const ValueIndex key = b.Internal(kF32, {3, 5, 8});
  b.Add(kStaticTranspose, {inputs[1]}, {key}, TransposeAttributes{{0, 2, 1}});
  inputs[1] = key;
  b.Add(kScaledDotProductAttention, inputs, {b.Output(kF32, {3, 4, 6})});
  Graph graph = Decomposed(b.Build());
  FuseGraph(graph);
  EXPECT_THAT(Kinds(graph),
              ElementsAre(kMultiply, kBatchMatrixMultiply, kAdd, kSoftmax, kBatchMatrixMultiply));
  EXPECT_EQ(graph.nodes[1].flags, 0u);
  EXPECT_TRUE(test::InferBounds(graph));
}

}  // namespace
}  // namespace switchyard
