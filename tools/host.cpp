#include "tools/host.h"

#include <executorch/extension/data_loader/buffer_data_loader.h>
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>
#include <executorch/runtime/platform/platform.h>

#include <cstdio>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"
#include "tools/executorch_threads.h"
#include "tools/layout.h"
#include "tools/run_times.h"
#include "tools/scalar_types.h"

namespace switchyard::tools {
namespace {

namespace et = executorch::runtime;
namespace ext = executorch::extension;
using executorch::aten::ScalarType;

// Messages of ExecuTorch since the last Clear, errors only.
class HostLog {
 public:
  static HostLog& Get() {
    static HostLog log;
    return log;
  }

  void Add(et_pal_log_level_t level, std::string_view message) {
    std::lock_guard lock(mutex_);
    if (verbose_) {
      std::fprintf(stderr, "executorch %c: %.*s\n", static_cast<char>(level),
                   static_cast<int>(message.size()), message.data());
    }
    bool error = level == kError || level == kFatal;
    if (!error || errors_.size() > kMaxBytes) return;
    if (!errors_.empty()) errors_ += "; ";
    errors_ += message;
  }
  void Clear() {
    std::lock_guard lock(mutex_);
    errors_.clear();
  }
  std::string Errors() {
    std::lock_guard lock(mutex_);
    return errors_;
  }
  void set_verbose(bool verbose) { verbose_ = verbose; }

 private:
  static constexpr size_t kMaxBytes = 4096;
  std::mutex mutex_;
  std::string errors_;
  bool verbose_ = false;
};

void Emit(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, size_t,
          const char* message, size_t length) {
  HostLog::Get().Add(level, {message, length});
}

std::unexpected<Failure> HostFailure(std::string_view object, et::Error error,
                                     std::string_view action) {
  std::string log = HostLog::Get().Errors();
  auto code = static_cast<ErrorCode>(error);
  return Fail(ExitCodeOf(code), "{}: {} failed with {} (0x{:02x}){}{}", object, action,
              et::to_string(error), static_cast<unsigned>(error), log.empty() ? "" : ": ", log);
}

// The type that a file has the elements of a tensor as. `what` is "input 0".
Outcome<ArrayType> FileTypeOf(std::string_view object, std::string_view what, ScalarType type) {
  const auto number = static_cast<int8_t>(type);
  const std::optional<ArrayType> array = ArrayTypeOf(number);
  if (array) return *array;
  return Fail(ExitCode::kUnsupported,
              "{}: {} is a tensor of {}, which .npy has no type for; export it with another",
              object, what, ScalarTypeName(number));
}

// ExecuTorch allocates what the plan says, and fills it with zeros.
Outcome<void> CheckPlan(std::string_view object, std::string_view method,
                        const et::MethodMeta& meta, uint64_t max_memory) {
  uint64_t total = 0;
  for (size_t i = 0; i < meta.num_memory_planned_buffers(); ++i) {
    const et::Result<int64_t> bytes = meta.memory_planned_buffer_size(i);
    if (!bytes.ok()) return HostFailure(object, bytes.error(), "reading its plan");
    if (*bytes < 0) {
      return Fail(
          ExitCode::kInvalidFile,
          "{}: method {}: buffer {} of its plan has {} bytes, expected 0 or more; export the "
          "model again",
          object, method, i, *bytes);
    }
    total = CheckedAdd(total, static_cast<uint64_t>(*bytes)).value_or(UINT64_MAX);
  }
  if (total <= max_memory) return {};
  return Fail(ExitCode::kUnsupported,
              "{}: method {}: its plan takes {} bytes of memory, expected at most {}; set "
              "--max-memory to more, or export the model for smaller inputs",
              object, method, total, max_memory);
}

// XNNPACK may read this far beyond a tensor.
constexpr size_t kInputSlack = 64;

// What a method wants is in its metadata; a mismatch is the caller's, and is said here in words
// rather than by an error code from inside the method.
Outcome<void> CheckInputs(std::string_view object, const et::MethodMeta& meta,
                          std::span<const MethodInput> inputs) {
  if (inputs.size() != meta.num_inputs()) {
    return Fail(ExitCode::kUsage,
                "{}: takes {} inputs, {} were given; pass one for each that `inspect` lists",
                object, meta.num_inputs(), inputs.size());
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto tag = meta.input_tag(i);
    if (!tag.ok() || *tag != et::Tag::Tensor) {
      return Fail(ExitCode::kUnsupported,
                  "{}: input {} is not a tensor, expected one; export it as a tensor", object, i);
    }
    auto tensor = meta.input_tensor_meta(i);
    if (!tensor.ok()) return HostFailure(object, tensor.error(), "reading its inputs");
    const Array& array = inputs[i].array;
    std::vector<size_t> sizes(tensor->sizes().begin(), tensor->sizes().end());
    SWITCHYARD_ASSIGN(const ArrayType type,
                      FileTypeOf(object, Format("input {}", i), tensor->scalar_type()));
    if (!Holds(array.type, type) || sizes.size() != array.shape.size()) {
      return Fail(ExitCode::kUsage,
                  "{}: input {} is {}, expected {} {} (or, where the model is "
                  "dynamic, fewer along its dynamic dimensions)",
                  object, i, Describe(array),
                  ExpectedTypeText(static_cast<int8_t>(tensor->scalar_type())), ShapeText(sizes));
    }
    for (size_t size : array.shape) {
      if (size > std::numeric_limits<int32_t>::max()) {
        return Fail(ExitCode::kUsage, "{}: input {} is {}; a dimension is at most 2^31-1", object,
                    i, Describe(array));
      }
    }
    if (!inputs[i].dim_order.empty() && !IsDimOrder(inputs[i].dim_order, array.shape.size())) {
      return Fail(ExitCode::kUsage,
                  "{}: the dim order of input {} is not a permutation of its {} "
                  "dimensions",
                  object, i, array.shape.size());
    }
  }
  return {};
}

Outcome<Array> ToArray(std::string_view object, size_t index, const et::EValue& value) {
  if (!value.isTensor()) {
    return Fail(ExitCode::kUnsupported, "{}: output {} is not a tensor; export it as a tensor",
                object, index);
  }
  const executorch::aten::Tensor& tensor = value.toTensor();
  SWITCHYARD_ASSIGN(const ArrayType type,
                    FileTypeOf(object, Format("output {}", index), tensor.scalar_type()));
  Array array{type, {tensor.sizes().begin(), tensor.sizes().end()}, {}};
  std::vector<uint8_t> order(tensor.dim_order().begin(), tensor.dim_order().end());
  if (!IsDimOrder(order, array.shape.size())) {
    return Fail(ExitCode::kInvalidFile, "{}: output {} has no valid dim order; export it again",
                object, index);
  }
  std::span data(static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes());
  array.data = ToLogical(data, array.shape, order, ElementBytes(type));
  return array;
}

}  // namespace

void StartHost(bool verbose) {
  HostLog::Get().set_verbose(verbose);
  et::register_pal(et::PalImpl::create(&Emit, __FILE__));
  et::pal_init();
}

Outcome<void> SetThreads(uint32_t threads) {
  if (ext::threadpool::ThreadPool* pool = ext::threadpool::get_threadpool();
      pool == nullptr || !pool->_unsafe_reset_threadpool(threads)) {
    return Fail(ExitCode::kUnsupported,
                "ExecuTorch's thread pool cannot be given {} threads; leave "
                "out --threads",
                threads);
  }
  return {};
}

uint32_t HostThreads() {
  const ext::threadpool::ThreadPool* const pool = ext::threadpool::get_threadpool();
  return pool == nullptr ? 1 : static_cast<uint32_t>(pool->get_thread_count());
}

::pthreadpool* HostThreadPool() { return ext::threadpool::get_pthreadpool(); }

struct ProgramRunner::Impl {
  std::string object;  // for messages
  uint64_t max_memory;
  std::unique_ptr<ext::Module> module;
  // Of the last SetInputs.
  std::string method;
  std::vector<std::vector<std::byte>> storage;
  std::vector<ext::TensorPtr> tensors;
  std::vector<et::EValue> values;
  std::vector<et::EValue> outputs;  // of the last Execute

  std::string MethodObject() const { return Format("{}: method {}", object, method); }
};

ProgramRunner::ProgramRunner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProgramRunner::ProgramRunner(ProgramRunner&& other) noexcept = default;
ProgramRunner& ProgramRunner::operator=(ProgramRunner&& other) noexcept = default;
ProgramRunner::~ProgramRunner() = default;

Outcome<ProgramRunner> ProgramRunner::Load(ModelFile& model, uint64_t max_memory) {
  std::string object = model.file.path().string();
  if (model.external_data.size() != model.data_files.size() || model.external_data.size() > 1) {
    return Fail(ExitCode::kUsage,
                "{}: a program takes one data file (.ptd), {} data files were given", object,
                model.data_files.size());
  }
  HostLog::Get().Clear();
  std::span<const std::byte> bytes = model.ProgramBytes();
  std::unique_ptr<et::DataLoader> data;
  if (!model.external_data.empty()) {
    std::span<const std::byte> ptd = model.data_files[model.external_data[0]].bytes();
    data = std::make_unique<ext::BufferDataLoader>(ptd.data(), ptd.size());
  }
  auto impl = std::make_unique<Impl>();
  impl->module = std::make_unique<ext::Module>(
      std::make_unique<ext::BufferDataLoader>(bytes.data(), bytes.size()), nullptr, nullptr,
      nullptr, std::move(data));
  et::Error error = impl->module->load(et::Program::Verification::InternalConsistency);
  if (error != et::Error::Ok) return HostFailure(object, error, "loading the program");
  impl->object = std::move(object);
  impl->max_memory = max_memory;
  return ProgramRunner(std::move(impl));
}

Outcome<void> ProgramRunner::LoadMethod(const std::string& method, et::EventTracer* tracer) {
  HostLog::Get().Clear();
  auto names = impl_->module->method_names();
  if (!names.ok()) return HostFailure(impl_->object, names.error(), "reading its methods");
  if (!names->contains(method)) {
    std::string list;
    for (const std::string& name : *names) list += (list.empty() ? "" : ", ") + name;
    return Fail(ExitCode::kUsage, "{}: has no method '{}'; it has: {}", impl_->object, method,
                list);
  }
  auto meta = impl_->module->method_meta(method);
  if (!meta.ok()) return HostFailure(impl_->object, meta.error(), "reading its plan");
  SWITCHYARD_TRY(CheckPlan(impl_->object, method, *meta, impl_->max_memory));
  et::Error error = impl_->module->load_method(method, /*planned_memory=*/nullptr, tracer);
  if (error != et::Error::Ok) {
    return HostFailure(impl_->object, error, Format("loading method {}", method));
  }
  return {};
}

Outcome<void> ProgramRunner::SetInputs(const std::string& method,
                                       std::span<const MethodInput> inputs) {
  SWITCHYARD_TRY(LoadMethod(method));
  impl_->method = method;
  const std::string object = impl_->MethodObject();
  auto meta = impl_->module->method_meta(method);
  if (!meta.ok()) return HostFailure(object, meta.error(), "reading its inputs");
  SWITCHYARD_TRY(CheckInputs(object, *meta, inputs));

  impl_->outputs.clear();
  impl_->values.clear();
  impl_->tensors.clear();
  impl_->storage.clear();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Array& array = inputs[i].array;
    auto tensor = meta->input_tensor_meta(i);
    if (!tensor.ok()) return HostFailure(object, tensor.error(), "reading its inputs");
    std::vector<uint8_t> order = inputs[i].dim_order;
    if (order.empty()) {
      order.assign(tensor->dim_order().begin(), tensor->dim_order().end());
      if (!IsDimOrder(order, array.shape.size())) {
        return Fail(ExitCode::kInvalidFile, "{}: input {} has no valid dim order; export it again",
                    object, i);
      }
    }
    impl_->storage.push_back(ToPhysical(array.data, array.shape, order, ElementBytes(array.type)));
    impl_->storage.back().resize(array.data.size() + kInputSlack);
    impl_->tensors.push_back(
        ext::make_tensor_ptr(std::vector<int32_t>(array.shape.begin(), array.shape.end()),
                             impl_->storage.back().data(), order, {}, tensor->scalar_type()));
    impl_->values.emplace_back(impl_->tensors.back());
  }
  return {};
}

Outcome<uint64_t> ProgramRunner::Execute() {
  HostLog::Get().Clear();
  const uint64_t start = Now();
  auto outputs = impl_->module->execute(impl_->method, impl_->values);
  const uint64_t nanoseconds = Now() - start;
  if (!outputs.ok()) return HostFailure(impl_->MethodObject(), outputs.error(), "executing it");
  impl_->outputs = std::move(*outputs);
  return nanoseconds;
}

Outcome<std::vector<Array>> ProgramRunner::Outputs() const {
  std::vector<Array> arrays;
  for (size_t i = 0; i < impl_->outputs.size(); ++i) {
    SWITCHYARD_ASSIGN(Array array, ToArray(impl_->MethodObject(), i, impl_->outputs[i]));
    arrays.push_back(std::move(array));
  }
  return arrays;
}

Outcome<std::vector<Array>> ProgramRunner::Run(const std::string& method,
                                               std::span<const MethodInput> inputs) {
  SWITCHYARD_TRY(SetInputs(method, inputs));
  SWITCHYARD_TRY(Execute());
  return Outputs();
}

}  // namespace switchyard::tools
