// ExecuTorch's thread pool. Its SDK exports these without a header that declares them.
#pragma once

#include <cstddef>
#include <cstdint>

// pthreadpool_t is a pointer to this.
struct pthreadpool;

namespace executorch::extension::threadpool {

class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(uint32_t num_threads);
  size_t get_thread_count() const;
};
ThreadPool* get_threadpool();
::pthreadpool* get_pthreadpool();

}  // namespace executorch::extension::threadpool
