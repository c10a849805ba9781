// Programs and external data that were cut off or changed: whatever payloads are still found in
// them are loaded and run, as a host would.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <format>
#include <string>
#include <vector>

#include "schema/program.h"
#include "test/support/emulation.h"
#include "test/support/test_data.h"
#include "test/unit/backend/hostile_run.h"

namespace switchyard {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

struct Counts {
  size_t refused = 0;   // by the reader of the program or of the external data
  size_t payloads = 0;  // found behind it
  std::array<size_t, test::kNumHostileOutcomes> outcomes{};

  size_t Of(test::HostileOutcome outcome) const { return outcomes[static_cast<size_t>(outcome)]; }
};

Bytes Read(const fs::path& file) {
  auto bytes = test::ReadFile(fs::path(SWITCHYARD_TEST_DATA) / file);
  EXPECT_TRUE(bytes) << bytes.error().ToString();
  return bytes ? *std::move(bytes) : Bytes();
}

// Reads a program with its external data (may be empty), and runs what it delegates.
void RunProgram(std::span<const std::byte> file, std::span<const std::byte> external,
                Counts& counts) {
  const auto program = ReadProgram(file);
  if (!program) {
    EXPECT_FALSE(program.error().message.empty());
    ++counts.refused;
    return;
  }
  NamedDataViews named_data(program->named_data);
  if (!external.empty()) {
    const auto entries = ReadExternalData(external);
    if (!entries) {
      EXPECT_FALSE(entries.error().message.empty());
      ++counts.refused;
    } else if (const Status merged = named_data.Merge(*entries); !merged) {
      EXPECT_FALSE(merged.error().message.empty());
      ++counts.refused;
    }
  }
  for (const ProgramMethod& method : program->methods) {
    for (const ProgramDelegate& delegate : method.delegates) {
      ++counts.payloads;
      ++counts.outcomes[static_cast<size_t>(
          test::RunHostile(delegate.payload, &named_data, /*seed=*/counts.payloads))];
    }
  }
}

TEST(HostileProgram, Truncations) {
  test::CrashReporter reporter;
  for (const char* name :
       {"fc.qd8/model.pte", "file.inline_delegate/model.pte", "file.bundled/model.bpte"}) {
    SCOPED_TRACE(name);
    const Bytes whole = Read(name);
    Counts intact, counts;
    RunProgram(whole, {}, intact);
    ASSERT_EQ(intact.refused, 0u);
    ASSERT_GT(intact.payloads, 0u);
    ASSERT_EQ(intact.Of(test::HostileOutcome::kRan), intact.payloads);
    for (size_t size = 0; size < whole.size(); size += test::Stride()) {
      const std::string what = std::format("{} cut to {} of {} bytes", name, size, whole.size());
      reporter.Running(what);
      SCOPED_TRACE(what);
      // Allocated anew, so that a sanitizer sees what is read beyond the end.
      const Bytes part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      RunProgram(part, {}, counts);
      if (HasFailure()) return;
    }
    EXPECT_GT(counts.refused, 0u);
    RecordProperty(std::string(name), std::to_string(counts.refused));
  }
}

TEST(HostileProgram, TruncatedExternalData) {
  test::CrashReporter reporter;
  const Bytes program = Read("file.external_data/model.pte");
  const Bytes whole = Read("file.external_data/weights.ptd");
  Counts intact, counts;
  RunProgram(program, whole, intact);
  ASSERT_EQ(intact.refused, 0u);
  ASSERT_GT(intact.payloads, 0u);
  ASSERT_EQ(intact.Of(test::HostileOutcome::kRan), intact.payloads);
  for (size_t size = 1; size < whole.size(); size += test::Stride()) {
    const std::string what = std::format("external data cut to {} of {} bytes", size, whole.size());
    reporter.Running(what);
    SCOPED_TRACE(what);
    const Bytes part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    RunProgram(program, part, counts);
    if (HasFailure()) return;
  }
  EXPECT_GT(counts.refused, 0u);
  // Without its weights the payload does not pass the door.
  EXPECT_GT(counts.Of(test::HostileOutcome::kRefusedAtDoor), 0u);

  Counts without;
  RunProgram(program, {}, without);
  EXPECT_EQ(without.Of(test::HostileOutcome::kRefusedAtDoor), without.payloads);
}

// The header after a program's identifier: "eh00" at 8, its length (4 bytes) at 12, then three
// numbers of 8 bytes. External data has the like: "FH01", length, four numbers.
TEST(HostileProgram, ExtendedHeaderFields) {
  test::CrashReporter reporter;
  const Bytes ptd = Read("file.external_data/weights.ptd");
  struct Case {
    const char* file;
    bool is_external;
  };
  for (const auto& [file, is_external] :
       {Case{"fc.qd8/model.pte", false}, Case{"file.inline_delegate/model.pte", false},
        Case{"file.external_data/model.pte", false},
        Case{"file.external_data/weights.ptd", true}}) {
    SCOPED_TRACE(file);
    const Bytes whole = Read(file);
    const Bytes program = is_external ? Read("file.external_data/model.pte") : Bytes();
    ASSERT_EQ(std::memcmp(whole.data() + 8, is_external ? "FH01" : "eh00", 4), 0);
    uint32_t length;
    std::memcpy(&length, whole.data() + 12, sizeof length);
    ASSERT_GE(length, 24u);
    ASSERT_LE(8 + length, whole.size());
    Counts counts;
    size_t changed = 0;
    for (size_t offset = 0; offset + 4 <= 8 + length; offset += 4) {
      for (const uint32_t edge : {0u, 1u, 0xFFFFFFFFu}) {
        const std::string what = std::format("{}: word at {} = {}", file, offset, edge);
        reporter.Running(what);
        SCOPED_TRACE(what);
        Bytes mutant = whole;
        std::memcpy(mutant.data() + offset, &edge, sizeof edge);
        if (is_external) {
          RunProgram(program, mutant, counts);
        } else {
          RunProgram(mutant,
                     file == std::string_view("file.external_data/model.pte") ? ptd : Bytes(),
                     counts);
        }
        ++changed;
        if (HasFailure()) return;
      }
    }
    EXPECT_GT(counts.refused, changed / 4);
  }
}

// Every word of the file (each Stride()-th where the CPU is emulated), set to an edge: offsets,
// sizes, types, ids, wherever they are.
TEST(HostileProgram, EveryWord) {
  test::CrashReporter reporter;
  for (const char* name : {"fc.qd8/model.pte", "file.bundled/model.bpte"}) {
    SCOPED_TRACE(name);
    const Bytes whole = Read(name);
    Counts counts;
    for (size_t offset = 0; offset + 4 <= whole.size(); offset += 4 * test::Stride()) {
      for (const uint32_t edge : {0u, 0xFFFFFFFFu}) {
        const std::string what = std::format("{}: word at {} = {}", name, offset, edge);
        reporter.Running(what);
        SCOPED_TRACE(what);
        Bytes mutant = whole;
        std::memcpy(mutant.data() + offset, &edge, sizeof edge);
        RunProgram(mutant, {}, counts);
        if (HasFailure()) return;
      }
    }
    EXPECT_GT(counts.refused, 0u);
    EXPECT_GT(counts.Of(test::HostileOutcome::kRefusedAtDoor), 0u);
    EXPECT_GT(counts.Of(test::HostileOutcome::kRan), 0u);
  }
}

}  // namespace
}  // namespace switchyard
