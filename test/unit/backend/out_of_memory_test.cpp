// Every allocation of a load, an execute and a destroy fails once, alone and with all that follow,
// on models that reach the different kinds of steps: whatever fails, what comes back is an error or
// the right answer, and nothing crashes, waits for ever or is lost. (Where the CPU is emulated,
// each Stride()-th does; other ones alone than with all that follow.)
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "backend/switchyard_backend.h"
#include "runtime/base/guard.h"
#include "runtime/blob_runner.h"
#include "schema/writer.h"
#include "test/support/emulation.h"
#include "test/support/failing_malloc.h"
#include "test/support/graph_builder.h"
#include "test/support/test_data.h"

namespace switchyard::test {
namespace {

constexpr Failing kModes[] = {Failing::kOne, Failing::kAllFromThere};

size_t FirstRequest(Failing which) { return which == Failing::kOne ? 0 : Stride() / 2; }

std::vector<float> Filled(size_t count) {
  std::vector<float> data(count);
  for (size_t i = 0; i < count; ++i) data[i] = 0.25f * static_cast<float>(i % 9) - 1;
  return data;
}

// One island of several kinds of operators, whose values take turns in XNNPACK's memory.
std::vector<std::byte> IslandPayload() {
  GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {3, 8});
  const ValueIndex y = b.Output(DataType::kF32, {3, 5});
  const auto internal = [&](const Dims& dims) { return b.Internal(DataType::kF32, dims); };
  const ValueIndex product = internal({3, 8}), sum = internal({3, 8}), clamped = internal({3, 8}),
                   matrix = internal({3, 5});
  b.Add(NodeKind::kMultiply, {x, b.Constant(DataType::kF32, {8}, Filled(8))}, {product});
  b.Add(NodeKind::kAdd, {product, x}, {sum});
  b.Add(NodeKind::kPReLU, {sum, b.Constant(DataType::kF32, {8}, Filled(8))}, {clamped});
  b.Add(NodeKind::kFullyConnected, {clamped, b.Constant(DataType::kF32, {5, 8}, Filled(40))},
        {matrix});
  b.Add(NodeKind::kSoftmax, {matrix}, {y});
  auto payload = WritePayload(b.Build());
  EXPECT_TRUE(payload) << payload.error().ToString();
  return payload ? payload->bytes : std::vector<std::byte>();
}

// A payload and what it computes when there is memory.
struct Subject {
  std::string name;
  std::string force_kernel;  // empty: what this CPU runs
  Model model;               // that owns the payload, unless `island` does
  std::vector<std::byte> island;
  std::vector<OwnedTensor> arguments;
  std::vector<bool> is_output;
  std::vector<OwnedTensor> expected;

  std::span<const std::byte> payload() const {
    return island.empty() ? model.payloads.at(0).bytes : std::span(island);
  }
  Result<BlobRunner> Load(InitContext context = {}) const {
    return Guard("the test", [&] {
      context.named_data = model.named_data.get();
      context.load_options["force_kernel"] = force_kernel;
      // What one thread leaves locked, another one waits for.
      context.load_options["workspace_sharing_mode"] = int64_t{2};
      return BlobRunner::Load(SwitchyardBackend(), payload(), context);
    });
  }
  bool IsRight(const std::vector<OwnedTensor>& found) const {
    for (size_t i = 0; i < expected.size(); ++i) {
      if (!is_output[i]) continue;
      if (!std::ranges::equal(found[i].sizes(), expected[i].sizes()) ||
          !std::ranges::equal(found[i].bytes(), expected[i].bytes())) {
        return false;
      }
    }
    return true;
  }
};

Subject MakeSubject(const std::string& name, const std::string& force_kernel = "") {
  Subject s;
  s.name = name;
  s.force_kernel = force_kernel;
  if (name == "island") {
    s.island = IslandPayload();
  } else {
    s.model = LoadTestModel(name);
  }
  auto runner = s.Load();
  if (!runner) {
    ADD_FAILURE() << name << ": " << runner.error().ToString();
    return s;
  }
  for (size_t i = 0; i < NumLoadedArguments(*runner->handle()); ++i) {
    const Argument argument = LoadedArgument(*runner->handle(), i);
    OwnedTensor tensor(argument.form.element_type,
                       std::span(argument.form.sizes).first(argument.form.rank));
    for (size_t j = 0; j < tensor.bytes().size(); ++j) {
      // Small numbers in every type.
      if (argument.form.element_type == ElementType::kF32) {
        if (j % 4 == 0)
          tensor.data<float>()[j / 4] = 0.125f * static_cast<float>(j / 4 % 13) - 0.5f;
      } else {
        tensor.bytes()[j] = static_cast<std::byte>(j % 2 == 0 ? j % 7 : 0x34);
      }
    }
    s.arguments.push_back(tensor);
    s.is_output.push_back(argument.is_output);
  }
  s.expected = s.arguments;
  const Status status = runner->Run(s.expected);
  EXPECT_TRUE(status) << name << ": " << status.error().ToString();
  return s;
}

void ExpectOutOfMemory(const Error& error) {
  EXPECT_EQ(error.code, ErrorCode::kMemoryAllocationFailed) << error.ToString();
  EXPECT_FALSE(error.message.empty());
}

// Lets request `nth` of a load and two executes fail, and all of the destroy. Whether any did.
bool FailAt(const Subject& s, size_t nth, Failing which) {
  std::vector<OwnedTensor> tensors[] = {s.arguments, s.arguments, s.arguments};
  Status statuses[3];
  FailMalloc(nth, which);
  std::optional<Result<BlobRunner>> runner(s.Load());
  if (*runner) {
    for (size_t i = 0; i < 2; ++i) statuses[i] = (*runner)->Run(tensors[i]);
  }
  const bool failed = StopFailing();
  if (!*runner) {
    ExpectOutOfMemory(runner->error());
    return failed;
  }
  statuses[2] = (*runner)->Run(tensors[2]);  // with memory
  bool was_cut_off = false;
  for (size_t i = 0; i < 3; ++i) {
    if (statuses[i]) {
      EXPECT_TRUE(s.IsRight(tensors[i])) << "execute " << i;
    } else if (was_cut_off) {
      const Error& error = statuses[i].error();
      if (i == 2 || error.code != ErrorCode::kMemoryAllocationFailed) {
        EXPECT_EQ(error.code, ErrorCode::kInvalidState) << error.ToString();
      }
    } else {
      ExpectOutOfMemory(statuses[i].error());
      was_cut_off = true;
    }
  }
  EXPECT_TRUE(failed || !was_cut_off);
  FailMalloc(0, Failing::kAllFromThere);
  runner.reset();
  EXPECT_FALSE(StopFailing()) << "destroying it needs memory";
  return failed;
}

// Every point of a subject, until none is left.
void FailEverywhere(const Subject& s) {
  EXPECT_FALSE(FailAt(s, SIZE_MAX - 1, Failing::kOne));
  const size_t live_blocks = LiveBlocks();
  for (const Failing which : kModes) {
    size_t nth = FirstRequest(which);
    while (FailAt(s, nth, which) && !::testing::Test::HasFailure()) nth += Stride();
    ASSERT_FALSE(::testing::Test::HasFailure())
        << "reproduce: " << s.name << ", request " << nth
        << (which == Failing::kOne ? " alone" : " and all later ones");
    EXPECT_GT(nth, 100u) << "the library gets another malloc";
  }
  EXPECT_FALSE(FailAt(s, SIZE_MAX - 1, Failing::kOne));
  EXPECT_EQ(LiveBlocks(), live_blocks);
}

// What a process does once: in a process each. First of all, while this one has done none of it.
TEST(OutOfMemory, FirstLoadOfAProcess) {
  const std::vector<std::byte> payload = IslandPayload();
  enum Outcome : int { kNoneFailed, kError, kRightAnswer, kWrong };
  const auto child = [&](size_t nth, Failing which) -> int {
    const auto run = [&](std::vector<OwnedTensor>& arguments) -> Status {
      SWITCHYARD_ASSIGN(BlobRunner runner, BlobRunner::Load(SwitchyardBackend(), payload));
      return runner.Run(arguments);
    };
    std::vector<OwnedTensor> arguments = {
        OwnedTensor(ElementType::kF32, std::array<size_t, 2>{3, 8}),
        OwnedTensor(ElementType::kF32, std::array<size_t, 2>{3, 5})};
    std::vector<OwnedTensor> expected = arguments;
    FailMalloc(nth, which);
    // Only the very first call of all may throw.
    const Status status = Guard("the test", [&] { return run(arguments); });
    const bool failed = StopFailing();
    if (!status) {
      // NotFound: what the process needs once, such as cpuinfo, had no memory to start.
      const ErrorCode code = status.error().code;
      const bool is_told =
          code == ErrorCode::kMemoryAllocationFailed || code == ErrorCode::kNotFound;
      return is_told ? kError : kWrong;
    }
    if (!run(expected)) return kWrong;
    if (!std::ranges::equal(arguments[1].bytes(), expected[1].bytes())) return kWrong;
    return failed ? kRightAnswer : kNoneFailed;
  };
  for (const Failing which : kModes) {
    for (size_t nth = FirstRequest(which);; nth += Stride()) {
      const pid_t pid = fork();
      if (pid == 0) _exit(child(nth, which));
      int status = 0;
      ASSERT_EQ(waitpid(pid, &status, 0), pid);
      ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < kWrong)
          << "reproduce: request " << nth
          << (which == Failing::kOne ? " alone" : " and all later ones") << ", status " << status;
      if (WEXITSTATUS(status) == kNoneFailed) break;
    }
  }
}

// The rows that every CPU has: rows of activations packed by each block and for several nodes,
// taps, slices of a computed operand.
TEST(OutOfMemory, PackedSteps) {
  for (const char* name : {"qkv.qd8", "bmm.fp32.dynamic", "conv.fp32.3x3", "fc.qb4w_32"}) {
    FailEverywhere(MakeSubject(name, "reference"));
  }
}

class OutOfMemoryOf : public ::testing::TestWithParam<const char*> {};

TEST_P(OutOfMemoryOf, EveryRequestOfMalloc) { FailEverywhere(MakeSubject(GetParam())); }

INSTANTIATE_TEST_SUITE_P(Models, OutOfMemoryOf,
                         ::testing::Values("island", "attention.qd8", "bmm.fp32.dynamic",
                                           "conv.fp32.3x3", "conv.qd8.3x3", "conv.qs8.depthwise",
                                           "fc.qb4w_32", "fc.qs8", "op.add_relu.fp32",
                                           "op.max_dim.fp32", "op.max_pool.fp32",
                                           "op.upsample.fp32"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

// A host's allocator that has nothing for one request.
class FailingAllocator final : public Allocator {
 public:
  explicit FailingAllocator(size_t nth) : left_(nth) {}
  void* Allocate(size_t bytes, size_t alignment) override {
    if (left_-- == 0) return nullptr;
    return DefaultAllocator().Allocate(bytes, alignment);
  }
  void Free(void* pointer) override { DefaultAllocator().Free(pointer); }
  bool has_failed() const { return left_ > SIZE_MAX / 2; }  // below 0

 private:
  size_t left_;
};

TEST(OutOfMemory, EveryRequestOfTheHostsAllocator) {
  for (const char* name : {"island", "attention.qd8"}) {
    const Subject s = MakeSubject(name);
    bool failed = true;
    for (size_t nth = 0; failed; nth += Stride()) {
      FailingAllocator allocator(nth);
      InitContext context;
      context.services.allocator = &allocator;
      std::vector<OwnedTensor> arguments = s.arguments, again = s.arguments;
      auto loaded = s.Load(context);
      const Status status = loaded ? loaded->Run(arguments) : std::unexpected(loaded.error());
      failed = allocator.has_failed();
      EXPECT_TRUE(failed || status);
      if (!status) ExpectOutOfMemory(status.error());
      if (status) EXPECT_TRUE(s.IsRight(arguments));
      if (!loaded) continue;
      const Status later = loaded->Run(again);
      EXPECT_TRUE(later ? s.IsRight(again) : later.error().code == ErrorCode::kInvalidState);
    }
  }
}

// Of a backend that throws, since the interface does not forbid it.
TEST(OutOfMemory, BlobRunnerThrowsNothing) {
  class Throwing final : public Backend {
   public:
    std::string_view name() const override { return "Throwing"; }
    bool is_available() const override { return true; }
    Result<DelegateHandle*> Init(const InitContext&, std::span<const std::byte>) override {
      if (throws) throw std::bad_alloc();
      return &handle;
    }
    Status Execute(const ExecuteContext&, DelegateHandle*, std::span<TensorView>) override {
      throw std::bad_alloc();
    }
    void Destroy(DelegateHandle*) override {}
    Status SetOption(std::string_view, const OptionValue&) override { return {}; }
    Result<OptionValue> GetOption(std::string_view) const override { return OptionValue(true); }

    DelegateHandle handle;
    bool throws = true;
  } backend;
  const auto refused = BlobRunner::Load(backend, {});
  ASSERT_FALSE(refused);
  ExpectOutOfMemory(refused.error());
  backend.throws = false;
  auto runner = BlobRunner::Load(backend, {});
  ASSERT_TRUE(runner);
  const Status status = runner->Run(std::span<OwnedTensor>());
  ASSERT_FALSE(status);
  ExpectOutOfMemory(status.error());
}

// Other threads, whose delegates share the scratch memory and the packed weights with the one that
// runs out of memory, go on.
TEST(OutOfMemory, OthersGoOn) {
  const Subject s = MakeSubject("attention.qd8");
  auto runner = s.Load();
  ASSERT_TRUE(runner);
  std::atomic<bool> stop = false;
  std::atomic<size_t> rounds = 0, wrong = 0;
  std::thread other([&] {
    while (!stop) {
      std::vector<OwnedTensor> arguments = s.arguments;
      auto loaded = s.Load();
      const bool ok = loaded && loaded->Run(arguments) && s.IsRight(arguments) &&
                      runner->Run(arguments) && s.IsRight(arguments);
      if (!ok) ++wrong;
      ++rounds;
      rounds.notify_all();
    }
  });
  size_t nth = 0;
  while (FailAt(s, nth, Failing::kOne)) {
    nth += Stride();
    // Not before the other thread has been everywhere once more.
    const size_t before = rounds;
    for (size_t now = before; now < before + 2; now = rounds) rounds.wait(now);
  }
  stop = true;
  other.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(nth, 100u);
}

}  // namespace
}  // namespace switchyard::test
