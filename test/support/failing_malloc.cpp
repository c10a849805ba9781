#include "test/support/failing_malloc.h"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SWITCHYARD_ADDRESS_SANITIZER 1
#endif
#endif

// The functions that these replace: the sanitizer's, or the C library's.
#ifdef SWITCHYARD_ADDRESS_SANITIZER
#define REPLACED(function) __interceptor_##function
#else
#define REPLACED(function) __libc_##function
#endif
extern "C" {
void* REPLACED(malloc)(size_t);
void* REPLACED(calloc)(size_t, size_t);
void* REPLACED(realloc)(void*, size_t);
void* REPLACED(memalign)(size_t, size_t);
void REPLACED(free)(void*);
}

namespace switchyard::test {
namespace {

constexpr size_t kNever = SIZE_MAX;

constinit thread_local size_t left = kNever;  // until one fails
constinit thread_local Failing mode = Failing::kOne;
constinit thread_local bool has_failed = false;
constinit std::atomic<size_t> live_blocks = 0;

bool Fails() {
  if (left == kNever) return false;
  if (left > 0) {
    --left;
    return false;
  }
  if (mode == Failing::kOne) left = kNever;
  has_failed = true;
  errno = ENOMEM;
  return true;
}

void* Counted(void* block) {
  if (block != nullptr) live_blocks.fetch_add(1, std::memory_order_relaxed);
  return block;
}

}  // namespace

void FailMalloc(size_t nth, Failing which) {
  has_failed = false;
  mode = which;
  left = nth;
}

bool StopFailing() {
  left = kNever;
  return std::exchange(has_failed, false);
}

size_t LiveBlocks() { return live_blocks.load(); }

}  // namespace switchyard::test

using namespace switchyard::test;

// Exported, so that shared libraries get them.
#pragma GCC visibility push(default)
extern "C" {
void* malloc(size_t bytes) noexcept { return Fails() ? nullptr : Counted(REPLACED(malloc)(bytes)); }
void* calloc(size_t count, size_t bytes) noexcept {
  return Fails() ? nullptr : Counted(REPLACED(calloc)(count, bytes));
}
void* realloc(void* block, size_t bytes) noexcept {
  if (Fails()) return nullptr;
  void* const moved = REPLACED(realloc)(block, bytes);
  return block == nullptr ? Counted(moved) : moved;
}
void* memalign(size_t alignment, size_t bytes) noexcept {
  return Fails() ? nullptr : Counted(REPLACED(memalign)(alignment, bytes));
}
void* aligned_alloc(size_t alignment, size_t bytes) noexcept { return memalign(alignment, bytes); }
int posix_memalign(void** block, size_t alignment, size_t bytes) noexcept {
  void* const found = memalign(alignment, bytes);
  if (found == nullptr) return ENOMEM;
  *block = found;
  return 0;
}
void free(void* block) noexcept {
  if (block != nullptr) live_blocks.fetch_sub(1, std::memory_order_relaxed);
  REPLACED(free)(block);
}
}

#ifdef SWITCHYARD_ADDRESS_SANITIZER
// The sanitizer's own do not throw, and do not call malloc.
void* operator new(size_t bytes) {
  void* const block = malloc(bytes);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  void* const block = memalign(static_cast<size_t>(alignment), bytes);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return malloc(bytes); }
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return memalign(static_cast<size_t>(alignment), bytes);
}
void operator delete(void* block) noexcept { free(block); }
void operator delete(void* block, size_t) noexcept { free(block); }
void operator delete(void* block, std::align_val_t) noexcept { free(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { free(block); }
#endif
#pragma GCC visibility pop
