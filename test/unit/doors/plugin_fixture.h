// What the tests of the plugin module share: a model, instances and delegates that are given back,
// a host's services.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/test_data.h"
#include "test/unit/doors/plugin_host.h"

namespace switchyard::test {

using ::testing::HasSubstr;

// fc.fp32: [1, 37] times 19 columns, and what ExecuTorch computed.
inline constexpr uint64_t kInputs = 37, kOutputs = 19;

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
inline std::vector<std::byte> Standalone(const Model& model) {
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
    const std::vector<float> input = ReadTestFloats("fc.fp32/case0/input_0.npy"),
                             expected = ReadTestFloats("fc.fp32/case0/expected_0.npy");
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

}  // namespace switchyard::test
