// Loads and runs payloads that nobody should have written, on the backend, with tensors whose ends
// are guarded: XNNPACK itself is not instrumented, so the memory around it has to notice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/named_data.h"
#include "schema/graph.h"

namespace switchyard::test {

// How far a payload came.
enum class HostileOutcome : uint8_t {
  kRefusedAtDoor,     // ReadPayload
  kRefusedAtLoad,     // BlobRunner::Load
  kTooLarge,          // loaded, but its arguments are more than the test hands over
  kRefusedAtExecute,  // loaded, and at least one execute was refused
  kRan,               // every execute gave an answer
};
inline constexpr size_t kNumHostileOutcomes = 5;
std::string_view Name(HostileOutcome outcome);

// Reads, loads and runs: once at the bounds that the payload gives, once with a smaller first
// dimension, once beyond the bounds. Fails the current test unless each step gives a result or an
// error with a message that is not Internal, the outputs have the shapes that shape inference says,
// and nothing is written outside them. `seed` decides the inputs' data, which has special numbers
// among it.
HostileOutcome RunHostile(std::span<const std::byte> payload, const NamedDataMap* named_data,
                          uint64_t seed);

struct HostileTally {
  struct Counts {
    size_t all, structural;
  };
  std::array<Counts, kNumHostileOutcomes> outcomes{};

  const Counts& Of(HostileOutcome outcome) const { return outcomes[static_cast<size_t>(outcome)]; }
  Counts Total() const;
  // One line for each outcome.
  std::string ToString() const;
};

// Runs `count` mutants of a graph and counts how far they came. Stops at the first that fails.
void RunMutants(std::string_view name, const Graph& graph, uint64_t seed, size_t count,
                HostileTally& tally);

// While it lives, a signal that ends the process (an assert, a bad access, or a step that takes
// longer than five minutes) first prints what was being run.
class CrashReporter {
 public:
  CrashReporter();
  ~CrashReporter();
  CrashReporter(const CrashReporter&) = delete;
  CrashReporter& operator=(const CrashReporter&) = delete;

  // Starts the clock anew.
  void Running(std::string_view what);
};

}  // namespace switchyard::test
