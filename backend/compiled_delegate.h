// A loaded payload and the memory that its executes need.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "backend/arguments.h"
#include "backend/loaded_model.h"
#include "backend/plan/report.h"
#include "backend/switchyard_backend.h"
#include "backend/trace.h"
#include "runtime/aligned_buffer.h"
#include "runtime/backend.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"

namespace switchyard {

class CompiledDelegate : public DelegateHandle {
 public:
  // `has_exported_dim_orders` as in InitContext.
  CompiledDelegate(std::unique_ptr<LoadedModel> model, bool has_exported_dim_orders);

  // What runs where, and why.
  const RouteReport& report() const { return model_->report; }

  const HostArguments& arguments() const { return arguments_; }

  // See Backend::Execute. Calls for one delegate are serialized. Throws std::bad_alloc where the
  // heap has no memory; after that, and after a step had none, every call is InvalidState.
  Status Execute(const ExecuteContext& context, std::span<TensorView> arguments);

 private:
  // Of a step, which does not say what is left when it runs out of memory.
  Status NoteFailure(Status status);
  // What Execute does while it holds both locks.
  Status ExecuteAlone(Tracer* tracer, TraceClock& clock, std::span<TensorView> arguments);
  // Makes everything fit new_external_dims_; does nothing when they are those of the last call.
  Status Reshape();
  Status Grow(AlignedBuffer& buffer, size_t bytes, std::string_view purpose);
  // What traces say of the steps.
  void MakeTrace();
  Status RunSteps(Tracer* tracer);

  const std::unique_ptr<LoadedModel> model_;
  const HostArguments arguments_;

  std::mutex mutex_;  // for everything below
  // Once there is a tracer: at load, or of one that is traced later then.
  std::optional<TraceTable> trace_;
  // An execute ran out of memory where nobody can say what it has left half done: the steps are
  // gone.
  bool is_broken_ = false;
  bool is_shaped_ = false;
  // By external id: of this execute, of the last successful Reshape.
  std::vector<Dims> new_external_dims_, external_dims_;
  std::vector<Dims> shapes_;  // by value
  AlignedBuffer arena_, scratch_;
  std::vector<std::byte*> packed_lhs_;  // as Plan::packed_lhs, in the arena
  std::vector<void*> data_;             // by value, what the steps run on
};

}  // namespace switchyard
