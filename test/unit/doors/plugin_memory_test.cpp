// The module when the C++ library has no memory left: no exception gets out, nothing ends the
// process, nothing waits for ever. In a program of its own, whose operator new fails when told to.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/test_data.h"
#include "test/unit/doors/plugin_host.h"

namespace {

// How many allocations from now on succeed; below 0: all.
thread_local long allowed = -1;

void* Allocate(size_t bytes, size_t alignment) {
  if (allowed == 0) throw std::bad_alloc();
  if (allowed > 0) --allowed;
  bytes = (bytes + alignment) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, bytes)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// Seen by the module, since this program comes first.
__attribute__((visibility("default"))) void* operator new(size_t bytes) {
  return Allocate(bytes, alignof(std::max_align_t));
}
__attribute__((visibility("default"))) void* operator new(size_t bytes, std::align_val_t align) {
  return Allocate(bytes, static_cast<size_t>(align));
}
__attribute__((visibility("default"))) void operator delete(void* memory) noexcept {
  std::free(memory);
}
__attribute__((visibility("default"))) void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
__attribute__((visibility("default"))) void operator delete(void* memory,
                                                            std::align_val_t) noexcept {
  std::free(memory);
}
__attribute__((visibility("default"))) void operator delete(void* memory, size_t,
                                                            std::align_val_t) noexcept {
  std::free(memory);
}

namespace switchyard::test {
namespace {

TEST(PluginMemory, EveryFailureIsAnErrorOfItsCall) {
  const Model model = LoadTestModel("fc.fp32");
  const Result<Graph> graph = ReadPayload(model.payloads.at(0).bytes, model.named_data.get());
  ASSERT_TRUE(graph);
  const Result<Payload> payload = WritePayload(*graph);
  ASSERT_TRUE(payload);
  PluginModule plugin;
  ASSERT_NE(plugin.table, nullptr);
  auto config = Sized<switchyard_instance_config>();
  auto load = Sized<switchyard_load>();
  load.payload = payload->bytes.data();
  load.payload_bytes = payload->bytes.size();
  Tensor in(SWITCHYARD_FLOAT32, {1, 37}, 37 * sizeof(float));
  Tensor out(SWITCHYARD_FLOAT32, {1, 19}, 19 * sizeof(float));
  switchyard_tensor* tensors[] = {&in.c, &out.c};
  auto execution = Sized<switchyard_execution>();
  execution.tensors = tensors;
  execution.num_tensors = 2;

  size_t failed = 0;
  bool worked = false;
  for (long allocations = 0; !worked && allocations < 5000; ++allocations) {
    switchyard_instance* instance = nullptr;
    switchyard_delegate* delegate = nullptr;
    Text message;
    switchyard_status status = plugin->create_instance(&config, &instance, message);
    ASSERT_EQ(status, SWITCHYARD_OK);
    allowed = allocations;
    status = plugin->load(instance, &load, &delegate, message);
    if (status == SWITCHYARD_OK) status = plugin->execute(delegate, &execution, message);
    allowed = -1;
    worked = status == SWITCHYARD_OK;
    if (!worked) {
      ++failed;
      ASSERT_EQ(status, SWITCHYARD_MEMORY_ALLOCATION_FAILED) << message.str();
      ASSERT_NE(message.str(), "");
    }
    // The instance goes on; a delegate may not.
    if (delegate != nullptr) {
      status = plugin->execute(delegate, &execution, message);
      ASSERT_TRUE(status == SWITCHYARD_OK || status == SWITCHYARD_INVALID_STATE) << message.str();
      ASSERT_EQ(plugin->destroy(delegate, message), SWITCHYARD_OK) << message.str();
      delegate = nullptr;
    }
    ASSERT_EQ(plugin->load(instance, &load, &delegate, message), SWITCHYARD_OK) << message.str();
    ASSERT_EQ(plugin->execute(delegate, &execution, message), SWITCHYARD_OK) << message.str();
    ASSERT_EQ(plugin->destroy(delegate, message), SWITCHYARD_OK) << message.str();
    ASSERT_EQ(plugin->destroy_instance(instance, message), SWITCHYARD_OK) << message.str();
  }
  EXPECT_TRUE(worked);
  EXPECT_GT(failed, 50u);  // else the module got another operator new
}

}  // namespace
}  // namespace switchyard::test
