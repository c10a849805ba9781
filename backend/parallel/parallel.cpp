#include "backend/parallel/parallel.h"

#include <pthreadpool.h>

#include <algorithm>
#include <atomic>
#include <new>

#ifdef SWITCHYARD_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>

// Exported by the sanitizer's run time; no header of its own declares it.
extern "C" void __tsan_write_range(void* address, unsigned long bytes);

// malloc, memcpy and their kin are seen even where uninstrumented code calls them, but not what
// orders those calls.
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:libXNNPACK.so\n"
         "called_from_lib:libpthreadpool.so\n";
}
#endif

namespace switchyard {
namespace {

// One call of ParallelFor, while it lasts. Two addresses, so that threads which are done hand over
// to the caller but not to threads which are only starting.
struct Section {
  TileFunction fn;
  std::atomic<bool> is_out_of_memory = false;
  char fork;
  char join;
};

void RunTile(void* context, size_t i, size_t j, size_t size_i, size_t size_j) {
  auto* section = static_cast<Section*>(context);
#ifdef SWITCHYARD_THREAD_SANITIZER
  __tsan_acquire(&section->fork);
#endif
  // No exception may pass pthreadpool, which holds a lock while the caller works along, and whose
  // threads have nobody to catch one.
  try {
    section->fn(i, j, size_i, size_j);
  } catch (const std::bad_alloc&) {
    section->is_out_of_memory.store(true, std::memory_order_relaxed);
  }
#ifdef SWITCHYARD_THREAD_SANITIZER
  __tsan_release(&section->join);
#endif
}

}  // namespace

void ParallelFor(pthreadpool* pool, size_t range_i, size_t range_j, size_t tile_i, size_t tile_j,
                 TileFunction fn) {
  if (range_i == 0 || range_j == 0) return;
  Section section{.fn = fn, .fork = 0, .join = 0};
#ifdef SWITCHYARD_THREAD_SANITIZER
  __tsan_release(&section.fork);
#endif
  pthreadpool_parallelize_2d_tile_2d(pool, &RunTile, &section, range_i, range_j, tile_i, tile_j,
                                     /*flags=*/0);
#ifdef SWITCHYARD_THREAD_SANITIZER
  __tsan_acquire(&section.join);
#endif
  if (section.is_out_of_memory.load(std::memory_order_relaxed)) throw std::bad_alloc();
}

size_t NumThreads(pthreadpool* pool) {
  // Asked from inside a section, which nobody else's can overlap, and of so many items that all
  // threads take part.
  constexpr size_t kMaxThreads = 1024;
  size_t num_threads = 1;
  ParallelFor(pool, kMaxThreads, 1, 1, 1, [&](size_t item, size_t, size_t, size_t) {
    if (item == 0) num_threads = pthreadpool_get_threads_count(pool);
  });
  return std::max<size_t>(1, num_threads);
}

#ifdef SWITCHYARD_THREAD_SANITIZER
void parallel_internal::MarkExclusiveUse(const void* object) {
  __tsan_write_range(const_cast<void*>(object), 1);
}
#endif

}  // namespace switchyard
