// libswitchyard_plugin.so in a host that links nothing of what it needs: what it does, and what it
// says to hosts that are older, newer or wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <format>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/test_data.h"
#include "test/unit/doors/plugin_host.h"

namespace switchyard::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// fc.fp32: [1, 37] times 19 columns, and what ExecuTorch computed.
constexpr uint64_t kInputs = 37, kOutputs = 19;

std::vector<float> ReadFloats(const std::string& file) {
  std::ifstream in(std::string(SWITCHYARD_TEST_DATA) + "/fc.fp32/case0/" + file, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), {});
  // .npy, version 1: 10 bytes, of which the last two are the length of the text that follows.
  EXPECT_GT(bytes.size(), 10u) << file;
  if (bytes.size() <= 10) return {};
  const size_t start = 10 + static_cast<unsigned char>(bytes[8]) +
                       256 * static_cast<size_t>(static_cast<unsigned char>(bytes[9]));
  std::vector<float> floats((bytes.size() - start) / sizeof(float));
  std::memcpy(floats.data(), bytes.data() + start, floats.size() * sizeof(float));
  return floats;
}

struct HostData {
  explicit HostData(const Model& model) : map(*model.named_data) {
    c = Sized<switchyard_named_data>();
    c.context = this;
    c.get = [](void* context, const char* key, switchyard_buffer* buffer,
               switchyard_text* message) -> switchyard_status {
      auto* self = static_cast<HostData*>(context);
      if (self->answer) return self->answer(buffer, message);
      auto data = self->map.Get(key);
      if (!data) return static_cast<switchyard_status>(data.error().code);
      auto* owner = new DataBuffer(*std::move(data));
      ++self->lent;
      buffer->data = owner->bytes().data();
      buffer->bytes = owner->bytes().size();
      buffer->owner = owner;
      return SWITCHYARD_OK;
    };
    c.release = [](void* context, const switchyard_buffer* buffer) {
      ++static_cast<HostData*>(context)->released;
      delete static_cast<DataBuffer*>(buffer->owner);
    };
  }
  const NamedDataMap& map;
  switchyard_named_data c;
  std::function<switchyard_status(switchyard_buffer*, switchyard_text*)> answer;
  std::atomic<int> lent = 0, released = 0;
};

// A model's first payload with its constants inside, so that it needs no named data.
std::vector<std::byte> Standalone(const Model& model) {
  const Result<Graph> graph = ReadPayload(model.payloads.at(0).bytes, model.named_data.get());
  Result<Payload> payload = graph ? WritePayload(*graph) : std::unexpected(graph.error());
  EXPECT_TRUE(payload) << payload.error().ToString();
  return payload ? std::move(payload->bytes) : std::vector<std::byte>();
}

class PluginTest : public testing::Test {
 protected:
  PluginTest() : model_(LoadTestModel("fc.fp32")) {}
  ~PluginTest() override {
    for (switchyard_delegate* delegate : delegates_) {
      EXPECT_EQ(plugin_->destroy(delegate, message_), SWITCHYARD_OK) << message_.str();
    }
    for (switchyard_instance* instance : instances_) {
      EXPECT_EQ(plugin_->destroy_instance(instance, message_), SWITCHYARD_OK) << message_.str();
    }
  }

  switchyard_instance* Instance(uint32_t num_threads = 1) {
    auto config = Sized<switchyard_instance_config>();
    config.num_threads = num_threads;
    switchyard_instance* instance = nullptr;
    EXPECT_EQ(plugin_->create_instance(&config, &instance, message_), SWITCHYARD_OK)
        << message_.str();
    instances_.push_back(instance);
    return instance;
  }

  switchyard_load LoadOf(std::span<const std::byte> payload) {
    auto load = Sized<switchyard_load>();
    load.payload = payload.data();
    load.payload_bytes = payload.size();
    return load;
  }
  switchyard_load LoadOfModel() {
    switchyard_load load = LoadOf(model_.payloads.at(0).bytes);
    load.named_data = &data_.c;
    return load;
  }

  switchyard_delegate* Delegate(switchyard_instance* instance, const switchyard_load& load) {
    switchyard_delegate* delegate = nullptr;
    EXPECT_EQ(plugin_->load(instance, &load, &delegate, message_), SWITCHYARD_OK) << message_.str();
    if (delegate != nullptr) delegates_.push_back(delegate);
    return delegate;
  }
  switchyard_delegate* Delegate() { return Delegate(Instance(), LoadOfModel()); }

  switchyard_status Execute(switchyard_delegate* delegate, std::vector<switchyard_tensor*> tensors,
                            const switchyard_tracer* tracer = nullptr) {
    auto execution = Sized<switchyard_execution>();
    execution.tensors = tensors.data();
    execution.num_tensors = tensors.size();
    execution.tracer = tracer;
    return plugin_->execute(delegate, &execution, message_);
  }

  // Runs the model's own case.
  void ExpectRightAnswer(switchyard_delegate* delegate) {
    const std::vector<float> input = ReadFloats("input_0.npy"),
                             expected = ReadFloats("expected_0.npy");
    ASSERT_EQ(input.size() % kInputs, 0u);
    const uint64_t rows = input.size() / kInputs;
    Tensor in(SWITCHYARD_FLOAT32, {rows, kInputs}, input.size() * sizeof(float));
    std::copy(input.begin(), input.end(), in.floats());
    Tensor out(SWITCHYARD_FLOAT32, {1, 1}, sizeof(float));
    ASSERT_EQ(Execute(delegate, {&in.c, &out.c}), SWITCHYARD_OK) << message_.str();
    ASSERT_EQ(out.c.sizes[0], rows);
    ASSERT_EQ(out.c.sizes[1], kOutputs);
    for (size_t i = 0; i < expected.size(); ++i) {
      // 37 products of numbers around 1: two roundings each.
      EXPECT_NEAR(out.floats()[i], expected[i], 2e-5) << i;
    }
  }

  // That a call is refused with a code and a message.
  void ExpectRefused(switchyard_status status, switchyard_status code, const std::string& words) {
    EXPECT_EQ(status, code) << message_.str();
    EXPECT_THAT(message_.str(), HasSubstr(words));
  }

  PluginModule plugin_;
  Model model_;
  HostData data_{model_};
  Text message_;
  std::vector<switchyard_instance*> instances_;
  std::vector<switchyard_delegate*> delegates_;
};

TEST_F(PluginTest, DescribesItself) {
  EXPECT_EQ(plugin_->struct_size, sizeof(switchyard_plugin));
  EXPECT_EQ(plugin_->version, SWITCHYARD_PLUGIN_VERSION);
  EXPECT_STREQ(plugin_->name, "XnnpackBackend");
  EXPECT_THAT(plugin_->description, StartsWith("switchyard " SWITCHYARD_VERSION "; kernels: "));
#if defined(__aarch64__)
  EXPECT_THAT(plugin_->description, HasSubstr("qp8_f32_qc8w_i8mm"));
#endif
  EXPECT_THAT(plugin_->description, HasSubstr("; sanitizers: "));
}

TEST_F(PluginTest, RunsAPayload) {
  for (const uint32_t threads : {0, 1, 3}) {
    switchyard_instance* instance = Instance(threads);
    EXPECT_EQ(plugin_->check_available(instance, message_), SWITCHYARD_OK) << message_.str();
    ExpectRightAnswer(Delegate(instance, LoadOfModel()));
  }
}

TEST_F(PluginTest, NeedsNoMessageAndNoPayloadAfterLoad) {
  std::vector<std::byte> copy(model_.payloads.at(0).bytes.begin(),
                              model_.payloads.at(0).bytes.end());
  switchyard_load load = LoadOf(copy);
  load.named_data = &data_.c;
  switchyard_delegate* delegate = nullptr;
  ASSERT_EQ(plugin_->load(Instance(), &load, &delegate, nullptr), SWITCHYARD_OK);
  delegates_.push_back(delegate);
  std::fill(copy.begin(), copy.end(), std::byte{0xA5});
  ExpectRightAnswer(delegate);
  EXPECT_EQ(plugin_->execute(delegate, nullptr, nullptr), SWITCHYARD_INVALID_ARGUMENT);
}

TEST_F(PluginTest, DescribesArguments) {
  switchyard_delegate* delegate = Delegate();
  uint64_t count = 0;
  ASSERT_EQ(plugin_->num_arguments(delegate, &count, message_), SWITCHYARD_OK);
  ASSERT_EQ(count, 2u);
  auto info = Sized<switchyard_argument_info>();
  ASSERT_EQ(plugin_->describe_argument(delegate, 0, &info, message_), SWITCHYARD_OK);
  EXPECT_EQ(info.element_type, +SWITCHYARD_FLOAT32);
  EXPECT_EQ(info.is_output, 0u);
  EXPECT_EQ(info.rank, 2u);
  EXPECT_EQ(info.sizes[1], kInputs);
  EXPECT_EQ(info.dim_order[1], 1u);
  ASSERT_EQ(plugin_->describe_argument(delegate, 1, &info, message_), SWITCHYARD_OK);
  EXPECT_EQ(info.is_output, 1u);
  EXPECT_EQ(info.sizes[1], kOutputs);
  ExpectRefused(plugin_->describe_argument(delegate, 2, &info, message_),
                SWITCHYARD_INVALID_ARGUMENT, "index 2, expected less than 2");
  info.struct_size = 8;
  ExpectRefused(plugin_->describe_argument(delegate, 0, &info, message_),
                SWITCHYARD_INVALID_ARGUMENT, "struct_size 8");
}

// Of every model: tensors made as described are taken.
TEST_F(PluginTest, TensorsAsDescribedAreTaken) {
  switchyard_instance* instance = Instance();
  size_t taken = 0, images = 0;
  for (const std::string name : {"fc.fp32", "conv.fp32.3x3", "conv.fp32.batch", "bmm.fp32",
                                 "op.add.fp32", "attention.fp32", "conv.fp32.channels_last"}) {
    const Model model = LoadTestModel(name);
    HostData data(model);
    for (const ModelPayload& payload : model.payloads) {
      switchyard_load load = LoadOf(payload.bytes);
      load.named_data = &data.c;
      switchyard_delegate* delegate = Delegate(instance, load);
      if (delegate == nullptr) continue;
      uint64_t count = 0;
      plugin_->num_arguments(delegate, &count, message_);
      std::vector<std::unique_ptr<Tensor>> owned;
      std::vector<switchyard_tensor*> tensors;
      for (uint64_t i = 0; i < count; ++i) {
        auto info = Sized<switchyard_argument_info>();
        ASSERT_EQ(plugin_->describe_argument(delegate, i, &info, message_), SWITCHYARD_OK);
        uint64_t bytes = sizeof(int64_t);
        for (uint32_t d = 0; d < info.rank; ++d) bytes *= info.sizes[d];
        const std::vector<uint64_t> sizes(info.sizes, info.sizes + info.rank);
        owned.push_back(std::make_unique<Tensor>(info.element_type, sizes, bytes));
        std::copy(std::begin(info.dim_order), std::end(info.dim_order), owned.back()->c.dim_order);
        images += info.dim_order[1] == 2;
        tensors.push_back(&owned.back()->c);
      }
      EXPECT_EQ(Execute(delegate, tensors), SWITCHYARD_OK) << payload.name << message_.str();
      ++taken;
    }
  }
  EXPECT_GE(taken, 7u);
  EXPECT_GE(images, 1u);
}

TEST_F(PluginTest, ReportsWhatRanWhere) {
  switchyard_delegate* delegate = Delegate();
  auto request = Sized<switchyard_report_request>();
  request.format = SWITCHYARD_REPORT_TEXT;
  auto text = Sized<switchyard_text>();
  ASSERT_EQ(plugin_->report(delegate, &request, &text, message_), SWITCHYARD_OK);
  std::string report(text.length + 1, '?');
  text.data = report.data();
  text.capacity = report.size();
  ASSERT_EQ(plugin_->report(delegate, &request, &text, message_), SWITCHYARD_OK);
  EXPECT_THAT(report, HasSubstr("FullyConnected"));
  EXPECT_EQ(report.back(), '\0');
  // Cut, but terminated.
  text.capacity = 10;
  ASSERT_EQ(plugin_->report(delegate, &request, &text, message_), SWITCHYARD_OK);
  EXPECT_EQ(std::strlen(report.data()), 9u);
  EXPECT_EQ(text.length + 1, report.size());

  request.format = SWITCHYARD_REPORT_JSON;
  request.flags = SWITCHYARD_REPORT_ALL_NODES;
  std::string json(65536, '\0');
  text.data = json.data();
  text.capacity = json.size();
  ASSERT_EQ(plugin_->report(delegate, &request, &text, message_), SWITCHYARD_OK);
  const auto parsed = nlohmann::json::parse(json.substr(0, text.length));
  EXPECT_EQ(parsed["version"], 1);
  EXPECT_EQ(parsed["nodes"][0]["op"], "FullyConnected");
  EXPECT_EQ(parsed["nodes"][0]["shapes"][0][1], kInputs);

  request.flags = 6;
  ExpectRefused(plugin_->report(delegate, &request, &text, message_), SWITCHYARD_NOT_SUPPORTED,
                "flags 0x6");
  request.flags = 0;
  request.format = 3;
  ExpectRefused(plugin_->report(delegate, &request, &text, message_), SWITCHYARD_NOT_SUPPORTED,
                "format 3");
  ExpectRefused(plugin_->report(delegate, &request, nullptr, message_), SWITCHYARD_INVALID_ARGUMENT,
                "where the text goes");
}

TEST_F(PluginTest, OptionsBelongToTheInstance) {
  switchyard_instance* first = Instance();
  switchyard_instance* second = Instance();
  auto option = Sized<switchyard_option>();
  option.key = "sme_threads";
  option.kind = SWITCHYARD_OPTION_INT;
  option.number = 3;
  ASSERT_EQ(plugin_->set_option(first, &option, message_), SWITCHYARD_OK) << message_.str();
  auto value = Sized<switchyard_option>();
  Text text;
  ASSERT_EQ(plugin_->get_option(first, "sme_threads", &value, text, message_), SWITCHYARD_OK);
  EXPECT_EQ(value.kind, +SWITCHYARD_OPTION_INT);
  EXPECT_EQ(value.number, 3);
  EXPECT_EQ(text.str(), "3");
  ASSERT_EQ(plugin_->get_option(second, "sme_threads", &value, text, message_), SWITCHYARD_OK);
  EXPECT_EQ(value.number, 0);
  ASSERT_EQ(plugin_->get_option(first, "packed_kernels", &value, text, message_), SWITCHYARD_OK);
  EXPECT_EQ(value.kind, +SWITCHYARD_OPTION_BOOL);
  EXPECT_EQ(text.str(), "true");
  ASSERT_EQ(plugin_->get_option(first, "cpu_features", nullptr, text, message_), SWITCHYARD_OK);
  EXPECT_EQ(text.str(), "host");
  ExpectRefused(plugin_->get_option(first, "nonsense", &value, text, message_),
                SWITCHYARD_NOT_FOUND, "option 'nonsense'");
  option.number = -1;
  ExpectRefused(plugin_->set_option(first, &option, message_), SWITCHYARD_INVALID_ARGUMENT,
                "an int from 0 to 4096");
  option.kind = SWITCHYARD_OPTION_TEXT;
  ExpectRefused(plugin_->set_option(first, &option, message_), SWITCHYARD_INVALID_ARGUMENT,
                "no text");
  option.kind = 9;
  ExpectRefused(plugin_->set_option(first, &option, message_), SWITCHYARD_INVALID_ARGUMENT,
                "kind 9");
  option.key = nullptr;
  ExpectRefused(plugin_->set_option(first, &option, message_), SWITCHYARD_INVALID_ARGUMENT,
                "no key");

  // For one load.
  auto mask = Sized<switchyard_option>();
  mask.key = "cpu_features";
  mask.kind = SWITCHYARD_OPTION_TEXT;
  mask.text = "stock";
  const switchyard_option* options[] = {&mask};
  switchyard_load load = LoadOfModel();
  load.options = options;
  load.num_options = 1;
  ExpectRightAnswer(Delegate(first, load));
  mask.text = "no such tier";
  switchyard_delegate* delegate = nullptr;
  ExpectRefused(plugin_->load(first, &load, &delegate, message_), SWITCHYARD_INVALID_ARGUMENT,
                "no such tier");
  load.options = nullptr;
  ExpectRefused(plugin_->load(first, &load, &delegate, message_), SWITCHYARD_INVALID_ARGUMENT,
                "load: options: a null pointer");
  load.num_options = uint64_t{1} << 60;
  ExpectRefused(plugin_->load(first, &load, &delegate, message_), SWITCHYARD_INVALID_ARGUMENT,
                "expected at most 1024");
}

struct Services {
  Services() {
    allocator = Sized<switchyard_allocator>();
    allocator.context = this;
    allocator.allocate = [](void* context, uint64_t bytes, uint64_t alignment) -> void* {
      auto* self = static_cast<Services*>(context);
      if (self->is_empty) return nullptr;
      ++self->live;
      char* block = static_cast<char*>(
          std::aligned_alloc(alignment, (bytes + 2 * alignment) / alignment * alignment));
      self->blocks[block + self->skew] = block;
      return block + self->skew;
    };
    allocator.release = [](void* context, void* pointer) {
      auto* self = static_cast<Services*>(context);
      --self->live;
      std::free(self->blocks.at(pointer));
    };
    tracer = Sized<switchyard_tracer>();
    tracer.context = this;
    tracer.now = [](void* context) { return ++static_cast<Services*>(context)->now; };
    tracer.event = [](void* context, const switchyard_event* event) {
      EXPECT_GE(event->struct_size, sizeof *event);
      static_cast<Services*>(context)->events.push_back(
          std::format("{} {}", event->name, event->end - event->start));
      EXPECT_LE(event->kind, +SWITCHYARD_EVENT_OPERATOR);
      EXPECT_NE(event->route, nullptr);
    };
    logger = Sized<switchyard_logger>();
    logger.context = this;
    logger.log = [](void* context, switchyard_log_level level, const char* message) {
      static_cast<Services*>(context)->log += std::format("{} {}\n", level, message);
    };
  }

  switchyard_allocator allocator;
  switchyard_tracer tracer;
  switchyard_logger logger;
  std::map<void*, void*> blocks;
  bool is_empty = false;
  size_t skew = 0;
  int live = 0;
  uint64_t now = 0;
  std::vector<std::string> events;
  std::string log;
};

TEST_F(PluginTest, UsesTheHostsServices) {
  Services services, other;
  switchyard_instance* instance = Instance();
  switchyard_load load = LoadOfModel();
  load.allocator = &services.allocator;
  load.tracer = &services.tracer;
  load.logger = &services.logger;
  load.method_name = "forward";
  // A warning, which reaches the logger.
  auto off = Sized<switchyard_option>();
  off.key = "weight_cache_enabled";
  off.kind = SWITCHYARD_OPTION_BOOL;
  auto path = Sized<switchyard_option>();
  path.key = "packed_cache_path";
  path.kind = SWITCHYARD_OPTION_TEXT;
  path.text = "/nowhere";
  const switchyard_option* options[] = {&off, &path};
  load.options = options;
  load.num_options = 2;
  switchyard_delegate* delegate = Delegate(instance, load);
  EXPECT_THAT(services.log, StartsWith("2 option packed_cache_path"));
  ExpectRightAnswer(delegate);
  const size_t num_events = services.events.size();
  EXPECT_THAT(services.events, Contains(HasSubstr("FullyConnected")));

  // A tracer of one execute.
  Tensor in(SWITCHYARD_FLOAT32, {1, kInputs}, kInputs * sizeof(float));
  Tensor out(SWITCHYARD_FLOAT32, {1, kOutputs}, kOutputs * sizeof(float));
  ASSERT_EQ(Execute(delegate, {&in.c, &out.c}, &other.tracer), SWITCHYARD_OK);
  EXPECT_EQ(services.events.size(), num_events);
  EXPECT_EQ(other.events.size(), num_events);

  const int live = services.live;
  delegates_.clear();
  EXPECT_EQ(plugin_->destroy(delegate, message_), SWITCHYARD_OK);
  EXPECT_EQ(services.live, 0) << "of " << live;
}

TEST_F(PluginTest, HostsWithoutMemoryAreTold) {
  // Constants where no float can be read: copied to memory of the host's.
  std::vector<std::byte> misaligned;
  data_.answer = [&](switchyard_buffer* buffer, switchyard_text*) -> switchyard_status {
    buffer->data = misaligned.data() + 1;
    buffer->bytes = misaligned.size() - 1;
    return SWITCHYARD_OK;
  };
  misaligned.resize(kInputs * kOutputs * sizeof(float) + 1);
  Services services;
  switchyard_instance* instance = Instance();
  switchyard_load load = LoadOfModel();
  data_.c.release = nullptr;
  load.allocator = &services.allocator;
  // None, or not aligned as asked, which is as good.
  for (const size_t skew : {0, 4}) {
    services.is_empty = skew == 0;
    services.skew = skew;
    switchyard_delegate* delegate = nullptr;
    ExpectRefused(plugin_->load(instance, &load, &delegate, message_),
                  SWITCHYARD_MEMORY_ALLOCATION_FAILED, "the host's allocator has no");
    EXPECT_EQ(services.live, 0);
  }
  load.allocator = nullptr;
  for (const auto remove :
       {+[](Services& s) { s.allocator.allocate = nullptr; },
        +[](Services& s) { s.allocator.release = nullptr; },
        +[](Services& s) { s.logger.log = nullptr; }, +[](Services& s) { s.tracer.now = nullptr; },
        +[](Services& s) { s.tracer.event = nullptr; }}) {
    Services incomplete;
    remove(incomplete);
    load.allocator = &incomplete.allocator;
    load.logger = &incomplete.logger;
    load.tracer = &incomplete.tracer;
    switchyard_delegate* delegate = nullptr;
    ExpectRefused(plugin_->load(instance, &load, &delegate, message_), SWITCHYARD_INVALID_ARGUMENT,
                  ": no function");
    EXPECT_EQ(delegate, nullptr);
  }
}

TEST_F(PluginTest, AsksForNamedDataDuringLoadAlone) {
  const Model model = LoadTestModel("file.external_data");
  HostData data(model);
  switchyard_instance* instance = Instance();
  switchyard_load load = LoadOf(model.payloads.at(0).bytes);
  load.named_data = &data.c;
  ASSERT_NE(Delegate(instance, load), nullptr);
  EXPECT_GT(data.lent, 0);
  EXPECT_EQ(data.lent, data.released);

  switchyard_delegate* delegate = nullptr;
  data.answer = [](switchyard_buffer*, switchyard_text* message) -> switchyard_status {
    std::strcpy(message->data, "the disk is gone");
    return SWITCHYARD_ACCESS_FAILED;
  };
  ExpectRefused(plugin_->load(instance, &load, &delegate, message_), SWITCHYARD_ACCESS_FAILED,
                "answers code 0x22: the disk is gone");
  data.answer = [](switchyard_buffer* buffer, switchyard_text*) -> switchyard_status {
    buffer->bytes = 100;
    return SWITCHYARD_OK;
  };
  ExpectRefused(plugin_->load(instance, &load, &delegate, message_),
                SWITCHYARD_INVALID_EXTERNAL_DATA, "100 bytes at a null pointer");
  data.answer = [](switchyard_buffer*, switchyard_text*) -> switchyard_status {
    return SWITCHYARD_OK;  // nothing at all
  };
  EXPECT_NE(plugin_->load(instance, &load, &delegate, message_), SWITCHYARD_OK);
  EXPECT_NE(message_.str(), "");
  load.named_data = nullptr;
  EXPECT_NE(plugin_->load(instance, &load, &delegate, message_), SWITCHYARD_OK);
  EXPECT_EQ(delegate, nullptr);
}

// A host that was compiled with an older or a newer header.
TEST_F(PluginTest, OlderAndNewerStructsWorkOrAreRefused) {
  switchyard_instance* instance = Instance();
  // Older: it ends where the first members do, and what follows it is not its own.
  const std::vector<std::byte> payload = Standalone(model_);
  switchyard_load load = LoadOf(payload);
  std::memset(reinterpret_cast<char*>(&load) + offsetof(switchyard_load, model), 0xA5,
              sizeof load - offsetof(switchyard_load, model));
  load.struct_size = offsetof(switchyard_load, model);
  switchyard_delegate* delegate = Delegate(instance, load);
  ASSERT_NE(delegate, nullptr);
  load.struct_size = offsetof(switchyard_load, num_options);
  switchyard_delegate* none = nullptr;
  ExpectRefused(plugin_->load(instance, &load, &none, message_), SWITCHYARD_INVALID_ARGUMENT,
                "load: struct_size 40, expected 48 to 4096");

  // Newer: zeros mean "as before", anything else is more than this module can do.
  struct NewerLoad {
    switchyard_load base;
    uint64_t priority, deadline;
  } newer;
  std::memset(&newer, 0, sizeof newer);
  newer.base = LoadOfModel();
  newer.base.struct_size = sizeof newer;
  ASSERT_EQ(plugin_->load(instance, &newer.base, &none, message_), SWITCHYARD_OK) << message_.str();
  delegates_.push_back(none);
  newer.deadline = 1;
  ExpectRefused(plugin_->load(instance, &newer.base, &none, message_), SWITCHYARD_NOT_SUPPORTED,
                "use a newer module");
  newer.base.struct_size = 5000;
  ExpectRefused(plugin_->load(instance, &newer.base, &none, message_), SWITCHYARD_INVALID_ARGUMENT,
                "struct_size 5000");
  newer.base = LoadOfModel();
  newer.base.reserved[3] = 1;
  ExpectRefused(plugin_->load(instance, &newer.base, &none, message_), SWITCHYARD_NOT_SUPPORTED,
                "reserved words");

  // Tensors of other lengths, each by itself.
  struct NewerTensor {
    switchyard_tensor base;
    uint64_t stride;
  } input;
  Tensor in(SWITCHYARD_FLOAT32, {1, kInputs}, kInputs * sizeof(float));
  Tensor out(SWITCHYARD_FLOAT32, {1, kOutputs}, kOutputs * sizeof(float));
  std::memset(&input, 0, sizeof input);
  input.base = in.c;
  input.base.struct_size = sizeof input;
  out.c.struct_size = offsetof(switchyard_tensor, resize);
  EXPECT_EQ(Execute(delegate, {&input.base, &out.c}), SWITCHYARD_OK) << message_.str();
  // Its `resize` is not among its members.
  out.c.sizes[0] = 2;
  ExpectRefused(Execute(delegate, {&input.base, &out.c}), SWITCHYARD_NOT_SUPPORTED,
                "the tensor is static");
  input.stride = 7;
  ExpectRefused(Execute(delegate, {&input.base, &out.c}), SWITCHYARD_NOT_SUPPORTED,
                "argument 0: tensor: 216 bytes");
}

TEST_F(PluginTest, VersionsAreNegotiated) {
  auto request = Sized<switchyard_query>();
  request.min_version = 1;
  request.max_version = 7;
  const switchyard_plugin* table = nullptr;
  ASSERT_EQ(plugin_.query(&request, &table, message_), SWITCHYARD_OK) << message_.str();
  EXPECT_EQ(table->version, 1u);
  table = nullptr;
  request.min_version = 2;
  ExpectRefused(plugin_.query(&request, &table, message_), SWITCHYARD_NOT_SUPPORTED,
                "the host knows versions 2 to 7 of the plugin ABI, this module 1");
  request.min_version = request.max_version = 0;
  ExpectRefused(plugin_.query(&request, &table, message_), SWITCHYARD_NOT_SUPPORTED,
                "versions 0 to 0");
  request.struct_size = 0;
  ExpectRefused(plugin_.query(&request, &table, message_), SWITCHYARD_INVALID_ARGUMENT,
                "struct_size 0");
  ExpectRefused(plugin_.query(nullptr, &table, message_), SWITCHYARD_INVALID_ARGUMENT,
                "query: a null pointer");
  ExpectRefused(plugin_.query(&request, nullptr, message_), SWITCHYARD_INVALID_ARGUMENT,
                "where the table goes");
  EXPECT_EQ(table, nullptr);
}

TEST_F(PluginTest, NullsAreRefused) {
  switchyard_instance* instance = nullptr;
  switchyard_delegate* delegate = nullptr;
  auto config = Sized<switchyard_instance_config>();
  const switchyard_load load = LoadOfModel();
  auto option = Sized<switchyard_option>();
  uint64_t count = 0;
  constexpr switchyard_status kBad = SWITCHYARD_INVALID_ARGUMENT;
  constexpr switchyard_status kNoHandle = SWITCHYARD_DELEGATE_INVALID_HANDLE;
  ExpectRefused(plugin_->create_instance(nullptr, &instance, message_), kBad, "null pointer");
  ExpectRefused(plugin_->create_instance(&config, nullptr, message_), kBad, "null pointer");
  ExpectRefused(plugin_->check_available(nullptr, message_), kBad, "instance: null");
  ExpectRefused(plugin_->load(nullptr, &load, &delegate, message_), kBad, "instance: null");
  ExpectRefused(plugin_->load(Instance(), nullptr, &delegate, message_), kBad, "null pointer");
  ExpectRefused(plugin_->load(Instance(), &load, nullptr, message_), kBad, "null pointer");
  ExpectRefused(plugin_->set_option(nullptr, &option, message_), kBad, "instance: null");
  ExpectRefused(plugin_->set_option(Instance(), nullptr, message_), kBad, "null pointer");
  ExpectRefused(plugin_->get_option(nullptr, "x", nullptr, nullptr, message_), kBad, "instance");
  ExpectRefused(plugin_->get_option(Instance(), nullptr, nullptr, nullptr, message_), kBad, "key");
  ExpectRefused(Execute(nullptr, {}), kNoHandle, "delegate: null");
  ExpectRefused(plugin_->num_arguments(nullptr, &count, message_), kNoHandle, "delegate: null");
  ExpectRefused(plugin_->num_arguments(Delegate(), nullptr, message_), kBad, "null pointer");
  ExpectRefused(plugin_->describe_argument(Delegate(), 0, nullptr, message_), kBad, "null pointer");
  ExpectRefused(plugin_->report(Delegate(), nullptr, message_, message_), kBad, "null pointer");
  switchyard_load no_payload = LoadOfModel();
  no_payload.payload = nullptr;
  ExpectRefused(plugin_->load(Instance(), &no_payload, &delegate, message_), kBad,
                "load: payload: a null pointer");
  no_payload.payload_bytes = 0;
  EXPECT_NE(plugin_->load(Instance(), &no_payload, &delegate, message_), SWITCHYARD_OK);
  EXPECT_EQ(plugin_->destroy(nullptr, message_), SWITCHYARD_OK);
  EXPECT_EQ(plugin_->destroy_instance(nullptr, message_), SWITCHYARD_OK);
  EXPECT_EQ(delegate, nullptr);
  config.num_threads = SWITCHYARD_MAX_THREADS + 1;
  ExpectRefused(plugin_->create_instance(&config, &instance, message_), kBad, "1025 threads");
  EXPECT_EQ(instance, nullptr);
}

TEST_F(PluginTest, MalformedMessagesAreRefused) {
  for (const auto spoil : {+[](switchyard_text& text) { text.struct_size = 0; },
                           +[](switchyard_text& text) { text.struct_size = 24; },
                           +[](switchyard_text& text) { text.struct_size = UINT64_MAX; },
                           +[](switchyard_text& text) { text.data = nullptr; },
                           +[](switchyard_text& text) { text.reserved = 1; }}) {
    Text message;
    std::strcpy(message.buffer.data(), "as it was");
    spoil(message.text);
    EXPECT_EQ(plugin_->destroy(nullptr, message), SWITCHYARD_INVALID_ARGUMENT);
    EXPECT_EQ(message.str(), "as it was");
  }
  Text tiny;
  tiny.text.capacity = 5;
  EXPECT_EQ(plugin_->check_available(nullptr, tiny), SWITCHYARD_INVALID_ARGUMENT);
  EXPECT_EQ(tiny.str(), "inst");
  EXPECT_GT(tiny.text.length, 20u);
  tiny.text.capacity = 0;
  tiny.text.data = nullptr;
  EXPECT_EQ(plugin_->check_available(nullptr, tiny), SWITCHYARD_INVALID_ARGUMENT);
}

TEST_F(PluginTest, WrongTensorsAreRefused) {
  switchyard_delegate* delegate = Delegate();
  constexpr switchyard_status kBad = SWITCHYARD_INVALID_ARGUMENT;
  struct Wrong {
    std::function<void(switchyard_tensor&)> spoil;
    switchyard_status code;
    std::string words;
  };
  const Wrong wrongs[] = {
      {[](auto& t) { t.struct_size = 0; }, kBad, "struct_size 0"},
      {[](auto& t) { t.element_type = 0; }, SWITCHYARD_INVALID_TYPE, "element type 0"},
      {[](auto& t) { t.element_type = 8; }, SWITCHYARD_INVALID_TYPE, "element type 8"},
      {[](auto& t) { t.element_type = SWITCHYARD_INT8; }, SWITCHYARD_INVALID_TYPE, "int8"},
      {[](auto& t) { t.rank = 17; }, kBad, "17 dimensions"},
      {[](auto& t) { t.rank = UINT32_MAX; }, kBad, "dimensions"},
      {[](auto& t) { t.rank = 3; }, kBad, "3 dimensions, expected 2"},
      {[](auto& t) { t.rank = 0; }, kBad, "0 dimensions"},
      {[](auto& t) { t.sizes[1] = 36; }, SWITCHYARD_INVALID_ARGUMENT, "[1, 36]"},
      {[](auto& t) { t.sizes[0] = UINT64_MAX; }, kBad, "argument 0"},
      {[](auto& t) { t.dim_order[0] = 200, t.dim_order[1] = 201; }, kBad, "dim order"},
      {[](auto& t) { t.dim_order[0] = t.dim_order[1] = 1; }, kBad, "dim order"},
      {[](auto& t) { t.data = nullptr; }, kBad, "no data pointer"},
      {[](auto& t) { t.capacity_bytes = 4; }, kBad, "4 bytes of storage"},
      {[](auto& t) { t.reserved[0] = 1; }, SWITCHYARD_NOT_SUPPORTED, "reserved words"},
  };
  for (const Wrong& wrong : wrongs) {
    Tensor in(SWITCHYARD_FLOAT32, {1, kInputs}, kInputs * sizeof(float));
    Tensor out(SWITCHYARD_FLOAT32, {1, kOutputs}, kOutputs * sizeof(float));
    wrong.spoil(in.c);
    ExpectRefused(Execute(delegate, {&in.c, &out.c}), wrong.code, wrong.words);
  }
  Tensor in(SWITCHYARD_FLOAT32, {1, kInputs}, kInputs * sizeof(float));
  ExpectRefused(Execute(delegate, {&in.c, nullptr}), kBad, "argument 1: tensor: a null pointer");
  ExpectRefused(Execute(delegate, {&in.c}), kBad, "1 tensors, expected 2");
  ExpectRefused(Execute(delegate, {}), kBad, "0 tensors");
  auto execution = Sized<switchyard_execution>();
  execution.num_tensors = 2;
  ExpectRefused(plugin_->execute(delegate, &execution, message_), kBad, "a null pointer");
  execution.num_tensors = UINT64_MAX;
  ExpectRefused(plugin_->execute(delegate, &execution, message_), kBad, "tensors, expected 2");
  ExpectRightAnswer(delegate);  // none of this was its fault
}

TEST_F(PluginTest, ResizingMayFailOrLie) {
  switchyard_delegate* delegate = Delegate();
  Tensor in(SWITCHYARD_FLOAT32, {1, kInputs}, kInputs * sizeof(float));
  Tensor out(SWITCHYARD_FLOAT32, {7, 7}, 49 * sizeof(float));
  out.c.resize = [](switchyard_tensor*, const uint64_t*,
                    switchyard_text* message) -> switchyard_status {
    std::strcpy(message->data, "no more room");
    return SWITCHYARD_OUT_OF_RESOURCES;
  };
  ExpectRefused(Execute(delegate, {&in.c, &out.c}), SWITCHYARD_OUT_OF_RESOURCES,
                "from [7, 7] to [1, 19] with code 0x25: no more room");
  out.c.resize = [](switchyard_tensor*, const uint64_t*, switchyard_text*) -> switchyard_status {
    return SWITCHYARD_OK;
  };
  ExpectRefused(Execute(delegate, {&in.c, &out.c}), SWITCHYARD_INVALID_ARGUMENT,
                "resized a tensor to [7, 7], expected [1, 19]");
  out.c.resize = [](switchyard_tensor* tensor, const uint64_t* sizes,
                    switchyard_text*) -> switchyard_status {
    tensor->sizes[0] = sizes[0];
    tensor->sizes[1] = sizes[1];
    tensor->data = nullptr;
    return SWITCHYARD_OK;
  };
  ExpectRefused(Execute(delegate, {&in.c, &out.c}), SWITCHYARD_INVALID_ARGUMENT,
                "argument 1: no data pointer");
  out.c.resize = [](switchyard_tensor* tensor, const uint64_t*,
                    switchyard_text*) -> switchyard_status {
    tensor->struct_size = 1;
    return SWITCHYARD_OK;
  };
  out.c.sizes[0] = 3;
  ExpectRefused(Execute(delegate, {&in.c, &out.c}), SWITCHYARD_INVALID_ARGUMENT, "struct_size 1");
  ExpectRightAnswer(delegate);
}

TEST_F(PluginTest, DamagedPayloadsAreRefused) {
  switchyard_instance* instance = Instance();
  std::vector<std::byte> payload(model_.payloads.at(0).bytes.begin(),
                                 model_.payloads.at(0).bytes.end());
  switchyard_load load = LoadOf(payload);
  load.named_data = &data_.c;
  switchyard_delegate* delegate = nullptr;
  load.payload_bytes /= 2;
  EXPECT_NE(plugin_->load(instance, &load, &delegate, message_), SWITCHYARD_OK);
  EXPECT_NE(message_.str(), "");
  load.payload_bytes = payload.size();
  payload[4] = std::byte{'?'};
  EXPECT_NE(plugin_->load(instance, &load, &delegate, message_), SWITCHYARD_OK);
  EXPECT_NE(message_.str(), "");
  EXPECT_EQ(delegate, nullptr);
}

TEST_F(PluginTest, InstancesAreKeptWhileTheyHaveDelegates) {
  switchyard_delegate* delegate = Delegate();
  ExpectRefused(plugin_->destroy_instance(instances_[0], message_), SWITCHYARD_INVALID_STATE,
                "1 delegates are loaded");
  ExpectRightAnswer(delegate);
}

TEST_F(PluginTest, RunsFromManyThreads) {
  switchyard_instance* instance = Instance(2);
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        const switchyard_load load = LoadOfModel();
        switchyard_delegate* delegate = nullptr;
        Text message;
        if (plugin_->load(instance, &load, &delegate, message) != SWITCHYARD_OK) {
          ++failed;
          continue;
        }
        Tensor in(SWITCHYARD_FLOAT32, {1, kInputs}, kInputs * sizeof(float));
        Tensor out(SWITCHYARD_FLOAT32, {1, 1}, sizeof(float));
        std::vector<switchyard_tensor*> tensors = {&in.c, &out.c};
        auto execution = Sized<switchyard_execution>();
        execution.tensors = tensors.data();
        execution.num_tensors = 2;
        failed += plugin_->execute(delegate, &execution, message) != SWITCHYARD_OK;
        failed += plugin_->destroy(delegate, message) != SWITCHYARD_OK;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

size_t CountThreads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

bool IsMapped(const std::string& library) {
  std::ifstream maps("/proc/self/maps");
  const std::string all((std::istreambuf_iterator<char>(maps)), {});
  return all.find(library) != std::string::npos;
}

TEST(PluginUnload, LeavesNothingBehind) {
  const size_t threads_before = CountThreads();
  const Model model = LoadTestModel("fc.fp32");
  HostData data(model);
  for (int round = 0; round < 3; ++round) {
    {
      PluginModule plugin;
      ASSERT_NE(plugin.table, nullptr);
      auto config = Sized<switchyard_instance_config>();
      config.num_threads = 4;
      switchyard_instance* instance = nullptr;
      Text message;
      ASSERT_EQ(plugin->create_instance(&config, &instance, message), SWITCHYARD_OK);
      auto load = Sized<switchyard_load>();
      load.payload = model.payloads.at(0).bytes.data();
      load.payload_bytes = model.payloads.at(0).bytes.size();
      load.named_data = &data.c;
      switchyard_delegate* delegate = nullptr;
      ASSERT_EQ(plugin->load(instance, &load, &delegate, message), SWITCHYARD_OK) << message.str();
      ASSERT_TRUE(IsMapped("libswitchyard_plugin.so"));
      ASSERT_EQ(plugin->destroy(delegate, message), SWITCHYARD_OK);
      ASSERT_EQ(plugin->destroy_instance(instance, message), SWITCHYARD_OK);
    }
    EXPECT_FALSE(IsMapped("libswitchyard_plugin.so"));
    EXPECT_EQ(CountThreads(), threads_before);
  }
}

}  // namespace
}  // namespace switchyard::test
