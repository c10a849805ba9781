#include "backend/packed/weights_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "backend/packed/fingerprint.h"
#include "backend/packed/step.h"
#include "backend/parallel/parallel.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/populate.h"

namespace switchyard {
namespace {

// Columns that one task packs: whole steps, enough for a task to be worth its start.
size_t ColumnsPerTask(const PackedGemm& gemm, size_t n, size_t num_threads) {
  const size_t steps = CeilDivide(n, gemm.layout().n_step());
  return gemm.layout().n_step() * std::max<size_t>(1, CeilDivide(steps, 4 * num_threads));
}

bool HasTheseBytes(const PackedWeights& packed, const WeightsRequest& request,
                   Allocator& allocator) {
  const PackedGemm& gemm = request.gemm;
  if (packed.bytes.size() != gemm.layout().RhsBytes()) return false;
  const size_t slice = gemm.layout().RhsOffset(gemm.layout().n_step());
  auto scratch = AlignedBuffer::Allocate(allocator, slice, "packed weights");
  if (!scratch) return false;
  for (size_t n0 = 0; n0 < request.problem.n; n0 += gemm.layout().n_step()) {
    const size_t bytes = std::min(slice, packed.bytes.size() - gemm.layout().RhsOffset(n0));
    // What a packer leaves untouched (padding) must not differ by chance.
    std::memset(scratch->data(), 0, slice);
    gemm.PackRhs(request.source, n0, std::min(gemm.layout().n_step(), request.problem.n - n0),
                 scratch->data());
    if (std::memcmp(scratch->data(), packed.bytes.data() + gemm.layout().RhsOffset(n0), bytes) !=
        0) {
      return false;
    }
  }
  return true;
}

Result<std::shared_ptr<const PackedWeights>> Pack(const WeightsRequest& request,
                                                  const PackedEnvironment& environment) {
  const PackedGemm& gemm = request.gemm;
  const size_t n = request.problem.n;
  auto packed = std::make_shared<PackedWeights>();
  // What is shared may outlive the host's allocator that it was packed with.
  Allocator& allocator = environment.share_weights ? DefaultAllocator() : environment.allocator;
  SWITCHYARD_ASSIGN(packed->memory,
                    AlignedBuffer::Allocate(allocator, gemm.layout().RhsBytes(), "packed weights"));
  std::byte* const data = packed->memory.data();
  packed->bytes = {data, packed->memory.size()};
  Populate({data, packed->memory.size()});
  std::memset(data, 0, packed->memory.size());
  const size_t columns = ColumnsPerTask(gemm, n, environment.workers.threads);
  ParallelFor(environment.thread_pool, n, 1, columns, 1,
              [&](size_t n0, size_t, size_t count, size_t) {
                gemm.PackRhs(request.source, n0, count, data + gemm.layout().RhsOffset(n0));
              });
  return packed;
}

template <typename Map>
auto FindLive(Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  auto live = found == map.end() ? nullptr : found->second.lock();
  if (found != map.end() && live == nullptr) map.erase(found);
  return live;
}

// Entries whose value is gone go before the map doubles, so that neither memory nor the time of a
// load grows with what was loaded once.
template <typename Map, typename Value>
void Remember(Map& map, const typename Map::key_type& key, const Value& value) {
  if (std::has_single_bit(map.size())) {
    std::erase_if(map, [](const auto& entry) { return entry.second.expired(); });
  }
  map[key] = value;
}

}  // namespace

void PackedStore::Refresh(Logger& logger) {
  auto file = PackedFile::Map(path_);
  if (!file) {
    logger.Log(file.error().code == ErrorCode::kNotFound ? LogLevel::kInfo : LogLevel::kWarning,
               file.error().message);
  }
  std::lock_guard lock(mutex_);
  file_ = file ? *std::move(file) : nullptr;
}

std::shared_ptr<const PackedWeights> PackedStore::Find(const Digest& fingerprint, size_t bytes,
                                                       const PackedEnvironment& environment) {
  std::shared_ptr<const PackedFile> file;
  {
    std::lock_guard lock(mutex_);
    if (auto used = FindLive(used_, fingerprint)) return used;
    file = file_;
  }
  if (file == nullptr) return nullptr;
  const auto found = file->Find(fingerprint, bytes, environment.thread_pool);
  if (!found) {
    if (found.error().code != ErrorCode::kNotFound) {
      environment.logger.Log(LogLevel::kWarning, found.error().message);
    }
    return nullptr;
  }
  auto weights = std::make_shared<PackedWeights>();
  weights->bytes = *found;
  weights->file = std::move(file);
  return Add(fingerprint, std::move(weights));
}

std::shared_ptr<const PackedWeights> PackedStore::Add(
    const Digest& fingerprint, std::shared_ptr<const PackedWeights> weights) {
  std::lock_guard lock(mutex_);
  if (auto used = FindLive(used_, fingerprint)) return used;
  Remember(used_, fingerprint, weights);
  return weights;
}

Status PackedStore::Save() {
  std::vector<std::shared_ptr<const PackedWeights>> held;
  std::vector<PackedEntry> entries;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [fingerprint, used] : used_) {
      if (auto weights = used.lock(); weights != nullptr && !weights->bytes.empty()) {
        entries.push_back({fingerprint, weights->bytes});
        held.push_back(std::move(weights));
      }
    }
  }
  if (entries.empty()) return {};
  return PackedFile::Add(path_, entries);
}

std::shared_ptr<const PackedWeights> WeightsCache::FindByKey(const WeightsRequest& request,
                                                             const PackedEnvironment& environment) {
  if (request.key.empty()) return nullptr;
  std::shared_ptr<const PackedWeights> found;
  {
    std::lock_guard lock(mutex_);
    found = FindLive(by_key_, request.key);
  }
  if (found == nullptr || !HasTheseBytes(*found, request, environment.allocator)) return nullptr;
  return found;
}

Result<std::shared_ptr<const PackedWeights>> WeightsCache::Get(
    const WeightsRequest& request, const PackedEnvironment& environment) {
  if (!environment.share_weights) return Pack(request, environment);

  PackedStore* const store = environment.packed_store;
  Digest fingerprint{};
  std::shared_ptr<const PackedWeights> weights;
  if (store != nullptr) {
    fingerprint = Fingerprint(request.kernel, request.problem, environment.cpu, request.source,
                              environment.thread_pool);
    weights = store->Find(fingerprint, request.gemm.layout().RhsBytes(), environment);
  }
  if (weights == nullptr) {
    weights = FindByKey(request, environment);
    if (weights == nullptr) {
      SWITCHYARD_ASSIGN(weights, Pack(request, environment));
    }
    if (store != nullptr) weights = store->Add(fingerprint, std::move(weights));
  }
  if (!request.key.empty()) {
    std::lock_guard lock(mutex_);
    if (FindLive(by_key_, request.key) == nullptr) Remember(by_key_, request.key, weights);
  }
  return weights;
}

std::shared_ptr<PackedStore> WeightsCache::OpenStore(const std::string& path, Logger& logger) {
  std::shared_ptr<PackedStore> store;
  {
    std::lock_guard lock(mutex_);
    store = FindLive(stores_, path);
    if (store == nullptr) {
      store = std::make_shared<PackedStore>(path);
      Remember(stores_, path, store);
    }
  }
  store->Refresh(logger);
  return store;
}

Status WeightsCache::SaveStores() {
  std::vector<std::shared_ptr<PackedStore>> stores;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [path, weak] : stores_) {
      if (auto store = weak.lock()) stores.push_back(std::move(store));
    }
  }
  Status first;
  for (const auto& store : stores) {
    Status status = store->Save();
    if (!status && first) first = std::move(status);
  }
  return first;
}

}  // namespace switchyard
