// Nodes for the rules to judge: graphs that the door and shape inference let pass, each with one
// judged node.
#pragma once

#include <algorithm>
#include <format>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "backend/plan/shapes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "partition_rules/classify.h"
#include "partition_rules/rule.h"
#include "schema/graph_check.h"
#include "schema/graph_index.h"
#include "test/support/graph_builder.h"
#include "test/support/infer_bounds.h"

namespace switchyard::test {

// The verdict on the one judged node of a graph. `shapes_refuse`: the part of a message with which
// shape inference refuses the graph; then the node is judged at the dims that the graph claims.
inline Verdict Judge(const Graph& graph, std::string_view shapes_refuse = "") {
  const Status check = CheckGraph(graph);
  EXPECT_TRUE(check) << check.error().ToString();
  Result<std::vector<Dims>> shapes = InferBounds(graph);
  EXPECT_EQ(shapes.has_value(), shapes_refuse.empty());
  if (!shapes) {
    EXPECT_THAT(shapes.error().message, testing::HasSubstr(shapes_refuse));
    shapes.emplace();
    for (const Value& value : graph.values) shapes->push_back(value.dims);
  }
  const auto is_judged = [](const Node& node) { return IsJudged(node.kind); };
  EXPECT_EQ(std::ranges::count_if(graph.nodes, is_judged), 1);
  const auto node = std::ranges::find_if(graph.nodes, is_judged);
  if (!check || node == graph.nodes.end()) return {};
  Verdict verdict = Classify(graph, GraphIndex(graph), *shapes,
                             static_cast<NodeIndex>(node - graph.nodes.begin()));
  EXPECT_EQ(verdict.problem.has_value(), verdict.reasons.empty());
  return verdict;
}

inline std::vector<std::string> Messages(const Verdict& verdict) {
  std::vector<std::string> messages;
  for (const Reason& reason : verdict.reasons) messages.push_back(reason.ToString());
  return messages;
}
inline std::vector<ReasonId> Ids(const Verdict& verdict) {
  std::vector<ReasonId> ids;
  for (const Reason& reason : verdict.reasons) ids.push_back(reason.id);
  return ids;
}

// A node that some constraint of a row refuses, and nothing else does.
struct RefusingCase {
  std::optional<Variant> row;  // none: one of the operator's exclusions, or its types
  ReasonId reason;
  std::string message;  // a part of it: found and expected
  std::function<Graph()> graph;
  std::string shapes_refuse;  // as for Judge
};

// Each case is refused for its reason alone, and every constraint of the operator has one.
inline void ExpectRefusals(const OperatorRules& rules, const std::vector<RefusingCase>& cases) {
  using Key = std::tuple<std::optional<Variant>, ReasonId>;
  std::set<Key> wanted = {{std::nullopt, ReasonId::kProductTypes}};
  for (const Constraint& constraint : rules.exclusions) {
    wanted.insert({std::nullopt, constraint.reason});
  }
  for (const Rule& rule : rules.rows) {
    for (const auto& constraints : {rules.constraints, rule.constraints}) {
      for (const Constraint& constraint : constraints) {
        EXPECT_TRUE(wanted.insert({rule.variant, constraint.reason}).second)
            << "two constraints of a row have the reason " << Row(constraint.reason).id;
      }
    }
  }
  const std::set<Key> all = wanted;
  for (const RefusingCase& refusing : cases) {
    const std::string row = refusing.row ? std::string(Name(*refusing.row)) : "any row";
    SCOPED_TRACE(std::string(rules.name) + " " + row + " " + std::string(Row(refusing.reason).id));
    EXPECT_TRUE(all.contains({refusing.row, refusing.reason})) << "no row has this constraint";
    wanted.erase({refusing.row, refusing.reason});
    const Graph graph = refusing.graph();
    const Verdict verdict = Judge(graph, refusing.shapes_refuse);
    EXPECT_THAT(Ids(verdict), testing::ElementsAre(refusing.reason))
        << testing::PrintToString(Messages(verdict));
    EXPECT_THAT(Messages(verdict), testing::Each(testing::HasSubstr(refusing.message)));
  }
  for (const auto& [row, reason] : wanted) {
    ADD_FAILURE() << "no refusing case for " << (row ? Name(*row) : "any row") << " "
                  << Row(reason).id;
  }
}

// All fields of a problem, for a comparison that says which differ.
inline std::string ToText(const GemmProblem& p) {
  const char* const op = p.op == GemmOperator::kFullyConnected ? "fc"
                         : p.op == GemmOperator::kConv2d       ? "conv"
                                                               : "bmm";
  std::string text = std::format("{} {} {}x{}x{}", op, Name(p.variant), p.m, p.n, p.k);
  if (p.batch != 1) text += std::format(" batch {}", p.batch);
  if (p.groups != 1) text += std::format(" groups {}", p.groups);
  if (p.taps != 1) text += std::format(" taps {}", p.taps);
  if (p.channels_per_tap != 0) text += std::format(" channels {}", p.channels_per_tap);
  if (p.block_length != 0) text += std::format(" blocks of {}", p.block_length);
  return text + std::format(" {} x {}{}{} -> {}", Name(p.lhs_type), Name(p.rhs_type),
                            p.rhs_is_kxn ? " kxn" : " nxk", p.rhs_is_constant ? "" : " computed",
                            Name(p.output_type));
}

// The problem of an eligible node, or the reasons why it is not.
inline std::string VerdictText(const Verdict& verdict) {
  return verdict.problem ? ToText(*verdict.problem) : testing::PrintToString(Messages(verdict));
}

}  // namespace switchyard::test
