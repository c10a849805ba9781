// Packed weights of the process: delegates whose weights are the same bytes, packed the same way,
// hold one copy.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "kernels/packed_gemm.h"
#include "runtime/aligned_buffer.h"
#include "runtime/base/error.h"
#include "runtime/host_services.h"

struct pthreadpool;

namespace switchyard {

// One packed right-hand side. Immutable once it is returned.
struct PackedWeights {
  AlignedBuffer bytes;
};

class WeightsCache {
 public:
  // Packs `n` columns of `source` for `gemm`, in parallel over columns, or finds what was packed
  // before. `key` says what the bytes are (content address, layout, parameters); empty: unknown,
  // never shared. A key comes from a file and may lie, so what is found is compared, slice by
  // slice, with what would have been packed: equal keys with other bytes get a copy of their own.
  // Thread-safe.
  Result<std::shared_ptr<const PackedWeights>> Get(const std::string& key, const PackedGemm& gemm,
                                                   const RhsSource& source, size_t n,
                                                   Allocator& allocator, pthreadpool* thread_pool);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const PackedWeights>> entries_;
};

}  // namespace switchyard
