// Mutants of real payloads, executed: those that pass the door give an answer or an error, and
// nothing else. XNNPACK is built with asserts, so a check that is missing on our side is a crash.
// Runs under the sanitizers, too.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "schema/payload.h"
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

class HostileExecution : public testing::TestWithParam<size_t> {
 protected:
  // Of a whole run. Neither the mutations nor the checks are trivial.
  static void TearDownTestSuite() {
    std::cout << tally_.ToString();
    if (models_ != std::size(kModels)) return;  // a filter is set, or a test has failed
    for (const auto outcome :
         {test::HostileOutcome::kRefusedAtDoor, test::HostileOutcome::kRefusedAtLoad,
          test::HostileOutcome::kRefusedAtExecute, test::HostileOutcome::kRan}) {
      EXPECT_GT(tally_.Of(outcome).structural, 0u) << Name(outcome);
    }
    const test::HostileTally::Counts total = tally_.Total();
    EXPECT_GE(total.structural, total.all / 2);
    if (MutantsWanted() == kMutants) {
      EXPECT_GE(total.all, 20000u);
    }
  }

  static inline test::HostileTally tally_;
  static inline size_t models_ = 0;
};
INSTANTIATE_TEST_SUITE_P(, HostileExecution, testing::Range(size_t{0}, std::size(kModels)),
                         [](const auto& info) {
                           std::string name = kModels[info.param];
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

TEST_P(HostileExecution, Mutants) {
  const std::string_view name = kModels[GetParam()];
  const test::Model model = test::LoadTestModel(name);
  ASSERT_FALSE(model.payloads.empty());
  const test::ModelPayload& original = model.payloads[0];
  const auto graph = ReadPayload(original.bytes, model.named_data.get());
  ASSERT_TRUE(graph) << graph.error().ToString();
  // Some have a shape that does not let the first dimension change.
  ASSERT_GE(test::RunHostile(original.bytes, model.named_data.get(), 0),
            test::HostileOutcome::kRefusedAtExecute);

  const size_t count = (MutantsWanted() + std::size(kModels) - 1) / std::size(kModels);
  test::RunMutants(name, *graph, /*seed=*/GetParam() + 1, count, tally_);
  if (!HasFailure()) ++models_;
}

}  // namespace
}  // namespace switchyard
