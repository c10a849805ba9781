// Mutants of real payloads, executed: those that pass the door give an answer or an error, and
// nothing else. XNNPACK is built with asserts, so a check that is missing on our side is a crash.
// Runs under the sanitizers, too.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <format>
#include <iostream>
#include <string>
#include <utility>

#include "schema/payload.h"
#include "test/support/mutate.h"
#include "test/support/payloads.h"
#include "test/support/test_data.h"
#include "test/unit/backend/hostile_run.h"

namespace switchyard {
namespace {

// Small ones of every operator family and quantization.
constexpr const char* kModels[] = {
    "fc.fp32",
    "fc.fp16",
    "fc.qs8",
    "fc.qs8t",
    "fc.qd8",
    "fc.qd8_4",
    "fc.qb4w_32",
    "fc.fp32.transposed",
    "qkv.qd8",
    "conv.fp32.3x3",
    "conv.fp16.3x3.stride2",
    "conv.fp32.depthwise",
    "conv.fp32.grouped",
    "conv.fp32.transposed.3x3",
    "conv.qs8.3x3",
    "conv.qs8.depthwise",
    "conv.qs8.transposed.2x2",
    "conv.qs8t.1x1",
    "conv.qd8.3x3",
    "bmm.fp32",
    "bmm.fp16.constant",
    "attention.fp32",
    "attention.qd8",
    "op.add.broadcast.fp32",
    "op.mul.qs8",
    "op.avg_pool.qs8",
    "op.avg_pool_pad.fp32",
    "op.max_pool.fp32",
    "op.max_pool.qs8",
    "op.max_dim.fp32",
    "op.mean_hw.fp32",
    "op.mean.qs8",
    "op.upsample.fp32",
    "op.upsample_corners.fp32",
    "op.upsample.qs8",
    "op.cat3.fp32",
    "op.cat.qs8",
    "op.pad.fp32",
    "op.slice.fp32",
    "op.permute.qs8",
    "op.view.fp32",
    "op.prelu.fp32",
    "op.leaky_relu.fp32",
    "op.softmax.fp32",
    "op.hardtanh.qs8",
    "op.sigmoid.fp16",
};
constexpr size_t kMutants = 24000;

// Fewer where a CPU is emulated.
size_t MutantsWanted() {
  const char* wanted = std::getenv("SWITCHYARD_TEST_MUTANTS");
  return wanted == nullptr ? kMutants : std::strtoul(wanted, nullptr, 10);
}

TEST(HostileExecution, Mutants) {
  const size_t wanted = MutantsWanted();
  const size_t each = (wanted + std::size(kModels) - 1) / std::size(kModels);
  std::array<size_t, test::kNumHostileOutcomes> outcomes{}, structural_outcomes{};
  size_t total = 0, structural = 0;
  test::CrashReporter reporter;
  for (size_t m = 0; m < std::size(kModels); ++m) {
    const test::Model model = test::LoadTestModel(kModels[m]);
    ASSERT_FALSE(model.payloads.empty()) << kModels[m];
    const auto graph = ReadPayload(model.payloads[0].bytes, model.named_data.get());
    ASSERT_TRUE(graph) << kModels[m] << ": " << graph.error().ToString();
    const auto unchanged = test::RunHostile(model.payloads[0].bytes, model.named_data.get(), m);
    // Some have a shape that does not let the first dimension change.
    ASSERT_GE(unchanged, test::HostileOutcome::kRefusedAtExecute) << kModels[m];

    const uint64_t seed = m + 1;
    test::Mutator mutator(*graph, seed);
    for (size_t i = 0; i < each; ++i) {
      const test::Mutant mutant = mutator.Next();
      const std::string what = std::format("{}, seed {}, {}", kModels[m], seed, mutant.description);
      reporter.Running(what);
      SCOPED_TRACE(what);
      const NamedDataViews named_data = test::NamedDataOf(mutant.payload);
      const auto outcome =
          static_cast<size_t>(test::RunHostile(mutant.payload.bytes, &named_data, seed + i));
      ++total;
      ++outcomes[outcome];
      structural += mutant.structural;
      structural_outcomes[outcome] += mutant.structural;
      if (HasFailure()) return;
    }
  }
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const auto outcome = static_cast<test::HostileOutcome>(i);
    std::cout << std::format("{:20} {:6} mutants, {:6} of them structural\n", Name(outcome),
                             outcomes[i], structural_outcomes[i]);
    if (outcome == test::HostileOutcome::kTooLarge) continue;
    EXPECT_GT(outcomes[i], 0u) << Name(outcome);
    EXPECT_GT(structural_outcomes[i], 0u) << Name(outcome);
  }
  EXPECT_GE(total, wanted);
  EXPECT_GE(structural, total / 2);
  if (wanted == kMutants) {
    EXPECT_GE(total, 20000u);
  }
}

}  // namespace
}  // namespace switchyard
