#include "backend/xnnpack/renewed_island.h"

#include <array>
#include <utility>

namespace switchyard {
namespace {

// Values of the graph of the one node.
enum : ValueIndex { kRead, kWritten };

class RenewedIsland final : public StepRunner {
 public:
  RenewedIsland(Graph graph, const StockOperatorStep& step, const StockEnvironment& environment)
      : graph_(std::move(graph)), step_(step), environment_(environment) {
    // Its node is all that runs in the step, and another one in every graph.
    environment_.profile = false;
  }

  Status Make() {
    island_.reset();
    const ConstantData none{.bytes = {nullptr, nullptr}, .is_consumed = {false, false}};
    const IslandStep island{.nodes = {0}, .inputs = {kRead}, .outputs = {kWritten}};
    SWITCHYARD_ASSIGN(island_, CreateIsland(graph_, island, none, environment_));
    return {};
  }

  Status Reshape(std::span<const Dims> shapes, const StepMemory& /*memory*/) override {
    const std::array<Dims, 2> own = {shapes[step_.input], shapes[step_.output]};
    const size_t channels = own[kRead].back();
    if (island_ == nullptr || (channels_ != 0 && channels != channels_)) SWITCHYARD_TRY(Make());
    channels_ = channels;
    return island_->Reshape(own, {});
  }

  Status Run(const StepData& data) override {
    const std::array<void*, 2> own = {data.values[step_.input], data.values[step_.output]};
    return island_->Run({.values = own});
  }

 private:
  const Graph graph_;
  const StockOperatorStep step_;
  StockEnvironment environment_;
  std::unique_ptr<StepRunner> island_;
  size_t channels_ = 0;  // that the island has seen; 0: none
};

}  // namespace

Result<std::unique_ptr<StepRunner>> CreateRenewedIsland(const Graph& graph,
                                                        const StockOperatorStep& step,
                                                        const StockEnvironment& environment) {
  const Node& node = graph.nodes[step.node];
  if (node.inputs.size() != 1 || node.outputs.size() != 1 ||
      graph.values[step.input].dims.rank() == 0) {
    return Fail(ErrorCode::kNotSupported,
                "{}: not a node with one input, one output and channels, which is what can be made "
                "anew; export again",
                Describe(graph, step.node));
  }
  Graph one;
  for (const ValueIndex value : {step.input, step.output}) {
    Value& side = one.values.emplace_back(graph.values[value]);
    side.constant.reset();
    side.is_external_input = value == step.input;
    side.is_external_output = value == step.output;
    side.external_id = one.num_externals++;
  }
  one.nodes = {node};
  one.nodes[0].inputs = {kRead};
  one.nodes[0].outputs = {kWritten};
  auto island = std::make_unique<RenewedIsland>(std::move(one), step, environment);
  // Where it cannot run it is refused at load.
  SWITCHYARD_TRY(island->Make());
  return island;
}

}  // namespace switchyard
