#include "backend/packed/runner.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "backend/packed/batch_matrix_multiply.h"
#include "backend/packed/convolution.h"
#include "backend/packed/fully_connected.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

// Rows of an activation: everything but its last dimension. SIZE_MAX if they cannot be counted.
size_t NumRows(const Dims& dims) {
  return CheckedProduct(dims.span().first(dims.rank() - 1)).value_or(SIZE_MAX);
}

// What RunTiles calls.
std::string_view MatrixKernelName(const KernelRow& kernel, const PackedGemm& gemm, size_t rows) {
  if (rows == 0) return "";
  return rows == 1 && gemm.gemv_n_step() != 0 ? kernel.gemv.name : kernel.gemm;
}

class PackLhsRunner final : public PackedRunner {
 public:
  PackLhsRunner(const PackLhsStep& step, const Route& route, const PackedEnvironment& environment,
                std::unique_ptr<PackedGemm> gemm)
      : step_(step),
        workers_(KernelWorkers(*route.kernel, environment)),
        row_bytes_(route.verdict.problem->k * ElementBits(route.verdict.problem->lhs_type) / 8),
        gemm_(std::move(gemm)) {}

  void Reshape(std::span<const Dims> shapes) override { rows_ = NumRows(shapes[step_.source]); }
  size_t PackedLhsBytes() const override { return rows_ == 0 ? 0 : PackedRowsBytes(*gemm_, rows_); }
  void Run(const PackedMemory& memory) const override {
    if (rows_ == 0) return;
    PackRows(*gemm_, workers_, memory.values[step_.source], row_bytes_, rows_,
             memory.packed_lhs[step_.packed]);
  }

 private:
  const PackLhsStep step_;
  const Workers workers_;
  const size_t row_bytes_;
  const std::unique_ptr<PackedGemm> gemm_;
  size_t rows_ = 0;
};

class FullyConnectedRunner final : public PackedRunner {
 public:
  FullyConnectedRunner(PackedStep step, std::unique_ptr<PackedFullyConnected> impl)
      : step_(std::move(step)), impl_(std::move(impl)) {}

  void Reshape(std::span<const Dims> shapes) override { rows_ = NumRows(shapes[step_.inputs[0]]); }
  void Run(const PackedMemory& memory) const override {
    const bool is_packed = rows_ != 0 && PackedRowsBytes(impl_->gemm(), rows_) != 0;
    impl_->Run(is_packed ? memory.packed_lhs[*step_.packed_lhs] : memory.values[step_.inputs[0]],
               rows_, memory.values[step_.output]);
  }
  std::string_view MicroKernelName() const override {
    return MatrixKernelName(impl_->kernel(), impl_->gemm(), rows_);
  }
  std::span<const std::shared_ptr<const PackedWeights>> weights() const override {
    return {&impl_->weights(), 1};
  }

 private:
  const PackedStep step_;
  const std::unique_ptr<PackedFullyConnected> impl_;
  size_t rows_ = 0;
};

class ConvolutionRunner final : public PackedRunner {
 public:
  ConvolutionRunner(PackedStep step, std::unique_ptr<PackedConvolution> impl)
      : step_(std::move(step)), impl_(std::move(impl)) {}

  void Reshape(std::span<const Dims> shapes) override {
    input_ = shapes[step_.inputs[0]];
    output_ = shapes[step_.output];
  }
  size_t ScratchBytes() const override { return impl_->ScratchBytes(); }
  void Run(const PackedMemory& memory) const override {
    impl_->Run(input_, output_, memory.values[step_.inputs[0]], memory.values[step_.output],
               memory.scratch);
  }
  std::string_view MicroKernelName() const override {
    return output_.NumElements() == 0 ? "" : impl_->kernel().imatmul;
  }
  std::span<const std::shared_ptr<const PackedWeights>> weights() const override {
    return impl_->weights();
  }

 private:
  const PackedStep step_;
  const std::unique_ptr<PackedConvolution> impl_;
  Dims input_, output_;
};

class BatchMatrixMultiplyRunner final : public PackedRunner {
 public:
  BatchMatrixMultiplyRunner(const Node& node, std::unique_ptr<PackedBatchMatrixMultiply> impl)
      : a_(node.inputs[0]), b_(node.inputs[1]), output_(node.outputs[0]), impl_(std::move(impl)) {}

  void Reshape(std::span<const Dims> shapes) override {
    impl_->Reshape(shapes[a_], shapes[b_], shapes[output_]);
  }
  size_t ScratchBytes() const override { return impl_->ScratchBytes(); }
  void Run(const PackedMemory& memory) const override {
    impl_->Run(memory.values[a_], memory.values[b_], memory.values[output_], memory.scratch);
  }
  std::string_view MicroKernelName() const override {
    const size_t rows = impl_->NumRows();
    return rows == 0 ? "" : MatrixKernelName(impl_->kernel(), impl_->gemm(), rows);
  }
  std::span<const std::shared_ptr<const PackedWeights>> weights() const override {
    return impl_->weights();
  }

 private:
  const ValueIndex a_, b_, output_;
  const std::unique_ptr<PackedBatchMatrixMultiply> impl_;
};

}  // namespace

Result<std::unique_ptr<PackedRunner>> CreatePackLhs(const Plan& plan, const PackLhsStep& step,
                                                    std::span<const Route> routes,
                                                    const PackedEnvironment& environment) {
  const Route& route = routes[plan.packed_lhs[step.packed].route];
  auto gemm = MakePackedGemm(*route.kernel, *route.verdict.problem, environment.cpu);
  if (gemm == nullptr) {
    return Fail(ErrorCode::kNotSupported,
                "value {}, packed for kernel {}: it is not in this build, expected one with its "
                "provider; set "
                "packed_kernels off",
                step.source, route.kernel->name);
  }
  return std::make_unique<PackLhsRunner>(step, route, environment, std::move(gemm));
}

Result<std::unique_ptr<PackedRunner>> CreatePackedStep(
    const Graph& graph, const PackedStep& step, const Route& route,
    std::span<const std::byte* const> constant_data, const PackedEnvironment& environment) {
  switch (route.verdict.problem->op) {
    case GemmOperator::kFullyConnected: {
      SWITCHYARD_ASSIGN(auto impl,
                        PackedFullyConnected::Create(graph, route, constant_data, environment));
      return std::make_unique<FullyConnectedRunner>(step, std::move(impl));
    }
    case GemmOperator::kConv2d: {
      SWITCHYARD_ASSIGN(auto impl,
                        PackedConvolution::Create(graph, route, constant_data, environment));
      return std::make_unique<ConvolutionRunner>(step, std::move(impl));
    }
    case GemmOperator::kBatchMatrixMultiply: {
      SWITCHYARD_ASSIGN(
          auto impl, PackedBatchMatrixMultiply::Create(graph, route, constant_data, environment));
      return std::make_unique<BatchMatrixMultiplyRunner>(graph.nodes[step.node], std::move(impl));
    }
  }
  std::unreachable();
}

}  // namespace switchyard
