// The one driver of packed kernels. An operator hands it rows or taps, slices and weights; it cuts
// them into blocks and tasks, packs what is not packed yet, and calls the kernel.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "backend/packed/runner.h"
#include "backend/packed/step.h"
#include "backend/plan/plan.h"
#include "kernels/gemm/packed_gemm.h"

namespace switchyard {

// What every operator's step is made of.
struct MultiplyParts {
  PackedStep step;
  const KernelRow& kernel;
  GemmProblem problem;
  OutputStage stage;
  const PackedEnvironment& environment;  // read while the step is made, and packs
  std::unique_ptr<PackedGemm> gemm;      // of `kernel` and `problem`
};

class MultiplyStep : public PackedRunner {
 public:
  Status Reshape(std::span<const Dims> shapes, const StepMemory& memory) final;
  Status Run(const StepData& data) final;
  std::string_view MicroKernelName() const final;
  std::span<const std::shared_ptr<const PackedWeights>> weights() const final { return weights_; }

 protected:
  explicit MultiplyStep(MultiplyParts parts);

  // After new shapes: problem() and table_bytes() are theirs. Errors: MemoryAllocationFailed.
  virtual Status SetShapes(std::span<const Dims> /*shapes*/) { return {}; }
  struct Slice {
    const std::byte* lhs;  // its first raw row; of a Conv2d the base of its taps
    size_t rhs;            // which of the packed weights, or of the slices of a computed operand
    std::byte* out;        // its first element
  };
  virtual Slice SliceAt(size_t i, const StepData& data) const = 0;
  // Of a Conv2d: taps from `base` on, of rows from `first_row` on.
  virtual Taps TapsAt(const std::byte* /*base*/, size_t /*first_row*/) const { return {}; }
  // Of a computed right-hand side: slice i of it.
  virtual RhsSource ComputedRhs(size_t /*i*/, const StepData& /*data*/) const { return {}; }
  // Where there is nothing to multiply: an operand or the output is empty.
  virtual void RunEmpty(const StepData& /*data*/) const {}

  // One constant right-hand side more: packs it, or finds it packed.
  Status AddWeights(const RhsSource& source, std::string key, const PackedEnvironment& environment);
  // One for each group of the node.
  Status AddNodeWeights(const Graph& graph, ConstantBytes constants,
                        const PackedEnvironment& environment);

  const PackedStep& step() const { return step_; }
  const KernelRow& kernel() const { return kernel_; }
  const OutputStage& stage() const { return stage_; }
  const GemmProblem& problem() const { return memory_.problem; }
  size_t table_bytes() const { return memory_.table_bytes; }
  size_t lhs_element_bytes() const { return lhs_element_bytes_; }
  size_t output_element_bytes() const { return output_element_bytes_; }

 private:
  class Task;
  bool has_computed_rhs() const { return !problem().rhs_is_constant; }
  size_t num_slices() const { return problem().batch * problem().groups; }
  bool IsGemv() const { return gemm_->layout().UsesGemv(problem().m); }
  // Blocks of slices [first, first + count), in parallel. `shared_rhs` is the packed right-hand
  // side of the one slice, where the slices of a computed one are taken in turn.
  void RunSlices(const StepData& data, size_t first, size_t count,
                 const std::byte* shared_rhs) const;
  void PackComputedRhs(const RhsSource& source, std::byte* packed) const;

  const PackedStep step_;
  const KernelRow& kernel_;
  const OutputStage stage_;
  const CpuFeatures& cpu_;
  pthreadpool* const thread_pool_;
  const size_t threads_;  // of the pool
  const size_t lhs_element_bytes_, output_element_bytes_;
  std::unique_ptr<PackedGemm> gemm_;
  size_t gemm_n_, gemm_k_;  // what gemm_ is for
  std::vector<std::shared_ptr<const PackedWeights>> weights_;
  PackedStepMemory memory_;  // of the last Reshape
};

}  // namespace switchyard
