#include "backend/packed/multiply_step.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "backend/packed/rhs_source.h"
#include "backend/parallel/parallel.h"
#include "runtime/base/checked_math.h"

namespace switchyard {

MultiplyStep::MultiplyStep(MultiplyParts parts)
    : step_(std::move(parts.step)),
      kernel_(parts.kernel),
      stage_(parts.stage),
      cpu_(parts.environment.cpu),
      thread_pool_(parts.environment.thread_pool),
      threads_(parts.environment.workers.threads),
      lhs_element_bytes_(ElementBits(parts.problem.lhs_type) / 8),
      output_element_bytes_(ElementBits(parts.problem.output_type) / 8),
      gemm_(std::move(parts.gemm)),
      gemm_n_(parts.problem.n),
      gemm_k_(parts.problem.k) {
  memory_.problem = parts.problem;
}

Status MultiplyStep::AddWeights(const RhsSource& source, std::string key,
                                const PackedEnvironment& environment) {
  SWITCHYARD_ASSIGN(auto packed, environment.weights.Get({.kernel = kernel_,
                                                          .problem = problem(),
                                                          .gemm = *gemm_,
                                                          .source = source,
                                                          .key = std::move(key)},
                                                         environment));
  weights_.push_back(std::move(packed));
  return {};
}

Status MultiplyStep::AddNodeWeights(const Graph& graph, ConstantBytes constants,
                                    const PackedEnvironment& environment) {
  const NodeWeights weights(graph, graph.nodes[step_.node], problem(), constants);
  for (size_t group = 0; group < problem().groups; ++group) {
    SWITCHYARD_TRY(AddWeights(weights.Group(group), weights.Key(kernel_, group), environment));
  }
  return {};
}

Status MultiplyStep::Reshape(std::span<const Dims> shapes, const StepMemory& memory) {
  memory_ = std::get<PackedStepMemory>(memory);
  if (!memory_.is_empty && (problem().n != gemm_n_ || problem().k != gemm_k_)) {
    gemm_ = MakePackedGemm(kernel_, problem(), cpu_);
    gemm_n_ = problem().n;
    gemm_k_ = problem().k;
  }
  return SetShapes(shapes);
}

std::string_view MultiplyStep::MicroKernelName() const {
  if (memory_.is_empty) return "";
  if (problem().op == GemmOperator::kConv2d) return kernel_.imatmul;
  return IsGemv() ? kernel_.gemv.name : kernel_.gemm;
}

// A run of blocks on one thread, with its part of the scratch memory. Packed rows, and a packed
// slice of a computed right-hand side, stay for the blocks after that need the same.
class MultiplyStep::Task {
 public:
  Task(const MultiplyStep& step, const StepData& data, std::byte* scratch,
       const std::byte* shared_rhs)
      : step_(step), gemm_(*step.gemm_), data_(data), scratch_(scratch), shared_rhs_(shared_rhs) {
    gemm_.BeginTask(scratch_);
  }
  ~Task() { gemm_.EndTask(scratch_); }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  void Run(size_t slice, size_t m_block, size_t n_block) {
    const PackedStepMemory& needed = step_.memory_;
    const Blocking& blocking = needed.blocking;
    const GemmProblem& problem = needed.problem;
    const size_t m0 = m_block * blocking.mc, n0 = n_block * blocking.nc;
    const size_t out_stride = problem.groups * problem.n * step_.output_element_bytes_;
    const Slice at = step_.SliceAt(slice, data_);

    GemmBlock block;
    block.m = std::min(blocking.mc, step_.problem().m - m0);
    block.n0 = n0;
    block.n = std::min(blocking.nc, problem.n - n0);
    block.rhs = Rhs(at);
    block.out = at.out + m0 * out_stride + n0 * step_.output_element_bytes_;
    block.out_stride = out_stride;
    block.scratch = scratch_;
    if (needed.is_cut_in_depth()) {
      // The output holds sums where its elements are as large.
      const bool in_output = step_.output_element_bytes_ == kSumBytes;
      block.sums = in_output ? block.out : scratch_ + needed.sums_offset;
      block.sums_stride = in_output ? out_stride : block.n * kSumBytes;
    }
    block.lhs = Rows(at, slice, m_block, m0, block.m);
    for (block.k0 = 0; block.k0 < problem.k; block.k0 += blocking.kc) {
      block.k = std::min(blocking.kc, problem.k - block.k0);
      if (step_.IsGemv()) {
        gemm_.Gemv(block, step_.stage_);
      } else {
        gemm_.Gemm(block, step_.stage_);
      }
    }
  }

 private:
  const std::byte* Rhs(const Slice& at) {
    if (!step_.has_computed_rhs()) return step_.weights_[at.rhs]->bytes.data();
    if (shared_rhs_ != nullptr) return shared_rhs_;
    std::byte* const packed = scratch_ + step_.memory_.rhs_offset;
    if (packed_rhs_ != at.rhs) {
      gemm_.PackRhs(step_.ComputedRhs(at.rhs, data_), 0, step_.problem().n, packed);
      packed_rhs_ = at.rhs;
    }
    return packed;
  }

  // Rows from m0 on, as they lie in memory.
  Lhs RawLhs(const Slice& at, size_t m0) const {
    if (step_.problem().op == GemmOperator::kConv2d) return step_.TapsAt(at.lhs, m0);
    const size_t stride = step_.problem().k * step_.lhs_element_bytes_;
    return RawRows{.base = at.lhs + m0 * stride, .stride = stride};
  }

  Lhs Rows(const Slice& at, size_t slice, size_t m_block, size_t m0, size_t m) {
    if (step_.memory_.lhs == LhsSource::kRaw) return RawLhs(at, m0);
    if (step_.memory_.lhs == LhsSource::kSharedPack) {
      return PackedRows{data_.packed_lhs[*step_.step_.packed_lhs] + gemm_.layout().LhsOffset(m0)};
    }
    std::byte* const packed = scratch_ + step_.memory_.rows_offset;
    if (packed_slice_ != slice || packed_block_ != m_block) {
      Pack(RawLhs(at, m0), m, packed);
      packed_slice_ = slice;
      packed_block_ = m_block;
    }
    return PackedRows{packed};
  }

  void Pack(const Lhs& raw, size_t m, std::byte* packed) const {
    if (const auto* taps = std::get_if<Taps>(&raw)) {
      gemm_.PackTaps(*taps, m, scratch_, packed);
    } else if (step_.IsGemv()) {
      gemm_.PackGemvRow(std::get<RawRows>(raw).base, scratch_, packed);
    } else {
      gemm_.PackRows(std::get<RawRows>(raw), m, scratch_, packed);
    }
  }

  static constexpr size_t kNone = SIZE_MAX;
  const MultiplyStep& step_;
  const PackedGemm& gemm_;
  const StepData& data_;
  std::byte* const scratch_;
  const std::byte* const shared_rhs_;
  size_t packed_slice_ = kNone, packed_block_ = kNone, packed_rhs_ = kNone;
};

void MultiplyStep::RunSlices(const StepData& data, size_t first, size_t count,
                             const std::byte* shared_rhs) const {
  const size_t m_blocks = memory_.blocking.m_blocks, n_blocks = memory_.blocking.n_blocks;
  const size_t blocks = count * m_blocks * n_blocks, tasks = std::min(memory_.tasks, blocks);
  std::byte* const scratch = data.scratch + memory_.shared_bytes;
  ParallelFor(thread_pool_, tasks, 1, 1, 1, [&](size_t t, size_t, size_t, size_t) {
    Task task(*this, data, scratch + t * memory_.task_bytes, shared_rhs);
    for (size_t block = t * blocks / tasks; block < (t + 1) * blocks / tasks; ++block) {
      const size_t slice = first + block / (m_blocks * n_blocks);
      const size_t in_slice = block % (m_blocks * n_blocks);
      // Rows outside where they are packed for it, else columns, so that the next block reads the
      // same panel of weights.
      if (memory_.lhs == LhsSource::kPackPerBlock) {
        task.Run(slice, in_slice / n_blocks, in_slice % n_blocks);
      } else {
        task.Run(slice, in_slice % m_blocks, in_slice / m_blocks);
      }
    }
  });
}

void MultiplyStep::PackComputedRhs(const RhsSource& source, std::byte* packed) const {
  const PackedLayout& layout = gemm_->layout();
  const size_t columns = CeilDivide(problem().n, layout.n_step() * threads_) * layout.n_step();
  ParallelFor(thread_pool_, problem().n, 1, columns, 1,
              [&](size_t n0, size_t, size_t count, size_t) {
                gemm_->PackRhs(source, n0, count, packed + layout.RhsOffset(n0));
              });
}

Status MultiplyStep::Run(const StepData& data) {
  if (memory_.is_empty) {
    RunEmpty(data);
    return {};
  }
  if (!has_computed_rhs() || !memory_.blocking.slices_in_turn) {
    RunSlices(data, 0, num_slices(), nullptr);
    return {};
  }
  size_t packed_rhs = SIZE_MAX;
  for (size_t i = 0; i < num_slices(); ++i) {
    const size_t rhs = SliceAt(i, data).rhs;
    if (rhs != packed_rhs) PackComputedRhs(ComputedRhs(rhs, data), data.scratch);
    packed_rhs = rhs;
    RunSlices(data, i, 1, data.scratch);
  }
  return {};
}

}  // namespace switchyard
