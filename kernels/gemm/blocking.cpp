#include "kernels/gemm/blocking.h"

#include <algorithm>

#include "kernels/gemm/layout.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

constexpr size_t kDefaultL2Bytes = size_t{512} << 10;
// Fewer rows in a block would stream the weights again for too little work, whatever the cache.
constexpr size_t kMinPackedRows = 64;
// What an element costs, in multiply-accumulates: one that is read, and one that is packed (read,
// converted, written).
constexpr double kReadCost = 8, kPackCost = 64;

size_t RoundUp(size_t size, size_t step) { return CeilDivide(size, step) * step; }

// How many `bytes` fit, in whole steps; at least one.
size_t StepsThatFit(size_t cache_bytes, size_t bytes, size_t step) {
  return std::max<size_t>(1, cache_bytes / std::max<size_t>(1, bytes) / step) * step;
}

}  // namespace

Blocking ChooseBlocking(const KernelRow& row, const GemmProblem& problem, size_t m,
                        const CpuFeatures& cpu, size_t workers, LhsSource lhs) {
  const PackedLayout layout(row, problem, cpu.streaming_vector_bits / 32);
  const bool is_gemv = layout.UsesGemv(m);
  const size_t m_step = is_gemv ? 1 : layout.m_step();
  const size_t n_step = is_gemv ? layout.gemv_n_step() : layout.n_step();
  const size_t l2 = cpu.l2_bytes != 0 ? cpu.l2_bytes : kDefaultL2Bytes;
  const bool packs = lhs == LhsSource::kPackPerBlock;
  const size_t n = problem.n, k = problem.k;

  Blocking blocking;
  blocking.kc = row.k_block != 0 && !is_gemv ? std::min<size_t>(row.k_block, k) : k;
  // Of the columns' bytes those of one piece.
  const size_t pieces = CeilDivide(k, blocking.kc);
  const size_t column_bytes = CeilDivide(layout.rhs_column_bytes(), pieces);
  const size_t max_columns =
      std::min(StepsThatFit(l2 / 2, column_bytes, n_step), RoundUp(n, n_step));
  size_t max_rows = RoundUp(m, m_step);
  if (packs) {
    const size_t fitting = StepsThatFit(l2 / 4, layout.lhs_row_bytes(), m_step);
    max_rows = std::min(max_rows, std::max(fitting, RoundUp(kMinPackedRows, m_step)));
  }

  // Tasks with scratch memory are as many as workers; others may be more, which the pool evens out.
  const size_t slices = problem.batch * problem.groups;
  blocking.slices_in_turn = !problem.rhs_is_constant && (slices < workers || workers == 1);
  const bool has_scratch =
      packs || pieces > 1 || (!problem.rhs_is_constant && !blocking.slices_in_turn);
  const size_t at_once = blocking.slices_in_turn ? 1 : slices;
  const size_t wanted_in_all = workers == 1 ? 1 : (has_scratch ? workers : 2 * workers);
  const size_t wanted = CeilDivide(wanted_in_all, at_once);

  const size_t min_m_blocks = CeilDivide(m, max_rows), min_n_blocks = CeilDivide(n, max_columns);
  double least = -1;
  for (size_t rows = min_m_blocks; rows <= std::max(min_m_blocks, wanted); ++rows) {
    const size_t mc = std::min(max_rows, RoundUp(CeilDivide(m, rows), m_step));
    const size_t m_blocks = CeilDivide(m, mc);
    const size_t columns = std::max(min_n_blocks, CeilDivide(wanted, m_blocks));
    const size_t nc = std::min(max_columns, RoundUp(CeilDivide(n, columns), n_step));
    const size_t n_blocks = CeilDivide(n, nc);
    const double rounds = static_cast<double>(CeilDivide(at_once * m_blocks * n_blocks, workers));
    const auto block_rows = static_cast<double>(mc), block_columns = static_cast<double>(nc);
    const double cost = rounds * (block_rows * block_columns + kReadCost * block_columns +
                                  (packs ? kPackCost : kReadCost) * block_rows);
    if (least >= 0 && cost >= least) continue;
    least = cost;
    blocking.mc = mc;
    blocking.nc = nc;
    blocking.m_blocks = m_blocks;
    blocking.n_blocks = n_blocks;
  }
  const size_t blocks = at_once * blocking.m_blocks * blocking.n_blocks;
  blocking.tasks = has_scratch ? std::min(workers, blocks) : blocks;
  return blocking;
}

}  // namespace switchyard
