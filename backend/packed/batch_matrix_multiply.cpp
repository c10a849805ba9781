#include "backend/packed/batch_matrix_multiply.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "backend/packed/rhs_source.h"
#include "backend/parallel/parallel.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/float16.h"

namespace switchyard {
namespace {

constexpr size_t kAlignment = 64;  // of the parts of scratch memory

constexpr size_t RoundUp(size_t bytes) { return CeilDivide(bytes, kAlignment) * kAlignment; }

size_t NumSlices(const Dims& dims) {
  size_t slices = 1;
  for (size_t i = 0; i + 2 < dims.rank(); ++i) slices *= dims[i];
  return slices;
}

// Which slice of an operand output slice `index` reads.
size_t BroadcastSlice(const Dims& operand, const Dims& output, size_t index) {
  size_t slice = 0, stride = 1;
  for (size_t i = 2; i < output.rank(); ++i) {
    const size_t coordinate = index % output.back(i);
    index /= output.back(i);
    if (i >= operand.rank()) continue;
    if (operand.back(i) != 1) slice += coordinate * stride;
    stride *= operand.back(i);
  }
  return slice;
}

}  // namespace

Result<std::unique_ptr<PackedBatchMatrixMultiply>> PackedBatchMatrixMultiply::Create(
    const Graph& graph, const Route& route, std::span<const std::byte* const> constant_data,
    const PackedEnvironment& environment) {
  std::unique_ptr<PackedBatchMatrixMultiply> step(new PackedBatchMatrixMultiply(environment.cpu));
  const Node& node = graph.nodes[route.node];
  step->kernel_ = route.kernel;
  step->workers_ = KernelWorkers(*route.kernel, environment);
  step->problem_ = *route.verdict.problem;
  step->stage_ = NodeOutputStage(graph, node);
  step->element_bytes_ = ElementBits(step->problem_.output_type) / 8;
  const auto gemm = MakePackedGemm(*route.kernel, step->problem_, environment.cpu);
  if (gemm == nullptr) {
    return Fail(ErrorCode::kNotSupported,
                "{}: kernel {} is not in this build, expected one with its provider; set "
                "packed_kernels off",
                Describe(graph, route.node), route.kernel->name);
  }
  if (!step->problem_.rhs_is_constant) return step;

  const Value& b = graph.values[node.inputs[1]];
  const size_t slices = NumSlices(b.dims), slice_bytes = b.constant->bytes.size() / slices;
  for (size_t i = 0; i < slices; ++i) {
    RhsSource source;
    source.weights = constant_data[node.inputs[1]] + i * slice_bytes;
    SWITCHYARD_ASSIGN(
        auto packed,
        environment.weights.Get(
            {.kernel = *route.kernel,
             .problem = step->problem_,
             .gemm = *gemm,
             .source = source,
             .key = b.constant->key.empty()
                        ? std::string()
                        : WeightsKey(b.constant->key, *route.kernel, step->problem_, i)},
            environment));
    step->constant_b_.push_back(std::move(packed));
  }
  return step;
}

void PackedBatchMatrixMultiply::Reshape(const Dims& a, const Dims& b, const Dims& output) {
  m_ = output.back(1);
  problem_.n = output.back(0);
  problem_.k = a.back(0);
  a_ = a;
  b_ = b;
  output_ = output;
  num_slices_ = NumSlices(output);
  gemm_ = nullptr;
  if (NumRows() == 0) return;
  gemm_ = MakePackedGemm(*kernel_, problem_, cpu_);
}

// Small slices go to one worker each; large ones are cut among all. Either way the results are the
// same, since no sum is cut.
//
// Scratch: for each worker (one if slices are cut) the packed rows of A and, unless B is packed
// already, a slice of B.
std::optional<size_t> PackedBatchMatrixMultiply::WorkerBytes() const {
  // Deeper than any matrix that has an address: the kernel's own sizes could wrap around.
  constexpr size_t kMaxDepth = size_t{1} << 40;
  if (NumRows() == 0) return 0;
  if (problem_.k > kMaxDepth) return std::nullopt;
  std::optional<size_t> bytes = CheckedRoundUp(PackedRowsBytes(*gemm_, m_), kAlignment);
  if (constant_b_.empty()) {
    const size_t n_step = gemm_->n_step();
    const std::optional<size_t> b =
        CheckedMultiply(CeilDivide(problem_.n, n_step), gemm_->RhsOffset(n_step) + kAlignment);
    bytes = bytes && b ? CheckedAdd(*bytes, RoundUp(gemm_->RhsBytes())) : std::nullopt;
  }
  return bytes;
}

size_t PackedBatchMatrixMultiply::ScratchBytes() const {
  const size_t workers = SlicesAreCut() ? std::min<size_t>(1, num_slices_) : workers_.kernel;
  const std::optional<size_t> bytes = WorkerBytes();
  return (bytes ? CheckedMultiply(workers, *bytes) : std::nullopt).value_or(SIZE_MAX);
}

void PackedBatchMatrixMultiply::PackB(const std::byte* b, size_t index, const Workers& workers,
                                      std::byte* packed) const {
  RhsSource source;
  source.weights = b + index * problem_.n * problem_.k * element_bytes_;
  const size_t columns =
      CeilDivide(problem_.n, gemm_->n_step() * workers.threads) * gemm_->n_step();
  ParallelFor(workers.thread_pool, problem_.n, 1, columns, 1,
              [&](size_t n0, size_t, size_t count, size_t) {
                gemm_->PackRhs(source, n0, count, packed + gemm_->RhsOffset(n0));
              });
}

// Without columns of A there are no products: all sums are 0.
void PackedBatchMatrixMultiply::FillEmptySums(void* output) const {
  const float zero = std::clamp(0.0f, stage_.min, stage_.max);
  const size_t count = output_.NumElements().value_or(0);
  if (problem_.output_type == DataType::kF16) {
    std::fill_n(static_cast<uint16_t*>(output), count, F16FromF32(zero));
  } else {
    std::fill_n(static_cast<float*>(output), count, zero);
  }
}

void PackedBatchMatrixMultiply::Run(const void* a, const void* b, void* output,
                                    std::byte* scratch) const {
  if (NumRows() == 0) {
    FillEmptySums(output);
    return;
  }
  const size_t lhs_bytes = RoundUp(PackedRowsBytes(*gemm_, m_));
  const size_t row_bytes = problem_.k * element_bytes_;
  const size_t out_row_bytes = problem_.n * element_bytes_;

  const auto run = [&](size_t i, const Workers& workers, std::byte* memory, size_t* packed_b) {
    const size_t a_index = BroadcastSlice(a_, output_, i), b_index = BroadcastSlice(b_, output_, i);
    const auto* a_slice = static_cast<const std::byte*>(a) + a_index * m_ * row_bytes;
    auto* out = static_cast<std::byte*>(output) + i * m_ * out_row_bytes;
    const void* rhs = memory + lhs_bytes;
    if (!constant_b_.empty()) {
      rhs = constant_b_[b_index]->bytes.data();
    } else if (*packed_b != b_index) {
      PackB(static_cast<const std::byte*>(b), b_index, workers, memory + lhs_bytes);
      *packed_b = b_index;
    }
    PackRows(*gemm_, workers, a_slice, row_bytes, m_, memory);
    const void* lhs = PackedRowsBytes(*gemm_, m_) == 0 ? a_slice : memory;
    RunTiles(*gemm_, ChooseTiling(*gemm_, m_, problem_.n, workers, cpu_.l2_bytes), workers, lhs,
             rhs, m_, problem_.n, out, out_row_bytes, element_bytes_, stage_);
  };

  constexpr size_t kNone = ~size_t{0};
  if (SlicesAreCut()) {
    size_t packed_b = kNone;
    for (size_t i = 0; i < num_slices_; ++i) {
      run(i, workers_, scratch, &packed_b);
    }
    return;
  }
  const size_t tasks = workers_.kernel;
  const size_t worker_bytes = WorkerBytes().value_or(0);  // Reshape has allocated them
  ParallelFor(workers_.thread_pool, tasks, 1, 1, 1, [&](size_t task, size_t, size_t, size_t) {
    size_t packed_b = kNone;
    for (size_t i = task * num_slices_ / tasks; i < (task + 1) * num_slices_ / tasks; ++i) {
      run(i, Workers{}, scratch + task * worker_bytes, &packed_b);
    }
  });
}

}  // namespace switchyard
