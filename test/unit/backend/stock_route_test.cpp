// How stock nodes run under a mask, with packing off and on long vectors, and what reports say of
// it.

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "backend/explain.h"
#include "backend/plan/format_report.h"
#include "backend/switchyard_backend.h"
#include "kernels/cpu/mask.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/graph_builder.h"

namespace switchyard {
namespace {

constexpr size_t kM = 3, kN = 19, kK = 37;
constexpr std::string_view kMasked = "f32.sme2.masked";

// Small integers: every order of summation gives the same bits.
std::vector<float> Integers(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>((i * 7919 + seed) % 11) - 5.0f;
  }
  return values;
}

Graph Product() {
  test::GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {kM, kK}), y = b.Output(DataType::kF32, {kM, kN});
  b.Add(NodeKind::kFullyConnected,
        {x, b.Constant(DataType::kF32, {kN, kK}, Integers(kN * kK, 1)),
         b.Constant(DataType::kF32, {kN}, Integers(kN, 2))},
        {y});
  return b.Build();
}

std::vector<float> Expected() {
  const auto x = Integers(kM * kK, 3), w = Integers(kN * kK, 1), bias = Integers(kN, 2);
  std::vector<float> y(kM * kN);
  for (size_t i = 0; i < kM; ++i) {
    for (size_t j = 0; j < kN; ++j) {
      y[i * kN + j] = bias[j];
      for (size_t k = 0; k < kK; ++k) y[i * kN + j] += x[i * kK + k] * w[j * kK + k];
    }
  }
  return y;
}

CpuFeatures Cpu(std::string_view text) {
  const auto cpu = ParseCpu(text, HostCpuFeatures());
  EXPECT_TRUE(cpu) << cpu.error().message;
  return cpu.value_or(CpuFeatures());
}

bool HasRemedy(const NodeReport& node, std::string_view id) {
  return std::ranges::contains(node.remedies, id, &StockRemedy::id);
}

// The report of the loaded product, which has been run and was right.
RouteReport Loaded(const char* mask, bool packed_kernels) {
  const auto payload = WritePayload(Product());
  EXPECT_TRUE(payload);
  InitContext context;
  context.load_options["cpu_features"] = mask;
  context.load_options["packed_kernels"] = packed_kernels;
  auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes, context);
  EXPECT_TRUE(runner) << runner.error().ToString();
  if (!runner) return {};
  OwnedTensor arguments[] = {OwnedTensor(ElementType::kF32, std::vector{kM, kK}),
                             OwnedTensor(ElementType::kF32, std::vector{kM, kN})};
  std::ranges::copy(Integers(kM * kK, 3), arguments[0].data<float>());
  const Status status = runner->Run(std::span<OwnedTensor>(arguments));
  EXPECT_TRUE(status) << status.error().ToString();
  EXPECT_TRUE(std::ranges::equal(std::span(arguments[1].data<float>(), kM * kN), Expected()));
  return LoadedReport(*runner->handle());
}

TEST(StockRoute, MaskedSme2RunsThroughTheOperator) {
  const bool has_sme2 = HostCpuFeatures().Has(CpuFeature::kSme2);
  for (const char* mask : {"host,-sme,-avx2", "i8mm", "stock"}) {
    for (const bool packed_kernels : {true, false}) {
      SCOPED_TRACE(mask);
      const RouteReport report = Loaded(mask, packed_kernels);
      ASSERT_EQ(report.nodes.size(), 1u);
      const NodeReport& node = report.nodes[0];
      EXPECT_FALSE(node.kernel.has_value());
      EXPECT_EQ(node.stock_form, has_sme2 ? StockForm::kOperator : StockForm::kSubgraph);
      EXPECT_EQ(HasRemedy(node, kMasked), has_sme2);
      EXPECT_EQ(report.num_islands, has_sme2 ? 0u : 1u);
      const std::string text = FormatReport(report, false);
      EXPECT_TRUE(text.contains(has_sme2 ? "stock, XNNPACK operator\n        remedy f32.sme2.masked"
                                         : "stock, XNNPACK subgraph (island 0)"))
          << text;
      // Both sets of features are named where they differ.
      EXPECT_EQ(text.contains("packed kernels may use: "),
                report.cpu.allowed.ToString() != HostCpuFeatures().ToString())
          << text;
    }
  }
}

TEST(StockRoute, WithoutAMaskPackingOffIsOneIsland) {
  const RouteReport report = Loaded("host", false);
  ASSERT_EQ(report.nodes.size(), 1u);
  const NodeReport& node = report.nodes[0];
  const bool is_long = HostCpuFeatures().streaming_vector_bits > 512;
  EXPECT_EQ(node.stock_form, is_long ? StockForm::kOperator : StockForm::kSubgraph);
  EXPECT_EQ(node.islands, is_long ? std::vector<size_t>() : std::vector<size_t>{0});
  EXPECT_FALSE(HasRemedy(node, kMasked));
  // Every row of the variant says why not.
  EXPECT_EQ(std::ssize(node.rejected),
            std::ranges::count(KernelTable(), Variant::kPf32, &KernelRow::variant));
  for (const KernelRejection& rejected : node.rejected) {
    EXPECT_EQ(rejected.reason.id, ReasonId::kKernelOff);
  }
}

TEST(StockRoute, ExplainedOnAnyHost) {
  const auto explain = [](const MaskedCpu& cpu, bool packed_kernels) {
    PlanRequest request;
    request.routes.packed_kernels = packed_kernels;
    const auto report = ExplainGraph(Product(), cpu, request);
    EXPECT_TRUE(report) << report.error().ToString();
    return report ? report->nodes[0] : NodeReport();
  };
  const NodeReport masked = explain({Cpu("sme2"), Cpu("i8mm")}, true);
  EXPECT_EQ(masked.stock_form, StockForm::kOperator);
  EXPECT_TRUE(HasRemedy(masked, kMasked));

  const NodeReport long_vectors = explain(Cpu("sme2:svl=1024"), false);
  EXPECT_EQ(long_vectors.stock_form, StockForm::kOperator);
  EXPECT_TRUE(HasRemedy(long_vectors, "f32.sme2.long_vectors"));
  EXPECT_FALSE(HasRemedy(long_vectors, kMasked));

  const NodeReport baseline = explain(Cpu("sme2"), false);
  EXPECT_EQ(baseline.stock_form, StockForm::kSubgraph);
  EXPECT_TRUE(baseline.remedies.empty());

  const NodeReport packed = explain(Cpu("sme2"), true);
  EXPECT_TRUE(packed.kernel.has_value());
  EXPECT_TRUE(packed.remedies.empty());
}

}  // namespace
}  // namespace switchyard
