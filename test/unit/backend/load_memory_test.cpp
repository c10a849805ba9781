// What a load takes from the host's allocator: weights are packed once, one after the other, when
// it is known that everything fits.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <format>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "backend/explain.h"
#include "backend/plan/report.h"
#include "backend/switchyard_backend.h"
#include "kernels/gemm/row.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/graph_builder.h"
#include "test/unit/backend/packed_graphs.h"

namespace switchyard::test {
namespace {

class CountingAllocator final : public Allocator {
 public:
  void* Allocate(size_t bytes, size_t alignment) override {
    const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* const block = std::aligned_alloc(alignment, std::max(rounded, alignment));
    std::lock_guard lock(mutex_);
    sizes_[block] = bytes;
    live_ += bytes;
    peak_ = std::max(peak_, live_);
    return block;
  }
  void Free(void* block) override {
    if (block == nullptr) return;
    std::lock_guard lock(mutex_);
    live_ -= sizes_[block];
    sizes_.erase(block);
    std::free(block);
  }
  size_t live() const { return live_; }
  size_t peak() const { return peak_; }

 private:
  std::mutex mutex_;
  std::map<void*, size_t> sizes_;
  size_t live_ = 0, peak_ = 0;
};

constexpr size_t kWidth = 256, kLayers = 4;

// Layers of kWidth x kWidth weights, each read by the next, with up to `rows` rows.
Graph Layers(size_t rows) {
  GraphBuilder b;
  ValueIndex x = b.Input(DataType::kF32, {rows, kWidth});
  for (size_t i = 0; i < kLayers; ++i) {
    const ValueIndex weights =
        b.Constant(DataType::kF32, {kWidth, kWidth},
                   Random(DataType::kF32, kWidth * kWidth, static_cast<uint32_t>(i)));
    const ValueIndex y = i + 1 < kLayers ? b.Internal(DataType::kF32, {rows, kWidth})
                                         : b.Output(DataType::kF32, {rows, kWidth});
    b.Add(NodeKind::kFullyConnected, {x, weights}, {y});
    x = y;
  }
  return b.Build();
}

struct Setting {
  std::string kernel;  // force_kernel
  int64_t limit;       // max_workspace_bytes
};

void CheckLoad(const Setting& setting, size_t rows, size_t* num_packed) {
  SCOPED_TRACE(std::format("kernel '{}', limit {}", setting.kernel, setting.limit));
  const auto payload = WritePayload(Layers(rows));
  ASSERT_TRUE(payload) << payload.error().ToString();
  CountingAllocator allocator;
  InitContext context;
  context.services.allocator = &allocator;
  context.load_options["weight_cache_enabled"] = false;  // else weights are the process's
  context.load_options["force_kernel"] = setting.kernel;
  context.load_options["max_workspace_bytes"] = setting.limit;
  {
    auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes, context);
    ASSERT_TRUE(runner) << runner.error().ToString();
    const RouteReport& report = LoadedReport(*runner->handle());
    *num_packed = report.NumPacked();
    const size_t one_weight = kWidth * kWidth * sizeof(float);
    EXPECT_LT(allocator.peak(), allocator.live() + one_weight);
    EXPECT_GE(allocator.live(), report.packed_weight_bytes);

    // What explain says of the same options.
    PlanRequest request;
    request.routes.force_kernel = setting.kernel;
    request.max_workspace_bytes = static_cast<uint64_t>(setting.limit);
    const auto explained =
        ExplainGraph(*ReadPayload(payload->bytes, nullptr), HostCpuFeatures(), request);
    ASSERT_TRUE(explained) << explained.error().ToString();
    for (size_t i = 0; i < report.nodes.size(); ++i) {
      const NodeReport &loaded = report.nodes[i], &told = explained->nodes[i];
      EXPECT_EQ(loaded.kernel ? loaded.kernel->name : "", told.kernel ? told.kernel->name : "");
      ASSERT_EQ(loaded.rejected.size(), told.rejected.size());
      for (size_t j = 0; j < loaded.rejected.size(); ++j) {
        EXPECT_EQ(loaded.rejected[j].reason.ToString(), told.rejected[j].reason.ToString());
      }
    }
  }
  EXPECT_EQ(allocator.live(), 0u);
}

TEST(LoadMemory, PacksOneWeightAtATime) {
  size_t num_packed = 0;
  CheckLoad({.kernel = "reference", .limit = int64_t{1} << 30}, 16, &num_packed);
  EXPECT_EQ(num_packed, kLayers);
}

// Where rows are chosen for this CPU, a limit makes them give way, before any of them has packed.
TEST(LoadMemory, KernelsGiveWayBeforeTheyPack) {
  constexpr size_t kRows = 64;
  size_t without_limit = 0, with_limit = 0;
  CheckLoad({.kernel = "", .limit = int64_t{1} << 30}, kRows, &without_limit);
  // What the values between the layers take, and little more.
  constexpr int64_t kValues = (kLayers - 1) * kRows * kWidth * sizeof(float);
  CheckLoad({.kernel = "", .limit = kValues + 4096}, kRows, &with_limit);
  EXPECT_EQ(with_limit, 0u);
  if (without_limit == 0) GTEST_SKIP() << "this CPU has no row that does not yield";
}

}  // namespace
}  // namespace switchyard::test
