#include "tools/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace switchyard::tools {
namespace {

using testing::HasSubstr;
using testing::Not;

// A model of 25 steps of 1 to 25 us, the last of them packed.
ThreadsReport Report() {
  ThreadsReport report{.threads = 2, .times = {.median = 0.4, .p99 = 0.5, .minimum = 0.35}};
  report.num_runs = 9;
  for (int i = 25; i > 0; --i) {
    report.profile.rows.push_back({.delegate = 0,
                                   .name = "node " + std::to_string(i),
                                   .route = i == 25 ? "packed" : "XNNPACK subgraph",
                                   .kernel = "kernel",
                                   .nodes = {static_cast<uint32_t>(i)},
                                   .macs = i == 25 ? 50'000u : 0u,
                                   .nanoseconds = 1000.0 * i});
    report.profile.nanoseconds += 1000.0 * i;
  }
  return report;
}

StockReport Stock(double speedup, double stock_nanoseconds) {
  return {.packed = {.load = 1e6, .run = 400'000, .fastest = 350'000},
          .stock = {.load = 1e6, .run = stock_nanoseconds, .fastest = stock_nanoseconds},
          .speedup = {speedup, speedup, speedup},
          .stock_again = {1, 0.99, 1.01},
          .share = PackedShare{.share = 0.5, .ratio = 2}};
}

std::string Text(const ThreadsReport& report, bool all_rows = false) {
  std::ostringstream out;
  PrintThreads(report, 7, all_rows, out);
  return out.str();
}

TEST(BenchReport, LongTablesAreCutUnlessAskedFor) {
  const std::string cut = Text(Report()), all = Text(Report(), true);
  EXPECT_THAT(cut, HasSubstr("25.0     7.7 %  4.0      kernel              0  node 25\n"));
  EXPECT_THAT(cut, HasSubstr("  15.0     4.6 %  -        -                   -  5 more; --all"));
  EXPECT_THAT(cut, Not(HasSubstr("node 5\n")));
  EXPECT_THAT(all, HasSubstr("node 5\n"));
  EXPECT_THAT(all, Not(HasSubstr("more; --all")));
}

TEST(BenchReport, ShortRunsAreNotJudged) {
  ThreadsReport report = Report();
  EXPECT_THAT(Text(report), HasSubstr("summary 2 threads: 0.350 ms, 1 packed node\n"));
  report.times.minimum = 0.0199;
  EXPECT_THAT(Text(report), HasSubstr("1 packed node, not judged: under 20 us\n"));
  report.stock = Stock(2, 19'999);
  EXPECT_THAT(Text(report), HasSubstr("; not judged: under 20 us\n"));
  EXPECT_THAT(Text(report), HasSubstr("bound 0.9 / (1 - s + s/r) = 1.20, not judged\n"));
  EXPECT_TRUE(ToJson({.file = "f",
                      .method = "m",
                      .inputs_from = "made up",
                      .cpu = "c",
                      .threads = {report}})["threads"][0]["stock"]["reaches_bound"]
                  .is_null());
}

TEST(BenchReport, TheBoundIsReachedOrMissed) {
  ThreadsReport report = Report();
  report.stock = Stock(1.2, 700'000);
  EXPECT_THAT(Text(report), HasSubstr("= 1.20, reached\n"));
  // What is not packed: 300 us of steps, and what no step has.
  EXPECT_THAT(Text(report), HasSubstr("  325.0 us are not in packed nodes: outside of delegates' "
                                      "steps 25.0 us, node 24 24.0 us, node 23 23.0 us\n"));
  report.stock = Stock(1.19, 700'000);
  EXPECT_THAT(Text(report), HasSubstr("= 1.20, missed\n"));
  EXPECT_THAT(Text(report), HasSubstr(", 1.19 times the speed of stock\n"));
  report.stock->share.reset();
  EXPECT_THAT(Text(report), HasSubstr("no share of theirs, no bound\n"));
}

TEST(BenchReport, NamesOfFilesAreNotOrdersForATerminal) {
  ThreadsReport report = Report();
  report.profile.rows[0].name = "\x1b[2J";
  report.stock = Stock(1.2, 700'000);
  EXPECT_THAT(Text(report), Not(HasSubstr("\x1b")));
  std::ostringstream out;
  PrintHeader({.file = "a\nb", .method = "\x1b[2J", .inputs_from = "made up", .cpu = "c"}, out);
  EXPECT_THAT(out.str(), HasSubstr("a?b, method ?[2J\n"));
}

}  // namespace
}  // namespace switchyard::tools
