#include "backend/plan/packed_memory.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <ranges>
#include <utility>
#include <variant>

#include "backend/plan/shapes.h"
#include "kernels/gemm/layout.h"
#include "kernels/gemm/packed_gemm.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

// No tensor that has an address has more elements; what a file claims may be more.
constexpr size_t kMaxElements = size_t{1} << 48;

// Adds a part of scratch memory behind what there is; nothing once it cannot be counted.
std::optional<size_t> AddPart(std::optional<size_t> bytes, size_t part) {
  if (!bytes || part == SIZE_MAX) return std::nullopt;
  const auto rounded = CheckedRoundUp(part, kArenaAlignment);
  return rounded ? CheckedAdd(*bytes, *rounded) : std::nullopt;
}

size_t ProductOf(std::span<const size_t> factors) {
  return CheckedProduct(factors).value_or(SIZE_MAX);
}

// Rows of an activation: everything but its last dimension.
size_t NumRows(const Dims& dims) { return ProductOf(dims.span().first(dims.rank() - 1)); }

size_t PackedRowsBytes(const PackedLayout& layout, size_t rows) {
  return layout.UsesGemv(rows) ? layout.lhs_row_bytes() : layout.LhsBytes(rows);
}

// The route's problem with what the shapes say.
GemmProblem ProblemAt(const Node& node, const PackedStep& step, GemmProblem problem,
                      std::span<const Dims> shapes) {
  const Dims& output = shapes[step.output];
  switch (problem.op) {
    case GemmOperator::kFullyConnected:
      problem.m = NumRows(shapes[step.inputs[0]]);
      return problem;
    case GemmOperator::kConv2d:
      problem.m = NumRows(output);
      return problem;
    case GemmOperator::kBatchMatrixMultiply:
      problem.m = output.back(1);
      problem.n = output.back(0);
      problem.k = shapes[node.inputs[0]].back(0);
      problem.batch = ProductOf(output.span().first(output.rank() - 2));
      return problem;
  }
  std::unreachable();
}

size_t TapTableBytes(const ConvolutionAttributes& a, const Dims& output) {
  const auto vertical = CheckedMultiply<size_t>(output[1], a.kernel_height);
  const auto horizontal = CheckedMultiply<size_t>(output[2], a.kernel_width);
  const auto entries = vertical && horizontal ? CheckedAdd(*vertical, *horizontal) : std::nullopt;
  return (entries ? CheckedMultiply(*entries, sizeof(ptrdiff_t)) : std::nullopt).value_or(SIZE_MAX);
}

}  // namespace

size_t WorkersOf(const KernelRow& row, const WorkerCounts& counts) {
  const bool is_sme = (row.required & FeatureBits({CpuFeature::kSme})) != 0;
  return is_sme && counts.sme_threads != 0 ? std::min(counts.threads, counts.sme_threads)
                                           : counts.threads;
}

PackedStepMemory MeasurePackedStep(const Graph& graph, const PackedStep& step, const Route& route,
                                   std::span<const Dims> shapes, const PackedHost& host) {
  const KernelRow& row = *route.kernel;
  const Node& node = graph.nodes[step.node];
  PackedStepMemory memory;
  GemmProblem& problem = memory.problem;
  problem = ProblemAt(node, step, *route.verdict.problem, shapes);
  const size_t factors[] = {problem.m, problem.n, problem.batch, problem.groups};
  memory.is_empty = std::ranges::contains(factors, 0) || problem.k == 0;
  if (memory.is_empty) return memory;
  const size_t elements = ProductOf(factors);
  if (elements > kMaxElements || problem.k > kMaxElements) {
    memory.scratch_bytes = SIZE_MAX;
    return memory;
  }

  const PackedLayout layout(row, problem, host.cpu.streaming_vector_bits / 32);
  const LhsForm form = layout.UsesGemv(problem.m) ? row.gemv.lhs : row.lhs;
  memory.lhs = form == LhsForm::kRaw         ? LhsSource::kRaw
               : step.packed_lhs.has_value() ? LhsSource::kSharedPack
                                             : LhsSource::kPackPerBlock;
  const size_t workers = WorkersOf(row, host.workers);
  memory.blocking = ChooseBlocking(row, problem, problem.m, host.cpu, workers, memory.lhs);
  const Blocking& blocking = memory.blocking;
  // Where not all threads may run the kernel, no more tasks than may: the pool has no other way to
  // keep the others out.
  memory.tasks =
      workers < host.workers.threads ? std::min(workers, blocking.tasks) : blocking.tasks;

  const size_t rows = std::min(blocking.mc, problem.m), columns = std::min(blocking.nc, problem.n);
  const bool has_small_outputs = ElementBits(problem.output_type) / 8 < kSumBytes;
  std::optional<size_t> bytes = AddPart(0, layout.TaskScratchBytes(rows));
  memory.rows_offset = bytes.value_or(0);
  if (memory.lhs == LhsSource::kPackPerBlock) bytes = AddPart(bytes, PackedRowsBytes(layout, rows));
  memory.sums_offset = bytes.value_or(0);
  if (memory.is_cut_in_depth() && has_small_outputs) {
    bytes = AddPart(bytes, rows * columns * kSumBytes);
  }
  memory.rhs_offset = bytes.value_or(0);
  if (!problem.rhs_is_constant && !blocking.slices_in_turn) {
    bytes = AddPart(bytes, layout.RhsBytes());
  }
  memory.task_bytes = bytes.value_or(0);
  if (bytes) bytes = CheckedMultiply(*bytes, memory.tasks);
  std::optional<size_t> shared = 0;
  if (!problem.rhs_is_constant && blocking.slices_in_turn) shared = AddPart(0, layout.RhsBytes());
  memory.shared_bytes = shared.value_or(0);
  memory.scratch_bytes =
      (bytes && shared ? CheckedAdd(*bytes, *shared) : std::nullopt).value_or(SIZE_MAX);
  if (problem.op == GemmOperator::kConv2d) {
    memory.table_bytes =
        TapTableBytes(std::get<ConvolutionAttributes>(node.attributes), shapes[step.output]);
  }
  return memory;
}

PackLhsMemory MeasurePackLhs(const PackLhsStep& step, const Route& first_reader,
                             std::span<const Dims> shapes, const PackedHost& host) {
  const KernelRow& row = *first_reader.kernel;
  const PackedLayout layout(row, *first_reader.verdict.problem,
                            host.cpu.streaming_vector_bits / 32);
  PackLhsMemory memory;
  const size_t rows = NumRows(shapes[step.source]);
  if (rows == 0 || (layout.UsesGemv(rows) && row.gemv.lhs == LhsForm::kRaw)) return memory;
  memory.rows = rows;
  memory.tasks = std::min(WorkersOf(row, host.workers), CeilDivide(rows, layout.m_step()));
  memory.task_bytes = AddPart(0, layout.TaskScratchBytes(rows)).value_or(SIZE_MAX);
  memory.packed_bytes = PackedRowsBytes(layout, rows);
  memory.scratch_bytes = CheckedMultiply(memory.tasks, memory.task_bytes).value_or(SIZE_MAX);
  return memory;
}

Result<PlanMemory> MeasurePlan(const Graph& graph, const Plan& plan, std::span<const Route> routes,
                               std::span<const Dims> shapes, const PackedHost& host,
                               uint64_t limit) {
  PlanMemory memory;
  memory.steps.resize(plan.steps.size());
  std::vector<size_t> packed_bytes(plan.packed_lhs.size());
  uint64_t packed_total = 0;  // beside the values: packed activations, tables
  const auto add = [&](uint64_t bytes) {
    packed_total = CheckedAdd(packed_total, bytes).value_or(UINT64_MAX);
  };
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    size_t scratch = 0;
    if (const auto* pack = std::get_if<PackLhsStep>(&plan.steps[i])) {
      const Route& reader = routes[plan.packed_lhs[pack->packed].route];
      const PackLhsMemory needed = MeasurePackLhs(*pack, reader, shapes, host);
      memory.steps[i] = needed;
      const size_t bytes = packed_bytes[pack->packed] = needed.packed_bytes;
      if (bytes > limit) {
        return RefuseBytes(
            Format("{} with dimensions {}, packed,", Describe(graph.values[pack->source]),
                   ToString(shapes[pack->source])),
            bytes, limit);
      }
      add(bytes);
      scratch = needed.scratch_bytes;
    } else if (const auto* step = std::get_if<PackedStep>(&plan.steps[i])) {
      const PackedStepMemory needed =
          MeasurePackedStep(graph, *step, routes[step->route], shapes, host);
      memory.steps[i] = needed;
      add(needed.table_bytes);
      scratch = needed.scratch_bytes;
    }
    if (scratch > limit) {
      return RefuseBytes(Format("{}: the scratch memory of its packed kernel",
                                Describe(graph, FirstNode(plan.steps[i]))),
                         scratch, limit);
    }
    memory.scratch_bytes = std::max(memory.scratch_bytes, scratch);
  }
  add(memory.scratch_bytes);
  SWITCHYARD_TRY(CheckFootprint(graph, shapes, limit, packed_total));
  SWITCHYARD_ASSIGN(memory.arena, PlanArena(graph, plan, shapes, packed_bytes));
  // What alignment adds.
  const uint64_t total =
      CheckedAdd<uint64_t>(memory.arena.bytes, memory.scratch_bytes).value_or(UINT64_MAX);
  if (total > limit) return RefuseBytes("the arena with scratch memory", total, limit);
  return memory;
}

// --- Fitting ------------------------------------------------------------------------------------

namespace {

// What a kernel needs of the memory, and the routes that would have to leave it.
struct Need {
  uint64_t bytes = 0;
  bool is_scratch = false;  // for one step at a time
  std::vector<size_t> routes;
};

// Packed rows have memory of their own for each activation, and tables for each step; scratch
// memory is for one step at a time.
std::vector<Need> NeedsOf(const Graph& graph, const Plan& plan, std::span<const Route> routes,
                          std::span<const Dims> shapes, const PackedHost& host) {
  std::vector<Need> needs(plan.packed_lhs.size());
  for (const Step& any : plan.steps) {
    if (const auto* pack = std::get_if<PackLhsStep>(&any)) {
      const Route& reader = routes[plan.packed_lhs[pack->packed].route];
      needs[pack->packed].bytes = MeasurePackLhs(*pack, reader, shapes, host).packed_bytes;
    } else if (const auto* step = std::get_if<PackedStep>(&any)) {
      if (step->packed_lhs) needs[*step->packed_lhs].routes.push_back(step->route);
      const PackedStepMemory memory =
          MeasurePackedStep(graph, *step, routes[step->route], shapes, host);
      needs.push_back({memory.scratch_bytes, true, {step->route}});
      if (memory.table_bytes != 0) needs.push_back({memory.table_bytes, false, {step->route}});
    }
  }
  return needs;
}

void FallBack(Route& route, std::string found, uint64_t limit) {
  if (route.kernel == nullptr) return;
  route.rejected.push_back(
      {route.kernel, {ReasonId::kKernelMemory, std::move(found), Format("at most {}", limit)}});
  route.kernel = nullptr;
}

void LargestFallBack(const Graph& graph, std::vector<Need> needs, std::vector<Route>& routes,
                     std::span<const Dims> shapes, uint64_t limit) {
  std::ranges::stable_sort(needs, std::ranges::greater(), &Need::bytes);
  // What is left without the first `i` needs.
  std::vector<uint64_t> rows_left(needs.size() + 1), scratch_left(needs.size() + 1);
  for (size_t i = needs.size(); i-- > 0;) {
    const auto& [bytes, is_scratch, of] = needs[i];
    rows_left[i] = CheckedAdd(rows_left[i + 1], is_scratch ? 0 : bytes).value_or(UINT64_MAX);
    scratch_left[i] = std::max(scratch_left[i + 1], is_scratch ? bytes : 0);
  }
  const auto fits = [&](size_t i) {
    const uint64_t left = CheckedAdd(rows_left[i], scratch_left[i]).value_or(UINT64_MAX);
    return CheckFootprint(graph, shapes, limit, left).has_value();
  };
  const auto counts = std::views::iota(size_t{1}, needs.size() + 1);
  const auto first = std::ranges::partition_point(counts, [&](size_t i) { return !fits(i); });
  const size_t num_fallen_back = first == counts.end() ? needs.size() : *first;
  for (const Need& need : std::span(needs).first(num_fallen_back)) {
    const std::string found = Format("{} bytes for its {}", need.bytes,
                                     need.is_scratch ? "scratch memory" : "packed rows");
    for (const size_t route : need.routes) FallBack(routes[route], found, limit);
  }
}

}  // namespace

Plan FitPlan(const Graph& graph, const std::vector<bool>& standalone, std::vector<Route>& routes,
             std::span<const Dims> shapes, const PackedHost& host, const FitOptions& options) {
  Plan plan = MakePlan(graph, standalone, routes);
  if (options.is_forced || !CheckFootprint(graph, shapes, options.limit)) return plan;
  const auto fits = [&] {
    return MeasurePlan(graph, plan, routes, shapes, host, options.limit).has_value();
  };
  if (fits()) return plan;
  LargestFallBack(graph, NeedsOf(graph, plan, routes, shapes, host), routes, shapes, options.limit);
  plan = MakePlan(graph, standalone, routes);
  if (fits()) return plan;
  for (Route& route : routes) FallBack(route, "more bytes, as they are aligned", options.limit);
  return MakePlan(graph, standalone, routes);
}

}  // namespace switchyard
