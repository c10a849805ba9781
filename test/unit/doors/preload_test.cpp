// libswitchyard_executorch.so before all runtimes: linked with this program, which needs it for
// nothing, it is where a preloaded library is, before what comes in later.

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "backend/doors/runtime_version.h"

namespace switchyard {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kRegister = "_ZN10executorch7runtime16register_backendERKNS0_7BackendE";
constexpr const char* kGetBackend = "_ZN10executorch7runtime17get_backend_classEPKc";

std::string FileOf(const void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 ? fs::path(info.dli_fname).filename().string() : "";
}

template <typename Function>
Function* Find(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

bool IsLoaded(const char* path) {
  void* handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
  if (handle != nullptr) dlclose(handle);
  return handle != nullptr;
}

// Loads `path` as Python does; what was said meanwhile.
void* Load(const char* path, std::string& said) {
  testing::internal::CaptureStderr();
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  said = testing::internal::GetCapturedStderr();
  EXPECT_NE(library, nullptr) << dlerror();
  return library;
}

void ExpectLeftAlone(const char* path, const std::string& version) {
  std::string said;
  void* other = Load(path, said);
  ASSERT_NE(other, nullptr);
  EXPECT_THAT(said, AllOf(HasSubstr("switchyard: ExecuTorch " + version + " in " + path),
                          HasSubstr("expected libexecutorch.so " SWITCHYARD_EXECUTORCH_VERSION),
                          HasSubstr("does nothing in this process")));
  EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
  // It has its own backend, and its own XNNPACK.
  const char* registered = Find<const char*()>(other, "other_registered")();
  ASSERT_NE(registered, nullptr);
  EXPECT_STREQ(registered, "XnnpackBackend");
  EXPECT_EQ(Find<int()>(other, "other_xnn_initialize")(), 4711);
  EXPECT_FALSE(IsLoaded(SWITCHYARD_BACKEND));
}

// One process, in this order: what is not ours stays as it is, and ours is served all the same.
TEST(Preload, ServesTheRuntimeThatItWasBuiltFor) {
  ASSERT_TRUE(IsLoaded(SWITCHYARD_SHARED_LIBRARY));
  EXPECT_FALSE(IsLoaded(SWITCHYARD_BACKEND)) << "there is no runtime yet";

  ExpectLeftAlone(OTHER_RUNTIME, "9.8.7");
  ExpectLeftAlone(OTHER_RUNTIME_OLD, "0.3.21");

  std::string said;
  void* const runtime = Load(EXECUTORCH_BACKEND_XNNPACK, said);
  ASSERT_NE(runtime, nullptr);
  EXPECT_EQ(said.find("switchyard: "), said.npos) << said;
  EXPECT_TRUE(IsLoaded(SWITCHYARD_BACKEND));
  const auto get_backend = Find<const void* const*(const char*)>(runtime, kGetBackend);
  ASSERT_NE(get_backend, nullptr);
  const void* const* backend = get_backend("XnnpackBackend");
  ASSERT_NE(backend, nullptr);
  EXPECT_EQ(FileOf(*backend), fs::path(SWITCHYARD_BACKEND).filename().string());
  // Each has its own XNNPACK still, and nobody finds one who did not bring it.
  EXPECT_EQ(FileOf(dlsym(runtime, "xnn_initialize")),
            fs::path(EXECUTORCH_BACKEND_XNNPACK).filename().string());
  EXPECT_EQ(dlsym(dlopen(nullptr, RTLD_LAZY), "xnn_initialize"), nullptr);
  void* const ours = dlopen(SWITCHYARD_BACKEND, RTLD_LAZY | RTLD_NOLOAD);
  ASSERT_NE(ours, nullptr);
  EXPECT_THAT(FileOf(dlsym(ours, "xnn_initialize")), HasSubstr("libXNNPACK.so"));
  EXPECT_EQ(FileOf(dlsym(ours, kRegister)), "libexecutorch.so");
}

class RuntimeVersionTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / std::format("runtime_version_{}", getpid());
    fs::create_directories(folder_ / "executorch/extension/pybindings");
    fs::create_directories(folder_ / "lib/cmake/executorch");
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string Python(const std::string& text) const {
    std::ofstream(folder_ / "executorch/version.py") << text;
    return RuntimeVersion(folder_ / "executorch/extension/pybindings/x.so");
  }
  fs::path folder_;
};

TEST_F(RuntimeVersionTest, IsWhatThePackageSays) {
  EXPECT_EQ(RuntimeVersion(folder_ / "executorch/extension/pybindings/x.so"), "");
  EXPECT_EQ(Python("from x import y\n__all__ = [\"__version__\"]\n__version__ = \"0.3.0+cpu\"\n"),
            "0.3.0");
  EXPECT_EQ(Python("__version__ = '1.4'\n"), "1.4");
  EXPECT_EQ(Python(""), "");
  EXPECT_EQ(Python("__version__ = \"1.4\n"), "");
  EXPECT_EQ(Python("__version__ = 3"), "");
  EXPECT_EQ(Python(std::string(1 << 20, '_')), "");
  EXPECT_EQ(RuntimeVersion(folder_ / "lib/libexecutorch.so"), "");
  std::ofstream(folder_ / "lib/cmake/executorch/executorch-config-version.cmake")
      << "# (\"x\")\nset(PACKAGE_VERSION \"1.5.1\")\n";
  EXPECT_EQ(RuntimeVersion(folder_ / "lib/libexecutorch.so"), "1.5.1");
  EXPECT_EQ(RuntimeVersion("libexecutorch.so"), "");
  EXPECT_EQ(RuntimeVersion(""), "");
}

TEST(BuildId, IsThatOfTheFile) {
  void* runtime = dlopen(EXECUTORCH_RUNTIME, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(runtime, nullptr) << dlerror();
  EXPECT_EQ(BuildIdOf(dlsym(runtime, kRegister)), SWITCHYARD_EXECUTORCH_BUILD_ID);
  EXPECT_EQ(BuildIdOf(nullptr), "");
}

}  // namespace
}  // namespace switchyard
