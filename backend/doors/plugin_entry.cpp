// The way in through the C plugin ABI (runtime/plugin.h): its table of functions over a Backend of
// ours. No exception gets past it.
#include <pthreadpool.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "backend/doors/bindings.h"
#include "backend/doors/plugin_description.h"
#include "backend/doors/plugin_services.h"
#include "backend/plan/format_report.h"
#include "backend/plan/report_json.h"
#include "backend/switchyard_backend.h"
#include "runtime/base/guard.h"
#include "runtime/plugin_structs.h"

struct switchyard_instance {
  struct DestroyPool {
    void operator()(pthreadpool* pool) const { pthreadpool_destroy(pool); }
  };

  std::unique_ptr<pthreadpool, DestroyPool> thread_pool;  // null: the calling thread
  std::unique_ptr<switchyard::Backend> backend;
  std::atomic<size_t> num_delegates = 0;
};

struct switchyard_delegate {
  switchyard_instance* instance;
  // What the handle's services point to.
  std::optional<switchyard::PluginAllocator> allocator;
  std::optional<switchyard::PluginLogger> logger;
  std::optional<switchyard::PluginTracer> tracer;
  switchyard::DelegateHandle* handle = nullptr;
};

namespace switchyard {
namespace {

constexpr uint64_t kMaxOptions = 1024;

// Runs the body of a function of the table: its error becomes code and message, and nothing is
// thrown past this.
template <typename Body>
switchyard_status Call(switchyard_text* message, Body body) noexcept {
  if (!Guard("message", [&] { return CheckText(message, "message"); })) {
    return SWITCHYARD_INVALID_ARGUMENT;
  }
  const Status status = Guard("module", body);
  WriteText(message, status ? std::string_view() : status.error().message);
  if (status) return SWITCHYARD_OK;
  return static_cast<switchyard_status>(status.error().code);
}

Status CheckPointer(const void* pointer, std::string_view name) {
  if (pointer != nullptr) return {};
  return Fail(ErrorCode::kInvalidArgument, "{}: a null pointer, expected an address; pass one",
              name);
}

Status CheckInstance(const switchyard_instance* instance) {
  if (instance != nullptr) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "instance: null, expected the one that create_instance gave; pass it");
}

Status CheckDelegate(const switchyard_delegate* delegate) {
  if (delegate != nullptr) return {};
  return Fail(ErrorCode::kDelegateInvalidHandle,
              "delegate: null, expected the one that load gave; pass it");
}

switchyard_status CreateInstance(const switchyard_instance_config* config,
                                 switchyard_instance** instance,
                                 switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    SWITCHYARD_TRY(CheckPointer(instance, "create_instance: where the instance goes"));
    SWITCHYARD_ASSIGN(const switchyard_instance_config c,
                      ReadStruct(config, "instance config",
                                 SWITCHYARD_THROUGH(switchyard_instance_config, reserved)));
    if (c.num_threads > SWITCHYARD_MAX_THREADS) {
      return Fail(ErrorCode::kInvalidArgument,
                  "instance config: {} threads, expected at most {}; use fewer", c.num_threads,
                  SWITCHYARD_MAX_THREADS);
    }
    auto made = std::make_unique<switchyard_instance>();
    if (c.num_threads > 1) {
      made->thread_pool.reset(pthreadpool_create(c.num_threads));
      if (made->thread_pool == nullptr) {
        return Fail(ErrorCode::kOutOfResources,
                    "instance config: no thread pool of {} threads, the system gives no more; use "
                    "fewer",
                    c.num_threads);
      }
    }
    made->backend = MakeSwitchyardBackend();
    *instance = made.release();
    return {};
  });
}

switchyard_status DestroyInstance(switchyard_instance* instance,
                                  switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    const size_t num_delegates = instance != nullptr ? instance->num_delegates.load() : 0;
    if (num_delegates > 0) {
      return Fail(ErrorCode::kInvalidState,
                  "instance: {} delegates are loaded, expected none; destroy them first",
                  num_delegates);
    }
    delete instance;
    return {};
  });
}

switchyard_status CheckAvailable(switchyard_instance* instance, switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    SWITCHYARD_TRY(CheckInstance(instance));
    if (instance->backend->is_available()) return {};
    return Fail(ErrorCode::kNotSupported,
                "backend '{}': XNNPACK does not run on this CPU, or had no memory to start; use "
                "another backend",
                instance->backend->name());
  });
}

// What the host wants to be used for a delegate; the delegate keeps what the context points to.
Result<InitContext> ContextOf(const switchyard_load& load, switchyard_delegate& delegate) {
  InitContext context;
  context.services.thread_pool = delegate.instance->thread_pool.get();
  if (load.allocator != nullptr) {
    SWITCHYARD_ASSIGN(delegate.allocator, PluginAllocator::From(load.allocator));
    context.services.allocator = &*delegate.allocator;
  }
  if (load.logger != nullptr) {
    SWITCHYARD_ASSIGN(delegate.logger, PluginLogger::From(load.logger));
    context.services.logger = &*delegate.logger;
  }
  if (load.tracer != nullptr) {
    SWITCHYARD_ASSIGN(delegate.tracer, PluginTracer::From(load.tracer));
    context.services.tracer = &*delegate.tracer;
  }
  if (load.method_name != nullptr) context.method_name = load.method_name;
  context.model = load.model;
  context.is_traced = (load.flags & SWITCHYARD_LOAD_TRACED) != 0;
  if (load.num_options > kMaxOptions) {
    return Fail(ErrorCode::kInvalidArgument, "load: {} options, expected at most {}; pass fewer",
                load.num_options, kMaxOptions);
  }
  if (load.num_options > 0) SWITCHYARD_TRY(CheckPointer(load.options, "load: options"));
  for (uint64_t i = 0; i < load.num_options; ++i) {
    SWITCHYARD_ASSIGN(auto option, ReadOption(load.options[i]));
    context.load_options.insert_or_assign(std::move(option.first), std::move(option.second));
  }
  return context;
}

switchyard_status Load(switchyard_instance* instance, const switchyard_load* load,
                       switchyard_delegate** delegate, switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    SWITCHYARD_TRY(CheckInstance(instance));
    SWITCHYARD_TRY(CheckPointer(delegate, "load: where the delegate goes"));
    SWITCHYARD_ASSIGN(const switchyard_load c,
                      ReadStruct(load, "load", SWITCHYARD_THROUGH(switchyard_load, num_options)));
    if ((c.flags & ~SWITCHYARD_LOAD_TRACED) != 0) {
      return Fail(ErrorCode::kNotSupported,
                  "load: flags {:#x}, this module knows {:#x}; use a newer module, or leave the "
                  "newer flags out",
                  c.flags, SWITCHYARD_LOAD_TRACED);
    }
    if (c.payload_bytes > 0) SWITCHYARD_TRY(CheckPointer(c.payload, "load: payload"));
    auto made = std::make_unique<switchyard_delegate>();
    made->instance = instance;
    SWITCHYARD_ASSIGN(InitContext context, ContextOf(c, *made));
    std::optional<PluginNamedData> named_data;
    if (c.named_data != nullptr) {
      SWITCHYARD_ASSIGN(named_data, PluginNamedData::From(c.named_data));
      context.named_data = &*named_data;
    }
    const std::span payload(static_cast<const std::byte*>(c.payload), c.payload_bytes);
    SWITCHYARD_ASSIGN(made->handle, instance->backend->Init(context, payload));
    ++instance->num_delegates;
    *delegate = made.release();
    return {};
  });
}

switchyard_status Execute(switchyard_delegate* delegate, const switchyard_execution* execution,
                          switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    SWITCHYARD_TRY(CheckDelegate(delegate));
    SWITCHYARD_ASSIGN(
        const switchyard_execution c,
        ReadStruct(execution, "execution", SWITCHYARD_THROUGH(switchyard_execution, num_tensors)));
    const size_t num_arguments = NumLoadedArguments(*delegate->handle);
    if (c.num_tensors != num_arguments) {
      return Fail(ErrorCode::kInvalidArgument,
                  "execution: {} tensors, expected {} (inputs, then outputs); pass all of them",
                  c.num_tensors, num_arguments);
    }
    if (num_arguments > 0) SWITCHYARD_TRY(CheckPointer(c.tensors, "execution: tensors"));
    SWITCHYARD_ASSIGN(std::vector<TensorView> arguments,
                      ViewTensors(std::span(c.tensors, num_arguments)));
    ExecuteContext context;
    std::optional<PluginTracer> tracer;
    if (c.tracer != nullptr) {
      SWITCHYARD_ASSIGN(tracer, PluginTracer::From(c.tracer));
      context.tracer = &*tracer;
    }
    return delegate->instance->backend->Execute(context, delegate->handle, arguments);
  });
}

switchyard_status Destroy(switchyard_delegate* delegate, switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    if (delegate == nullptr) return {};
    const std::unique_ptr<switchyard_delegate> owner(delegate);
    delegate->instance->backend->Destroy(delegate->handle);
    --delegate->instance->num_delegates;
    return {};
  });
}

switchyard_status SetOption(switchyard_instance* instance, const switchyard_option* option,
                            switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    SWITCHYARD_TRY(CheckInstance(instance));
    SWITCHYARD_ASSIGN(const auto read, ReadOption(option));
    return instance->backend->SetOption(read.first, read.second);
  });
}

switchyard_status GetOption(switchyard_instance* instance, const char* key,
                            switchyard_option* value, switchyard_text* text,
                            switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    SWITCHYARD_TRY(CheckInstance(instance));
    SWITCHYARD_TRY(CheckPointer(key, "get_option: key"));
    SWITCHYARD_TRY(CheckText(text, "get_option: text"));
    if (value != nullptr) {
      SWITCHYARD_TRY(ReadStruct(value, "option", SWITCHYARD_THROUGH(switchyard_option, number)));
    }
    SWITCHYARD_ASSIGN(const OptionValue got, instance->backend->GetOption(key));
    switchyard_option_kind kind = SWITCHYARD_OPTION_TEXT;
    int64_t number = 0;
    std::string spelt;
    if (const bool* flag = std::get_if<bool>(&got)) {
      kind = SWITCHYARD_OPTION_BOOL;
      number = *flag ? 1 : 0;
      spelt = *flag ? "true" : "false";
    } else if (const int64_t* integer = std::get_if<int64_t>(&got)) {
      kind = SWITCHYARD_OPTION_INT;
      number = *integer;
      spelt = std::to_string(number);
    } else {
      spelt = std::get<std::string>(got);
    }
    if (value != nullptr) {
      value->kind = kind;
      value->number = number;
    }
    WriteText(text, spelt);
    return {};
  });
}

switchyard_status NumArguments(switchyard_delegate* delegate, uint64_t* count,
                               switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    SWITCHYARD_TRY(CheckDelegate(delegate));
    SWITCHYARD_TRY(CheckPointer(count, "num_arguments: where the number goes"));
    *count = NumLoadedArguments(*delegate->handle);
    return {};
  });
}

switchyard_status DescribeArgument(switchyard_delegate* delegate, uint64_t index,
                                   switchyard_argument_info* info,
                                   switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    SWITCHYARD_TRY(CheckDelegate(delegate));
    SWITCHYARD_TRY(CheckPointer(info, "describe_argument: where the answer goes"));
    SWITCHYARD_TRY(CheckStructSize<switchyard_argument_info>(
        info->struct_size, "describe_argument",
        SWITCHYARD_THROUGH(switchyard_argument_info, dim_order)));
    const size_t count = NumLoadedArguments(*delegate->handle);
    if (index >= count) {
      return Fail(ErrorCode::kInvalidArgument,
                  "describe_argument: index {}, expected less than {}; ask num_arguments", index,
                  count);
    }
    const Argument argument = LoadedArgument(*delegate->handle, index);
    info->element_type = ToC(argument.form.element_type);
    info->is_output = argument.is_output ? 1 : 0;
    info->rank = static_cast<uint32_t>(argument.form.rank);
    info->reserved = 0;
    std::ranges::copy(argument.form.sizes, info->sizes);
    std::ranges::copy(argument.form.dim_order, info->dim_order);
    return {};
  });
}

switchyard_status Report(switchyard_delegate* delegate, const switchyard_report_request* request,
                         switchyard_text* text, switchyard_text* message) noexcept {
  return Call(message, [&]() -> Status {
    SWITCHYARD_TRY(CheckDelegate(delegate));
    SWITCHYARD_TRY(CheckPointer(text, "report: where the text goes"));
    SWITCHYARD_TRY(CheckText(text, "report: text"));
    SWITCHYARD_ASSIGN(const switchyard_report_request c,
                      ReadStruct(request, "report request",
                                 SWITCHYARD_THROUGH(switchyard_report_request, flags)));
    if ((c.flags & ~SWITCHYARD_REPORT_ALL_NODES) != 0) {
      return Fail(ErrorCode::kNotSupported,
                  "report request: flags {:#x}, this module knows {:#x}; use a newer module, or "
                  "leave the newer flags out",
                  c.flags, SWITCHYARD_REPORT_ALL_NODES);
    }
    const RouteReport& report = LoadedReport(*delegate->handle);
    const bool all_nodes = (c.flags & SWITCHYARD_REPORT_ALL_NODES) != 0;
    switch (c.format) {
      case SWITCHYARD_REPORT_TEXT:
        WriteText(text, FormatReport(report, all_nodes));
        return {};
      case SWITCHYARD_REPORT_JSON:
        WriteText(text, JsonOfReport(report, all_nodes));
        return {};
      default:
        return Fail(ErrorCode::kNotSupported,
                    "report request: format {}, this module knows text (1) and JSON (2); ask for "
                    "one of these",
                    c.format);
    }
  });
}

const switchyard_plugin& Table() {
  static const std::string name(kBackendName);
  static const std::string description = DescribePlugin();
  static const switchyard_plugin table = {
      .struct_size = sizeof(switchyard_plugin),
      .version = SWITCHYARD_PLUGIN_VERSION,
      .sanitizers = PluginSanitizers(),
      .name = name.c_str(),
      .description = description.c_str(),
      .reserved = {},
      .create_instance = CreateInstance,
      .destroy_instance = DestroyInstance,
      .check_available = CheckAvailable,
      .load = Load,
      .execute = Execute,
      .destroy = Destroy,
      .set_option = SetOption,
      .get_option = GetOption,
      .num_arguments = NumArguments,
      .describe_argument = DescribeArgument,
      .report = Report,
  };
  return table;
}

}  // namespace
}  // namespace switchyard

// plugin.map exports it, and nothing else.
extern "C" __attribute__((visibility("default"))) switchyard_status
switchyard_plugin_query(const switchyard_query* query, const switchyard_plugin** plugin,
                        switchyard_text* message) noexcept {
  using namespace switchyard;
  return Call(message, [&]() -> Status {
    SWITCHYARD_TRY(CheckPointer(plugin, "query: where the table goes"));
    SWITCHYARD_ASSIGN(
        const switchyard_query c,
        ReadStruct(query, "query", SWITCHYARD_THROUGH(switchyard_query, max_version)));
    if (c.min_version > SWITCHYARD_PLUGIN_VERSION || c.max_version < SWITCHYARD_PLUGIN_VERSION) {
      return Fail(ErrorCode::kNotSupported,
                  "query: the host knows versions {} to {} of the plugin ABI, this module {}; use "
                  "a module of the host's version",
                  c.min_version, c.max_version, SWITCHYARD_PLUGIN_VERSION);
    }
    SWITCHYARD_TRY(CheckBindings());
    KeepCpuinfoLoaded();
    *plugin = &Table();
    return {};
  });
}
