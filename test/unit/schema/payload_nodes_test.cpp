// The payload's nodes, table by table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "schema/payload.h"
#include "test/support/graph_builder.h"
#include "test/unit/schema/reading.h"

namespace switchyard {
namespace {

using test::ExpectGraph;
using test::ExpectRefusal;
using test::kInfinity;
using test::kNone;
using test::Wire;
using testing::ElementsAre;
namespace fb = payload_fb;

TEST(ReadNodes, UnknownKind) {
  Wire none;
  none.AddNode(fb::NodeUnion::NONE, 0);
  ExpectRefusal(none.Payload(), "node 0: kind 0, expected one of 1 to 47", nullptr,
                ErrorCode::kNotImplemented);
  Wire newer;
  newer.AddNode(static_cast<fb::NodeUnion>(48), fb::CreateUnary(newer.builder, 0, 0).Union());
  ExpectRefusal(newer.Payload(), "node 0: kind 48", nullptr, ErrorCode::kNotImplemented);
}

TEST(ReadNodes, NoTable) {
  Wire wire;
  wire.AddNode(fb::NodeUnion::Add, 0);
  ExpectRefusal(wire, "node 0 Add: no table");
}

TEST(ReadNodes, ValueThatIsNotThere) {
  Wire input;
  input.AddOutput(1);
  input.AddUnary(fb::NodeUnion::Abs, 7, 1);
  ExpectRefusal(input, "node 0 Abs: input 0 is value 0x7");
  Wire output;
  output.AddInput(0);
  output.AddUnary(fb::NodeUnion::Abs, 0, kNone);
  ExpectRefusal(output, "node 0 Abs: output 0 is value 0xffffffff");
}

// An absent number is 0, which is the id of a value like any other.
TEST(ReadNodes, AbsentNumbersAreValueZero) {
  Wire wire;
  wire.AddInput(0);
  wire.AddOutput(1);
  fb::UnaryBuilder table(wire.builder);
  table.add_output_id(1);
  wire.AddNode(fb::NodeUnion::Abs, table.Finish().Union());
  EXPECT_THAT(ExpectGraph(wire.Payload()).nodes[0].inputs, ElementsAre(0));
}

TEST(ReadNodes, OutputRange) {
  const auto read = [](bool present, float min, float max) {
    Wire wire;
    wire.AddInput(0);
    wire.AddOutput(1);
    const auto table = fb::CreateUnary(wire.builder, 0, 1).Union();
    const auto range = fb::CreateOutputMinMax(wire.builder, min, max);
    wire.AddNode(fb::NodeUnion::Clamp, table, present ? range : 0, 42);
    Graph graph = ExpectGraph(wire.Payload());
    EXPECT_EQ(graph.nodes[0].debug_handle, 42u);
    return std::pair(graph.nodes[0].output_min, graph.nodes[0].output_max);
  };
  EXPECT_EQ(read(false, 0, 0), std::pair(-kInfinity, kInfinity));
  EXPECT_EQ(read(true, 0, kInfinity), std::pair(0.0f, kInfinity));
  EXPECT_EQ(read(true, 0, 0), std::pair(0.0f, 0.0f));  // members that are not written
}

TEST(ReadNodes, FlagsThatMeanNothingAreDropped) {
  Wire wire;
  wire.AddInput(0);
  wire.AddOutput(1);
  wire.AddUnary(fb::NodeUnion::Convert, 0, 1, 0x180);
  EXPECT_EQ(ExpectGraph(wire.Payload()).nodes[0].flags, 0u);
  Wire other;
  other.AddInput(0);
  other.AddOutput(1);
  other.AddUnary(fb::NodeUnion::Abs, 0, 1, 0x100);
  ExpectRefusal(other, "node 0 Abs: flags 0x100");
  Wire pool;
  pool.AddInput(0, {1, 2, 2, 3});
  pool.AddOutput(1, {1, 1, 1, 3});
  pool.AddUnary(fb::NodeUnion::GlobalAvgPooling2d, 0, 1, kFlagKeepDims);
  EXPECT_EQ(ExpectGraph(pool.Payload()).nodes[0].flags, kFlagKeepDims);
}

TEST(ReadNodes, FullyConnectedWithAndWithoutBias) {
  for (const uint32_t bias : {2u, kNone}) {
    Wire wire;
    wire.AddInput(0, {2, 4});
    wire.AddInput(1, {3, 4});
    wire.AddInput(2, {3});
    wire.AddOutput(3, {2, 3});
    wire.AddNode(fb::NodeUnion::FullyConnected,
                 fb::CreateFullyConnected(wire.builder, 0, 1, bias, 3).Union());
    const Graph graph = ExpectGraph(wire.Payload());
    EXPECT_EQ(graph.nodes[0].inputs.size(), bias == kNone ? 2u : 3u);
  }
  Wire wire;
  wire.AddInput(0);
  wire.AddOutput(1);
  wire.AddNode(fb::NodeUnion::FullyConnected,
               fb::CreateFullyConnected(wire.builder, 0, kNone, kNone, 1).Union());
  ExpectRefusal(wire, "FullyConnected: input 1 is value 0xffffffff");
}

TEST(ReadNodes, Convolution) {
  Wire wire;
  wire.AddInput(0, {1, 8, 9, 4});
  wire.AddInput(1, {6, 2, 3, 2});
  wire.AddOutput(2, {1, 1, 1, 6});
  // Paddings 1 to 4 clockwise, kernel 2x3, strides 5 and 6, dilations 7 and 8, 2 groups of 2 to 3
  // channels.
  wire.AddNode(fb::NodeUnion::ConvTranspose2d,
               fb::CreateConvolution(wire.builder, 1, 2, 3, 4, 2, 3, 5, 6, 7, 8, 2, 3, 2, 9, 10, 0,
                                     1, kNone, 2, 0x20)
                   .Union());
  const Graph graph = ExpectGraph(wire.Payload());
  EXPECT_EQ(graph.nodes[0].flags, 0u);
  EXPECT_EQ(graph.nodes[0].inputs.size(), 2u);
  const auto& a = std::get<ConvolutionAttributes>(graph.nodes[0].attributes);
  EXPECT_THAT((std::vector{a.padding_top, a.padding_right, a.padding_bottom, a.padding_left}),
              ElementsAre(1, 2, 3, 4));
  EXPECT_THAT((std::vector{a.kernel_height, a.kernel_width, a.stride_height, a.stride_width,
                           a.dilation_height, a.dilation_width}),
              ElementsAre(2, 3, 5, 6, 7, 8));
  EXPECT_THAT((std::vector{a.group_input_channels, a.group_output_channels, a.groups,
                           a.adjustment_height, a.adjustment_width}),
              ElementsAre(2, 3, 2, 9, 10));
}

TEST(ReadNodes, Pooling) {
  const auto read = [](fb::NodeUnion kind, uint32_t dilation) {
    Wire wire;
    wire.AddInput(0, {1, 8, 9, 4});
    wire.AddOutput(1, {1, 1, 1, 4});
    wire.AddNode(kind, fb::CreatePooling2D(wire.builder, 1, 2, 3, 4, 5, 6, 7, 8, dilation, dilation,
                                           0, 1, kFlagKeepDims)
                           .Union());
    return std::get<PoolingAttributes>(ExpectGraph(wire.Payload()).nodes[0].attributes);
  };
  const PoolingAttributes max = read(fb::NodeUnion::MaxPooling2d, 9);
  EXPECT_THAT((std::vector{max.padding_top, max.padding_right, max.padding_bottom, max.padding_left,
                           max.pooling_height, max.pooling_width, max.stride_height,
                           max.stride_width, max.dilation_height, max.dilation_width}),
              ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 9));
  // An average pooling has none, whatever the file says.
  EXPECT_EQ(read(fb::NodeUnion::AvgPooling2d, 0).dilation_height, 1u);
}

TEST(ReadNodes, ArgMaxPoolingStridesByItsSize) {
  Wire wire;
  wire.AddInput(0, {1, 8, 9, 4});
  wire.AddOutput(1, {1, 1, 1, 4});
  wire.AddOutput(2, {1, 1, 1, 4});
  wire.AddNode(fb::NodeUnion::ArgMaxPooling2d,
               fb::CreateArgMaxPooling2d(wire.builder, 1, 2, 3, 4, 5, 6, 0, 2, 1).Union());
  const Graph graph = ExpectGraph(wire.Payload());
  EXPECT_THAT(graph.nodes[0].outputs, ElementsAre(2, 1));
  const auto& a = std::get<PoolingAttributes>(graph.nodes[0].attributes);
  EXPECT_EQ(a.stride_height, 5u);
  EXPECT_EQ(a.stride_width, 6u);
}

TEST(ReadNodes, ConcatenateOfFive) {
  Wire wire;
  for (uint32_t i = 0; i < 5; ++i) wire.AddInput(i);
  wire.AddOutput(5, {2, 20});
  wire.AddNode(fb::NodeUnion::Concatenate5,
               fb::CreateConcatenate(wire.builder, 1, 4, 3, 2, 1, 5, 0, 0).Union());
  EXPECT_THAT(ExpectGraph(wire.Payload()).nodes[0].inputs, ElementsAre(4, 3, 2, 1, 0));
}

TEST(ReadNodes, ScaledDotProductAttention) {
  Wire wire;
  for (uint32_t i = 0; i < 3; ++i) wire.AddInput(i);
  wire.AddInput(3, {4});
  wire.AddInput(4, {2, 2});
  wire.AddOutput(5);
  wire.AddNode(fb::NodeUnion::ScaledDotProductAttention,
               fb::CreateScaledDotProductAttention(wire.builder, 0, 1, 2, 3, 4, 5).Union());
  const Graph graph = ExpectGraph(wire.Payload());
  EXPECT_EQ(graph.nodes[0].kind, NodeKind::kScaledDotProductAttention);
  EXPECT_THAT(graph.nodes[0].inputs, ElementsAre(0, 1, 2, 3, 4));
}

TEST(ReadNodes, Numbers) {
  Wire wire;
  for (uint32_t i = 0; i < 3; ++i) wire.AddTensor(i + 1, {.dims = {1, 2, 2, 1}});
  wire.AddInput(0, {1, 2, 2, 1});
  wire.AddOutput(4, {1, 2, 2, 1});
  wire.AddNode(
      fb::NodeUnion::StaticResizeBilinear2D,
      fb::CreateStaticResizeBilinear2D(wire.builder, 2, 3, 0, 1, kFlagAlignCorners).Union());
  wire.AddNode(fb::NodeUnion::ELU, fb::CreateELU(wire.builder, 0.5f, 1, 2).Union());
  wire.AddNode(fb::NodeUnion::LeakyReLU, fb::CreateLeakyReLU(wire.builder, 0.25f, 2, 3).Union());
  const std::vector<uint32_t> pre = {0, 1, 0, 0}, post = {0, 0, 2, 0};
  wire.AddNode(fb::NodeUnion::StaticConstantPad,
               fb::CreateStaticConstantPadDirect(wire.builder, &pre, &post, 1.5f, 3, 4).Union());
  const Graph graph = ExpectGraph(wire.Payload());
  const auto& resize = std::get<ResizeAttributes>(graph.nodes[0].attributes);
  EXPECT_EQ(resize.new_height, 2u);
  EXPECT_EQ(resize.new_width, 3u);
  EXPECT_EQ(graph.nodes[0].flags, kFlagAlignCorners);
  EXPECT_EQ(std::get<EluAttributes>(graph.nodes[1].attributes).alpha, 0.5f);
  EXPECT_EQ(std::get<LeakyReluAttributes>(graph.nodes[2].attributes).negative_slope, 0.25f);
  const auto& pad = std::get<PadAttributes>(graph.nodes[3].attributes);
  EXPECT_EQ(pad.pre_paddings, pre);
  EXPECT_EQ(pad.post_paddings, post);
  EXPECT_EQ(pad.value, 1.5f);
}

// --- Lists --------------------------------------------------------------------------------------

using MakeList = flatbuffers::Offset<void> (*)(Wire&, uint32_t num_dims,
                                               const std::vector<uint32_t>* list);

struct ListCase {
  fb::NodeUnion kind;
  const char* name;
  MakeList make;
  bool has_num_dims = true;
};

constexpr ListCase kListCases[] = {
    {fb::NodeUnion::StaticTranspose, "permutation",
     [](Wire& wire, uint32_t num_dims, const std::vector<uint32_t>* list) {
       return fb::CreateStaticTransposeDirect(wire.builder, num_dims, list, 0, 1).Union();
     }},
    {fb::NodeUnion::StaticReshape, "new shape",
     [](Wire& wire, uint32_t num_dims, const std::vector<uint32_t>* list) {
       return fb::CreateStaticReshapeDirect(wire.builder, num_dims, list, 0, 1).Union();
     }},
    {fb::NodeUnion::StaticSlice, "offsets",
     [](Wire& wire, uint32_t num_dims, const std::vector<uint32_t>* list) {
       const std::vector<uint32_t> sizes = {1, 1};
       return fb::CreateStaticSliceDirect(wire.builder, num_dims, list, &sizes, 0, 1).Union();
     }},
    {fb::NodeUnion::StaticSlice, "sizes",
     [](Wire& wire, uint32_t num_dims, const std::vector<uint32_t>* list) {
       const std::vector<uint32_t> offsets = {1, 0};
       return fb::CreateStaticSliceDirect(wire.builder, num_dims, &offsets, list, 0, 1).Union();
     }},
    {fb::NodeUnion::StaticConstantPad, "paddings before",
     [](Wire& wire, uint32_t, const std::vector<uint32_t>* list) {
       const std::vector<uint32_t> post = {1, 0};
       return fb::CreateStaticConstantPadDirect(wire.builder, list, &post, 0, 0, 1).Union();
     },
     false},
    {fb::NodeUnion::StaticConstantPad, "paddings after",
     [](Wire& wire, uint32_t, const std::vector<uint32_t>* list) {
       const std::vector<uint32_t> pre = {1, 0};
       return fb::CreateStaticConstantPadDirect(wire.builder, &pre, list, 0, 0, 1).Union();
     },
     false},
};

TEST(ReadNodes, Lists) {
  for (const ListCase& list_case : kListCases) {
    SCOPED_TRACE(std::string(fb::EnumNameNodeUnion(list_case.kind)) + " " + list_case.name);
    const auto wire_of = [&list_case](uint32_t num_dims, const std::vector<uint32_t>* list) {
      Wire wire;
      wire.AddInput(0);
      wire.AddOutput(1);
      wire.AddNode(list_case.kind, list_case.make(wire, num_dims, list));
      return wire;
    };
    const std::vector<uint32_t> good = {1, 0}, seven(7, 0);
    Wire right = wire_of(2, &good);
    ExpectGraph(right.Payload());
    Wire absent = wire_of(2, nullptr);
    ExpectRefusal(absent, (std::string("no ") + list_case.name + ", expected a list").c_str());
    Wire too_long = wire_of(7, &seven);
    ExpectRefusal(too_long,
                  (std::string(list_case.name) + " of 7 numbers, expected at most 6").c_str());
    if (list_case.has_num_dims) {
      Wire other_length = wire_of(3, &good);
      ExpectRefusal(other_length, " of 2 numbers, expected the 3 dimensions");
    }
  }
}

}  // namespace
}  // namespace switchyard
