#include "tools/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "test/unit/tools/command.h"

namespace switchyard::tools {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ExplainCommand : public ToolTest {
 protected:
  static ToolRun Explain(const std::string& model, std::vector<std::string> more) {
    more.insert(more.begin(), {"explain", (Data(model) / "model.pte").string()});
    return Switchyard(more);
  }
  static json ExplainJson(const std::string& model, std::vector<std::string> more) {
    more.push_back("--json");
    const ToolRun run = Explain(model, more);
    EXPECT_EQ(run.code, 0) << run.err;
    return json::parse(run.out);
  }
};

TEST_F(ExplainCommand, TextOfALinearLayerOnTwoCpus) {
  const ToolRun run = Explain("fc.fp32.relu", {"--cpu", "i8mm", "--cpu", "sme2:svl=256"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, R"(cpu i8mm: neon neonfp16 dotprod i8mm
cpu sme2:svl=256: neon neonfp16 dotprod i8mm sme sme2, streaming vectors of 256 bits
method forward, delegate 0
  node 0 FullyConnected: pf32
      [64, 37] fp32, [19, 37] fp32, [19] fp32 -> [64, 19] fp32
      on i8mm: stock, XNNPACK subgraph (island 0)
        not pf32_sme2, pf32_sme2_gemv: CPU features: no sme sme2, expected sme sme2 [kernel.cpu_feature]
        not pf32_sme: CPU features: no sme, expected sme [kernel.cpu_feature]
        pf32_reference yields to the stock operator: plain C++ without vectors, meant for tests [kernel.yields]
        force_kernel may take pf32_reference
      on sme2:svl=256: pf32_sme2
        gemm matmul_clamp_f32_f32p2vlx1_f32p2vlx1biasf32_sme2_mopa
        gemv matmul_clamp_f32_f32_f32p2vlx1b_1x16vl_sme2_mla
        not pf32_sme2_gemv: bound of rows: 64, expected 1 [kernel.gemv_only]
        pf32_reference yields to the stock operator: plain C++ without vectors, meant for tests [kernel.yields]
        force_kernel may take pf32_sme, pf32_reference
summary i8mm: 0 of 1 node packed, 0.0% of 44992 multiply-accumulates; 0 activation packs, 1 island
summary sme2:svl=256: 1 of 1 node packed, 100.0% of 44992 multiply-accumulates; 0 activation packs, 0 islands
)");
}

TEST_F(ExplainCommand, AnIneligibleNodeHasItsReasonOnceForAllCpus) {
  const ToolRun run = Explain("conv.fp16.depthwise", {"--cpu", "stock", "--cpu", "sme2"});
  EXPECT_THAT(run.out, HasSubstr("node 1 DepthwiseConv2d: no packed variant\n"));
  EXPECT_THAT(run.out, HasSubstr("because depthwise convolution: 6 groups, expected one"));
  EXPECT_THAT(run.out, HasSubstr("[conv.depthwise]\n"));
}

TEST_F(ExplainCommand, StockNodesSayHowTheyRunAndWhatIsRemedied) {
  const json node =
      ExplainJson("digits_cnn_pf16", {"--cpu", "dotprod"})["cpus"][0]["delegates"][0]["nodes"][1];
  EXPECT_EQ(node["route"], "stock");
  EXPECT_EQ(node["kernel"], nullptr);
  EXPECT_EQ(node["stock"]["runs"], "XNNPACK subgraph");
  EXPECT_EQ(node["stock"]["islands"], json::array({0}));
  ASSERT_EQ(node["stock"]["remedies"].size(), 1u) << node.dump(2);
  EXPECT_EQ(node["stock"]["remedies"][0]["id"], "f16.neon.deep");
  EXPECT_THAT(node["stock"]["remedies"][0]["evidence"].get<std::string>(), HasSubstr("f16 sums"));
  EXPECT_THAT(
      Explain("digits_cnn_pf16", {"--cpu", "dotprod"}).out,
      HasSubstr("stock, XNNPACK subgraph (island 0)\n        remedy f16.neon.deep: f16 sums"));
}

TEST_F(ExplainCommand, ConvolutionsNameTheIndirectKernel) {
  const json json = ExplainJson("conv.qs8.3x3", {"--cpu", "sme2"});
  const auto& kernel = json["cpus"][0]["delegates"][0]["nodes"][0]["kernel"];
  EXPECT_EQ(kernel["gemm"], "imatmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa");
  EXPECT_EQ(kernel["gemv"], nullptr);
}

TEST_F(ExplainCommand, JsonHasTheFieldsOfItsVersion) {
  const json report = ExplainJson("qkv.qb4_32", {"--cpu", "i8mm", "--cpu", "stock"});
  EXPECT_EQ(report["version"], 1);
  EXPECT_EQ(report["file"], "model.pte");
  ASSERT_EQ(report["cpus"].size(), 2u);
  EXPECT_EQ(report["cpus"][0]["name"], "i8mm");
  EXPECT_EQ(report["cpus"][0]["packed_macs_share"], 1.0);
  EXPECT_EQ(report["cpus"][1]["packed_macs_share"], 0.0);
  const json& delegate = report["cpus"][0]["delegates"][0];
  EXPECT_EQ(delegate["method"], "forward");
  EXPECT_EQ(delegate["index"], 0);
  ASSERT_EQ(delegate["nodes"].size(), 3u);
  const json& node = delegate["nodes"][0];
  for (const char* field : {"id", "debug_handle", "op", "shapes", "types", "macs", "variant",
                            "route", "kernel", "reasons", "rejected"}) {
    EXPECT_TRUE(node.contains(field)) << field;
  }
  EXPECT_EQ(node["route"], "packed");
  EXPECT_EQ(node["variant"], "qp8_f32_qb4w");
  for (const char* size : {"mc", "nc", "kc", "tasks"}) {
    EXPECT_GT(node["kernel"]["blocking"][size], 0) << size;
  }
  EXPECT_EQ(node["kernel"]["gemm"], "matmul_clamp_f32_qai8dxp4x8_qsi4c32p4x8_8x4x32_neon_i8mm");
  EXPECT_EQ(node["macs"], 9 * 48 * 64);
  EXPECT_EQ(node["shapes"], json::array({{9, 64}, {48, 64}, {48}, {9, 48}}));
  const json& rejected = node["rejected"][0];
  EXPECT_EQ(rejected["kernel"], "qp8_f32_qb4w_sme2");
  EXPECT_EQ(rejected["reason"], "kernel.cpu_feature");
  EXPECT_THAT(rejected["message"].get<std::string>(), HasSubstr("no sme sme2"));
}

TEST_F(ExplainCommand, AllNodesOnRequest) {
  EXPECT_THAT(Explain("qkv.qb4_32", {"--cpu", "i8mm"}).out, testing::Not(HasSubstr(" Convert")));
  EXPECT_THAT(
      Explain("qkv.qb4_32", {"--cpu", "i8mm", "--all"}).out,
      HasSubstr("node 0 Convert\n      [9, 64] fp32 -> [9, 64] qdint8\n      on i8mm: stock, "
                "fused into its readers\n"));
}

TEST_F(ExplainCommand, AFileThatIsNothingIsNamed) {
  Write(scratch_ / "empty.pte", "");
  const ToolRun run = Switchyard({"explain", (scratch_ / "empty.pte").string()});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("empty.pte: InvalidArgument: payload: 0 bytes"));
}

TEST_F(ExplainCommand, AnUnknownCpuIsAUsageError) {
  const ToolRun run = Explain("fc.fp32", {"--cpu", "sme3"});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr("--cpu sme3"));
}

}  // namespace
}  // namespace switchyard::tools
