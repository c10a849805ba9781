#include "backend/compiled_delegate.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/int4_padding.h"
#include "backend/parallel/parallel.h"
#include "backend/plan/decompose.h"
#include "backend/plan/emptiness.h"
#include "backend/plan/fuse.h"
#include "backend/plan/make_report.h"
#include "backend/plan/shapes.h"
#include "backend/plan/step_description.h"
#include "kernels/cpu/sme_units.h"
#include "schema/payload.h"

namespace switchyard {
namespace {

bool IsAligned(const void* pointer, size_t alignment) {
  return reinterpret_cast<uintptr_t>(pointer) % alignment == 0;
}

// Alignment that typed reads of an element need.
size_t ElementAlignment(DataType type) { return std::max<size_t>(1, ElementBits(type) / 8); }

}  // namespace

CompiledDelegate::CompiledDelegate(const InitContext& context, const LoadOptions& options,
                                   std::shared_ptr<Workspace> workspace)
    : services_(context.services),
      options_(options),
      is_traced_(context.is_traced || context.services.tracer != nullptr),
      has_exported_dim_orders_(context.has_exported_dim_orders),
      workspace_(std::move(workspace)) {}

CompiledDelegate::~CompiledDelegate() {
  std::lock_guard lock(workspace_->mutex);
  DestroySteps();
}

void CompiledDelegate::DestroySteps() {
  // XNNPACK takes the islands' runtimes off the workspace, and looks for each from the newest on.
  while (!steps_.empty()) steps_.pop_back();
}

Result<std::unique_ptr<CompiledDelegate>> CompiledDelegate::Create(
    const InitContext& context, std::span<const std::byte> payload, const LoadOptions& options,
    std::shared_ptr<Workspace> workspace, WeightsCache& weights) {
  std::unique_ptr<CompiledDelegate> delegate(
      new CompiledDelegate(context, options, std::move(workspace)));
  SWITCHYARD_ASSIGN(delegate->graph_, ReadPayload(payload, context.named_data));
  SWITCHYARD_TRY(delegate->Compile(weights));
  return delegate;
}

Status CompiledDelegate::Compile(WeightsCache& weights) {
  DecomposeGraph(graph_);
  FuseGraph(graph_);
  SWITCHYARD_ASSIGN(const std::vector<ShapeRange> ranges, SettleShapes(graph_));
  const std::vector<Dims> bounds = UpperEnds(ranges);
  // What no input gets along without. Bounds may be far above what is ever run: what an execute
  // needs beyond is refused then.
  SWITCHYARD_TRY(CheckFootprint(graph_, LowerEnds(ranges), options_.max_workspace_bytes));
  SWITCHYARD_TRY(CheckRepeatedWeights(graph_, options_.max_workspace_bytes));

  SWITCHYARD_ASSIGN(const CpuFeatures allowed, MaskCpu(options_.cpu_features, HostCpuFeatures()));
  cpu_ = {HostCpuFeatures(), allowed};
  SWITCHYARD_ASSIGN(routes_, RouteGraph(graph_, GraphIndex(graph_), bounds, KernelTable(), cpu_,
                                        options_.routes));
  arguments_.emplace(graph_, has_exported_dim_orders_);
  new_external_dims_.resize(arguments_->size());
  data_.assign(graph_.values.size(), nullptr);

  if (!options_.packed_cache_path.empty()) {
    if (options_.share_weights) {
      packed_store_ = weights.OpenStore(options_.packed_cache_path, *services_.logger);
    } else {
      services_.logger->Log(
          LogLevel::kWarning,
          "option packed_cache_path: not used, since weight_cache_enabled is off");
    }
  }
  workers_ = {
      .threads = NumThreads(services_.thread_pool),
      .sme_threads = options_.sme_threads != 0 ? options_.sme_threads : NumSmeUnits(),
  };
  std::vector<AlignedBuffer> temporary;
  SWITCHYARD_ASSIGN(ConstantData constants, PrepareConstants(temporary));
  const PackedEnvironment packed_environment{.cpu = cpu_.allowed,
                                             .thread_pool = services_.thread_pool,
                                             .workers = workers_,
                                             .allocator = *services_.allocator,
                                             .logger = *services_.logger,
                                             .weights = weights,
                                             .share_weights = options_.share_weights,
                                             .packed_store = packed_store_.get()};
  plan_ = FitPlan(
      graph_, NodesWithOwnStep(graph_, cpu_), routes_, bounds, packed_host(),
      {.limit = options_.max_workspace_bytes, .is_forced = !options_.routes.force_kernel.empty()});
  SWITCHYARD_TRY(CreateSteps(constants, packed_environment));
  report_ = MakeReport(graph_, bounds, routes_, plan_, cpu_, workers_, StockRemedies(graph_, cpu_));
  ReportWeights();

  // What is left of the constants is in packed weights and kept_constants_.
  for (ValueIndex i = 0; i < graph_.values.size(); ++i) {
    Value& value = graph_.values[i];
    if (value.constant) value.constant->bytes = {};
    if (value.constant && !constants.is_consumed[i]) continue;
    if (auto* channels = std::get_if<PerChannelQuantization>(&value.quantization)) {
      channels->scales = {};
    }
    if (auto* groups = std::get_if<PerGroupQuantization>(&value.quantization)) groups->scales = {};
  }
  graph_.named_buffers.clear();
  graph_.owned_bytes.clear();
  return {};
}

Result<AlignedBuffer> CompiledDelegate::CopyOf(std::span<const std::byte> bytes,
                                               const Value& value) const {
  SWITCHYARD_ASSIGN(AlignedBuffer copy,
                    AlignedBuffer::Allocate(*services_.allocator, bytes.size() + OverReadBytes(),
                                            Describe(value)));
  std::ranges::copy(bytes, copy.data());
  std::memset(copy.data() + bytes.size(), 0, OverReadBytes());
  return copy;
}

Result<AlignedBuffer> CompiledDelegate::CopyOfConstant(const Value& value) const {
  const std::span<const std::byte> bytes = value.constant->bytes;
  SWITCHYARD_ASSIGN(AlignedBuffer copy, CopyOf(bytes, value));
  if (HasInt4Padding(value)) ClearInt4Padding(value, std::span(copy.data(), bytes.size()));
  return copy;
}

template <typename T>
Status CompiledDelegate::KeepScales(std::span<const T>& scales, const Value& value) {
  SWITCHYARD_ASSIGN(AlignedBuffer copy, CopyOf(std::as_bytes(scales), value));
  scales = {reinterpret_cast<const T*>(copy.data()), scales.size()};
  kept_constants_.push_back(std::move(copy));
  return {};
}

Status CompiledDelegate::KeepConstant(ValueIndex index, ConstantData& constants) {
  Value& value = graph_.values[index];
  SWITCHYARD_ASSIGN(AlignedBuffer copy, CopyOfConstant(value));
  constants.bytes[index] = copy.data();
  constants.is_consumed[index] = false;
  data_[index] = copy.data();
  kept_constants_.push_back(std::move(copy));
  if (auto* channels = std::get_if<PerChannelQuantization>(&value.quantization)) {
    return KeepScales(channels->scales, value);
  }
  if (auto* groups = std::get_if<PerGroupQuantization>(&value.quantization)) {
    return KeepScales(groups->scales, value);
  }
  return {};
}

Result<ConstantData> CompiledDelegate::PrepareConstants(std::vector<AlignedBuffer>& temporary) {
  ConstantData constants{
      .bytes = std::vector<const std::byte*>(graph_.values.size(), nullptr),
      .is_consumed = ConsumedByPacking(graph_),
  };
  for (ValueIndex i = 0; i < graph_.values.size(); ++i) {
    const Value& value = graph_.values[i];
    if (!value.constant) continue;
    const std::byte* const bytes = value.constant->bytes.data();
    if (!constants.is_consumed[i]) {
      SWITCHYARD_TRY(KeepConstant(i, constants));
    } else if (!HasInt4Padding(value) && IsAligned(bytes, ElementAlignment(value.type))) {
      constants.bytes[i] = bytes;
    } else {
      SWITCHYARD_ASSIGN(AlignedBuffer copy, CopyOfConstant(value));
      constants.bytes[i] = copy.data();
      temporary.push_back(std::move(copy));
    }
  }
  return constants;
}

Status CompiledDelegate::KeepWeightsOfMixedIslands(ConstantData& constants) {
  const Emptiness emptiness(graph_);
  for (const Step& step : plan_.steps) {
    const auto* island = std::get_if<IslandStep>(&step);
    if (island == nullptr || !emptiness.MayMix(graph_, *island)) continue;
    for (const NodeIndex n : island->nodes) {
      for (const ValueIndex input : graph_.nodes[n].inputs) {
        if (!graph_.values[input].constant || !constants.is_consumed[input]) continue;
        SWITCHYARD_TRY(KeepConstant(input, constants));
      }
    }
  }
  return {};
}

Status CompiledDelegate::CreateSteps(ConstantData& constants,
                                     const PackedEnvironment& packed_environment) {
  const StockEnvironment stock_environment{.cpu = cpu_,
                                           .thread_pool = services_.thread_pool,
                                           .workspace = workspace_->xnnpack,
                                           .allocator = services_.allocator,
                                           .profile = is_traced_ && options_.profile_operators};
  SWITCHYARD_TRY(KeepWeightsOfMixedIslands(constants));
  steps_.resize(plan_.steps.size());
  // Without the lock: who shares the workspace runs on while weights are packed.
  for (size_t i = 0; i < steps_.size(); ++i) {
    SWITCHYARD_ASSIGN(steps_[i].packed,
                      CreatePacked(graph_, plan_, plan_.steps[i], routes_, packed_environment));
    if (steps_[i].packed == nullptr) continue;
    SWITCHYARD_TRY(steps_[i].packed->PackWeights(graph_, constants.bytes, packed_environment));
  }
  std::lock_guard lock(workspace_->mutex);
  for (size_t i = 0; i < steps_.size(); ++i) {
    SWITCHYARD_ASSIGN(steps_[i].stock, CreateStock(plan_.steps[i], constants, stock_environment));
  }
  if (is_traced_) MakeTrace();
  return {};
}

Result<std::unique_ptr<StockStep>> CompiledDelegate::CreateStock(
    const Step& step, const ConstantData& constants, const StockEnvironment& environment) const {
  if (const auto* island = std::get_if<IslandStep>(&step)) {
    return CreateIsland(graph_, *island, constants, environment);
  }
  if (const auto* own = std::get_if<StockOperatorStep>(&step)) {
    return CreateStockOperator(graph_, *own, constants, environment);
  }
  return nullptr;
}

void CompiledDelegate::MakeTrace() {
  trace_.emplace(DescribeSteps(graph_, plan_, routes_));
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].stock != nullptr) trace_->AddOperators(graph_, i, steps_[i].stock->operators());
  }
}

void CompiledDelegate::ReportWeights() {
  for (const Runner& runner : steps_) {
    if (runner.packed == nullptr) continue;
    for (const auto& weights : runner.packed->weights()) {
      report_.packed_weight_bytes += weights->bytes.size();
      // Held by this step alone when it was packed for it.
      if (weights.use_count() > 1) report_.shared_packed_weight_bytes += weights->bytes.size();
      if (weights->file != nullptr) report_.mapped_packed_weight_bytes += weights->bytes.size();
    }
  }
}

Status CompiledDelegate::Execute(const ExecuteContext& context, std::span<TensorView> arguments) {
  Tracer* const tracer = context.tracer != nullptr ? context.tracer : services_.tracer;
  TraceClock clock(tracer);
  std::lock_guard lock(mutex_);
  std::lock_guard workspace_lock(workspace_->mutex);
  if (is_broken_) {
    return Fail(ErrorCode::kInvalidState,
                "execute: an earlier one of this delegate ran out of memory half-way, expected "
                "none; destroy the delegate and load its payload again");
  }
  // What is half done goes at once, before others who share the workspace meet it.
  try {
    Status status = ExecuteAlone(tracer, clock, arguments);
    if (is_broken_) DestroySteps();
    return status;
  } catch (...) {
    is_broken_ = true;
    DestroySteps();
    throw;
  }
}

Status CompiledDelegate::NoteFailure(Status status) {
  is_broken_ |= !status && status.error().code == ErrorCode::kMemoryAllocationFailed;
  return status;
}

Status CompiledDelegate::ExecuteAlone(Tracer* tracer, TraceClock& clock,
                                      std::span<TensorView> arguments) {
  clock.Finish(TraceKind::kWait);
  if (tracer != nullptr && !trace_) MakeTrace();
  SWITCHYARD_TRY(arguments_->BindInputs(arguments, new_external_dims_, data_));
  SWITCHYARD_TRY(Reshape());
  SWITCHYARD_TRY(arguments_->BindOutputs(arguments, shapes_, data_));
  clock.Finish(TraceKind::kPrepare);
  SWITCHYARD_TRY(RunSteps(tracer));
  arguments_->WidenOutputs(arguments, shapes_);
  return {};
}

Status CompiledDelegate::Reshape() {
  if (is_shaped_ && new_external_dims_ == external_dims_) return {};
  is_shaped_ = false;
  SWITCHYARD_ASSIGN(shapes_, InferShapes(graph_, new_external_dims_));
  SWITCHYARD_ASSIGN(
      const PlanMemory memory,
      MeasurePlan(graph_, plan_, routes_, shapes_, packed_host(), options_.max_workspace_bytes));
  const ArenaLayout& layout = memory.arena;
  SWITCHYARD_TRY(Grow(arena_, layout.bytes, "arena"));
  SWITCHYARD_TRY(Grow(scratch_, memory.scratch_bytes, "scratch memory"));
  for (size_t i = 0; i < plan_.intermediates.size(); ++i) {
    data_[plan_.intermediates[i]] = arena_.data() + layout.offsets[i];
  }
  packed_lhs_.resize(plan_.packed_lhs.size());
  for (size_t i = 0; i < packed_lhs_.size(); ++i) {
    packed_lhs_[i] = arena_.data() + layout.packed_offsets[i];
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].packed == nullptr) continue;
    SWITCHYARD_TRY(steps_[i].packed->Reshape(shapes_, memory.steps[i]));
  }
  // XNNPACK goes last, since its workspace cannot be taken back.
  for (const Runner& runner : steps_) {
    if (runner.stock != nullptr) SWITCHYARD_TRY(NoteFailure(runner.stock->Reshape(shapes_)));
  }
  external_dims_ = new_external_dims_;
  is_shaped_ = true;
  return {};
}

Status CompiledDelegate::Grow(AlignedBuffer& buffer, size_t bytes, std::string_view purpose) {
  if (bytes <= buffer.size()) return {};
  buffer = AlignedBuffer();
  SWITCHYARD_ASSIGN(buffer, AlignedBuffer::Allocate(*services_.allocator, bytes, purpose));
  return {};
}

Status CompiledDelegate::RunSteps(Tracer* tracer) {
  const PackedMemory memory{.values = data_, .packed_lhs = packed_lhs_, .scratch = scratch_.data()};
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Runner& runner = steps_[i];
    const uint64_t start = tracer != nullptr ? tracer->Now() : 0;
    if (runner.packed != nullptr) {
      runner.packed->Run(memory);
    } else {
      SWITCHYARD_TRY(NoteFailure(runner.stock->Run(data_)));
    }
    if (tracer == nullptr) continue;
    trace_->Report(*tracer, i, start, runner.stock.get(),
                   runner.packed != nullptr ? runner.packed->MicroKernelName() : "");
  }
  return {};
}

}  // namespace switchyard
