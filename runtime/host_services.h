// What a host supplies: allocator, thread pool, logger, tracer. Every one has an explicit default;
// the library has none of its own behind the host's back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/api.h"

// pthreadpool_t is a pointer to this.
struct pthreadpool;

namespace switchyard {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

class Logger {
 public:
  virtual ~Logger() = default;
  // May be called from several threads at once.
  virtual void Log(LogLevel level, std::string_view message) = 0;
};

class Allocator {
 public:
  virtual ~Allocator() = default;
  // `alignment` is a power of two. Null when there is no memory. Thread-safe.
  virtual void* Allocate(size_t bytes, size_t alignment) = 0;
  // What Allocate returned; null is allowed.
  virtual void Free(void* pointer) = 0;
};

class Tracer {
 public:
  virtual ~Tracer() = default;
  // Time stamp in the tracer's own unit.
  virtual uint64_t Now() = 0;
  // One step of a plan has run from `start` to `end`. `debug_handle` is the exporter's, of the
  // step's first node. Called by the thread that called execute().
  virtual void Event(std::string_view name, uint32_t debug_handle, uint64_t start,
                     uint64_t end) = 0;
};

struct HostServices {
  Allocator* allocator;      // never null
  Logger* logger;            // never null
  pthreadpool* thread_pool;  // null: the calling thread does all the work
  Tracer* tracer;            // null: no tracing
};

// The C library's heap, a logger that drops everything, one thread, no tracer.
SWITCHYARD_API HostServices DefaultHostServices();
SWITCHYARD_API Allocator& DefaultAllocator();
SWITCHYARD_API Logger& NullLogger();

}  // namespace switchyard
