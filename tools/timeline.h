// Spans of time as a file that Perfetto and chrome://tracing read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/host_services.h"
#include "tools/failure.h"

namespace switchyard::tools {

// All spans are of one thread, so that of two one lies inside the other or they do not overlap.
class Timeline {
 public:
  struct Span {
    std::string name;
    std::string category;
    uint64_t start = 0, end = 0;  // nanoseconds
    nlohmann::ordered_json args = nlohmann::ordered_json::object();
  };

  void Add(Span span) { spans_.push_back(std::move(span)); }
  // In the order in which they ended.
  const std::vector<Span>& spans() const { return spans_; }
  void Clear() { spans_.clear(); }

  // Trace Event Format, JSON: one complete event ("ph": "X") per span, sorted by start, times in
  // microseconds since the first, and the names of the process and of the thread. Errors: Usage
  // when the file cannot be written.
  Outcome<void> Write(const std::filesystem::path& path, std::string_view process,
                      std::string_view thread) const;

 private:
  std::vector<Span> spans_;
};

// The events of a backend that runs without ExecuTorch.
class TimelineTracer final : public Tracer {
 public:
  explicit TimelineTracer(Timeline& timeline) : timeline_(timeline) {}
  uint64_t Now() override;  // nanoseconds
  void Event(const TraceEvent& event) override;

 private:
  Timeline& timeline_;
};

}  // namespace switchyard::tools
