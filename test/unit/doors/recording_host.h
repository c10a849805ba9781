// ExecuTorch's log and profiler, kept for tests to look at.
#pragma once

#include <executorch/runtime/core/event_tracer.h>
#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

struct pthreadpool;

// ExecuTorch's SDK exports it without a header that declares it.
namespace executorch::extension::threadpool {
::pthreadpool* get_pthreadpool();
}  // namespace executorch::extension::threadpool

namespace switchyard::test {

inline ::pthreadpool* HostThreadPool() {
  return executorch::extension::threadpool::get_pthreadpool();
}

// What ExecuTorch has logged since the last Start() or Clear().
class RecordingHost {
 public:
  // The process's one instance.
  static RecordingHost& Get() {
    static RecordingHost& host = *new RecordingHost;
    return host;
  }
  // From now on, the log goes there.
  static RecordingHost& Start() {
    static const bool started = [] {
      executorch::runtime::register_pal(executorch::runtime::PalImpl::create(&Emit, __FILE__));
      executorch::runtime::runtime_init();
      return true;
    }();
    static_cast<void>(started);
    Get().Clear();
    return Get();
  }

  void Clear() {
    std::lock_guard lock(mutex_);
    all_.clear();
    errors_.clear();
  }
  // One line per message: its level's letter, a space, the message.
  std::string All() {
    std::lock_guard lock(mutex_);
    return all_;
  }
  std::string Errors() {
    std::lock_guard lock(mutex_);
    return errors_;
  }

 private:
  static void Emit(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, size_t,
                   const char* message, size_t length) {
    RecordingHost& host = Get();
    const std::string line =
        std::string(1, static_cast<char>(level)) + " " + std::string(message, length) + "\n";
    std::lock_guard lock(host.mutex_);
    host.all_ += line;
    if (level == et_pal_log_level_t::kError) host.errors_ += line;
  }

  std::mutex mutex_;
  std::string all_, errors_;
};

// Keeps the events that delegates log.
class RecordingTracer final : public executorch::runtime::EventTracer {
 public:
  struct Event {
    std::string name, metadata;
    int32_t index;
    uint64_t start, end;
  };
  std::vector<Event> events;

  void log_profiling_delegate(const char* name, executorch::runtime::DelegateDebugIntId index,
                              et_timestamp_t start, et_timestamp_t end, const void* metadata,
                              size_t length) override {
    events.push_back(
        {name, std::string(static_cast<const char*>(metadata), length), index, start, end});
  }

  // What delegates do not use.
  void create_event_block(const char*) override {}
  executorch::runtime::EventTracerEntry start_profiling(const char*, executorch::runtime::ChainID,
                                                        executorch::runtime::DebugHandle) override {
    return {};
  }
  executorch::runtime::EventTracerEntry start_profiling_delegate(
      const char*, executorch::runtime::DelegateDebugIntId) override {
    return {};
  }
  void end_profiling_delegate(executorch::runtime::EventTracerEntry, const void*, size_t) override {
  }
  void end_profiling(executorch::runtime::EventTracerEntry) override {}
  void track_allocation(executorch::runtime::AllocatorID, size_t) override {}
  executorch::runtime::AllocatorID track_allocator(const char*) override { return 0; }
  executorch::runtime::Result<bool> log_evalue(const executorch::runtime::EValue&,
                                               executorch::runtime::LoggedEValueType) override {
    return false;
  }
  using Id = executorch::runtime::DelegateDebugIntId;
  using Logged = executorch::runtime::Result<bool>;
  Logged log_intermediate_output_delegate(const char*, Id,
                                          const executorch::aten::Tensor&) override {
    return false;
  }
  Logged log_intermediate_output_delegate(
      const char*, Id, const executorch::runtime::ArrayRef<executorch::aten::Tensor>) override {
    return false;
  }
  Logged log_intermediate_output_delegate(const char*, Id, const int&) override { return false; }
  Logged log_intermediate_output_delegate(const char*, Id, const bool&) override { return false; }
  Logged log_intermediate_output_delegate(const char*, Id, const double&) override { return false; }
  void set_delegation_intermediate_output_filter(
      executorch::runtime::EventTracerFilterBase*) override {}
};

}  // namespace switchyard::test
