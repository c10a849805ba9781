#include "backend/packed/fully_connected.h"

#include "backend/packed/rhs_source.h"

namespace switchyard {

Result<std::unique_ptr<PackedFullyConnected>> PackedFullyConnected::Create(
    const Graph& graph, const Route& route, std::span<const std::byte* const> constant_data,
    const PackedEnvironment& environment) {
  std::unique_ptr<PackedFullyConnected> step(new PackedFullyConnected);
  const Node& node = graph.nodes[route.node];
  step->kernel_ = route.kernel;
  step->workers_ = KernelWorkers(*route.kernel, environment);
  step->l2_bytes_ = environment.cpu.l2_bytes;
  step->problem_ = *route.verdict.problem;
  step->stage_ = NodeOutputStage(graph, node);
  step->output_element_bytes_ = ElementBits(step->problem_.output_type) / 8;
  step->gemm_ = MakePackedGemm(*route.kernel, step->problem_, environment.cpu);
  if (step->gemm_ == nullptr) {
    return Fail(ErrorCode::kNotSupported,
                "{}: kernel {} is not in this build, expected one with its provider; set "
                "packed_kernels off",
                Describe(graph, route.node), route.kernel->name);
  }
  const NodeWeights weights(graph, node, step->problem_, constant_data);
  SWITCHYARD_ASSIGN(step->weights_, environment.weights.Get({.kernel = *route.kernel,
                                                             .problem = step->problem_,
                                                             .gemm = *step->gemm_,
                                                             .source = weights.Group(0),
                                                             .key = weights.Key(*route.kernel, 0)},
                                                            environment));
  return step;
}

void PackedFullyConnected::Run(const void* lhs, size_t rows, void* out) const {
  if (rows == 0) return;
  RunTiles(*gemm_, ChooseTiling(*gemm_, rows, problem_.n, workers_, l2_bytes_), workers_, lhs,
           weights_->bytes.data(), rows, problem_.n, out, problem_.n * output_element_bytes_,
           output_element_bytes_, stage_);
}

}  // namespace switchyard
