// The catalogue of reasons, and how a reason reads.
#include <set>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "partition_rules/classify.h"
#include "partition_rules/rule.h"
#include "runtime/base/reason.h"
#include "schema/node_kinds.h"

namespace switchyard {
namespace {

TEST(Reasons, ReadWell) {
  const Reason reason = {ReasonId::kFcQb4wGroup, "48", "a multiple of 32"};
  EXPECT_EQ(reason.ToString(),
            "group size: 48, expected a multiple of 32; export with group_size=32 [fc.qb4w.group]");
}

TEST(Reasons, RowsAreInOrderWithIdsOfTheirOwn) {
  std::set<std::string_view> ids;
  for (size_t i = 0; i < ReasonCatalogue().size(); ++i) {
    const ReasonRow& row = ReasonCatalogue()[i];
    EXPECT_EQ(static_cast<size_t>(row.reason), i);
    EXPECT_EQ(&Row(row.reason), &row);
    EXPECT_TRUE(ids.insert(row.id).second) << row.id;
    EXPECT_FALSE(row.what.empty() || row.hint.empty()) << row.id;
  }
}

// No reason of the rules is left over; one operator has those that are not of all products.
TEST(Reasons, OfTheRulesAreThoseOfTheRows) {
  std::set<std::string_view> used = {Row(ReasonId::kProductTypes).id};
  for (const OperatorRules& rules : RuleTable()) {
    std::set<std::string_view> of_operator;
    const auto add = [&](std::span<const Constraint> constraints) {
      for (const Constraint& c : constraints) of_operator.insert(Row(c.reason).id);
    };
    add(rules.exclusions);
    add(rules.constraints);
    for (const Rule& rule : rules.rows) add(rule.constraints);
    for (const std::string_view id : of_operator) {
      const bool is_new = used.insert(id).second;
      EXPECT_TRUE(is_new || id.starts_with("product.")) << id << " belongs to two operators";
    }
  }
  std::set<std::string_view> all;
  for (const ReasonRow& row : ReasonCatalogue()) {
    if (!row.id.starts_with("kernel.")) all.insert(row.id);
  }
  EXPECT_EQ(used, all);
}

TEST(RuleTable, JudgesTheProducts) {
  std::set<NodeKind> judged;
  for (const NodeKindInfo& info : NodeKindTable()) {
    if (IsJudged(info.kind)) judged.insert(info.kind);
  }
  EXPECT_THAT(judged, testing::UnorderedElementsAre(
                          NodeKind::kFullyConnected, NodeKind::kConv2d, NodeKind::kDepthwiseConv2d,
                          NodeKind::kConvTranspose2d, NodeKind::kBatchMatrixMultiply));
}

}  // namespace
}  // namespace switchyard
