// What a C host supplies, as the services of ours.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "runtime/backend.h"
#include "runtime/base/error.h"
#include "runtime/plugin.h"

namespace switchyard {

class PluginAllocator final : public Allocator {
 public:
  static Result<PluginAllocator> From(const switchyard_allocator* theirs);
  void* Allocate(size_t bytes, size_t alignment) override;
  void Free(void* pointer) override;

 private:
  explicit PluginAllocator(const switchyard_allocator& c) : c_(c) {}
  switchyard_allocator c_;
};

class PluginLogger final : public Logger {
 public:
  static Result<PluginLogger> From(const switchyard_logger* theirs);
  void Log(LogLevel level, std::string_view message) override;

 private:
  explicit PluginLogger(const switchyard_logger& c) : c_(c) {}
  switchyard_logger c_;
};

class PluginTracer final : public Tracer {
 public:
  static Result<PluginTracer> From(const switchyard_tracer* theirs);
  uint64_t Now() override;
  uint64_t FromNanoseconds(uint64_t nanoseconds) override;
  void Event(const TraceEvent& event) override;

 private:
  explicit PluginTracer(const switchyard_tracer& c) : c_(c) {}
  switchyard_tracer c_;
};

class PluginNamedData final : public NamedDataMap {
 public:
  static Result<PluginNamedData> From(const switchyard_named_data* theirs);
  Result<DataBuffer> Get(std::string_view key) const override;

 private:
  explicit PluginNamedData(const switchyard_named_data& c) : c_(c) {}
  switchyard_named_data c_;
};

Result<std::pair<std::string, OptionValue>> ReadOption(const switchyard_option* theirs);

// Views of the host's tensors, which resizing goes back to. Neither may move while they are used.
Result<std::vector<TensorView>> ViewTensors(std::span<switchyard_tensor* const> tensors);

switchyard_element_type ToC(ElementType type);

}  // namespace switchyard
