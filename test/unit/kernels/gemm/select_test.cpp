#include "kernels/gemm/select.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "kernels/cpu/mask.h"
#include "runtime/base/reason.h"
#include "test/unit/kernels/gemm/problems.h"

namespace switchyard {
namespace {

constexpr GemmOperator kFullyConnected = GemmOperator::kFullyConnected;
constexpr GemmOperator kConv2d = GemmOperator::kConv2d;
constexpr GemmOperator kBatchMatMul = GemmOperator::kBatchMatrixMultiply;

CpuFeatures Cpu(std::string_view text) {
  const Result<CpuFeatures> cpu = ParseCpu(text, CpuFeatures());
  EXPECT_TRUE(cpu.has_value()) << text;
  return cpu.value_or(CpuFeatures());
}

// A problem as the rules make it for an ordinary node.
GemmProblem Problem(Variant variant, GemmOperator op) {
  GemmProblem problem = test::ProblemOf(variant, 32, 48, 288);
  problem.op = op;
  if (op == kConv2d) {
    problem.taps = 9;
    problem.channels_per_tap = 32;
  }
  return problem;
}

// Why `selection` passed over the row; fails the test if it did not.
Reason WhyNot(const Selection& selection, std::string_view name) {
  for (const RejectedKernel& rejected : selection.rejected) {
    if (rejected.kernel->name == name) return rejected.reason;
  }
  ADD_FAILURE() << name << " is not among the rejected";
  return {ReasonId::kKernelEmpty, "", ""};
}

std::string ChosenName(const Selection& selection) {
  return selection.chosen == nullptr ? "stock" : std::string(selection.chosen->name);
}

// What runs each line of the README's table on each tier. "stock" is XNNPACK's own operator.
struct Expectation {
  Variant variant;
  GemmOperator op;
  const char* dotprod;
  const char* i8mm;
  const char* sme;
  const char* sme2;
  const char* avx2;
  const char* avx512;
};

constexpr Expectation kExpectations[] = {
    {Variant::kPf32, kFullyConnected,  //
     "stock", "stock", "pf32_sme", "pf32_sme2", "pf32_avx2", "pf32_avx512"},
    {Variant::kPf32, kConv2d,  //
     "stock", "stock", "pf32_sme", "pf32_sme2", "pf32_avx2", "pf32_avx512"},
    {Variant::kPf32, kBatchMatMul,  //
     "stock", "stock", "pf32_sme", "pf32_sme2", "pf32_avx2", "pf32_avx512"},
    {Variant::kPf16, kFullyConnected,  //
     "stock", "stock", "pf16_sme", "pf16_sme2", "pf16_avx2", "pf16_avx512"},
    {Variant::kPf16, kConv2d,  //
     "stock", "stock", "pf16_sme", "pf16_sme2", "pf16_avx2", "pf16_avx512"},
    {Variant::kPf16, kBatchMatMul,  //
     "stock", "stock", "pf16_sme", "pf16_sme2", "pf16_avx2", "pf16_avx512"},
    {Variant::kQp8F32Qc8w, kFullyConnected,  //
     "qp8_f32_qc8w_dotprod", "qp8_f32_qc8w_i8mm", "qp8_f32_qc8w_sme", "qp8_f32_qc8w_sme2",
     "qp8_f32_qc8w_avx2", "qp8_f32_qc8w_avx512"},
    {Variant::kPqs8Qc8w, kFullyConnected,  //
     "stock", "stock", "pqs8_qc8w_sme", "pqs8_qc8w_sme2", "pqs8_qc8w_avx2", "pqs8_qc8w_avx512"},
    {Variant::kPqs8Qc8w, kConv2d,  //
     "stock", "stock", "pqs8_qc8w_sme", "pqs8_qc8w_sme2", "pqs8_qc8w_avx2", "pqs8_qc8w_avx512"},
    {Variant::kQp8F32Qb4w, kFullyConnected,  //
     "qp8_f32_qb4w_dotprod_16x4", "qp8_f32_qb4w_i8mm_8x4x32", "qp8_f32_qb4w_i8mm_8x4x32",
     "qp8_f32_qb4w_sme2", "qp8_f32_qb4w_avx2", "qp8_f32_qb4w_avx512"},
};

TEST(Select, TableOfVariantsOperatorsAndTiers) {
  for (const Expectation& row : kExpectations) {
    SCOPED_TRACE(Name(row.variant));
    const GemmProblem problem = Problem(row.variant, row.op);
    const auto chosen = [&](std::string_view cpu) {
      return ChosenName(Select(KernelTable(), problem, Cpu(cpu)));
    };
    EXPECT_EQ(chosen("stock"), "stock");
    EXPECT_EQ(chosen("dotprod"), row.dotprod);
    EXPECT_EQ(chosen("i8mm"), row.i8mm);
    EXPECT_EQ(chosen("sme"), row.sme);
    EXPECT_EQ(chosen("sme2"), row.sme2);
    EXPECT_EQ(chosen("sme2:svl=128"), row.sme2);
    EXPECT_EQ(chosen("avx2"), row.avx2);
    EXPECT_EQ(chosen("avx512"), row.avx512);
    const bool is_int8 = row.variant == Variant::kQp8F32Qc8w || row.variant == Variant::kPqs8Qc8w;
    EXPECT_EQ(chosen("amx"),
              is_int8 ? std::string(Name(row.variant)) + "_amx" : std::string(row.avx512));
  }
}

TEST(Select, ChoiceNeverNeedsWhatTheCpuLacks) {
  for (const Expectation& row : kExpectations) {
    // Features alone, in any combination of the Arm ones.
    for (uint32_t bits = 0; bits < 256; ++bits) {
      CpuFeatures cpu;
      for (uint32_t i = 0; i < 8; ++i) {
        if ((bits >> i & 1) != 0) cpu.Add(static_cast<CpuFeature>(i));
      }
      cpu.streaming_vector_bits = cpu.Has(CpuFeature::kSme) ? 256 : 0;
      const Selection selection = Select(KernelTable(), Problem(row.variant, row.op), cpu);
      if (selection.chosen == nullptr) continue;
      EXPECT_EQ(cpu.Missing(selection.chosen->required).ToString(), "none")
          << selection.chosen->name << " on " << cpu.ToString();
    }
  }
}

TEST(Select, EveryOtherRowOfTheVariantIsRejectedWithAReason) {
  for (const Expectation& row : kExpectations) {
    for (std::string_view cpu :
         {"stock", "dotprod", "i8mm", "sme", "sme2", "avx2", "avx512", "amx"}) {
      const Selection selection = Select(KernelTable(), Problem(row.variant, row.op), Cpu(cpu));
      std::set<const KernelRow*> seen;
      if (selection.chosen != nullptr) seen.insert(selection.chosen);
      for (const RejectedKernel& rejected : selection.rejected) {
        EXPECT_TRUE(seen.insert(rejected.kernel).second) << rejected.kernel->name << " twice";
        EXPECT_EQ(rejected.kernel->variant, row.variant);
        EXPECT_FALSE(rejected.reason.found.empty()) << rejected.reason.ToString();
        EXPECT_FALSE(rejected.reason.expected.empty()) << rejected.reason.ToString();
      }
      const auto rows = std::ranges::count(KernelTable(), row.variant, &KernelRow::variant);
      EXPECT_EQ(seen.size(), static_cast<size_t>(rows)) << Name(row.variant) << " on " << cpu;
    }
  }
}

// One refusal for each reason, and the same problem accepted without the cause.
TEST(SelectReason, CpuFeature) {
  const GemmProblem problem = Problem(Variant::kQp8F32Qc8w, kFullyConnected);
  const Selection selection = Select(KernelTable(), problem, Cpu("i8mm,-dotprod"));
  EXPECT_EQ(selection.chosen, nullptr);
  EXPECT_EQ(WhyNot(selection, "qp8_f32_qc8w_sme2").ToString(),
            "CPU features: no sme sme2, expected sme sme2; another CPU may have "
            "them; option cpu_features may have masked them [kernel.cpu_feature]");
  EXPECT_EQ(WhyNot(selection, "qp8_f32_qc8w_i8mm").found, "no dotprod");
  EXPECT_EQ(ChosenName(Select(KernelTable(), problem, Cpu("i8mm"))), "qp8_f32_qc8w_i8mm");
}

TEST(SelectReason, VectorLength) {
  const GemmProblem problem = Problem(Variant::kPf32, kFullyConnected);
  CpuFeatures cpu = Cpu("sme2");
  for (uint32_t bits : {0u, 64u, 384u, 4096u}) {
    cpu.streaming_vector_bits = bits;
    const Selection selection = Select(KernelTable(), problem, cpu);
    EXPECT_EQ(selection.chosen, nullptr) << bits;
    EXPECT_EQ(WhyNot(selection, "pf32_sme2").id, ReasonId::kKernelVectorLength);
  }
  // A row whose sizes are fixed does not care.
  EXPECT_EQ(ChosenName(Select(KernelTable(), Problem(Variant::kQp8F32Qc8w, kFullyConnected), cpu)),
            "qp8_f32_qc8w_i8mm");
  cpu.streaming_vector_bits = 2048;
  EXPECT_EQ(ChosenName(Select(KernelTable(), problem, cpu)), "pf32_sme2");
}

TEST(SelectReason, Types) {
  using enum DataType;
  GemmProblem problem = Problem(Variant::kPf32, kFullyConnected);
  problem.lhs_type = kF16;
  Selection selection = Select(KernelTable(), problem, Cpu("sme2"));
  EXPECT_EQ(selection.chosen, nullptr);
  EXPECT_EQ(WhyNot(selection, "pf32_sme2").id, ReasonId::kKernelLhsType);

  problem = Problem(Variant::kPf32, kFullyConnected);
  problem.rhs_type = kQCInt8;
  selection = Select(KernelTable(), problem, Cpu("sme2"));
  EXPECT_EQ(WhyNot(selection, "pf32_sme2").id, ReasonId::kKernelRhsType);
  problem.rhs_type = kF16;
  EXPECT_EQ(ChosenName(Select(KernelTable(), problem, Cpu("sme2"))), "pf32_sme2");

  problem = Problem(Variant::kQp8F32Qc8w, kFullyConnected);
  problem.lhs_type = kF16;
  EXPECT_EQ(ChosenName(Select(KernelTable(), problem, Cpu("dotprod"))), "qp8_f32_qc8w_dotprod");
  problem.output_type = kF16;
  selection = Select(KernelTable(), problem, Cpu("sme2"));
  EXPECT_EQ(WhyNot(selection, "qp8_f32_qc8w_sme2").id, ReasonId::kKernelOutputType);
}

TEST(SelectReason, Empty) {
  for (size_t GemmProblem::* size : {&GemmProblem::n, &GemmProblem::k}) {
    GemmProblem problem = Problem(Variant::kPf32, kFullyConnected);
    problem.*size = 0;
    const Selection selection = Select(KernelTable(), problem, Cpu("sme2"));
    EXPECT_EQ(selection.chosen, nullptr);
    EXPECT_EQ(WhyNot(selection, "pf32_sme2").id, ReasonId::kKernelEmpty);
  }
}

TEST(SelectReason, NoImatmul) {
  const Selection selection =
      Select(KernelTable(), Problem(Variant::kQp8F32Qc8w, kConv2d), Cpu("sme2"));
  EXPECT_EQ(selection.chosen, nullptr);
  EXPECT_EQ(WhyNot(selection, "qp8_f32_qc8w_i8mm").id, ReasonId::kKernelNoImatmul);
}

TEST(SelectReason, BlockLength) {
  GemmProblem problem = Problem(Variant::kQp8F32Qb4w, kFullyConnected);  // k 288
  for (size_t length : {0, 16, 24, 64, 128}) {
    problem.block_length = length;
    const Selection selection = Select(KernelTable(), problem, Cpu("sme2"));
    EXPECT_EQ(selection.chosen, nullptr) << length;
    EXPECT_EQ(WhyNot(selection, "qp8_f32_qb4w_dotprod_4x8").id, ReasonId::kKernelBlockLength);
  }
  for (size_t length : {32, 96, 288}) {
    problem.block_length = length;
    EXPECT_EQ(ChosenName(Select(KernelTable(), problem, Cpu("sme2"))), "qp8_f32_qb4w_sme2");
  }
}

TEST(SelectReason, NotBuilt) {
  std::vector<KernelRow> table(KernelTable().begin(), KernelTable().end());
  for (KernelRow& row : table) row.is_built = !row.name.contains("sme2");
  const Selection selection = Select(table, Problem(Variant::kPf32, kFullyConnected), Cpu("sme2"));
  EXPECT_EQ(ChosenName(selection), "pf32_sme");
  EXPECT_THAT(WhyNot(selection, "pf32_sme2").ToString(),
              testing::AllOf(testing::StartsWith("tiers of this build: "),
                             testing::HasSubstr("expected sme2; build with SWITCHYARD_TIERS")));
}

TEST(SelectReason, GemvOnly) {
  GemmProblem problem = Problem(Variant::kPf32, kFullyConnected);
  problem.m = 7;
  Selection selection = Select(KernelTable(), problem, Cpu("sme2"), "pf32_sme2_gemv");
  EXPECT_EQ(ChosenName(selection), "pf32_sme2");
  EXPECT_EQ(WhyNot(selection, "pf32_sme2_gemv").ToString(),
            "bound of rows: 7, expected 1; the row serves single rows only [kernel.gemv_only]");
  // Single rows have the choice, and share the layout of many rows unless they are told otherwise.
  problem.m = 1;
  selection = Select(KernelTable(), problem, Cpu("sme2"));
  EXPECT_EQ(ChosenName(selection), "pf32_sme2");
  EXPECT_EQ(WhyNot(selection, "pf32_sme2_gemv").id, ReasonId::kKernelPreferred);
  selection = Select(KernelTable(), problem, Cpu("sme2"), "pf32_sme2_gemv");
  EXPECT_EQ(ChosenName(selection), "pf32_sme2_gemv");
  EXPECT_EQ(WhyNot(selection, "pf32_sme2").expected, "pf32_sme2_gemv");
}

TEST(SelectReason, Preferred) {
  const Selection selection =
      Select(KernelTable(), Problem(Variant::kPf32, kFullyConnected), Cpu("sme2"));
  EXPECT_EQ(ChosenName(selection), "pf32_sme2");
  const Reason reason = WhyNot(selection, "pf32_sme");
  EXPECT_EQ(reason.id, ReasonId::kKernelPreferred);
  EXPECT_EQ(reason.expected, "pf32_sme2");
}

// A row yields by the CPU that stock XNNPACK sees, and by the shape.
TEST(SelectReason, Yields) {
  static constexpr Yield kYields[] = {
      {.cpu = [](const CpuFeatures& host) { return host.Has(CpuFeature::kSme2); },
       .shape = [](const GemmProblem& problem) { return problem.n < 8; },
       .evidence = "0.5 of stock"},
      {.cpu = [](const CpuFeatures& host) { return host.Has(CpuFeature::kSve2); },
       .shape = nullptr,
       .evidence = "0.7 of stock"}};
  std::vector<KernelRow> table;
  for (const KernelRow& row : KernelTable()) {
    if (row.name != "pf32_sme") continue;
    table.push_back(row);
    table.back().yields = kYields;
  }
  GemmProblem problem = Problem(Variant::kPf32, kFullyConnected);
  EXPECT_EQ(ChosenName(Select(table, problem, Cpu("sme2"))), "pf32_sme");
  problem.n = 7;
  EXPECT_EQ(ChosenName(Select(table, problem, Cpu("sme"))), "pf32_sme");
  const Selection selection = Select(table, problem, Cpu("sme2"));
  EXPECT_EQ(selection.chosen, nullptr);
  EXPECT_EQ(
      WhyNot(selection, "pf32_sme").ToString(),
      "yields to the stock operator: 0.5 of stock, expected a CPU or shape where it is faster; "
      "option force_kernel takes it all the same [kernel.yields]");
  // A mask changes nothing of what stock does.
  EXPECT_EQ(Select(table, problem, MaskedCpu(Cpu("sme2"), Cpu("sme"))).chosen, nullptr);
  EXPECT_EQ(ChosenName(Select(table, problem, Cpu("sme2"), "pf32_sme")), "pf32_sme");
  // What cannot run does not yield, and cannot be forced.
  EXPECT_EQ(
      WhyNot(Select(table, problem, MaskedCpu(Cpu("sme2"), Cpu("i8mm")), "pf32_sme"), "pf32_sme")
          .id,
      ReasonId::kKernelCpuFeature);
  problem.n = 48;
  EXPECT_EQ(WhyNot(Select(table, problem, Cpu("sme,sve2")), "pf32_sme").found, "0.7 of stock");
}

TEST(Select, ReferenceYieldsEverywhereAndCanBeForced) {
  for (const KernelRow& row : KernelTable()) {
    if (row.tier != Tier::kReference) continue;
    const GemmProblem problem = Problem(row.variant, kFullyConnected);
    for (const std::string_view cpu : {"stock", "avx2", "sme2"}) {
      EXPECT_NE(Select(KernelTable(), problem, Cpu(cpu)).chosen, &row) << row.name << " on " << cpu;
      EXPECT_EQ(Select(KernelTable(), problem, Cpu(cpu), row.name).chosen, &row);
      EXPECT_EQ(Select(KernelTable(), problem, Cpu(cpu), "reference").chosen, &row);
    }
  }
}

TEST(Select, ForcedRowIsChosenWhereItServes) {
  const GemmProblem problem = Problem(Variant::kQp8F32Qb4w, kFullyConnected);
  for (const KernelRow& row : KernelTable()) {
    if (row.variant != problem.variant) continue;
    const Selection selection = Select(KernelTable(), problem, Cpu(Name(row.tier)), row.name);
    EXPECT_EQ(selection.chosen, &row);
  }
  const Selection selection =
      Select(KernelTable(), problem, Cpu("sme2"), "qp8_f32_qb4w_dotprod_4x8");
  EXPECT_EQ(WhyNot(selection, "qp8_f32_qb4w_sme2").expected, "qp8_f32_qb4w_dotprod_4x8");
}

TEST(Select, ForcedRowThatCannotServeLeavesTheRouteAndSaysWhy) {
  const GemmProblem problem = Problem(Variant::kQp8F32Qb4w, kFullyConnected);
  const Selection selection = Select(KernelTable(), problem, Cpu("i8mm"), "qp8_f32_qb4w_sme2");
  EXPECT_EQ(ChosenName(selection), "qp8_f32_qb4w_i8mm_8x4x32");
  EXPECT_EQ(WhyNot(selection, "qp8_f32_qb4w_sme2").id, ReasonId::kKernelCpuFeature);
  // Neither an unknown name nor that of another variant matters.
  EXPECT_EQ(ChosenName(Select(KernelTable(), problem, Cpu("i8mm"), "pf32_sme2")),
            "qp8_f32_qb4w_i8mm_8x4x32");
  EXPECT_EQ(ChosenName(Select(KernelTable(), problem, Cpu("i8mm"), "none")),
            "qp8_f32_qb4w_i8mm_8x4x32");
}

TEST(KernelTable, RowsAreConsistent) {
  std::set<std::string_view> names;
  for (const KernelRow& row : KernelTable()) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second);
    EXPECT_TRUE(row.name.starts_with(Name(row.variant)));
    for (size_t vl = 4; vl <= 64; vl *= 2) {
      // Work is split at whole panels: what PackedGemm's offsets rely on.
      EXPECT_EQ(row.m_step.At(vl) % row.mr.At(vl), 0u);
      EXPECT_EQ(row.n_step.At(vl) % row.nr.At(vl), 0u);
      if (!row.gemv.name.empty()) EXPECT_EQ(row.gemv.n_step.At(vl) % row.nr.At(vl), 0u);
    }
    EXPECT_EQ(row.kr % row.sr, 0);
    const bool scalable_needs_sme =
        !row.IsScalable() || (row.required & FeatureBits({CpuFeature::kSme})) != 0;
    EXPECT_TRUE(scalable_needs_sme);
  }
}

TEST(KernelTable, EqualLhsLayoutsPackAlike) {
  for (const KernelRow& a : KernelTable()) {
    for (const KernelRow& b : KernelTable()) {
      if (a.lhs_layout != b.lhs_layout) continue;
      EXPECT_EQ(a.mr.At(16), b.mr.At(16)) << a.name << " " << b.name;
      EXPECT_EQ(a.kr / a.sr, b.kr / b.sr) << a.name << " " << b.name;
    }
  }
}

TEST(ReasonCatalogue, IdsAreUniqueAndRowsComplete) {
  std::set<std::string_view> ids;
  for (const ReasonRow& row : ReasonCatalogue()) {
    SCOPED_TRACE(row.id);
    EXPECT_TRUE(ids.insert(row.id).second);
    EXPECT_NE(row.id.find('.'), std::string_view::npos);
    EXPECT_FALSE(row.what.empty());
    EXPECT_FALSE(row.hint.empty());
    EXPECT_EQ(&Row(row.reason), &row);
  }
}

}  // namespace
}  // namespace switchyard
