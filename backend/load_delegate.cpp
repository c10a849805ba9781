// See load_delegate.h. A pipeline: what each part makes, the next ones read.
#include "backend/load_delegate.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "backend/int4_padding.h"
#include "backend/loaded_model.h"
#include "backend/packed/runner.h"
#include "backend/parallel/parallel.h"
#include "backend/plan/emptiness.h"
#include "backend/plan/shapes.h"
#include "backend/plan_graph.h"
#include "backend/xnnpack/stock_step.h"
#include "kernels/cpu/amx_permission.h"
#include "kernels/cpu/sme_units.h"
#include "schema/payload.h"

namespace switchyard {
namespace {

bool IsAligned(const void* pointer, size_t alignment) {
  return reinterpret_cast<uintptr_t>(pointer) % alignment == 0;
}

// Alignment that typed reads of an element need.
size_t ElementAlignment(DataType type) { return std::max<size_t>(1, ElementBits(type) / 8); }

class Loader {
 public:
  Loader(LoadedModel& model, const InitContext& context, WeightsCache& weights)
      : model_(model), context_(context), weights_(weights) {}

  Status Load(std::span<const std::byte> payload) {
    SWITCHYARD_TRY(PlanPayload(payload));
    OpenStore();
    model_.constant_data.assign(model_.graph.values.size(), nullptr);
    SWITCHYARD_TRY(PrepareConstants());
    SWITCHYARD_TRY(KeepWeightsOfMixedIslands());
    SWITCHYARD_TRY(CreateSteps());
    ReportWeights();
    ReleaseConstants();
    return {};
  }

 private:
  // The graph, what runs where on this CPU, and the report of it; nothing is packed yet.
  Status PlanPayload(std::span<const std::byte> payload);
  void OpenStore();
  // The constants' bytes by value, those that outlive the load in kept_constants, the others as
  // they are or, misaligned, in temporary_.
  Status PrepareConstants();
  // With XNNPACK's over-read slack.
  Result<AlignedBuffer> CopyOf(std::span<const std::byte> bytes, const Value& value) const;
  // The bytes that its readers want: the file's, but for what fills up rows of int4.
  Result<AlignedBuffer> CopyOfConstant(const Value& value) const;
  template <typename T>
  Status KeepScales(std::span<const T>& scales, const Value& value);
  // Makes a constant one that outlives the load, with its scales.
  Status KeepConstant(ValueIndex index);
  // What islands may have to pack once more, where only some of their values are empty.
  Status KeepWeightsOfMixedIslands();
  // What runs the plan; packs weights.
  Status CreateSteps();
  Result<std::unique_ptr<StepRunner>> CreateStock(const Step& step,
                                                  const StockEnvironment& environment) const;
  void ReportWeights();
  // What is left of the constants is in packed weights and kept_constants.
  void ReleaseConstants();

  LoadedModel& model_;
  const InitContext& context_;
  WeightsCache& weights_;
  ConstantData constants_;
  std::vector<AlignedBuffer> temporary_;
};

Status Loader::PlanPayload(std::span<const std::byte> payload) {
  const LoadOptions& options = model_.options;
  SWITCHYARD_ASSIGN(model_.graph, ReadPayload(payload, context_.named_data));
  SWITCHYARD_ASSIGN(CpuFeatures allowed, MaskCpu(options.cpu_features, HostCpuFeatures()));
  if (allowed.Has(CpuFeature::kAmxTile) && !RequestAmxPermission()) {
    SWITCHYARD_ASSIGN(allowed, MaskCpu("-amxtile", allowed));
    model_.services.logger->Log(
        LogLevel::kWarning,
        "CPU features: the operating system refuses this process the tiles of AMX "
        "(ARCH_REQ_XCOMP_PERM); kernels without them run instead");
  }
  model_.cpu = {HostCpuFeatures(), allowed};
  // Linux tells of them in files, which take time.
  const bool may_have_units = options.sme_threads == 0 && allowed.streaming_vector_bits != 0;
  model_.workers = {
      .threads = NumThreads(model_.services.thread_pool),
      .sme_threads = may_have_units ? NumSmeUnits() : options.sme_threads,
  };
  const PlanRequest request{.routes = options.routes,
                            .max_workspace_bytes = options.max_workspace_bytes,
                            .workers = model_.workers};
  SWITCHYARD_ASSIGN(PlannedGraph planned, PlanGraph(model_.graph, model_.cpu, request));
  SWITCHYARD_TRY(CheckRepeatedWeights(model_.graph, options.max_workspace_bytes));
  model_.report = ReportPlan(model_.graph, planned, model_.cpu, request);
  model_.routes = std::move(planned.routes);
  model_.plan = std::move(planned.plan);
  return {};
}

void Loader::OpenStore() {
  const LoadOptions& options = model_.options;
  if (options.packed_cache_path.empty()) return;
  if (options.share_weights) {
    model_.packed_store = weights_.OpenStore(options.packed_cache_path, *model_.services.logger);
  } else {
    model_.services.logger->Log(
        LogLevel::kWarning,
        "option packed_cache_path: not used, since weight_cache_enabled is off");
  }
}

Result<AlignedBuffer> Loader::CopyOf(std::span<const std::byte> bytes, const Value& value) const {
  SWITCHYARD_ASSIGN(AlignedBuffer copy,
                    AlignedBuffer::Allocate(*model_.services.allocator,
                                            bytes.size() + OverReadBytes(), Describe(value)));
  std::ranges::copy(bytes, copy.data());
  std::memset(copy.data() + bytes.size(), 0, OverReadBytes());
  return copy;
}

Result<AlignedBuffer> Loader::CopyOfConstant(const Value& value) const {
  const std::span<const std::byte> bytes = value.constant->bytes;
  SWITCHYARD_ASSIGN(AlignedBuffer copy, CopyOf(bytes, value));
  if (HasInt4Padding(value)) ClearInt4Padding(value, std::span(copy.data(), bytes.size()));
  return copy;
}

template <typename T>
Status Loader::KeepScales(std::span<const T>& scales, const Value& value) {
  SWITCHYARD_ASSIGN(AlignedBuffer copy, CopyOf(std::as_bytes(scales), value));
  scales = {reinterpret_cast<const T*>(copy.data()), scales.size()};
  model_.kept_constants.push_back(std::move(copy));
  return {};
}

Status Loader::KeepConstant(ValueIndex index) {
  Value& value = model_.graph.values[index];
  SWITCHYARD_ASSIGN(AlignedBuffer copy, CopyOfConstant(value));
  constants_.bytes[index] = copy.data();
  constants_.is_consumed[index] = false;
  model_.constant_data[index] = copy.data();
  model_.kept_constants.push_back(std::move(copy));
  if (auto* channels = std::get_if<PerChannelQuantization>(&value.quantization)) {
    return KeepScales(channels->scales, value);
  }
  if (auto* groups = std::get_if<PerGroupQuantization>(&value.quantization)) {
    return KeepScales(groups->scales, value);
  }
  return {};
}

Status Loader::PrepareConstants() {
  constants_ = {
      .bytes = std::vector<const std::byte*>(model_.graph.values.size(), nullptr),
      .is_consumed = ConsumedByPacking(model_.graph),
  };
  for (ValueIndex i = 0; i < model_.graph.values.size(); ++i) {
    const Value& value = model_.graph.values[i];
    if (!value.constant) continue;
    const std::byte* const bytes = value.constant->bytes.data();
    if (!constants_.is_consumed[i]) {
      SWITCHYARD_TRY(KeepConstant(i));
    } else if (!HasInt4Padding(value) && IsAligned(bytes, ElementAlignment(value.type))) {
      constants_.bytes[i] = bytes;
    } else {
      SWITCHYARD_ASSIGN(AlignedBuffer copy, CopyOfConstant(value));
      constants_.bytes[i] = copy.data();
      temporary_.push_back(std::move(copy));
    }
  }
  return {};
}

Status Loader::KeepWeightsOfMixedIslands() {
  const Emptiness emptiness(model_.graph);
  for (const Step& step : model_.plan.steps) {
    const auto* island = std::get_if<IslandStep>(&step);
    if (island == nullptr || !emptiness.MayMix(model_.graph, *island)) continue;
    for (const NodeIndex n : island->nodes) {
      for (const ValueIndex input : model_.graph.nodes[n].inputs) {
        if (!model_.graph.values[input].constant || !constants_.is_consumed[input]) continue;
        SWITCHYARD_TRY(KeepConstant(input));
      }
    }
  }
  return {};
}

Status Loader::CreateSteps() {
  const HostServices& services = model_.services;
  const PackedEnvironment packed_environment{.cpu = model_.cpu.allowed,
                                             .thread_pool = services.thread_pool,
                                             .workers = model_.workers,
                                             .allocator = *services.allocator,
                                             .logger = *services.logger,
                                             .weights = weights_,
                                             .share_weights = model_.options.share_weights,
                                             .packed_store = model_.packed_store.get()};
  const StockEnvironment stock_environment{
      .cpu = model_.cpu,
      .thread_pool = services.thread_pool,
      .workspace = model_.workspace->xnnpack,
      .allocator = services.allocator,
      .profile = model_.is_traced && model_.options.profile_operators};
  const std::vector<Step>& steps = model_.plan.steps;
  model_.steps.resize(steps.size());
  // Without the lock: who shares the workspace runs on while weights are packed.
  for (size_t i = 0; i < steps.size(); ++i) {
    SWITCHYARD_ASSIGN(
        std::unique_ptr<PackedRunner> packed,
        CreatePacked(model_.graph, model_.plan, steps[i], model_.routes, packed_environment));
    if (packed == nullptr) continue;
    SWITCHYARD_TRY(packed->PackWeights(model_.graph, constants_.bytes, packed_environment));
    model_.steps[i] = std::move(packed);
  }
  std::lock_guard lock(model_.workspace->mutex);
  for (size_t i = 0; i < steps.size(); ++i) {
    if (model_.steps[i] != nullptr) continue;
    SWITCHYARD_ASSIGN(model_.steps[i], CreateStock(steps[i], stock_environment));
  }
  return {};
}

Result<std::unique_ptr<StepRunner>> Loader::CreateStock(const Step& step,
                                                        const StockEnvironment& environment) const {
  if (const auto* island = std::get_if<IslandStep>(&step)) {
    return CreateIsland(model_.graph, *island, constants_, environment);
  }
  return CreateStockOperator(model_.graph, std::get<StockOperatorStep>(step), constants_,
                             environment);
}

void Loader::ReportWeights() {
  RouteReport& report = model_.report;
  for (const auto& step : model_.steps) {
    for (const auto& weights : step->weights()) {
      report.packed_weight_bytes += weights->bytes.size();
      // Held by this step alone when it was packed for it.
      if (weights.use_count() > 1) report.shared_packed_weight_bytes += weights->bytes.size();
      if (weights->file != nullptr) report.mapped_packed_weight_bytes += weights->bytes.size();
    }
  }
}

void Loader::ReleaseConstants() {
  Graph& graph = model_.graph;
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    Value& value = graph.values[i];
    if (value.constant) value.constant->bytes = {};
    if (value.constant && !constants_.is_consumed[i]) continue;
    if (auto* channels = std::get_if<PerChannelQuantization>(&value.quantization)) {
      channels->scales = {};
    }
    if (auto* groups = std::get_if<PerGroupQuantization>(&value.quantization)) groups->scales = {};
  }
  graph.named_buffers.clear();
  graph.owned_bytes.clear();
}

}  // namespace

Result<std::unique_ptr<CompiledDelegate>> LoadDelegate(const InitContext& context,
                                                       std::span<const std::byte> payload,
                                                       const LoadOptions& options,
                                                       std::shared_ptr<Workspace> workspace,
                                                       WeightsCache& weights) {
  auto model = std::make_unique<LoadedModel>(
      context.services, options, context.is_traced || context.services.tracer != nullptr,
      std::move(workspace));
  SWITCHYARD_TRY(Loader(*model, context, weights).Load(payload));
  return std::make_unique<CompiledDelegate>(std::move(model), context.has_exported_dim_orders);
}

}  // namespace switchyard
