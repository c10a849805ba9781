// Sharing, mapping and saving with a packer that any CPU has: who gets whose bytes, and that
// threads do not get in each other's way.
#include "backend/packed/weights_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <format>
#include <string>
#include <thread>
#include <vector>

#include "backend/packed/step.h"

namespace switchyard {
namespace {

constexpr size_t kN = 10, kK = 33, kStep = 4;

// Panels of four columns, each with its bias.
constexpr KernelRow kRow = {.name = "counting",
                            .variant = Variant::kPf32,
                            .tier = Tier::kReference,
                            .required = 0,
                            .mr = {.fixed = 1},
                            .nr = {.fixed = kStep},
                            .kr = 1,
                            .sr = 1,
                            .rhs_vector = {.bytes = sizeof(float)},
                            .m_step = {.fixed = kStep},
                            .n_step = {.fixed = kStep},
                            .lhs_layout = "f32"};
constexpr GemmProblem kProblem = {.m = 1, .n = kN, .k = kK};

// Counts what it packs: each column with its bias in front.
class CountingGemm final : public PackedGemm {
 public:
  CountingGemm() : PackedGemm(PackedLayout(kRow, kProblem, /*vl=*/0)) {}
  void PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const override {
    packed_columns_ += n;
    for (size_t i = 0; i < n; ++i) {
      float* column = static_cast<float*>(packed) + i * (kK + 1);
      *column = static_cast<const float*>(source.bias)[n0 + i];
      std::memcpy(column + 1, static_cast<const float*>(source.weights) + (n0 + i) * kK,
                  kK * sizeof(float));
    }
  }
  void PackRows(const RawRows&, size_t, std::byte*, std::byte*) const override {}
  void PackGemvRow(const std::byte*, std::byte*, std::byte*) const override {}
  void PackTaps(const Taps&, size_t, std::byte*, std::byte*) const override {}
  void Gemm(const GemmBlock&, const OutputStage&) const override {}
  void Gemv(const GemmBlock&, const OutputStage&) const override {}

  size_t TakeCount() { return packed_columns_.exchange(0); }

 private:
  mutable std::atomic<size_t> packed_columns_ = 0;
};

class WeightsCacheTest : public testing::Test {
 protected:
  using Weights = std::shared_ptr<const PackedWeights>;

  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              std::format("weights_cache_{}_{}", getpid(),
                          testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    path_ = (folder_ / "weights").string();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<PackedStore> Open(WeightsCache& cache) const {
    return cache.OpenStore(path_, NullLogger());
  }
  // Weights number `which` under `key`.
  Weights Get(WeightsCache& cache, size_t which, const std::string& key = "",
              PackedStore* store = nullptr, bool share = true) {
    std::vector<float> weights(kN * kK), bias(kN);
    for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(which * 1000 + i);
    for (size_t i = 0; i < bias.size(); ++i) bias[i] = -static_cast<float>(which + i);
    const CpuFeatures cpu;
    const PackedEnvironment environment{.cpu = cpu,
                                        .thread_pool = nullptr,
                                        .workers = {},
                                        .allocator = DefaultAllocator(),
                                        .logger = NullLogger(),
                                        .weights = cache,
                                        .share_weights = share,
                                        .packed_store = store};
    auto found = cache.Get({.kernel = KernelTable().front(),
                            .problem = kProblem,
                            .gemm = gemm_,
                            .source = {.weights = weights.data(), .bias = bias.data()},
                            .key = key},
                           environment);
    EXPECT_TRUE(found) << found.error().ToString();
    if (!found) return nullptr;
    EXPECT_EQ((*found)->bytes.size(), gemm_.layout().RhsBytes());
    for (size_t n = 0; n < kN; ++n) {
      const auto* column = reinterpret_cast<const float*>((*found)->bytes.data()) + n * (kK + 1);
      EXPECT_EQ(column[0], bias[n]);
      EXPECT_TRUE(std::equal(column + 1, column + 1 + kK, weights.data() + n * kK)) << n;
    }
    return *found;
  }

  CountingGemm gemm_;
  std::filesystem::path folder_;
  std::string path_;
};

TEST_F(WeightsCacheTest, SharesByKeyWhatIsReallyTheSame) {
  WeightsCache cache;
  const Weights first = Get(cache, 1, "key");
  EXPECT_EQ(Get(cache, 1, "key"), first);
  EXPECT_NE(Get(cache, 1, "other"), first);
  EXPECT_NE(Get(cache, 1, ""), first);
  EXPECT_NE(Get(cache, 1, "key", nullptr, /*share=*/false), first);
  // A key that lies gets its own bytes (Get compares them), and does not take the first one's
  // place.
  EXPECT_NE(Get(cache, 2, "key"), first);
  EXPECT_EQ(Get(cache, 1, "key"), first);
}

TEST_F(WeightsCacheTest, KeepsNothingThatNobodyUses) {
  WeightsCache cache;
  std::weak_ptr<const PackedWeights> weights = Get(cache, 1, "key");
  EXPECT_TRUE(weights.expired());
  auto store = Open(cache);
  weights = Get(cache, 1, "key", store.get());
  EXPECT_TRUE(weights.expired());
  ASSERT_TRUE(cache.SaveStores());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(WeightsCacheTest, AStoreSharesWithoutKeysAndPacksOnce) {
  WeightsCache cache;
  const auto store = Open(cache);
  EXPECT_EQ(Open(cache), store);
  const Weights first = Get(cache, 1, "", store.get());
  EXPECT_EQ(gemm_.TakeCount(), kN);
  EXPECT_EQ(Get(cache, 1, "", store.get()), first);
  EXPECT_EQ(Get(cache, 1, "a lie", store.get()), first);
  EXPECT_EQ(gemm_.TakeCount(), 0u);
  EXPECT_NE(Get(cache, 2, "", store.get()), first);
}

TEST_F(WeightsCacheTest, WhatWasPackedWithoutAPathIsSavedWithOne) {
  WeightsCache cache;
  const Weights first = Get(cache, 1, "key");
  const auto store = Open(cache);
  EXPECT_EQ(Get(cache, 1, "key", store.get()), first);
  ASSERT_TRUE(cache.SaveStores());
  WeightsCache later;
  EXPECT_NE(Get(later, 1, "", Open(later).get())->file, nullptr);
}

TEST_F(WeightsCacheTest, ALaterProcessMapsAndPacksNothing) {
  {
    WeightsCache cache;
    const auto store = Open(cache);
    const Weights a = Get(cache, 1, "", store.get()), b = Get(cache, 2, "", store.get());
    ASSERT_TRUE(cache.SaveStores());
    gemm_.TakeCount();
  }
  WeightsCache cache;
  const auto store = Open(cache);
  const Weights first = Get(cache, 1, "", store.get());
  EXPECT_NE(first->file, nullptr);
  EXPECT_EQ(Get(cache, 1, "", store.get()), first);
  EXPECT_EQ(gemm_.TakeCount(), 0u);
  // Mapped and new ones are saved together, even if the file has gone.
  const Weights fresh = Get(cache, 3, "", store.get());
  EXPECT_EQ(fresh->file, nullptr);
  std::filesystem::remove(path_);
  ASSERT_TRUE(cache.SaveStores());
  gemm_.TakeCount();
  WeightsCache last;
  const auto reopened = Open(last);
  EXPECT_NE(Get(last, 1, "", reopened.get())->file, nullptr);
  EXPECT_NE(Get(last, 3, "", reopened.get())->file, nullptr);
  EXPECT_EQ(gemm_.TakeCount(), 0u);
}

TEST_F(WeightsCacheTest, EveryStoreIsSavedAndTheFirstErrorReturned) {
  WeightsCache cache;
  const std::string bad = (folder_ / "a folder that is not there" / "weights").string();
  const auto bad_store = cache.OpenStore(bad, NullLogger());  // the first in order of paths
  const auto store = Open(cache);
  const Weights a = Get(cache, 1, "", bad_store.get()), b = Get(cache, 1, "", store.get());
  const Status status = cache.SaveStores();
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find(bad), std::string::npos) << status.error().ToString();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(WeightsCacheTest, ThreadsLoadAndSaveWithOnePath) {
  WeightsCache cache;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t round = 0; round < 10; ++round) {
        const auto store = Open(cache);
        std::vector<Weights> held;
        for (size_t i = 0; i < 4; ++i) {
          const size_t which = (t + i) % 5;
          const std::string key = i % 2 == 0 ? "" : std::format("key {}", which);
          held.push_back(Get(cache, which, key, store.get()));
          EXPECT_EQ(Get(cache, which, "", store.get()), held.back());
        }
        if (round % 3 == t % 3) EXPECT_TRUE(cache.SaveStores());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  gemm_.TakeCount();
  WeightsCache later;
  const auto store = Open(later);
  for (size_t which = 0; which < 5; ++which) Get(later, which, "", store.get());
  EXPECT_EQ(gemm_.TakeCount(), 0u);
}

}  // namespace
}  // namespace switchyard
