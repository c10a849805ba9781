// Uses its own copy of the library, then another one, which has to refuse.
#include <dlfcn.h>
#include <switchyard/backend/switchyard_backend.h>
#include <switchyard/runtime/blob_runner.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <vector>

using switchyard::BlobRunner;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto payload = std::as_bytes(std::span(bytes));

  void* const library = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::printf("%s\n", dlerror());
    return 1;
  }
  // switchyard::SwitchyardBackend() of the library.
  const auto other = reinterpret_cast<decltype(&switchyard::SwitchyardBackend)>(
      dlsym(library, "_ZN10switchyard17SwitchyardBackendEv"));
  if (other == nullptr || &other() == &switchyard::SwitchyardBackend()) {
    std::printf("the library has no backend of its own\n");
    return 1;
  }
  const auto own = BlobRunner::Load(switchyard::SwitchyardBackend(), payload);
  if (!own) {
    std::printf("%s\n", own.error().ToString().c_str());
    return 1;
  }
  const auto refused = BlobRunner::Load(other(), payload);
  if (refused) {
    std::printf("two copies work in one process\n");
    return 1;
  }
  std::printf("%s\n", refused.error().ToString().c_str());
  return 0;
}
