// What becomes of every judged node of the real models, once fused: a table, so that a rule that
// loses a node shows.
#include <cstdint>
#include <format>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backend/plan/fuse.h"
#include "backend/plan/shapes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "partition_rules/classify.h"
#include "schema/graph_check.h"
#include "schema/payload.h"
#include "test/support/infer_bounds.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

// "conv pf32", "bmm pf16 computed", or the ids of the reasons.
std::string Text(const Verdict& verdict) {
  std::string text;
  if (!verdict.problem) {
    for (const Reason& reason : verdict.reasons) {
      text += std::format("{}{}", text.empty() ? "" : "+", Row(reason.id).id);
    }
    return text;
  }
  const GemmProblem& problem = *verdict.problem;
  switch (problem.op) {
    case GemmOperator::kFullyConnected:
      text = "fc ";
      break;
    case GemmOperator::kConv2d:
      text = "conv ";
      break;
    case GemmOperator::kBatchMatrixMultiply:
      text = "bmm ";
      break;
  }
  text += Name(problem.variant);
  if (problem.rhs_is_kxn) text += " kxn";
  if (!problem.rhs_is_constant) text += " computed";
  return text;
}

// "2 conv pf32, 1 conv.depthwise; absorbs 3 Clamp" of all payloads of a model; empty when none has
// a judged node.
std::string Summary(const test::Model& model) {
  std::map<std::string, int> verdicts, absorbed;
  for (const test::ModelPayload& payload : model.payloads) {
    SCOPED_TRACE(payload.name);
    Result<Graph> graph = ReadPayload(payload.bytes, model.named_data.get());
    EXPECT_TRUE(graph) << graph.error().ToString();
    if (!graph) return "unreadable";
    FuseGraph(*graph);
    const Status check = CheckGraph(*graph);
    EXPECT_TRUE(check) << check.error().ToString();
    const Result<std::vector<Dims>> shapes = test::InferBounds(*graph);
    EXPECT_TRUE(shapes) << shapes.error().ToString();
    if (!check || !shapes) return "broken by fusing";
    const GraphIndex index(*graph);
    for (NodeIndex n = 0; n < graph->nodes.size(); ++n) {
      const Node& node = graph->nodes[n];
      for (const AbsorbedNode& other : node.absorbed)
        ++absorbed[std::string(Info(other.kind).name)];
      if (!IsJudged(node.kind)) continue;
      const Verdict verdict = Classify(*graph, index, *shapes, n);
      EXPECT_NE(verdict.problem.has_value(), !verdict.reasons.empty());
      ++verdicts[Text(verdict)];
    }
  }
  std::string text;
  for (const auto& [verdict, count] : verdicts) {
    text += std::format("{}{} {}", text.empty() ? "" : ", ", count, verdict);
  }
  for (const char* separator = "; absorbs "; const auto& [kind, count] : absorbed) {
    text += std::format("{}{} {}", separator, count, kind);
    separator = ", ";
  }
  return text;
}

struct Expectation {
  std::string_view model;
  std::string_view summary;
};
// Models without a row have no judged node. Written down from the payloads' types, constants and
// attributes, not from what the rules say.
constexpr Expectation kExpectations[] = {
    {"attention.fp16", "2 bmm pf16 kxn computed, 2 fc pf16"},
    {"attention.fp32", "2 bmm pf32 kxn computed, 2 fc pf32"},
    {"attention.qb4_32", "2 bmm pf32 kxn computed, 2 fc qp8_f32_qb4w"},
    {"attention.qd8", "2 bmm pf32 kxn computed, 2 fc qp8_f32_qc8w"},
    {"bmm.fp16", "1 bmm pf16 kxn computed"},
    {"bmm.fp16.constant", "1 bmm pf16 kxn computed"},
    {"bmm.fp16.matmul4", "1 bmm pf16 kxn computed"},
    {"bmm.fp16.row", "1 bmm pf16 kxn computed"},
    {"bmm.fp32", "1 bmm pf32 kxn computed"},
    {"bmm.fp32.constant", "1 bmm pf32 kxn computed"},
    {"bmm.fp32.dynamic", "1 bmm pf32 kxn computed"},
    {"bmm.fp32.matmul4", "1 bmm pf32 kxn computed"},
    {"bmm.fp32.row", "1 bmm pf32 kxn computed"},
    {"conv.fp16.1x1", "1 fc pf16"},
    {"conv.fp16.3x3", "1 conv pf16"},
    {"conv.fp16.3x3.dilated", "1 conv pf16"},
    {"conv.fp16.3x3.stride2", "1 conv pf16"},
    {"conv.fp16.3x5.valid", "1 conv pf16"},
    {"conv.fp16.7x7.stride2", "1 conv pf16"},
    {"conv.fp16.batch_norm", "1 conv pf16"},
    {"conv.fp16.chain", "2 conv pf16, 1 fc pf16"},
    {"conv.fp16.depthwise", "1 conv.depthwise"},
    {"conv.fp16.depthwise.multiplier", "1 conv.depthwise"},
    {"conv.fp16.grouped", "1 conv pf16"},
    {"conv.fp16.no_bias", "1 conv pf16"},
    {"conv.fp16.one_channel", "1 conv pf16 kxn"},
    {"conv.fp16.relu", "1 conv pf16"},
    {"conv.fp16.relu6", "1 conv pf16"},
    {"conv.fp16.transposed.2x2", "1 conv.transposed"},
    {"conv.fp16.transposed.3x3", "1 conv.transposed"},
    {"conv.fp32.1x1", "1 fc pf32"},
    {"conv.fp32.1x1.stride2", "1 conv pf32"},
    {"conv.fp32.3x3", "1 conv pf32"},
    {"conv.fp32.3x3.dilated", "1 conv pf32"},
    {"conv.fp32.3x3.stride2", "1 conv pf32"},
    {"conv.fp32.3x5.valid", "1 conv pf32"},
    {"conv.fp32.7x7.stride2", "1 conv pf32"},
    {"conv.fp32.asymmetric_pad", "1 conv pf32"},
    {"conv.fp32.batch", "1 conv pf32"},
    {"conv.fp32.batch_norm", "1 conv pf32"},
    {"conv.fp32.chain", "2 conv pf32, 1 fc pf32"},
    {"conv.fp32.channels_last", "1 conv pf32"},
    {"conv.fp32.conv1d", "1 conv pf32"},
    {"conv.fp32.depthwise", "1 conv.depthwise"},
    {"conv.fp32.depthwise.multiplier", "1 conv.depthwise"},
    {"conv.fp32.dynamic_hw", "1 conv pf32"},
    {"conv.fp32.grouped", "1 conv pf32"},
    {"conv.fp32.no_bias", "1 conv pf32"},
    {"conv.fp32.one_channel", "1 conv pf32 kxn"},
    {"conv.fp32.pad_hw", "1 conv pf32"},
    {"conv.fp32.relu", "1 conv pf32"},
    {"conv.fp32.relu6", "1 conv pf32"},
    {"conv.fp32.transposed.2x2", "1 conv.transposed"},
    {"conv.fp32.transposed.3x3", "1 conv.transposed"},
    {"conv.qd8.1x1", "1 conv.dynamic_quantization"},
    {"conv.qd8.3x3", "1 conv.dynamic_quantization"},
    {"conv.qd8.3x3.stride2", "1 conv.dynamic_quantization"},
    {"conv.qd8.depthwise", "1 conv.depthwise"},
    {"conv.qd8.grouped", "1 conv.dynamic_quantization"},
    {"conv.qs8.1x1", "1 fc pqs8_qc8w"},
    {"conv.qs8.1x1.stride2", "1 conv pqs8_qc8w"},
    {"conv.qs8.3x3", "1 conv pqs8_qc8w"},
    {"conv.qs8.3x3.dilated", "1 conv pqs8_qc8w"},
    {"conv.qs8.3x3.stride2", "1 conv pqs8_qc8w"},
    {"conv.qs8.3x5.valid", "1 conv pqs8_qc8w"},
    {"conv.qs8.7x7.stride2", "1 conv pqs8_qc8w"},
    {"conv.qs8.asymmetric_pad", "1 conv pqs8_qc8w"},
    {"conv.qs8.batch", "1 conv pqs8_qc8w"},
    {"conv.qs8.batch_norm", "1 conv pqs8_qc8w"},
    {"conv.qs8.chain", "2 conv pqs8_qc8w, 1 fc pqs8_qc8w"},
    {"conv.qs8.depthwise", "1 conv.depthwise"},
    {"conv.qs8.depthwise.multiplier", "1 conv.depthwise"},
    {"conv.qs8.grouped", "1 conv pqs8_qc8w"},
    {"conv.qs8.no_bias", "1 conv pqs8_qc8w"},
    {"conv.qs8.one_channel", "1 conv pqs8_qc8w kxn"},
    {"conv.qs8.pad_hw", "1 conv pqs8_qc8w"},
    {"conv.qs8.relu", "1 conv pqs8_qc8w"},
    {"conv.qs8.relu6", "1 conv pqs8_qc8w; absorbs 1 Clamp"},
    {"conv.qs8.transposed.2x2", "1 conv.transposed"},
    {"conv.qs8.transposed.3x3", "1 conv.transposed"},
    {"conv.qs8t.1x1", "1 fc pqs8_qc8w"},
    {"conv.qs8t.3x3", "1 conv pqs8_qc8w"},
    {"conv.qs8t.3x3.stride2", "1 conv pqs8_qc8w"},
    {"conv.qs8t.depthwise", "1 conv.depthwise"},
    {"conv.qs8t.grouped", "1 conv pqs8_qc8w"},
    {"conv.qs8t.relu", "1 conv pqs8_qc8w"},
    {"crepe_tiny_pqs8_qc8w",
     "5 conv pqs8_qc8w, 1 conv pqs8_qc8w kxn, 6 conv.depthwise, 1 fc pqs8_qc8w"},
    {"digits_cnn_pf16", "2 conv pf16, 1 conv pf16 kxn, 2 fc pf16"},
    {"digits_cnn_pf32", "2 conv pf32, 1 conv pf32 kxn, 2 fc pf32"},
    {"digits_cnn_pqs8_qc8w", "2 conv pqs8_qc8w, 1 conv pqs8_qc8w kxn, 2 fc pqs8_qc8w"},
    {"digits_mlp_pf16", "3 fc pf16"},
    {"digits_mlp_pf32", "3 fc pf32"},
    {"digits_mlp_pqs8_qc8w", "3 fc pqs8_qc8w"},
    {"digits_mlp_qp8_f32_qb4w", "3 fc qp8_f32_qb4w"},
    {"digits_mlp_qp8_f32_qc8w", "3 fc qp8_f32_qc8w"},
    {"fc.fp16", "1 fc pf16"},
    {"fc.fp16.clamp", "1 fc pf16"},
    {"fc.fp16.no_bias", "1 fc pf16"},
    {"fc.fp16.relu", "1 fc pf16"},
    {"fc.fp16.transposed", "1 fc pf16 kxn"},
    {"fc.fp32", "1 fc pf32"},
    {"fc.fp32.clamp", "1 fc pf32"},
    {"fc.fp32.no_bias", "1 fc pf32"},
    {"fc.fp32.rank3", "1 fc pf32"},
    {"fc.fp32.relu", "1 fc pf32"},
    {"fc.fp32.transposed", "1 fc pf32 kxn"},
    {"fc.qb4w_128", "1 fc qp8_f32_qb4w"},
    {"fc.qb4w_128.bias", "1 fc qp8_f32_qb4w"},
    {"fc.qb4w_32", "1 fc qp8_f32_qb4w"},
    {"fc.qb4w_32.bias", "1 fc qp8_f32_qb4w"},
    {"fc.qd8", "1 fc qp8_f32_qc8w"},
    {"fc.qd8.no_bias", "1 fc qp8_f32_qc8w"},
    {"fc.qd8.rank3", "1 fc qp8_f32_qc8w"},
    {"fc.qd8.relu", "1 fc qp8_f32_qc8w"},
    {"fc.qd8_4", "1 product.types"},
    {"fc.qs8", "1 fc pqs8_qc8w"},
    {"fc.qs8.no_bias", "1 fc pqs8_qc8w"},
    {"fc.qs8.rank3", "1 fc pqs8_qc8w"},
    {"fc.qs8.relu", "1 fc pqs8_qc8w"},
    {"fc.qs8t", "1 fc pqs8_qc8w"},
    {"fc.qs8t.no_bias", "1 fc pqs8_qc8w"},
    {"fc.qs8t.relu", "1 fc pqs8_qc8w"},
    {"file.bundled", "2 fc pf32"},
    {"file.bundled.qs8", "2 fc pqs8_qc8w"},
    {"file.external_data", "2 fc pf32"},
    {"file.inline_delegate", "2 fc pf32"},
    {"file.several_delegates", "2 fc pf32"},
    {"file.shared_weights", "2 fc pf32"},
    {"file.two_methods", "2 fc pf32"},
    {"op.add.qs8", "1 fc pqs8_qc8w"},
    {"op.add_relu.qs8", "1 fc pqs8_qc8w"},
    {"op.avg_pool.qs8", "1 fc pqs8_qc8w"},
    {"op.cat.qs8", "1 fc pqs8_qc8w"},
    {"op.hardtanh.qs8", "1 fc pqs8_qc8w; absorbs 1 Clamp"},
    {"op.max_pool.qs8", "1 fc pqs8_qc8w"},
    {"op.mean.qs8", "1 fc pqs8_qc8w"},
    {"op.mul.qs8", "1 fc pqs8_qc8w"},
    {"op.permute.qs8", "1 fc pqs8_qc8w"},
    {"op.upsample.qs8", "1 fc pqs8_qc8w"},
    {"qkv.fp16", "3 fc pf16"},
    {"qkv.fp32", "3 fc pf32"},
    {"qkv.qb4_32", "3 fc qp8_f32_qb4w"},
    {"qkv.qd8", "3 fc qp8_f32_qc8w"},
    {"qkv.qs8", "3 fc pqs8_qc8w"},
    // Only where SWITCHYARD_MODELS is set.
    {"crepe_tiny_pf16",
     "5 conv pf16, 1 conv pf16 kxn, 6 conv.depthwise, 1 fc pf16; absorbs 5 StaticConstantPad"},
    {"crepe_tiny_pf32",
     "5 conv pf32, 1 conv pf32 kxn, 6 conv.depthwise, 1 fc pf32; absorbs 5 StaticConstantPad"},
    {"llama_block_fp32", "2 bmm pf32 kxn computed, 7 fc pf32"},
    {"llama_block_qb4_32", "2 bmm pf32 kxn computed, 7 fc qp8_f32_qb4w"},
    {"minilm_qp8_f32_qb4w", "12 bmm pf32 kxn computed, 36 fc qp8_f32_qb4w"},
    {"minilm_qp8_f32_qc8w", "12 bmm pf32 kxn computed, 36 fc qp8_f32_qc8w"},
    {"mobilenet_v2_050_pf16", "1 conv pf16, 17 conv.depthwise, 35 fc pf16"},
    {"mobilenet_v2_pf32", "1 conv pf32, 17 conv.depthwise, 35 fc pf32"},
    {"mobilenet_v2_pqs8_qc8w",
     "1 conv pqs8_qc8w, 17 conv.depthwise, 35 fc pqs8_qc8w; absorbs 35 Clamp"},
    {"resnet18_w32_pf32", "20 conv pf32, 1 fc pf32"},
    {"resnet18_w32_pqs8_qc8w", "20 conv pqs8_qc8w, 1 fc pqs8_qc8w"},
    {"vit_tiny_fp32", "4 bmm pf32 kxn computed, 1 conv pf32, 9 fc pf32"},
    {"vit_tiny_qb4_32", "4 bmm pf32 kxn computed, 1 conv pf32, 9 fc qp8_f32_qb4w"},
    {"vit_tiny_qd8", "4 bmm pf32 kxn computed, 1 conv.dynamic_quantization, 9 fc qp8_f32_qc8w"},
};

TEST(RealModels, VerdictsOnEveryJudgedNode) {
  std::map<std::string_view, std::string_view> expected;
  for (const Expectation& row : kExpectations) expected.emplace(row.model, row.summary);
  size_t num_seen = 0;
  for (const auto& folder : test::ModelFolders()) {
    const bool is_bundled = !exists(folder / "model.pte");
    const Result<test::Model> model =
        test::LoadModel(folder, is_bundled ? "model.bpte" : "model.pte");
    ASSERT_TRUE(model) << model.error().ToString();
    SCOPED_TRACE(model->name);
    const std::string summary = Summary(*model);
    const auto row = expected.find(model->name);
    EXPECT_EQ(summary, row == expected.end() ? "" : row->second) << model->name;
    num_seen += row != expected.end();
  }
  EXPECT_GE(num_seen, 144u);
}

}  // namespace
}  // namespace switchyard
