#include "backend/parallel/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthreadpool.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace switchyard {
namespace {

using ::testing::Each;

struct PoolDeleter {
  void operator()(pthreadpool* pool) const { pthreadpool_destroy(pool); }
};
using Pool = std::unique_ptr<pthreadpool, PoolDeleter>;

// 0: no pool.
Pool MakePool(size_t threads) { return Pool(threads == 0 ? nullptr : pthreadpool_create(threads)); }

class BackendParallel : public ::testing::TestWithParam<size_t> {
 protected:
  const Pool pool_ = MakePool(GetParam());
};

TEST_P(BackendParallel, NumThreads) {
  EXPECT_EQ(NumThreads(pool_.get()), GetParam() == 0 ? 1 : GetParam());
}

TEST_P(BackendParallel, EveryItemIsInExactlyOneTile) {
  const struct {
    size_t range_i, range_j, tile_i, tile_j;
  } cases[] = {{1, 1, 1, 1},   {7, 13, 2, 5},  {64, 3, 8, 100}, {1, 1000, 1, 7},
               {100, 1, 9, 1}, {5, 5, 50, 50}, {0, 4, 1, 1},    {4, 0, 1, 1}};
  for (const auto& c : cases) {
    std::vector<uint8_t> visits(c.range_i * c.range_j, 0);
    ParallelFor(pool_.get(), c.range_i, c.range_j, c.tile_i, c.tile_j,
                [&](size_t i, size_t j, size_t size_i, size_t size_j) {
                  EXPECT_EQ(i % c.tile_i, 0u);
                  EXPECT_EQ(j % c.tile_j, 0u);
                  EXPECT_LE(size_i, c.tile_i);
                  EXPECT_LE(size_j, c.tile_j);
                  for (size_t y = i; y < i + size_i; ++y) {
                    for (size_t x = j; x < j + size_j; ++x) ++visits[y * c.range_j + x];
                  }
                });
    EXPECT_THAT(visits, Each(1)) << c.range_i << "x" << c.range_j;
  }
}

// Each section reads, on any thread, what the one before it wrote on any thread. Without the marks
// ThreadSanitizer reports every one of these reads.
TEST_P(BackendParallel, SectionsFollowEachOther) {
  constexpr size_t kItems = 301;
  std::vector<int64_t> here(kItems), there(kItems);
  std::iota(here.begin(), here.end(), 0);
  constexpr int kSections = 50;
  for (int section = 0; section < kSections; ++section) {
    ParallelFor(pool_.get(), 1, kItems, 1, 4, [&](size_t, size_t j, size_t, size_t size) {
      for (size_t x = j; x < j + size; ++x) there[x] = here[kItems - 1 - x] + 1;
    });
    std::swap(here, there);
  }
  for (size_t x = 0; x < kItems; ++x) EXPECT_EQ(here[x], static_cast<int64_t>(x + kSections));
}

TEST_P(BackendParallel, ManyCallersShareOnePool) {
  constexpr size_t kItems = 64;
  std::vector<std::vector<uint32_t>> results(3, std::vector<uint32_t>(kItems, 0));
  std::vector<std::thread> callers;
  for (auto& result : results) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 50; ++repeat) {
        ParallelFor(pool_.get(), kItems, 1, 3, 1, [&](size_t i, size_t, size_t size, size_t) {
          for (size_t y = i; y < i + size; ++y) ++result[y];
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& result : results) EXPECT_THAT(result, Each(50));
}

// A tile that runs out of memory, on whatever thread, is the caller's to hear of; the pool goes on.
TEST_P(BackendParallel, OutOfMemoryReachesTheCaller) {
  std::atomic<size_t> visits = 0;
  const auto tile = [&](size_t i, size_t, size_t, size_t) {
    ++visits;
    if (i % 2 == 1) throw std::bad_alloc();
  };
  for (int repeat = 0; repeat < 3; ++repeat) {
    EXPECT_THROW(ParallelFor(pool_.get(), 16, 1, 1, 1, tile), std::bad_alloc);
  }
  EXPECT_EQ(visits, 48u);
  ParallelFor(pool_.get(), 16, 1, 16, 1, tile);
  EXPECT_EQ(visits, 49u);
}

INSTANTIATE_TEST_SUITE_P(Threads, BackendParallel, ::testing::Values(0, 1, 3),
                         [](const auto& info) { return std::to_string(info.param); });

TEST(BackendRunForeign, ReturnsWhatTheFunctionReturns) {
  int workspace = 5;
  EXPECT_EQ(RunForeign(&workspace, [] { return 7; }), 7);
  RunForeign(&workspace, [&] { ++workspace; });
  EXPECT_EQ(workspace, 6);
}

}  // namespace
}  // namespace switchyard
