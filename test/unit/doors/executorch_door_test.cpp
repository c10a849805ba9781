// The door by itself: what ExecuTorch hands over reaches a backend, and what the backend answers
// reaches ExecuTorch. The backend here is a recorder; executorch_test.cpp runs the real one.

#include <executorch/extension/tensor/tensor.h>
#include <executorch/extension/threadpool/threadpool_guard.h>
#include <executorch/runtime/backend/interface.h>
#include <executorch/runtime/platform/runtime.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/doors/executorch.h"
#include "runtime/backend.h"
#include "test/unit/doors/recording_host.h"

namespace switchyard {
namespace {

namespace et = executorch::runtime;
using executorch::aten::ScalarType;
using executorch::aten::TensorShapeDynamism;
using executorch::extension::make_tensor_ptr;
using executorch::extension::TensorPtr;

class RecordingBackend final : public Backend {
 public:
  struct Handle : DelegateHandle {
    explicit Handle(int& count) : alive(count) { ++alive; }
    ~Handle() override { --alive; }
    int& alive;
  };

  std::string_view name() const override { return "RecordingBackend"; }
  bool is_available() const override { return available; }

  Result<DelegateHandle*> Init(const InitContext& context,
                               std::span<const std::byte> bytes) override {
    if (throws) throw std::bad_alloc();
    payload.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    services = context.services;
    method_name = context.method_name;
    load_options = context.load_options;
    model = context.model;
    is_traced = context.is_traced;
    has_named_data = context.named_data != nullptr;
    for (const std::string& key : keys_to_read) {
      Result<DataBuffer> data = context.named_data->Get(key);
      if (!data) return std::unexpected(data.error());
      named_data[key].assign(reinterpret_cast<const char*>(data->bytes().data()),
                             data->bytes().size());
    }
    if (failure) return std::unexpected(*failure);
    return new Handle(alive);
  }

  Status Execute(const ExecuteContext& context, DelegateHandle* delegate,
                 std::span<TensorView> views) override {
    if (throws) throw std::bad_alloc();
    handle = delegate;
    arguments.assign(views.begin(), views.end());
    if (used && views[*used].error != nullptr) return std::unexpected(*views[*used].error);
    if (!resize_last_to.empty()) {
      TensorView& last = views.back();
      if (Status status = last.resize(last, resize_last_to); !status) return status;
      arguments.back() = last;
    }
    if (context.tracer != nullptr) {
      const uint64_t start = context.tracer->Now();
      const uint32_t nodes[] = {3, 4}, debug_handles[] = {7, 65535};
      context.tracer->Event({.name = "a step",
                             .route = "packed",
                             .kernel = "a row",
                             .micro_kernel = "a function",
                             .nodes = nodes,
                             .debug_handles = debug_handles,
                             .start = start,
                             .end = start + 5});
      context.tracer->Event(
          {.kind = TraceKind::kOperator, .name = "another", .start = start + 5, .end = start + 6});
    }
    if (failure) return std::unexpected(*failure);
    return {};
  }

  void Destroy(DelegateHandle* delegate) override { delete delegate; }

  Status SetOption(std::string_view key, const OptionValue& value) override {
    if (throws) throw std::bad_alloc();
    if (key.starts_with("bad")) return Fail(ErrorCode::kInvalidArgument, "{} is bad", key);
    if (key.starts_with("worse")) return Fail(ErrorCode::kNotSupported, "{} is worse", key);
    options[std::string(key)] = value;
    return {};
  }
  Result<OptionValue> GetOption(std::string_view key) const override {
    if (throws) throw std::bad_alloc();
    if (key.starts_with("bad")) return Fail(ErrorCode::kInvalidState, "{} is bad", key);
    const auto option = options.find(std::string(key));
    if (option == options.end()) return Fail(ErrorCode::kNotFound, "no {}", key);
    return option->second;
  }

  bool available = true;
  bool throws = false;  // as where there is no memory
  std::optional<Error> failure;
  std::vector<std::string> keys_to_read;
  std::vector<size_t> resize_last_to;

  int alive = 0;
  std::string payload, method_name;
  HostServices services = DefaultHostServices();
  std::map<std::string, OptionValue> load_options, options;
  std::map<std::string, std::string> named_data;
  const void* model = nullptr;
  bool has_named_data = false, is_traced = false;
  DelegateHandle* handle = nullptr;
  std::vector<TensorView> arguments;
  std::optional<size_t> used;  // the argument whose error it returns
};

class HostNamedData final : public et::NamedDataMap {
 public:
  et::Result<const et::TensorLayout> get_tensor_layout(std::string_view) const override {
    return et::Error::NotImplemented;
  }
  et::Result<et::FreeableBuffer> get_data(std::string_view key) const override {
    if (key == "far") return et::FreeableBuffer(uint64_t{1} << 40, 4, nullptr);
    if (key != "weights") return et::Error::NotFound;
    ++in_use;
    return et::FreeableBuffer(
        "1234", 4,
        [](void* context, void*, size_t) { --static_cast<const HostNamedData*>(context)->in_use; },
        const_cast<HostNamedData*>(this));
  }
  et::Error load_data_into(std::string_view, void*, size_t) const override {
    return et::Error::NotImplemented;
  }
  et::Result<uint32_t> get_num_keys() const override { return 1u; }
  et::Result<const char*> get_key(uint32_t) const override { return "weights"; }

  mutable int in_use = 0;
};

template <typename T>
et::BackendOption Option(std::string_view key, T value) {
  et::BackendOption option;
  std::memcpy(option.key, key.data(), std::min(key.size(), sizeof(option.key)));
  option.value = value;
  return option;
}

std::array<char, et::kMaxOptionValueLength> Text(std::string_view text) {
  std::array<char, et::kMaxOptionValueLength> array{};
  std::memcpy(array.data(), text.data(), std::min(text.size(), array.size()));
  return array;
}

std::string TextOf(const et::OptionValue& value) {
  return std::get<std::array<char, et::kMaxOptionValueLength>>(value).data();
}

TensorPtr FloatTensor(std::vector<int32_t> sizes, std::vector<float>& data,
                      TensorShapeDynamism dynamism) {
  return make_tensor_ptr(std::move(sizes), data.data(), ScalarType::Float,
                         executorch::aten::Device(executorch::aten::DeviceType::CPU), dynamism);
}

class ExecutorchDoor : public testing::Test {
 protected:
  et::Result<et::DelegateHandle*> Init(et::Span<const et::BackendOption> specs = {},
                                       const et::NamedDataMap* named_data = nullptr) {
    et::BackendInitContext context(&allocator_, nullptr, "forward", named_data, specs);
    return door_->init(context, &payload_, {});
  }

  et::Error Execute(std::vector<et::EValue> values, et::EventTracer* tracer = nullptr) {
    if (handle_ == nullptr) handle_ = Init().get();
    std::vector<et::EValue*> args;
    for (et::EValue& value : values) args.push_back(&value);
    et::BackendExecutionContext context(tracer, &allocator_, "forward");
    return door_->execute(context, handle_, {args.data(), args.size()});
  }

  void TearDown() override {
    if (handle_ != nullptr) door_->destroy(handle_);
    EXPECT_EQ(backend_.alive, 0);
  }

  test::RecordingHost& host_ = test::RecordingHost::Start();
  RecordingBackend backend_;
  std::shared_ptr<et::BackendInterface> door_ = MakeExecutorchDoor(backend_);
  std::array<uint8_t, 4096> arena_;
  et::MemoryAllocator allocator_{sizeof(arena_), arena_.data()};
  int frees_ = 0;
  et::FreeableBuffer payload_{
      "payload", 7, [](void* frees, void*, size_t) { ++*static_cast<int*>(frees); }, &frees_};
  et::DelegateHandle* handle_ = nullptr;
};

TEST_F(ExecutorchDoor, AvailabilityIsTheBackends) {
  EXPECT_TRUE(door_->is_available());
  backend_.available = false;
  EXPECT_FALSE(door_->is_available());
}

TEST_F(ExecutorchDoor, InitPassesEverythingAndFreesThePayload) {
  const et::BackendOption specs[] = {Option("flag", true), Option("count", -3),
                                     Option("path", Text("a/b"))};
  handle_ = Init({specs, 3}).get();
  EXPECT_EQ(backend_.payload, "payload");
  EXPECT_EQ(backend_.method_name, "forward");
  EXPECT_EQ(backend_.model, &allocator_);
  EXPECT_FALSE(backend_.has_named_data);
  EXPECT_EQ(backend_.load_options,
            (std::map<std::string, OptionValue>{
                {"flag", true}, {"count", int64_t{-3}}, {"path", std::string("a/b")}}));
  EXPECT_EQ(frees_, 1);
  EXPECT_EQ(payload_.size(), 0u);
  EXPECT_EQ(backend_.alive, 1);
}

TEST_F(ExecutorchDoor, KeysAndTextsThatFillTheirArraysAreTakenWhole) {
  const std::string key(et::kMaxOptionKeyLength, 'k');
  const std::string text(et::kMaxOptionValueLength, 't');
  const et::BackendOption specs[] = {Option(key, Text(text))};
  handle_ = Init({specs, 1}).get();
  EXPECT_EQ(backend_.load_options, (std::map<std::string, OptionValue>{{key, text}}));
}

TEST_F(ExecutorchDoor, InitFailurePassesCodeLogsTheWholeMessageAndFreesThePayload) {
  const std::string message(1000, 'm');
  backend_.failure = Error{ErrorCode::kDelegateInvalidCompatibility, message};
  host_.Clear();
  const auto handle = Init();
  ASSERT_FALSE(handle.ok());
  EXPECT_EQ(handle.error(), et::Error::DelegateInvalidCompatibility);
  EXPECT_EQ(frees_, 1);
  EXPECT_NE(host_.Errors().find(message), std::string::npos) << host_.Errors();
}

TEST_F(ExecutorchDoor, PayloadOutsideOfMemoryIsAnError) {
  et::FreeableBuffer far(uint64_t{1} << 40, 4, nullptr);
  et::BackendInitContext context(&allocator_);
  const auto handle = door_->init(context, &far, {});
  ASSERT_FALSE(handle.ok());
  EXPECT_EQ(handle.error(), et::Error::InvalidType);
}

TEST_F(ExecutorchDoor, NamedDataIsReadAndGivenBack) {
  HostNamedData named_data;
  backend_.keys_to_read = {"weights"};
  handle_ = Init({}, &named_data).get();
  EXPECT_EQ(backend_.named_data["weights"], "1234");
  EXPECT_EQ(named_data.in_use, 0);
}

TEST_F(ExecutorchDoor, NamedDataErrorsKeepTheirCode) {
  HostNamedData named_data;
  backend_.keys_to_read = {"bias"};
  EXPECT_EQ(Init({}, &named_data).error(), et::Error::NotFound);
  EXPECT_NE(host_.Errors().find("'bias'"), std::string::npos) << host_.Errors();
  backend_.keys_to_read = {"far"};
  EXPECT_EQ(Init({}, &named_data).error(), et::Error::InvalidType);
}

TEST_F(ExecutorchDoor, ThreadPoolIsExecutorchsAtInit) {
  handle_ = Init().get();
  EXPECT_EQ(backend_.services.thread_pool, test::HostThreadPool());
  EXPECT_NE(backend_.services.thread_pool, nullptr);
  const executorch::extension::threadpool::NoThreadPoolGuard guard;
  et::DelegateHandle* single = Init().get();
  EXPECT_EQ(backend_.services.thread_pool, nullptr);
  door_->destroy(single);
}

TEST_F(ExecutorchDoor, LoggerWritesToExecutorchsLog) {
  handle_ = Init().get();
  host_.Clear();
  backend_.services.logger->Log(LogLevel::kDebug, "not by default");
  backend_.services.logger->Log(LogLevel::kInfo, "to know");
  backend_.services.logger->Log(LogLevel::kWarning, "to mind");
  backend_.services.logger->Log(LogLevel::kError, "to fix");
  EXPECT_EQ(host_.All(), "I to know\nI to mind\nE to fix\n");
}

TEST_F(ExecutorchDoor, ArgumentsOfEveryType) {
  const std::pair<ScalarType, ElementType> types[] = {
      {ScalarType::Float, ElementType::kF32},     {ScalarType::Half, ElementType::kF16},
      {ScalarType::BFloat16, ElementType::kBF16}, {ScalarType::Char, ElementType::kInt8},
      {ScalarType::Byte, ElementType::kUInt8},    {ScalarType::Int, ElementType::kInt32},
      {ScalarType::Long, ElementType::kInt64}};
  std::vector<std::array<int64_t, 6>> data(std::size(types));
  std::vector<TensorPtr> tensors;
  std::vector<et::EValue> values;
  for (size_t i = 0; i < std::size(types); ++i) {
    tensors.push_back(make_tensor_ptr({2, 3}, data[i].data(), types[i].first));
    values.emplace_back(tensors.back());
  }
  ASSERT_EQ(Execute(values), et::Error::Ok);
  EXPECT_EQ(backend_.handle, handle_);
  ASSERT_EQ(backend_.arguments.size(), std::size(types));
  for (size_t i = 0; i < std::size(types); ++i) {
    const TensorView& view = backend_.arguments[i];
    EXPECT_EQ(view.element_type, types[i].second) << i;
    ASSERT_EQ(view.rank, 2u);
    EXPECT_EQ(view.sizes[0], 2u);
    EXPECT_EQ(view.sizes[1], 3u);
    EXPECT_TRUE(view.HasDefaultDimOrder());
    EXPECT_EQ(view.data, data[i].data());
    EXPECT_EQ(view.capacity_bytes, 6 * ElementBytes(types[i].second));
  }
}

TEST_F(ExecutorchDoor, DimOrderAndScalars) {
  float data[24] = {};
  TensorPtr nhwc = make_tensor_ptr({1, 2, 3, 4}, data, {0, 2, 3, 1}, {});
  TensorPtr scalar = make_tensor_ptr({}, data);
  ASSERT_EQ(Execute({nhwc, scalar}), et::Error::Ok);
  const TensorView& view = backend_.arguments[0];
  ASSERT_EQ(view.rank, 4u);
  EXPECT_EQ(view.dim_order[1], 2u);
  EXPECT_EQ(view.dim_order[3], 1u);
  EXPECT_EQ(view.sizes[1], 2u);
  EXPECT_EQ(view.sizes[3], 4u);
  EXPECT_EQ(backend_.arguments[1].rank, 0u);
  EXPECT_EQ(backend_.arguments[1].capacity_bytes, sizeof(float));
}

// A number beside the tensors is what a dynamic size is; payloads have no value for it.
TEST_F(ExecutorchDoor, ArgumentsThatAreNoTensorsOrOfNoTypeOfOursAreErrorsOfWhoUsesThem) {
  float data[4] = {};
  double wide[4] = {};
  TensorPtr tensor = make_tensor_ptr({4}, data);
  TensorPtr doubles = make_tensor_ptr({4}, wide, ScalarType::Double);
  const std::vector<et::EValue> values = {tensor, et::EValue(int64_t{3}), et::EValue(), doubles};
  backend_.used = 0;
  EXPECT_EQ(Execute(values), et::Error::Ok);
  EXPECT_EQ(backend_.arguments[0].data, data);
  for (const auto& [used, error] : {std::pair{1, et::Error::InvalidArgument},
                                    {2, et::Error::InvalidArgument},
                                    {3, et::Error::InvalidType}}) {
    backend_.used = used;
    EXPECT_EQ(Execute(values), error);
    EXPECT_NE(host_.Errors().find(std::format("argument {}", used)), std::string::npos)
        << host_.Errors();
  }

  et::BackendExecutionContext context;
  et::EValue* null = nullptr;
  backend_.used = 0;
  EXPECT_EQ(door_->execute(context, handle_, {&null, 1}), et::Error::InvalidArgument);
}

TEST_F(ExecutorchDoor, ExecuteErrorsKeepTheirCode) {
  handle_ = Init().get();
  for (ErrorCode code :
       {ErrorCode::kInternal, ErrorCode::kInvalidState, ErrorCode::kNotSupported,
        ErrorCode::kNotImplemented, ErrorCode::kInvalidArgument, ErrorCode::kInvalidType,
        ErrorCode::kNotFound, ErrorCode::kMemoryAllocationFailed, ErrorCode::kAccessFailed,
        ErrorCode::kInvalidProgram, ErrorCode::kInvalidExternalData, ErrorCode::kOutOfResources,
        ErrorCode::kDelegateInvalidCompatibility, ErrorCode::kDelegateMemoryAllocationFailed,
        ErrorCode::kDelegateInvalidHandle}) {
    backend_.failure = Error{code, "said so"};
    const et::Error error = Execute({});
    EXPECT_EQ(static_cast<uint32_t>(error), static_cast<uint32_t>(code));
    EXPECT_EQ(std::string("Error::") + std::string(ErrorCodeName(code)), et::to_string(error));
  }
}

TEST_F(ExecutorchDoor, OutOfMemoryIsAnErrorOfEveryCall) {
  handle_ = Init().get();
  backend_.throws = true;
  EXPECT_EQ(Init().error(), et::Error::MemoryAllocationFailed);
  EXPECT_EQ(Execute({}), et::Error::MemoryAllocationFailed);
  et::BackendOptionContext context;
  et::BackendOption options[] = {Option("one", true)};
  et::Span<et::BackendOption> all(options, 1);
  EXPECT_EQ(door_->set_option(context, all), et::Error::MemoryAllocationFailed);
  EXPECT_EQ(door_->get_option(context, all), et::Error::MemoryAllocationFailed);
  EXPECT_EQ(frees_, 1);
}

TEST_F(ExecutorchDoor, ResizingFollowsTheTensor) {
  std::vector<float> data(12);
  TensorPtr bounded = FloatTensor({3, 4}, data, TensorShapeDynamism::DYNAMIC_BOUND);
  backend_.resize_last_to = {2, 4};
  ASSERT_EQ(Execute({bounded}), et::Error::Ok);
  EXPECT_EQ(bounded->size(0), 2);
  EXPECT_EQ(backend_.arguments[0].sizes[0], 2u);
  EXPECT_EQ(backend_.arguments[0].capacity_bytes, 8 * sizeof(float));
  EXPECT_EQ(backend_.arguments[0].data, data.data());
}

TEST_F(ExecutorchDoor, ResizingErrorsAreExecutorchs) {
  std::vector<float> data(12);
  TensorPtr fixed = FloatTensor({3, 4}, data, TensorShapeDynamism::STATIC);
  TensorPtr bounded = FloatTensor({3, 4}, data, TensorShapeDynamism::DYNAMIC_BOUND);
  backend_.resize_last_to = {2, 4};
  EXPECT_EQ(Execute({fixed}), et::Error::NotSupported);
  EXPECT_NE(host_.Errors().find("from [3, 4] to [2, 4]"), std::string::npos) << host_.Errors();
  backend_.resize_last_to = {4, 4};
  EXPECT_EQ(Execute({bounded}), et::Error::NotSupported);
  backend_.resize_last_to = {size_t{1} << 31, 4};
  EXPECT_EQ(Execute({bounded}), et::Error::InvalidArgument);
}

TEST_F(ExecutorchDoor, TheBackendKnowsAtLoadWhetherTheHostTraces) {
  test::RecordingTracer tracer;
  for (et::EventTracer* host_tracer : std::initializer_list<et::EventTracer*>{&tracer, nullptr}) {
    et::BackendInitContext context(&allocator_, host_tracer, "forward");
    const auto handle = door_->init(context, &payload_, {});
    ASSERT_TRUE(handle.ok());
    EXPECT_EQ(backend_.is_traced, host_tracer != nullptr);
    door_->destroy(handle.get());
  }
}

TEST_F(ExecutorchDoor, TracerGetsOneEventPerStep) {
  test::RecordingTracer tracer;
  ASSERT_EQ(Execute({}, &tracer), et::Error::Ok);
  ASSERT_EQ(tracer.events.size(), 2u);
  EXPECT_EQ(tracer.events[0].name, "a step");
  EXPECT_EQ(tracer.events[0].metadata,
            R"({"kind":"step","route":"packed","kernel":"a row","micro_kernel":"a function",)"
            R"("nodes":[3,4],"debug_handles":[7,65535]})");
  EXPECT_EQ(tracer.events[0].index, et::kUnsetDelegateDebugIntId);
  EXPECT_EQ(tracer.events[0].end - tracer.events[0].start, 5u);
  EXPECT_EQ(tracer.events[1].name, "another");
  EXPECT_EQ(tracer.events[1].metadata, R"({"kind":"operator"})");
  EXPECT_EQ(tracer.events[1].start, tracer.events[0].end);
}

TEST_F(ExecutorchDoor, SetOptionTakesAllAndReturnsTheFirstError) {
  et::BackendOption options[] = {Option("worse", 1), Option("flag", true), Option("bad", 2),
                                 Option("text", Text("x"))};
  et::BackendOptionContext context;
  EXPECT_EQ(door_->set_option(context, {options, 4}), et::Error::NotSupported);
  EXPECT_EQ(backend_.options,
            (std::map<std::string, OptionValue>{{"flag", true}, {"text", std::string("x")}}));
}

TEST_F(ExecutorchDoor, GetOptionFillsInAndStopsAtTheFirstError) {
  backend_.options = {{"flag", true},
                      {"small", int64_t{-5}},
                      {"large", int64_t{4} << 30},
                      {"text", std::string("words")},
                      {"long", std::string(et::kMaxOptionValueLength, 'w')}};
  et::BackendOption options[] = {Option("flag", 0), Option("small", 0), Option("large", 0),
                                 Option("text", 0), Option("unknown", 77)};
  et::Span<et::BackendOption> span(options, 5);
  et::BackendOptionContext context;
  ASSERT_EQ(door_->get_option(context, span), et::Error::Ok);
  EXPECT_EQ(std::get<bool>(options[0].value), true);
  EXPECT_EQ(std::get<int>(options[1].value), -5);
  EXPECT_EQ(TextOf(options[2].value), "4294967296");
  EXPECT_EQ(TextOf(options[3].value), "words");
  EXPECT_EQ(std::get<int>(options[4].value), 77) << "unknown keys are left alone";

  et::BackendOption failing[] = {Option("small", 0), Option("bad", 0), Option("text", 0)};
  et::Span<et::BackendOption> failing_span(failing, 3);
  EXPECT_EQ(door_->get_option(context, failing_span), et::Error::InvalidState);
  EXPECT_EQ(std::get<int>(failing[0].value), -5);
  EXPECT_EQ(std::get<int>(failing[2].value), 0) << "went on after the error";

  et::BackendOption long_one[] = {Option("long", 0)};
  et::Span<et::BackendOption> long_span(long_one, 1);
  EXPECT_EQ(door_->get_option(context, long_span), et::Error::InvalidArgument);
}

TEST_F(ExecutorchDoor, SecondRegistrationIsRefusedAndLogged) {
  static RecordingBackend& first = *new RecordingBackend;
  EXPECT_TRUE(RegisterWithExecutorch(first));
  EXPECT_NE(et::get_backend_class("RecordingBackend"), nullptr);
  host_.Clear();
  const Status second = RegisterWithExecutorch(backend_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(host_.Errors().find("RecordingBackend"), std::string::npos) << host_.Errors();
}

}  // namespace
}  // namespace switchyard
