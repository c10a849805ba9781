#include "backend/packed/batch_matrix_multiply.h"

#include <algorithm>

#include "backend/packed/rhs_source.h"
#include "backend/parallel/parallel.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

constexpr size_t RoundUpTo64(size_t bytes) { return (bytes + 63) / 64 * 64; }

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
  std::unique_ptr<PackedBatchMatrixMultiply> step(new PackedBatchMatrixMultiply(environment));
  const Node& node = graph.nodes[route.node];
  step->kernel_ = route.kernel;
  step->problem_ = *route.verdict.problem;
  step->stage_ = NodeOutputStage(graph, node);
  step->element_bytes_ = ElementBits(step->problem_.output_type) / 8;
  const auto gemm = MakePackedGemm(*route.kernel, step->problem_, environment.cpu);
  if (gemm == nullptr) {
    return Fail(ErrorCode::kNotSupported, "{}: kernel {} is not built for this machine",
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
  num_b_slices_ = NumSlices(b);
  slices_.resize(NumSlices(output));
  for (size_t i = 0; i < slices_.size(); ++i) {
    slices_[i] = {BroadcastSlice(a, output, i), BroadcastSlice(b, output, i)};
  }
  gemm_ = MakePackedGemm(*kernel_, problem_, environment_.cpu);
}

// Small slices go to one worker each; large ones are cut among all. Either way the results are the
// same, since no sum is cut.
//
// Scratch: for each worker (one if slices are cut) the packed rows of A and, unless B is packed
// already, a slice of B.
size_t PackedBatchMatrixMultiply::ScratchBytes() const {
  const size_t workers = std::min(KernelWorkers(*kernel_, environment_), slices_.size());
  const size_t b = constant_b_.empty() ? RoundUpTo64(gemm_->RhsBytes()) : 0;
  return workers * (RoundUpTo64(PackedRowsBytes(*gemm_, m_)) + b);
}

void PackedBatchMatrixMultiply::PackB(const std::byte* b, size_t index, pthreadpool* pool,
                                      std::byte* packed) const {
  RhsSource source;
  source.weights = b + index * problem_.n * problem_.k * element_bytes_;
  const size_t columns =
      CeilDivide(problem_.n, gemm_->n_step() * NumThreads(pool)) * gemm_->n_step();
  ParallelFor(pool, problem_.n, 1, columns, 1, [&](size_t n0, size_t, size_t count, size_t) {
    gemm_->PackRhs(source, n0, count, packed + gemm_->RhsOffset(n0));
  });
}

void PackedBatchMatrixMultiply::Run(const void* a, const void* b, void* output,
                                    std::byte* scratch) const {
  if (m_ == 0 || slices_.empty()) return;
  const size_t workers = KernelWorkers(*kernel_, environment_);
  const size_t lhs_bytes = RoundUpTo64(PackedRowsBytes(*gemm_, m_));
  const size_t row_bytes = problem_.k * element_bytes_;
  const size_t out_row_bytes = problem_.n * element_bytes_;

  const auto run = [&](size_t i, pthreadpool* pool, std::byte* memory, size_t* packed_b) {
    const auto* a_slice = static_cast<const std::byte*>(a) + slices_[i].a * m_ * row_bytes;
    auto* out = static_cast<std::byte*>(output) + i * m_ * out_row_bytes;
    const void* rhs = memory + lhs_bytes;
    if (!constant_b_.empty()) {
      rhs = constant_b_[slices_[i].b]->bytes.data();
    } else if (*packed_b != slices_[i].b) {
      PackB(static_cast<const std::byte*>(b), slices_[i].b, pool, memory + lhs_bytes);
      *packed_b = slices_[i].b;
    }
    PackRows(*gemm_, pool == nullptr ? 1 : workers, pool, a_slice, row_bytes, m_, memory);
    const void* lhs = PackedRowsBytes(*gemm_, m_) == 0 ? a_slice : memory;
    PackedEnvironment here = environment_;
    here.thread_pool = pool;
    RunTiles(*gemm_, ChooseTiling(*kernel_, *gemm_, m_, problem_.n, here), pool, lhs, rhs, m_,
             problem_.n, out, out_row_bytes, element_bytes_, stage_);
  };

  constexpr size_t kNone = ~size_t{0};
  if (slices_.size() < workers || workers == 1) {
    size_t packed_b = kNone;
    for (size_t i = 0; i < slices_.size(); ++i) {
      run(i, environment_.thread_pool, scratch, &packed_b);
    }
    return;
  }
  const size_t worker_bytes = ScratchBytes() / workers;
  ParallelFor(environment_.thread_pool, workers, 1, 1, 1,
              [&](size_t worker, size_t, size_t, size_t) {
                size_t packed_b = kNone;
                for (size_t i = worker * slices_.size() / workers;
                     i < (worker + 1) * slices_.size() / workers; ++i) {
                  run(i, nullptr, scratch + worker * worker_bytes, &packed_b);
                }
              });
}

}  // namespace switchyard
