#include "tools/turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/unit/tools/fake_side.h"

namespace switchyard::tools {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

TEST(Turns, EachSideIsFirstAsOftenAsTheOther) {
  std::vector<std::string> log;
  FakeSide a("a", log), b("b", log);
  const std::vector<Side*> sides = {&a, &b};
  const auto times = TakeTurns(sides, {.rounds = 2, .nanoseconds = 80}, [&](size_t round) {
    log.push_back("round " + std::to_string(round));
  });
  ASSERT_TRUE(times) << times.error().message;
  const std::vector<std::string> expected = {
      "round 0",  "a load",   "b load",   "a run 0",  "b run 0",  "a run 10",
      "b run 10", "b run 10", "a run 10", "a run 10", "b run 10", "b run 10",
      "a run 10", "a unload", "b unload", "round 1",  "b load",   "a load",
      "b run 0",  "a run 0",  "b run 10", "a run 10", "a run 10", "b run 10",
      "b run 10", "a run 10", "a run 10", "b run 10", "a unload", "b unload"};
  EXPECT_THAT(log, ElementsAreArray(expected));
}

TEST(Turns, TheFastestTurnOfEachRoundCounts) {
  std::vector<std::string> log;
  FakeSide a("a", log), b("b", log);
  a.loads = {7, 8};
  // The first run of a round does not count.
  a.runs = {1, 40, 30, 50, 60, 2, 90, 80, 70, 100};
  b.runs = {5};
  const std::vector<Side*> sides = {&a, &b};
  const auto times = TakeTurns(sides, {.rounds = 2, .nanoseconds = 0}, [](size_t) {});
  ASSERT_TRUE(times) << times.error().message;
  EXPECT_THAT((*times)[0].loads, ElementsAre(7, 8));
  EXPECT_THAT((*times)[0].runs, ElementsAre(30, 70));
  EXPECT_THAT((*times)[1].runs, ElementsAre(5, 5));
}

TEST(Turns, AFailureEndsThemWithNothingLoaded) {
  for (const std::string& at : {"load", "run 0", "run 25", "unload"}) {
    std::vector<std::string> log;
    FakeSide a("a", log), b("b", log);
    b.fails_at = at;
    const std::vector<Side*> sides = {&a, &b};
    const auto times = TakeTurns(sides, {.rounds = 3, .nanoseconds = 300}, [](size_t) {});
    ASSERT_FALSE(times) << at;
    EXPECT_EQ(times.error().message, "b cannot " + at);
    EXPECT_THAT(std::vector<std::string>(log.end() - 2, log.end()),
                ElementsAre("a unload", "b unload"));
    EXPECT_EQ(std::ranges::count(log, "a load"), 1);
  }
}

TEST(Turns, RatiosAreTakenRoundByRound) {
  const double a[] = {10, 30, 20}, b[] = {5, 10, 40};
  const TimeRatio ratio = RatioOf(a, b);
  EXPECT_EQ(ratio.median, 2);
  EXPECT_EQ(ratio.lowest, 0.5);
  EXPECT_EQ(ratio.highest, 3);
  const double nothing[] = {0};
  EXPECT_EQ(RatioOf(nothing, nothing).median, 1);  // under the clock's unit
}

}  // namespace
}  // namespace switchyard::tools
