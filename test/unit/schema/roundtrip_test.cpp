// Every real payload, read, written in every mode and read again.
#include <gtest/gtest.h>

#include <functional>

#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/graph_equals.h"
#include "test/support/payloads.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

using test::Canonical;
using test::GraphEquals;
using test::Model;

void ForEachRealGraph(const std::function<void(const Graph&)>& visit) {
  size_t graphs = 0;
  for (const auto& folder : test::ModelFolders()) {
    const auto model = test::LoadModel(folder);
    ASSERT_TRUE(model) << folder << ": " << model.error().ToString();
    for (const test::ModelPayload& payload : model->payloads) {
      SCOPED_TRACE(payload.name);
      const auto graph = ReadPayload(payload.bytes, model->named_data.get());
      ASSERT_TRUE(graph) << graph.error().ToString();
      visit(*graph);
      if (testing::Test::HasFatalFailure()) return;
      ++graphs;
    }
  }
  EXPECT_GE(graphs, 200u);
}

void ExpectRoundTrip(const WriterOptions& options, const test::GraphEqualsOptions& equal) {
  ForEachRealGraph([&](const Graph& graph) {
    const auto payload = WritePayload(graph, options);
    ASSERT_TRUE(payload) << payload.error().ToString();
    if (options.constants != ConstantStorage::kNamed) {
      EXPECT_TRUE(payload->named_data.empty());
    }
    const auto again = test::Read(*payload);
    ASSERT_TRUE(again) << again.error().ToString();
    ASSERT_TRUE(GraphEquals(*again, graph, equal));
  });
}

TEST(RoundTrip, Offset) { ExpectRoundTrip({}, {.keys = false}); }

TEST(RoundTrip, Named) { ExpectRoundTrip({.constants = ConstantStorage::kNamed}, {}); }

TEST(RoundTrip, LegacyIdentifier) { ExpectRoundTrip({.legacy_identifier = true}, {.keys = false}); }

TEST(RoundTrip, BareInline) {
  ExpectRoundTrip({.header = false, .constants = ConstantStorage::kInline}, {.keys = false});
}

TEST(RoundTrip, BareInlineLegacyIdentifier) {
  ExpectRoundTrip({.header = false,
                   .legacy_identifier = true,
                   .constants = ConstantStorage::kInline,
                   .inline_scales = true},
                  {.keys = false});
}

TEST(RoundTrip, BareNamed) {
  ExpectRoundTrip({.header = false, .constants = ConstantStorage::kNamed, .inline_scales = true},
                  {});
}

TEST(RoundTrip, InlineScales) { ExpectRoundTrip({.inline_scales = true}, {.keys = false}); }

// The `dq_datatype` form has no place for a debug handle, and the reader numbers what it adds.
TEST(RoundTrip, LegacyDynamicQuantization) {
  size_t changed = 0;
  ForEachRealGraph([&](const Graph& graph) {
    const auto payload = WritePayload(graph, {.legacy_dynamic_quantization = true});
    const auto usual = WritePayload(graph);
    ASSERT_TRUE(payload) << payload.error().ToString();
    ASSERT_TRUE(usual) << usual.error().ToString();
    changed += payload->bytes != usual->bytes;
    const auto again = test::Read(*payload);
    ASSERT_TRUE(again) << again.error().ToString();
    ASSERT_TRUE(GraphEquals(Canonical(*again), Canonical(graph),
                            {.ids = false, .keys = false, .debug_handles = false}));
    ASSERT_EQ(again->nodes.size(), graph.nodes.size());
    ASSERT_EQ(again->values.size(), graph.values.size());
  });
  EXPECT_GE(changed, 10u);
}

}  // namespace
}  // namespace switchyard
