#include "tools/timeline.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "tools/file.h"
#include "tools/run_times.h"

namespace switchyard::tools {
namespace {

using nlohmann::ordered_json;

constexpr int kProcess = 1, kThread = 1;

ordered_json Metadata(std::string_view what, std::string_view name) {
  return {
      {"ph", "M"}, {"name", what}, {"pid", kProcess}, {"tid", kThread}, {"args", {{"name", name}}}};
}

double Microseconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000; }

}  // namespace

Outcome<void> Timeline::Write(const std::filesystem::path& path, std::string_view process,
                              std::string_view thread) const {
  std::vector<const Span*> sorted;
  for (const Span& span : spans_) sorted.push_back(&span);
  // What lies inside a span comes after it.
  std::ranges::stable_sort(sorted, {}, [](const Span* span) {
    return std::pair(span->start, std::numeric_limits<uint64_t>::max() - span->end);
  });
  const uint64_t origin = sorted.empty() ? 0 : sorted[0]->start;
  ordered_json events = {Metadata("process_name", process), Metadata("thread_name", thread)};
  for (const Span* span : sorted) {
    events.push_back({{"ph", "X"},
                      {"name", span->name},
                      {"cat", span->category},
                      {"pid", kProcess},
                      {"tid", kThread},
                      {"ts", Microseconds(span->start - origin)},
                      {"dur", Microseconds(span->end - span->start)},
                      {"args", span->args}});
  }
  const ordered_json json = {{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}};
  const std::string text = json.dump(1, ' ', false, ordered_json::error_handler_t::replace) + '\n';
  return WriteFile(path, std::as_bytes(std::span(text)));
}

uint64_t TimelineTracer::Now() { return tools::Now(); }

void TimelineTracer::Event(const TraceEvent& event) {
  Timeline::Span span{.name = std::string(event.name),
                      .category = std::string(Name(event.kind)),
                      .start = event.start,
                      .end = event.end};
  const auto add_text = [&](const char* key, std::string_view text) {
    if (!text.empty()) span.args[key] = text;
  };
  const auto add_numbers = [&](const char* key, std::span<const uint32_t> numbers) {
    if (!numbers.empty()) span.args[key] = std::vector<uint32_t>(numbers.begin(), numbers.end());
  };
  add_text("route", event.route);
  add_text("kernel", event.kernel);
  add_text("micro_kernel", event.micro_kernel);
  add_numbers("nodes", event.nodes);
  add_numbers("debug_handles", event.debug_handles);
  if (event.macs != 0) span.args["macs"] = event.macs;
  timeline_.Add(std::move(span));
}

}  // namespace switchyard::tools
