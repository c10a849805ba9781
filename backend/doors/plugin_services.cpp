#include "backend/doors/plugin_services.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "runtime/base/format.h"
#include "runtime/plugin_structs.h"

namespace switchyard {
namespace {

// Text that a host's callback may write.
struct CallbackMessage {
  CallbackMessage() { text = {sizeof text, buffer.data(), buffer.size(), 0, 0}; }
  // ": what it says", or nothing.
  std::string Suffix() const {
    const std::string_view all(buffer.data(), buffer.size());
    const std::string_view said = all.substr(0, all.find('\0'));
    return said.empty() ? std::string() : Format(": {}", said);
  }

  std::array<char, 512> buffer{};
  switchyard_text text;
};

std::unexpected<Error> NoFunction(std::string_view name, std::string_view function) {
  return Fail(ErrorCode::kInvalidArgument,
              "{}: no function {}, expected one; set it, or pass no {}", name, function, name);
}

std::string ToText(std::span<const size_t> sizes) {
  std::string text = "[";
  for (const size_t size : sizes) {
    text += Format("{}{}", text.size() > 1 ? ", " : "", size);
  }
  return text + "]";
}

// Types are numbered alike, from 1 on.
static_assert(SWITCHYARD_FLOAT32 == static_cast<int>(ElementType::kF32) + 1);
static_assert(SWITCHYARD_FLOAT16 == static_cast<int>(ElementType::kF16) + 1);
static_assert(SWITCHYARD_BFLOAT16 == static_cast<int>(ElementType::kBF16) + 1);
static_assert(SWITCHYARD_INT8 == static_cast<int>(ElementType::kInt8) + 1);
static_assert(SWITCHYARD_UINT8 == static_cast<int>(ElementType::kUInt8) + 1);
static_assert(SWITCHYARD_INT32 == static_cast<int>(ElementType::kInt32) + 1);
static_assert(SWITCHYARD_INT64 == static_cast<int>(ElementType::kInt64) + 1);

static_assert(SWITCHYARD_MAX_TENSOR_RANK == kMaxTensorRank);

Status ResizeTheirs(TensorView& view, std::span<const size_t> sizes);

Result<TensorView> ViewOf(switchyard_tensor* theirs) {
  SWITCHYARD_ASSIGN(
      const switchyard_tensor c,
      ReadStruct(theirs, "tensor", SWITCHYARD_THROUGH(switchyard_tensor, capacity_bytes)));
  if (c.element_type < SWITCHYARD_FLOAT32 || c.element_type > SWITCHYARD_INT64) {
    return Fail(ErrorCode::kInvalidType,
                "tensor: element type {}, expected {} to {}; convert it to one of these",
                c.element_type, +SWITCHYARD_FLOAT32, +SWITCHYARD_INT64);
  }
  if (c.rank > kMaxTensorRank) {
    return Fail(ErrorCode::kInvalidArgument,
                "tensor: {} dimensions, expected at most {}; reshape it", c.rank, kMaxTensorRank);
  }
  TensorView view;
  view.element_type = static_cast<ElementType>(c.element_type - SWITCHYARD_FLOAT32);
  view.rank = c.rank;
  std::ranges::copy(std::span(c.sizes).first(c.rank), view.sizes.begin());
  const bool is_default =
      std::ranges::all_of(std::span(c.dim_order).first(c.rank), [](uint8_t d) { return d == 0; });
  for (uint8_t i = 0; i < c.rank; ++i) view.dim_order[i] = is_default ? i : c.dim_order[i];
  view.data = c.data;
  view.capacity_bytes = c.capacity_bytes;
  view.host_tensor = theirs;
  if (c.resize != nullptr) view.resize = ResizeTheirs;
  return view;
}

Status ResizeTheirs(TensorView& view, std::span<const size_t> sizes) {
  auto* theirs = static_cast<switchyard_tensor*>(view.host_tensor);
  std::array<uint64_t, kMaxTensorRank> wanted{};
  std::ranges::copy(sizes, wanted.begin());
  CallbackMessage message;
  const switchyard_status status = theirs->resize(theirs, wanted.data(), &message.text);
  if (status != SWITCHYARD_OK) {
    return Fail(static_cast<ErrorCode>(status),
                "output: the host refuses to resize a tensor from {} to {} with code {:#x}{}",
                ToText(std::span(view.sizes).first(view.rank)), ToText(sizes), status,
                message.Suffix());
  }
  SWITCHYARD_ASSIGN(const TensorView resized, ViewOf(theirs));
  const bool is_as_wanted = resized.rank == view.rank &&
                            resized.element_type == view.element_type &&
                            resized.dim_order == view.dim_order &&
                            std::ranges::equal(std::span(resized.sizes).first(resized.rank), sizes);
  if (!is_as_wanted) {
    return Fail(ErrorCode::kInvalidArgument,
                "output: the host resized a tensor to {}, expected {} and nothing else changed; "
                "correct its function",
                ToText(std::span(resized.sizes).first(resized.rank)), ToText(sizes));
  }
  view = resized;
  return {};
}

}  // namespace

switchyard_element_type ToC(ElementType type) {
  return static_cast<uint32_t>(type) + SWITCHYARD_FLOAT32;
}

Result<PluginAllocator> PluginAllocator::From(const switchyard_allocator* theirs) {
  SWITCHYARD_ASSIGN(
      const switchyard_allocator c,
      ReadStruct(theirs, "allocator", SWITCHYARD_THROUGH(switchyard_allocator, release)));
  if (c.allocate == nullptr) return NoFunction("allocator", "allocate");
  if (c.release == nullptr) return NoFunction("allocator", "release");
  return PluginAllocator(c);
}

void* PluginAllocator::Allocate(size_t bytes, size_t alignment) {
  void* pointer = c_.allocate(c_.context, bytes, alignment);
  if (reinterpret_cast<uintptr_t>(pointer) % alignment == 0) return pointer;
  c_.release(c_.context, pointer);  // as good as none
  return nullptr;
}

void PluginAllocator::Free(void* pointer) {
  if (pointer != nullptr) c_.release(c_.context, pointer);
}

Result<PluginLogger> PluginLogger::From(const switchyard_logger* theirs) {
  SWITCHYARD_ASSIGN(const switchyard_logger c,
                    ReadStruct(theirs, "logger", SWITCHYARD_THROUGH(switchyard_logger, log)));
  if (c.log == nullptr) return NoFunction("logger", "log");
  return PluginLogger(c);
}

void PluginLogger::Log(LogLevel level, std::string_view message) {
  const std::string terminated(message);
  c_.log(c_.context, static_cast<switchyard_log_level>(level), terminated.c_str());
}

Result<PluginTracer> PluginTracer::From(const switchyard_tracer* theirs) {
  SWITCHYARD_ASSIGN(const switchyard_tracer c,
                    ReadStruct(theirs, "tracer", SWITCHYARD_THROUGH(switchyard_tracer, event)));
  if (c.now == nullptr) return NoFunction("tracer", "now");
  if (c.event == nullptr) return NoFunction("tracer", "event");
  return PluginTracer(c);
}

uint64_t PluginTracer::Now() { return c_.now(c_.context); }

uint64_t PluginTracer::FromNanoseconds(uint64_t nanoseconds) {
  return c_.from_nanoseconds == nullptr ? nanoseconds
                                        : c_.from_nanoseconds(c_.context, nanoseconds);
}

// Kinds are numbered alike.
static_assert(SWITCHYARD_EVENT_WAIT == static_cast<int>(TraceKind::kWait));
static_assert(SWITCHYARD_EVENT_OPERATOR == static_cast<int>(TraceKind::kOperator));

void PluginTracer::Event(const TraceEvent& event) {
  switchyard_event c{};
  c.struct_size = sizeof c;
  c.kind = static_cast<switchyard_event_kind>(event.kind);
  c.num_nodes = static_cast<uint32_t>(event.nodes.size());
  c.name = event.name.data();  // TraceEvent's strings are terminated
  c.route = event.route.data();
  c.kernel = event.kernel.data();
  c.micro_kernel = event.micro_kernel.data();
  c.nodes = event.nodes.data();
  c.debug_handles = event.debug_handles.data();
  c.start = event.start;
  c.end = event.end;
  c.macs = event.macs;
  c_.event(c_.context, &c);
}

Result<PluginNamedData> PluginNamedData::From(const switchyard_named_data* theirs) {
  SWITCHYARD_ASSIGN(
      const switchyard_named_data c,
      ReadStruct(theirs, "named data", SWITCHYARD_THROUGH(switchyard_named_data, release)));
  if (c.get == nullptr) return NoFunction("named data", "get");
  return PluginNamedData(c);
}

Result<DataBuffer> PluginNamedData::Get(std::string_view key) const {
  if (key.contains('\0')) {
    return Fail(ErrorCode::kInvalidProgram,
                "named data '{}': a zero byte after {} characters of its name, expected a name "
                "that a C host can be asked for; export the model again",
                key.substr(0, key.find('\0')), key.find('\0'));
  }
  const std::string terminated(key);
  CallbackMessage message;
  switchyard_buffer buffer{};
  buffer.struct_size = sizeof buffer;
  const switchyard_status status = c_.get(c_.context, terminated.c_str(), &buffer, &message.text);
  if (status != SWITCHYARD_OK) {
    return Fail(static_cast<ErrorCode>(status),
                "named data '{}': the host answers code {:#x}{}, expected its bytes; load the "
                "payload together with its data",
                key, status, message.Suffix());
  }
  std::shared_ptr<void> owner;
  if (c_.release != nullptr) {
    owner =
        std::shared_ptr<void>(nullptr, [c = c_, buffer](void*) { c.release(c.context, &buffer); });
  }
  if (buffer.data == nullptr && buffer.bytes > 0) {
    return Fail(ErrorCode::kInvalidExternalData,
                "named data '{}': {} bytes at a null pointer, expected an address; correct the "
                "host's function",
                key, buffer.bytes);
  }
  return DataBuffer({static_cast<const std::byte*>(buffer.data), buffer.bytes}, std::move(owner));
}

Result<std::pair<std::string, OptionValue>> ReadOption(const switchyard_option* theirs) {
  SWITCHYARD_ASSIGN(const switchyard_option c,
                    ReadStruct(theirs, "option", SWITCHYARD_THROUGH(switchyard_option, text)));
  if (c.key == nullptr) {
    return Fail(ErrorCode::kInvalidArgument, "option: no key, expected its name; set it");
  }
  switch (c.kind) {
    case SWITCHYARD_OPTION_BOOL:
      if (c.number == 0 || c.number == 1) return std::pair(c.key, OptionValue(c.number == 1));
      return Fail(ErrorCode::kInvalidArgument, "option '{}': number {}, expected 0 or 1 of a bool",
                  c.key, c.number);
    case SWITCHYARD_OPTION_INT:
      return std::pair(c.key, OptionValue(c.number));
    case SWITCHYARD_OPTION_TEXT:
      if (c.text != nullptr) return std::pair(c.key, OptionValue(std::string(c.text)));
      return Fail(ErrorCode::kInvalidArgument, "option '{}': no text, expected some; set it",
                  c.key);
    default:
      return Fail(ErrorCode::kInvalidArgument,
                  "option '{}': kind {}, expected bool (1), int (2) or text (3)", c.key, c.kind);
  }
}

Result<std::vector<TensorView>> ViewTensors(std::span<switchyard_tensor* const> tensors) {
  std::vector<TensorView> views;
  views.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    Result<TensorView> view = ViewOf(tensors[i]);
    if (!view) return Fail(view.error().code, "argument {}: {}", i, view.error().message);
    views.push_back(*view);
  }
  return views;
}

}  // namespace switchyard
