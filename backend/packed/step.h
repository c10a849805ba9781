// Steps that run packed kernels.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "backend/packed/weights_cache.h"
#include "backend/plan/route.h"
#include "kernels/cpu/features.h"
#include "kernels/gemm/packed_gemm.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/host_services.h"
#include "schema/graph.h"

struct pthreadpool;

namespace switchyard {

struct PackedEnvironment {
  const CpuFeatures& cpu;
  pthreadpool* thread_pool;  // null: the calling thread
  size_t num_threads;        // of the pool, asked once; nothing that runs asks it again
  size_t sme_threads;        // at most so many threads run an SME kernel at once; 0: all
  Allocator& allocator;
  Logger& logger;
  WeightsCache& weights;
  bool share_weights;         // with others of the process, and through the store
  PackedStore* packed_store;  // null: none
};

// Who works on a step: made when the step is, so that what sizes its memory is what cuts it up.
struct Workers {
  pthreadpool* thread_pool = nullptr;  // null: the calling thread
  size_t threads = 1;                  // of the pool
  size_t kernel = 1;                   // of them, those that may run the kernel at once
};
Workers KernelWorkers(const KernelRow& kernel, const PackedEnvironment& environment);

// How a product is cut into tiles for a kernel: whole steps in both directions, columns so that
// their packed weights stay in L2 (`l2_bytes`; 0: unknown), rows so that every worker has some.
struct Tiling {
  size_t m_tile, n_tile;
};
Tiling ChooseTiling(const PackedGemm& gemm, size_t m, size_t n, const Workers& workers,
                    size_t l2_bytes);

// out[m, n] = stage(lhs x rhs) over all tiles, rows of `out` `out_stride` bytes apart. `lhs` is
// packed, except for one row of a GEMV that takes it raw; then it is that row.
void RunTiles(const PackedGemm& gemm, const Tiling& tiling, const Workers& workers, const void* lhs,
              const void* rhs, size_t m, size_t n, void* out, size_t out_stride,
              size_t element_bytes, const OutputStage& stage);

// Packs `m` rows in parallel, for the GEMM or, if `m` is 1 and there is one, for the GEMV.
void PackRows(const PackedGemm& gemm, const Workers& workers, const void* lhs, size_t lhs_stride,
              size_t m, void* packed);
// What PackRows writes; 0 where a GEMV takes the row as it is, SIZE_MAX where it is more than can
// be addressed.
size_t PackedRowsBytes(const PackedGemm& gemm, size_t m);

}  // namespace switchyard
