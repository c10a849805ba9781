// Prints how the backend is missing, then registers it by hand.
#include <switchyard/backend/switchyard_backend.h>
#include <switchyard/runtime/registry.h>

#include <cstdio>

int main() {
  const auto missing = switchyard::FindBackend(switchyard::kBackendName);
  if (missing) return 1;
  std::printf("%s\n", missing.error().ToString().c_str());
  for (int i = 0; i < 2; ++i) {
    if (const auto status = switchyard::RegisterBackend(); !status) {
      std::printf("%s\n", status.error().ToString().c_str());
      return 1;
    }
  }
  if (!switchyard::FindBackend(switchyard::kBackendName)) return 1;
  std::printf("registered now\n");
  return 0;
}
