// Whatever packed bytes follow from must show in their fingerprint.
#include "backend/packed/fingerprint.h"

#include <gtest/gtest.h>
#include <pthreadpool.h>

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

namespace switchyard {
namespace {

struct Inputs {
  KernelRow kernel;
  GemmProblem problem;
  CpuFeatures cpu;
  std::vector<float> weights = std::vector<float>(6 * 8, 1.0f);
  std::vector<float> bias = std::vector<float>(6, 2.0f);
  std::vector<float> scales = std::vector<float>(6, 3.0f);
  std::vector<uint16_t> block_scales = std::vector<uint16_t>(6 * 2, 4);
  bool has_bias = true, has_scales = true;
  int32_t lhs_zero_point = 0;

  Inputs() {
    kernel = *std::ranges::find_if(KernelTable(), &KernelRow::IsScalable);
    problem = {.variant = Variant::kPf32, .m = 4, .n = 6, .k = 8};
    problem.block_length = 4;
    problem.channels_per_tap = 8;
    cpu.streaming_vector_bits = 512;
  }
  Digest Fingerprint() const {
    const RhsSource source{.weights = weights.data(),
                           .bias = has_bias ? bias.data() : nullptr,
                           .scales = has_scales ? scales.data() : nullptr,
                           .block_scales = block_scales.data(),
                           .lhs_zero_point = lhs_zero_point};
    return switchyard::Fingerprint(kernel, problem, cpu, source, nullptr);
  }
};

TEST(Fingerprint, DependsOnAllThatPackingDependsOn) {
  const std::function<void(Inputs&)> changes[] = {
      [](Inputs&) {},
      [](Inputs& i) { i.weights.front() = 0; },
      [](Inputs& i) { i.weights.back() = 0; },
      [](Inputs& i) { i.bias.back() = 0; },
      [](Inputs& i) { i.scales.back() = 0; },
      [](Inputs& i) { i.block_scales.back() = 0; },
      [](Inputs& i) { i.has_bias = false; },
      [](Inputs& i) { i.has_scales = false; },
      [](Inputs& i) { i.has_bias = i.has_scales = false; },
      [](Inputs& i) { i.lhs_zero_point = 1; },
      [](Inputs& i) { i.cpu.streaming_vector_bits = 256; },
      [](Inputs& i) { i.kernel.name = "another_row"; },
      [](Inputs& i) { i.kernel.kr = static_cast<uint8_t>(i.kernel.kr + 1); },
      [](Inputs& i) { i.problem.rhs_is_kxn = true; },
      [](Inputs& i) { i.problem.op = GemmOperator::kConv2d; },
      [](Inputs& i) { i.problem.taps = 2, i.problem.channels_per_tap = 4; },
      [](Inputs& i) { std::swap(i.problem.n, i.problem.k), i.problem.n = 5; },
      [](Inputs& i) { i.problem.rhs_type = DataType::kF16; },
  };
  std::set<Digest> fingerprints;
  for (const auto& change : changes) {
    Inputs inputs;
    change(inputs);
    fingerprints.insert(inputs.Fingerprint());
    EXPECT_EQ(fingerprints.size(), static_cast<size_t>(&change - changes) + 1);
  }
}

TEST(Fingerprint, DoesNotDependOnOtherThings) {
  const Digest fingerprint = Inputs().Fingerprint();
  Inputs inputs;
  inputs.problem.m = 77;
  inputs.cpu.l2_bytes = 1;
  EXPECT_EQ(inputs.Fingerprint(), fingerprint);
  // The vector length only where the row's tiles follow from it.
  inputs.kernel = *std::ranges::find_if_not(KernelTable(), &KernelRow::IsScalable);
  const Digest fixed = inputs.Fingerprint();
  inputs.cpu.streaming_vector_bits = 0;
  EXPECT_EQ(inputs.Fingerprint(), fixed);
}

TEST(ParallelDigest, IsTheSameForAnyNumberOfThreads) {
  std::vector<std::byte> bytes((size_t{3} << 20) + 5);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 2654435761 >> 13);
  const Digest alone = ParallelDigest(bytes, nullptr);
  const auto pool = pthreadpool_create(3);
  EXPECT_EQ(ParallelDigest(bytes, pool), alone);
  pthreadpool_destroy(pool);
  for (const size_t at : {size_t{0}, size_t{1} << 20, bytes.size() - 1}) {
    bytes[at] ^= std::byte{1};
    EXPECT_NE(ParallelDigest(bytes, nullptr), alone) << at;
    bytes[at] ^= std::byte{1};
  }
}

}  // namespace
}  // namespace switchyard
