// A Backend over the table of functions of a plugin (runtime/plugin.h).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/backend.h"
#include "runtime/base/api.h"
#include "runtime/base/error.h"
#include "runtime/plugin.h"

namespace switchyard {

// What an argument of a loaded delegate is, at the bounds of the payload.
struct PluginArgument {
  TensorView form;  // element type, rank, sizes, dim order; no data
  bool is_output;
};

enum class ReportFormat : uint8_t { kText, kJson };

// An instance of a plugin's backend; made by LoadPlugin (runtime/plugin_loader.h). Destroys the
// instance and gives the module back when it goes: every handle must have been destroyed before,
// else both stay for the rest of the process.
//
// A thread pool cannot cross the border: InitContext::services.thread_pool must be null, the
// instance has its own. The other services of a load must live as long as its handle.
class SWITCHYARD_API PluginBackend final : public Backend {
 public:
  PluginBackend(const switchyard_plugin& plugin, switchyard_instance* instance,
                std::shared_ptr<void> module)
      : plugin_(plugin), instance_(instance), module_(std::move(module)) {}
  PluginBackend(const PluginBackend&) = delete;
  PluginBackend& operator=(const PluginBackend&) = delete;
  ~PluginBackend() override;

  std::string_view name() const override { return plugin_.name; }
  bool is_available() const override;
  Result<DelegateHandle*> Init(const InitContext& context,
                               std::span<const std::byte> payload) override;
  Status Execute(const ExecuteContext& context, DelegateHandle* handle,
                 std::span<TensorView> arguments) override;
  void Destroy(DelegateHandle* handle) override;
  Status SetOption(std::string_view key, const OptionValue& value) override;
  Result<OptionValue> GetOption(std::string_view key) const override;

  // Version, kernels that are built in, sanitizers; for people.
  std::string_view description() const { return plugin_.description; }
  // In the order of execute's arguments. NotSupported: the module is older than this function.
  Result<std::vector<PluginArgument>> Arguments(DelegateHandle* handle) const;
  // What runs where, and why. NotSupported as above.
  Result<std::string> Report(DelegateHandle* handle, ReportFormat format, bool all_nodes) const;

 private:
  const switchyard_plugin& plugin_;  // the module's
  switchyard_instance* const instance_;
  std::shared_ptr<void> module_;
};

}  // namespace switchyard
