#include "runtime/plugin_backend.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/base/guard.h"
#include "runtime/plugin_message.h"
#include "runtime/plugin_structs.h"

namespace switchyard {
namespace {

struct PluginHandle final : DelegateHandle {
  switchyard_delegate* delegate = nullptr;
};

switchyard_delegate* DelegateOf(DelegateHandle* handle) {
  return handle != nullptr ? static_cast<PluginHandle*>(handle)->delegate : nullptr;
}

// Element types are numbered alike, from 1 on.
static_assert(SWITCHYARD_FLOAT32 == static_cast<int>(ElementType::kF32) + 1);
static_assert(SWITCHYARD_INT64 == static_cast<int>(ElementType::kInt64) + 1);
switchyard_element_type ToC(ElementType type) { return static_cast<uint32_t>(type) + 1; }

// Writes a host's error where the module reads it.
switchyard_status Report(const Error& error, switchyard_text* message) {
  if (CheckText(message, "message")) WriteText(message, error.message);
  return static_cast<switchyard_status>(error.code);
}

switchyard_allocator ToC(Allocator& allocator) {
  switchyard_allocator c{};
  c.struct_size = sizeof c;
  c.context = &allocator;
  c.allocate = [](void* context, uint64_t bytes, uint64_t alignment) {
    return static_cast<Allocator*>(context)->Allocate(bytes, alignment);
  };
  c.release = [](void* context, void* pointer) { static_cast<Allocator*>(context)->Free(pointer); };
  return c;
}

switchyard_logger ToC(Logger& logger) {
  switchyard_logger c{};
  c.struct_size = sizeof c;
  c.context = &logger;
  c.log = [](void* context, switchyard_log_level level, const char* message) {
    const auto ours = std::min(static_cast<LogLevel>(level), LogLevel::kError);
    static_cast<Logger*>(context)->Log(ours, message);
  };
  return c;
}

switchyard_tracer ToC(Tracer& tracer) {
  switchyard_tracer c{};
  c.struct_size = sizeof c;
  c.context = &tracer;
  c.now = [](void* context) { return static_cast<Tracer*>(context)->Now(); };
  c.event = [](void* context, const switchyard_event* event) {
    // An event that lacks what a host reads cannot be refused here, but is not read. A kind of a
    // newer module's is none of ours.
    if (!CheckStructSize<switchyard_event>(event->struct_size, "event",
                                           SWITCHYARD_THROUGH(switchyard_event, end)) ||
        event->kind > SWITCHYARD_EVENT_OPERATOR) {
      return;
    }
    const auto numbers = [&](const uint32_t* first) -> std::span<const uint32_t> {
      if (first == nullptr) return {};
      return {first, event->num_nodes};
    };
    // Modules of version 0.1 end before it.
    const bool has_macs = event->struct_size >= SWITCHYARD_THROUGH(switchyard_event, macs);
    const uint64_t macs = has_macs ? event->macs : 0;
    static_cast<Tracer*>(context)->Event({.kind = static_cast<TraceKind>(event->kind),
                                          .name = event->name,
                                          .route = event->route,
                                          .kernel = event->kernel,
                                          .micro_kernel = event->micro_kernel,
                                          .nodes = numbers(event->nodes),
                                          .debug_handles = numbers(event->debug_handles),
                                          .start = event->start,
                                          .end = event->end,
                                          .macs = macs});
  };
  c.from_nanoseconds = [](void* context, uint64_t nanoseconds) {
    return static_cast<Tracer*>(context)->FromNanoseconds(nanoseconds);
  };
  return c;
}

switchyard_named_data ToC(const NamedDataMap& map) {
  switchyard_named_data c{};
  c.struct_size = sizeof c;
  c.context = const_cast<NamedDataMap*>(&map);
  c.get = [](void* context, const char* key, switchyard_buffer* buffer,
             switchyard_text* message) -> switchyard_status {
    const Status status = Guard("named data", [&]() -> Status {
      SWITCHYARD_TRY(CheckStructSize<switchyard_buffer>(
          buffer->struct_size, "named data: buffer", SWITCHYARD_THROUGH(switchyard_buffer, owner)));
      SWITCHYARD_ASSIGN(DataBuffer data, static_cast<const NamedDataMap*>(context)->Get(key));
      auto owner = std::make_unique<DataBuffer>(std::move(data));
      buffer->data = owner->bytes().data();
      buffer->bytes = owner->bytes().size();
      buffer->owner = owner.release();
      return {};
    });
    return status ? switchyard_status{SWITCHYARD_OK} : Report(status.error(), message);
  };
  c.release = [](void*, const switchyard_buffer* buffer) {
    delete static_cast<DataBuffer*>(buffer->owner);
  };
  return c;
}

// `key` and a text value must outlive the result.
switchyard_option ToC(const std::string& key, const OptionValue& value) {
  switchyard_option c{};
  c.struct_size = sizeof c;
  c.key = key.c_str();
  if (const bool* flag = std::get_if<bool>(&value)) {
    c.kind = SWITCHYARD_OPTION_BOOL;
    c.number = *flag ? 1 : 0;
  } else if (const int64_t* number = std::get_if<int64_t>(&value)) {
    c.kind = SWITCHYARD_OPTION_INT;
    c.number = *number;
  } else {
    c.kind = SWITCHYARD_OPTION_TEXT;
    c.text = std::get<std::string>(value).c_str();
  }
  return c;
}

// What resizing changes.
void CopyStorage(const TensorView& view, switchyard_tensor& c) {
  std::ranges::copy(std::span(view.sizes).first(view.rank), c.sizes);
  c.data = view.data;
  c.capacity_bytes = view.capacity_bytes;
}

Result<switchyard_tensor> ToC(size_t index, TensorView& view) {
  switchyard_tensor c{};
  if (view.rank > SWITCHYARD_MAX_TENSOR_RANK) {
    return Fail(ErrorCode::kInvalidArgument, "argument {}: {} dimensions, expected at most {}",
                index, view.rank, SWITCHYARD_MAX_TENSOR_RANK);
  }
  c.struct_size = sizeof c;
  c.element_type = ToC(view.element_type);
  c.rank = static_cast<uint32_t>(view.rank);
  std::ranges::copy(std::span(view.dim_order).first(view.rank), c.dim_order);
  CopyStorage(view, c);
  c.context = &view;
  if (view.resize == nullptr) return c;
  c.resize = [](switchyard_tensor* tensor, const uint64_t* sizes,
                switchyard_text* message) -> switchyard_status {
    TensorView& ours = *static_cast<TensorView*>(tensor->context);
    const Status status = Guard("resize", [&] {
      const std::vector<size_t> wanted(sizes, sizes + tensor->rank);
      return ours.resize(ours, wanted);
    });
    if (!status) return Report(status.error(), message);
    CopyStorage(ours, *tensor);
    return SWITCHYARD_OK;
  };
  return c;
}

std::unexpected<Error> Older(std::string_view function) {
  return Fail(ErrorCode::kNotSupported,
              "plugin: it has no function {}, since it is older than this host; use a newer module",
              function);
}

}  // namespace

PluginBackend::~PluginBackend() {
  PluginMessage message;
  if (plugin_.destroy_instance(instance_, message.get()) != SWITCHYARD_OK) {
    // Its code is still needed: never given back.
    static std::mutex mutex;
    static auto& kept = *new std::vector<std::shared_ptr<void>>;
    std::lock_guard lock(mutex);
    kept.push_back(std::move(module_));
  }
}

bool PluginBackend::is_available() const {
  PluginMessage message;
  return plugin_.check_available(instance_, message.get()) == SWITCHYARD_OK;
}

Result<DelegateHandle*> PluginBackend::Init(const InitContext& context,
                                            std::span<const std::byte> payload) {
  const HostServices& services = context.services;
  if (services.thread_pool != nullptr) {
    return Fail(ErrorCode::kNotSupported,
                "plugin '{}': a thread pool cannot be passed to a module, expected none; give "
                "LoadPlugin a number of threads",
                name());
  }
  std::vector<switchyard_option> options;
  std::vector<const switchyard_option*> option_pointers;
  options.reserve(context.load_options.size());
  for (const auto& [key, value] : context.load_options) {
    SWITCHYARD_TRY(CheckOptionText(key, value));
    option_pointers.push_back(&options.emplace_back(ToC(key, value)));
  }
  const std::string method_name(context.method_name);
  switchyard_load load{};
  load.struct_size = sizeof load;
  load.payload = payload.data();
  load.payload_bytes = payload.size();
  load.method_name = method_name.c_str();
  load.options = option_pointers.data();
  load.num_options = option_pointers.size();
  load.model = context.model;
  load.flags = context.is_traced ? SWITCHYARD_LOAD_TRACED : 0;
  // The defaults do not cross: the module has its own.
  const switchyard_allocator allocator = ToC(*services.allocator);
  if (services.allocator != &DefaultAllocator()) load.allocator = &allocator;
  const switchyard_logger logger = ToC(*services.logger);
  if (services.logger != &NullLogger()) load.logger = &logger;
  switchyard_tracer tracer{};
  if (services.tracer != nullptr) {
    tracer = ToC(*services.tracer);
    load.tracer = &tracer;
  }
  switchyard_named_data named_data{};
  if (context.named_data != nullptr) {
    named_data = ToC(*context.named_data);
    load.named_data = &named_data;
  }
  auto handle = std::make_unique<PluginHandle>();
  PluginMessage message;
  SWITCHYARD_TRY(
      message.StatusOf(plugin_.load(instance_, &load, &handle->delegate, message.get()), "load"));
  if (handle->delegate == nullptr) {
    return Fail(ErrorCode::kInternal, "plugin '{}': load succeeded without a delegate", name());
  }
  return handle.release();
}

Status PluginBackend::Execute(const ExecuteContext& context, DelegateHandle* handle,
                              std::span<TensorView> arguments) {
  std::vector<switchyard_tensor> tensors;
  std::vector<switchyard_tensor*> pointers;
  tensors.reserve(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    SWITCHYARD_ASSIGN(const switchyard_tensor tensor, ToC(i, arguments[i]));
    pointers.push_back(&tensors.emplace_back(tensor));
  }
  switchyard_execution execution{};
  execution.struct_size = sizeof execution;
  execution.tensors = pointers.data();
  execution.num_tensors = pointers.size();
  switchyard_tracer tracer{};
  if (context.tracer != nullptr) {
    tracer = ToC(*context.tracer);
    execution.tracer = &tracer;
  }
  PluginMessage message;
  return message.StatusOf(plugin_.execute(DelegateOf(handle), &execution, message.get()),
                          "execute");
}

void PluginBackend::Destroy(DelegateHandle* handle) {
  PluginMessage message;
  plugin_.destroy(DelegateOf(handle), message.get());
  delete handle;
}

Status PluginBackend::SetOption(std::string_view key, const OptionValue& value) {
  SWITCHYARD_TRY(CheckOptionText(key, value));
  const std::string terminated(key);
  const switchyard_option option = ToC(terminated, value);
  PluginMessage message;
  return message.StatusOf(plugin_.set_option(instance_, &option, message.get()), "set_option");
}

Result<OptionValue> PluginBackend::GetOption(std::string_view key) const {
  const std::string terminated(key);
  switchyard_option value{};
  value.struct_size = sizeof value;
  SWITCHYARD_ASSIGN(std::string spelt, ReadText([&](switchyard_text& text) {
                      PluginMessage message;
                      return message.StatusOf(plugin_.get_option(instance_, terminated.c_str(),
                                                                 &value, &text, message.get()),
                                              "get_option");
                    }));
  if (value.kind == SWITCHYARD_OPTION_BOOL) return OptionValue(value.number != 0);
  if (value.kind == SWITCHYARD_OPTION_INT) return OptionValue(value.number);
  return OptionValue(std::move(spelt));
}

Result<std::vector<PluginArgument>> PluginBackend::Arguments(DelegateHandle* handle) const {
  if (!SWITCHYARD_HAS(&plugin_, describe_argument) || !SWITCHYARD_HAS(&plugin_, num_arguments)) {
    return Older("describe_argument");
  }
  PluginMessage message;
  uint64_t count = 0;
  SWITCHYARD_TRY(message.StatusOf(plugin_.num_arguments(DelegateOf(handle), &count, message.get()),
                                  "num_arguments"));
  std::vector<PluginArgument> arguments;
  for (uint64_t i = 0; i < count; ++i) {
    switchyard_argument_info info{};
    info.struct_size = sizeof info;
    SWITCHYARD_TRY(
        message.StatusOf(plugin_.describe_argument(DelegateOf(handle), i, &info, message.get()),
                         "describe_argument"));
    if (info.element_type < SWITCHYARD_FLOAT32 || info.element_type > SWITCHYARD_INT64 ||
        info.rank > kMaxTensorRank) {
      return Fail(ErrorCode::kNotSupported,
                  "argument {}: element type {} and {} dimensions, which this host does not know; "
                  "use a newer one",
                  i, info.element_type, info.rank);
    }
    PluginArgument argument{.form = {}, .is_output = info.is_output != 0};
    argument.form.element_type = static_cast<ElementType>(info.element_type - 1);
    argument.form.rank = info.rank;
    std::ranges::copy(info.sizes, argument.form.sizes.begin());
    std::ranges::copy(info.dim_order, argument.form.dim_order.begin());
    arguments.push_back(argument);
  }
  return arguments;
}

Result<std::string> PluginBackend::Report(DelegateHandle* handle, ReportFormat format,
                                          bool all_nodes) const {
  if (!SWITCHYARD_HAS(&plugin_, report)) return Older("report");
  switchyard_report_request request{};
  request.struct_size = sizeof request;
  request.format = format == ReportFormat::kJson ? SWITCHYARD_REPORT_JSON : SWITCHYARD_REPORT_TEXT;
  request.flags = all_nodes ? SWITCHYARD_REPORT_ALL_NODES : 0;
  return ReadText([&](switchyard_text& text) {
    PluginMessage message;
    return message.StatusOf(plugin_.report(DelegateOf(handle), &request, &text, message.get()),
                            "report");
  });
}

}  // namespace switchyard
