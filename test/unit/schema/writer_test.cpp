#include "schema/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string_view>
#include <vector>

#include "schema/payload.h"
#include "test/support/graph_builder.h"
#include "test/support/graph_equals.h"
#include "test/support/payloads.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using test::GraphEquals;
using test::kInfinity;
using testing::HasSubstr;

template <typename T>
T At(const std::vector<std::byte>& bytes, size_t offset) {
  T number;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}
std::string_view TextAt(const std::vector<std::byte>& bytes, size_t offset) {
  return {reinterpret_cast<const char*>(bytes.data()) + offset, 4};
}

// y = x w^T + b, [2, 3] x [4, 3]; the weights have a key, the bias has none.
Graph FullyConnectedGraph() {
  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {2, 3});
  const ValueIndex y = b.Output(DataType::kF32, {2, 4});
  const ValueIndex w = b.Constant(DataType::kF32, {4, 3}, std::vector<float>(12, 0.5f), {}, "w");
  const ValueIndex bias = b.Constant(DataType::kF32, {4}, std::vector<float>{1, 2, 3, 4});
  b.Add(NodeKind::kFullyConnected, {x, w, bias}, {y}).output_min = 0;
  return b.Build();
}

TEST(Writer, Header) {
  const Graph graph = FullyConnectedGraph();
  const auto payload = WritePayload(graph);
  ASSERT_TRUE(payload) << payload.error().ToString();
  const std::vector<std::byte>& bytes = payload->bytes;
  EXPECT_EQ(At<uint32_t>(bytes, 0), 0u);
  EXPECT_EQ(TextAt(bytes, 4), "XH00");
  EXPECT_EQ(At<uint16_t>(bytes, 8), 30u);
  EXPECT_EQ(At<uint32_t>(bytes, 10), 32u);
  const uint32_t size = At<uint32_t>(bytes, 14);
  const uint32_t constants = At<uint32_t>(bytes, 18);
  EXPECT_EQ(constants, 32 + (size + 15) / 16 * 16);
  // 48 bytes of weights, 16 of bias.
  EXPECT_EQ(At<uint64_t>(bytes, 22), 64u);
  EXPECT_EQ(bytes.size(), constants + 64u);
  EXPECT_EQ(At<uint16_t>(bytes, 30), 0u);
  EXPECT_EQ(TextAt(bytes, 36), "XN01");
}

TEST(Writer, ConstantsAreAligned) {
  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {3});
  const ValueIndex y = b.Output(DataType::kF32, {3});
  const ValueIndex z = b.Output(DataType::kF32, {3});
  const ValueIndex c = b.Constant(DataType::kF32, {3}, std::vector<float>{1, 2, 3});
  const ValueIndex d = b.Constant(DataType::kF32, {3}, std::vector<float>{4, 5, 6});
  b.Add(NodeKind::kAdd, {x, c}, {y});
  b.Add(NodeKind::kAdd, {x, d}, {z});
  const Graph graph = b.Build();
  for (const bool header : {true, false}) {
    const auto payload = WritePayload(
        graph, {.header = header,
                .constants = header ? ConstantStorage::kOffset : ConstantStorage::kInline});
    ASSERT_TRUE(payload) << payload.error().ToString();
    const auto again = ReadPayload(payload->bytes, nullptr);
    ASSERT_TRUE(again) << again.error().ToString();
    for (const ValueIndex constant : {c, d}) {
      const std::byte* data = again->values[constant].constant->bytes.data();
      EXPECT_EQ((data - payload->bytes.data()) % 16, 0);
    }
  }
}

TEST(Writer, Bare) {
  const Graph graph = FullyConnectedGraph();
  for (const bool legacy : {true, false}) {
    const auto payload = WritePayload(
        graph,
        {.header = false, .legacy_identifier = legacy, .constants = ConstantStorage::kInline});
    ASSERT_TRUE(payload) << payload.error().ToString();
    EXPECT_EQ(TextAt(payload->bytes, 4), legacy ? "XN00" : "XN01");
    const auto again = ReadPayload(payload->bytes, nullptr);
    ASSERT_TRUE(again) << again.error().ToString();
    EXPECT_TRUE(GraphEquals(*again, graph, {.keys = false}));
  }
}

TEST(Writer, NamedWhatHasAKey) {
  const Graph graph = FullyConnectedGraph();
  const auto payload = WritePayload(graph, {.constants = ConstantStorage::kNamed});
  ASSERT_TRUE(payload) << payload.error().ToString();
  ASSERT_EQ(payload->named_data.size(), 1u);
  EXPECT_EQ(payload->named_data.at("w").size(), 48u);
  EXPECT_EQ(At<uint64_t>(payload->bytes, 22), 16u);  // the bias
  const auto again = test::Read(*payload);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_TRUE(GraphEquals(*again, graph));
  // Without the named data it is incomplete.
  const auto missing = ReadPayload(payload->bytes, nullptr);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST(Writer, SharedBytesOnce) {
  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {4});
  const ValueIndex t = b.Internal(DataType::kF32, {4});
  const ValueIndex y = b.Output(DataType::kF32, {4});
  const ValueIndex c = b.Constant(DataType::kF32, {4}, std::vector<float>{1, 2, 3, 4});
  const ValueIndex d = b.Internal(DataType::kF32, {4});
  b.graph().values[d].constant = b.graph().values[c].constant;
  b.Add(NodeKind::kAdd, {x, c}, {t});
  b.Add(NodeKind::kMultiply, {t, d}, {y});
  const auto payload = WritePayload(b.Build());
  ASSERT_TRUE(payload) << payload.error().ToString();
  EXPECT_EQ(At<uint64_t>(payload->bytes, 22), 16u);
}

TEST(Writer, Bounds) {
  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {4});
  const ValueIndex y = b.Output(DataType::kF32, {4});
  const ValueIndex z = b.Output(DataType::kF32, {4});
  b.Add(NodeKind::kClamp, {x}, {y});
  Node& add = b.Add(NodeKind::kAdd, {x, x}, {z});
  add.output_min = -0.0f;
  add.output_max = kInfinity;
  const Graph graph = b.Build();
  const auto payload = WritePayload(graph);
  ASSERT_TRUE(payload) << payload.error().ToString();
  const auto again = test::Read(*payload);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_TRUE(GraphEquals(*again, graph));
}

// Ids that clash are replaced by indices; others, however odd, stay.
TEST(Writer, Ids) {
  Graph graph = FullyConnectedGraph();
  for (Value& value : graph.values) value.id = 0;
  const auto numbered = WritePayload(graph);
  ASSERT_TRUE(numbered) << numbered.error().ToString();
  const auto again = test::Read(*numbered);
  ASSERT_TRUE(again) << again.error().ToString();
  for (uint32_t i = 0; i < again->values.size(); ++i) EXPECT_EQ(again->values[i].id, i);

  graph.values[0].id = 77;
  graph.values[1].id = 0xFFFFFFFE;
  graph.values[2].id = 3;
  const auto kept = WritePayload(graph);
  ASSERT_TRUE(kept) << kept.error().ToString();
  const auto with_ids = test::Read(*kept);
  ASSERT_TRUE(with_ids) << with_ids.error().ToString();
  EXPECT_TRUE(GraphEquals(*with_ids, graph, {.keys = false}));
}

// Every positive normal bf16 survives being written as fp32 and converted back by the reader.
TEST(Writer, InlineGroupScalesAreExact) {
  std::vector<uint16_t> scales;
  for (uint32_t bits = 0x0080; bits < 0x7F80; ++bits) scales.push_back(static_cast<uint16_t>(bits));
  constexpr size_t kGroup = 32;
  constexpr size_t kOutputs = 127;
  ASSERT_EQ(scales.size() % kOutputs, 0u);
  const size_t inputs = scales.size() / kOutputs * kGroup;

  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {1, inputs});
  const ValueIndex q =
      b.Internal(DataType::kQDInt8, {1, inputs}, PerTokenQuantization{.num_nonbatch_dims = 1});
  const ValueIndex y = b.Output(DataType::kF32, {1, kOutputs});
  const ValueIndex w =
      b.Constant(DataType::kQBInt4, {kOutputs, inputs},
                 std::vector<uint8_t>(kOutputs * inputs / 2, 0x88), b.PerGroup(0, kGroup, scales));
  b.Add(NodeKind::kConvert, {x}, {q});
  b.Add(NodeKind::kFullyConnected, {q, w}, {y});
  const Graph graph = b.Build();
  const auto payload = WritePayload(graph, {.inline_scales = true});
  ASSERT_TRUE(payload) << payload.error().ToString();
  const auto again = test::Read(*payload);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_TRUE(GraphEquals(*again, graph));
}

TEST(Writer, LegacyDynamicQuantizationIsUsed) {
  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {2, 4});
  const ValueIndex q =
      b.Internal(DataType::kQDInt8, {2, 4}, PerTokenQuantization{.num_nonbatch_dims = 1});
  const ValueIndex y = b.Output(DataType::kF32, {2, 3});
  const ValueIndex w = b.Constant(DataType::kQCInt8, {3, 4}, std::vector<int8_t>(12, 7),
                                  b.PerChannel(0, {0.5f, 0.25f, 2.0f}));
  b.Add(NodeKind::kConvert, {x}, {q});
  b.Add(NodeKind::kFullyConnected, {q, w}, {y});
  Graph graph = b.Build();
  const auto usual = WritePayload(graph);
  const auto legacy = WritePayload(graph, {.legacy_dynamic_quantization = true});
  ASSERT_TRUE(usual && legacy);
  // One value and one node less on the wire, all of them back in the graph.
  EXPECT_LT(legacy->bytes.size(), usual->bytes.size());
  const auto again = test::Read(*legacy);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_TRUE(GraphEquals(test::Canonical(*again), test::Canonical(graph), {.ids = false}));

  // An input with a second reader has to keep its own entry.
  GraphBuilder shared;
  const ValueIndex a = shared.Input(DataType::kF32, {2, 4});
  const ValueIndex aq =
      shared.Internal(DataType::kQDInt8, {2, 4}, PerTokenQuantization{.num_nonbatch_dims = 1});
  const ValueIndex out = shared.Output(DataType::kF32, {2, 3});
  const ValueIndex abs = shared.Output(DataType::kF32, {2, 4});
  const ValueIndex aw = shared.Constant(DataType::kQCInt8, {3, 4}, std::vector<int8_t>(12, 7),
                                        shared.PerChannel(0, {0.5f, 0.25f, 2.0f}));
  shared.Add(NodeKind::kConvert, {a}, {aq});
  shared.Add(NodeKind::kFullyConnected, {aq, aw}, {out});
  shared.Add(NodeKind::kAbs, {a}, {abs});
  const Graph twice = shared.Build();
  const auto kept = WritePayload(twice, {.legacy_dynamic_quantization = true});
  const auto plain = WritePayload(twice);
  ASSERT_TRUE(kept && plain);
  EXPECT_EQ(kept->bytes, plain->bytes);
}

TEST(Writer, ContradictingOptions) {
  const Graph graph = FullyConnectedGraph();
  const auto expect = [&graph](const WriterOptions& options, const char* part) {
    const auto payload = WritePayload(graph, options);
    ASSERT_FALSE(payload);
    EXPECT_EQ(payload.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(payload.error().message, HasSubstr(part));
  };
  expect({.constants = ConstantStorage::kInline}, "header with inline constants");
  expect({.header = false}, "no header with constants at offsets");
  // The bias has no key.
  expect({.header = false, .constants = ConstantStorage::kNamed}, "has no key");
}

TEST(Writer, OneKeyForDifferentBytes) {
  Graph graph = FullyConnectedGraph();
  graph.values[3].constant->key = "w";
  const auto payload = WritePayload(graph, {.constants = ConstantStorage::kNamed});
  ASSERT_FALSE(payload);
  EXPECT_EQ(payload.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(payload.error().message, HasSubstr("key 'w'"));
}

TEST(Writer, BrokenGraphs) {
  Graph graph = FullyConnectedGraph();
  graph.nodes[0].inputs[1] = 99;
  const auto refused = WritePayload(graph);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  const auto written = detail::WritePayloadUnchecked(graph);
  ASSERT_TRUE(written) << written.error().ToString();
  const auto again = test::Read(*written);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kInvalidProgram);
  EXPECT_THAT(again.error().message, HasSubstr("input 1"));
}

}  // namespace
}  // namespace switchyard
