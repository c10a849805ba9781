// One BatchMatrixMultiply: every slice of A and, unless it is a constant, of B is packed for each
// execute.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/packed/step.h"
#include "backend/plan/route.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"

namespace switchyard {

class PackedBatchMatrixMultiply {
 public:
  // As PackedFullyConnected::Create; a constant B is packed here, once.
  static Result<std::unique_ptr<PackedBatchMatrixMultiply>> Create(
      const Graph& graph, const Route& route, std::span<const std::byte* const> constant_data,
      const PackedEnvironment& environment);

  const KernelRow& kernel() const { return *kernel_; }
  std::span<const std::shared_ptr<const PackedWeights>> weights() const { return constant_b_; }

  // A [..., M, K], B [..., K, N] (or [..., N, K]), output [..., M, N]; leading dimensions
  // broadcast. Comes before ScratchBytes and Run.
  void Reshape(const Dims& a, const Dims& b, const Dims& output);
  size_t ScratchBytes() const;
  // Only where there are rows.
  const PackedGemm& gemm() const { return *gemm_; }
  // Of a product; 0 where there is none to compute, since a dimension is 0.
  size_t NumRows() const { return num_slices_ == 0 || problem_.n == 0 || problem_.k == 0 ? 0 : m_; }
  void Run(const void* a, const void* b, void* output, std::byte* scratch) const;

 private:
  explicit PackedBatchMatrixMultiply(const CpuFeatures& cpu) : cpu_(cpu) {}
  // Whether all workers share a slice, rather than have slices of their own.
  bool SlicesAreCut() const { return num_slices_ < workers_.kernel || workers_.kernel == 1; }
  // Scratch memory of one worker; nothing if it cannot be counted.
  std::optional<size_t> WorkerBytes() const;
  void FillEmptySums(void* output) const;
  void PackB(const std::byte* b, size_t index, const Workers& workers, std::byte* packed) const;

  const CpuFeatures& cpu_;
  Workers workers_;
  const KernelRow* kernel_ = nullptr;
  GemmProblem problem_;
  OutputStage stage_;
  size_t element_bytes_ = 0;
  std::vector<std::shared_ptr<const PackedWeights>> constant_b_;  // by slice of B

  // Of the last Reshape.
  std::unique_ptr<PackedGemm> gemm_;
  Dims a_, b_, output_;
  size_t m_ = 0, num_slices_ = 0;  // of the output
};

}  // namespace switchyard
