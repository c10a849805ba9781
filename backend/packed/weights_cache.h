// Packed weights that delegates share: those of the process, and those that an earlier process has
// left in a file.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "backend/packed/digest.h"
#include "backend/packed/packed_file.h"
#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"
#include "runtime/aligned_buffer.h"
#include "runtime/base/error.h"
#include "runtime/host_services.h"

struct pthreadpool;

namespace switchyard {

struct PackedEnvironment;

// One packed right-hand side. Immutable once it is returned.
struct PackedWeights {
  std::span<const std::byte> bytes;
  // Who holds the bytes: one of the two.
  AlignedBuffer memory;
  std::shared_ptr<const PackedFile> file;
};

// What the delegates that were loaded with one packed_cache_path have in common: the file, and
// which weights they use. Thread-safe.
class PackedStore {
 public:
  explicit PackedStore(std::string path) : path_(std::move(path)) {}

  // Reads the file anew, since it may have been replaced. One that cannot be used is as good as
  // none; `logger` is told why.
  void Refresh(Logger& logger);

  // Weights that a delegate of this path uses, or that the file has; null if neither.
  std::shared_ptr<const PackedWeights> Find(const Digest& fingerprint, size_t bytes,
                                            const PackedEnvironment& environment);
  // To be found, and saved for as long as somebody uses them. Returns those to use: another
  // thread's, if it was faster.
  std::shared_ptr<const PackedWeights> Add(const Digest& fingerprint,
                                           std::shared_ptr<const PackedWeights> weights);
  // See PackedFile::Add.
  Status Save();

 private:
  const std::string path_;
  std::mutex mutex_;  // for what follows
  std::shared_ptr<const PackedFile> file_;
  std::map<Digest, std::weak_ptr<const PackedWeights>> used_;
};

// What to pack: n columns of `source`, for a problem on a row.
struct WeightsRequest {
  const KernelRow& kernel;
  const GemmProblem& problem;
  const PackedGemm& gemm;
  const RhsSource& source;
  // Says what the bytes are (content address, layout, parameters); empty: unknown. It comes from a
  // file and may lie.
  std::string key;
};

// The weights of the process. Thread-safe.
class WeightsCache {
 public:
  // Packs, in parallel over columns, or finds what is packed already, unless
  // `environment.share_weights` is off: by fingerprint in `environment.packed_store`, if there is
  // one, else by key among what others of the process use. What a key finds is compared, slice by
  // slice, with what would have been packed: equal keys with other bytes get a copy of their own.
  Result<std::shared_ptr<const PackedWeights>> Get(const WeightsRequest& request,
                                                   const PackedEnvironment& environment);

  // The store of a path, its file read anew. It lives as long as somebody holds it.
  std::shared_ptr<PackedStore> OpenStore(const std::string& path, Logger& logger);
  // Saves every store that lives; the first error, after all have been tried.
  Status SaveStores();

 private:
  std::shared_ptr<const PackedWeights> FindByKey(const WeightsRequest& request,
                                                 const PackedEnvironment& environment);

  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const PackedWeights>> by_key_;
  std::map<std::string, std::weak_ptr<PackedStore>> stores_;  // by path
};

}  // namespace switchyard
