// `switchyard-conformance`: the suite on our backend.
#include <pthreadpool.h>

#include "backend/switchyard_backend.h"
#include "test/conformance/suite.h"

int main(int argc, char** argv) {
  if (!switchyard::RegisterBackend()) return 2;
  return switchyard::conformance::RunSuite(
      {.name = "switchyard-conformance",
       .default_backend = switchyard::kBackendName,
       .make_thread_pool = [](uint32_t threads) { return pthreadpool_create(threads); },
       .lists_unsupported = true},
      argc, argv);
}
