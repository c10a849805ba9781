#include "schema/node_kinds.h"

#include <gtest/gtest.h>

#include <set>

#include "schema/graph.h"

namespace switchyard {
namespace {

// The wire's names by tag, as ExecuTorch writes them (without the prefix XNN).
constexpr std::string_view kWireNames[] = {
    "Add",
    "FullyConnected",
    "Softmax",
    "Sigmoid",
    "StaticTranspose",
    "Clamp",
    "Conv2d",
    "Div",
    "StaticResizeBilinear2D",
    "StaticConstantPad",
    "AvgPooling2d",
    "Minimum",
    "DepthwiseConv2d",
    "MaxPooling2d",
    "Multiply",
    "Subtract",
    "Floor",
    "Convert",
    "GlobalAvgPooling2d",
    "StaticReshape",
    "ArgMaxPooling2d",
    "SquareRoot",
    "Ceiling",
    "Hardswish",
    "LeakyReLU",
    "Maximum",
    "Negate",
    "Square",
    "ELU",
    "Abs",
    "PReLU",
    "Concatenate2",
    "Concatenate3",
    "Concatenate4",
    "StaticSlice",
    "ScaledDotProductAttention",
    "BatchMatrixMultiply",
    "Concatenate5",
    "ConvTranspose2d",
    "ReciprocalSquareRoot",
    "Log",
    "Gelu",
    "Tanh",
    "Exp",
    "Sin",
    "Copy",
    "Cos",
};

TEST(NodeKinds, RowsHaveTheNamesOfTheWireTags) {
  ASSERT_EQ(NodeKindTable().size(), std::size(kWireNames));
  for (size_t i = 0; i < std::size(kWireNames); ++i) {
    EXPECT_EQ(NodeKindTable()[i].name, kWireNames[i]);
    EXPECT_EQ(static_cast<size_t>(NodeKindTable()[i].kind), i + 1);
    EXPECT_EQ(&Info(static_cast<NodeKind>(i + 1)), &NodeKindTable()[i]);
  }
}

TEST(NodeKinds, ArityMakesSense) {
  for (const NodeKindInfo& info : NodeKindTable()) {
    SCOPED_TRACE(info.name);
    EXPECT_GE(info.min_inputs, 1);
    EXPECT_LE(info.min_inputs, info.max_inputs);
    EXPECT_GE(info.num_outputs, 1);
    // The only input that may be missing is a bias.
    if (info.min_inputs != info.max_inputs) EXPECT_EQ(info.max_inputs, 3);
    if (info.name.starts_with("Concatenate")) {
      EXPECT_EQ(info.max_inputs, info.name.back() - '0');
    }
  }
  EXPECT_EQ(Info(NodeKind::kArgMaxPooling2d).num_outputs, 2);
}

TEST(NodeKinds, EveryAttributeFormIsOfSomeKind) {
  std::set<AttributeKind> used;
  for (const NodeKindInfo& info : NodeKindTable()) used.insert(info.attributes);
  EXPECT_EQ(used.size(), std::variant_size_v<Attributes>);
}

TEST(TensorBytes, CountsWholeBytesOfEachRow) {
  EXPECT_EQ(TensorBytes(DataType::kF32, {2, 3}), 24u);
  EXPECT_EQ(TensorBytes(DataType::kF16, {}), 2u);
  EXPECT_EQ(TensorBytes(DataType::kQCInt4, {3, 4}), 6u);
  EXPECT_EQ(TensorBytes(DataType::kQBInt4, {3, 5}), 9u);
  EXPECT_EQ(TensorBytes(DataType::kQCInt4, {}), 1u);
  EXPECT_EQ(TensorBytes(DataType::kF32, {2, 0}), 0u);
}

TEST(TensorBytes, IsNothingWhenItDoesNotFit) {
  const size_t half = size_t{1} << 32;
  EXPECT_EQ(TensorBytes(DataType::kQInt8, {half, half}), std::nullopt);
  EXPECT_EQ(TensorBytes(DataType::kF32, {half, half / 4}), std::nullopt);
  EXPECT_EQ(TensorBytes(DataType::kQCInt4, {half, half, 2}), std::nullopt);
  EXPECT_EQ(TensorBytes(DataType::kInvalid, {1}), std::nullopt);
}

TEST(Describe, NamesTheObject) {
  Graph graph;
  graph.nodes.resize(2);
  graph.nodes[1].id = 12;
  graph.nodes[1].kind = NodeKind::kFullyConnected;
  EXPECT_EQ(Describe(graph, 0), "node 0 (kind 0)");
  EXPECT_EQ(Describe(graph, 1), "node 12 FullyConnected");
  Value value;
  value.id = 7;
  value.type = DataType::kF32;
  value.dims = {2, 3};
  EXPECT_EQ(Describe(value), "value 7 (fp32 [2, 3])");
}

}  // namespace
}  // namespace switchyard
