#include "backend/plan/step_description.h"

#include <utility>
#include <variant>

#include "backend/plan/report.h"
#include "runtime/base/format.h"
#include "schema/graph_index.h"

namespace switchyard {
namespace {

class Describer {
 public:
  Describer(const Graph& graph, const Plan& plan, std::span<const Route> routes)
      : graph_(graph),
        plan_(plan),
        routes_(routes),
        index_(graph),
        readers_(plan.packed_lhs.size()) {
    for (const Step& step : plan.steps) {
      const auto* packed = std::get_if<PackedStep>(&step);
      if (packed != nullptr && packed->packed_lhs) {
        readers_[*packed->packed_lhs].push_back(packed->node);
      }
    }
  }

  StepDescription operator()(const IslandStep& step) const {
    StepDescription description = {.route = Name(StockForm::kSubgraph)};
    for (const NodeIndex n : step.nodes) Add(n, description);
    description.computed = step.nodes;
    const std::string first = Describe(graph_, step.nodes[0]);
    description.name = step.nodes.size() == 1
                           ? first
                           : Format("island of {} nodes from {}", step.nodes.size(), first);
    return description;
  }

  StepDescription operator()(const StockOperatorStep& step) const {
    StepDescription description = {.route = Name(StockForm::kOperator)};
    description.name = Describe(graph_, step.node);
    Add(ConvertOf(step.node, step.input), description);
    Add(step.node, description);
    description.computed = {step.node};
    return description;
  }

  StepDescription operator()(const PackLhsStep& step) const {
    StepDescription description = {.route = kRoutePackLhs};
    description.kernel = routes_[plan_.packed_lhs[step.packed].route].kernel->name;
    const std::vector<NodeIndex>& readers = readers_[step.packed];
    std::set<NodeIndex> converts;
    for (const NodeIndex n : readers) converts.insert(ConvertOf(n, step.source));
    for (const NodeIndex n : converts) Add(n, description);
    for (const NodeIndex n : readers) Add(n, description);
    description.name =
        Format("pack value {} for {}", graph_.values[step.source].id, Describe(graph_, readers[0]));
    return description;
  }

  StepDescription operator()(const PackedStep& step) const {
    StepDescription description = {.route = kRoutePacked};
    description.name = Describe(graph_, step.node);
    description.kernel = routes_[step.route].kernel->name;
    if (!step.packed_lhs) Add(ConvertOf(step.node, step.inputs[0]), description);
    Add(step.node, description);
    description.computed = {step.node};
    return description;
  }

 private:
  void Add(NodeIndex n, StepDescription& description) const {
    if (n != kNoNode) AddNode(graph_.nodes[n], description.nodes, description.debug_handles);
  }

  // The Convert between what a step reads and the first input of its node; kNoNode if none is.
  NodeIndex ConvertOf(NodeIndex n, ValueIndex source) const {
    const ValueIndex input = graph_.nodes[n].inputs[0];
    const NodeIndex producer = index_.producer[input];
    if (input == source || producer == kNoNode) return kNoNode;
    const Node& node = graph_.nodes[producer];
    const bool is_between = node.kind == NodeKind::kConvert && node.inputs[0] == source;
    return is_between ? producer : kNoNode;
  }

  const Graph& graph_;
  const Plan& plan_;
  const std::span<const Route> routes_;
  const GraphIndex index_;
  std::vector<std::vector<NodeIndex>> readers_;  // of each Plan::packed_lhs
};

}  // namespace

std::vector<StepDescription> DescribeSteps(const Graph& graph, const Plan& plan,
                                           std::span<const Route> routes) {
  const Describer describer(graph, plan, routes);
  UniqueNames names;
  std::vector<StepDescription> descriptions;
  for (const Step& step : plan.steps) {
    StepDescription& description = descriptions.emplace_back(std::visit(describer, step));
    description.name = names.Make(std::move(description.name));
  }
  return descriptions;
}

void AddNode(const Node& node, std::vector<uint32_t>& ids, std::vector<uint32_t>& debug_handles) {
  ids.push_back(node.id);
  debug_handles.push_back(node.debug_handle);
  for (const AbsorbedNode& absorbed : node.absorbed) {
    ids.push_back(absorbed.id);
    debug_handles.push_back(absorbed.debug_handle);
  }
}

std::string UniqueNames::Make(std::string name) {
  std::string candidate = name;
  for (size_t i = 2; !used_.insert(candidate).second; ++i) {
    candidate = Format("{} ({})", name, i);
  }
  return candidate;
}

}  // namespace switchyard
