#include "backend/packed/weights_cache.h"

#include <atomic>
#include <cstring>

#include "backend/parallel/parallel.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

// Columns that one task packs: whole steps, enough for a task to be worth its start.
size_t ColumnsPerTask(const PackedGemm& gemm, size_t n, size_t num_threads) {
  const size_t steps = CeilDivide(n, gemm.n_step());
  return gemm.n_step() * std::max<size_t>(1, CeilDivide(steps, 4 * num_threads));
}

bool HasTheseBytes(const PackedWeights& packed, const PackedGemm& gemm, const RhsSource& source,
                   size_t n, Allocator& allocator) {
  if (packed.bytes.size() != gemm.RhsBytes()) return false;
  const size_t slice = gemm.RhsOffset(gemm.n_step());
  auto scratch = AlignedBuffer::Allocate(allocator, slice, "packed weights");
  if (!scratch) return false;
  for (size_t n0 = 0; n0 < n; n0 += gemm.n_step()) {
    const size_t bytes = std::min(slice, packed.bytes.size() - gemm.RhsOffset(n0));
    // What a packer leaves untouched (padding) must not differ by chance.
    std::memset(scratch->data(), 0, slice);
    gemm.PackRhs(source, n0, std::min(gemm.n_step(), n - n0), scratch->data());
    if (std::memcmp(scratch->data(), packed.bytes.data() + gemm.RhsOffset(n0), bytes) != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<std::shared_ptr<const PackedWeights>> WeightsCache::Get(const std::string& key,
                                                               const PackedGemm& gemm,
                                                               const RhsSource& source, size_t n,
                                                               Allocator& allocator,
                                                               pthreadpool* thread_pool) {
  std::shared_ptr<const PackedWeights> found;
  if (!key.empty()) {
    std::lock_guard lock(mutex_);
    std::erase_if(entries_, [](const auto& entry) { return entry.second.expired(); });
    if (const auto entry = entries_.find(key); entry != entries_.end()) {
      found = entry->second.lock();
    }
  }
  if (found && HasTheseBytes(*found, gemm, source, n, allocator)) return found;

  auto packed = std::make_shared<PackedWeights>();
  SWITCHYARD_ASSIGN(packed->bytes,
                    AlignedBuffer::Allocate(allocator, gemm.RhsBytes(), "packed weights"));
  const size_t columns = ColumnsPerTask(gemm, n, NumThreads(thread_pool));
  std::memset(packed->bytes.data(), 0, packed->bytes.size());
  ParallelFor(thread_pool, n, 1, columns, 1, [&](size_t n0, size_t, size_t count, size_t) {
    gemm.PackRhs(source, n0, count, packed->bytes.data() + gemm.RhsOffset(n0));
  });
  if (!key.empty() && !found) {
    std::lock_guard lock(mutex_);
    entries_[key] = packed;
  }
  return packed;
}

}  // namespace switchyard
