#include <algorithm>
#include <cstdint>

#include "backend/packed/step.h"
#include "backend/parallel/parallel.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

// Half of L2 for a panel of weights leaves room for the rows that sweep over it.
constexpr size_t kDefaultL2Bytes = size_t{512} << 10;

bool UsesGemv(const PackedGemm& gemm, size_t m) { return m == 1 && gemm.gemv_n_step() != 0; }

size_t RoundUp(size_t a, size_t multiple) { return CeilDivide(a, multiple) * multiple; }

}  // namespace

Workers KernelWorkers(const KernelRow& kernel, const PackedEnvironment& environment) {
  const size_t threads = environment.num_threads;
  const bool is_sme = kernel.required & FeatureBits({CpuFeature::kSme});
  const bool is_limited = is_sme && environment.sme_threads != 0;
  return {.thread_pool = environment.thread_pool,
          .threads = threads,
          .kernel = is_limited ? std::min(threads, environment.sme_threads) : threads};
}

Tiling ChooseTiling(const PackedGemm& gemm, size_t m, size_t n, const Workers& workers,
                    size_t l2_bytes) {
  const bool gemv = UsesGemv(gemm, m);
  const size_t n_step = gemv ? gemm.gemv_n_step() : gemm.n_step();
  const size_t m_step = gemv ? 1 : gemm.m_step();
  const size_t l2 = l2_bytes != 0 ? l2_bytes : kDefaultL2Bytes;
  const size_t column_bytes = CeilDivide(gemm.RhsBytes(), RoundUp(n, n_step));
  size_t n_tile = std::max<size_t>(1, l2 / 2 / column_bytes / n_step) * n_step;
  n_tile = std::min(n_tile, RoundUp(n, n_step));
  size_t m_tile = RoundUp(m, m_step);
  if (workers.kernel > 1) {
    // Rows first: cutting columns makes every worker read all rows.
    const size_t wanted = 2 * workers.kernel;
    const size_t n_tiles = CeilDivide(n, n_tile);
    m_tile = RoundUp(CeilDivide(m, std::max<size_t>(1, CeilDivide(wanted, n_tiles))), m_step);
    const size_t tiles = n_tiles * CeilDivide(m, m_tile);
    if (tiles < wanted) {
      const size_t pieces = CeilDivide(wanted, CeilDivide(m, m_tile));
      n_tile = std::min(n_tile, RoundUp(CeilDivide(n, pieces), n_step));
    }
  }
  return {.m_tile = m_tile, .n_tile = n_tile};
}

void RunTiles(const PackedGemm& gemm, const Tiling& tiling, const Workers& workers, const void* lhs,
              const void* rhs, size_t m, size_t n, void* out, size_t out_stride,
              size_t element_bytes, const OutputStage& stage) {
  const size_t m_tiles = CeilDivide(m, tiling.m_tile), n_tiles = CeilDivide(n, tiling.n_tile);
  const auto* lhs_bytes = static_cast<const std::byte*>(lhs);
  auto* out_bytes = static_cast<std::byte*>(out);
  const auto run = [&](size_t tile) {
    // Columns outside, so that consecutive tiles of a worker share a panel of weights.
    const size_t n0 = tile / m_tiles * tiling.n_tile, m0 = tile % m_tiles * tiling.m_tile;
    const size_t rows = std::min(tiling.m_tile, m - m0), columns = std::min(tiling.n_tile, n - n0);
    std::byte* to = out_bytes + m0 * out_stride + n0 * element_bytes;
    if (UsesGemv(gemm, m)) {
      gemm.Gemv(lhs, rhs, n0, columns, to, stage);
    } else {
      gemm.Gemm(lhs_bytes + gemm.LhsOffset(m0), rhs, rows, n0, columns, to, out_stride, stage);
    }
  };
  // A task for each tile, or, where not all threads may run the kernel, one for each that may: the
  // pool has no other way to keep the others out.
  const size_t tiles = m_tiles * n_tiles;
  const size_t tasks = workers.kernel < workers.threads ? std::min(workers.kernel, tiles) : tiles;
  ParallelFor(workers.thread_pool, tasks, 1, 1, 1, [&](size_t task, size_t, size_t, size_t) {
    for (size_t tile = task * tiles / tasks; tile < (task + 1) * tiles / tasks; ++tile) run(tile);
  });
}

void PackRows(const PackedGemm& gemm, const Workers& workers, const void* lhs, size_t lhs_stride,
              size_t m, void* packed) {
  if (UsesGemv(gemm, m)) {
    if (gemm.gemv_packs_lhs()) gemm.PackGemvLhs(lhs, packed);
    return;
  }
  const size_t blocks = CeilDivide(m, gemm.m_step());
  const size_t tasks = std::min(workers.kernel, blocks);
  ParallelFor(workers.thread_pool, tasks, 1, 1, 1, [&](size_t task, size_t, size_t, size_t) {
    const size_t m0 = task * blocks / tasks * gemm.m_step();
    const size_t m1 = std::min(m, (task + 1) * blocks / tasks * gemm.m_step());
    gemm.PackLhs(static_cast<const std::byte*>(lhs) + m0 * lhs_stride, lhs_stride, m1 - m0,
                 static_cast<std::byte*>(packed) + gemm.LhsOffset(m0));
  });
}

size_t PackedRowsBytes(const PackedGemm& gemm, size_t m) {
  if (UsesGemv(gemm, m)) return gemm.gemv_packs_lhs() ? gemm.GemvLhsBytes() : 0;
  // Whole steps are an upper bound, whose product tells what that of LhsBytes does not.
  const auto bound = CheckedMultiply(CeilDivide(m, gemm.m_step()), gemm.LhsBytes(gemm.m_step()));
  return bound ? gemm.LhsBytes(m) : SIZE_MAX;
}

}  // namespace switchyard
