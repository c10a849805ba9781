#include "runtime/host_services.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

class HeapAllocator final : public Allocator {
 public:
  void* Allocate(size_t bytes, size_t alignment) override {
    if (!std::has_single_bit(alignment)) return nullptr;
    alignment = std::max(alignment, alignof(std::max_align_t));
    const auto rounded = CheckedRoundUp(std::max<size_t>(bytes, 1), alignment);
    return rounded ? std::aligned_alloc(alignment, *rounded) : nullptr;
  }
  void Free(void* pointer) override { std::free(pointer); }
};

class DroppingLogger final : public Logger {
 public:
  void Log(LogLevel, std::string_view) override {}
};

}  // namespace

// Both are never destroyed: delegates may outlive static destruction. And not on the heap, where a
// module that is unloaded would leave them behind.
Allocator& DefaultAllocator() {
  alignas(HeapAllocator) static std::byte storage[sizeof(HeapAllocator)];
  static Allocator& allocator = *new (storage) HeapAllocator;
  return allocator;
}

Logger& NullLogger() {
  alignas(DroppingLogger) static std::byte storage[sizeof(DroppingLogger)];
  static Logger& logger = *new (storage) DroppingLogger;
  return logger;
}

std::string_view Name(TraceKind kind) {
  switch (kind) {
    case TraceKind::kWait:
      return "wait";
    case TraceKind::kPrepare:
      return "prepare";
    case TraceKind::kStep:
      return "step";
    case TraceKind::kOperator:
      return "operator";
  }
  return "";
}

HostServices DefaultHostServices() {
  return {.allocator = &DefaultAllocator(),
          .logger = &NullLogger(),
          .thread_pool = nullptr,
          .tracer = nullptr};
}

}  // namespace switchyard
