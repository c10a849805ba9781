// The rules for the attributes of single nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "schema/graph_check.h"
#include "test/support/graph_builder.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using test::kInfinity;
using test::kNaN;
using testing::HasSubstr;

// A graph of one node that reads f32 values with these dims.
Graph OneNode(NodeKind kind, std::vector<Dims> inputs, Attributes attributes = {},
              DataType type = DataType::kF32) {
  GraphBuilder b;
  Quantization quantization;
  if (type == DataType::kQInt8) quantization = PerTensorQuantization{1, 0};
  std::vector<ValueIndex> read, written;
  for (const Dims& dims : inputs) read.push_back(b.Input(type, dims, quantization));
  for (size_t i = 0; i < Info(kind).num_outputs; ++i) {
    written.push_back(b.Output(type, {1}, quantization));
  }
  b.Add(kind, read, written, std::move(attributes));
  return b.Build();
}

// Empty: passes.
std::string Refusal(const Graph& graph) {
  const Status status = CheckGraph(graph);
  return status ? "" : status.error().message;
}

TEST(CheckNodes, Ranks) {
  EXPECT_EQ(Refusal(OneNode(NodeKind::kSoftmax, {{3}})), "");
  EXPECT_THAT(Refusal(OneNode(NodeKind::kSoftmax, {{}})), HasSubstr("at least 1 dimensions"));
  EXPECT_EQ(Refusal(OneNode(NodeKind::kGlobalAvgPooling2d, {{1, 2, 3, 4}})), "");
  EXPECT_THAT(Refusal(OneNode(NodeKind::kGlobalAvgPooling2d, {{2, 3, 4}})),
              HasSubstr("expected 4 dimensions"));
  EXPECT_EQ(Refusal(OneNode(NodeKind::kBatchMatrixMultiply, {{2, 3}, {3, 4}})), "");
  EXPECT_THAT(Refusal(OneNode(NodeKind::kBatchMatrixMultiply, {{3}, {3, 4}})),
              HasSubstr("at least 2 dimensions"));
  EXPECT_THAT(Refusal(OneNode(NodeKind::kBatchMatrixMultiply, {{3, 4}, {3}})),
              HasSubstr("at least 2 dimensions"));
  EXPECT_EQ(Refusal(OneNode(NodeKind::kAdd, {{}, {2}})), "");
}

TEST(CheckNodes, Pooling) {
  PoolingAttributes good{.padding_top = 1, .pooling_height = 2, .pooling_width = 2};
  const std::vector<Dims> input = {{1, 5, 5, 3}};
  for (const NodeKind kind :
       {NodeKind::kAvgPooling2d, NodeKind::kMaxPooling2d, NodeKind::kArgMaxPooling2d}) {
    SCOPED_TRACE(Info(kind).name);
    EXPECT_EQ(Refusal(OneNode(kind, input, good)), "");
    EXPECT_THAT(Refusal(OneNode(kind, {{5, 5, 3}}, good)), HasSubstr("expected 4 dimensions"));
    for (const auto& [member, name] : {
             std::pair{&PoolingAttributes::pooling_height, "the pooling height is 0"},
             std::pair{&PoolingAttributes::pooling_width, "the pooling width is 0"},
             std::pair{&PoolingAttributes::stride_height, "the stride in height is 0"},
             std::pair{&PoolingAttributes::stride_width, "the stride in width is 0"},
             std::pair{&PoolingAttributes::dilation_height, "the dilation in height is 0"},
             std::pair{&PoolingAttributes::dilation_width, "the dilation in width is 0"},
         }) {
      PoolingAttributes bad = good;
      bad.*member = 0;
      EXPECT_THAT(Refusal(OneNode(kind, input, bad)), HasSubstr(name));
    }
    PoolingAttributes tall = good;
    tall.padding_bottom = 0xFFFFFFFF;
    EXPECT_THAT(Refusal(OneNode(kind, input, tall)), HasSubstr("in height"));
    PoolingAttributes wide = good;
    wide.pooling_width = wide.dilation_width = 0xFFFFFFFF;
    EXPECT_THAT(Refusal(OneNode(kind, input, wide)), HasSubstr("in width"));
  }
}

TEST(CheckNodes, Transpose) {
  const auto refusal = [](std::vector<uint32_t> permutation) {
    return Refusal(
        OneNode(NodeKind::kStaticTranspose, {{2, 3, 4}}, TransposeAttributes{permutation}));
  };
  EXPECT_EQ(refusal({2, 0, 1}), "");
  EXPECT_THAT(refusal({0, 1}), HasSubstr("permutation of 2 numbers"));
  EXPECT_THAT(refusal({0, 1, 2, 3}), HasSubstr("permutation of 4 numbers"));
  EXPECT_THAT(refusal({0, 1, 1}), HasSubstr("1 in the permutation, expected each"));
  EXPECT_THAT(refusal({0, 1, 3}), HasSubstr("3 in the permutation"));
}

TEST(CheckNodes, Reshape) {
  const auto refusal = [](std::vector<uint32_t> shape) {
    return Refusal(OneNode(NodeKind::kStaticReshape, {{2, 3, 4}}, ReshapeAttributes{shape}));
  };
  EXPECT_EQ(refusal({6, 4}), "");
  EXPECT_EQ(refusal({0, 4}), "");
  EXPECT_EQ(refusal({}), "");
  EXPECT_THAT(refusal({0, 4, 0}), HasSubstr("2 dimensions of the new shape are to be inferred"));
  EXPECT_THAT(refusal({1, 2, 3, 4, 1, 1, 1}), HasSubstr("new shape of 7 dimensions"));
  EXPECT_THAT(refusal({kNoValue, kNoValue, kNoValue}), HasSubstr("a number of elements that fits"));
}

TEST(CheckNodes, Slice) {
  const auto refusal = [](std::vector<uint32_t> offsets, std::vector<uint32_t> sizes) {
    return Refusal(OneNode(NodeKind::kStaticSlice, {{4, 4}}, SliceAttributes{offsets, sizes}));
  };
  EXPECT_EQ(refusal({1, 0}, {2, 4}), "");
  EXPECT_THAT(refusal({1}, {2, 4}), HasSubstr("offsets of 1 numbers"));
  EXPECT_THAT(refusal({1, 0}, {2, 4, 1}), HasSubstr("sizes of 3 numbers"));
}

TEST(CheckNodes, Pad) {
  const auto refusal = [](PadAttributes pad, DataType type = DataType::kF32) {
    return Refusal(OneNode(NodeKind::kStaticConstantPad, {{4, 4}}, pad, type));
  };
  EXPECT_EQ(refusal({{1, 0}, {0, 1}, -kInfinity}), "");
  EXPECT_EQ(refusal({{1, 0}, {0, 1}, 0.5f}, DataType::kQInt8), "");
  EXPECT_THAT(refusal({{1}, {0, 1}, 0}), HasSubstr("paddings before of 1 numbers"));
  EXPECT_THAT(refusal({{1, 0}, {}, 0}), HasSubstr("paddings after of 0 numbers"));
  EXPECT_THAT(refusal({{1, 0}, {0, 1}, kNaN}), HasSubstr("with nan"));
  EXPECT_THAT(refusal({{1, 0}, {0, 1}, kInfinity}, DataType::kQInt8), HasSubstr("with inf"));
}

TEST(CheckNodes, Resize) {
  const auto refusal = [](const Dims& dims, ResizeAttributes resize) {
    return Refusal(OneNode(NodeKind::kStaticResizeBilinear2D, {dims}, resize));
  };
  EXPECT_EQ(refusal({1, 2, 2, 3}, {4, 4}), "");
  EXPECT_THAT(refusal({2, 2, 3}, {4, 4}), HasSubstr("expected 4 dimensions"));
  EXPECT_THAT(refusal({1, 2, 2, 3}, {0, 4}), HasSubstr("the new height is 0"));
  EXPECT_THAT(refusal({1, 2, 2, 3}, {4, 0}), HasSubstr("the new width is 0"));
}

TEST(CheckNodes, Concatenate) {
  const auto refusal = [](uint32_t axis, const Dims& second) {
    return Refusal(OneNode(NodeKind::kConcatenate2, {{4, 4}, second}, ConcatenateAttributes{axis}));
  };
  EXPECT_EQ(refusal(1, {4, 5}), "");
  EXPECT_THAT(refusal(2, {4, 5}), HasSubstr("along dimension 2"));
  EXPECT_THAT(refusal(kNoValue, {4, 5}), HasSubstr("along dimension -1"));
  EXPECT_THAT(refusal(0, {4, 5, 6}), HasSubstr("expected equally many dimensions"));
}

TEST(CheckNodes, Activations) {
  const auto elu = [](float alpha) {
    return Refusal(OneNode(NodeKind::kELU, {{4}}, EluAttributes{alpha}));
  };
  EXPECT_EQ(elu(0.5f), "");
  for (const float alpha : {0.0f, -1.0f, kNaN, kInfinity, 1e-40f}) {
    EXPECT_THAT(elu(alpha), HasSubstr("alpha"));
  }
  const auto leaky = [](float slope) {
    return Refusal(OneNode(NodeKind::kLeakyReLU, {{4}}, LeakyReluAttributes{slope}));
  };
  EXPECT_EQ(leaky(-0.5f), "");
  for (const float slope : {kNaN, kInfinity, -kInfinity}) {
    EXPECT_THAT(leaky(slope), HasSubstr("negative slope"));
  }
}

TEST(CheckNodes, FullyConnectedWithTransposedFilter) {
  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {3, 4});
  const ValueIndex w =
      b.Constant(DataType::kQCInt8, {4, 2}, std::vector<int8_t>(8), b.PerChannel(1, {1.0f, 2.0f}));
  const ValueIndex y = b.Output(DataType::kF32, {3, 2});
  b.Add(NodeKind::kFullyConnected, {x, w}, {y}).flags = kFlagTransposeWeights;
  EXPECT_EQ(Refusal(b.graph()), "");
  b.graph().nodes[0].flags = 0;
  EXPECT_THAT(Refusal(b.graph()), HasSubstr("quantized along dimension 1"));
}

}  // namespace
}  // namespace switchyard
