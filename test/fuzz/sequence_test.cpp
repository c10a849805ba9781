// Drawn graphs of all kinds of nodes, wherever the tests run: products run on the CPU's packed
// kernels and on those of the reference.
#include <gtest/gtest.h>

#include <cstdlib>
#include <format>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "schema/node_kinds.h"
#include "test/conformance/random.h"
#include "test/fuzz/drawn_graph.h"
#include "test/fuzz/regressions.h"
#include "test/unit/backend/hostile_run.h"

namespace switchyard::fuzz {
namespace {

// Where a CPU is emulated a graph takes longer.
#if defined(__aarch64__)
constexpr size_t kNumDrawn = 150;
#else
constexpr size_t kNumDrawn = 600;
#endif
constexpr size_t kDrawnBytes = 192;

TEST(FuzzSequence, DrawnGraphsAnswerLikeFreshDelegates) {
  const char* wanted = std::getenv("SWITCHYARD_TEST_DRAWN");
  const size_t count = wanted == nullptr ? kNumDrawn : std::strtoul(wanted, nullptr, 10);
  test::CrashReporter reporter;
  conformance::Random random("sequences", 1);
  size_t num_refused = 0, num_runs = 0, num_ran = 0;
  std::set<NodeKind> kinds;
  std::set<std::string> refusals;
  for (size_t i = 0; i < count; ++i) {
    const auto bytes = random.Integers<uint8_t>(kDrawnBytes, 0, 255);
    const DrawnGraph drawn = DrawGraph(bytes);
    reporter.Running(std::format("drawn {}: {}", i, drawn.name));
    std::string reason;
    const SequenceOutcome outcome = CheckSequence(bytes, &reason);
    ASSERT_EQ(outcome.wrong, "") << "\n  reproduce: echo " << Hex(bytes)
                                 << " | xxd -r -p > test/fuzz/regressions/sequence/NAME";
    num_refused += outcome.is_refused;
    num_runs += drawn.runs.size();
    num_ran += outcome.num_ran;
    if (outcome.is_refused) refusals.insert(reason.substr(reason.rfind('\n') + 1));
    for (const Node& node : drawn.graph.nodes) kinds.insert(node.kind);
  }
  std::cout << std::format("{} graphs, {} refused; {} of {} executes gave an answer\n", count,
                           num_refused, num_ran, num_runs);
  for (const std::string& refusal : refusals) std::cout << "refused:" << refusal << "\n";
  // Otherwise it shows little.
  EXPECT_LE(num_refused, count / 100);
  EXPECT_GE(num_ran, num_runs * 3 / 4);
  if (count >= kNumDrawn) EXPECT_GE(kinds.size(), kNumNodeKinds - 3);
}

TEST(FuzzSequence, Regressions) {
  test::CrashReporter reporter;
  for (const Input& input : Regressions("sequence")) {
    reporter.Running(input.name);
    const auto* data = reinterpret_cast<const uint8_t*>(input.bytes.data());
    EXPECT_EQ(CheckSequence(std::span(data, input.bytes.size())).wrong, "") << input.name;
  }
}

TEST(FuzzSequence, BytesThatEndEarlyDrawAGraph) {
  const SequenceOutcome outcome = CheckSequence({});
  EXPECT_EQ(outcome.wrong, "");
  EXPECT_GE(outcome.num_ran, 1);
}

}  // namespace
}  // namespace switchyard::fuzz
