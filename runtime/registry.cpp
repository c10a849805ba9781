#include "runtime/registry.h"

#include <algorithm>
#include <array>
#include <mutex>

namespace switchyard {
namespace {

struct Registry {
  std::mutex mutex;
  std::array<Backend*, kMaxRegisteredBackends> backends{};
  size_t size = 0;

  std::span<Backend* const> all() const { return std::span(backends).first(size); }
  Backend* Find(std::string_view name) const {
    const auto found =
        std::ranges::find_if(all(), [&](const Backend* b) { return b->name() == name; });
    return found != all().end() ? *found : nullptr;
  }
};

// Registration happens in static initialisers, lookups perhaps during static destruction.
Registry& GlobalRegistry() {
  static Registry& registry = *new Registry;
  return registry;
}

}  // namespace

Status RegisterBackend(Backend* backend) {
  if (backend == nullptr) {
    return Fail(ErrorCode::kInvalidArgument,
                "registering a backend: found null, expected a backend; pass one that lives on");
  }
  Registry& registry = GlobalRegistry();
  std::lock_guard lock(registry.mutex);
  if (const Backend* present = registry.Find(backend->name())) {
    if (present == backend) return {};
    return Fail(ErrorCode::kInvalidArgument,
                "registering backend '{}': found one of this name already, expected none, and the "
                "first stays; link only one of the two",
                backend->name());
  }
  if (registry.size == kMaxRegisteredBackends) {
    return Fail(ErrorCode::kInternal,
                "registering backend '{}': found {} backends, expected fewer than {}; link fewer",
                backend->name(), registry.size, kMaxRegisteredBackends);
  }
  registry.backends[registry.size++] = backend;
  return {};
}

Result<Backend*> FindBackend(std::string_view name) {
  Registry& registry = GlobalRegistry();
  {
    std::lock_guard lock(registry.mutex);
    if (Backend* backend = registry.Find(name)) return backend;
  }
  std::string registered;
  for (const std::string& other : RegisteredBackends()) {
    registered += registered.empty() ? "'" : ", '";
    registered += other + "'";
  }
  return Fail(ErrorCode::kNotFound,
              "backend '{}': not registered, found {}; link its library, a static one as a whole "
              "(CMake's target switchyard::backend does, by hand it is -Wl,--whole-archive "
              "libswitchyard.a -Wl,--no-whole-archive), since nothing refers to what registers it, "
              "or call switchyard::RegisterBackend() first",
              name, registered.empty() ? "none at all" : registered);
}

std::vector<std::string> RegisteredBackends() {
  Registry& registry = GlobalRegistry();
  std::lock_guard lock(registry.mutex);
  std::vector<std::string> names;
  for (const Backend* backend : registry.all()) names.emplace_back(backend->name());
  return names;
}

}  // namespace switchyard
