// The interface between host runtimes and backends, isomorphic to ExecuTorch's BackendInterface.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/base/named_data.h"
#include "runtime/host_services.h"
#include "runtime/options.h"
#include "runtime/tensor.h"

namespace switchyard {

struct InitContext {
  HostServices services = DefaultHostServices();  // used until the handle is destroyed
  const NamedDataMap* named_data = nullptr;       // used during init only
  std::string_view method_name;
  std::map<std::string, OptionValue> load_options;  // beat the global ones
  // Executes will come with a tracer. Islands are then made so that they time their operators,
  // unless an option forbids it; a tracer in `services` says the same.
  bool is_traced = false;
  const void* model = nullptr;  // equal for the delegates of one loaded model; for PerModel sharing
  // All arguments will have the dim orders that the payload was exported for. Without this promise
  // an input is refused, too, whose order is not impossible for the graph but unlikely.
  bool has_exported_dim_orders = false;
};

struct ExecuteContext {
  Tracer* tracer = nullptr;  // beats the one given at init; null: that one
};

// A loaded delegate. Created by Backend::Init; destroyed by Backend::Destroy.
class DelegateHandle {
 public:
  virtual ~DelegateHandle() = default;
};

// Ours throw nothing: where there is no memory they return MemoryAllocationFailed.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;
  virtual bool is_available() const = 0;

  // Builds a delegate. The payload's bytes may be freed as soon as this returns. Thread-safe.
  virtual Result<DelegateHandle*> Init(const InitContext& context,
                                       std::span<const std::byte> payload) = 0;

  // Runs it: `arguments[i]` is the tensor with external id i, inputs first, then outputs. Outputs
  // are resized before anything runs. Executes of different delegates may run at the same time; of
  // the same delegate they are serialized.
  virtual Status Execute(const ExecuteContext& context, DelegateHandle* handle,
                         std::span<TensorView> arguments) = 0;

  virtual void Destroy(DelegateHandle* handle) = 0;

  virtual Status SetOption(std::string_view key, const OptionValue& value) = 0;
  virtual Result<OptionValue> GetOption(std::string_view key) const = 0;
};

}  // namespace switchyard
