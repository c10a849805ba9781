// One line of the benchmark: a product, a number of threads, our kernel and the stock operator.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "test/bench/ours.h"
#include "test/bench/peaks.h"
#include "test/bench/peer_process.h"
#include "test/bench/product.h"
#include "test/bench/ratio.h"

namespace switchyard::bench {

// Below this nothing is judged: the rest of an execute is of the same size.
inline constexpr double kJudgedSeconds = 20e-6;

// Another implementation, as the other side.
struct PeerMeasurement {
  std::string name;
  std::optional<Ratio> ratio = {};  // to it, and it against itself
  double load = 0;                  // seconds
  std::string why_not = {};         // why there is no ratio
};

// Whether a row of the kernel table is plain C++, whose speed nobody asks for.
bool IsPlainRow(std::string_view name);

struct Measurement {
  std::string name = {}, variant = {}, shape = {};
  size_t m = 0, n = 0, k = 0, groups = 1, threads = 1;
  double operations = 0;  // a multiply-accumulate is two

  std::string kernel = {}, tier = {};  // row of the kernel table; empty: the stock plan
  size_t mc = 0, nc = 0, kc = 0, tasks = 0;
  std::string why_stock = {};  // of the best row that gave way
  std::string remedy = {};  // where stock is wrong: its side is the remedied plan, computed in f32

  Ratio ratio = {};
  // Of variants that quantize rows: both sides without that.
  std::optional<Ratio> product_ratio = {};
  std::vector<PeerMeasurement> peers = {};
  double ours_load = 0, stock_load = 0;      // seconds, the least of all creations
  double copy = 0;                           // of reading, changing and writing the weights once
  uint64_t packed_bytes = 0, raw_bytes = 0;  // of the weights

  std::string peak = {};                       // the loop that is the bound
  std::optional<double> peak_operations = {};  // a second, with as many threads
  std::optional<double> read_bytes = {};  // a second, of as many bytes as the weights; of M = 1

  bool is_packed() const { return !kernel.empty(); }
  bool is_judged() const { return std::max(ratio.ours, ratio.stock) >= kJudgedSeconds; }
  double operations_per_second() const { return operations / ratio.ours; }
  // Of the weights, as they are read.
  double bytes_per_second() const {
    return static_cast<double>(packed_bytes != 0 ? packed_bytes : raw_bytes) / ratio.ours;
  }
  // To the best of the peers; nothing without them.
  std::optional<double> best_peer_ratio() const {
    std::optional<double> least;
    for (const PeerMeasurement& peer : peers) {
      if (peer.ratio) least = std::min(least.value_or(peer.ratio->ratio), peer.ratio->ratio);
    }
    return least;
  }
  // Of what the machine can do: of its peak, of M = 1 of its read bandwidth.
  std::optional<double> share() const {
    if (m == 1 && read_bytes) return bytes_per_second() / *read_bytes;
    if (peak_operations) return operations_per_second() / *peak_operations;
    return std::nullopt;
  }
};

// What products are measured with.
struct Machine {
  Peaks& peaks;
  pthreadpool* pool;  // null for one thread
  size_t threads;
  PeerProcess* executorch = nullptr;  // which has the product; null: not asked for
  bool libraries = false;             // those of LibraryPeers(), too
};

// Checks the answers of both sides, then compares them. Errors: of loading and running, and those
// of CheckOutput: nothing wrong is timed.
Result<Measurement> Measure(Product& product, const LoadOptionValues& options,
                            const Machine& machine, const Effort& effort);

}  // namespace switchyard::bench
