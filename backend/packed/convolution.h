// One Conv2d through indirection: pixels are packed tap by tap, in bounded chunks of rows, and
// multiplied with the packed filter, group by group. NHWC.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backend/packed/step.h"
#include "backend/plan/route.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"

namespace switchyard {

class PackedConvolution {
 public:
  // As PackedFullyConnected::Create.
  static Result<std::unique_ptr<PackedConvolution>> Create(
      const Graph& graph, const Route& route, std::span<const std::byte* const> constant_data,
      const PackedEnvironment& environment);

  const KernelRow& kernel() const { return *kernel_; }
  const PackedGemm& gemm() const { return *gemm_; }
  std::span<const std::shared_ptr<const PackedWeights>> weights() const { return weights_; }

  // Scratch memory that Run needs: a chunk of packed rows and its table of pointers for each
  // worker.
  size_t ScratchBytes() const { return workers_.kernel * WorkerBytes(); }
  // input [N, H, W, C], output [N, OH, OW, OC].
  void Run(const Dims& input_shape, const Dims& output_shape, const void* input, void* output,
           std::byte* scratch) const;

 private:
  PackedConvolution() = default;
  struct Geometry;
  size_t WorkerBytes() const;  // of scratch memory
  // Pointers of rows [m0, m0 + m) of one image, relative to the image: [ceil(m /
  // m_step)][taps][m_step].
  void FillPointers(const Geometry& geometry, size_t m0, size_t m, const void** pointers) const;

  Workers workers_;
  const KernelRow* kernel_ = nullptr;
  GemmProblem problem_;
  ConvolutionAttributes attributes_;
  OutputStage stage_;
  size_t element_bytes_ = 0;
  size_t chunk_rows_ = 0;
  std::unique_ptr<PackedGemm> gemm_;
  std::vector<std::shared_ptr<const PackedWeights>> weights_;  // by group
  std::vector<std::byte> padding_;  // what a pixel outside the image holds
};

}  // namespace switchyard
