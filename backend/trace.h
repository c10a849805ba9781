// What a delegate tells its host's tracer. All text is made once: when the delegate is loaded, if
// it is to be traced, so that an execute that is traced allocates no more than one that is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/plan/step_description.h"
#include "backend/plan/step_runner.h"
#include "runtime/base/dims.h"
#include "runtime/host_services.h"
#include "schema/graph.h"

namespace switchyard {

class TraceTable {
 public:
  // `graph` must outlive the table.
  TraceTable(const Graph& graph, std::vector<StepDescription> steps);

  // What XNNPACK times inside a step.
  void AddOperators(size_t step, std::span<const TimedOperator> operators);

  // `step` has run from `start` until now, on `runner`, at these shapes of the graph's values.
  void Report(Tracer& tracer, size_t step, uint64_t start, const StepRunner& runner,
              std::span<const Dims> shapes);

 private:
  struct Operator {
    std::string name, kernel;
    std::vector<uint32_t> nodes, debug_handles;
    NodeIndex product;  // the node whose multiplications it does; kNoNode: none
  };
  struct Entry {
    StepDescription step;
    std::vector<Operator> operators;
  };

  const Graph* graph_;
  std::vector<Entry> entries_;
  UniqueNames names_;
  std::vector<uint64_t> times_;  // of one step's operators
};

// The intervals of an execute before its steps. Does nothing without a tracer.
class TraceClock {
 public:
  explicit TraceClock(Tracer* tracer) : tracer_(tracer) {
    if (tracer != nullptr) start_ = tracer->Now();
  }
  // `kind` is what the time since the last call was spent on.
  void Finish(TraceKind kind) {
    if (tracer_ == nullptr) return;
    const uint64_t now = tracer_->Now();
    tracer_->Event({.kind = kind, .name = Name(kind), .start = start_, .end = now});
    start_ = now;
  }

 private:
  Tracer* const tracer_;
  uint64_t start_ = 0;
};

}  // namespace switchyard
