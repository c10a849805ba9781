// One FullyConnected, or one pointwise Conv2d, on packed weights.
#pragma once

#include <memory>
#include <span>

#include "backend/packed/step.h"
#include "backend/plan/route.h"
#include "runtime/base/error.h"

namespace switchyard {

class PackedFullyConnected {
 public:
  // Packs the weights, or shares what is packed already. `route` must have a kernel;
  // `constant_data` (by ValueIndex) is read during this call only. Errors: NotSupported when the
  // kernel's provider is not built for this machine, MemoryAllocationFailed.
  static Result<std::unique_ptr<PackedFullyConnected>> Create(
      const Graph& graph, const Route& route, std::span<const std::byte* const> constant_data,
      const PackedEnvironment& environment);

  const KernelRow& kernel() const { return *kernel_; }
  const PackedGemm& gemm() const { return *gemm_; }
  const std::shared_ptr<const PackedWeights>& weights() const { return weights_; }

  // `rows` x n results to `out`, dense. `lhs` is packed rows, or for one row of a GEMV that takes
  // it raw, that row.
  void Run(const void* lhs, size_t rows, void* out) const;

 private:
  PackedFullyConnected() = default;

  Workers workers_;
  size_t l2_bytes_ = 0;  // 0: unknown
  const KernelRow* kernel_ = nullptr;
  GemmProblem problem_;
  OutputStage stage_;
  size_t output_element_bytes_ = 0;
  std::unique_ptr<PackedGemm> gemm_;
  std::shared_ptr<const PackedWeights> weights_;
};

}  // namespace switchyard
