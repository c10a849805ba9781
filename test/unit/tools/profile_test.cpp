#include "tools/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace switchyard::tools {
namespace {

using Span = Timeline::Span;
using nlohmann::ordered_json;

Span Step(std::string name, uint64_t nanoseconds, ordered_json args) {
  return {.name = std::move(name),
          .category = "step",
          .start = 0,
          .end = nanoseconds,
          .args = std::move(args)};
}
Span Operator(std::string name, uint64_t nanoseconds, ordered_json args) {
  return {.name = std::move(name),
          .category = "operator",
          .start = 0,
          .end = nanoseconds,
          .args = std::move(args)};
}

const ProfileRow& Row(const Profile& profile, std::string_view name) {
  const auto row = std::ranges::find(profile.rows, name, &ProfileRow::name);
  EXPECT_NE(row, profile.rows.end()) << name;
  return *row;
}

Profile ProfileOf(std::vector<Span> spans) {
  ProfileBuilder builder;
  builder.AddRun(spans);
  return builder.Finish();
}

TEST(Profile, EachRowIsTheFastestOfTheRuns) {
  ProfileBuilder builder;
  for (const uint64_t time : {9'000, 1'000, 2'000}) {
    builder.AddRun(std::vector<Span>{
        {.name = "native_call_add.out", .category = "executorch", .start = 5, .end = 5 + time},
        Step("node 1 FullyConnected", 10 * time,
             {{"route", "packed"},
              {"kernel", "row"},
              {"micro_kernel", "function"},
              {"nodes", {1, 2}},
              {"macs", 40'000},
              {"delegate", 3}}),
        {.name = "native_call_add.out", .category = "executorch", .start = 0, .end = time},
        {.name = "DELEGATE_CALL", .category = "executorch", .start = 0, .end = 99 * time}});
  }
  const Profile profile = builder.Finish();
  ASSERT_EQ(profile.rows.size(), 2u);
  const ProfileRow& first = profile.rows[0];
  EXPECT_EQ(first.name, "node 1 FullyConnected");
  EXPECT_EQ(first.delegate, 3u);
  EXPECT_EQ(first.route, "packed");
  EXPECT_EQ(first.kernel, "function");
  EXPECT_THAT(first.nodes, testing::ElementsAre(1, 2));
  EXPECT_EQ(first.nanoseconds, 10'000);
  EXPECT_EQ(profile.rows[1].name, "add.out");
  EXPECT_EQ(profile.rows[1].nanoseconds, 2'000);  // both of its calls
  EXPECT_EQ(profile.rows[1].delegate, std::nullopt);
  EXPECT_EQ(profile.nanoseconds, 12'000);
  EXPECT_EQ(profile.Macs(), 40'000u);
  EXPECT_EQ(profile.NumPacked(), 1u);
}

TEST(Profile, OperatorsGetWhatRoundingTookFromThem) {
  const ordered_json a = {{"route", "XNNPACK subgraph"}, {"kernel", "Add"}, {"nodes", {0}}},
                     b = {{"route", "XNNPACK subgraph"}, {"kernel", "Mul"}, {"nodes", {1}}};
  const auto island = [](uint64_t time) {
    return Step("island", time, {{"nodes", {0, 1}}, {"macs", 5}, {"route", "XNNPACK subgraph"}});
  };
  const auto operators = [&](uint64_t time) {
    return ProfileOf({island(time), Operator("node 0 Add: Add", 3'000, a),
                      Operator("node 1 Mul: Mul", 4'000, b),
                      Step("node 2 Abs", 700, {{"nodes", {2}}})});
  };
  // Half a microsecond each, and what is left over.
  Profile profile = operators(9'000);
  EXPECT_EQ(Row(profile, "node 0 Add").nanoseconds, 3'500);
  EXPECT_EQ(Row(profile, "node 1 Mul").nanoseconds, 4'500);
  EXPECT_EQ(Row(profile, "XNNPACK around its operators").nanoseconds, 1'000);
  EXPECT_EQ(Row(profile, "node 2 Abs").nanoseconds, 700);
  EXPECT_EQ(profile.nanoseconds, 9'700);
  // No more than there is.
  profile = operators(7'400);
  EXPECT_EQ(Row(profile, "node 0 Add").nanoseconds, 3'200);
  EXPECT_EQ(Row(profile, "XNNPACK around its operators").nanoseconds, 0);
  EXPECT_EQ(profile.nanoseconds, 8'100);
  // Nothing of an operator is counted twice.
  EXPECT_EQ(profile.Macs(), 0u);
}

TEST(Profile, ANodeMayBeSeveralOperatorsAndADelegateMayRunAgain) {
  const Span convert = Operator("node 0 FullyConnected: Convert", 1'000,
                                {{"kernel", "Convert"}, {"nodes", {0}}}),
             product = Operator("node 0 FullyConnected: GEMM", 5'000,
                                {{"kernel", "GEMM"}, {"nodes", {0}}, {"macs", 70}}),
             step = Step("island", 6'000, {{"nodes", {0}}, {"macs", 70}});
  ProfileBuilder builder;
  for (int run = 0; run < 3; ++run) {
    builder.AddRun(std::vector<Span>{step, convert, product, step, convert, product});
  }
  const Profile profile = builder.Finish();
  ASSERT_EQ(profile.rows.size(), 3u);
  EXPECT_EQ(profile.rows[0].kernel, "GEMM");
  EXPECT_EQ(profile.rows[0].macs, 140u);
  EXPECT_EQ(profile.rows[0].nanoseconds, 10'000);
  EXPECT_EQ(profile.rows[1].kernel, "Convert");
  EXPECT_EQ(profile.rows[1].macs, 0u);
  EXPECT_EQ(profile.rows[1].nanoseconds, 2'000);
}

TEST(Profile, WaitingAndPreparingAreOneRow) {
  const Profile profile = ProfileOf(
      {{.name = "wait", .category = "wait", .start = 0, .end = 10, .args = {{"delegate", 0}}},
       {.name = "prepare", .category = "prepare", .start = 10, .end = 30, .args = {}}});
  ASSERT_EQ(profile.rows.size(), 1u);
  EXPECT_EQ(profile.rows[0].name, "shapes and memory");
  EXPECT_EQ(profile.rows[0].nanoseconds, 30);
}

Profile Packed() {
  return ProfileOf({Step("pack", 10'000, {{"route", "pack LHS"}, {"nodes", {0, 1, 2}}}),
                    Step("one", 20'000, {{"route", "packed"}, {"nodes", {1}}}),
                    Step("two", 20'000, {{"route", "packed"}, {"nodes", {2, 4}}}),
                    Step("stock", 100'000, {{"route", "XNNPACK subgraph"}, {"nodes", {3}}})});
}

TEST(Profile, ShareAndRatioOfPackedNodes) {
  const Profile stock = ProfileOf(
      {Step("convert", 20'000, {{"nodes", {0}}}), Step("one", 40'000, {{"nodes", {1}}}),
       Step("two", 90'000, {{"nodes", {2, 4}}}), Step("stock", 150'000, {{"nodes", {3}}})});
  auto share = ShareOfPacked(Packed(), stock, 200'000);
  ASSERT_TRUE(share);
  EXPECT_EQ(share->share, 0.5);  // of what the profile adds up to, which is more
  EXPECT_EQ(share->ratio, 3);
  EXPECT_DOUBLE_EQ(share->Bound(), 0.9 / (1 - 0.5 + 0.5 / 3));
  share = ShareOfPacked(Packed(), stock, 600'000);
  ASSERT_TRUE(share);
  EXPECT_EQ(share->share, 0.25);  // of a run that has more in it than steps
}

TEST(Profile, NoShareWhereNobodyKnows) {
  const auto share = [](std::vector<Span> stock) {
    return ShareOfPacked(Packed(), ProfileOf(std::move(stock)), 1'000'000);
  };
  // XNNPACK has fused a packed node with another one.
  EXPECT_FALSE(
      share({Step("all", 9'000, {{"nodes", {0, 1}}}), Step("b", 9'000, {{"nodes", {2, 3, 4}}})}));
  // It does not say where one has gone.
  EXPECT_FALSE(
      share({Step("all", 9'000, {{"nodes", {0, 1}}}), Step("b", 9'000, {{"nodes", {2}}})}));
  EXPECT_TRUE(
      share({Step("all", 9'000, {{"nodes", {0, 1}}}), Step("b", 9'000, {{"nodes", {2, 4}}})}));
  // The same number in another delegate is another node.
  EXPECT_FALSE(share({Step("all", 9'000, {{"nodes", {0, 1}}, {"delegate", 1}}),
                      Step("b", 9'000, {{"nodes", {2, 4}}})}));
  const Profile stock_only =
      ProfileOf({Step("a", 9'000, {{"route", "XNNPACK subgraph"}, {"nodes", {0}}})});
  EXPECT_FALSE(ShareOfPacked(stock_only, stock_only, 9'000));
}

}  // namespace
}  // namespace switchyard::tools
