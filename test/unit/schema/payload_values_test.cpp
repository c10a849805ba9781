// The payload's values: types, dimensions, flags, the oldest dynamic form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/payload.h"
#include "test/unit/schema/reading.h"

namespace switchyard {
namespace {

using test::ExpectGraph;
using test::ExpectRefusal;
using test::kNone;
using test::Wire;
using testing::ElementsAre;
namespace fb = payload_fb;

// --- Tensors ------------------------------------------------------------------------------------

TEST(ReadValues, NoTensor) {
  Wire none;
  none.AddValue(fb::ValueUnion::NONE, 0);
  ExpectRefusal(none, "value at place 0: no tensor in a value of form 0");
  Wire unknown;
  unknown.AddValue(static_cast<fb::ValueUnion>(3), unknown.Tensor(0, {}).Union());
  ExpectRefusal(unknown, "no tensor in a value of form 3");
  Wire absent;
  absent.AddValue(fb::ValueUnion::TensorValue, 0);
  ExpectRefusal(absent, "no tensor in a value of form 1");
  Wire quantized;
  quantized.AddValue(fb::ValueUnion::QuantizedTensorValue,
                     fb::CreateQuantizedTensorValue(quantized.builder).Union());
  ExpectRefusal(quantized, "no tensor in a value of form 2");
}

TEST(ReadValues, Ids) {
  Wire none;
  none.AddTensor(kNone, {});
  ExpectRefusal(none, "id 0xffffffff, which means \"no value\"");
  Wire twice;
  twice.AddTensor(3, {});
  twice.AddTensor(1, {});
  twice.AddTensor(3, {});
  ExpectRefusal(twice, "value 3: the values at places 0 and 2 both have this id");
  // Any order, with holes, up to the last one.
  Wire sparse;
  sparse.AddInput(kNone - 1);
  sparse.AddOutput(0);
  sparse.AddUnary(fb::NodeUnion::Abs, kNone - 1, 0);
  EXPECT_THAT(ExpectGraph(sparse.Payload()).nodes[0].inputs, ElementsAre(0));
}

TEST(ReadValues, TypesByName) {
  const auto read = [](fb::DataType type) {
    Wire wire;
    wire.AddTensor(0, {.type = type});
    return ExpectGraph(wire.Payload()).values[0].type;
  };
  EXPECT_EQ(read(fb::DataType::FP32), DataType::kF32);
  EXPECT_EQ(read(fb::DataType::FP16), DataType::kF16);
  EXPECT_EQ(read(fb::DataType::BF16), DataType::kBF16);
  EXPECT_EQ(read(static_cast<fb::DataType>(12)), DataType::kInt32);
}

TEST(ReadValues, QuantizedTypesByName) {
  const auto read = [](int type, fb::QuantParams form) {
    Wire wire;
    flatbuffers::Offset<void> parameters;
    const std::vector<float> scales = {1, 1};
    const std::vector<uint16_t> group_scales = {0x3F80, 0x3F80};
    switch (form) {
      case fb::QuantParams::PerTensorQuant:
        parameters = fb::CreatePerTensorQuant(wire.builder, 1, 0).Union();
        break;
      case fb::QuantParams::PerChannelQuant:
        parameters = fb::CreatePerChannelQuantDirect(wire.builder, &scales).Union();
        break;
      case fb::QuantParams::PerTokenDynamicQuant:
        parameters = fb::CreatePerTokenDynamicQuant(wire.builder, 1).Union();
        break;
      default:
        parameters =
            fb::CreatePerChannelGroupQuantDirect(wire.builder, nullptr, 0, 32, &group_scales)
                .Union();
    }
    wire.AddQuantized(0, {.type = static_cast<fb::DataType>(type), .dims = {2, 32}}, form,
                      parameters);
    return ExpectGraph(wire.Payload()).values[0].type;
  };
  EXPECT_EQ(read(3, fb::QuantParams::PerTensorQuant), DataType::kQInt8);
  EXPECT_EQ(read(4, fb::QuantParams::PerTensorQuant), DataType::kQUInt8);
  EXPECT_EQ(read(5, fb::QuantParams::PerTensorQuant), DataType::kQInt32);
  EXPECT_EQ(read(6, fb::QuantParams::PerChannelQuant), DataType::kQCInt8);
  EXPECT_EQ(read(7, fb::QuantParams::PerChannelQuant), DataType::kQCInt32);
  EXPECT_EQ(read(8, fb::QuantParams::PerChannelQuant), DataType::kQCInt4);
  EXPECT_EQ(read(9, fb::QuantParams::PerTokenDynamicQuant), DataType::kQDInt8);
  EXPECT_EQ(read(10, fb::QuantParams::PerChannelGroupQuant), DataType::kQBInt4);
}

TEST(ReadValues, UnknownTypes) {
  for (const int type : {0, -1, 15, 32767}) {
    Wire wire;
    wire.AddTensor(4, {.type = static_cast<fb::DataType>(type)});
    const std::string message = "value 4: data type " + std::to_string(type);
    ExpectRefusal(wire, message.c_str());
  }
  for (const int type : {11, 13}) {  // known, but of packed data
    Wire wire;
    wire.AddTensor(4, {.type = static_cast<fb::DataType>(type)});
    ExpectRefusal(wire, "this type has no layout in memory");
  }
}

TEST(ReadValues, Dims) {
  Wire scalar;
  scalar.AddValue(
      fb::ValueUnion::TensorValue,
      fb::CreateTensorValue(scalar.builder, fb::DataType::FP32, 0, 0, 0, kNone).Union());
  EXPECT_EQ(ExpectGraph(scalar.Payload()).values[0].dims.rank(), 0u);
  Wire no_list;
  no_list.AddValue(
      fb::ValueUnion::TensorValue,
      fb::CreateTensorValue(no_list.builder, fb::DataType::FP32, 2, 0, 0, kNone).Union());
  ExpectRefusal(no_list, "value 0: 0 dimensions in the list, expected the 2");
  Wire rank7;
  rank7.AddTensor(0, {.dims = std::vector<uint32_t>(7, 1)});
  ExpectRefusal(rank7, "value 0: 7 dimensions, expected at most 6");
  Wire overflow;
  overflow.AddTensor(0, {.dims = std::vector<uint32_t>(6, kNone)});
  ExpectRefusal(overflow, "more bytes than a memory address can count");
}

TEST(ReadValues, Flags) {
  for (const uint32_t flags : {3u, 4u, 0x80000001u}) {
    Wire wire;
    wire.AddTensor(0, {.external_id = 0, .flags = flags});
    wire.num_externs = 1;
    ExpectRefusal(wire, "expected 0 (internal), 1 (input) or 2 (output)");
  }
  Wire no_id;
  no_id.AddTensor(0, {.flags = 1});
  ExpectRefusal(no_id, "external, without an external id");
  Wire internal;
  internal.AddTensor(0, {.external_id = 0});
  internal.num_externs = 1;
  ExpectRefusal(internal, "not external, but with an external id");
}

TEST(ReadValues, ExternalIdsMayHaveHoles) {
  Wire wire;
  wire.num_externs = 2;
  wire.AddInput(0);
  wire.num_externs = 5;
  wire.AddOutput(1);
  wire.AddUnary(fb::NodeUnion::Abs, 0, 1);
  const Graph graph = ExpectGraph(wire.Payload());
  EXPECT_EQ(graph.num_externals, 6u);
  EXPECT_EQ(graph.values[0].external_id, 2u);
  EXPECT_EQ(graph.values[1].external_id, 5u);
}

// --- The oldest dynamic form --------------------------------------------------------------------

TEST(ReadDynamic, BecomesAConvert) {
  Wire wire;
  wire.AddTensor(0, {.dims = {2, 4}, .external_id = 0, .flags = 1, .dynamic = fb::DataType::QInt8});
  wire.num_externs = 1;
  wire.AddTensor(1, {});
  wire.AddOutput(3, {2, 4});
  // Something that reads the quantized value.
  wire.AddUnary(fb::NodeUnion::Convert, 0, 3);
  const Graph graph = ExpectGraph(wire.Payload());
  ASSERT_EQ(graph.values.size(), 4u);
  EXPECT_EQ(graph.values[0].id, 0u);
  EXPECT_EQ(graph.values[0].type, DataType::kQDInt8);
  EXPECT_FALSE(graph.values[0].external_id);
  EXPECT_EQ(std::get<PerTokenQuantization>(graph.values[0].quantization).num_nonbatch_dims, 1u);
  const Value& input = graph.values[3];
  EXPECT_EQ(input.id, 2u);  // the first that no value of the file has
  EXPECT_EQ(input.type, DataType::kF32);
  EXPECT_EQ(input.external_id, 0u);
  EXPECT_TRUE(input.is_external_input);
  EXPECT_EQ(input.dims, (Dims{2, 4}));
  ASSERT_EQ(graph.nodes.size(), 2u);
  EXPECT_EQ(graph.nodes[0].kind, NodeKind::kConvert);
  EXPECT_EQ(graph.nodes[0].id, 1u);  // the file has node 0 only
  EXPECT_EQ(graph.nodes[1].id, 0u);
  EXPECT_THAT(graph.nodes[0].inputs, ElementsAre(3));
  EXPECT_THAT(graph.nodes[0].outputs, ElementsAre(0));
}

TEST(ReadDynamic, ThatIsNotAnExternalFloat) {
  Wire other_type;
  other_type.num_externs = 1;
  other_type.AddTensor(0, {.external_id = 0, .flags = 1, .dynamic = fb::DataType::QUInt8});
  ExpectRefusal(other_type, "value 0: dynamically quantized to data type 4, expected 3");
  Wire internal;
  internal.AddTensor(0, {.dynamic = fb::DataType::QInt8});
  ExpectRefusal(internal, "a dynamically quantized fp32, expected an external fp32 input");
  Wire half;
  half.num_externs = 1;
  half.AddTensor(
      0,
      {.type = fb::DataType::FP16, .external_id = 0, .flags = 1, .dynamic = fb::DataType::QInt8});
  ExpectRefusal(half, "a dynamically quantized external fp16, expected an external fp32 input");
  Wire constant;
  constant.num_externs = 1;
  constant.region.resize(32);
  constant.AddTensor(0, {.constant = constant.AddRegionConstant(0, 32),
                         .external_id = 0,
                         .flags = 1,
                         .dynamic = fb::DataType::QInt8});
  ExpectRefusal(constant, "a dynamically quantized external fp32 constant");
}

}  // namespace
}  // namespace switchyard
