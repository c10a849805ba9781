// What `bench` has measured, as text and as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tools/profile.h"
#include "tools/run_times.h"
#include "tools/turns.h"

namespace switchyard::tools {

// Runs below are too short for a ratio to say much.
inline constexpr double kShortestJudgedNanoseconds = 20'000;

// Over the rounds, in nanoseconds: medians, and the fastest run of all, which goes with a profile,
// whose rows are the fastest, too.
struct SideReport {
  double load = 0, run = 0, fastest = 0;
};

// The packed plan and the stock plan, in turns in one process.
struct StockReport {
  SideReport packed, stock;
  TimeRatio speedup;      // stock over packed
  TimeRatio stock_again;  // a second stock plan over the first: what chance does
  std::optional<PackedShare> share;

  bool IsJudged() const { return stock.run >= kShortestJudgedNanoseconds; }
  bool ReachesBound() const { return share && speedup.median >= share->Bound(); }
};

// Ours and ExecuTorch's own backend, in turns, each in a process of its own.
struct PeerReport {
  SideReport ours, peer;
  TimeRatio time;  // ours over the peer's
  // From the start of the process to the end of its first run, in nanoseconds; the most memory that
  // it had until then, in bytes.
  double our_start = 0, peer_start = 0;
  TimeRatio start;
  uint64_t our_memory = 0, peer_memory = 0;

  bool IsJudged() const { return peer.run >= kShortestJudgedNanoseconds; }
};

struct ThreadsReport {
  uint32_t threads = 1;
  std::optional<double> cold_load = {};  // milliseconds; nothing: this process had loaded it before
  double warm_load = 0;                  // milliseconds
  RunTimesSummary times = {};            // of the runs; its load is not used
  size_t num_runs = 0;
  uint64_t peak_memory = 0;  // bytes, up to the end of the runs
  Profile profile = {};
  std::optional<StockReport> stock = {};  // where a node is packed
  std::optional<PeerReport> peer = {};
};

struct BenchReport {
  std::string file, method;  // of a payload no method
  std::vector<std::string> inputs = {};
  std::string inputs_from;
  std::string cpu;
  size_t rounds = 0;
  std::vector<ThreadsReport> threads = {};
};

// The longest rows of each profile, or all of them.
void PrintHeader(const BenchReport& report, std::ostream& out);
void PrintThreads(const ThreadsReport& report, size_t rounds, bool all_rows, std::ostream& out);
nlohmann::ordered_json ToJson(const BenchReport& report);

}  // namespace switchyard::tools
