// Where the time of a model goes, made of the spans of traced runs.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/timeline.h"

namespace switchyard::tools {

// Something that takes time: a step of a delegate, one of XNNPACK's operators in a step, or one of
// the host's. Nothing of it is in another row.
struct ProfileRow {
  std::optional<size_t> delegate;  // in the order of their first calls; nothing: of none, or all
  std::string name;                // "node 3 FullyConnected"
  std::string route;               // of steps and what is in them, as in TraceEvent
  std::string kernel;              // the function or the row that ran, or XNNPACK's operator
  std::vector<uint32_t> nodes;
  uint64_t macs = 0;
  double nanoseconds = 0;  // in the run in which it was fastest
};

struct Profile {
  std::vector<ProfileRow> rows;  // the longest first
  double nanoseconds = 0;        // all rows together

  uint64_t Macs() const;
  size_t NumPacked() const;  // rows that a packed kernel runs
};

// From trace to profile. XNNPACK counts in whole microseconds, rounded down: what its operators
// leave of their step is given to them, up to half a microsecond for each, the mean of what was
// rounded away; the rest is a row of the step's own.
class ProfileBuilder {
 public:
  // Of one run, in the order in which they ended.
  void AddRun(std::span<const Timeline::Span> spans);
  Profile Finish() const;

 private:
  struct Key {
    std::optional<size_t> delegate;
    std::string name, kernel;  // a node may be several of XNNPACK's operators
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    ProfileRow row;
    std::vector<double> nanoseconds;  // by run
  };
  void Add(const Timeline::Span& span, std::string name, double nanoseconds);
  // Of a step, with the operators in it.
  void AddStep(const Timeline::Span& step, std::span<const Timeline::Span> operators);

  size_t num_runs_ = 0;
  std::map<Key, Entry> entries_;
};

// What packing can bring, and what it brings: Amdahl's law for the nodes that run packed.
struct PackedShare {
  double share = 0;  // s: of the stock plan's time, what goes into these nodes
  double ratio = 0;  // r: their time there over their time packed
  // 0.9 / (1 - s + s / r): nine tenths of the speed-up that follows.
  double Bound() const { return 0.9 / (1 - share + share / ratio); }
};

// `packed` and `stock` are profiles of two plans of one model, `stock_nanoseconds` is a run of the
// second. Nothing, where no row is packed, or XNNPACK has fused packed nodes with others in the
// stock plan, so that nobody knows what is theirs.
std::optional<PackedShare> ShareOfPacked(const Profile& packed, const Profile& stock,
                                         double stock_nanoseconds);

// Whether a row is a packed product or what packs its activations.
bool IsPacked(const ProfileRow& row);

}  // namespace switchyard::tools
