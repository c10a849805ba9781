#include "partition_rules/classify.h"

#include <algorithm>
#include <format>

#include "partition_rules/rule.h"

namespace switchyard {
namespace {

// What the types of a node are called when no row has them.
ReasonId TypesReason(GemmOperator op) {
  switch (op) {
    case GemmOperator::kFullyConnected:
      return ReasonId::kFcTypes;
    case GemmOperator::kConv2d:
      return ReasonId::kConvTypes;
    case GemmOperator::kBatchMatrixMultiply:
      return ReasonId::kBmmTypes;
  }
}

Verdict Judge(std::span<const Rule> rules, const Subject& subject) {
  const DataType input = subject.input().type, weights = subject.weights().type;
  const auto rule = std::ranges::find_if(rules, [&](const Rule& r) {
    return r.input_type == input && std::ranges::contains(r.weight_types, weights);
  });
  Verdict verdict;
  if (rule == rules.end()) {
    std::string expected;
    for (const Rule& r : rules) {
      for (DataType type : r.weight_types) {
        expected += std::format("{}{} x {}", expected.empty() ? "" : ", ", Name(r.input_type),
                                Name(type));
      }
    }
    verdict.reasons.push_back({TypesReason(rules.front().op),
                               std::format("{} x {}", Name(input), Name(weights)),
                               std::move(expected)});
    return verdict;
  }
  for (const Constraint& constraint : rule->constraints) {
    if (auto finding = constraint.check(subject)) {
      verdict.reasons.push_back(
          {constraint.reason, std::move(finding->found), std::move(finding->expected)});
    }
  }
  if (verdict.reasons.empty()) {
    verdict.problem = rule->problem(subject);
    verdict.problem->variant = rule->variant;
    verdict.problem->rhs_type = weights;
    verdict.problem->output_type = subject.output().type;
  }
  return verdict;
}

Verdict Refuse(ReasonId reason, std::string found, std::string expected) {
  return {.problem = {}, .reasons = {{reason, std::move(found), std::move(expected)}}};
}

Verdict JudgeConvolution(const Subject& subject) {
  const Node& node = subject.node();
  if (node.kind == NodeKind::kConvTranspose2d) {
    return Refuse(ReasonId::kConvTransposed, "a transposed convolution", "an ordinary one");
  }
  const auto& attributes = std::get<ConvolutionAttributes>(node.attributes);
  if (node.kind == NodeKind::kDepthwiseConv2d && attributes.groups != 1) {
    return Refuse(ReasonId::kConvDepthwise, std::format("{} groups", attributes.groups), "1");
  }
  if (subject.input().type == DataType::kQDInt8) {
    return Refuse(ReasonId::kConvDynamicQuantization, "dynamically quantized activations",
                  "f32, f16 or statically quantized ones");
  }
  return Judge(Conv2dRules(), subject);
}

}  // namespace

bool IsJudged(NodeKind kind) {
  return kind == NodeKind::kFullyConnected || kind == NodeKind::kConv2d ||
         kind == NodeKind::kDepthwiseConv2d || kind == NodeKind::kConvTranspose2d ||
         kind == NodeKind::kBatchMatrixMultiply;
}

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
  switch (subject.node().kind) {
    case NodeKind::kFullyConnected:
      return Judge(FullyConnectedRules(), subject);
    case NodeKind::kBatchMatrixMultiply:
      return Judge(BatchMatrixMultiplyRules(), subject);
    default:
      return JudgeConvolution(subject);
  }
}

}  // namespace switchyard
