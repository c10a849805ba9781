// Parallel sections. Every one of this library goes through here, for one reason: pthreadpool and
// XNNPACK are not built with ThreadSanitizer, so the sanitizer does not see how they hand work to
// threads and wait for it. These functions tell it, and only that: two tiles of one section that
// touch the same memory are still a race, and reported as one.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

// pthreadpool_t is a pointer to this.
struct pthreadpool;

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SWITCHYARD_THREAD_SANITIZER 1
#endif
#endif

namespace switchyard {

// Refers to a callable fn(i, j, size_i, size_j), which must outlive it: a tile of size_i x size_j
// items that starts at (i, j).
class TileFunction {
 public:
  template <typename F>
    requires std::is_invocable_v<F&, size_t, size_t, size_t, size_t> &&
                 (!std::is_same_v<std::remove_cvref_t<F>, TileFunction>)
  TileFunction(F&& fn)  // not explicit: a lambda is passed as it is
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(fn)))),
        call_([](void* object, size_t i, size_t j, size_t size_i, size_t size_j) {
          (*static_cast<std::remove_reference_t<F>*>(object))(i, j, size_i, size_j);
        }) {}

  void operator()(size_t i, size_t j, size_t size_i, size_t size_j) const {
    call_(object_, i, j, size_i, size_j);
  }

 private:
  void* object_;
  void (*call_)(void*, size_t, size_t, size_t, size_t);
};

// Runs `fn` once for every tile of range_i x range_j items, on the threads of `pool`, and returns
// when all have run. Tiles have tile_i x tile_j items, fewer at the upper ends; both sizes are at
// least 1. A null pool: on the calling thread, in order. Calls on the same pool wait for each
// other; one from inside a tile deadlocks. Where a tile throws std::bad_alloc, this does so when
// all have run.
void ParallelFor(pthreadpool* pool, size_t range_i, size_t range_j, size_t tile_i, size_t tile_j,
                 TileFunction fn);

// How many threads tiles may run on; 1 for a null pool. Waits for the sections that others run on
// it. To be asked once, when a payload is loaded, and carried from there: some versions of
// pthreadpool lower the number while they run a section of few items, and answer whatever it is
// just then. What sizes memory and what cuts it up must be one number.
size_t NumThreads(pthreadpool* pool);

#ifdef SWITCHYARD_THREAD_SANITIZER
namespace parallel_internal {
void MarkExclusiveUse(const void* object);
}  // namespace parallel_internal
#endif

// Calls `fn`, which lets XNNPACK work on the threads of a pool and returns when all is done, and
// returns its result. What XNNPACK reads and writes is invisible to the sanitizer, so the section
// stands for it as a write to `exclusive`: the object (such as a workspace) that only one section
// at a time may use. Two threads in sections with the same object, without a lock, are reported.
template <typename F>
decltype(auto) RunForeign([[maybe_unused]] const void* exclusive, F&& fn) {
#ifdef SWITCHYARD_THREAD_SANITIZER
  parallel_internal::MarkExclusiveUse(exclusive);
#endif
  return std::forward<F>(fn)();
}

}  // namespace switchyard
