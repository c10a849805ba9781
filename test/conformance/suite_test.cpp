// The suite itself: that it sees what a faulty backend does, and survives it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "test/conformance/export.h"
#include "test/conformance/known_issues.h"
#include "test/conformance/machine.h"
#include "test/conformance/report.h"
#include "test/conformance/runner.h"
#include "test/conformance/worker.h"
#include "tools/npy.h"

namespace switchyard::conformance {
namespace {

using testing::HasSubstr;

enum class Fault { kWrongNumbers, kWrongShape, kError, kNotSupported, kCrash, kHang };

// Loads everything, and errs when it runs.
class FaultyBackend : public Backend {
 public:
  explicit FaultyBackend(Fault fault) : fault_(fault) {}

  std::string_view name() const override { return "Faulty"; }
  bool is_available() const override { return true; }
  Result<DelegateHandle*> Init(const InitContext&, std::span<const std::byte>) override {
    return new DelegateHandle;
  }
  Status Execute(const ExecuteContext&, DelegateHandle*, std::span<TensorView> arguments) override {
    switch (fault_) {
      case Fault::kWrongNumbers:
        return {};  // outputs stay 0
      case Fault::kWrongShape: {
        TensorView& output = arguments.back();
        std::vector<size_t> sizes(output.sizes.begin(), output.sizes.begin() + 2);
        ++sizes[0];
        return output.resize(output, sizes);
      }
      case Fault::kError:
        return Fail(ErrorCode::kInternal, "out of order");
      case Fault::kNotSupported:
        return Fail(ErrorCode::kNotSupported, "not here");
      case Fault::kCrash:
        std::abort();
      case Fault::kHang:
        while (true) sleep(1);
    }
    return {};
  }
  void Destroy(DelegateHandle* handle) override { delete handle; }
  Status SetOption(std::string_view, const OptionValue&) override { return {}; }
  Result<OptionValue> GetOption(std::string_view key) const override {
    return Fail(ErrorCode::kNotFound, "no option {}", key);
  }

 private:
  Fault fault_;
};

Case CaseNamed(std::string_view name) {
  auto cases = AllCases();
  for (Case& item : *cases) {
    if (item.name == name) return item;
  }
  ADD_FAILURE() << "there is no case " << name;
  return {};
}
Case AnyCase() { return CaseNamed("fc.pf32.m3.k7.n5.exact"); }

CaseResult RunFaulty(Fault fault, const Case& item = AnyCase()) {
  FaultyBackend backend(fault);
  return RunCase(item, 1, {.backend = &backend});
}

TEST(Runner, SeesWrongNumbers) {
  const CaseResult result = RunFaulty(Fault::kWrongNumbers);
  EXPECT_EQ(result.outcome, Outcome::kFailNumeric);
  EXPECT_THAT(result.detail, HasSubstr("of 15 elements of [3, 5] are wrong"));
}

TEST(Runner, SeesAWrongShape) {
  const CaseResult result = RunFaulty(Fault::kWrongShape);
  EXPECT_EQ(result.outcome, Outcome::kFailNumeric);
  EXPECT_THAT(result.detail, HasSubstr("shape [4, 5], expected [3, 5]"));
}

TEST(Runner, TellsRefusalsApart) {
  EXPECT_EQ(RunFaulty(Fault::kError).outcome, Outcome::kFailStatus);
  EXPECT_EQ(RunFaulty(Fault::kNotSupported).outcome, Outcome::kNotSupported);
  const Case refused = CaseNamed("bmm.pf32.refused.other_depth");
  EXPECT_EQ(RunFaulty(Fault::kError, refused).outcome, Outcome::kRefusedAsDocumented);
  EXPECT_EQ(RunFaulty(Fault::kWrongNumbers, refused).outcome, Outcome::kFailStatus);
}

TEST(Worker, OutlivesCrashesAndHangs) {
  FaultyBackend crash(Fault::kCrash), hang(Fault::kHang), wrong(Fault::kWrongNumbers);
  Backend* const backends[] = {&wrong, &crash, &wrong, &hang, &wrong};
  const Case item = AnyCase();
  Worker worker([&](size_t i) { return RunCase(item, 1, {.backend = backends[i]}); },
                std::chrono::milliseconds(2000));
  EXPECT_EQ(worker.Run(0).outcome, Outcome::kFailNumeric);
  const CaseResult crashed = worker.Run(1);
  EXPECT_EQ(crashed.outcome, Outcome::kCrash);
  EXPECT_THAT(crashed.detail, HasSubstr("signal 6"));
  EXPECT_EQ(worker.Run(2).outcome, Outcome::kFailNumeric);
  EXPECT_EQ(worker.Run(3).outcome, Outcome::kTimeout);
  EXPECT_EQ(worker.Run(4).outcome, Outcome::kFailNumeric);
}

TEST(Filter, HasPatternsAndExceptions) {
  EXPECT_TRUE(MatchesFilter("fc.pf32.unit", ""));
  EXPECT_TRUE(MatchesFilter("fc.pf32.unit", "fc.*"));
  EXPECT_TRUE(MatchesFilter("fc.pf32.unit", "conv.*:*.unit"));
  EXPECT_TRUE(MatchesFilter("fc.pf32.unit", "f?.pf32.unit"));
  EXPECT_FALSE(MatchesFilter("fc.pf32.unit", "fc"));
  EXPECT_FALSE(MatchesFilter("fc.pf32.unit", "fc.*-*.unit"));
  EXPECT_FALSE(MatchesFilter("fc.pf32.unit", "-fc.*"));
}

TEST(Machine, MatchesItself) {
  EXPECT_TRUE(MachineMatches(""));
  EXPECT_TRUE(MachineMatches(MachineName()));
  EXPECT_FALSE(MachineMatches("no_such_feature"));
  EXPECT_TRUE(MachineMatches("!no_such_feature"));
}

TEST(Cases, AreManyAndNamed) {
  const Result<std::vector<Case>> cases = AllCases();
  ASSERT_TRUE(cases) << cases.error().message;
  EXPECT_GE(cases->size(), 1500u);
  EXPECT_GE(std::ranges::count_if(*cases, &Case::must_pass), 400);
  for (const Case& item : *cases) {
    EXPECT_FALSE(OperatorOf(item).empty() || VariantOf(item).empty()) << item.name;
  }
}

// A reproducer line names a case and a seed, nothing else.
TEST(Cases, FollowFromNameAndSeed) {
  const Result<std::vector<Case>> cases = AllCases();
  ASSERT_TRUE(cases);
  for (const Case& item : *cases) {
    const auto bytes = [&item](uint64_t seed) {
      const Built built = BuildCase(item, seed);
      std::vector<std::byte> all = WritePayload(built.graph, built.writer)->bytes;
      for (const auto& run : built.runs) {
        for (const OwnedTensor& input : run) {
          all.insert(all.end(), input.bytes().begin(), input.bytes().end());
        }
      }
      return all;
    };
    const std::vector<std::byte> first = bytes(1);
    EXPECT_EQ(first, bytes(1)) << item.name;
  }
}

std::string Slurp(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Report, HasEveryFormat) {
  Report report{.program = "p", .backend = "b", .machine = "m", .seed = 3};
  report.rows.push_back({"fc.pf32.good", "fc", "pf32", true, {.worst = 0.5}, ""});
  report.rows.push_back({"fc.pf32.bad",
                         "fc",
                         "pf32",
                         false,
                         {.outcome = Outcome::kCrash, .detail = "it said <\"&"},
                         ""});
  report.rows.push_back(
      {"fc.pf32.known", "fc", "pf32", false, {.outcome = Outcome::kTimeout}, "slow"});
  const std::filesystem::path folder = testing::TempDir();
  const std::filesystem::path json_path = folder / "conformance_report.json";
  ASSERT_TRUE(WriteReport(report, json_path));
  const nlohmann::json json = nlohmann::json::parse(Slurp(json_path));
  EXPECT_EQ(json["cases"].size(), 3u);
  EXPECT_EQ(json["cases"][1]["outcome"], "crash");
  EXPECT_EQ(json["cases"][2]["known_issue"], "slow");
  const std::filesystem::path xml_path = folder / "conformance_report.xml";
  ASSERT_TRUE(WriteReport(report, xml_path));
  EXPECT_THAT(Slurp(xml_path), HasSubstr("failures=\"1\" skipped=\"1\""));
  EXPECT_THAT(Slurp(xml_path), HasSubstr("it said &lt;&quot;&amp;"));
  const std::filesystem::path md_path = folder / "conformance_report.md";
  ASSERT_TRUE(WriteReport(report, md_path));
  EXPECT_THAT(Slurp(md_path), HasSubstr("| fc | pf32 | 3 | 1 | 0.500 |"));
  EXPECT_FALSE(WriteReport(report, folder / "conformance_report.txt"));
}

TEST(Export, WritesWhatTheReferenceSays) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / ("conformance_export" + std::to_string(getpid()));
  const Case item = AnyCase();
  const Status status = ExportCases(std::span(&item, 1), 1, folder);
  ASSERT_TRUE(status) << status.error().message;
  const std::filesystem::path root = folder / item.name;
  const nlohmann::json json = nlohmann::json::parse(Slurp(root / "case.json"));
  EXPECT_EQ(json["runs"].size(), 1u);
  const tools::Outcome<tools::Array> input = tools::ReadNpy(root / "run0" / "input_0.npy");
  const tools::Outcome<tools::Array> expected = tools::ReadNpy(root / "run0" / "expected_0.npy");
  ASSERT_TRUE(input && expected);
  EXPECT_EQ(input->shape, (std::vector<size_t>{3, 7}));
  EXPECT_EQ(expected->shape, (std::vector<size_t>{3, 5}));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace switchyard::conformance
