#include "backend/packed/runner.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "backend/packed/operators.h"
#include "backend/parallel/parallel.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

class PackLhsRunner final : public PackedRunner {
 public:
  PackLhsRunner(const PackLhsStep& step, const GemmProblem& problem, pthreadpool* thread_pool,
                std::unique_ptr<PackedGemm> gemm)
      : step_(step),
        thread_pool_(thread_pool),
        row_bytes_(problem.k * ElementBits(problem.lhs_type) / 8),
        gemm_(std::move(gemm)) {}

  Status Reshape(std::span<const Dims>, const StepMemory& memory) override {
    memory_ = std::get<PackLhsMemory>(memory);
    return {};
  }

  Status Run(const StepData& data) override {
    const auto& [num_rows, tasks, task_bytes, packed_bytes, scratch_bytes] = memory_;
    if (num_rows == 0) return {};
    const PackedLayout& layout = gemm_->layout();
    const auto* rows = static_cast<const std::byte*>(data.values[step_.source]);
    std::byte* const packed = data.packed_lhs[step_.packed];
    if (layout.UsesGemv(num_rows)) {
      gemm_->PackGemvRow(rows, data.scratch, packed);
      return {};
    }
    const size_t steps = CeilDivide(num_rows, layout.m_step());
    ParallelFor(thread_pool_, tasks, 1, 1, 1, [&](size_t task, size_t, size_t, size_t) {
      const size_t m0 = task * steps / tasks * layout.m_step();
      const size_t m1 = std::min(num_rows, (task + 1) * steps / tasks * layout.m_step());
      gemm_->PackRows({.base = rows + m0 * row_bytes_, .stride = row_bytes_}, m1 - m0,
                      data.scratch + task * task_bytes, packed + layout.LhsOffset(m0));
    });
    return {};
  }

 private:
  const PackLhsStep step_;
  pthreadpool* const thread_pool_;
  const size_t row_bytes_;
  const std::unique_ptr<PackedGemm> gemm_;
  PackLhsMemory memory_;  // of the last Reshape
};

std::unique_ptr<MultiplyStep> MakeOperator(const Graph& graph, MultiplyParts parts) {
  switch (parts.problem.op) {
    case GemmOperator::kFullyConnected:
      return MakeFullyConnected(std::move(parts));
    case GemmOperator::kConv2d:
      return MakeConvolution(graph, std::move(parts));
    case GemmOperator::kBatchMatrixMultiply:
      return MakeBatchMatrixMultiply(graph, std::move(parts));
  }
  std::unreachable();
}

}  // namespace

Result<std::unique_ptr<PackedRunner>> CreatePacked(const Graph& graph, const Plan& plan,
                                                   const Step& step, std::span<const Route> routes,
                                                   const PackedEnvironment& environment) {
  const auto* const pack = std::get_if<PackLhsStep>(&step);
  const auto* const packed = std::get_if<PackedStep>(&step);
  if (pack == nullptr && packed == nullptr) return nullptr;
  const Route& route =
      routes[pack != nullptr ? plan.packed_lhs[pack->packed].route : packed->route];
  const KernelRow& kernel = *route.kernel;
  const GemmProblem& problem = *route.verdict.problem;
  auto gemm = MakePackedGemm(kernel, problem, environment.cpu);
  if (gemm == nullptr) {
    return Fail(ErrorCode::kNotSupported,
                "{}: kernel {} is not in this build, expected one with its provider; set "
                "packed_kernels off",
                Describe(graph, route.node), kernel.name);
  }
  if (pack != nullptr) {
    return std::make_unique<PackLhsRunner>(*pack, problem, environment.thread_pool,
                                           std::move(gemm));
  }
  return MakeOperator(graph, {.step = *packed,
                              .kernel = kernel,
                              .problem = problem,
                              .stage = NodeOutputStage(graph, graph.nodes[packed->node]),
                              .environment = environment,
                              .gemm = std::move(gemm)});
}

}  // namespace switchyard
