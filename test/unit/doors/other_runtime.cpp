// The shape of another ExecuTorch: one library with the registry, an XNNPACK of its own, and a
// backend that registers itself when it is loaded. Built in the namespaces of two versions.
#include <cstdint>

#if defined(OTHER_RUNTIME_OLD)
namespace torch::executor {
#else
namespace executorch::runtime {
#endif

struct Backend {
  const char* name;
  void* interface;
};
enum class Error : uint32_t { Ok = 0 };

namespace {
const char* registered = nullptr;
}  // namespace

[[gnu::visibility("default")]] Error register_backend(const Backend& backend);
Error register_backend(const Backend& backend) {
  registered = backend.name;
  return Error::Ok;
}

namespace {
// Not to be inlined: as the linker bound it.
Error (*volatile bound)(const Backend&) = register_backend;
const bool done = bound({"XnnpackBackend", nullptr}) == Error::Ok;
}  // namespace

}  // namespace executorch::runtime

extern "C" {
[[gnu::visibility("default")]] int xnn_initialize(const void*) { return 4711; }
// What it calls, as the linker bound it.
[[gnu::visibility("default")]] int other_xnn_initialize() {
  int (*volatile bound)(const void*) = xnn_initialize;
  return bound(nullptr);
}
[[gnu::visibility("default")]] const char* other_registered() {
#if defined(OTHER_RUNTIME_OLD)
  return torch::executor::done ? torch::executor::registered : nullptr;
#else
  return executorch::runtime::done ? executorch::runtime::registered : nullptr;
#endif
}
}
