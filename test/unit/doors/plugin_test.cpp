// libswitchyard_plugin.so in a host that links nothing of what it needs: what it does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "test/unit/doors/plugin_fixture.h"

namespace switchyard::test {
namespace {

using ::testing::Contains;
using ::testing::StartsWith;

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
    // One that has been joined is listed a moment longer; at the start, too, one of another test.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (CountThreads() > threads_before && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_LE(CountThreads(), threads_before);
  }
}

}  // namespace
}  // namespace switchyard::test
