// Every payload of every real model passes the door.
#include <gtest/gtest.h>

#include "schema/graph_check.h"
#include "schema/payload.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

class RealPayloads : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(RealPayloads, AreRead) {
  const Result<test::Model> model = test::LoadModel(GetParam());
  ASSERT_TRUE(model) << model.error().ToString();
  for (const test::ModelPayload& payload : model->payloads) {
    SCOPED_TRACE(payload.name);
    const Result<PayloadLayout> layout = ParsePayloadLayout(payload.bytes);
    ASSERT_TRUE(layout) << layout.error().ToString();
    EXPECT_TRUE(layout->has_header);
    EXPECT_EQ(layout->identifier, "XN01");

    const Result<Graph> graph = ReadPayload(payload.bytes, model->named_data.get());
    ASSERT_TRUE(graph) << graph.error().ToString();
    EXPECT_FALSE(graph->nodes.empty());
    EXPECT_GT(graph->num_externals, 0u);
    // Nothing is copied that can be viewed: what is owned is at most the flatbuffer.
    size_t owned = 0;
    for (const auto& bytes : graph->owned_bytes) owned += bytes.size();
    EXPECT_LE(owned, layout->flatbuffer.size());
  }
}

TEST_P(RealPayloads, AreReadAtAnyAlignment) {
  const Result<test::Model> model = test::LoadModel(GetParam());
  ASSERT_TRUE(model) << model.error().ToString();
  for (const test::ModelPayload& payload : model->payloads) {
    SCOPED_TRACE(payload.name);
    std::vector<std::byte> shifted(payload.bytes.size() + 1);
    std::ranges::copy(payload.bytes, shifted.begin() + 1);
    const Result<Graph> graph = ReadPayload(std::span(shifted).subspan(1), model->named_data.get());
    EXPECT_TRUE(graph) << graph.error().ToString();
  }
}

// Names of tests are letters, digits and underscores.
std::string TestName(const testing::TestParamInfo<std::filesystem::path>& info) {
  std::string name = info.param.filename().string();
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Models, RealPayloads, testing::ValuesIn(test::ModelFolders()), TestName);

}  // namespace
}  // namespace switchyard
