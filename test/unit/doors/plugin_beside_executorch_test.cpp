// The module in a process with ExecuTorch's libraries, which bring functions of the same names.
// Built twice: with ExecuTorch's own XNNPACK, and with the XNNPACK that the module needs, which
// then uses ExecuTorch's thread pool.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/unit/doors/plugin_host.h"

extern "C" int xnn_initialize(const void* allocator);

namespace switchyard::test {
namespace {

using ::testing::HasSubstr;

#if defined(SWITCHYARD_PEER)
constexpr int kRight = RTLD_DEEPBIND, kWrong = 0;
constexpr const char* kComplaint = "gets xnn_initialize from";
#else
constexpr int kRight = 0, kWrong = RTLD_DEEPBIND;
constexpr const char* kComplaint = "but pthreadpool_create is from";
#endif

// What the module answers when it is loaded with `flags`.
switchyard_status Query(int flags, Text& message) {
  void* handle = dlopen(SWITCHYARD_PLUGIN, RTLD_NOW | RTLD_LOCAL | flags);
  if (handle == nullptr) {
    ADD_FAILURE() << dlerror();
    return SWITCHYARD_INTERNAL;
  }
  const auto query =
      reinterpret_cast<switchyard_plugin_query_function>(dlsym(handle, SWITCHYARD_PLUGIN_QUERY));
  auto request = Sized<switchyard_query>();
  request.min_version = request.max_version = SWITCHYARD_PLUGIN_VERSION;
  const switchyard_plugin* table = nullptr;
  const switchyard_status status = query(&request, &table, message);
  EXPECT_EQ(table != nullptr, status == SWITCHYARD_OK);
  dlclose(handle);
  return status;
}

TEST(PluginBesideExecutorch, KnowsWhetherItsLibrariesAreMixed) {
  // So that the program keeps its XNNPACK, and has the thread pool that is meant.
  ASSERT_EQ(xnn_initialize(nullptr), 0);
  Dl_info library;
  ASSERT_NE(dladdr(dlsym(RTLD_DEFAULT, "pthreadpool_create"), &library), 0);
  ASSERT_THAT(library.dli_fname, HasSubstr("libexecutorch_threadpool.so"));

  Text message;
  EXPECT_EQ(Query(kWrong, message), SWITCHYARD_INVALID_STATE);
  EXPECT_THAT(message.str(), HasSubstr(kComplaint));
  EXPECT_EQ(Query(kRight, message), SWITCHYARD_OK) << message.str();
}

}  // namespace
}  // namespace switchyard::test
