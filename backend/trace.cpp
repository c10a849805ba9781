#include "backend/trace.h"

#include <algorithm>
#include <utility>

#include "backend/plan/shapes.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

// A product in f16 is one in f32 between two of XNNPACK's Converts on some CPUs: operators of one
// node, of which one multiplies.
bool Multiplies(std::string_view xnnpack_name) {
  constexpr std::string_view kProducts[] = {"Fully Connected", "Matrix Multiply", "Convolution",
                                            "Deconvolution"};
  return std::ranges::any_of(
      kProducts, [&](std::string_view product) { return xnnpack_name.contains(product); });
}

}  // namespace

TraceTable::TraceTable(const Graph& graph, std::vector<StepDescription> steps) : graph_(&graph) {
  for (StepDescription& step : steps) {
    names_.Make(step.name);
    entries_.push_back({.step = std::move(step), .operators = {}});
  }
}

void TraceTable::AddOperators(size_t step, std::span<const TimedOperator> operators) {
  Entry& entry = entries_[step];
  times_.resize(std::max(times_.size(), operators.size()));
  for (const TimedOperator& timed : operators) {
    Operator& added = entry.operators.emplace_back();
    const bool is_known = timed.node != kNoNode;
    added.name = names_.Make(
        Format("{}: {}", is_known ? Describe(*graph_, timed.node) : entry.step.name, timed.name));
    added.kernel = timed.name;
    added.product = Multiplies(timed.name) ? timed.node : kNoNode;
    if (is_known) AddNode(graph_->nodes[timed.node], added.nodes, added.debug_handles);
  }
}

void TraceTable::Report(Tracer& tracer, size_t step, uint64_t start, const StepRunner& runner,
                        std::span<const Dims> shapes) {
  const uint64_t end = tracer.Now();
  const Entry& entry = entries_[step];
  uint64_t macs = 0;
  for (const NodeIndex n : entry.step.computed) macs += NodeMacs(shapes, graph_->nodes[n]);
  tracer.Event({.kind = TraceKind::kStep,
                .name = entry.step.name,
                .route = entry.step.route,
                .kernel = entry.step.kernel,
                .micro_kernel = runner.MicroKernelName(),
                .nodes = entry.step.nodes,
                .debug_handles = entry.step.debug_handles,
                .start = start,
                .end = end,
                .macs = macs});
  const std::span times = std::span(times_).first(entry.operators.size());
  if (times.empty() || !runner.ReadTimes(times)) return;
  // XNNPACK tells how long each took, not when.
  uint64_t microseconds = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    const uint64_t from = start + tracer.FromNanoseconds(1000 * microseconds);
    microseconds += times[i];
    const Operator& timed = entry.operators[i];
    tracer.Event(
        {.kind = TraceKind::kOperator,
         .name = timed.name,
         .route = entry.step.route,
         .kernel = timed.kernel,
         .nodes = timed.nodes,
         .debug_handles = timed.debug_handles,
         .start = std::min(from, end),
         .end = std::min(start + tracer.FromNanoseconds(1000 * microseconds), end),
         .macs = timed.product == kNoNode ? 0 : NodeMacs(shapes, graph_->nodes[timed.product])});
  }
}

}  // namespace switchyard
