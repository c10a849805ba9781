// A set of nodes as one XNNPACK subgraph.
#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "backend/parallel/parallel.h"
#include "backend/plan/prune.h"
#include "backend/xnnpack/allocator.h"
#include "backend/xnnpack/float_conversion.h"
#include "backend/xnnpack/lowering.h"
#include "backend/xnnpack/operator_times.h"
#include "backend/xnnpack/prunable_island.h"
#include "backend/xnnpack/stock_step.h"
#include "backend/xnnpack/xnnpack_api.h"
#include "runtime/aligned_buffer.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

// What the host has to give, or to hold, for an external value.
struct External {
  SubgraphExternal lowered;
  AlignedBuffer buffer;  // of widened and scratch values
  size_t num_elements = 0;
};

// No value is ever empty here: see prunable_island.h.
class Island final : public StepRunner {
 public:
  Island(const Graph& graph, RuntimePtr runtime, std::vector<External> externals,
         std::vector<AlignedBuffer> constants, std::span<const ValueIndex> values,
         std::vector<TimedOperator> operators, size_t reserve_bytes,
         const StockEnvironment& environment)
      : workspace_(environment.workspace),
        allocator_(environment.allocator != nullptr ? *environment.allocator : DefaultAllocator()),
        externals_(std::move(externals)),
        constants_(std::move(constants)),
        operators_(std::move(operators)),
        reserve_bytes_(reserve_bytes),
        runtime_(std::move(runtime)) {
    for (ValueIndex i : values) {
      values_.push_back({i, graph.values[i].dims.rank(), Describe(graph.values[i])});
    }
    for (const External& external : externals_) {
      types_.push_back(graph.values[external.lowered.value].type);
      names_.push_back(Describe(graph.values[external.lowered.value]));
    }
  }

  Status Reshape(std::span<const Dims> shapes, const StepMemory& /*memory*/) override;
  Status Run(const StepData& data) override;
  std::span<const TimedOperator> operators() const override { return operators_; }
  bool ReadTimes(std::span<uint64_t> microseconds) const override {
    return is_shaped_ && ReadOperatorTimes(runtime_.get(), microseconds);
  }

 private:
  struct InnerValue {
    ValueIndex value;
    size_t rank;
    std::string name;
  };

  Status ReshapeRuntime(std::span<const Dims> shapes);
  Status PrepareBuffers(std::span<const Dims> shapes);
  Status CheckOutputs(std::span<const Dims> shapes);
  Status Failed(const char* what, xnn_status status) const {
    return Fail(ToErrorCode(status),
                "island of {}: XNNPACK cannot {} ({}); check the shapes of the inputs",
                names_.empty() ? "no values" : names_.back(), what, Name(status));
  }

  const std::shared_ptr<XnnpackWorkspace> workspace_;
  Allocator& allocator_;
  std::vector<External> externals_;
  std::vector<DataType> types_;     // as externals_
  std::vector<std::string> names_;  // as externals_
  std::vector<InnerValue> values_;
  std::vector<AlignedBuffer> constants_;
  std::vector<xnn_external_value> bindings_;
  std::vector<TimedOperator> operators_;
  const size_t reserve_bytes_;
  RuntimePtr runtime_;  // last: it goes first

  bool is_shaped_ = false;
};

Status Island::Reshape(std::span<const Dims> shapes, const StepMemory& /*memory*/) {
  is_shaped_ = false;
  for (const InnerValue& value : values_) {
    // XNNPACK asserts what it was told of the ranks when the subgraph was made.
    if (shapes[value.value].rank() == value.rank) continue;
    return Fail(ErrorCode::kInvalidProgram,
                "{}: shape {} when it runs, expected as many dimensions as the payload says; "
                "export again",
                value.name, ToString(shapes[value.value]));
  }
  SWITCHYARD_TRY(ReshapeRuntime(shapes));
  SWITCHYARD_TRY(CheckOutputs(shapes));
  SWITCHYARD_TRY(PrepareBuffers(shapes));
  is_shaped_ = true;
  return {};
}

Status Island::ReshapeRuntime(std::span<const Dims> shapes) {
  for (const External& external : externals_) {
    const SubgraphExternal& lowered = external.lowered;
    Dims dims = shapes[lowered.value];
    // XNNPACK plans its memory anew only when a value grows. Without that it would go by sharing
    // that was right for the last shapes. Outputs that seem to grow from nothing make it plan.
    if (lowered.is_output && !lowered.is_shape_given) {
      for (size_t i = 0; i < dims.rank(); ++i) dims[i] = 0;
    }
    const xnn_status status =
        xnn_reshape_external_value(runtime_.get(), lowered.id, dims.rank(), dims.data());
    if (status != xnn_status_success) return Failed("reshape an external value", status);
  }
  const xnn_status status = ReshapeWithReserve(allocator_, reserve_bytes_, runtime_.get());
  if (status != xnn_status_success) return Failed("reshape", status);
  return {};
}

Status Island::CheckOutputs(std::span<const Dims> shapes) {
  for (size_t i = 0; i < externals_.size(); ++i) {
    const SubgraphExternal& lowered = externals_[i].lowered;
    if (!lowered.is_output) continue;
    size_t rank = 0;
    std::array<size_t, XNN_MAX_TENSOR_DIMS> sizes{};
    const xnn_status status =
        xnn_get_external_value_shape(runtime_.get(), lowered.id, &rank, sizes.data());
    if (status != xnn_status_success) return Failed("tell the shape of an output", status);
    const Dims found(std::span<const size_t>(sizes.data(), rank));
    if (found == shapes[lowered.value]) continue;
    return Fail(ErrorCode::kInternal,
                "{}: XNNPACK computes the shape {}, expected {} from shape inference; report this",
                names_[i], ToString(found), ToString(shapes[lowered.value]));
  }
  return {};
}

Status Island::PrepareBuffers(std::span<const Dims> shapes) {
  for (size_t i = 0; i < externals_.size(); ++i) {
    External& external = externals_[i];
    external.num_elements = shapes[external.lowered.value].NumElements().value_or(0);
    if (!external.lowered.is_widened && !external.lowered.is_scratch) continue;
    // Scratch values are f32 or int32.
    const std::optional<size_t> bytes = CheckedMultiply(external.num_elements, sizeof(float));
    if (!bytes || *bytes > SIZE_MAX - OverReadBytes()) {
      return Fail(ErrorCode::kMemoryAllocationFailed,
                  "{}: {} elements do not fit the address space; use smaller inputs", names_[i],
                  external.num_elements);
    }
    const size_t needed = *bytes + OverReadBytes();
    if (external.buffer.size() >= needed) continue;
    external.buffer = AlignedBuffer();
    SWITCHYARD_ASSIGN(external.buffer, AlignedBuffer::Allocate(allocator_, needed, names_[i]));
  }
  return {};
}

Status Island::Run(const StepData& data) {
  if (!is_shaped_) {
    return Fail(ErrorCode::kInvalidState, "island of {}: run before a successful Reshape",
                names_.empty() ? "no values" : names_.back());
  }
  bindings_.clear();
  for (size_t i = 0; i < externals_.size(); ++i) {
    External& external = externals_[i];
    const SubgraphExternal& lowered = external.lowered;
    void* address = data.values[lowered.value];
    if (lowered.is_widened || lowered.is_scratch) {
      address = external.buffer.data();
      if (!lowered.is_output) {
        WidenToF32(types_[i], data.values[lowered.value], external.num_elements,
                   reinterpret_cast<float*>(external.buffer.data()));
      }
    }
    if (address == nullptr) {
      return Fail(ErrorCode::kInvalidArgument, "{}: no data pointer; set one before execute",
                  names_[i]);
    }
    bindings_.push_back({.id = lowered.id, .data = address});
  }
  // Always: another island may have grown, and with it moved, the workspace.
  const xnn_status status = RunForeign(workspace_->get(), [&] {
    const xnn_status setup =
        xnn_setup_runtime_v2(runtime_.get(), bindings_.size(), bindings_.data());
    return setup == xnn_status_success ? xnn_invoke_runtime(runtime_.get()) : setup;
  });
  if (status != xnn_status_success) return Failed("run", status);
  for (size_t i = 0; i < externals_.size(); ++i) {
    const SubgraphExternal& lowered = externals_[i].lowered;
    if (!lowered.is_widened || !lowered.is_output || lowered.is_scratch) continue;
    NarrowFromF32(types_[i], reinterpret_cast<const float*>(externals_[i].buffer.data()),
                  externals_[i].num_elements, data.values[lowered.value]);
  }
  return {};
}

// Outputs of live nodes that must have a place outside XNNPACK's own memory: those that nobody
// reads, which it would drop, and the indices of an ArgMaxPooling2d, whose shape it must be told.
std::vector<ValueIndex> ScratchValues(const Graph& graph, std::span<const NodeIndex> nodes,
                                      std::span<const ValueIndex> outputs) {
  const std::unordered_set<ValueIndex> is_output(outputs.begin(), outputs.end());
  std::unordered_set<ValueIndex> is_read = is_output;
  for (NodeIndex n : nodes) {
    is_read.insert(graph.nodes[n].inputs.begin(), graph.nodes[n].inputs.end());
  }
  std::vector<ValueIndex> scratch;
  for (NodeIndex n : nodes) {
    const Node& node = graph.nodes[n];
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const bool is_given =
          node.kind == NodeKind::kArgMaxPooling2d && i == 1 && !is_output.contains(node.outputs[i]);
      if (!is_read.contains(node.outputs[i]) || is_given) scratch.push_back(node.outputs[i]);
    }
  }
  return scratch;
}

struct Compiled {
  RuntimePtr runtime;
  std::vector<External> externals;
  std::vector<AlignedBuffer> constants;
  std::vector<NodeIndex> operators;  // what each was defined for
  size_t reserve_bytes = 0;
};

struct Refusal {
  Error error;
  bool by_runtime;  // XNNPACK has taken every node, and refuses the whole
};

std::expected<Compiled, Refusal> Compile(const Graph& graph, const IslandStep& step,
                                         std::span<const NodeIndex> nodes,
                                         const ConstantData& constants,
                                         const StockEnvironment& environment) {
  const auto refuse = [](Error error) {
    return std::unexpected(Refusal{.error = std::move(error), .by_runtime = false});
  };
  const std::vector<ValueIndex> scratch = ScratchValues(graph, nodes, step.outputs);
  const size_t num_externals = step.inputs.size() + step.outputs.size() + scratch.size();
  // From here on: a definition may leave out a clamp that it had no memory for, and succeed.
  const AllocationWatch watch;
  xnn_subgraph_t created = nullptr;
  xnn_status status =
      xnn_create_subgraph(static_cast<uint32_t>(num_externals), /*flags=*/0, &created);
  const SubgraphPtr subgraph(created);
  if (status != xnn_status_success) {
    return refuse(
        {ToErrorCode(status), Format("XNNPACK: cannot create a subgraph ({})", Name(status))});
  }

  Lowering lowering(graph, constants, environment, subgraph.get());
  for (ValueIndex input : step.inputs) {
    if (Status s = lowering.AddExternal(input, /*is_output=*/false); !s) return refuse(s.error());
  }
  for (ValueIndex output : step.outputs) {
    if (Status s = lowering.AddExternal(output, /*is_output=*/true); !s) return refuse(s.error());
  }
  for (ValueIndex value : scratch) {
    if (Status s = lowering.AddScratch(value); !s) return refuse(s.error());
  }
  for (NodeIndex node : nodes) {
    if (Status s = lowering.AddNode(node); !s) return refuse(s.error());
  }
  if (Status s = lowering.Finish(); !s) return refuse(s.error());

  xnn_runtime_t runtime = nullptr;
  status = watch.Judge(xnn_create_runtime_v4(
      subgraph.get(), /*weights_cache=*/nullptr, environment.workspace->get(),
      environment.thread_pool, environment.profile ? XNN_FLAG_BASIC_PROFILING : 0, &runtime));
  Compiled compiled;
  compiled.runtime.reset(runtime);
  if (status != xnn_status_success) {
    return std::unexpected(
        Refusal{.error = {ToErrorCode(status),
                          Format("XNNPACK cannot run it ({}), expected types and attributes "
                                 "that its operators take; export it in another form",
                                 Name(status))},
                .by_runtime = true});
  }
  for (const SubgraphExternal& external : lowering.externals()) {
    compiled.externals.push_back({.lowered = external, .buffer = {}, .num_elements = 0});
  }
  compiled.constants = lowering.TakeKeptConstants();
  compiled.operators = lowering.operators();
  compiled.reserve_bytes = ReserveBytes(lowering.num_values(), compiled.operators.size());
  return compiled;
}

// XNNPACK does not say which node it cannot run; each one alone shows it.
Error NameTheNode(const Graph& graph, std::span<const NodeIndex> nodes,
                  const ConstantData& constants, const StockEnvironment& environment, Error error) {
  std::unordered_map<ValueIndex, NodeIndex> producers;
  for (NodeIndex n : nodes) producers.emplace(graph.nodes[n].outputs[0], n);
  for (NodeIndex n : nodes) {
    const Node& node = graph.nodes[n];
    // A dynamically quantized value cannot be external: its Convert comes along.
    std::vector<NodeIndex> alone;
    IslandStep step;
    for (ValueIndex input : node.inputs) {
      if (graph.values[input].constant) continue;
      if (graph.values[input].type != DataType::kQDInt8) {
        step.inputs.push_back(input);
        continue;
      }
      const auto producer = producers.find(input);
      if (producer == producers.end()) continue;
      alone.push_back(producer->second);
      step.inputs.push_back(graph.nodes[producer->second].inputs[0]);
    }
    if (graph.values[node.outputs[0]].type == DataType::kQDInt8) continue;
    alone.push_back(n);
    std::ranges::sort(step.inputs);
    step.inputs.erase(std::ranges::unique(step.inputs).begin(), step.inputs.end());
    step.outputs = node.outputs;
    if (Compile(graph, step, alone, constants, environment)) continue;
    return {error.code, Format("{}: {}", Describe(graph, n), error.message)};
  }
  return error;
}

}  // namespace

Result<std::unique_ptr<StepRunner>> CreateIsland(const Graph& graph, const IslandStep& step,
                                                 const ConstantData& constants,
                                                 const StockEnvironment& environment) {
  // XNNPACK trips over the others.
  const std::vector<NodeIndex> nodes = LiveNodes(graph, step);
  auto compiled = Compile(graph, step, nodes, constants, environment);
  if (!compiled) {
    Refusal refusal = std::move(compiled).error();
    if (!refusal.by_runtime || refusal.error.code == ErrorCode::kMemoryAllocationFailed) {
      return std::unexpected(std::move(refusal.error));
    }
    return std::unexpected(
        NameTheNode(graph, nodes, constants, environment, std::move(refusal.error)));
  }
  std::vector<ValueIndex> values;
  for (NodeIndex n : nodes) {
    for (const auto& ends : {graph.nodes[n].inputs, graph.nodes[n].outputs}) {
      values.insert(values.end(), ends.begin(), ends.end());
    }
  }
  std::ranges::sort(values);
  values.erase(std::ranges::unique(values).begin(), values.end());
  std::vector<TimedOperator> operators;
  if (environment.profile) {
    operators = ReadOperators(compiled->runtime.get(), compiled->operators);
  }
  auto island =
      std::make_unique<Island>(graph, std::move(compiled->runtime), std::move(compiled->externals),
                               std::move(compiled->constants), values, std::move(operators),
                               compiled->reserve_bytes, environment);
  IslandStep live = step;
  live.nodes = nodes;
  return MakePrunable(graph, std::move(live), constants, environment, std::move(island));
}

}  // namespace switchyard
