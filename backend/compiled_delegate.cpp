#include "backend/compiled_delegate.h"

#include <utility>
#include <variant>
#include <vector>

#include "backend/plan/shapes.h"
#include "backend/plan/step_description.h"

namespace switchyard {

CompiledDelegate::CompiledDelegate(std::unique_ptr<LoadedModel> model, bool has_exported_dim_orders)
    : model_(std::move(model)),
      arguments_(model_->graph, has_exported_dim_orders),
      new_external_dims_(arguments_.size()),
      data_(model_->constant_data) {
  if (model_->is_traced) MakeTrace();
}

void CompiledDelegate::MakeTrace() {
  trace_.emplace(model_->graph, DescribeSteps(model_->graph, model_->plan, model_->routes));
  for (size_t i = 0; i < model_->steps.size(); ++i) {
    trace_->AddOperators(i, model_->steps[i]->operators());
  }
}

Status CompiledDelegate::Execute(const ExecuteContext& context, std::span<TensorView> arguments) {
  Tracer* const tracer = context.tracer != nullptr ? context.tracer : model_->services.tracer;
  TraceClock clock(tracer);
  std::lock_guard lock(mutex_);
  std::lock_guard workspace_lock(model_->workspace->mutex);
  if (is_broken_) {
    return Fail(ErrorCode::kInvalidState,
                "execute: an earlier one of this delegate ran out of memory half-way, expected "
                "none; destroy the delegate and load its payload again");
  }
  // What is half done goes at once, before others who share the workspace meet it.
  try {
    Status status = ExecuteAlone(tracer, clock, arguments);
    if (is_broken_) model_->DestroySteps();
    return status;
  } catch (...) {
    is_broken_ = true;
    model_->DestroySteps();
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
  SWITCHYARD_TRY(arguments_.BindInputs(arguments, new_external_dims_, data_));
  SWITCHYARD_TRY(Reshape());
  SWITCHYARD_TRY(arguments_.BindOutputs(arguments, shapes_, data_));
  clock.Finish(TraceKind::kPrepare);
  SWITCHYARD_TRY(RunSteps(tracer));
  arguments_.WidenOutputs(arguments, shapes_);
  return {};
}

Status CompiledDelegate::Reshape() {
  if (is_shaped_ && new_external_dims_ == external_dims_) return {};
  is_shaped_ = false;
  const Plan& plan = model_->plan;
  SWITCHYARD_ASSIGN(shapes_, InferShapes(model_->graph, new_external_dims_));
  SWITCHYARD_ASSIGN(const PlanMemory memory,
                    MeasurePlan(model_->graph, plan, model_->routes, shapes_, model_->packed_host(),
                                model_->options.max_workspace_bytes));
  const ArenaLayout& layout = memory.arena;
  SWITCHYARD_TRY(Grow(arena_, layout.bytes, "arena"));
  SWITCHYARD_TRY(Grow(scratch_, memory.scratch_bytes, "scratch memory"));
  for (size_t i = 0; i < plan.intermediates.size(); ++i) {
    data_[plan.intermediates[i]] = arena_.data() + layout.offsets[i];
  }
  packed_lhs_.resize(plan.packed_lhs.size());
  for (size_t i = 0; i < packed_lhs_.size(); ++i) {
    packed_lhs_[i] = arena_.data() + layout.packed_offsets[i];
  }
  // XNNPACK goes last, since its workspace cannot be taken back.
  for (const bool is_stock : {false, true}) {
    for (size_t i = 0; i < model_->steps.size(); ++i) {
      if (std::holds_alternative<std::monostate>(memory.steps[i]) != is_stock) continue;
      SWITCHYARD_TRY(NoteFailure(model_->steps[i]->Reshape(shapes_, memory.steps[i])));
    }
  }
  external_dims_ = new_external_dims_;
  is_shaped_ = true;
  return {};
}

Status CompiledDelegate::Grow(AlignedBuffer& buffer, size_t bytes, std::string_view purpose) {
  if (bytes <= buffer.size()) return {};
  buffer = AlignedBuffer();
  SWITCHYARD_ASSIGN(buffer, AlignedBuffer::Allocate(*model_->services.allocator, bytes, purpose));
  return {};
}

Status CompiledDelegate::RunSteps(Tracer* tracer) {
  const StepData data{.values = data_, .packed_lhs = packed_lhs_, .scratch = scratch_.data()};
  for (size_t i = 0; i < model_->steps.size(); ++i) {
    StepRunner& step = *model_->steps[i];
    const uint64_t start = tracer != nullptr ? tracer->Now() : 0;
    SWITCHYARD_TRY(NoteFailure(step.Run(data)));
    if (tracer != nullptr) trace_->Report(*tracer, i, start, step, shapes_);
  }
  return {};
}

}  // namespace switchyard
