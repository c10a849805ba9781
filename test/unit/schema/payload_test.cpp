// The payload as a whole: header, identifiers, verification, order of nodes.
#include "schema/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/test_data.h"
#include "test/unit/schema/reading.h"

namespace switchyard {
namespace {

using test::ExpectRefusal;
using test::Put;
using test::Wire;
using testing::ElementsAre;
namespace fb = payload_fb;

std::vector<std::byte> AbsPayload() {
  Wire wire;
  test::AddAbs(wire);
  return wire.Payload();
}

// --- Layout -------------------------------------------------------------------------------------

TEST(PayloadLayout, WithHeader) {
  const std::vector<std::byte> payload = AbsPayload();
  const Result<PayloadLayout> layout = ParsePayloadLayout(payload);
  ASSERT_TRUE(layout) << layout.error().ToString();
  EXPECT_TRUE(layout->has_header);
  EXPECT_EQ(layout->identifier, "XN01");
  EXPECT_EQ(layout->flatbuffer.data(), payload.data() + 32);
  // An empty region at the payload's end is what writers make of named constants.
  EXPECT_TRUE(layout->constant_data.empty());
}

TEST(PayloadLayout, ConstantRegion) {
  Wire wire;
  test::AddAbs(wire);
  wire.region.assign(20, std::byte{7});
  const std::vector<std::byte> payload = wire.Payload();
  const Result<PayloadLayout> layout = ParsePayloadLayout(payload);
  ASSERT_TRUE(layout) << layout.error().ToString();
  EXPECT_EQ(layout->constant_data.size(), 20u);
  EXPECT_EQ(layout->constant_data.data() + 20, payload.data() + payload.size());
}

TEST(PayloadLayout, Bare) {
  for (const char* identifier : {"XN00", "XN01"}) {
    Wire wire;
    test::AddAbs(wire);
    const std::vector<std::byte> payload = wire.Flatbuffer(identifier);
    const Result<PayloadLayout> layout = ParsePayloadLayout(payload);
    ASSERT_TRUE(layout) << layout.error().ToString();
    EXPECT_FALSE(layout->has_header);
    EXPECT_EQ(layout->identifier, identifier);
    EXPECT_EQ(layout->flatbuffer.size(), payload.size());
    EXPECT_TRUE(ReadPayload(payload, nullptr));
  }
}

TEST(PayloadLayout, HeaderLengthIsIgnored) {
  std::vector<std::byte> payload = AbsPayload();
  Put(payload, 8, uint16_t{0});
  EXPECT_TRUE(ReadPayload(payload, nullptr));
}

TEST(PayloadLayout, TooShort) {
  const std::vector<std::byte> payload = AbsPayload();
  ExpectRefusal({}, "0 bytes, expected at least the 30", nullptr, ErrorCode::kInvalidArgument);
  ExpectRefusal(std::span(payload).first(29), "29 bytes", nullptr, ErrorCode::kInvalidArgument);
}

TEST(PayloadLayout, UnknownIdentifier) {
  std::vector<std::byte> payload = AbsPayload();
  Put(payload, 36, "XN0\x02"[3]);
  ExpectRefusal(payload, "identifier \"\\x02N01\"", nullptr,
                ErrorCode::kDelegateInvalidCompatibility);
  Wire wire;
  test::AddAbs(wire);
  ExpectRefusal(wire.Flatbuffer("ET12"), "identifier \"ET12\"", nullptr,
                ErrorCode::kDelegateInvalidCompatibility);
}

TEST(PayloadLayout, RegionsOutside) {
  const std::vector<std::byte> good = AbsPayload();
  const auto size = static_cast<uint32_t>(good.size());
  std::vector<std::byte> payload = good;
  Put(payload, 10, size + 1);
  ExpectRefusal(payload, "the flatbuffer is", nullptr, ErrorCode::kInvalidArgument);
  payload = good;
  Put(payload, 14, size - 31);
  ExpectRefusal(payload, "the flatbuffer is", nullptr, ErrorCode::kInvalidArgument);
  payload = good;
  Put(payload, 18, size + 1);
  ExpectRefusal(payload, "the constant region is", nullptr, ErrorCode::kInvalidArgument);
  payload = good;
  Put(payload, 22, uint64_t{1});
  ExpectRefusal(payload, "the constant region is 1 bytes", nullptr, ErrorCode::kInvalidArgument);
  payload = good;
  Put(payload, 22, ~uint64_t{0});
  ExpectRefusal(payload, "the constant region is", nullptr, ErrorCode::kInvalidArgument);
}

TEST(PayloadLayout, FlatbufferTooSmall) {
  std::vector<std::byte> payload = AbsPayload();
  Put(payload, 14, uint32_t{7});
  ExpectRefusal(payload, "the flatbuffer is 7 bytes", nullptr, ErrorCode::kInvalidArgument);
}

TEST(PayloadLayout, ConstantsInsideFlatbuffer) {
  std::vector<std::byte> payload = AbsPayload();
  Put(payload, 18, uint32_t{40});
  ExpectRefusal(payload, "the constant region starts at offset 40", nullptr,
                ErrorCode::kInvalidArgument);
}

// --- Verification -------------------------------------------------------------------------------

TEST(ReadPayload, Graph) {
  const std::vector<std::byte> payload = AbsPayload();
  const Result<Graph> graph = ReadPayload(payload, nullptr);
  ASSERT_TRUE(graph) << graph.error().ToString();
  EXPECT_EQ(graph->num_externals, 2u);
  ASSERT_EQ(graph->values.size(), 2u);
  EXPECT_EQ(graph->values[0].id, 10u);
  EXPECT_TRUE(graph->values[0].is_external_input);
  EXPECT_EQ(graph->values[1].external_id, 1u);
  EXPECT_TRUE(graph->values[1].is_external_output);
  EXPECT_EQ(graph->values[1].dims, (Dims{2, 4}));
  ASSERT_EQ(graph->nodes.size(), 1u);
  EXPECT_EQ(graph->nodes[0].kind, NodeKind::kAbs);
  EXPECT_THAT(graph->nodes[0].inputs, ElementsAre(0));
  EXPECT_THAT(graph->nodes[0].outputs, ElementsAre(1));
  EXPECT_EQ(graph->nodes[0].debug_handle, kNoDebugHandle);
}

TEST(ReadPayload, EveryTruncationIsRefused) {
  const std::vector<std::byte> good = AbsPayload();
  for (size_t size = 0; size < good.size(); ++size) {
    // A copy of its own, so that a sanitizer sees a read past the end.
    const std::vector<std::byte> payload(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_FALSE(ReadPayload(payload, nullptr)) << size;
  }
}

TEST(ReadPayload, TruncatedFlatbuffer) {
  Wire wire;
  test::AddAbs(wire);
  std::vector<std::byte> flatbuffer = wire.Flatbuffer();
  flatbuffer.resize(flatbuffer.size() - 4);
  ExpectRefusal(test::WithHeader(flatbuffer, {}), "fails verification", nullptr,
                ErrorCode::kDelegateInvalidCompatibility);
}

// A list of a million references to one small node: 4 bytes each, hundreds each when read.
TEST(ReadPayload, SharedTables) {
  Wire wire;
  test::AddAbs(wire);
  wire.nodes.assign(1'000'000, wire.nodes[0]);
  ExpectRefusal(wire.Payload(), "fails verification", nullptr,
                ErrorCode::kDelegateInvalidCompatibility);
}

TEST(ReadPayload, ManyNodesAndValuesAreRead) {
  constexpr uint32_t kNodes = 100'000;
  Wire wire;
  wire.AddInput(0);
  for (uint32_t i = 1; i < kNodes; ++i) wire.AddTensor(i, {});
  wire.AddOutput(kNodes);
  for (uint32_t i = 0; i < kNodes; ++i) wire.AddUnary(fb::NodeUnion::Abs, i, i + 1);
  const Result<Graph> graph = ReadPayload(wire.Payload(), nullptr);
  ASSERT_TRUE(graph) << graph.error().ToString();
  EXPECT_EQ(graph->nodes.size(), kNodes);
}

TEST(ReadPayload, NoLists) {
  Wire no_values;
  no_values.write_values = false;
  ExpectRefusal(no_values.Payload(), "no list of values", nullptr, ErrorCode::kInvalidProgram);
  Wire no_nodes;
  no_nodes.write_nodes = false;
  ExpectRefusal(no_nodes.Payload(), "no list of nodes", nullptr, ErrorCode::kInvalidProgram);
}

TEST(ReadPayload, TooManyExterns) {
  Wire wire;
  test::AddAbs(wire);
  wire.num_externs = kMaxExternals;
  EXPECT_TRUE(ReadPayload(wire.Payload(), nullptr));
  Wire more;
  test::AddAbs(more);
  more.num_externs = kMaxExternals + 1;
  ExpectRefusal(more.Payload(), "4097 arguments", nullptr, ErrorCode::kInvalidProgram);
}

// --- Order --------------------------------------------------------------------------------------

TEST(ReadPayload, NodesAreSorted) {
  Wire wire;
  wire.AddInput(0);
  wire.AddTensor(1, {});
  wire.AddTensor(2, {});
  wire.AddOutput(3);
  wire.AddOutput(4);
  wire.AddUnary(fb::NodeUnion::Negate, 0, 4);
  wire.AddUnary(fb::NodeUnion::Floor, 2, 3);
  wire.AddUnary(fb::NodeUnion::Square, 1, 2);
  wire.AddUnary(fb::NodeUnion::Abs, 0, 1);
  const Result<Graph> graph = ReadPayload(wire.Payload(), nullptr);
  ASSERT_TRUE(graph) << graph.error().ToString();
  std::vector<NodeKind> kinds;
  std::vector<uint32_t> ids;
  for (const Node& node : graph->nodes) {
    kinds.push_back(node.kind);
    ids.push_back(node.id);
  }
  EXPECT_THAT(ids, ElementsAre(0, 3, 2, 1)) << "positions in the file";
  EXPECT_THAT(kinds,
              ElementsAre(NodeKind::kNegate, NodeKind::kAbs, NodeKind::kSquare, NodeKind::kFloor));
}

TEST(ReadPayload, SortedNodesKeepTheirOrder) {
  Wire wire;
  wire.AddInput(0);
  wire.AddOutput(1);
  wire.AddOutput(2);
  wire.AddUnary(fb::NodeUnion::Floor, 0, 2);
  wire.AddUnary(fb::NodeUnion::Abs, 0, 1);
  const Result<Graph> graph = ReadPayload(wire.Payload(), nullptr);
  ASSERT_TRUE(graph) << graph.error().ToString();
  EXPECT_EQ(graph->nodes[0].kind, NodeKind::kFloor);
  EXPECT_EQ(graph->nodes[1].kind, NodeKind::kAbs);
}

TEST(ReadPayload, ReversedChainIsSortedInTime) {
  constexpr uint32_t kNodes = 50'000;
  Wire wire;
  wire.AddInput(0);
  for (uint32_t i = 1; i < kNodes; ++i) wire.AddTensor(i, {});
  wire.AddOutput(kNodes);
  for (uint32_t i = kNodes; i > 0; --i) wire.AddUnary(fb::NodeUnion::Abs, i - 1, i);
  const Result<Graph> graph = ReadPayload(wire.Payload(), nullptr);
  ASSERT_TRUE(graph) << graph.error().ToString();
  EXPECT_THAT(graph->nodes[0].inputs, ElementsAre(0));
}

TEST(ReadPayload, Cycle) {
  Wire wire;
  wire.AddInput(0);
  wire.AddTensor(1, {});
  wire.AddTensor(2, {});
  wire.AddOutput(3);
  wire.AddUnary(fb::NodeUnion::Floor, 2, 3);
  wire.AddUnary(fb::NodeUnion::Abs, 1, 2);
  wire.AddUnary(fb::NodeUnion::Square, 2, 1);
  ExpectRefusal(wire.Payload(), "its output is needed to compute its own input", nullptr,
                ErrorCode::kInvalidProgram);
  Wire self;
  self.AddOutput(0);
  self.AddUnary(fb::NodeUnion::Abs, 0, 0);
  ExpectRefusal(self.Payload(), "node 0 Abs: its output is needed", nullptr,
                ErrorCode::kInvalidProgram);
}

}  // namespace
}  // namespace switchyard
