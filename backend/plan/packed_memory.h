// What the packed steps of a plan need at given shapes: the product, how it is cut, and how much
// memory it takes. Pure: for every CPU on every host, and before anything is packed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "backend/plan/arena.h"
#include "backend/plan/plan.h"
#include "backend/plan/route.h"
#include "kernels/cpu/features.h"
#include "kernels/gemm/blocking.h"
#include "kernels/gemm/problem.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// Who may work, asked once when a delegate is loaded: what sizes memory is what cuts it up.
struct WorkerCounts {
  size_t threads = 1;      // of the pool
  size_t sme_threads = 0;  // at most so many run an SME kernel at once; 0: all
};
// Threads that may run a row at once.
size_t WorkersOf(const KernelRow& row, const WorkerCounts& counts);

struct PackedHost {
  const CpuFeatures& cpu;
  WorkerCounts workers;
};

// One PackedStep at given shapes. Bytes are SIZE_MAX where they cannot be counted.
struct PackedStepMemory {
  GemmProblem problem;   // with the m, n, k and batch of these shapes
  bool is_empty = true;  // nothing to multiply: what follows is 0
  LhsSource lhs = LhsSource::kRaw;
  Blocking blocking;
  size_t tasks = 0;
  // Where the parts of a task's scratch memory start, after the kernel's own: rows that it packs,
  // sums of pieces, a packed slice of a computed right-hand side. `task_bytes` from task to task.
  size_t rows_offset = 0, sums_offset = 0, rhs_offset = 0, task_bytes = 0;
  size_t shared_bytes = 0;   // a right-hand side that all tasks read; before the tasks' parts
  size_t scratch_bytes = 0;  // of all
  size_t table_bytes = 0;    // offsets of a convolution's taps, which stay while shapes do

  bool is_cut_in_depth() const { return blocking.kc < problem.k; }
};
PackedStepMemory MeasurePackedStep(const Graph& graph, const PackedStep& step, const Route& route,
                                   std::span<const Dims> shapes, const PackedHost& host);

// One PackLhsStep at given shapes.
struct PackLhsMemory {
  size_t rows = 0;  // 0: nothing to pack, since a GEMV reads its row as it lies
  size_t tasks = 0, task_bytes = 0;
  size_t packed_bytes = 0, scratch_bytes = 0;
};
PackLhsMemory MeasurePackLhs(const PackLhsStep& step, const Route& first_reader,
                             std::span<const Dims> shapes, const PackedHost& host);

using StepMemory = std::variant<std::monostate, PackLhsMemory, PackedStepMemory>;

// Memory of a plan at given shapes.
struct PlanMemory {
  std::vector<StepMemory> steps;  // as Plan::steps; nothing for XNNPACK's
  ArenaLayout arena;
  size_t scratch_bytes = 0;  // steps run one after the other
};
// Errors: MemoryAllocationFailed when what an execute needs at these shapes (the graph's values,
// XNNPACK's scratch memory, packed activations, the packed steps' scratch memory and tables) is
// more than `limit` bytes; the message has the part that is.
Result<PlanMemory> MeasurePlan(const Graph& graph, const Plan& plan, std::span<const Route> routes,
                               std::span<const Dims> shapes, const PackedHost& host,
                               uint64_t limit);

// The plan of the routes, whose memory at `shapes` fits `limit`, as far as kernels that fall back
// can make it: those that need most of it turn to the stock operator, with the reason in their
// route, until the rest fits, or all of them. Stock operators need less: a CPU with packed kernels
// must not refuse what another one runs up to its bounds. Where stock alone does not fit, or a
// kernel is forced, nothing falls back: that is for an execute to say.
struct FitOptions {
  uint64_t limit;
  bool is_forced;  // RouteOptions::force_kernel
};
Plan FitPlan(const Graph& graph, const std::vector<bool>& standalone, std::vector<Route>& routes,
             std::span<const Dims> shapes, const PackedHost& host, const FitOptions& options);

}  // namespace switchyard
