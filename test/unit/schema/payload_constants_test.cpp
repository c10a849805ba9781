// The payload's constants and quantization parameters, from each of the places they can be in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <string>

#include "schema/payload.h"
#include "test/unit/schema/reading.h"

namespace switchyard {
namespace {

using test::Bytes;
using test::ExpectGraph;
using test::ExpectRefusal;
using test::kNone;
using test::Wire;
using testing::ElementsAre;
namespace fb = payload_fb;

// Named data that counts how often each key is asked for.
class CountingData : public NamedDataMap {
 public:
  std::map<std::string, std::vector<std::byte>, std::less<>> data;
  mutable std::map<std::string, int, std::less<>> gets;

  Result<DataBuffer> Get(std::string_view key) const override {
    ++gets[std::string(key)];
    const auto found = data.find(key);
    if (found == data.end()) return Fail(ErrorCode::kNotFound, "no such key");
    return DataBuffer(found->second);
  }
};

// --- Constants ----------------------------------------------------------------------------------

TEST(ReadConstants, FromTheRegion) {
  Wire wire;
  wire.region = Bytes(std::vector<float>{1, 2, 3, 4, 5, 6});
  wire.AddTensor(0, {.dims = {4}, .constant = wire.AddRegionConstant(4, 16)});
  // Longer than needed: the rest is padding.
  wire.AddTensor(1, {.dims = {1}, .constant = wire.AddRegionConstant(8, 16)});
  const Graph graph = ExpectGraph(wire.Payload());
  ASSERT_TRUE(graph.values[0].constant);
  EXPECT_EQ(graph.values[0].constant->key, "");
  EXPECT_EQ(graph.values[0].constant->bytes.size(), 16u);
  const std::vector<std::byte>& payload = graph.owned_bytes.back();
  EXPECT_EQ(graph.values[0].constant->bytes.data(), payload.data() + payload.size() - 20);
  EXPECT_EQ(graph.values[1].constant->bytes.size(), 4u);
}

TEST(ReadConstants, OutsideTheRegion) {
  for (const auto& [offset, size] : {std::pair<uint64_t, uint64_t>{25, 0},
                                     {24, 1},
                                     {0, 25},
                                     {8, ~uint64_t{0}},
                                     {~uint64_t{0}, 8},
                                     {~uint64_t{0}, 0}}) {
    Wire wire;
    wire.region.resize(24);
    wire.AddTensor(0, {.dims = {2}, .constant = wire.AddRegionConstant(offset, size)});
    ExpectRefusal(wire, "expected it inside the constant region of 24 bytes");
  }
}

TEST(ReadConstants, TooFewBytes) {
  Wire wire;
  wire.region.resize(15);
  wire.AddTensor(0, {.dims = {4}, .constant = wire.AddRegionConstant(0, 15)});
  ExpectRefusal(wire, "value 0 (fp32 [4]): 15 bytes of data, expected 16");
}

TEST(ReadConstants, ThatAreNotThere) {
  Wire no_list;
  no_list.AddTensor(0, {.constant = 1});
  ExpectRefusal(no_list, "its data is constant 1, expected one of the payload's 0");
  Wire short_list;
  short_list.AddRegionConstant(0, 0);
  short_list.AddTensor(0, {.constant = 2});
  ExpectRefusal(short_list, "its data is constant 2, expected one of the payload's 2");
}

TEST(ReadConstants, ByName) {
  CountingData data;
  data.data["weights"] = Bytes(std::vector<float>{1, 2, 3, 4});
  data.data[""] = Bytes(std::vector<float>{5});
  Wire wire;
  const uint32_t first = wire.AddNamedConstant("weights");
  const uint32_t second = wire.AddNamedConstant("weights");
  const uint32_t empty = wire.AddNamedConstant("");
  wire.AddTensor(0, {.dims = {4}, .constant = first});
  wire.AddTensor(1, {.dims = {2}, .constant = second});
  wire.AddTensor(2, {.dims = {1}, .constant = empty});  // named, since there is a key
  const Graph graph = ExpectGraph(wire.Payload(), &data);
  EXPECT_EQ(graph.values[0].constant->key, "weights");
  EXPECT_EQ(graph.values[0].constant->bytes.data(), data.data["weights"].data());
  EXPECT_EQ(graph.values[1].constant->bytes.size(), 8u);
  EXPECT_EQ(graph.values[2].constant->bytes.data(), data.data[""].data());
  EXPECT_EQ(data.gets["weights"], 1);
  EXPECT_EQ(graph.named_buffers.size(), 2u);
}

TEST(ReadConstants, ByNameThatIsNotThere) {
  Wire wire;
  wire.AddTensor(0, {.constant = wire.AddNamedConstant("absent")});
  const std::vector<std::byte> payload = wire.Payload();
  ExpectRefusal(payload, "named \"absent\" and the host gave no named data", nullptr,
                ErrorCode::kNotFound);
  const CountingData data;
  ExpectRefusal(payload, "named \"absent\", expected it in the host's named data: no such key",
                &data, ErrorCode::kNotFound);
}

TEST(ReadConstants, NameTooLong) {
  CountingData data;
  for (const size_t length : {512u, 513u}) {
    const std::string key(length, 'k');
    data.data[key].resize(32);
    Wire wire;
    wire.AddTensor(0, {.constant = wire.AddNamedConstant(key)});
    if (length == 512) {
      ExpectGraph(wire.Payload(), &data);
    } else {
      ExpectRefusal(wire.Payload(), "has 513 characters, expected at most 512", &data);
    }
  }
}

TEST(ReadConstants, InlineWithoutHeader) {
  Wire wire;
  wire.AddTensor(0, {.dims = {1}, .constant = wire.AddInlineConstant({0, 0, 0x80, 0x3F})});
  const std::vector<std::byte> payload = wire.Flatbuffer("XN00");
  const Graph graph = ExpectGraph(payload);
  EXPECT_THAT(graph.values[0].constant->bytes,
              ElementsAre(std::byte{0}, std::byte{0}, std::byte{0x80}, std::byte{0x3F}));
  // Bytes inside the flatbuffer belong to bare payloads.
  ExpectRefusal(test::WithHeader(payload, {}), "expected one of the payload's 0 constants");
}

TEST(ReadConstants, BareWithoutInlineConstant) {
  Wire offset;
  offset.AddTensor(0, {.constant = offset.AddRegionConstant(0, 4)});
  ExpectRefusal(offset.Flatbuffer(),
                "its data is constant 1, expected one of the 0 constants inside the flatbuffer");
  Wire range;
  range.AddInlineConstant({0});
  range.AddTensor(0, {.constant = 2});
  ExpectRefusal(range.Flatbuffer(), "expected one of the 2 constants inside the flatbuffer");
  Wire dummy;
  dummy.AddInlineConstant({0});
  dummy.inline_constants.push_back(dummy.inline_constants[0]);
  dummy.AddTensor(0, {.constant = 2});
  ExpectRefusal(dummy.Flatbuffer(), "constant 2 inside the flatbuffer has no bytes");
}

TEST(ReadConstants, BareByName) {
  CountingData data;
  data.data["weights"].resize(32);
  Wire wire;
  wire.AddTensor(0, {.constant = wire.AddNamedConstant("weights")});
  EXPECT_EQ(ExpectGraph(wire.Flatbuffer(), &data).values[0].constant->key, "weights");
}

// --- Quantization -------------------------------------------------------------------------------

TEST(ReadQuantization, NoParameters) {
  Wire absent;
  absent.AddQuantized(0, {.type = fb::DataType::QInt8}, fb::QuantParams::PerTensorQuant, 0);
  ExpectRefusal(absent, "value 0: a quantized value without parameters");
  Wire none;
  none.AddQuantized(0, {.type = fb::DataType::QInt8}, fb::QuantParams::NONE, 0);
  ExpectRefusal(none, "value 0: a quantized value without parameters");
}

TEST(ReadQuantization, UnknownForm) {
  Wire wire;
  const auto parameters = fb::CreatePerTensorQuant(wire.builder, 1, 0).Union();
  wire.AddQuantized(0, {.type = fb::DataType::QInt8}, static_cast<fb::QuantParams>(5), parameters);
  ExpectRefusal(wire, "value 0: quantization form 5, expected one of 1 to 4");
}

TEST(ReadQuantization, PerTensor) {
  Wire wire;
  const auto parameters = fb::CreatePerTensorQuant(wire.builder, 0.5f, -3).Union();
  wire.AddQuantized(0, {.type = fb::DataType::QInt8}, fb::QuantParams::PerTensorQuant, parameters);
  const Graph graph = ExpectGraph(wire.Payload());
  const auto& quantization = std::get<PerTensorQuantization>(graph.values[0].quantization);
  EXPECT_EQ(quantization.scale, 0.5f);
  EXPECT_EQ(quantization.zero_point, -3);
}

void AddPerChannel(Wire& wire, uint32_t id, const std::vector<float>* scales, uint32_t index,
                   uint32_t num_scales, uint32_t channels = 2) {
  const auto parameters =
      fb::CreatePerChannelQuantDirect(wire.builder, scales, 1, index, num_scales).Union();
  wire.AddQuantized(id, {.type = fb::DataType::QCInt8, .dims = {4, channels}},
                    fb::QuantParams::PerChannelQuant, parameters);
}
void AddPerGroup(Wire& wire, uint32_t id, const std::vector<float>* scales,
                 const std::vector<uint16_t>* bf16, uint32_t index = 0, uint32_t num_scales = 0) {
  const auto parameters =
      fb::CreatePerChannelGroupQuantDirect(wire.builder, scales, 0, 32, bf16, index, num_scales)
          .Union();
  wire.AddQuantized(id, {.type = fb::DataType::QBInt4, .dims = {1, 64}},
                    fb::QuantParams::PerChannelGroupQuant, parameters);
}

TEST(ReadScales, PerChannel) {
  const std::vector<float> scales = {0.5f, 0.25f}, none;
  Wire wire;
  wire.region = Bytes(scales);
  AddPerChannel(wire, 0, &scales, 0, 0);
  AddPerChannel(wire, 1, &none, wire.AddRegionConstant(0, 8), 2);
  AddPerChannel(wire, 2, nullptr, 1, 2);
  const Graph graph = ExpectGraph(wire.Payload());
  for (const Value& value : graph.values) {
    const auto& quantization = std::get<PerChannelQuantization>(value.quantization);
    EXPECT_EQ(quantization.channel_dim, 1u);
    EXPECT_THAT(quantization.scales, ElementsAre(0.5f, 0.25f));
  }
}

TEST(ReadScales, PerChannelAbsent) {
  Wire wire;
  AddPerChannel(wire, 0, nullptr, 0, 2);
  ExpectRefusal(wire, "per-channel quantization has no scales");
}

TEST(ReadScales, OfAnotherSize) {
  // As a list of f64 would be.
  Wire wire;
  wire.region.resize(16);
  AddPerChannel(wire, 0, nullptr, wire.AddRegionConstant(0, 16), 2);
  ExpectRefusal(wire, "its scales are 16 bytes, expected 8 for 2 scales of 4 bytes");
  Wire many;
  many.region.resize(16);
  AddPerChannel(many, 0, nullptr, many.AddRegionConstant(0, 16), kNone);
  ExpectRefusal(many, "expected 17179869180 for 4294967295 scales");
}

TEST(ReadScales, AtAnyAlignment) {
  Wire wire;
  wire.region.resize(3);
  const std::vector<std::byte> scales = Bytes(std::vector<float>{0.5f, 0.25f});
  wire.region.insert(wire.region.end(), scales.begin(), scales.end());
  const uint32_t index = wire.AddRegionConstant(3, 8);
  AddPerChannel(wire, 0, nullptr, index, 2);
  AddPerChannel(wire, 1, nullptr, index, 2);
  const Graph graph = ExpectGraph(wire.Payload());
  const auto& first = std::get<PerChannelQuantization>(graph.values[0].quantization).scales;
  const auto& second = std::get<PerChannelQuantization>(graph.values[1].quantization).scales;
  EXPECT_THAT(first, ElementsAre(0.5f, 0.25f));
  EXPECT_EQ(first.data(), second.data());  // copied once
}

// Scales at odd addresses have to be copied; many that overlap would be copied to more memory than
// the file has bytes.
TEST(ReadScales, ThatOverlap) {
  constexpr uint32_t kScales = 4'000;
  Wire wire;
  wire.region.resize(kScales * 4 + 4 * 1000 + 4);
  for (uint32_t i = 0; i < 1000; ++i) {
    AddPerChannel(wire, i, nullptr, wire.AddRegionConstant(4 * i + 1, kScales * 4), kScales,
                  kScales);
  }
  ExpectRefusal(wire, "bytes of scales overlap those of other values");
}

TEST(ReadScales, PerGroup) {
  const std::vector<uint16_t> bf16 = {0x3F80, 0x4000};
  const std::vector<float> none;
  Wire wire;
  wire.region = Bytes(bf16);
  AddPerGroup(wire, 0, &none, nullptr, wire.AddRegionConstant(0, 4), 2);
  AddPerGroup(wire, 1, nullptr, &bf16);
  AddPerGroup(wire, 2, &none, &bf16);
  const Graph graph = ExpectGraph(wire.Payload());
  for (const Value& value : graph.values) {
    const auto& quantization = std::get<PerGroupQuantization>(value.quantization);
    EXPECT_EQ(quantization.group_size, 32u);
    EXPECT_THAT(quantization.scales, ElementsAre(0x3F80, 0x4000));
  }
}

TEST(ReadScales, PerGroupFromFloats) {
  // 1 + 2^-8 is half way between two bf16 numbers; the multiplication carries it over, as it does
  // everything from about 0.996 of a step below the next one.
  const std::vector<float> scales = {1.0f, 1.0f + 0x1p-8f};
  const std::vector<uint16_t> other = {0x4000, 0x4000};
  Wire wire;
  AddPerGroup(wire, 0, &scales, &other);  // the floats win
  const Graph graph = ExpectGraph(wire.Payload());
  const auto& quantization = std::get<PerGroupQuantization>(graph.values[0].quantization);
  EXPECT_THAT(quantization.scales, ElementsAre(0x3F80, 0x3F81));
}

TEST(ReadScales, PerGroupFromFloatsThatBF16DoesNotHave) {
  for (const float bad : {0.0f, -1.0f, 3.4e38f, 1e-40f, std::bit_cast<float>(0x7FC00000)}) {
    const std::vector<float> scales = {1.0f, bad};
    Wire wire;
    AddPerGroup(wire, 0, &scales, nullptr);
    ExpectRefusal(wire, "expected a positive, finite, normal number");
  }
}

TEST(ReadScales, PerGroupAbsent) {
  Wire wire;
  AddPerGroup(wire, 0, nullptr, nullptr);
  ExpectRefusal(wire, "blockwise quantization has no scales");
}

}  // namespace
}  // namespace switchyard
