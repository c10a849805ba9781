// libswitchyard_plugin.so: what it says to hosts that are older, newer or wrong.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <format>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "test/unit/doors/plugin_fixture.h"

namespace switchyard::test {
namespace {

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
                "load: struct_size 40, expected 48, 56, 64, 72, 80, 88, 96, 104, 112, 120 to 4096");

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
  newer.base.reserved[2] = 1;
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

// Calls with `full`, cut to every size: those that `ends` names and all from its own on are taken.
template <typename T, typename Call>
void CheckEverySize(const std::string& name, const T& full, const std::set<uint64_t>& ends,
                    const Text& message, Call call) {
  SCOPED_TRACE(name);
  for (uint64_t size = 0; size <= sizeof full + 16; ++size) {
    alignas(T) std::array<char, sizeof full + 16> bytes{};
    std::memcpy(bytes.data(), &full, sizeof full);
    T* const cut = reinterpret_cast<T*>(bytes.data());
    cut->struct_size = size;
    const switchyard_status status = call(cut);
    if (ends.contains(size) || size >= sizeof full) {
      EXPECT_EQ(status, SWITCHYARD_OK) << size << ": " << message.str();
      continue;
    }
    EXPECT_EQ(status, SWITCHYARD_INVALID_ARGUMENT) << size;
    EXPECT_THAT(message.str(), HasSubstr(std::format("{}: struct_size {}, expected {}", name, size,
                                                     ends.empty() ? sizeof full : *ends.begin())));
  }
}

// The numbers are those of the first version; see plugin_header.c.
TEST_F(PluginTest, StructsThatEndInsideAMemberAreRefused) {
  auto config = Sized<switchyard_instance_config>();
  CheckEverySize("instance config", config, {}, message_, [&](auto* cut) {
    switchyard_instance* instance = nullptr;
    const switchyard_status status = plugin_->create_instance(cut, &instance, message_);
    plugin_->destroy_instance(instance, nullptr);
    return status;
  });
  switchyard_instance* const instance = Instance();
  const auto load = [&](const switchyard_load& how) {
    switchyard_delegate* delegate = nullptr;
    const switchyard_status status = plugin_->load(instance, &how, &delegate, message_);
    plugin_->destroy(delegate, nullptr);
    return status;
  };
  const std::vector<std::byte> payload = Standalone(model_);
  const switchyard_load whole = LoadOf(payload);
  CheckEverySize("load", whole, {48, 56, 64, 72, 80, 88, 96, 104, 112}, message_,
                 [&](auto* cut) { return load(*cut); });
  Services services;
  const auto with = [&](auto member, auto* cut) {
    switchyard_load how = whole;
    how.*member = cut;
    return load(how);
  };
  CheckEverySize("allocator", services.allocator, {32, 40}, message_,
                 [&](auto* cut) { return with(&switchyard_load::allocator, cut); });
  CheckEverySize("logger", services.logger, {24, 32}, message_,
                 [&](auto* cut) { return with(&switchyard_load::logger, cut); });
  CheckEverySize("tracer", services.tracer, {32, 40, 48}, message_,
                 [&](auto* cut) { return with(&switchyard_load::tracer, cut); });
  CheckEverySize("named data", data_.c, {32, 40}, message_,
                 [&](auto* cut) { return with(&switchyard_load::named_data, cut); });

  auto option = Sized<switchyard_option>();
  option.key = "workspace_sharing_mode";
  option.kind = SWITCHYARD_OPTION_INT;
  CheckEverySize("option", option, {}, message_,
                 [&](auto* cut) { return plugin_->set_option(instance, cut, message_); });
  CheckEverySize("option", option, {32}, message_, [&](auto* cut) {
    return plugin_->get_option(instance, option.key, cut, nullptr, message_);
  });
  Text text;
  CheckEverySize("get_option: text", text.text, {32}, message_, [&](auto* cut) {
    return plugin_->get_option(instance, option.key, nullptr, cut, message_);
  });

  switchyard_delegate* const delegate = Delegate(instance, whole);
  Tensor in(SWITCHYARD_FLOAT32, {1, kInputs}, kInputs * sizeof(float));
  Tensor out(SWITCHYARD_FLOAT32, {1, kOutputs}, kOutputs * sizeof(float));
  CheckEverySize("tensor", in.c, {176, 184, 192, 200}, message_,
                 [&](auto* cut) { return Execute(delegate, {cut, &out.c}); });
  switchyard_tensor* const tensors[] = {&in.c, &out.c};
  auto execution = Sized<switchyard_execution>();
  execution.tensors = tensors;
  execution.num_tensors = 2;
  CheckEverySize("execution", execution, {24, 32, 40}, message_,
                 [&](auto* cut) { return plugin_->execute(delegate, cut, message_); });
  CheckEverySize("describe_argument", Sized<switchyard_argument_info>(), {}, message_,
                 [&](auto* cut) { return plugin_->describe_argument(delegate, 0, cut, message_); });
  auto request = Sized<switchyard_report_request>();
  request.format = SWITCHYARD_REPORT_TEXT;
  CheckEverySize("report request", request, {}, message_,
                 [&](auto* cut) { return plugin_->report(delegate, cut, text, message_); });
  auto query = Sized<switchyard_query>();
  query.min_version = query.max_version = SWITCHYARD_PLUGIN_VERSION;
  CheckEverySize("query", query, {16, 24}, message_, [&](auto* cut) {
    const switchyard_plugin* table = nullptr;
    return plugin_.query(cut, &table, message_);
  });
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

}  // namespace
}  // namespace switchyard::test
