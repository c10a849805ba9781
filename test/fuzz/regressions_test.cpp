// What the fuzzers found, and a few hundred drawn graphs, wherever the tests run: on the CPU's
// packed kernels, on those of the reference, and without.
#include "test/fuzz/regressions.h"

#include <gtest/gtest.h>

#include <format>
#include <span>
#include <string>

#include "test/conformance/random.h"
#include "test/fuzz/drawn_case.h"
#include "test/fuzz/known_data.h"
#include "test/unit/backend/hostile_run.h"

namespace switchyard::fuzz {
namespace {

// Where a CPU is emulated a graph takes longer.
#if defined(__aarch64__)
constexpr size_t kNumDrawn = 30;
#else
constexpr size_t kNumDrawn = 300;
#endif
constexpr size_t kDrawnBytes = 64;

TEST(FuzzDifferential, DrawnGraphsAgreeWithTheReference) {
  test::CrashReporter reporter;
  conformance::Random random("drawn", 1);
  for (size_t i = 0; i < kNumDrawn; ++i) {
    const auto bytes = random.Integers<uint8_t>(kDrawnBytes, 0, 255);
    reporter.Running(std::format("drawn {}: {}", i, DrawCase(bytes).name));
    const auto wrong = CheckDrawn(bytes);
    EXPECT_FALSE(wrong) << *wrong << "\n  reproduce: echo " << Hex(bytes)
                        << " | xxd -r -p > test/fuzz/regressions/differential/NAME";
  }
}

TEST(FuzzDifferential, BytesThatEndEarlyDrawAGraph) { EXPECT_FALSE(CheckDrawn({})); }

TEST(FuzzDifferential, Regressions) {
  test::CrashReporter reporter;
  for (const Input& input : Regressions("differential")) {
    reporter.Running(input.name);
    const auto* data = reinterpret_cast<const uint8_t*>(input.bytes.data());
    const auto wrong = CheckDrawn(std::span(data, input.bytes.size()));
    EXPECT_FALSE(wrong) << input.name << ": " << *wrong;
  }
}

TEST(FuzzPayload, Regressions) {
  const KnownData constants;
  test::CrashReporter reporter;
  for (const Input& input : Regressions("payload")) {
    reporter.Running(input.name);
    SCOPED_TRACE(input.name);
    test::RunHostile(input.bytes, &constants, input.bytes.size());
  }
}

}  // namespace
}  // namespace switchyard::fuzz
