// What a host supplies: allocator, thread pool, logger, tracer. Every one has an explicit default;
// the library has none of its own behind the host's back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
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

// What a traced interval was spent on.
enum class TraceKind : uint8_t {
  kWait = 0,      // for other executes, of the delegate or of those that share its workspace
  kPrepare = 1,   // for shapes and memory: inferring, planning, resizing outputs
  kStep = 2,      // on a step of the plan
  kOperator = 3,  // on one of XNNPACK's operators, inside the kStep before it
};

// One interval. Strings are never null, and end with a NUL; they and the spans are valid until the
// delegate is destroyed.
struct TraceEvent {
  TraceKind kind = TraceKind::kStep;
  std::string_view name = "";          // unique within the delegate: "node 3 FullyConnected"
  std::string_view route = "";         // how a step runs: "packed", "XNNPACK subgraph", ...
  std::string_view kernel = "";        // row of the kernel table; of a kOperator XNNPACK's name
  std::string_view micro_kernel = "";  // the function of that row that ran
  // The nodes that it was spent on, by their positions in the file, all of them; and the exporter's
  // number for each.
  std::span<const uint32_t> nodes = {};
  std::span<const uint32_t> debug_handles = {};
  uint64_t start = 0, end = 0;
  uint64_t macs =
      0;  // multiply-accumulates done, at the shapes of this execute; 0: none, or not told
};

class Tracer {
 public:
  virtual ~Tracer() = default;
  // Time stamp in the tracer's own unit. Never decreases.
  virtual uint64_t Now() = 0;
  // That many nanoseconds in the unit of Now().
  virtual uint64_t FromNanoseconds(uint64_t nanoseconds) { return nanoseconds; }
  // Called by the thread that called execute(), after the interval: kWait, kPrepare, then each step
  // in order, followed by the operators inside it.
  virtual void Event(const TraceEvent& event) = 0;
};

struct HostServices {
  Allocator* allocator;      // never null
  Logger* logger;            // never null
  pthreadpool* thread_pool;  // null: the calling thread does all the work
  Tracer* tracer;            // null: no tracing
};

std::string_view Name(TraceKind kind);  // "step"

// The C library's heap, a logger that drops everything, one thread, no tracer.
SWITCHYARD_API HostServices DefaultHostServices();
SWITCHYARD_API Allocator& DefaultAllocator();
SWITCHYARD_API Logger& NullLogger();

}  // namespace switchyard
