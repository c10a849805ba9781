// How many nodes of each real model run packed on each CPU tier: written out, so that a rule, a row
// or a pass that loses one shows. `explain` answers for every tier on any machine; the loaded
// delegates answer for the CPU that the test runs on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <format>
#include <vector>

#include "backend/explain.h"
#include "backend/plan/format_report.h"
#include "backend/plan/report.h"
#include "backend/switchyard_backend.h"
#include "kernels/cpu/features.h"
#include "kernels/cpu/mask.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/graph_builder.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

using testing::HasSubstr;

constexpr const char* kTiers[] = {"stock", "dotprod", "i8mm", "sme", "sme2", "avx2"};
constexpr size_t kAvx2Tier = 5;

struct Expectation {
  const char* model;
  size_t judged;  // FullyConnected, convolutions, BatchMatrixMultiply
  // As kTiers up to sme2; avx2 has rows of all variants as well, so as many.
  size_t packed[5];
  size_t packs_on_sme2;  // activations packed once for all their readers
};

constexpr Expectation kExpectations[] = {
    // clang-format off
    {"attention.fp16", 4, {0, 0, 0, 4, 4}, 0},
    {"attention.fp32", 4, {0, 0, 0, 4, 4}, 0},
    {"attention.qb4_32", 4, {0, 2, 2, 4, 4}, 0},
    {"attention.qd8", 4, {0, 2, 2, 4, 4}, 0},
    {"bmm.fp16.constant", 1, {0, 0, 0, 1, 1}, 0},
    {"bmm.fp16.matmul4", 1, {0, 0, 0, 1, 1}, 0},
    {"bmm.fp16.row", 1, {0, 0, 0, 1, 1}, 0},
    {"bmm.fp16", 1, {0, 0, 0, 1, 1}, 0},
    {"bmm.fp32.constant", 1, {0, 0, 0, 1, 1}, 0},
    {"bmm.fp32.dynamic", 1, {0, 0, 0, 1, 1}, 0},
    {"bmm.fp32.matmul4", 1, {0, 0, 0, 1, 1}, 0},
    {"bmm.fp32.row", 1, {0, 0, 0, 1, 1}, 0},
    {"bmm.fp32", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.1x1", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.3x3.dilated", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.3x3.stride2", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.3x3", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.3x5.valid", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.7x7.stride2", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.batch_norm", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.chain", 3, {0, 0, 0, 3, 3}, 0},
    {"conv.fp16.depthwise.multiplier", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.fp16.depthwise", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.fp16.grouped", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.no_bias", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.one_channel", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.relu", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.relu6", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp16.transposed.2x2", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.fp16.transposed.3x3", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.fp32.1x1.stride2", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.1x1", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.3x3.dilated", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.3x3.stride2", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.3x3", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.3x5.valid", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.7x7.stride2", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.asymmetric_pad", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.batch", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.batch_norm", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.chain", 3, {0, 0, 0, 3, 3}, 0},
    {"conv.fp32.channels_last", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.conv1d", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.depthwise.multiplier", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.fp32.depthwise", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.fp32.dynamic_hw", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.grouped", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.no_bias", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.one_channel", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.pad_hw", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.relu", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.relu6", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.fp32.transposed.2x2", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.fp32.transposed.3x3", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qd8.1x1", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qd8.3x3.stride2", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qd8.3x3", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qd8.depthwise", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qd8.grouped", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qs8.1x1.stride2", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.1x1", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.3x3.dilated", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.3x3.stride2", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.3x3", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.3x5.valid", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.7x7.stride2", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.asymmetric_pad", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.batch", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.batch_norm", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.chain", 3, {0, 0, 0, 3, 3}, 0},
    {"conv.qs8.depthwise.multiplier", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qs8.depthwise", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qs8.grouped", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.no_bias", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.one_channel", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.pad_hw", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.relu", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.relu6", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8.transposed.2x2", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qs8.transposed.3x3", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qs8t.1x1", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8t.3x3.stride2", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8t.3x3", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8t.depthwise", 1, {0, 0, 0, 0, 0}, 0},
    {"conv.qs8t.grouped", 1, {0, 0, 0, 1, 1}, 0},
    {"conv.qs8t.relu", 1, {0, 0, 0, 1, 1}, 0},
    {"crepe_tiny_pf16", 13, {0, 0, 0, 7, 7}, 1},
    {"crepe_tiny_pf32", 13, {0, 0, 0, 7, 7}, 1},
    {"crepe_tiny_pqs8_qc8w", 13, {0, 0, 0, 7, 7}, 0},
    {"digits_cnn_pf16", 5, {0, 0, 0, 5, 5}, 0},
    {"digits_cnn_pf32", 5, {0, 0, 0, 5, 5}, 0},
    {"digits_cnn_pqs8_qc8w", 5, {0, 0, 0, 5, 5}, 0},
    {"digits_mlp_pf16", 3, {0, 0, 0, 3, 3}, 0},
    {"digits_mlp_pf32", 3, {0, 0, 0, 3, 3}, 0},
    {"digits_mlp_pqs8_qc8w", 3, {0, 0, 0, 3, 3}, 0},
    {"digits_mlp_qp8_f32_qb4w", 3, {0, 3, 3, 3, 3}, 0},
    {"digits_mlp_qp8_f32_qc8w", 3, {0, 3, 3, 3, 3}, 0},
    {"fc.fp16.clamp", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.fp16.no_bias", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.fp16.relu", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.fp16.transposed", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.fp16", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.fp32.clamp", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.fp32.no_bias", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.fp32.rank3", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.fp32.relu", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.fp32.transposed", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.fp32", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.qb4w_128.bias", 1, {0, 1, 1, 1, 1}, 0},
    {"fc.qb4w_128", 1, {0, 1, 1, 1, 1}, 0},
    {"fc.qb4w_32.bias", 1, {0, 1, 1, 1, 1}, 0},
    {"fc.qb4w_32", 1, {0, 1, 1, 1, 1}, 0},
    {"fc.qd8.no_bias", 1, {0, 1, 1, 1, 1}, 0},
    {"fc.qd8.rank3", 1, {0, 1, 1, 1, 1}, 0},
    {"fc.qd8.relu", 1, {0, 1, 1, 1, 1}, 0},
    {"fc.qd8", 1, {0, 1, 1, 1, 1}, 0},
    {"fc.qd8_4", 1, {0, 0, 0, 0, 0}, 0},
    {"fc.qs8.no_bias", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.qs8.rank3", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.qs8.relu", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.qs8t.no_bias", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.qs8t.relu", 1, {0, 0, 0, 1, 1}, 0},
    {"fc.qs8t", 1, {0, 0, 0, 1, 1}, 0},
    {"file.bundled.qs8", 2, {0, 0, 0, 2, 2}, 0},
    {"file.bundled", 2, {0, 0, 0, 2, 2}, 0},
    {"file.external_data", 2, {0, 0, 0, 2, 2}, 0},
    {"file.inline_delegate", 2, {0, 0, 0, 2, 2}, 0},
    {"file.several_delegates", 2, {0, 0, 0, 2, 2}, 0},
    {"file.shared_weights", 2, {0, 0, 0, 2, 2}, 0},
    {"file.two_methods", 2, {0, 0, 0, 2, 2}, 0},
    {"llama_block_fp32", 9, {0, 0, 0, 9, 9}, 6},
    {"llama_block_qb4_32", 9, {0, 7, 7, 9, 9}, 6},
    {"minilm_qp8_f32_qb4w", 48, {0, 36, 36, 48, 48}, 30},
    {"minilm_qp8_f32_qc8w", 48, {0, 36, 36, 48, 48}, 24},
    {"mobilenet_v2_050_pf16", 53, {0, 0, 0, 36, 36}, 35},
    {"mobilenet_v2_pf32", 53, {0, 0, 0, 36, 36}, 35},
    {"mobilenet_v2_pqs8_qc8w", 53, {0, 0, 0, 36, 36}, 35},
    {"op.add.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"op.add_relu.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"op.avg_pool.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"op.cat.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"op.hardtanh.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"op.max_pool.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"op.mean.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"op.mul.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"op.permute.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"op.upsample.qs8", 1, {0, 0, 0, 1, 1}, 0},
    {"qkv.fp16", 3, {0, 0, 0, 3, 3}, 1},
    {"qkv.fp32", 3, {0, 0, 0, 3, 3}, 1},
    {"qkv.qb4_32", 3, {0, 3, 3, 3, 3}, 1},
    {"qkv.qd8", 3, {0, 3, 3, 3, 3}, 1},
    {"qkv.qs8", 3, {0, 0, 0, 3, 3}, 1},
    {"resnet18_w32_pf32", 21, {0, 0, 0, 21, 21}, 1},
    {"resnet18_w32_pqs8_qc8w", 21, {0, 0, 0, 21, 21}, 1},
    {"vit_tiny_fp32", 14, {0, 0, 0, 14, 14}, 9},
    {"vit_tiny_qb4_32", 14, {0, 9, 9, 14, 14}, 9},
    {"vit_tiny_qd8", 14, {0, 9, 9, 13, 13}, 9},
    // clang-format on
};

size_t HostTier() {
  const CpuFeatures& cpu = HostCpuFeatures();
  if (cpu.Has(CpuFeature::kAvx2)) return kAvx2Tier;
  if (cpu.Has(CpuFeature::kSme2)) return 4;
  if (cpu.Has(CpuFeature::kSme)) return 3;
  if (cpu.Has(CpuFeature::kI8mm)) return 2;
  return cpu.Has(CpuFeature::kDotProd) ? 1 : 0;
}

class Routing : public testing::TestWithParam<Expectation> {
 protected:
  void SetUp() override {
    for (const std::filesystem::path& folder : test::ModelFolders(GetParam().model)) {
      if (folder.filename() != GetParam().model) continue;
      auto model = test::LoadModel(folder);
      ASSERT_TRUE(model) << model.error().ToString();
      model_ = *std::move(model);
      return;
    }
    GTEST_SKIP() << "not in test/data; set SWITCHYARD_MODELS to the folder that has it";
  }

  test::Model model_;
};

TEST_P(Routing, ExplainOnEveryTier) {
  for (size_t tier = 0; tier < std::size(kTiers); ++tier) {
    SCOPED_TRACE(kTiers[tier]);
    const auto cpu = ParseCpu(kTiers[tier], HostCpuFeatures());
    ASSERT_TRUE(cpu) << cpu.error().ToString();
    size_t judged = 0, packed = 0, packs = 0;
    for (const test::ModelPayload& payload : model_.payloads) {
      auto graph = ReadPayload(payload.bytes, model_.named_data.get());
      ASSERT_TRUE(graph) << graph.error().ToString();
      const auto report = ExplainGraph(*std::move(graph), *cpu, {});
      ASSERT_TRUE(report) << report.error().ToString();
      judged += report->NumJudged();
      packed += report->NumPacked();
      packs += report->num_lhs_packs;
    }
    EXPECT_EQ(judged, GetParam().judged);
    EXPECT_EQ(packed, GetParam().packed[std::min<size_t>(tier, 4)]);
    if (tier == 4) EXPECT_EQ(packs, GetParam().packs_on_sme2);
  }
}

TEST_P(Routing, LoadedDelegates) {
  size_t judged = 0, packed = 0, stock = 0;
  for (const test::ModelPayload& payload : model_.payloads) {
    InitContext context;
    context.named_data = model_.named_data.get();
    // Whether it yields to the stock operator or not.
    if (HostTier() == kAvx2Tier) context.load_options["force_kernel"] = "avx2";
    const auto load = [&] { return BlobRunner::Load(SwitchyardBackend(), payload.bytes, context); };
    auto runner = load();
    ASSERT_TRUE(runner) << payload.name << ": " << runner.error().ToString();
    judged += LoadedReport(*runner->handle()).NumJudged();
    packed += LoadedReport(*runner->handle()).NumPacked();
    context.load_options["packed_kernels"] = false;
    auto off = load();
    ASSERT_TRUE(off) << payload.name << ": " << off.error().ToString();
    stock += LoadedReport(*off->handle()).NumPacked();
  }
  EXPECT_EQ(judged, GetParam().judged);
  EXPECT_EQ(packed, GetParam().packed[std::min<size_t>(HostTier(), 4)]);
  EXPECT_EQ(stock, 0u);
}

INSTANTIATE_TEST_SUITE_P(Models, Routing, testing::ValuesIn(kExpectations), [](const auto& info) {
  std::string name = info.param.model;
  std::ranges::replace(name, '.', '_');
  return name;
});

// Packed activations and scratch memory have their part in max_workspace_bytes: more than the stock
// operators need. Where only these fit, they run, and the report says why.
TEST(MemoryLimit, CountsWhatPackedStepsNeed) {
  struct Case {
    const char* model;
    size_t tier;  // as kTiers: the first that runs it packed
  };
  for (const Case& c : {Case{"fc.qd8", 1}, Case{"fc.fp32", 3}, Case{"conv.fp32.3x3", 3},
                        Case{"bmm.fp32", 3}, Case{"attention.qd8", 1}}) {
    SCOPED_TRACE(c.model);
    const test::Model model = test::LoadTestModel(c.model);
    ASSERT_FALSE(model.payloads.empty());
    const auto load = [&](int64_t limit, bool packed) {
      InitContext context;
      context.named_data = model.named_data.get();
      context.load_options["max_workspace_bytes"] = limit;
      context.load_options["packed_kernels"] = packed;
      return BlobRunner::Load(SwitchyardBackend(), model.payloads[0].bytes, context);
    };
    const auto graph = ReadPayload(model.payloads[0].bytes, model.named_data.get());
    ASSERT_TRUE(graph) << graph.error().ToString();
    std::vector<OwnedTensor> tensors(graph->num_externals);
    for (const Value& value : graph->values) {
      if (!value.external_id) continue;
      tensors[*value.external_id] =
          OwnedTensor(*ExternalElementType(value.type), value.dims.span());
    }
    // The least limit with which it runs at its bounds and, with packed kernels, on one.
    const auto least = [&](bool packed) {
      int64_t refused = -1, accepted = int64_t{1} << 30;
      while (accepted - refused > 1) {
        const int64_t middle = refused + (accepted - refused) / 2;
        auto runner = load(middle, packed);
        const bool is_enough = runner &&
                               (!packed || LoadedReport(*runner->handle()).NumPacked() > 0) &&
                               runner->Run(tensors);
        (is_enough ? accepted : refused) = middle;
      }
      return accepted;
    };
    const int64_t stock = least(false);
    if (HostTier() < c.tier) continue;
    auto whole = load(int64_t{1} << 30, true);
    ASSERT_TRUE(whole) << whole.error().ToString();
    // On x86-64 a row may yield to the stock operator.
    if (HostTier() >= kAvx2Tier && LoadedReport(*whole->handle()).NumPacked() == 0) continue;
    const int64_t packed = least(true);
    EXPECT_GT(packed, stock);
    EXPECT_LT(packed, int64_t{1} << 30);
    auto without = load(packed - 1, true);
    ASSERT_TRUE(without) << without.error().ToString();
    const std::string report = FormatReport(LoadedReport(*without->handle()), true);
    EXPECT_THAT(report, HasSubstr("[kernel.memory]"));
    EXPECT_THAT(report, HasSubstr(std::format("expected at most {}", packed - 1)));

    auto runner = load(packed, true);
    ASSERT_TRUE(runner) << runner.error().ToString();
    const Status status = runner->Run(tensors);
    EXPECT_TRUE(status) << status.error().ToString();
  }
}

// A program may be exported for far larger images than it ever gets. What it could need says
// nothing of what it does need.
TEST(MemoryLimit, BoundsFarAboveUseAreNotCounted) {
  constexpr size_t kLarge = size_t{1} << 20, kHeight = 16, kWidth = 12;
  test::GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {1, kLarge, kLarge, 2});
  const ValueIndex y = b.Output(DataType::kF32, {1, kLarge, kLarge, 3});
  const ValueIndex inner = b.Internal(DataType::kF32, {1, kLarge, kLarge, 3});
  const ConvolutionAttributes first{.padding_top = 1,
                                    .padding_right = 1,
                                    .padding_bottom = 1,
                                    .padding_left = 1,
                                    .kernel_height = 3,
                                    .kernel_width = 3,
                                    .group_input_channels = 2,
                                    .group_output_channels = 3};
  const ConvolutionAttributes second{.group_input_channels = 3, .group_output_channels = 3};
  b.Add(NodeKind::kConv2d, {x, b.Constant(DataType::kF32, {3, 3, 3, 2}, std::vector<float>(54, 1))},
        {inner}, first);
  b.Add(NodeKind::kConv2d,
        {inner, b.Constant(DataType::kF32, {3, 1, 1, 3}, std::vector<float>(9, 1))}, {y}, second);
  const auto payload = WritePayload(b.Build());
  ASSERT_TRUE(payload) << payload.error().ToString();
  for (const bool packed : {true, false}) {
    SCOPED_TRACE(packed);
    InitContext context;
    context.load_options["packed_kernels"] = packed;
    context.load_options["max_workspace_bytes"] = int64_t{1} << 20;
    auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes, context);
    ASSERT_TRUE(runner) << runner.error().ToString();
    // As `explain` says, whatever the bounds need.
    PlanRequest request;
    request.routes.packed_kernels = packed;
    request.max_workspace_bytes = uint64_t{1} << 20;
    const auto explained =
        ExplainGraph(*ReadPayload(payload->bytes, nullptr), HostCpuFeatures(), request);
    ASSERT_TRUE(explained) << explained.error().ToString();
    EXPECT_EQ(LoadedReport(*runner->handle()).NumPacked(), explained->NumPacked());
    const auto run = [&](size_t height, size_t width) {
      std::vector<OwnedTensor> tensors = {
          OwnedTensor(ElementType::kF32, std::vector<size_t>{1, height, width, 2}),
          OwnedTensor(ElementType::kF32, std::vector<size_t>{1, height, width, 3})};
      const std::vector<float> ones(height * width * 2, 1.0f);
      std::memcpy(tensors[0].bytes().data(), ones.data(), ones.size() * sizeof(float));
      const Status status = runner->Run(tensors);
      if (status) {
        float inside;
        std::memcpy(&inside, tensors[1].bytes().data() + (width + 1) * 3 * sizeof(float),
                    sizeof(inside));
        EXPECT_EQ(inside, 3 * 9 * 2.0f);  // channels of nine elements of two channels
      }
      return status;
    };
    ASSERT_TRUE(run(kHeight, kWidth));
    const Status refused = run(512, 512);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kMemoryAllocationFailed);
    EXPECT_THAT(refused.error().message,
                testing::AllOf(HasSubstr("with dimensions [1, 512, 512, 3]"),
                               HasSubstr("needs 3145728 bytes"),
                               HasSubstr("expected at most 1048576 (option max_workspace_bytes)"),
                               HasSubstr("set it to 3145728 or more")));
    EXPECT_TRUE(run(kHeight, kWidth));
  }
}

// What every input needs is refused at load.
TEST(MemoryLimit, WhatNoInputGetsAlongWithoutIsRefusedAtLoad) {
  test::GraphBuilder b;
  const ValueIndex padded = b.Internal(DataType::kF32, {1});
  b.Add(NodeKind::kStaticConstantPad, {b.Input(DataType::kF32, {8})}, {padded},
        PadAttributes{{1u << 20}, {0}});
  b.Add(NodeKind::kAbs, {padded}, {b.Output(DataType::kF32, {1})});
  const auto payload = WritePayload(b.Build());
  ASSERT_TRUE(payload) << payload.error().ToString();
  InitContext context;
  context.load_options["max_workspace_bytes"] = (int64_t{1} << 22) - 1;
  const auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes, context);
  ASSERT_FALSE(runner);
  EXPECT_THAT(runner.error().message, HasSubstr("with dimensions [1048576] needs 4194304 bytes"));
}

// Two layers of which one packs more rows than fit: the other one stays packed.
TEST(MemoryLimit, LeavesPackedWhatFits) {
  if (HostTier() == 0) GTEST_SKIP() << "no packed kernels on this CPU";
  constexpr size_t kRows = 40, kColumns = 8;
  test::GraphBuilder b;
  for (const size_t k : {size_t{32}, size_t{512}, size_t{64}}) {
    const ValueIndex x = b.Input(DataType::kF32, {kRows, k});
    const ValueIndex q = b.Internal(DataType::kQDInt8, {kRows, k}, PerTokenQuantization{1});
    b.Add(NodeKind::kConvert, {x}, {q});
    const ValueIndex w =
        b.Constant(DataType::kQCInt8, {kColumns, k}, std::vector<int8_t>(kColumns * k, 1),
                   b.PerChannel(0, std::vector<float>(kColumns, 0.5f)));
    const ValueIndex y = b.Output(DataType::kF32, {kRows, kColumns});
    b.Add(NodeKind::kFullyConnected, {q, w}, {y});
  }
  const auto payload = WritePayload(b.Build());
  ASSERT_TRUE(payload) << payload.error().ToString();
  const auto packed_nodes = [&](int64_t limit) {
    std::vector<bool> packed;
    InitContext context;
    context.load_options["max_workspace_bytes"] = limit;
    auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes, context);
    if (!runner) return packed;
    for (const NodeReport& node : LoadedReport(*runner->handle()).nodes) {
      if (node.op == "FullyConnected") packed.push_back(node.kernel.has_value());
    }
    return packed;
  };
  // The least limit of all three; below it the largest goes first, then the second.
  int64_t refused = kRows * (32 + 512 + 64), accepted = 1 << 20;  // from what stock takes on
  while (accepted - refused > 1) {
    const int64_t middle = refused + (accepted - refused) / 2;
    (packed_nodes(middle) == std::vector{true, true, true} ? accepted : refused) = middle;
  }
  EXPECT_THAT(packed_nodes(accepted), testing::ElementsAre(true, true, true));
  EXPECT_THAT(packed_nodes(accepted - 1), testing::ElementsAre(true, false, true));
  EXPECT_THAT(packed_nodes(accepted - 400 * kRows), testing::ElementsAre(true, false, true));
}

// An activation of the host's, which nothing but its packed form has to be made of.
TEST(MemoryLimit, PackedRowsOfAHugeBound) {
  test::GraphBuilder b;
  const size_t rows = size_t{1} << 29;  // squared, about as much as the door lets in
  const std::vector<float> scales(1, 0.5f);
  const PerTensorQuantization quantization{.scale = 0.5f, .zero_point = 1};
  const ValueIndex x = b.Input(DataType::kQInt8, {rows, rows, 1}, quantization);
  const ValueIndex filter = b.Constant(DataType::kQCInt8, {1, 1}, std::vector<int8_t>(1, 1),
                                       PerChannelQuantization{.channel_dim = 0, .scales = scales});
  b.Add(NodeKind::kFullyConnected, {x, filter},
        {b.Output(DataType::kQInt8, {1, 1, 1}, quantization)});
  const auto payload = WritePayload(b.Build());
  ASSERT_TRUE(payload) << payload.error().ToString();
  auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes);
  ASSERT_TRUE(runner) << runner.error().ToString();
  if (HostTier() < 3) GTEST_SKIP() << "this CPU has no packed row for int8 activations";
  EXPECT_THAT(FormatReport(LoadedReport(*runner->handle()), true),
              HasSubstr("bytes for its scratch memory"));
}

// Slices of one element each: their number alone costs nothing.
TEST(MemoryLimit, SlicesAreNotStored) {
  test::GraphBuilder b;
  b.Add(NodeKind::kBatchMatrixMultiply,
        {b.Input(DataType::kF32, {0xFFFFFFFF, 1, 1}), b.Input(DataType::kF32, {1, 1, 1})},
        {b.Output(DataType::kF32, {1, 1, 1})});
  const auto payload = WritePayload(b.Build());
  ASSERT_TRUE(payload) << payload.error().ToString();
  const auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes);
  EXPECT_TRUE(runner) << runner.error().ToString();
}

TEST(SharedWeights, TwoMethodsHoldOneCopy) {
  test::Model model = test::LoadTestModel("file.shared_weights");
  std::vector<BlobRunner> runners;
  std::vector<uint64_t> bytes, shared;
  for (const test::ModelPayload& payload : model.payloads) {
    InitContext context;
    context.named_data = model.named_data.get();
    auto runner = BlobRunner::Load(SwitchyardBackend(), payload.bytes, context);
    ASSERT_TRUE(runner) << runner.error().ToString();
    bytes.push_back(LoadedReport(*runner->handle()).packed_weight_bytes);
    shared.push_back(LoadedReport(*runner->handle()).shared_packed_weight_bytes);
    runners.push_back(*std::move(runner));
  }
  ASSERT_EQ(bytes.size(), 2u);
  if (HostTier() < 3) GTEST_SKIP() << "this CPU has no packed row for f32";
  EXPECT_GT(bytes[0], 0u);
  EXPECT_EQ(shared[0], 0u);
  EXPECT_EQ(bytes[1], bytes[0]);
  EXPECT_EQ(shared[1], bytes[1]);
}

}  // namespace
}  // namespace switchyard
