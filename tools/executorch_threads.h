// ExecuTorch's thread pool. Its SDK exports these without a header that declares them.
#pragma once

#include <cstdint>

// pthreadpool_t is a pointer to this.
struct pthreadpool;

namespace executorch::extension::threadpool {

class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(uint32_t num_threads);
};
ThreadPool* get_threadpool();
::pthreadpool* get_pthreadpool();

}  // namespace executorch::extension::threadpool
