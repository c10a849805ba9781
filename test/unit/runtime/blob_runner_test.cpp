// BlobRunner and the registry, on a backend that knows nothing of XNNPACK.
#include "runtime/blob_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/registry.h"

namespace switchyard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Its payload is one byte, a factor; it writes the factor times the input to the output.
class ScalingBackend final : public Backend {
 public:
  struct Handle final : DelegateHandle {
    float factor = 0;
  };

  explicit ScalingBackend(std::string name = "Scaling") : name_(std::move(name)) {}

  std::string_view name() const override { return name_; }
  bool is_available() const override { return available; }

  Result<DelegateHandle*> Init(const InitContext& context,
                               std::span<const std::byte> payload) override {
    if (payload.size() != 1) {
      return Fail(ErrorCode::kInvalidProgram, "payload: {} bytes, expected 1", payload.size());
    }
    method_name = context.method_name;
    auto handle = std::make_unique<Handle>();
    handle->factor = static_cast<float>(payload[0]);
    ++live;
    return handle.release();
  }

  Status Execute(const ExecuteContext& context, DelegateHandle* handle,
                 std::span<TensorView> arguments) override {
    tracer = context.tracer;
    if (arguments.size() != 2) {
      return Fail(ErrorCode::kInvalidArgument, "{} arguments, expected 2", arguments.size());
    }
    const TensorView& input = arguments[0];
    TensorView& output = arguments[1];
    SWITCHYARD_TRY(output.resize(output, std::span(input.sizes).first(input.rank)));
    const size_t count = *input.NumBytes() / sizeof(float);
    for (size_t i = 0; i < count; ++i) {
      static_cast<float*>(output.data)[i] =
          static_cast<const float*>(input.data)[i] * static_cast<Handle*>(handle)->factor;
    }
    return {};
  }

  void Destroy(DelegateHandle* handle) override {
    delete handle;
    --live;
  }

  Status SetOption(std::string_view, const OptionValue&) override { return {}; }
  Result<OptionValue> GetOption(std::string_view key) const override {
    return Fail(ErrorCode::kNotFound, "option '{}': none", key);
  }

  bool available = true;
  int live = 0;
  std::string method_name;
  Tracer* tracer = nullptr;

 private:
  const std::string name_;
};

class NullTracer final : public Tracer {
 public:
  uint64_t Now() override { return 0; }
  void Event(const TraceEvent&) override {}
};

std::array<std::byte, 1> Payload(int factor) { return {static_cast<std::byte>(factor)}; }

std::vector<OwnedTensor> InputAndOutput() {
  std::vector<OwnedTensor> tensors = {OwnedTensor(ElementType::kF32, std::vector<size_t>{2, 2}),
                                      OwnedTensor(ElementType::kF32, std::vector<size_t>{1, 1})};
  for (int i = 0; i < 4; ++i) tensors[0].data<float>()[i] = static_cast<float>(i + 1);
  return tensors;
}

TEST(RuntimeBlobRunner, RunsWithOwnedTensors) {
  ScalingBackend backend;
  InitContext context;
  context.method_name = "forward";
  {
    auto runner = BlobRunner::Load(backend, Payload(3), context);
    ASSERT_TRUE(runner.has_value());
    EXPECT_EQ(backend.method_name, "forward");
    EXPECT_NE(runner->handle(), nullptr);
    std::vector<OwnedTensor> tensors = InputAndOutput();
    NullTracer tracer;
    ASSERT_TRUE(runner->Run(tensors, {.tracer = &tracer}).has_value());
    EXPECT_EQ(backend.tracer, &tracer);
    EXPECT_THAT(tensors[1].sizes(), ElementsAre(2, 2));
    EXPECT_THAT(std::span(tensors[1].data<float>(), 4), ElementsAre(3, 6, 9, 12));
  }
  EXPECT_EQ(backend.live, 0);
}

TEST(RuntimeBlobRunner, RunsWithViewsAndShowsTheNewSizesInThem) {
  ScalingBackend backend;
  auto runner = BlobRunner::Load(backend, Payload(2));
  ASSERT_TRUE(runner.has_value());
  std::vector<OwnedTensor> tensors = InputAndOutput();
  std::array<TensorView, 2> views = {tensors[0].View(), tensors[1].View()};
  ASSERT_TRUE(runner->Run(views).has_value());
  EXPECT_EQ(views[1].sizes[1], 2u);
  EXPECT_EQ(static_cast<const float*>(views[1].data)[3], 8.0f);
}

TEST(RuntimeBlobRunner, MovesItsDelegate) {
  ScalingBackend backend;
  {
    auto first = BlobRunner::Load(backend, Payload(2)).value();
    auto second = BlobRunner::Load(backend, Payload(5)).value();
    EXPECT_EQ(backend.live, 2);
    BlobRunner third = std::move(first);
    std::vector<OwnedTensor> tensors = InputAndOutput();
    ASSERT_TRUE(third.Run(tensors).has_value());
    EXPECT_EQ(tensors[1].data<float>()[0], 2.0f);
    third = std::move(second);
    ASSERT_TRUE(third.Run(tensors).has_value());
    EXPECT_EQ(tensors[1].data<float>()[0], 5.0f);
    const Status moved_from = first.Run(tensors);
    ASSERT_FALSE(moved_from.has_value());
    EXPECT_EQ(moved_from.error().code, ErrorCode::kInvalidState);
  }
  EXPECT_EQ(backend.live, 0);
}

TEST(RuntimeBlobRunner, PassesErrorsOn) {
  ScalingBackend backend;
  const auto refused = BlobRunner::Load(backend, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidProgram);
  EXPECT_EQ(backend.live, 0);

  auto runner = BlobRunner::Load(backend, Payload(1)).value();
  const Status status = runner.Run(std::span<OwnedTensor>());
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().message, "0 arguments, expected 2");

  backend.available = false;
  const auto unavailable = BlobRunner::Load(backend, Payload(1));
  ASSERT_FALSE(unavailable.has_value());
  EXPECT_EQ(unavailable.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(unavailable.error().message, HasSubstr("'Scaling'"));
}

// One test, since the registry is the process's and never shrinks.
TEST(RuntimeRegistry, RegistersFindsAndRefuses) {
  const auto none = FindBackend("Scaling");
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("none at all"));
  EXPECT_THAT(none.error().message, HasSubstr("--whole-archive"));

  ScalingBackend& scaling = *new ScalingBackend();
  ASSERT_TRUE(RegisterBackend(&scaling).has_value());
  EXPECT_EQ(FindBackend("Scaling").value(), &scaling);
  EXPECT_TRUE(RegisterBackend(&scaling).has_value());
  EXPECT_THAT(RegisteredBackends(), ElementsAre("Scaling"));

  ScalingBackend twin;
  const Status second = RegisterBackend(&twin);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(FindBackend("Scaling").value(), &scaling);
  EXPECT_EQ(RegisterBackend(nullptr).error().code, ErrorCode::kInvalidArgument);

  const auto other = FindBackend("scaling");
  ASSERT_FALSE(other.has_value());
  EXPECT_THAT(other.error().message, HasSubstr("'Scaling'"));

  // Fill it from two threads; each registration succeeds once.
  std::vector<std::thread> threads;
  for (int part = 0; part < 2; ++part) {
    threads.emplace_back([part] {
      for (size_t i = 1 + part; i < kMaxRegisteredBackends; i += 2) {
        EXPECT_TRUE(RegisterBackend(new ScalingBackend(std::to_string(i))).has_value());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(RegisteredBackends().size(), kMaxRegisteredBackends);
  ScalingBackend late("Late");
  const Status full = RegisterBackend(&late);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace switchyard
