#include "backend/doors/executorch.h"

#include <executorch/runtime/backend/interface.h>
#include <executorch/runtime/core/event_tracer.h>
#include <executorch/runtime/core/exec_aten/util/tensor_util.h>
#include <executorch/runtime/platform/log.h>
#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backend/doors/libraries.h"
#include "runtime/base/format.h"
#include "runtime/base/guard.h"

// ExecuTorch's SDK exports it without a header that declares it.
namespace executorch::extension::threadpool {
::pthreadpool* get_pthreadpool();
}  // namespace executorch::extension::threadpool

namespace switchyard {
namespace {

namespace et = executorch::runtime;
using executorch::aten::ScalarType;
using HostTensor = executorch::aten::Tensor;

ErrorCode CodeOf(et::Error error) { return static_cast<ErrorCode>(error); }

// Past ET_LOG, which cuts messages at 256 bytes.
void WriteLog(et::LogLevel level, et_pal_log_level_t letter, std::string_view message) {
  if (!ET_LOG_ENABLED || level < et::LogLevel::ET_MIN_LOG_LEVEL) return;
  const std::string terminated(message);
  et::pal_emit_log_message(et::pal_current_ticks(), letter, "switchyard", "", 0, terminated.c_str(),
                           terminated.size());
}

class HostLogger final : public Logger {
 public:
  void Log(LogLevel level, std::string_view message) override {
    switch (level) {
      case LogLevel::kDebug:
        return WriteLog(et::LogLevel::Debug, et_pal_log_level_t::kDebug, message);
      case LogLevel::kInfo:
      case LogLevel::kWarning:  // ExecuTorch has none
        return WriteLog(et::LogLevel::Info, et_pal_log_level_t::kInfo, message);
      case LogLevel::kError:
        return WriteLog(et::LogLevel::Error, et_pal_log_level_t::kError, message);
    }
  }
};

// Never destroyed: delegates may outlive static destruction.
Logger& TheHostLogger() {
  static Logger& logger = *new HostLogger;
  return logger;
}

et::Error Report(const Error& error) noexcept {
  try {
    TheHostLogger().Log(LogLevel::kError, error.ToString());
  } catch (...) {
    // No memory for the whole of it.
    ET_LOG(Error, "switchyard: %s", error.message.c_str());
  }
  return static_cast<et::Error>(error.code);
}

// Waiting for other executes, and the time between the start of the delegate and its first step,
// are events, too.
class HostTracer final : public Tracer {
 public:
  explicit HostTracer(et::EventTracer& tracer) : tracer_(tracer) {}

  uint64_t Now() override { return et::pal_current_ticks(); }
  uint64_t FromNanoseconds(uint64_t nanoseconds) override {
    const et_tick_ratio_t ratio = et::pal_ticks_to_ns_multiplier();
    return ratio.numerator == 0 ? 0 : nanoseconds * ratio.denominator / ratio.numerator;
  }

  // ExecuTorch identifies a delegate's event by name or by number, not both, so the rest goes into
  // the metadata, as JSON that a parser given to its Inspector can read.
  void Event(const TraceEvent& event) override {
    metadata_.clear();
    metadata_ += Format(R"({{"kind":"{}")", Name(event.kind));
    AddText("route", event.route);
    AddText("kernel", event.kernel);
    AddText("micro_kernel", event.micro_kernel);
    AddNumbers("nodes", event.nodes);
    AddNumbers("debug_handles", event.debug_handles);
    if (event.macs != 0) metadata_ += Format(R"(,"macs":{})", event.macs);
    metadata_ += '}';
    tracer_.log_profiling_delegate(event.name.data(), et::kUnsetDelegateDebugIntId, event.start,
                                   event.end, metadata_.data(), metadata_.size());
  }

 private:
  // The texts are names of our tables and of XNNPACK's: nothing in them needs an escape.
  void AddText(std::string_view key, std::string_view text) {
    if (text.empty()) return;
    metadata_ += Format(R"(,"{}":"{}")", key, text);
  }
  void AddNumbers(std::string_view key, std::span<const uint32_t> numbers) {
    if (numbers.empty()) return;
    metadata_ += Format(R"(,"{}":)", key);
    char separator = '[';
    for (const uint32_t number : numbers) {
      metadata_ += Format("{}{}", std::exchange(separator, ','), number);
    }
    metadata_ += ']';
  }

  et::EventTracer& tracer_;
  std::string metadata_;
};

class HostNamedData final : public NamedDataMap {
 public:
  explicit HostNamedData(const et::NamedDataMap& map) : map_(map) {}

  Result<DataBuffer> Get(std::string_view key) const override {
    et::Result<et::FreeableBuffer> data = map_.get_data(key);
    if (!data.ok()) {
      return Fail(CodeOf(data.error()),
                  "named data '{}': the host answers {}, expected its bytes; load the program "
                  "together with its data file",
                  key, et::to_string(data.error()));
    }
    auto owner = std::make_shared<et::FreeableBuffer>(std::move(data.get()));
    const et::Result<const void*> bytes = owner->data_safe();
    if (!bytes.ok()) {
      return Fail(CodeOf(bytes.error()),
                  "named data '{}': its bytes are not in this process's memory; use a data loader "
                  "that puts them there",
                  key);
    }
    return DataBuffer({static_cast<const std::byte*>(*bytes), owner->size()}, owner);
  }

 private:
  const et::NamedDataMap& map_;
};

std::optional<ElementType> ElementTypeOf(ScalarType type) {
  switch (type) {
    case ScalarType::Float:
      return ElementType::kF32;
    case ScalarType::Half:
      return ElementType::kF16;
    case ScalarType::BFloat16:
      return ElementType::kBF16;
    case ScalarType::Char:
      return ElementType::kInt8;
    case ScalarType::Byte:
      return ElementType::kUInt8;
    case ScalarType::Int:
      return ElementType::kInt32;
    case ScalarType::Long:
      return ElementType::kInt64;
    default:
      return std::nullopt;
  }
}

// What resizing changes.
void ReadStorage(HostTensor& tensor, TensorView& view) {
  for (size_t i = 0; i < view.rank; ++i) view.sizes[i] = static_cast<size_t>(tensor.size(i));
  view.data = tensor.mutable_data_ptr();
  view.capacity_bytes = tensor.nbytes();
}

Status ResizeHostTensor(TensorView& view, std::span<const size_t> sizes) {
  std::array<executorch::aten::SizesType, kMaxTensorRank> host_sizes{};
  for (size_t i = 0; i < view.rank; ++i) {
    if (sizes[i] > std::numeric_limits<executorch::aten::SizesType>::max()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "output: size {} of dimension {}, ExecuTorch's tensors hold at most {}; run on a "
                  "smaller input",
                  sizes[i], i, std::numeric_limits<executorch::aten::SizesType>::max());
    }
    host_sizes[i] = static_cast<executorch::aten::SizesType>(sizes[i]);
  }
  auto& tensor = *static_cast<HostTensor*>(view.host_tensor);
  const et::Error error = et::resize_tensor(
      tensor,
      executorch::aten::ArrayRef<executorch::aten::SizesType>(host_sizes.data(), view.rank));
  if (error != et::Error::Ok) {
    std::string from, to;
    for (size_t i = 0; i < view.rank; ++i) {
      from += Format("{}{}", i == 0 ? "" : ", ", view.sizes[i]);
      to += Format("{}{}", i == 0 ? "" : ", ", sizes[i]);
    }
    return Fail(CodeOf(error),
                "output: ExecuTorch refuses to resize a tensor from [{}] to [{}] with {}; export "
                "the method with dynamic shapes whose bounds hold these sizes",
                from, to, et::to_string(error));
  }
  ReadStorage(tensor, view);
  return {};
}

Result<TensorView> ViewArgument(size_t index, et::EValue* value) {
  if (value == nullptr || !value->isTensor()) {
    return Fail(ErrorCode::kInvalidArgument,
                "argument {}: a value of kind {}, expected a tensor; export the model again", index,
                value == nullptr ? uint32_t{0} : static_cast<uint32_t>(value->tag));
  }
  HostTensor& tensor = value->toTensor();
  const std::optional<ElementType> type = ElementTypeOf(tensor.scalar_type());
  if (!type) {
    return Fail(ErrorCode::kInvalidType,
                "argument {}: element type {}, expected float, half, bfloat16, int8, uint8, int32 "
                "or int64; convert it",
                index, executorch::runtime::toString(tensor.scalar_type()));
  }
  const size_t rank = static_cast<size_t>(tensor.dim());
  if (rank > kMaxTensorRank) {
    return Fail(ErrorCode::kInvalidArgument, "argument {}: {} dimensions, expected at most {}",
                index, rank, kMaxTensorRank);
  }
  TensorView view{
      .element_type = *type, .rank = rank, .resize = ResizeHostTensor, .host_tensor = &tensor};
  std::ranges::copy(tensor.dim_order(), view.dim_order.begin());
  ReadStorage(tensor, view);
  return view;
}

std::string_view KeyOf(const et::BackendOption& option) {
  return {option.key, strnlen(option.key, sizeof(option.key))};
}

OptionValue FromHost(const et::OptionValue& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return *flag;
  if (const int* number = std::get_if<int>(&value)) return int64_t{*number};
  const auto& text = std::get<std::array<char, et::kMaxOptionValueLength>>(value);
  return std::string(text.data(), strnlen(text.data(), text.size()));
}

// An integer that the host's int does not hold becomes decimal text, which set_option takes too.
Result<et::OptionValue> ToHost(std::string_view key, const OptionValue& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return et::OptionValue(*flag);
  std::string text;
  if (const int64_t* number = std::get_if<int64_t>(&value)) {
    if (std::in_range<int>(*number)) return et::OptionValue(static_cast<int>(*number));
    text = std::to_string(*number);
  } else {
    text = std::get<std::string>(value);
  }
  std::array<char, et::kMaxOptionValueLength> characters{};
  if (text.size() >= characters.size()) {
    return Fail(ErrorCode::kInvalidArgument,
                "option '{}': its value has {} characters, ExecuTorch's options hold {}; set a "
                "shorter one",
                key, text.size(), characters.size() - 1);
  }
  std::ranges::copy(text, characters.begin());
  return et::OptionValue(characters);
}

class ExecutorchDoor final : public et::BackendInterface {
 public:
  explicit ExecutorchDoor(Backend& backend) : backend_(backend) {}

  bool is_available() const override { return backend_.is_available(); }

  // ExecuTorch's XNNPACK partitioner writes no compile specs that matter at run time.
  et::Result<et::DelegateHandle*> init(et::BackendInitContext& context,
                                       et::FreeableBuffer* processed,
                                       et::ArrayRef<et::CompileSpec>) const override {
    Result<DelegateHandle*> handle = Guard("init", [&] { return Init(context, *processed); });
    processed->Free();
    if (!handle) return Report(handle.error());
    return static_cast<et::DelegateHandle*>(*handle);
  }

  et::Error execute(et::BackendExecutionContext& context, et::DelegateHandle* handle,
                    et::Span<et::EValue*> args) const override {
    const Status status = Guard(
        "execute", [&] { return Execute(context, static_cast<DelegateHandle*>(handle), args); });
    return status ? et::Error::Ok : Report(status.error());
  }

  et::Error set_option(et::BackendOptionContext&,
                       const et::Span<et::BackendOption>& options) override {
    et::Error first = et::Error::Ok;
    for (const et::BackendOption& option : options) {
      const Status status = Guard(
          "set_option", [&] { return backend_.SetOption(KeyOf(option), FromHost(option.value)); });
      if (status) continue;
      const et::Error error = Report(status.error());
      if (first == et::Error::Ok) first = error;
    }
    return first;
  }

  et::Error get_option(et::BackendOptionContext&, et::Span<et::BackendOption>& options) override {
    for (et::BackendOption& option : options) {
      const Result<OptionValue> value =
          Guard("get_option", [&] { return backend_.GetOption(KeyOf(option)); });
      if (!value && value.error().code == ErrorCode::kNotFound) continue;  // the contract
      if (!value) return Report(value.error());
      const Result<et::OptionValue> converted =
          Guard("get_option", [&] { return ToHost(KeyOf(option), *value); });
      if (!converted) return Report(converted.error());
      option.value = *converted;
    }
    return et::Error::Ok;
  }

  void destroy(et::DelegateHandle* handle) const override {
    backend_.Destroy(static_cast<DelegateHandle*>(handle));
  }

 private:
  Result<DelegateHandle*> Init(et::BackendInitContext& context,
                               const et::FreeableBuffer& processed) const {
    SWITCHYARD_TRY(CheckLibraries());
    const et::Result<const void*> bytes = processed.data_safe();
    if (!bytes.ok()) {
      return Fail(CodeOf(bytes.error()),
                  "payload: its bytes are not in this process's memory; use a data loader that "
                  "puts them there");
    }
    InitContext ours;
    // A method's tensors keep the program's dim orders, whatever the caller's tensors have.
    ours.has_exported_dim_orders = true;
    ours.services.logger = &TheHostLogger();
    ours.services.thread_pool = executorch::extension::threadpool::get_pthreadpool();
    std::optional<HostNamedData> named_data;
    if (context.get_named_data_map() != nullptr) {
      named_data.emplace(*context.get_named_data_map());
      ours.named_data = &*named_data;
    }
    if (context.get_method_name() != nullptr) ours.method_name = context.get_method_name();
    for (const et::BackendOption& option : context.runtime_specs()) {
      ours.load_options[std::string(KeyOf(option))] = FromHost(option.value);
    }
    ours.is_traced = context.event_tracer() != nullptr;
    ours.model = context.get_runtime_allocator();
    return backend_.Init(ours, {static_cast<const std::byte*>(*bytes), processed.size()});
  }

  Status Execute(et::BackendExecutionContext& context, DelegateHandle* handle,
                 et::Span<et::EValue*> args) const {
    std::vector<TensorView> arguments;
    arguments.reserve(args.size());
    std::deque<Error> errors;  // which the views point to
    for (size_t i = 0; i < args.size(); ++i) {
      const Result<TensorView> view = ViewArgument(i, args[i]);
      arguments.push_back(view ? *view : TensorView{.error = &errors.emplace_back(view.error())});
    }
    std::optional<HostTracer> tracer;
    if (context.event_tracer() != nullptr) tracer.emplace(*context.event_tracer());
    return backend_.Execute({.tracer = tracer ? &*tracer : nullptr}, handle, arguments);
  }

  Backend& backend_;
};

}  // namespace

std::shared_ptr<et::BackendInterface> MakeExecutorchDoor(Backend& backend) {
  return std::make_shared<ExecutorchDoor>(backend);
}

namespace {

Status Register(Backend& backend) {
  // Both are ExecuTorch's for the rest of the process.
  auto door = std::make_unique<ExecutorchDoor>(backend);
  auto name = std::make_unique<char[]>(backend.name().size() + 1);
  std::ranges::copy(backend.name(), name.get());
  const et::Error error = et::register_backend({name.get(), door.get()});
  if (error != et::Error::Ok) {
    auto refusal = Fail(CodeOf(error),
                        "backend '{}': ExecuTorch refuses its registration with {}, expected to be "
                        "the first of this name; link Switchyard instead of another library that "
                        "registers it, or load it earlier",
                        name.get(), et::to_string(error));
    // Before the host's main function nobody has initialised the log.
    et::runtime_init();
    Report(refusal.error());
    return refusal;
  }
  door.release();
  name.release();
  return {};
}

}  // namespace

Status RegisterWithExecutorch(Backend& backend) {
  return Guard("registration", [&] { return Register(backend); });
}

}  // namespace switchyard
