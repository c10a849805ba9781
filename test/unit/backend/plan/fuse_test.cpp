// What FuseGraph fuses and, case by case, what it leaves alone.
#include "backend/plan/fuse.h"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "backend/plan/shapes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "schema/graph_check.h"
#include "test/support/graph_builder.h"
#include "test/support/infer_bounds.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using test::kInfinity;
using testing::ElementsAre;
using testing::IsEmpty;
using enum DataType;
using enum NodeKind;

// Fuses a valid graph, which is valid afterwards and infers the same dims for its outputs.
Graph Fused(Graph graph) {
  const auto outputs = [](const Graph& g) {
    std::vector<std::string> dims;
    const Result<std::vector<Dims>> shapes = test::InferBounds(g);
    EXPECT_TRUE(shapes) << shapes.error().ToString();
    for (ValueIndex i = 0; shapes && i < g.values.size(); ++i) {
      if (g.values[i].is_external_output) dims.push_back(ToString((*shapes)[i]));
    }
    return dims;
  };
  const Status before = CheckGraph(graph);
  EXPECT_TRUE(before) << before.error().ToString();
  const std::vector<std::string> expected = outputs(graph);
  FuseGraph(graph);
  const Status after = CheckGraph(graph);
  EXPECT_TRUE(after) << after.error().ToString();
  EXPECT_EQ(outputs(graph), expected);
  return graph;
}

std::vector<NodeKind> Kinds(const Graph& graph) {
  std::vector<NodeKind> kinds;
  for (const Node& node : graph.nodes) kinds.push_back(node.kind);
  return kinds;
}

std::vector<uint32_t> AbsorbedIds(const Node& node) {
  std::vector<uint32_t> ids;
  for (const AbsorbedNode& absorbed : node.absorbed) ids.push_back(absorbed.id);
  return ids;
}

std::vector<uint32_t> ValueIds(const Graph& graph) {
  std::vector<uint32_t> ids;
  for (const Value& value : graph.values) ids.push_back(value.id);
  return ids;
}

// --- Clamp --------------------------------------------------------------------------------------

Node& AddClamp(GraphBuilder& b, ValueIndex from, ValueIndex to, float min, float max) {
  Node& clamp = b.Add(kClamp, {from}, {to});
  clamp.output_min = min;
  clamp.output_max = max;
  return clamp;
}

// x -> FullyConnected -> y, not yet an output.
struct Layer {
  GraphBuilder b;
  ValueIndex x, w, y;

  explicit Layer(DataType type = kF32)
      : x(b.Input(type, {2, 3})),
        w(b.Constant(type, {4, 3}, std::vector<std::byte>(*TensorBytes(type, {4, 3})))),
        y(b.Internal(type, {2, 4})) {
    b.Add(kFullyConnected, {x, w}, {y}).debug_handle = 7;
  }
  ValueIndex Output() { return b.Output(b.graph().values[y].type, {2, 4}); }
};

TEST(FuseClamp, BecomesBounds) {
  Layer layer;
  const ValueIndex out = layer.Output();
  AddClamp(layer.b, layer.y, out, 0, 6).debug_handle = 8;
  const Graph graph = Fused(layer.b.Build());
  ASSERT_THAT(Kinds(graph), ElementsAre(kFullyConnected));
  const Node& node = graph.nodes[0];
  EXPECT_EQ(node.output_min, 0);
  EXPECT_EQ(node.output_max, 6);
  EXPECT_EQ(node.debug_handle, 7u);
  ASSERT_EQ(node.absorbed.size(), 1u);
  EXPECT_EQ(node.absorbed[0].id, 1u);
  EXPECT_EQ(node.absorbed[0].kind, kClamp);
  EXPECT_EQ(node.absorbed[0].debug_handle, 8u);
  // What lay between them is gone; the others keep the ids that messages name.
  EXPECT_THAT(ValueIds(graph), ElementsAre(0, 1, 3));
  EXPECT_TRUE(graph.values[node.outputs[0]].is_external_output);
}

TEST(FuseClamp, AfterEveryProduct) {
  for (const NodeKind kind : {kConv2d, kDepthwiseConv2d}) {
    GraphBuilder b;
    const bool is_depthwise = kind == kDepthwiseConv2d;
    const ValueIndex x = b.Input(kF32, {1, 4, 4, 2});
    const Dims filter = is_depthwise ? Dims{1, 1, 1, 2} : Dims{2, 1, 1, 2};
    const ValueIndex w = b.Constant(kF32, filter, std::vector<float>(*filter.NumElements()));
    const ValueIndex y = b.Internal(kF32, {1, 4, 4, 2});
    ConvolutionAttributes attributes;
    attributes.groups = is_depthwise ? 2 : 1;
    attributes.group_input_channels = attributes.group_output_channels = is_depthwise ? 1 : 2;
    b.Add(kind, {x, w}, {y}, attributes);
    AddClamp(b, y, b.Output(kF32, {1, 4, 4, 2}), -1, 1);
    EXPECT_THAT(Kinds(Fused(b.Build())), ElementsAre(kind));
  }
}

// The result is that of one clamp after the other, also where their ranges only overlap.
TEST(FuseClamp, MovesInnerBoundsIntoOuterOnes) {
  const struct {
    float inner_min, inner_max, outer_min, outer_max, min, max;
  } kCases[] = {{-kInfinity, kInfinity, -1, 1, -1, 1},
                {0, 6, -1, 1, 0, 1},
                {-5, 0.5f, -1, 1, -1, 0.5f},
                {-0.5f, 0.5f, -1, 1, -0.5f, 0.5f},
                {0, kInfinity, -kInfinity, 6, 0, 6}};
  for (const auto& c : kCases) {
    Layer layer;
    layer.b.graph().nodes[0].output_min = c.inner_min;
    layer.b.graph().nodes[0].output_max = c.inner_max;
    AddClamp(layer.b, layer.y, layer.Output(), c.outer_min, c.outer_max);
    const Graph graph = Fused(layer.b.Build());
    ASSERT_THAT(Kinds(graph), ElementsAre(kFullyConnected));
    EXPECT_EQ(graph.nodes[0].output_min, c.min);
    EXPECT_EQ(graph.nodes[0].output_max, c.max);
  }
}

TEST(FuseClamp, ChainsOfThem) {
  Layer layer;
  const ValueIndex middle = layer.b.Internal(kF32, {2, 4});
  AddClamp(layer.b, layer.y, middle, 0, 6);
  AddClamp(layer.b, middle, layer.Output(), -1, 4);
  const Graph graph = Fused(layer.b.Build());
  ASSERT_THAT(Kinds(graph), ElementsAre(kFullyConnected));
  EXPECT_EQ(graph.nodes[0].output_min, 0);
  EXPECT_EQ(graph.nodes[0].output_max, 4);
  EXPECT_THAT(AbsorbedIds(graph.nodes[0]), ElementsAre(1, 2));
}

TEST(FuseClamp, NotWithASecondReader) {
  Layer layer;
  AddClamp(layer.b, layer.y, layer.Output(), 0, 6);
  layer.b.Add(kAbs, {layer.y}, {layer.Output()});
  const Graph graph = Fused(layer.b.Build());
  EXPECT_THAT(Kinds(graph), ElementsAre(kFullyConnected, kClamp, kAbs));
  EXPECT_EQ(graph.nodes[0].output_max, kInfinity);
  EXPECT_THAT(graph.nodes[0].absorbed, IsEmpty());
}

TEST(FuseClamp, NotOverAnExternalOutput) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {2, 3}), y = b.Output(kF32, {2, 4});
  const ValueIndex w = b.Constant(kF32, {4, 3}, std::vector<float>(12));
  b.Add(kFullyConnected, {x, w}, {y});
  AddClamp(b, y, b.Output(kF32, {2, 4}), 0, 6);
  EXPECT_THAT(Kinds(Fused(b.Build())), ElementsAre(kFullyConnected, kClamp));
}

TEST(FuseClamp, NotIntoOtherNodes) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {2, 3}), y = b.Internal(kF32, {2, 3});
  b.Add(kAbs, {x}, {y});
  AddClamp(b, y, b.Output(kF32, {2, 3}), 0, 6);
  EXPECT_THAT(Kinds(Fused(b.Build())), ElementsAre(kAbs, kClamp));
}

// XNNPACK's products want two numbers at least between their bounds; its Clamp does not.
TEST(FuseClamp, NotIntoASingleNumber) {
  const struct {
    DataType type;
    float min, max;
    bool fuses;
  } kCases[] = {{kF32, 2, 2, false},
                {kF32, 8, 9, false},  // of a layer that ends at 6
                {kF32, 1, 1.0001f, true},
                {kF16, 1, 1.0001f, false},
                {kF16, 1, 1.01f, true}};
  for (const auto& c : kCases) {
    Layer layer(c.type);
    layer.b.graph().nodes[0].output_max = 6;
    AddClamp(layer.b, layer.y, layer.Output(), c.min, c.max);
    const Graph graph = Fused(layer.b.Build());
    EXPECT_EQ(graph.nodes.size(), c.fuses ? 1u : 2u) << Name(c.type) << " " << c.min;
    EXPECT_EQ(graph.nodes[0].output_max, c.fuses ? c.max : 6.0f);
  }
}

// A quantized layer and a clamp to [0, max], whose output has `after`.
Graph QuantizedClamp(PerTensorQuantization before, PerTensorQuantization after, float max) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kQInt8, {2, 3}, PerTensorQuantization{0.5f, 1});
  const ValueIndex w =
      b.Constant(kQInt8, {4, 3}, std::vector<int8_t>(12), PerTensorQuantization{0.5f, 0});
  const ValueIndex y = b.Internal(kQInt8, {2, 4}, before);
  b.Add(kFullyConnected, {x, w}, {y});
  AddClamp(b, y, b.Output(kQInt8, {2, 4}, after), 0, max);
  return Fused(b.Build());
}

TEST(FuseClamp, OfQuantizedValues) {
  EXPECT_THAT(Kinds(QuantizedClamp({0.25f, -3}, {0.25f, -3}, 6)), ElementsAre(kFullyConnected));
}
TEST(FuseClamp, NotWithAnotherScale) {
  EXPECT_EQ(QuantizedClamp({0.25f, -3}, {0.5f, -3}, 6).nodes.size(), 2u);
}
TEST(FuseClamp, NotWithAnotherZeroPoint) {
  EXPECT_EQ(QuantizedClamp({0.25f, -3}, {0.25f, -4}, 6).nodes.size(), 2u);
}
TEST(FuseClamp, NotIntoASingleQuantizedNumber) {
  EXPECT_EQ(QuantizedClamp({0.25f, -3}, {0.25f, -3}, 0.1f).nodes.size(), 2u);
  EXPECT_EQ(QuantizedClamp({0.25f, -3}, {0.25f, -3}, 0.2f).nodes.size(), 1u);
}

// --- Pad ----------------------------------------------------------------------------------------

// x [1, 4, 5, 2] -> StaticConstantPad -> Conv2d 1x1 with padding 1, 2, 3, 4.
struct Padded {
  GraphBuilder b;
  PadAttributes pad = {.pre_paddings = {0, 10, 20, 0}, .post_paddings = {0, 30, 40, 0}, .value = 0};
  ConvolutionAttributes conv = {.padding_top = 1,
                                .padding_right = 2,
                                .padding_bottom = 3,
                                .padding_left = 4,
                                .group_input_channels = 2,
                                .group_output_channels = 2};
  uint32_t flags = 0;
  bool is_depthwise = false;
  bool pad_is_output = false;
  bool pad_is_read_twice = false;
  DataType type = kF32;
  PerTensorQuantization before = {0.5f, 9}, after = {0.5f, 9};

  Quantization Of(PerTensorQuantization quantization) const {
    return type == kQInt8 ? Quantization(quantization) : Quantization();
  }

  Graph Build() {
    Dims dims = {1, 4, 5, 2};
    const ValueIndex x = b.Input(type, dims, Of(before));
    for (size_t i = 0; i < 4; ++i) dims[i] += pad.pre_paddings[i] + pad.post_paddings[i];
    const ValueIndex padded =
        pad_is_output ? b.Output(type, dims, Of(after)) : b.Internal(type, dims, Of(after));
    b.Add(kStaticConstantPad, {x}, {padded}, pad).debug_handle = 5;
    conv.group_input_channels = static_cast<uint32_t>(dims[3]);
    if (is_depthwise) {
      conv.groups = conv.group_input_channels;
      conv.group_input_channels = conv.group_output_channels = 1;
    }
    const Dims filter = is_depthwise ? Dims{1, 1, 1, dims[3]} : Dims{2, 1, 1, dims[3]};
    const ValueIndex w =
        b.Constant(type, filter, std::vector<std::byte>(*TensorBytes(type, filter)), Of({0.5f, 0}));
    const ValueIndex y = b.Output(type, {1, 1, 1, 2}, Of({0.25f, 3}));
    b.Add(is_depthwise ? kDepthwiseConv2d : kConv2d, {padded, w}, {y}, conv).flags = flags;
    if (pad_is_read_twice) b.Add(kAbs, {padded}, {b.Output(type, dims)});
    return Fused(b.Build());
  }
};

void ExpectFused(const Graph& graph) {
  ASSERT_EQ(graph.nodes.size(), 1u);
  const Node& node = graph.nodes[0];
  const auto& a = std::get<ConvolutionAttributes>(node.attributes);
  EXPECT_EQ(a.padding_top, 11u);
  EXPECT_EQ(a.padding_left, 24u);
  EXPECT_EQ(a.padding_bottom, 33u);
  EXPECT_EQ(a.padding_right, 42u);
  ASSERT_EQ(node.absorbed.size(), 1u);
  EXPECT_EQ(node.absorbed[0].id, 0u);
  EXPECT_EQ(node.absorbed[0].kind, kStaticConstantPad);
  EXPECT_EQ(node.absorbed[0].debug_handle, 5u);
  EXPECT_EQ(node.id, 1u);
  EXPECT_TRUE(graph.values[node.inputs[0]].is_external_input);
  EXPECT_THAT(ValueIds(graph), ElementsAre(0, 2, 3));
}

void ExpectNotFused(const Graph& graph) {
  ASSERT_GE(graph.nodes.size(), 2u);
  EXPECT_EQ(graph.nodes[0].kind, kStaticConstantPad);
  EXPECT_EQ(std::get<ConvolutionAttributes>(graph.nodes[1].attributes).padding_top, 1u);
  EXPECT_THAT(graph.nodes[1].absorbed, IsEmpty());
}

TEST(FusePad, BecomesPadding) { ExpectFused(Padded().Build()); }

TEST(FusePad, OfADepthwiseConvolution) {
  Padded graph;
  graph.is_depthwise = true;
  ExpectFused(graph.Build());
}

// The number of a pad is a real one: zero is the zero point.
TEST(FusePad, OfQuantizedZero) {
  for (const float number : {0.0f, 0.2f, -0.2f}) {
    Padded graph;
    graph.type = kQInt8;
    graph.pad.value = number;
    ExpectFused(graph.Build());
  }
}

TEST(FusePad, NotOfANumber) {
  Padded graph;
  graph.pad.value = 0.2f;
  ExpectNotFused(graph.Build());
}

TEST(FusePad, NotOfAQuantizedNumber) {
  Padded graph;
  graph.type = kQInt8;
  graph.pad.value = 0.3f;
  ExpectNotFused(graph.Build());
}

TEST(FusePad, NotOfChannelsOrBatches) {
  for (const size_t dim : {0, 3}) {
    for (const bool before : {false, true}) {
      Padded graph;
      (before ? graph.pad.pre_paddings : graph.pad.post_paddings)[dim] = 1;
      ExpectNotFused(graph.Build());
    }
  }
}

TEST(FusePad, NotWithASecondReader) {
  Padded graph;
  graph.pad_is_read_twice = true;
  ExpectNotFused(graph.Build());
}

TEST(FusePad, NotOverAnExternalOutput) {
  Padded graph;
  graph.pad_is_output = true;
  ExpectNotFused(graph.Build());
}

TEST(FusePad, NotWithAnotherScale) {
  Padded graph;
  graph.type = kQInt8;
  graph.before.scale = 0.25f;
  ExpectNotFused(graph.Build());
}

TEST(FusePad, NotUnderSamePadding) {
  Padded graph;
  graph.conv = {};
  graph.conv.group_output_channels = 2;
  graph.flags = kFlagTensorFlowSamePadding;
  const Graph fused = graph.Build();
  EXPECT_THAT(Kinds(fused), ElementsAre(kStaticConstantPad, kConv2d));
}

// CheckGraph wants the sum of both sides in 32 bits.
TEST(FusePad, NotBeyond32Bits) {
  Padded graph;
  graph.conv.padding_top = 0xFFFFFFFF - 30;
  graph.conv.padding_bottom = 0;
  Graph fused = graph.Build();
  EXPECT_THAT(Kinds(fused), ElementsAre(kStaticConstantPad, kConv2d));
  EXPECT_EQ(std::get<ConvolutionAttributes>(fused.nodes[1].attributes).padding_top,
            0xFFFFFFFF - 30);
}

// Many pads of one value take linear time.
TEST(FusePad, ManyOfOneValue) {
  constexpr size_t kPads = 50'000;
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {1, 2, 2, 1});
  const ValueIndex w = b.Constant(kF32, {1, 1, 1, 1}, std::vector<float>(1));
  for (size_t i = 0; i < kPads; ++i) {
    const ValueIndex padded = b.Internal(kF32, {1, 3, 3, 1}), y = b.Internal(kF32, {1, 3, 3, 1});
    b.Add(kStaticConstantPad, {x}, {padded},
          PadAttributes{.pre_paddings = {0, 1, 1, 0}, .post_paddings = {0, 0, 0, 0}, .value = 0});
    b.Add(kConv2d, {padded, w}, {y}, ConvolutionAttributes{});
  }
  Graph graph = b.Build();
  const auto start = std::chrono::steady_clock::now();
  FuseGraph(graph);
  EXPECT_EQ(graph.nodes.size(), kPads);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

// --- Transpose ----------------------------------------------------------------------------------

// a [.., 5, 7] x transpose(b): `permutation` says how many dimensions they have.
struct Transposed {
  GraphBuilder b;
  std::vector<uint32_t> permutation = {0, 2, 1};
  uint32_t flags = 0;
  bool is_output = false, is_read_twice = false, is_a = false, is_both = false;

  Graph Build() {
    const size_t rank = permutation.size();
    // All are square, so that any permutation gives dims that fit.
    Dims dims;
    for (size_t i = 0; i < rank; ++i) dims.push_back(4);
    const ValueIndex a = b.Input(kF32, dims), source = b.Input(kF32, dims);
    const ValueIndex turned = is_output ? b.Output(kF32, dims) : b.Internal(kF32, dims);
    b.Add(kStaticTranspose, {source}, {turned}, TransposeAttributes{permutation});
    std::vector<ValueIndex> inputs = {a, turned};
    if (is_a) inputs = {turned, a};
    if (is_both) inputs = {turned, turned};
    b.Add(kBatchMatrixMultiply, inputs, {b.Output(kF32, dims)}).flags = flags;
    if (is_read_twice) b.Add(kAbs, {turned}, {b.Output(kF32, dims)});
    return Fused(b.Build());
  }
};

TEST(FuseTranspose, BecomesAFlag) {
  for (const std::vector<uint32_t>& permutation :
       {std::vector<uint32_t>{1, 0}, {0, 2, 1}, {0, 1, 3, 2}}) {
    Transposed product;
    product.permutation = permutation;
    const Graph graph = product.Build();
    ASSERT_THAT(Kinds(graph), ElementsAre(kBatchMatrixMultiply));
    EXPECT_EQ(graph.nodes[0].flags, kFlagTransposeWeights);
    EXPECT_THAT(AbsorbedIds(graph.nodes[0]), ElementsAre(0));
    EXPECT_THAT(graph.nodes[0].inputs, ElementsAre(0, 1));
  }
}

TEST(FuseTranspose, OfATransposedOperandIsNone) {
  Transposed product;
  product.flags = kFlagTransposeWeights;
  const Graph graph = product.Build();
  ASSERT_THAT(Kinds(graph), ElementsAre(kBatchMatrixMultiply));
  EXPECT_EQ(graph.nodes[0].flags, 0u);
}

// x times its own transpose.
TEST(FuseTranspose, OfTheOtherOperand) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {5, 7}), turned = b.Internal(kF32, {7, 5});
  b.Add(kStaticTranspose, {x}, {turned}, TransposeAttributes{{1, 0}});
  b.Add(kBatchMatrixMultiply, {x, turned}, {b.Output(kF32, {5, 5})});
  const Graph graph = Fused(b.Build());
  ASSERT_THAT(Kinds(graph), ElementsAre(kBatchMatrixMultiply));
  EXPECT_THAT(graph.nodes[0].inputs, ElementsAre(0, 0));
}

TEST(FuseTranspose, NotOfOtherDimensions) {
  for (const std::vector<uint32_t>& permutation :
       {std::vector<uint32_t>{0, 1, 2}, {1, 0, 2}, {2, 1, 0}, {1, 0, 3, 2}, {0, 3, 1, 2}}) {
    Transposed product;
    product.permutation = permutation;
    const Graph graph = product.Build();
    EXPECT_THAT(Kinds(graph), ElementsAre(kStaticTranspose, kBatchMatrixMultiply));
    EXPECT_EQ(graph.nodes[1].flags, 0u);
  }
}

TEST(FuseTranspose, NotWithASecondReader) {
  Transposed product;
  product.is_read_twice = true;
  EXPECT_EQ(product.Build().nodes.size(), 3u);
}

TEST(FuseTranspose, NotOfBothOperands) {
  Transposed product;
  product.is_both = true;
  EXPECT_EQ(product.Build().nodes.size(), 2u);
}

TEST(FuseTranspose, NotOfA) {
  Transposed product;
  product.is_a = true;
  EXPECT_EQ(product.Build().nodes.size(), 2u);
}

TEST(FuseTranspose, NotOverAnExternalOutput) {
  Transposed product;
  product.is_output = true;
  EXPECT_EQ(product.Build().nodes.size(), 2u);
}

TEST(FuseTranspose, NotOfQuantizedValues) {
  GraphBuilder b;
  const PerTensorQuantization quantization = {0.5f, 0};
  const ValueIndex x = b.Input(kQInt8, {5, 7}, quantization);
  const ValueIndex source = b.Input(kQInt8, {4, 7}, quantization);
  const ValueIndex turned = b.Internal(kQInt8, {7, 4}, quantization);
  b.Add(kStaticTranspose, {source}, {turned}, TransposeAttributes{{1, 0}});
  b.Add(kBatchMatrixMultiply, {x, turned}, {b.Output(kQInt8, {5, 4}, quantization)});
  EXPECT_EQ(Fused(b.Build()).nodes.size(), 2u);
}

// --- Together -----------------------------------------------------------------------------------

// Pad, convolution, clamp: one node. The rest keeps its order and its ids.
TEST(FuseGraph, AllAroundOneNode) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {1, 4, 4, 1});
  const ValueIndex negated = b.Internal(kF32, {1, 4, 4, 1});
  const ValueIndex padded = b.Internal(kF32, {1, 6, 6, 1});
  const ValueIndex w = b.Constant(kF32, {1, 3, 3, 1}, std::vector<float>(9));
  const ValueIndex product = b.Internal(kF32, {1, 4, 4, 1});
  const ValueIndex clamped = b.Internal(kF32, {1, 4, 4, 1});
  b.Add(kNegate, {x}, {negated});
  b.Add(kStaticConstantPad, {negated}, {padded},
        PadAttributes{.pre_paddings = {0, 1, 1, 0}, .post_paddings = {0, 1, 1, 0}, .value = 0});
  b.Add(kConv2d, {padded, w}, {product},
        ConvolutionAttributes{.kernel_height = 3, .kernel_width = 3});
  AddClamp(b, product, clamped, 0, kInfinity);
  b.Add(kAdd, {clamped, negated}, {b.Output(kF32, {1, 4, 4, 1})});
  const Graph graph = Fused(b.Build());
  ASSERT_THAT(Kinds(graph), ElementsAre(kNegate, kConv2d, kAdd));
  EXPECT_THAT(AbsorbedIds(graph.nodes[1]), testing::UnorderedElementsAre(1, 3));
  EXPECT_EQ(graph.nodes[2].id, 4u);
  EXPECT_EQ(Describe(graph, 2), "node 4 Add");
}

TEST(FuseGraph, LeavesArgumentsThatNobodyReads) {
  GraphBuilder b;
  b.Input(kF32, {3});
  const ValueIndex x = b.Input(kF32, {2});
  b.Add(kAbs, {x}, {b.Output(kF32, {2})});
  const Graph graph = Fused(b.Build());
  EXPECT_EQ(graph.num_externals, 3u);
  EXPECT_THAT(ValueIds(graph), ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace switchyard
