// Every rule of CheckGraph, broken once in a graph that is right otherwise.
#include "schema/graph_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "schema/payload.h"
#include "test/support/graph_builder.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using test::kInfinity;
using test::kNaN;
using testing::HasSubstr;

constexpr uint16_t kBF16One = 0x3F80;

// Breaks a graph and says what the message has to contain.
struct Case {
  std::string name;
  std::function<void(Graph&)> change;
  std::string message;
};

std::ostream& operator<<(std::ostream& out, const Case& test_case) { return out << test_case.name; }

// Every case of a suite starts from the same graph, which passes.
template <Graph (*kMake)()>
class Broken : public testing::TestWithParam<Case> {
 protected:
  void Run() {
    Graph graph = kMake();
    const Status before = CheckGraph(graph);
    ASSERT_TRUE(before) << before.error().ToString();
    GetParam().change(graph);
    const Status after = CheckGraph(graph);
    ASSERT_FALSE(after) << "passes";
    EXPECT_EQ(after.error().code, ErrorCode::kInvalidProgram);
    EXPECT_THAT(after.error().message, HasSubstr(GetParam().message));
    EXPECT_THAT(after.error().message, HasSubstr("expected"));
  }
};

std::string CaseName(const testing::TestParamInfo<Case>& info) { return info.param.name; }

// --- A dynamically quantized layer with blockwise weights: values 0 to 5, nodes 0 to 2
// ------------

Graph Layer() {
  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {2, 64});
  const ValueIndex q = b.Internal(DataType::kQDInt8, {2, 64}, PerTokenQuantization{1});
  const ValueIndex w = b.Constant(DataType::kQBInt4, {8, 64}, std::vector<uint8_t>(8 * 32),
                                  b.PerGroup(0, 32, std::vector<uint16_t>(16, kBF16One)));
  const ValueIndex bias = b.Constant(DataType::kF32, {8}, std::vector<float>(8));
  const ValueIndex h = b.Internal(DataType::kF32, {2, 8});
  const ValueIndex y = b.Output(DataType::kF32, {2, 8});
  b.Add(NodeKind::kConvert, {x}, {q});
  b.Add(NodeKind::kFullyConnected, {q, w, bias}, {h});
  b.Add(NodeKind::kAbs, {h}, {y});
  return b.Build();
}

PerGroupQuantization& Groups(Graph& graph) {
  return std::get<PerGroupQuantization>(graph.values[2].quantization);
}
// Scales that live as long as the test.
std::span<const uint16_t> GroupScales(uint16_t last) {
  static std::deque<std::vector<uint16_t>> kept;
  std::vector<uint16_t> scales(16, kBF16One);
  scales.back() = last;
  return kept.emplace_back(std::move(scales));
}

using BrokenLayer = Broken<Layer>;
TEST_P(BrokenLayer, IsRefused) { Run(); }

INSTANTIATE_TEST_SUITE_P(
    Graph, BrokenLayer,
    testing::Values(
        Case{"TooManyExternals", [](Graph& g) { g.num_externals = kMaxExternals + 1; },
             "graph: 4097 arguments"},
        Case{"ExternalIdTooLarge", [](Graph& g) { g.num_externals = 1; }, "external id 1"},
        Case{"ExternalIdTwice", [](Graph& g) { g.values[5].external_id = 0; },
             "external id 0, which another value has too"},
        Case{"ExternalWithoutId", [](Graph& g) { g.values[5].external_id.reset(); },
             "external, without an external id"},
        Case{"InternalWithId", [](Graph& g) { g.values[4].external_id = 1; },
             "not external, but with an external id"},
        Case{"BothInputAndOutput", [](Graph& g) { g.values[5].is_external_input = true; },
             "both an external input and an external output"},
        Case{"ExternalQDInt8",
             [](Graph& g) {
               g.values[0].type = DataType::kQDInt8;
               g.values[0].quantization = PerTokenQuantization{1};
             },
             "expected a type that a host's tensor can have"},
        Case{"ExternalConstant",
             [](Graph& g) {
               g.values[3].is_external_input = true;
               g.values[3].external_id = 1;
               g.values[5].external_id = 2;
               g.num_externals = 3;
             },
             "both a constant and external"}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Values, BrokenLayer,
    testing::Values(Case{"TypeInvalid", [](Graph& g) { g.values[4].type = DataType::kInvalid; },
                         "no layout in memory"},
                    Case{"TypePacked", [](Graph& g) { g.values[4].type = DataType::kQPInt8; },
                         "value 4 (qpint8 [2, 8]): this type has no layout"},
                    Case{"TooManyBytes",
                         [](Graph& g) {
                           g.values[4].dims = {size_t{1} << 31, size_t{1} << 31, size_t{1} << 31};
                         },
                         "more bytes than a memory address can count"},
                    Case{"TooManyInt4Elements",
                         [](Graph& g) { g.values[2].dims = {size_t{1} << 32, size_t{1} << 32}; },
                         "more bytes than a memory address can count"},
                    Case{"QuantizationMissing", [](Graph& g) { g.values[2].quantization = {}; },
                         "no quantization parameters, expected blockwise ones"},
                    Case{"QuantizationOfFloat",
                         [](Graph& g) { g.values[4].quantization = PerTensorQuantization{1, 0}; },
                         "per-tensor quantization parameters, expected no ones"},
                    Case{"ConstantTooShort",
                         [](Graph& g) {
                           g.values[3].constant->bytes = g.values[3].constant->bytes.first(31);
                         },
                         "value 3 (fp32 [8]): 31 bytes of data, expected 32"},
                    Case{"ConstantTooLong", [](Graph& g) { g.values[3].dims = {7}; },
                         "32 bytes of data, expected 28"},
                    Case{"ConstantEmpty", [](Graph& g) { g.values[3].dims = {0}; },
                         "a constant without elements"}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Quantization, BrokenLayer,
    testing::Values(
        Case{"NoNonbatchDims", [](Graph& g) { g.values[1].quantization = PerTokenQuantization{0}; },
             "over the last 0 dimensions"},
        Case{"TooManyNonbatchDims",
             [](Graph& g) { g.values[1].quantization = PerTokenQuantization{3}; },
             "over the last 3 dimensions, expected 1 to 2"},
        Case{"DynamicConstant",
             [](Graph& g) {
               g.values[1].constant = Constant{g.values[2].constant->bytes.first(128), {}};
             },
             "quantized dynamically, but a constant"},
        Case{"GroupChannelDim", [](Graph& g) { Groups(g).channel_dim = 1; },
             "quantized blockwise along dimension 1"},
        Case{"GroupRank", [](Graph& g) { g.values[2].dims = {8, 1, 64}; },
             "3 dimensions, quantized blockwise"},
        Case{"GroupSizeZero", [](Graph& g) { Groups(g).group_size = 0; }, "group size 0"},
        Case{"GroupSizeSmall", [](Graph& g) { Groups(g).group_size = 16; }, "group size 16"},
        Case{"GroupSizeNegative", [](Graph& g) { Groups(g).group_size = 0xFFFFFFE0; },
             "group size -32"},
        Case{"GroupSizeNoDivisor", [](Graph& g) { Groups(g).group_size = 48; },
             "a divisor of the 64 input channels"},
        Case{"GroupScaleCount", [](Graph& g) { Groups(g).group_size = 64; },
             "16 scales, expected 8"},
        Case{"GroupScaleZero", [](Graph& g) { Groups(g).scales = GroupScales(0); },
             "scale 15 is 0"},
        Case{"GroupScaleSubnormal", [](Graph& g) { Groups(g).scales = GroupScales(0x007F); },
             "scale 15 is"},
        Case{"GroupScaleNegative", [](Graph& g) { Groups(g).scales = GroupScales(0xBF80); },
             "scale 15 is -1"},
        Case{"GroupScaleInfinite", [](Graph& g) { Groups(g).scales = GroupScales(0x7F80); },
             "scale 15 is inf"},
        Case{"GroupScaleNaN", [](Graph& g) { Groups(g).scales = GroupScales(0x7FC0); },
             "scale 15 is nan"}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Nodes, BrokenLayer,
    testing::Values(
        Case{"KindNone", [](Graph& g) { g.nodes[2].kind = NodeKind::kNone; }, "node 2 (kind 0)"},
        Case{"KindUnknown", [](Graph& g) { g.nodes[2].kind = static_cast<NodeKind>(48); },
             "node 2 (kind 48)"},
        Case{"TooFewInputs", [](Graph& g) { g.nodes[1].inputs.resize(1); },
             "node 1 FullyConnected: 1 inputs, expected 2 to 3"},
        Case{"TooManyInputs", [](Graph& g) { g.nodes[2].inputs.push_back(0); },
             "node 2 Abs: 2 inputs"},
        Case{"NoOutput", [](Graph& g) { g.nodes[2].outputs.clear(); }, "0 outputs, expected 1"},
        Case{"InputOutOfRange", [](Graph& g) { g.nodes[2].inputs[0] = 6; },
             "refers to value number 6"},
        Case{"OutputOutOfRange", [](Graph& g) { g.nodes[2].outputs[0] = kNoValue; },
             "refers to value number 4294967295"},
        Case{"AttributesOfAnotherKind",
             [](Graph& g) { g.nodes[2].attributes = LeakyReluAttributes{}; },
             "attributes of form 10, expected 0"},
        Case{"UnknownFlag", [](Graph& g) { g.nodes[1].flags = 0x3; }, "flags 0x3, expected only"},
        Case{"MinAboveMax",
             [](Graph& g) {
               g.nodes[1].output_max = -kInfinity;
               g.nodes[1].output_min = 0;
             },
             "output range 0 to -inf"},
        Case{"MinNaN", [](Graph& g) { g.nodes[1].output_min = kNaN; }, "output range nan"},
        Case{"MaxNaN", [](Graph& g) { g.nodes[1].output_max = kNaN; }, "to nan"},
        Case{"WritesConstant", [](Graph& g) { g.nodes[1].outputs[0] = 3; },
             "writes value 3 (fp32 [8]), which is a constant"},
        Case{"WritesInput", [](Graph& g) { g.nodes[1].outputs[0] = 0; },
             "which is an external input"},
        Case{"TwoProducers", [](Graph& g) { g.nodes[2].outputs[0] = 4; },
             "node 2 Abs: writes value 4 (fp32 [2, 8]), which node 1 FullyConnected writes too"},
        Case{"DynamicNotByConvert", [](Graph& g) { g.nodes[0].kind = NodeKind::kCopy; },
             "only a Convert"},
        Case{"NoProducer", [](Graph& g) { g.nodes.erase(g.nodes.begin()); },
             "reads value 1 (qdint8 [2, 64]), which no node writes"},
        Case{"ReadBeforeWritten", [](Graph& g) { std::swap(g.nodes[1], g.nodes[2]); },
             "node 2 Abs: reads value 4 (fp32 [2, 8]), which node 1 FullyConnected writes"},
        Case{"ReadsItself", [](Graph& g) { g.nodes[2].inputs[0] = 5; },
             "expected the producer first"},
        Case{"OutputNotWritten", [](Graph& g) { g.nodes.pop_back(); },
             "value 5 (fp32 [2, 8]): an external output that no node writes"}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    FullyConnected, BrokenLayer,
    testing::Values(
        Case{"GroupsWithTransposedFilter",
             [](Graph& g) { g.nodes[1].flags = kFlagTransposeWeights; },
             "quantized along dimension 0, expected the output channels', 1"},
        Case{"FilterRank", [](Graph& g) { g.nodes[1].inputs[1] = 3; },
             "filter value 3 (fp32 [8]), expected 2 dimensions"},
        Case{"InputRank",
             [](Graph& g) {
               g.values[0].dims = {};
               g.nodes[1].inputs[0] = 0;
             },
             "expected at least 1 dimensions"},
        Case{"BiasLength",
             [](Graph& g) {
               g.values[3].dims = {4};
               g.values[3].constant->bytes = g.values[3].constant->bytes.first(16);
             },
             "bias value 3 (fp32 [4]), expected one number for each of 8 output channels"}),
    CaseName);

// --- An attention: values 0 to 5, node 0 --------------------------------------------------------

Graph Attention() {
  GraphBuilder b;
  std::vector<ValueIndex> inputs;
  for (const Dims& dims : {Dims{2, 3, 4, 8}, {2, 3, 5, 8}, {2, 3, 5, 6}, {8}, {4, 5}}) {
    inputs.push_back(b.Input(DataType::kF32, dims));
  }
  b.Add(NodeKind::kScaledDotProductAttention, inputs, {b.Output(DataType::kF32, {2, 3, 4, 6})});
  return b.Build();
}

using BrokenAttention = Broken<Attention>;
TEST_P(BrokenAttention, IsRefused) { Run(); }

INSTANTIATE_TEST_SUITE_P(
    Dims, BrokenAttention,
    testing::Values(Case{"QueryRank", [](Graph& g) { g.values[0].dims = {8}; },
                         "reads value 0 (fp32 [8]), expected at least 2 dimensions"},
                    Case{"KeyRank", [](Graph& g) { g.values[1].dims = {2, 5, 8}; },
                         "key value 1 (fp32 [2, 5, 8]), expected as many dimensions as the query "
                         "value 0 (fp32 [2, 3, 4, 8]) has, or 2"},
                    Case{"ValueRank", [](Graph& g) { g.values[2].dims = {6}; },
                         "value value 2 (fp32 [6]), expected as many dimensions as the query"},
                    Case{"ScaleRank", [](Graph& g) { g.values[3].dims = {1, 8}; },
                         "scale value 3 (fp32 [1, 8]), expected 1 dimension"},
                    Case{"MaskRank", [](Graph& g) { g.values[4].dims = {3, 4, 5}; },
                         "mask value 4 (fp32 [3, 4, 5]), expected 2 dimensions"}),
    CaseName);

// --- A statically quantized convolution: values 0 to 3, node 0
// ------------------------------------

Graph Convolution() {
  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kQInt8, {1, 5, 7, 4}, PerTensorQuantization{0.5f, 3});
  const ValueIndex w = b.Constant(DataType::kQCInt8, {6, 3, 2, 2}, std::vector<int8_t>(72),
                                  b.PerChannel(0, std::vector<float>(6, 0.25f)));
  const ValueIndex bias = b.Constant(DataType::kQCInt32, {6}, std::vector<int32_t>(6),
                                     b.PerChannel(0, std::vector<float>(6, 0.125f)));
  const ValueIndex y = b.Output(DataType::kQInt8, {1, 3, 6, 6}, PerTensorQuantization{0.5f, -128});
  ConvolutionAttributes attributes;
  attributes.kernel_height = 3;
  attributes.kernel_width = 2;
  attributes.groups = 2;
  attributes.group_input_channels = 2;
  attributes.group_output_channels = 3;
  b.Add(NodeKind::kConv2d, {x, w, bias}, {y}, attributes);
  return b.Build();
}

ConvolutionAttributes& AttributesIn(Graph& graph) {
  return std::get<ConvolutionAttributes>(graph.nodes[0].attributes);
}
PerTensorQuantization& PerTensor(Graph& graph, ValueIndex value) {
  return std::get<PerTensorQuantization>(graph.values[value].quantization);
}
PerChannelQuantization& PerChannel(Graph& graph, ValueIndex value) {
  return std::get<PerChannelQuantization>(graph.values[value].quantization);
}
std::span<const float> ChannelScales(float last) {
  static std::deque<std::vector<float>> kept;
  std::vector<float> scales(6, 1.0f);
  scales.back() = last;
  return kept.emplace_back(std::move(scales));
}

using BrokenConvolution = Broken<Convolution>;
TEST_P(BrokenConvolution, IsRefused) { Run(); }

INSTANTIATE_TEST_SUITE_P(
    Quantization, BrokenConvolution,
    testing::Values(
        Case{"ZeroPointTooLarge", [](Graph& g) { PerTensor(g, 0).zero_point = 128; },
             "zero point 128, expected -128 to 127"},
        Case{"ZeroPointTooSmall", [](Graph& g) { PerTensor(g, 0).zero_point = -129; },
             "zero point -129"},
        Case{"ZeroPointOfUnsigned",
             [](Graph& g) {
               g.values[0].type = DataType::kQUInt8;
               PerTensor(g, 0).zero_point = -1;
             },
             "zero point -1, expected 0 to 255"},
        Case{"ZeroPointOfInt32",
             [](Graph& g) {
               g.values[2].type = DataType::kQInt32;
               g.values[2].quantization = PerTensorQuantization{1, 1};
             },
             "zero point 1, expected 0 to 0"},
        Case{"ScaleZero", [](Graph& g) { PerTensor(g, 0).scale = 0; }, "scale 0"},
        Case{"ScaleNegative", [](Graph& g) { PerTensor(g, 0).scale = -1; }, "scale -1"},
        Case{"ScaleNaN", [](Graph& g) { PerTensor(g, 0).scale = kNaN; }, "scale nan"},
        Case{"ScaleInfinite", [](Graph& g) { PerTensor(g, 0).scale = kInfinity; }, "scale inf"},
        Case{"ScaleSubnormal", [](Graph& g) { PerTensor(g, 0).scale = 1e-40f; }, "scale 1e-40"},
        Case{"ChannelDimOutOfRange", [](Graph& g) { PerChannel(g, 1).channel_dim = 4; },
             "quantized along dimension 4, expected one of its 4"},
        Case{"ChannelDimNegative", [](Graph& g) { PerChannel(g, 1).channel_dim = kNoValue; },
             "quantized along dimension -1"},
        Case{"ChannelScaleCount",
             [](Graph& g) { PerChannel(g, 1).scales = PerChannel(g, 1).scales.first(5); },
             "5 scales, expected one for each of the 6 channels"},
        Case{"ChannelScaleZero", [](Graph& g) { PerChannel(g, 1).scales = ChannelScales(0); },
             "scale 5 is 0"},
        Case{"ChannelScaleNaN", [](Graph& g) { PerChannel(g, 1).scales = ChannelScales(kNaN); },
             "scale 5 is nan"},
        // The bad scale is in a list that shares its beginning with a shorter one.
        Case{"ChannelScaleInSharedList",
             [](Graph& g) {
               PerChannel(g, 1).scales = ChannelScales(-1);
               g.values[2].dims = {5};
               g.values[2].constant->bytes = g.values[2].constant->bytes.first(20);
               PerChannel(g, 2).scales = PerChannel(g, 1).scales.first(5);
             },
             "value 1 (qcint8 [6, 3, 2, 2]): scale 5 is -1"}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Attributes, BrokenConvolution,
    testing::Values(
        Case{"InputRank", [](Graph& g) { g.values[0].dims = {5, 7, 4}; }, "expected 4 dimensions"},
        Case{"KernelHeight", [](Graph& g) { AttributesIn(g).kernel_height = 0; },
             "the kernel height is 0"},
        Case{"KernelWidth", [](Graph& g) { AttributesIn(g).kernel_width = 0; },
             "the kernel width is 0"},
        Case{"StrideHeight", [](Graph& g) { AttributesIn(g).stride_height = 0; },
             "the stride in height is 0"},
        Case{"StrideWidth", [](Graph& g) { AttributesIn(g).stride_width = 0; },
             "the stride in width is 0"},
        Case{"DilationHeight", [](Graph& g) { AttributesIn(g).dilation_height = 0; },
             "the dilation in height is 0"},
        Case{"DilationWidth", [](Graph& g) { AttributesIn(g).dilation_width = 0; },
             "the dilation in width is 0"},
        Case{"Groups", [](Graph& g) { AttributesIn(g).groups = 0; }, "the number of groups is 0"},
        Case{"GroupInputs", [](Graph& g) { AttributesIn(g).group_input_channels = 0; },
             "input channels is 0"},
        Case{"GroupOutputs", [](Graph& g) { AttributesIn(g).group_output_channels = 0; },
             "output channels is 0"},
        Case{"PaddingHeight",
             [](Graph& g) {
               AttributesIn(g).padding_top = 0x80000000;
               AttributesIn(g).padding_bottom = 0x80000000;
             },
             "padding 4294967296 and window of 3 in height"},
        Case{"PaddingWidth",
             [](Graph& g) {
               AttributesIn(g).padding_left = 0xFFFFFFFF;
               AttributesIn(g).padding_right = 1;
             },
             "in width"},
        Case{"DilationTooLarge", [](Graph& g) { AttributesIn(g).dilation_height = 0xFFFFFFFF; },
             "window of 8589934591 in height"},
        Case{"FilterKernel", [](Graph& g) { AttributesIn(g).kernel_height = 2; },
             "filter value 1 (qcint8 [6, 3, 2, 2]), expected dimensions [6, 2, 2, 2]"},
        Case{"FilterOutputs", [](Graph& g) { AttributesIn(g).group_output_channels = 6; },
             "expected dimensions [12, 3, 2, 2]"},
        Case{"FilterInputs", [](Graph& g) { AttributesIn(g).group_input_channels = 4; },
             "expected dimensions [6, 3, 2, 4]"},
        Case{"OutputsDoNotWrap",
             [](Graph& g) {
               AttributesIn(g).groups = 0x80000000;
               AttributesIn(g).group_output_channels = 0x80000000;
             },
             "expected dimensions [4611686018427387904, 3, 2, 2]"},
        Case{"FilterChannelDim",
             [](Graph& g) {
               PerChannel(g, 1).channel_dim = 1;
               PerChannel(g, 1).scales = PerChannel(g, 1).scales.first(3);
             },
             "quantized along dimension 1, expected the output channels', 0"},
        Case{"BiasLength",
             [](Graph& g) {
               g.values[2].dims = {1, 5};
               PerChannel(g, 2).scales = PerChannel(g, 2).scales.first(1);
               g.values[2].constant->bytes = g.values[2].constant->bytes.first(20);
             },
             "bias value 2 (qcint32 [1, 5])"},
        Case{"BiasScales",
             [](Graph& g) {
               g.values[2].dims = {1, 6};
               PerChannel(g, 2).scales = PerChannel(g, 2).scales.first(1);
             },
             "has 1 scales, expected one for each of 6 output channels"},
        Case{"DepthwiseGroupInputs", [](Graph& g) { g.nodes[0].kind = NodeKind::kDepthwiseConv2d; },
             "2 input channels in a group, expected 1"},
        Case{"DepthwiseFilter",
             [](Graph& g) {
               g.nodes[0].kind = NodeKind::kDepthwiseConv2d;
               AttributesIn(g).group_input_channels = 1;
             },
             "expected dimensions [1, 3, 2, 6]"},
        Case{"TransposedFlag",
             [](Graph& g) {
               g.nodes[0].kind = NodeKind::kConvTranspose2d;
               g.nodes[0].flags = kFlagTensorFlowSamePadding;
             },
             "flags 0x4, expected only bits of 0x0"}),
    CaseName);

// As slow as the values times the scales would take minutes.
TEST(CheckGraph, SharedScalesAreCheckedOnce) {
  constexpr size_t kValues = 100'000, kScales = 1'000'000;
  Graph graph;
  const std::vector<float> scales(kScales, 1.0f);
  Value value;
  value.type = DataType::kQCInt8;
  value.dims = {kScales};
  value.quantization = PerChannelQuantization{0, scales};
  graph.values.assign(kValues, value);
  const Status status = CheckGraph(graph);
  EXPECT_TRUE(status) << status.error().message;
}

}  // namespace
}  // namespace switchyard
