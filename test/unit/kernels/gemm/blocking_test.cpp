#include "kernels/gemm/blocking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <format>
#include <string>
#include <vector>

#include "kernels/cpu/mask.h"
#include "kernels/gemm/layout.h"
#include "kernels/gemm/taps.h"

namespace switchyard {
namespace {

using enum LhsSource;

const KernelRow& Row(std::string_view name) {
  return *std::ranges::find(KernelTable(), name, &KernelRow::name);
}

CpuFeatures Cpu(size_t l2_bytes) {
  CpuFeatures cpu = *ParseCpu("sme2", CpuFeatures());  // 512 bits
  cpu.l2_bytes = l2_bytes;
  return cpu;
}

constexpr size_t kKiB = size_t{1} << 10;

// --- Fixed cases --------------------------------------------------------------------------------

struct Expectation {
  std::string_view name, row;
  size_t m, n, k;
  LhsSource lhs;
  size_t workers, l2_bytes;
  Blocking expected;
};

constexpr Expectation kExpectations[] = {
    // Steps of 32 x 32. 512 KiB of L2 hold 1024 columns of 64 elements and a bias.
    {"tiny", "pf32_sme2", 1, 1, 1, kSharedPack, 1, 512 * kKiB, {1, 256, 1, 1, 1, 1, false}},
    {"tall.one", "pf32_sme2", 4096, 64, 64, kSharedPack, 1, 512 * kKiB, {4096, 64, 64, 1, 1, 1}},
    {"tall.two", "pf32_sme2", 4096, 64, 64, kSharedPack, 2, 512 * kKiB, {1024, 64, 64, 4, 1, 4}},
    {"tall.eight", "pf32_sme2", 4096, 64, 64, kSharedPack, 8, 512 * kKiB, {256, 64, 64, 16, 1, 16}},
    {"wide.one", "pf32_sme2", 8, 4096, 64, kSharedPack, 1, 512 * kKiB, {32, 832, 64, 1, 5, 5}},
    {"wide.two", "pf32_sme2", 8, 4096, 64, kSharedPack, 2, 4096 * kKiB, {32, 1024, 64, 1, 4, 4}},
    {"deep.one", "pf32_sme2", 64, 64, 65536, kSharedPack, 1, 512 * kKiB, {64, 32, 65536, 1, 2, 2}},
    // Who packs for itself has a part of the scratch memory: no more tasks than workers.
    {"packs.two", "pf32_sme2", 4096, 64, 64, kPackPerBlock, 2, 512 * kKiB, {512, 64, 64, 8, 1, 2}},
    // Sums are cut where the row says so.
    {"pieces", "pf16_reference", 8, 16, 100, kPackPerBlock, 1, 512 * kKiB, {8, 16, 24, 1, 1, 1}},
};

class ChooseBlockingCases : public testing::TestWithParam<Expectation> {};

TEST_P(ChooseBlockingCases, AsExpected) {
  const Expectation& e = GetParam();
  const GemmProblem problem{.m = e.m, .n = e.n, .k = e.k};
  const Blocking blocking =
      ChooseBlocking(Row(e.row), problem, e.m, Cpu(e.l2_bytes), e.workers, e.lhs);
  EXPECT_EQ(blocking, e.expected) << std::format(
      "mc {} nc {} kc {}, {} x {} blocks, {} tasks", blocking.mc, blocking.nc, blocking.kc,
      blocking.m_blocks, blocking.n_blocks, blocking.tasks);
}

INSTANTIATE_TEST_SUITE_P(Table, ChooseBlockingCases, testing::ValuesIn(kExpectations),
                         [](const auto& info) {
                           std::string name(info.param.name);
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

// 49 rows are few steps: columns are cut, and no worker waits or streams the whole filter.
TEST(ChooseBlocking, SmallImagesOfManyChannelsUseEveryWorker) {
  const GemmProblem problem{.op = GemmOperator::kConv2d,
                            .m = 49,
                            .n = 512,
                            .k = 9 * 512,
                            .taps = 9,
                            .channels_per_tap = 512};
  for (const char* name : {"pf32_sme2", "pf16_sme2", "pqs8_qc8w_sme2"}) {
    const Blocking blocking =
        ChooseBlocking(Row(name), problem, problem.m, Cpu(1024 * kKiB), 8, kPackPerBlock);
    EXPECT_EQ(blocking.tasks, 8u) << name;
    EXPECT_EQ(blocking.m_blocks, 1u) << name << ": the filter is streamed again";
  }
}

TEST(ChooseBlocking, SlicesOfAComputedOperandAreTakenInTurnWhereTheyAreFew) {
  GemmProblem problem{.op = GemmOperator::kBatchMatrixMultiply,
                      .m = 64,
                      .n = 64,
                      .k = 64,
                      .batch = 3,
                      .rhs_is_constant = false};
  const auto choose = [&](size_t workers) {
    return ChooseBlocking(Row("pf32_sme2"), problem, 64, Cpu(0), workers, kPackPerBlock);
  };
  EXPECT_TRUE(choose(4).slices_in_turn);
  EXPECT_EQ(choose(4).tasks, 4u);  // of one slice
  EXPECT_FALSE(choose(2).slices_in_turn);
  EXPECT_EQ(choose(2).tasks, 2u);  // of all
  problem.rhs_is_constant = true;
  EXPECT_FALSE(choose(4).slices_in_turn);
}

// --- What holds for every row -------------------------------------------------------------------

struct Shape {
  size_t m, n, k;
};

TEST(ChooseBlocking, BlocksCoverEveryProductOnce) {
  constexpr Shape kShapes[] = {{1, 1, 32},     {1, 4096, 4096}, {3, 7, 96},      {4096, 32, 32},
                               {32, 4096, 32}, {64, 64, 65536}, {49, 512, 4608}, {1000, 1000, 992}};
  for (const KernelRow& row : KernelTable()) {
    for (const Shape& s : kShapes) {
      for (const size_t l2 : {size_t{0}, 256 * kKiB, 2048 * kKiB}) {
        for (const size_t workers : {1, 2, 3, 8, 64}) {
          for (const LhsSource lhs : {kSharedPack, kPackPerBlock, kRaw}) {
            SCOPED_TRACE(std::format("{} {}x{}x{} l2 {} workers {} lhs {}", row.name, s.m, s.n, s.k,
                                     l2, workers, static_cast<int>(lhs)));
            GemmProblem problem{.variant = row.variant, .m = s.m, .n = s.n, .k = s.k};
            if (row.k_multiple > 1) problem.block_length = 32;
            const CpuFeatures cpu = Cpu(l2);
            const PackedLayout layout(row, problem, 16);
            const Blocking b = ChooseBlocking(row, problem, s.m, cpu, workers, lhs);
            const bool is_gemv = layout.UsesGemv(s.m);
            const size_t m_step = is_gemv ? 1 : layout.m_step();
            const size_t n_step = is_gemv ? layout.gemv_n_step() : layout.n_step();
            ASSERT_GT(b.mc * b.nc * b.kc * b.tasks, 0u);
            EXPECT_EQ(b.mc % m_step, 0u);
            EXPECT_EQ(b.nc % n_step, 0u);
            EXPECT_TRUE(b.kc == s.k || (row.k_block != 0 && b.kc == row.k_block));
            EXPECT_GE(b.m_blocks * b.mc, s.m);
            EXPECT_LT((b.m_blocks - 1) * b.mc, s.m);
            EXPECT_GE(b.n_blocks * b.nc, s.n);
            EXPECT_LT((b.n_blocks - 1) * b.nc, s.n);
            EXPECT_LE(b.tasks, b.m_blocks * b.n_blocks);
            // Whoever can be fed is fed.
            const size_t m_steps = (s.m + m_step - 1) / m_step;
            const size_t n_steps = (s.n + n_step - 1) / n_step;
            EXPECT_GE(2 * b.tasks, std::min(workers, m_steps * n_steps));
            const size_t panel = b.nc * layout.rhs_column_bytes() / ((s.k + b.kc - 1) / b.kc);
            EXPECT_LE(panel, std::max((l2 == 0 ? 512 * kKiB : l2) / 2,
                                      n_step * layout.rhs_column_bytes()));
          }
        }
      }
    }
  }
}

// --- Taps ---------------------------------------------------------------------------------------

TEST(Taps, PointersAreThoseOfEachTap) {
  // Two images of 2 x 3 pixels of 2 bytes; a window of 2 x 2 that begins above and left of them.
  constexpr size_t kRows = 2, kColumns = 3;
  const std::vector<ptrdiff_t> vertical = {TapTable::kPadding, 0, 0, 6};
  const std::vector<ptrdiff_t> horizontal = {TapTable::kPadding, 0, 0, 2, 2, 4};
  const TapTable table{.vertical = vertical,
                       .horizontal = horizontal,
                       .output_width = kColumns,
                       .pixels = kRows * kColumns,
                       .kernel_height = 2,
                       .kernel_width = 2,
                       .image_bytes = 12};
  const std::byte images[24] = {};
  const std::byte padding[2] = {};
  for (size_t first = 0; first < 12; ++first) {
    const Taps taps{.table = &table, .base = images, .padding = padding, .first_row = first};
    const size_t m = 12 - first;
    constexpr size_t kStep = 5;
    std::vector<const void*> pointers((m + kStep - 1) / kStep * kStep * 4, nullptr);
    taps.FillPointers(m, kStep, pointers.data());
    for (size_t i = 0; i < m; ++i) {
      for (size_t tap = 0; tap < 4; ++tap) {
        const void* found = pointers[(i / kStep * 4 + tap) * kStep + i % kStep];
        EXPECT_EQ(found, taps.At(i, tap)) << first << " " << i << " " << tap;
        const size_t row = first + i, image = row / 6, y = row % 6 / 3, x = row % 3;
        const bool is_padding = (y == 0 && tap < 2) || (x == 0 && tap % 2 == 0);
        const size_t offset = image * 12 + (y + tap / 2 - 1) * 6 + (x + tap % 2 - 1) * 2;
        EXPECT_EQ(found, is_padding ? padding : images + offset);
      }
    }
    if (m % kStep != 0) {
      EXPECT_EQ(pointers[m / kStep * 4 * kStep + m % kStep], nullptr) << "written behind row m";
    }
  }
}

// --- Sizes that nobody can address --------------------------------------------------------------

TEST(PackedLayout, SaysWhatCannotBeAddressed) {
  const KernelRow& row = Row("pf32_sme2");
  const PackedLayout huge(row, {.n = size_t{1} << 60, .k = size_t{1} << 60}, 16);
  EXPECT_EQ(huge.RhsBytes(), SIZE_MAX);
  EXPECT_EQ(huge.LhsBytes(2), SIZE_MAX);
  const PackedLayout wide(row, {.n = size_t{1} << 62, .k = 8}, 16);
  EXPECT_EQ(wide.RhsBytes(), SIZE_MAX);
  EXPECT_EQ(wide.LhsBytes(SIZE_MAX), SIZE_MAX);
  EXPECT_EQ(wide.LhsBytes(3), 32u * 8 * sizeof(float));
}

}  // namespace
}  // namespace switchyard
