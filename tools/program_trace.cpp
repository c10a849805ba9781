#include "tools/program_trace.h"

#include <executorch/devtools/etdump/etdump_flatcc.h>
#include <executorch/runtime/core/event_tracer.h>
#include <executorch/runtime/platform/clock.h>
#include <executorch/runtime/platform/platform.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tools/file.h"

namespace switchyard::tools {
namespace {

namespace et = executorch::runtime;
using nlohmann::ordered_json;

constexpr std::string_view kDelegateCall = "DELEGATE_CALL";

}  // namespace

class ProgramTrace::Recorder final : public et::EventTracer {
 public:
  Recorder(Timeline* timeline, bool with_etdump) : timeline_(timeline) {
    if (with_etdump) etdump_.emplace();
  }

  et::EventTracerEntry start_profiling(const char* name, et::ChainID chain,
                                       et::DebugHandle instruction) override {
    Open open = {.name = name,
                 .start = et::pal_current_ticks(),
                 .instruction = InstructionOf(chain, instruction),
                 .dumped = {}};
    if (open.name == kDelegateCall && open.instruction) {
      delegates_.try_emplace(*open.instruction, delegates_.size());
    }
    if (Dump()) open.dumped = etdump_->start_profiling(name, chain, instruction);
    return Begin(std::move(open));
  }

  void end_profiling(et::EventTracerEntry entry) override {
    const std::optional<Open> open = End(entry);
    if (!open) return;
    if (Dump()) etdump_->end_profiling(open->dumped);
    Add({.name = open->name, .category = "executorch"}, open->start, et::pal_current_ticks(),
        open->instruction);
  }

  et::EventTracerEntry start_profiling_delegate(const char* name,
                                                et::DelegateDebugIntId id) override {
    Open open = {.name = NameOf(name, id),
                 .start = et::pal_current_ticks(),
                 .instruction = InstructionOf(et::kUnsetChainId, et::kUnsetDebugHandle),
                 .dumped = {}};
    if (Dump()) open.dumped = etdump_->start_profiling_delegate(name, id);
    return Begin(std::move(open));
  }

  void end_profiling_delegate(et::EventTracerEntry entry, const void* metadata,
                              size_t length) override {
    const std::optional<Open> open = End(entry);
    if (!open) return;
    if (Dump()) etdump_->end_profiling_delegate(open->dumped, metadata, length);
    AddDelegateEvent(open->name, open->start, et::pal_current_ticks(), metadata, length);
  }

  void log_profiling_delegate(const char* name, et::DelegateDebugIntId id, et_timestamp_t start,
                              et_timestamp_t end, const void* metadata, size_t length) override {
    if (Dump()) etdump_->log_profiling_delegate(name, id, start, end, metadata, length);
    AddDelegateEvent(NameOf(name, id), start, end, metadata, length);
  }

  void create_event_block(const char* name) override {
    if (Dump()) etdump_->create_event_block(name);
  }
  void track_allocation(et::AllocatorID id, size_t size) override {
    if (Dump()) etdump_->track_allocation(id, size);
  }
  et::AllocatorID track_allocator(const char* name) override {
    return Dump() ? etdump_->track_allocator(name) : et::AllocatorID{0};
  }

  // Values are not recorded: the debug level stays at kNoLogging.
  using Logged = et::Result<bool>;
  using Id = et::DelegateDebugIntId;
  Logged log_evalue(const et::EValue&, et::LoggedEValueType) override { return false; }
  Logged log_intermediate_output_delegate(const char*, Id,
                                          const executorch::aten::Tensor&) override {
    return false;
  }
  Logged log_intermediate_output_delegate(const char*, Id,
                                          et::ArrayRef<executorch::aten::Tensor>) override {
    return false;
  }
  Logged log_intermediate_output_delegate(const char*, Id, const int&) override { return false; }
  Logged log_intermediate_output_delegate(const char*, Id, const bool&) override { return false; }
  Logged log_intermediate_output_delegate(const char*, Id, const double&) override { return false; }
  void set_delegation_intermediate_output_filter(et::EventTracerFilterBase*) override {}

  std::optional<executorch::etdump::ETDumpResult> FinishEtdump() {
    if (!etdump_) return std::nullopt;
    return etdump_->get_etdump_data();
  }

 private:
  using Instruction = std::pair<et::ChainID, et::DebugHandle>;
  struct Open {
    std::string name;
    et_timestamp_t start;
    std::optional<Instruction> instruction;
    et::EventTracerEntry dumped;  // what the ETDump calls it
  };

  // Whether there is an ETDump, which then knows the instruction that ExecuTorch has told us.
  bool Dump() {
    if (!etdump_) return false;
    etdump_->set_chain_debug_handle(current_chain_id(), current_debug_handle());
    return true;
  }

  std::optional<Instruction> InstructionOf(et::ChainID chain, et::DebugHandle instruction) {
    if (chain == et::kUnsetChainId) {
      chain = current_chain_id();
      instruction = current_debug_handle();
    }
    if (chain == et::kUnsetChainId) return std::nullopt;
    return Instruction(chain, instruction);
  }

  static std::string NameOf(const char* name, et::DelegateDebugIntId id) {
    return name != nullptr ? name : "delegate event " + std::to_string(id);
  }

  et::EventTracerEntry Begin(Open open) {
    et::EventTracerEntry entry = {};
    entry.event_id = next_event_++;
    entry.start_time = open.start;
    open_.emplace(entry.event_id, std::move(open));
    return entry;
  }
  std::optional<Open> End(const et::EventTracerEntry& entry) {
    auto node = open_.extract(entry.event_id);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
  }

  void AddDelegateEvent(std::string name, et_timestamp_t start, et_timestamp_t end,
                        const void* metadata, size_t length) {
    if (timeline_ == nullptr) return;
    Timeline::Span span = {.name = std::move(name), .category = "delegate"};
    const std::string_view text(static_cast<const char*>(metadata), metadata ? length : 0);
    // Ours is JSON (backend/doors/executorch.cpp); another backend's is what it likes.
    ordered_json parsed = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object()) {
      if (parsed.contains("kind") && parsed["kind"].is_string()) {
        span.category = parsed["kind"].get<std::string>();
        parsed.erase("kind");
      }
      span.args = std::move(parsed);
    } else if (!text.empty()) {
      span.args["metadata"] = text;
    }
    Add(std::move(span), start, end, InstructionOf(et::kUnsetChainId, et::kUnsetDebugHandle));
  }

  void Add(Timeline::Span span, et_timestamp_t start, et_timestamp_t end,
           const std::optional<Instruction>& instruction) {
    if (timeline_ == nullptr) return;
    span.start = et::ticks_to_ns(start);
    span.end = et::ticks_to_ns(end);
    if (instruction) {
      span.args["instruction"] = instruction->second;
      const auto delegate = delegates_.find(*instruction);
      if (delegate != delegates_.end()) span.args["delegate"] = delegate->second;
    }
    timeline_->Add(std::move(span));
  }

  Timeline* const timeline_;
  std::optional<executorch::etdump::ETDumpGen> etdump_;
  int64_t next_event_ = 0;
  std::map<int64_t, Open> open_;
  std::map<Instruction, size_t> delegates_;  // their number, in the order of their first calls
};

ProgramTrace::ProgramTrace(Timeline* timeline, bool with_etdump)
    : recorder_(std::make_unique<Recorder>(timeline, with_etdump)) {}
ProgramTrace::~ProgramTrace() = default;

et::EventTracer* ProgramTrace::tracer() { return recorder_.get(); }

Outcome<void> ProgramTrace::WriteEtdump(const std::filesystem::path& path) {
  const auto dump = recorder_->FinishEtdump();
  if (!dump || dump->buf == nullptr || dump->size == 0) {
    return Fail(ExitCode::kUnsupported,
                "{}: ExecuTorch has no ETDump to write; run with fewer "
                "repeats",
                path.string());
  }
  const Outcome<void> written =
      WriteFile(path, {static_cast<const std::byte*>(dump->buf), dump->size});
  std::free(dump->buf);
  return written;
}

}  // namespace switchyard::tools
