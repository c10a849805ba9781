// `switchyard-conformance-executorch`: the suite on ExecuTorch's own XNNPACK backend.
#include <executorch/runtime/platform/platform.h>

#include <cstdio>

#include "runtime/registry.h"
#include "test/conformance/suite.h"
#include "tools/executorch_threads.h"
#include "tools/peer_backend.h"

namespace {

// Of what ExecuTorch says, the errors.
void Emit(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, size_t,
          const char* message, size_t length) {
  if (level != kError && level != kFatal) return;
  std::fprintf(stderr, "executorch: %.*s\n", static_cast<int>(length), message);
}

}  // namespace

int main(int argc, char** argv) {
  executorch::runtime::register_pal(executorch::runtime::PalImpl::create(&Emit, __FILE__));
  executorch::runtime::pal_init();
  switchyard::Backend& peer = switchyard::tools::PeerBackend();
  if (!switchyard::RegisterBackend(&peer)) return 2;
  return switchyard::conformance::RunSuite(
      {.name = "switchyard-conformance-executorch",
       .default_backend = peer.name(),
       // Its pool is its own.
       .make_thread_pool = [](uint32_t threads) -> pthreadpool* {
         executorch::extension::threadpool::get_threadpool()->_unsafe_reset_threadpool(threads);
         return nullptr;
       },
       .takes_options = false},
      argc, argv);
}
