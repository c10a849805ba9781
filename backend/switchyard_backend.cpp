#include "backend/switchyard_backend.h"

#include <memory>
#include <mutex>
#include <utility>

#include "backend/compiled_delegate.h"
#include "backend/load_delegate.h"
#include "backend/options.h"
#include "backend/workspace.h"
#include "runtime/base/guard.h"
#include "runtime/process_claim.h"
#include "runtime/registry.h"

namespace switchyard {
namespace {

class SwitchyardBackendImpl final : public Backend {
 public:
  // Whether XNNPACK may get its memory from a host's allocator, for good.
  explicit SwitchyardBackendImpl(bool lends_allocator)
      : lends_allocator_(lends_allocator), options_(OptionMap::FromTable(BackendOptionTable())) {}

  std::string_view name() const override { return kBackendName; }

  bool is_available() const override {
    return Guard("is_available", [&] { return Initialize(DefaultAllocator()); }).has_value();
  }

  Result<DelegateHandle*> Init(const InitContext& context,
                               std::span<const std::byte> payload) override {
    return Guard("init", [&] { return Load(context, payload); });
  }

  Status Execute(const ExecuteContext& context, DelegateHandle* handle,
                 std::span<TensorView> arguments) override {
    return Guard("execute", [&]() -> Status {
      if (handle == nullptr) {
        return Fail(ErrorCode::kDelegateInvalidHandle,
                    "execute: null handle; pass the one that init returned");
      }
      return static_cast<CompiledDelegate*>(handle)->Execute(context, arguments);
    });
  }

  // Allocates nothing.
  void Destroy(DelegateHandle* handle) override {
    {
      std::lock_guard lock(mutex_);
      std::erase_if(loaded_, [&](const Loaded& loaded) { return loaded.delegate == handle; });
    }
    delete handle;
  }

  Status SetOption(std::string_view key, const OptionValue& value) override {
    return Guard("set_option", [&]() -> Status {
      {
        std::lock_guard lock(mutex_);
        if (!options_) return std::unexpected(options_.error());
        SWITCHYARD_TRY(options_->Set(key, value, OptionScope::kGlobal));
        if (key != kOptionSaveWeightCacheOnDisk || value != OptionValue(true)) return {};
        SWITCHYARD_TRY(options_->Set(key, false));  // a trigger, not a state
      }
      return weights_.SaveStores();
    });
  }

  Result<OptionValue> GetOption(std::string_view key) const override {
    return Guard("get_option", [&]() -> Result<OptionValue> {
      SWITCHYARD_ASSIGN(const OptionMap options, GlobalOptions());
      return options.Get(key);
    });
  }

  std::vector<LoadedDelegate> LoadedDelegates() const {
    std::lock_guard lock(mutex_);
    std::vector<LoadedDelegate> delegates;
    for (const Loaded& loaded : loaded_) {
      delegates.push_back({loaded.method, loaded.model, loaded.delegate->report()});
    }
    return delegates;
  }

 private:
  struct Loaded {
    const CompiledDelegate* delegate;
    std::string method;
    const void* model;
  };

  Result<DelegateHandle*> Load(const InitContext& context, std::span<const std::byte> payload) {
    SWITCHYARD_TRY(ClaimProcess());
    SWITCHYARD_TRY(Initialize(*context.services.allocator));
    SWITCHYARD_ASSIGN(OptionMap merged, GlobalOptions());
    // The contract: only a load's own path counts.
    SWITCHYARD_TRY(merged.Set(kOptionPackedCachePath, std::string()));
    for (const auto& [key, value] : context.load_options) {
      SWITCHYARD_TRY(merged.Set(key, value, OptionScope::kLoad));
    }
    const LoadOptions options = ReadLoadOptions(merged);
    SWITCHYARD_ASSIGN(auto workspace, workspaces_.Get(options.workspace_sharing, context.model));
    SWITCHYARD_ASSIGN(auto delegate,
                      LoadDelegate(context, payload, options, std::move(workspace), weights_));
    std::lock_guard lock(mutex_);
    loaded_.push_back({delegate.get(), std::string(context.method_name), context.model});
    return delegate.release();
  }

  Status Initialize(Allocator& allocator) const {
    return InitializeXnnpack(lends_allocator_ ? &allocator : nullptr);
  }

  Result<OptionMap> GlobalOptions() const {
    std::lock_guard lock(mutex_);
    return options_;
  }

  const bool lends_allocator_;
  mutable std::mutex mutex_;
  Result<OptionMap> options_;  // an error when the environment has a value that does not parse
  std::vector<Loaded> loaded_;
  WorkspaceTable workspaces_;
  WeightsCache weights_;
};

// Never destroyed: delegates may outlive static destruction.
SwitchyardBackendImpl& Instance() {
  static SwitchyardBackendImpl& backend = *new SwitchyardBackendImpl(/*lends_allocator=*/true);
  return backend;
}

}  // namespace

const RouteReport& LoadedReport(const DelegateHandle& handle) {
  return static_cast<const CompiledDelegate&>(handle).report();
}

Argument LoadedArgument(const DelegateHandle& handle, size_t index) {
  return static_cast<const CompiledDelegate&>(handle).arguments().Describe(index);
}

size_t NumLoadedArguments(const DelegateHandle& handle) {
  return static_cast<const CompiledDelegate&>(handle).arguments().size();
}

std::unique_ptr<Backend> MakeSwitchyardBackend() {
  return std::make_unique<SwitchyardBackendImpl>(/*lends_allocator=*/false);
}

std::vector<LoadedDelegate> LoadedDelegates() { return Instance().LoadedDelegates(); }

Backend& SwitchyardBackend() { return Instance(); }

Status RegisterBackend() {
  return Guard("registration", [] { return RegisterBackend(&SwitchyardBackend()); });
}

}  // namespace switchyard
