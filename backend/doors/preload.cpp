// libswitchyard_executorch.so: brings the backend into the ExecuTorch runtime of a process, if it
// is the one that the backend was built for, and else says so and does nothing.
//
// It is preloaded, so whatever it needed and defined would come before the libraries of the
// process: their XNNPACK would be ours, their runtime, too. So it needs the C++ library alone, and
// what it defines is the function through which backends register: it passes every call on to the
// function of the caller's own runtime, and the first call is when that runtime is known, while no
// backend has a name yet. Then it loads libswitchyard_executorch_backend.so beside it, for nobody
// to bind to and bound to its own libraries first.
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "backend/doors/executorch_module.h"
#include "backend/doors/runtime_version.h"
#include "runtime/base/error.h"

// ExecuTorch's declarations, of which only the names matter: the linker's names say no more.
namespace executorch::runtime {
struct Backend;
enum class Error : uint32_t;
[[gnu::visibility("default")]] Error register_backend(const Backend& backend);
}  // namespace executorch::runtime
namespace torch::executor {
struct Backend;
enum class Error : uint32_t;
[[gnu::visibility("default")]] Error register_backend(const Backend& backend);
}  // namespace torch::executor

namespace {

using switchyard::BuildIdOf;
using switchyard::RuntimeVersion;

constexpr std::string_view kBackendFile = "libswitchyard_executorch_backend.so";
constexpr std::string_view kRuntimeFile = "libexecutorch.so";
constexpr std::string_view kVersion = SWITCHYARD_EXECUTORCH_VERSION;   // of the SDK of the build
constexpr std::string_view kBuildId = SWITCHYARD_EXECUTORCH_BUILD_ID;  // of its kRuntimeFile

struct Registration {
  const char* name;
  const void* own;
};
const Registration kRegistrations[] = {
    {"_ZN10executorch7runtime16register_backendERKNS0_7BackendE",
     reinterpret_cast<const void*>(&executorch::runtime::register_backend)},
    {"_ZN5torch8executor16register_backendERKNS0_7BackendE",
     reinterpret_cast<const void*>(&torch::executor::register_backend)},
};

// In one piece, past the log of a runtime that is not known, or not there.
void Say(std::string text) {
  text = "switchyard: " + std::move(text) + "\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

std::string PathOf(const void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
}

// Without the links and dots that a search path has.
std::string Canonical(const std::string& path) {
  char* const resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string canonical(resolved);
  std::free(resolved);
  return canonical;
}

std::string_view FileOf(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // all of it where there is no slash
}

// The function `name` as the loaded file `path` would find it among what it needs; empty is the
// program, which finds whatever the process has.
const void* FunctionOf(const std::string& path, const Registration& registration) {
  void* handle = dlopen(path.empty() ? nullptr : path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return nullptr;
  const void* found = dlsym(handle, registration.name);
  dlclose(handle);
  return found == registration.own ? nullptr : found;
}

// The paths of what is loaded, as the linker has them; that of the program is empty.
std::vector<std::string> LoadedFiles() {
  std::vector<std::string> paths;
  dl_iterate_phdr(
      [](dl_phdr_info* file, size_t, void* data) {
        static_cast<std::vector<std::string>*>(data)->emplace_back(
            file->dlpi_name != nullptr ? file->dlpi_name : "");
        return 0;
      },
      &paths);
  return paths;
}

bool IsAnyLoaded(std::initializer_list<const char*> symbols) {
  return std::ranges::any_of(
      symbols, [](const char* symbol) { return dlsym(RTLD_DEFAULT, symbol) != nullptr; });
}

void LoadBackend() {
  const std::string own = PathOf(kRegistrations[0].own);
  const std::string path = std::format("{}/{}", own.substr(0, own.rfind('/')), kBackendFile);
  int flags = RTLD_NOW | RTLD_LOCAL;
#ifdef RTLD_DEEPBIND
  // Its own libraries first. An XNNPACK that is there already keeps the pthreadpool that it got,
  // and the backend has to get the same; sanitizers end a process that binds deep.
  const bool has_xnnpack = std::ranges::any_of(LoadedFiles(), [](const std::string& file) {
    return FileOf(file).starts_with("libXNNPACK.so");
  });
  if (!has_xnnpack && !IsAnyLoaded({"__asan_init", "__tsan_init", "__msan_init"})) {
    flags |= RTLD_DEEPBIND;
  }
#endif
  void* const handle = dlopen(path.c_str(), flags);
  if (handle == nullptr) {
    const char* why = dlerror();
    return Say(std::format("{} cannot be loaded: {}; ExecuTorch keeps its own backend", path,
                           why != nullptr ? why : "the linker does not say why"));
  }
  const auto register_backend = reinterpret_cast<decltype(&switchyard_register_executorch)>(
      dlsym(handle, SWITCHYARD_REGISTER_EXECUTORCH));
  const char* refusal =
      register_backend != nullptr ? register_backend() : "it exports no way in; install it again";
  if (refusal != nullptr) {
    Say(std::format("{}: {}; ExecuTorch keeps its own backend", path, refusal));
  }
}

// Brings the backend into the runtime that has this function, or says why not; once for each.
void Serve(const void* runtime) {
  static constinit std::atomic<const void*> last{nullptr};
  if (last.exchange(runtime) == runtime) return;
  const std::string path = Canonical(PathOf(runtime));
  const std::string version = RuntimeVersion(path);
  const bool is_known =
      version.empty() ? !kBuildId.empty() && BuildIdOf(runtime) == kBuildId : version == kVersion;
  if (is_known && FileOf(path).starts_with(kRuntimeFile)) return LoadBackend();
  Say(std::format(
      "ExecuTorch {} in {}: expected {} {}, which {} was built for; it does nothing in this "
      "process, and ExecuTorch keeps its own backend; use ExecuTorch {}, or build Switchyard for "
      "the other",
      version.empty() ? "of unknown version" : version, path, kRuntimeFile, kVersion,
      PathOf(kRegistrations[0].own), kVersion));
}

// What every version registers.
struct BackendLayout {
  const char* name;
  const void* const* interface;  // an object, which starts with the address of its vtable
};

// The runtime's own function. Whose the call is the backend tells, whose name and vtable are in the
// caller's file; a return address does not, since the call may be its caller's last.
const void* RuntimeOf(const Registration& registration, const BackendLayout& backend) {
  for (const void* address : {backend.interface != nullptr ? *backend.interface : nullptr,
                              static_cast<const void*>(backend.name)}) {
    const std::string path = address != nullptr ? PathOf(address) : std::string();
    if (path.empty()) continue;
    if (const void* found = FunctionOf(path, registration)) return found;
  }
  for (const std::string& path : LoadedFiles()) {
    if (const void* found = FunctionOf(path, registration)) return found;
  }
  return nullptr;
}

uint32_t Forward(const Registration& registration, const void* backend) {
  const auto& layout = *static_cast<const BackendLayout*>(backend);
  const void* const runtime = RuntimeOf(registration, layout);
  if (runtime == nullptr) {
    Say(
        std::format("backend '{}' registers, but no loaded library has ExecuTorch's function for "
                    "it, expected one; load ExecuTorch's runtime before it",
                    layout.name));
    return static_cast<uint32_t>(switchyard::ErrorCode::kNotFound);
  }
  Serve(runtime);
  return reinterpret_cast<uint32_t (*)(const void*)>(const_cast<void*>(runtime))(backend);
}

// A runtime that was there first. Where there is none, what comes later registers through here, if
// the program's own libraries bind to this; loaded at run time, it brings a runtime along.
[[gnu::constructor]] void ServeWhatIsThere() {
  for (const std::string& path : LoadedFiles()) {
    for (const Registration& registration : kRegistrations) {
      if (const void* runtime = FunctionOf(path, registration)) return Serve(runtime);
    }
  }
  void* const program = dlopen(nullptr, RTLD_LAZY);
  const bool is_preloaded =
      program != nullptr && dlsym(program, kRegistrations[0].name) == kRegistrations[0].own;
  if (program != nullptr) dlclose(program);
  if (!is_preloaded) LoadBackend();
}

}  // namespace

namespace executorch::runtime {
Error register_backend(const Backend& backend) {
  return static_cast<Error>(Forward(kRegistrations[0], &backend));
}
}  // namespace executorch::runtime

namespace torch::executor {
Error register_backend(const Backend& backend) {
  return static_cast<Error>(Forward(kRegistrations[1], &backend));
}
}  // namespace torch::executor
