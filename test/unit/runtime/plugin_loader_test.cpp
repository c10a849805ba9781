// The host's side of the plugin ABI, on plugins in C that are old, new or wrong.
#include "runtime/plugin_loader.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "runtime/blob_runner.h"
#include "runtime/module_file.h"

// libfake_mixed_plugin.so has one, too.
extern "C" __attribute__((visibility("default"))) int whose_function() { return 2; }

namespace switchyard {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kFolder = SWITCHYARD_FAKE_PLUGINS;

std::string PathOf(const std::string& name) { return kFolder + "/libfake_" + name + "_plugin.so"; }

std::unique_ptr<PluginBackend> Load(const std::string& name, uint32_t num_threads = 1) {
  auto backend = LoadPlugin(PathOf(name), {.num_threads = num_threads});
  EXPECT_TRUE(backend) << backend.error().ToString();
  return backend ? *std::move(backend) : nullptr;
}

// That the plugin is refused, with which code; what it says.
std::string Refusal(const std::string& path, ErrorCode code) {
  const auto backend = LoadPlugin(path);
  if (backend) {
    ADD_FAILURE() << path << " was loaded";
    return {};
  }
  EXPECT_EQ(backend.error().code, code) << backend.error().ToString();
  return backend.error().message;
}

std::array<std::byte, 1> Payload(int factor) { return {static_cast<std::byte>(factor)}; }

std::vector<OwnedTensor> InputAndOutput() {
  std::vector<OwnedTensor> tensors = {OwnedTensor(ElementType::kF32, std::vector<size_t>{2, 2}),
                                      OwnedTensor(ElementType::kF32, std::vector<size_t>{1, 1})};
  for (int i = 0; i < 4; ++i) tensors[0].data<float>()[i] = static_cast<float>(i + 1);
  return tensors;
}

struct CountingAllocator final : Allocator {
  void* Allocate(size_t bytes, size_t alignment) override {
    ++live;
    return DefaultAllocator().Allocate(bytes, alignment);
  }
  void Free(void* pointer) override {
    --live;
    DefaultAllocator().Free(pointer);
  }
  int live = 0;
};

struct KeepingLogger final : Logger {
  void Log(LogLevel level, std::string_view message) override {
    EXPECT_EQ(level, LogLevel::kWarning);
    messages.emplace_back(message);
  }
  std::vector<std::string> messages;
};

struct KeepingTracer final : Tracer {
  uint64_t Now() override { return ++now; }
  void Event(const TraceEvent& event) override {
    ASSERT_EQ(event.debug_handles.size(), 1u);
    EXPECT_TRUE(event.nodes.empty());  // the plugin tells none
    macs.push_back(event.macs);
    events.push_back(std::format("{} {} {} {}-{}", Name(event.kind), event.name,
                                 event.debug_handles[0], event.start, event.end));
  }
  uint64_t now = 0;
  std::vector<std::string> events;
  std::vector<uint64_t> macs;
};

struct OneKey final : NamedDataMap {
  Result<DataBuffer> Get(std::string_view key) const override {
    if (key != "factor" || missing) return Fail(ErrorCode::kNotFound, "there is no '{}'", key);
    return DataBuffer(std::span(&value, 1),
                      std::shared_ptr<void>(nullptr, [this](void*) { ++released; }));
  }
  bool missing = false;
  std::byte value{9};
  mutable int released = 0;
};

TEST(Plugin, RunsAsABackend) {
  const auto backend = Load("plain");
  ASSERT_NE(backend, nullptr);
  EXPECT_EQ(backend->name(), "Fake");
  EXPECT_EQ(backend->description(), "a fake of the tests");
  EXPECT_TRUE(backend->is_available());
  InitContext context;
  CountingAllocator allocator;
  KeepingLogger logger;
  KeepingTracer at_load, at_execute;
  context.services = {&allocator, &logger, nullptr, &at_load};
  context.method_name = "forward";
  context.load_options = {{"times", int64_t{2}}, {"ignored", std::string("x")}, {"flag", true}};
  {
    auto runner = BlobRunner::Load(*backend, Payload(3), context);
    ASSERT_TRUE(runner) << runner.error().ToString();
    EXPECT_EQ(allocator.live, 1);
    EXPECT_THAT(logger.messages, ElementsAre("forward"));
    std::vector<OwnedTensor> tensors = InputAndOutput();
    Status status = runner->Run(tensors);
    ASSERT_TRUE(status) << status.error().ToString();
    EXPECT_THAT(tensors[1].sizes(), ElementsAre(2, 2));
    EXPECT_THAT(std::span(tensors[1].data<float>(), 4), ElementsAre(6, 12, 18, 24));
    ASSERT_TRUE(runner->Run(tensors, {.tracer = &at_execute}));
    EXPECT_THAT(at_load.events, ElementsAre("step scale 7 1-2"));
    EXPECT_THAT(at_execute.events, ElementsAre("step scale 7 1-2"));

    const auto arguments = backend->Arguments(runner->handle());
    ASSERT_TRUE(arguments) << arguments.error().ToString();
    ASSERT_EQ(arguments->size(), 2u);
    EXPECT_FALSE((*arguments)[0].is_output);
    EXPECT_TRUE((*arguments)[1].is_output);
    EXPECT_EQ((*arguments)[1].form.sizes[1], 6u);
    EXPECT_EQ(backend->Report(runner->handle(), ReportFormat::kText, true).value(), "all scaled");
    EXPECT_EQ(backend->Report(runner->handle(), ReportFormat::kJson, false).value(), "{}");
  }
  EXPECT_EQ(allocator.live, 0);
}

TEST(Plugin, PassesOptionsBothWays) {
  const auto backend = Load("plain", 4);
  ASSERT_NE(backend, nullptr);
  ASSERT_TRUE(backend->SetOption("gain", int64_t{-5000000000}));
  EXPECT_EQ(backend->GetOption("gain").value(), OptionValue(int64_t{-5000000000}));
  EXPECT_EQ(backend->GetOption("threads_are_many").value(), OptionValue(true));
  const std::string longer_than_a_guess(500, 'y');
  ASSERT_TRUE(backend->SetOption("text", longer_than_a_guess));
  EXPECT_EQ(backend->GetOption("text").value(), OptionValue(longer_than_a_guess));
  EXPECT_TRUE(backend->SetOption("unknown", true));
  EXPECT_EQ(backend->GetOption("unknown").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(backend->SetOption("gain", true).error().message, "option 'gain': expected an int");
  ASSERT_TRUE(backend->SetOption("gain", int64_t{-1}));
  EXPECT_FALSE(backend->is_available());
}

TEST(Plugin, PassesNamedDataAndGivesItBack) {
  const auto backend = Load("plain");
  ASSERT_NE(backend, nullptr);
  OneKey data;
  InitContext context;
  context.named_data = &data;
  {
    auto runner = BlobRunner::Load(*backend, Payload(100), context);
    ASSERT_TRUE(runner) << runner.error().ToString();
    std::vector<OwnedTensor> tensors = InputAndOutput();
    ASSERT_TRUE(runner->Run(tensors));
    EXPECT_EQ(tensors[1].data<float>()[3], 36.0f);
  }
  EXPECT_EQ(data.released, 1);
  data.missing = true;
  const auto refused = BlobRunner::Load(*backend, Payload(100), context);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(refused.error().message, "there is no 'factor'");
}

TEST(Plugin, PassesErrorsOn) {
  const auto backend = Load("plain");
  ASSERT_NE(backend, nullptr);
  const std::vector<std::byte> bytes(3);
  EXPECT_EQ(BlobRunner::Load(*backend, bytes).error().message, "payload: expected one byte");
  const Error mute = BlobRunner::Load(*backend, std::span(bytes).first(0)).error();
  EXPECT_EQ(mute.code, ErrorCode::kInvalidProgram);
  EXPECT_THAT(mute.message, HasSubstr("load failed and said nothing"));
  const Error verbose = BlobRunner::Load(*backend, std::span(bytes).first(2)).error();
  EXPECT_THAT(verbose.message, AllOf(HasSubstr("xxxx"), HasSubstr("... (cut)")));

  auto runner = BlobRunner::Load(*backend, Payload(1)).value();
  EXPECT_EQ(runner.Run(std::span<OwnedTensor>()).error().message, "expected 2");
  std::vector<OwnedTensor> tensors = InputAndOutput();
  std::array<TensorView, 2> views = {tensors[0].View(), tensors[1].View()};
  views[1].resize = nullptr;
  EXPECT_EQ(runner.Run(views).error().message, "a static output");
  views[1].resize = [](TensorView&, std::span<const size_t>) -> Status {
    return Fail(ErrorCode::kOutOfResources, "no room");
  };
  const Error no_room = runner.Run(views).error();
  EXPECT_EQ(no_room.code, ErrorCode::kOutOfResources);
  EXPECT_EQ(no_room.message, "no room");
  views[0].rank = 17;
  EXPECT_THAT(runner.Run(views).error().message, HasSubstr("17 dimensions"));
  EXPECT_EQ(backend->Execute({}, nullptr, {}).error().code, ErrorCode::kDelegateInvalidHandle);
  backend->Destroy(nullptr);

  InitContext with_pool;
  with_pool.services.thread_pool = reinterpret_cast<pthreadpool*>(0x10);
  EXPECT_THAT(BlobRunner::Load(*backend, Payload(1), with_pool).error().message,
              HasSubstr("a thread pool cannot be passed"));
  const auto no_instance = LoadPlugin(PathOf("plain"), {.num_threads = 13});
  EXPECT_EQ(no_instance.error().code, ErrorCode::kOutOfResources);
  EXPECT_EQ(no_instance.error().message, "13 threads");
}

bool IsLoaded(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle != nullptr) dlclose(handle);
  return handle != nullptr;
}

TEST(Plugin, UnloadsWithItsBackend) {
  {
    const auto backend = Load("plain");
    const auto second = Load("plain");
    EXPECT_TRUE(IsLoaded(PathOf("plain")));
  }
  EXPECT_FALSE(IsLoaded(PathOf("plain")));
  // Not under somebody's feet.
  static DelegateHandle* left = nullptr;
  {
    const auto backend = Load("newer");
    ASSERT_NE(backend, nullptr);
    left = backend->Init({}, Payload(1)).value();
    ASSERT_NE(left, nullptr);
  }
  EXPECT_TRUE(IsLoaded(PathOf("newer")));
}

TEST(Plugin, OlderAndNewerTablesWork) {
  for (const std::string name : {"older", "newer"}) {
    const auto backend = Load(name);
    ASSERT_NE(backend, nullptr) << name;
    auto runner = BlobRunner::Load(*backend, Payload(3));
    ASSERT_TRUE(runner) << runner.error().ToString();
    std::vector<OwnedTensor> tensors = InputAndOutput();
    ASSERT_TRUE(runner->Run(tensors));
    EXPECT_EQ(tensors[1].data<float>()[3], 12.0f);
    const auto report = backend->Report(runner->handle(), ReportFormat::kText, true);
    const auto arguments = backend->Arguments(runner->handle());
    EXPECT_EQ(report.has_value(), name == "newer");
    EXPECT_EQ(arguments.has_value(), name == "newer");
    if (name == "newer") continue;
    EXPECT_EQ(report.error().code, ErrorCode::kNotSupported);
    EXPECT_THAT(report.error().message, HasSubstr("older than this host"));
    EXPECT_EQ(arguments.error().code, ErrorCode::kNotSupported);
  }
}

// The struct_size that libfake_plain_plugin.so gives one of its structs, while this lives.
struct ChosenSize {
  ChosenSize(const char* name, uint64_t size) : variable(name) {
    setenv(variable, std::to_string(size).c_str(), 1);
  }
  ~ChosenSize() { unsetenv(variable); }
  const char* variable;
};

// Of every size, those that end behind a member are taken.
TEST(Plugin, TablesThatEndInsideAMemberAreRefused) {
  for (uint64_t size = 0; size <= sizeof(switchyard_plugin) + 8; ++size) {
    const ChosenSize chosen("FAKE_TABLE_SIZE", size);
    if (size == 112 || size == 120 || size == 128 || size >= 136) {
      EXPECT_NE(Load("plain"), nullptr) << size;
    } else {
      EXPECT_THAT(Refusal(PathOf("plain"), ErrorCode::kInvalidArgument),
                  HasSubstr(std::format("table of functions: struct_size {}, expected 112", size)));
    }
  }
}

TEST(Plugin, EventsAndBuffersThatEndInsideAMemberAreNotUsed) {
  const auto backend = Load("plain");
  ASSERT_NE(backend, nullptr);
  KeepingTracer tracer;
  OneKey data;
  InitContext context;
  context.named_data = &data;
  {
    auto runner = BlobRunner::Load(*backend, Payload(3), {});
    ASSERT_TRUE(runner) << runner.error().ToString();
    for (uint64_t size = 0; size <= sizeof(switchyard_event) + 8; ++size) {
      const ChosenSize chosen("FAKE_EVENT_SIZE", size);
      tracer.events.clear();
      tracer.macs.clear();
      std::vector<OwnedTensor> tensors = InputAndOutput();
      ASSERT_TRUE(runner->Run(tensors, {.tracer = &tracer}));
      // Behind `end`, where modules end that tell no multiply-accumulates, and behind `macs`.
      EXPECT_EQ(tracer.events.size(), size == 80 || size >= 88 ? 1u : 0u) << size;
      for (const uint64_t macs : tracer.macs) EXPECT_EQ(macs, size == 80 ? 0u : 4u) << size;
    }
  }
  for (uint64_t size = 0; size <= sizeof(switchyard_buffer) + 8; ++size) {
    const ChosenSize chosen("FAKE_BUFFER_SIZE", size);
    const auto runner = BlobRunner::Load(*backend, Payload(100), context);
    EXPECT_EQ(runner.has_value(), size >= 32) << size;
    if (runner) continue;
    EXPECT_EQ(runner.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(runner.error().message,
                HasSubstr(std::format("buffer: struct_size {}, expected 32 to 4096", size)));
  }
  EXPECT_EQ(data.released, 9);
}

TEST(Plugin, WrongOnesAreRefusedWithTheReason) {
  EXPECT_THAT(Refusal(PathOf("no_query"), ErrorCode::kNotFound),
              HasSubstr("does not export switchyard_plugin_query"));
  EXPECT_THAT(Refusal(PathOf("version"), ErrorCode::kNotSupported),
              HasSubstr("knows version 2 alone"));
  EXPECT_THAT(Refusal(PathOf("wrong_version"), ErrorCode::kNotSupported),
              HasSubstr("version 2 of the plugin ABI, expected 1"));
  EXPECT_THAT(Refusal(PathOf("too_short"), ErrorCode::kInvalidArgument),
              HasSubstr("struct_size 104, expected 112, 120, 128, 136 to 4096"));
  EXPECT_THAT(Refusal(PathOf("huge"), ErrorCode::kInvalidArgument),
              HasSubstr("struct_size 18446744073709551615"));
  EXPECT_THAT(Refusal(PathOf("gap"), ErrorCode::kInvalidArgument), HasSubstr("has gaps"));
  EXPECT_THAT(Refusal(PathOf("mute"), ErrorCode::kInternal), HasSubstr("said nothing"));
  EXPECT_THAT(Refusal(PathOf("nothing"), ErrorCode::kInvalidArgument),
              HasSubstr("no table of functions"));
  const auto backend = Load("odd_argument");
  ASSERT_NE(backend, nullptr);
  auto runner = BlobRunner::Load(*backend, Payload(3)).value();
  EXPECT_THAT(backend->Arguments(runner.handle()).error().message, HasSubstr("element type 99"));
}

TEST(Plugin, OtherSanitizersAreRefused) {
  constexpr uint32_t kAddress = SWITCHYARD_SANITIZER_ADDRESS, kThread = SWITCHYARD_SANITIZER_THREAD,
                     kMemory = SWITCHYARD_SANITIZER_MEMORY;
  EXPECT_TRUE(CheckSanitizers("m", 0, 0));
  EXPECT_TRUE(CheckSanitizers("m", kAddress, kAddress));
  EXPECT_TRUE(CheckSanitizers("m", 0, kAddress));
  EXPECT_FALSE(CheckSanitizers("m", kAddress, 0));
  EXPECT_FALSE(CheckSanitizers("m", kAddress, kThread));
  EXPECT_FALSE(CheckSanitizers("m", 0, kThread));
  EXPECT_FALSE(CheckSanitizers("m", 0, kMemory));
  EXPECT_THAT(CheckSanitizers("m", kAddress | kMemory, 0).error().message,
              HasSubstr("sanitizers: address, memory; this process has: none"));
  // By what the module says, and before it is loaded by the symbols that it needs.
  EXPECT_THAT(Refusal(PathOf("sanitizer_word"), ErrorCode::kNotSupported),
              HasSubstr("sanitizers: memory"));
  EXPECT_EQ(SanitizersOfModuleFile(PathOf("thread_sanitizer")).value() & kThread, kThread);
  EXPECT_EQ(SanitizersOfModuleFile(PathOf("plain")).value() & kThread,
            SanitizersOfThisProcess() & kThread);
  if ((SanitizersOfThisProcess() & kThread) == 0) {
    EXPECT_THAT(Refusal(PathOf("thread_sanitizer"), ErrorCode::kNotSupported),
                HasSubstr("built with sanitizers:"));
    EXPECT_FALSE(IsLoaded(PathOf("thread_sanitizer")));
  }
}

TEST(Plugin, IsLoadedAgainWhenItsLibrariesAreMixed) {
  // Loaded as any other it is refused, else the test shows nothing.
  void* handle = dlopen(PathOf("mixed").c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  const auto query =
      reinterpret_cast<switchyard_plugin_query_function>(dlsym(handle, SWITCHYARD_PLUGIN_QUERY));
  switchyard_query request{};
  request.struct_size = sizeof request;
  const switchyard_plugin* table = nullptr;
  EXPECT_EQ(query(&request, &table, nullptr), SWITCHYARD_INVALID_STATE);
  dlclose(handle);
  if (SanitizersOfThisProcess() == 0) {
    EXPECT_NE(Load("mixed"), nullptr);
  } else {
    EXPECT_THAT(Refusal(PathOf("mixed"), ErrorCode::kInvalidState),
                HasSubstr("another's function"));
  }
}

TEST(Plugin, IsFoundByName) {
  const auto backend = LoadPlugin("fake_plain", {.search_path = {"/nowhere", kFolder}});
  EXPECT_TRUE(backend) << backend.error().ToString();
  EXPECT_THAT(Refusal("fake_plain", ErrorCode::kNotFound),
              AllOf(HasSubstr("no libfake_plain_plugin.so in"), HasSubstr("/../lib")));
  setenv("SWITCHYARD_PLUGIN_PATH", ("/nowhere::" + kFolder).c_str(), 1);
  EXPECT_TRUE(LoadPlugin("fake_plain"));
  unsetenv("SWITCHYARD_PLUGIN_PATH");
  // Not from the working directory.
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(kFolder);
  Refusal("fake_plain", ErrorCode::kNotFound);
  EXPECT_TRUE(LoadPlugin("./libfake_plain_plugin.so"));
  std::filesystem::current_path(before);
  EXPECT_THAT(Refusal("", ErrorCode::kInvalidArgument), HasSubstr("neither a path nor a name"));
  Refusal(std::string("a/b\0c", 5), ErrorCode::kInvalidArgument);
}

class ModuleFileTest : public testing::Test {
 protected:
  ModuleFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "plugin-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    std::ifstream in(PathOf("plain"), std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
  }
  ~ModuleFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& bytes) {
    std::string path = folder_ / "module.so";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  // The same number of bytes again; much faster than a new file.
  static void Overwrite(const std::string& path, const std::string& bytes) {
    std::fstream(path, std::ios::binary | std::ios::in | std::ios::out) << bytes;
  }

  std::filesystem::path folder_;
  std::string bytes_;
};

TEST_F(ModuleFileTest, WhatIsNoModuleIsRefused) {
  EXPECT_THAT(Refusal(folder_ / "none.so", ErrorCode::kAccessFailed), HasSubstr("No such file"));
  EXPECT_THAT(Refusal(folder_, ErrorCode::kAccessFailed), HasSubstr("not a regular file"));
  EXPECT_THAT(Refusal("/dev/null", ErrorCode::kAccessFailed), HasSubstr("not a regular file"));
  EXPECT_THAT(Refusal(Write(""), ErrorCode::kNotSupported), HasSubstr("not an ELF file"));
  EXPECT_THAT(Refusal(Write("{\"a\": 1}\n"), ErrorCode::kNotSupported),
              HasSubstr("not an ELF file"));
  std::string other = bytes_;
  other[18] = 40;  // Arm, 32 bits
  EXPECT_THAT(Refusal(Write(other), ErrorCode::kNotSupported), HasSubstr("for machine 40"));
  other = bytes_;
  other[16] = 1;  // an object file
  EXPECT_THAT(Refusal(Write(other), ErrorCode::kNotSupported), HasSubstr("of type 1"));
  const std::string pipe = folder_ / "pipe.so";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(Refusal(pipe, ErrorCode::kAccessFailed), HasSubstr("not a regular file"));
}

TEST_F(ModuleFileTest, CutFilesAreRefused) {
  for (const size_t size : {64, 100, 500, 1000}) {
    const auto sanitizers = SanitizersOfModuleFile(Write(bytes_.substr(0, size)));
    ASSERT_FALSE(sanitizers) << size;
    EXPECT_THAT(sanitizers.error().message, HasSubstr("complete shared library")) << size;
  }
}

// Only the look at the file: what gets past it, the dynamic linker would trust.
TEST_F(ModuleFileTest, DamagedFilesDoNoHarm) {
  std::mt19937 random(1);
  size_t refused = 0;
  const std::string path = Write(bytes_);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = bytes_;
    for (int change = 0; change < 4; ++change) {
      // The headers, the program headers and the dynamic tables are all near the beginning.
      const size_t position = random() % std::min<size_t>(damaged.size(), 4096);
      damaged[position] = static_cast<char>(random());
    }
    Overwrite(path, damaged);
    refused += !SanitizersOfModuleFile(path);
  }
  EXPECT_GT(refused, 10u);
  EXPECT_LT(refused, 2000u);
}

}  // namespace
}  // namespace switchyard
