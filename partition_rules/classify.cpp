#include "partition_rules/classify.h"

#include <algorithm>

#include "partition_rules/rule.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

const OperatorRules* FindRules(NodeKind kind) {
  const auto found = std::ranges::find_if(RuleTable(), [kind](const OperatorRules& rules) {
    return std::ranges::contains(rules.kinds, kind);
  });
  return found == RuleTable().end() ? nullptr : &*found;
}

// Adds a reason for each constraint that the subject does not keep.
void Evaluate(std::span<const Constraint> constraints, const Subject& subject,
              std::vector<Reason>& reasons) {
  for (const Constraint& constraint : constraints) {
    if (auto finding = constraint.check(subject)) {
      reasons.push_back(
          {constraint.reason, std::move(finding->found), std::move(finding->expected)});
    }
  }
}

// "f32 x f32, f32 x f16", of all rows.
std::string TypesOf(std::span<const Rule> rows) {
  std::string types;
  for (const Rule& rule : rows) {
    for (const DataType weights : rule.weight_types) {
      types += Format("{}{} x {}", types.empty() ? "" : ", ", Name(rule.input_type), Name(weights));
    }
  }
  return types;
}

}  // namespace

std::span<const OperatorRules> RuleTable() {
  static const OperatorRules kTable[] = {kFullyConnectedRules, kConv2dRules,
                                         kBatchMatrixMultiplyRules};
  return kTable;
}

bool IsJudged(NodeKind kind) { return FindRules(kind) != nullptr; }

bool IsPointwise(const Node& node) {
  if (node.kind != NodeKind::kConv2d && node.kind != NodeKind::kDepthwiseConv2d) return false;
  const auto& a = std::get<ConvolutionAttributes>(node.attributes);
  return a.kernel_height == 1 && a.kernel_width == 1 && a.stride_height == 1 &&
         a.stride_width == 1 && a.padding_top == 0 && a.padding_right == 0 &&
         a.padding_bottom == 0 && a.padding_left == 0 && a.groups == 1;
}

std::optional<ValueIndex> QuantizationSource(const Graph& graph, const GraphIndex& index,
                                             ValueIndex value) {
  const NodeIndex producer = index.producer[value];
  if (producer == kNoNode || graph.nodes[producer].kind != NodeKind::kConvert) return std::nullopt;
  return graph.nodes[producer].inputs[0];
}

Verdict Classify(const Graph& graph, const GraphIndex& index, std::span<const Dims> shapes,
                 NodeIndex node) {
  const Subject subject{graph, index, shapes, node};
  const OperatorRules& rules = *FindRules(subject.node().kind);
  Verdict verdict;
  Evaluate(rules.exclusions, subject, verdict.reasons);
  if (!verdict.reasons.empty()) return verdict;

  const DataType input = subject.input().type, weights = subject.weights().type;
  const auto rule = std::ranges::find_if(rules.rows, [&](const Rule& r) {
    return r.input_type == input && std::ranges::contains(r.weight_types, weights);
  });
  if (rule == rules.rows.end()) {
    verdict.reasons.push_back({ReasonId::kProductTypes,
                               Format("{} x {}", Name(input), Name(weights)),
                               Format("one of {}", TypesOf(rules.rows))});
    return verdict;
  }
  Evaluate(rules.constraints, subject, verdict.reasons);
  Evaluate(rule->constraints, subject, verdict.reasons);
  if (verdict.reasons.empty()) {
    verdict.problem = rule->problem(subject);
    verdict.problem->variant = rule->variant;
    verdict.problem->rhs_type = weights;
    verdict.problem->output_type = subject.output().type;
  }
  return verdict;
}

}  // namespace switchyard
