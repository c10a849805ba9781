// How a product is cut into blocks and tasks. Pure: one function for all operators and providers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/features.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"

namespace switchyard {

// Where a product gets its left-hand side.
enum class LhsSource : uint8_t {
  kSharedPack,    // rows that another step has packed
  kPackPerBlock,  // whoever computes a block packs its rows
  kRaw,           // rows as they lie in memory, or taps
};

struct Blocking {
  // Of one block: rows, columns, and depth of one piece of the sums. Multiples of the row's steps,
  // or the whole.
  size_t mc = 0, nc = 0, kc = 0;
  // Blocks of one slice, along each axis.
  size_t m_blocks = 0, n_blocks = 0;
  // Parallel tasks, each a run of blocks: of all slices, or of one where the slices of a computed
  // right-hand side are taken in turn.
  size_t tasks = 0;
  bool slices_in_turn = false;

  bool operator==(const Blocking&) const = default;
};

// Blocks for `m` rows of each of problem.batch * problem.groups slices (problem.m is only a bound),
// none of which, like n and k, is 0. Columns so that their packed weights stay in half of L2; rows
// so that, where a block packs them, they stay in a quarter, but enough that the weights are not
// streamed again for each few; then cut so that every worker has some, for the least of what the
// slowest worker computes, packs and reads. `workers` is at least 1; sizes of caches that `cpu`
// does not know are taken as 512 KiB.
Blocking ChooseBlocking(const KernelRow& row, const GemmProblem& problem, size_t m,
                        const CpuFeatures& cpu, size_t workers, LhsSource lhs);

}  // namespace switchyard
