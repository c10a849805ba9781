#include "backend/plan/plan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace switchyard {
namespace {

constexpr uint32_t kNoIndex = 0xFFFFFFFF;

// Each island and each node with a standalone step has a stage. The islands are numbered from 0 in
// the order of execution. A node of stage s that has its standalone step runs after island s and
// before island s + 1; stage -1 is before all islands.
//
//   own node       the largest stage among what it depends on
//   island's node  the smallest s that is no less than the stage of an island's node that it
//   depends
//                  on, and larger than that of any own node that it depends on
//
// So dependencies never point back, and merging two islands would close a cycle: whatever made a
// node go to island s + 1 depends on a node of island s and is outside of both.
class Planner {
 public:
  Planner(const Graph& graph, const std::vector<bool>& standalone, std::span<const Route> routes)
      : graph_(graph),
        standalone_(standalone),
        routes_(routes),
        route_of_(graph.nodes.size(), kNoIndex),
        producer_(graph.values.size(), kNoIndex),
        step_of_(graph.nodes.size(), kNoIndex) {
    for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
      for (const ValueIndex output : graph.nodes[n].outputs) producer_[output] = n;
    }
    for (uint32_t r = 0; r < routes.size(); ++r) {
      if (routes[r].kernel == nullptr) continue;
      route_of_[routes[r].node] = r;
      standalone_[routes[r].node] = true;
    }
    for (const Route& route : routes) {
      if (route.kernel != nullptr && SharesPacks(route)) ++packs_[PackOf(route.node)].readers;
    }
  }

  Plan Make() {
    AssignStages();
    MakeSteps();
    FindBorders();
    return std::move(plan_);
  }

 private:
  using Stage = int64_t;

  // A Convert whose result is made anew wherever it is read.
  bool IsRepeated(NodeIndex n) const {
    const Node& node = graph_.nodes[n];
    return !standalone_[n] && node.kind == NodeKind::kConvert &&
           graph_.values[node.outputs[0]].type == DataType::kQDInt8 &&
           IsFloat(graph_.values[node.inputs[0]].type);
  }

  // The repeated Convert that makes a value, if one does.
  NodeIndex RepeatedProducer(ValueIndex value) const {
    const NodeIndex n = producer_[value];
    return n != kNoIndex && IsRepeated(n) ? n : kNoIndex;
  }

  // What a reader of `value` depends on outside its standalone step.
  ValueIndex Source(ValueIndex value) const {
    const NodeIndex convert = RepeatedProducer(value);
    return convert == kNoIndex ? value : graph_.nodes[convert].inputs[0];
  }

  // Others pack what they need block by block, or read rows as they are: convolutions tap by tap,
  // batch products slice by slice.
  static bool SharesPacks(const Route& route) {
    return route.verdict.problem->op == GemmOperator::kFullyConnected &&
           route.kernel->lhs == LhsForm::kPacked;
  }
  std::pair<ValueIndex, std::string_view> PackOf(NodeIndex n) const {
    const Route& route = routes_[route_of_[n]];
    return {Source(graph_.nodes[n].inputs[0]), route.kernel->lhs_layout};
  }

  void AssignStages() {
    stage_.assign(graph_.nodes.size(), -1);
    for (NodeIndex n = 0; n < graph_.nodes.size(); ++n) {
      if (IsRepeated(n)) continue;
      Stage stage = standalone_[n] ? -1 : 0;
      for (const ValueIndex input : graph_.nodes[n].inputs) {
        const NodeIndex producer = producer_[Source(input)];
        if (producer == kNoIndex) continue;
        const bool passes_standalone = standalone_[producer] && !standalone_[n];
        stage = std::max(stage, stage_[producer] + (passes_standalone ? 1 : 0));
      }
      stage_[n] = stage;
      num_islands_ = std::max(num_islands_, static_cast<size_t>(stage + 1));
    }
  }

  void MakeSteps() {
    std::vector<std::vector<NodeIndex>> islands(num_islands_);
    std::vector<std::vector<NodeIndex>> own(num_islands_ + 1);  // index is stage + 1
    for (NodeIndex n = 0; n < graph_.nodes.size(); ++n) {
      if (IsRepeated(n)) continue;
      if (standalone_[n]) {
        own[static_cast<size_t>(stage_[n] + 1)].push_back(n);
      } else {
        islands[static_cast<size_t>(stage_[n])].push_back(n);
      }
    }
    AddStandaloneSteps(own[0]);
    for (size_t s = 0; s < num_islands_; ++s) {
      // In graph order, so that a part reads from those before it only.
      const std::span<const NodeIndex> nodes = islands[s];
      for (size_t i = 0; i < nodes.size(); i += kMaxIslandNodes) {
        AddIsland(nodes.subspan(i, std::min(kMaxIslandNodes, nodes.size() - i)));
      }
      AddStandaloneSteps(own[s + 1]);
    }
  }

  void AddStandaloneSteps(const std::vector<NodeIndex>& nodes) {
    for (const NodeIndex n : nodes) {
      const Node& node = graph_.nodes[n];
      if (route_of_[n] != kNoIndex) {
        AddPackedStep(n, route_of_[n]);
        continue;
      }
      step_of_[n] = static_cast<uint32_t>(plan_.steps.size());
      plan_.steps.emplace_back(StockOperatorStep{n, Source(node.inputs[0]), node.outputs[0]});
    }
  }

  void AddPackedStep(NodeIndex n, uint32_t route) {
    const Node& node = graph_.nodes[n];
    PackedStep step{.route = route, .node = n, .inputs = {}, .output = node.outputs[0]};
    for (const ValueIndex input : node.inputs) {
      if (!graph_.values[input].constant) step.inputs.push_back(Source(input));
    }
    if (SharesPacks(routes_[route]) && packs_[PackOf(n)].readers > 1) {
      size_t& index = packs_[PackOf(n)].index;
      if (index == kNoPack) {
        index = plan_.packed_lhs.size();
        plan_.packed_lhs.push_back({step.inputs[0], route, plan_.steps.size(), 0});
        plan_.steps.emplace_back(PackLhsStep{step.inputs[0], index});
      }
      step.packed_lhs = index;
      plan_.packed_lhs[index].last_step = plan_.steps.size();
    }
    step_of_[n] = static_cast<uint32_t>(plan_.steps.size());
    plan_.steps.emplace_back(std::move(step));
  }

  void AddIsland(std::span<const NodeIndex> nodes) {
    std::vector<NodeIndex> converts;
    for (const NodeIndex n : nodes) {
      step_of_[n] = static_cast<uint32_t>(plan_.steps.size());
      for (const ValueIndex input : graph_.nodes[n].inputs) {
        const NodeIndex convert = RepeatedProducer(input);
        if (convert != kNoIndex) converts.push_back(convert);
      }
    }
    std::ranges::sort(converts);
    const auto [first, last] = std::ranges::unique(converts);
    converts.erase(first, last);
    IslandStep island;
    std::ranges::merge(nodes, converts, std::back_inserter(island.nodes));
    plan_.steps.emplace_back(std::move(island));
  }

  // Inputs and outputs of the islands, and the intermediates.
  void FindBorders() {
    std::vector<bool> is_read_outside(graph_.values.size());
    // The last step that was seen to read a value: `inputs` names each once.
    std::vector<uint32_t> last_reader(graph_.values.size(), kNoIndex);
    for (uint32_t s = 0; s < plan_.steps.size(); ++s) {
      const auto read = [&](ValueIndex value, std::vector<ValueIndex>* inputs) {
        if (graph_.values[value].constant || last_reader[value] == s) return;
        const NodeIndex producer = producer_[value];
        if (producer != kNoIndex && (IsRepeated(producer) || step_of_[producer] == s)) return;
        last_reader[value] = s;
        is_read_outside[value] = true;
        if (inputs != nullptr) inputs->push_back(value);
      };
      if (auto* island = std::get_if<IslandStep>(&plan_.steps[s])) {
        for (const NodeIndex n : island->nodes) {
          for (const ValueIndex input : graph_.nodes[n].inputs) read(input, &island->inputs);
        }
      } else if (const auto* pack = std::get_if<PackLhsStep>(&plan_.steps[s])) {
        read(pack->source, nullptr);
      } else {
        for (const ValueIndex input : graph_.nodes[FirstNode(plan_.steps[s])].inputs) {
          read(Source(input), nullptr);
        }
      }
    }
    const auto is_external = [this](ValueIndex value) {
      return graph_.values[value].is_external_output;
    };
    for (Step& step : plan_.steps) {
      if (auto* island = std::get_if<IslandStep>(&step)) {
        for (const NodeIndex n : island->nodes) {
          for (const ValueIndex output : graph_.nodes[n].outputs) {
            if (!is_read_outside[output] && !is_external(output)) continue;
            island->outputs.push_back(output);
            if (!is_external(output)) plan_.intermediates.push_back(output);
          }
        }
      } else if (!std::holds_alternative<PackLhsStep>(step)) {
        for (const ValueIndex output : graph_.nodes[FirstNode(step)].outputs) {
          // Written even when nobody reads it.
          if (!is_external(output)) plan_.intermediates.push_back(output);
        }
      }
    }
  }

  const Graph& graph_;
  std::vector<bool> standalone_;
  const std::span<const Route> routes_;
  std::vector<uint32_t> route_of_;  // by node; none for stock nodes
  static constexpr size_t kNoPack = SIZE_MAX;
  struct Pack {
    size_t readers = 0;
    size_t index = kNoPack;  // in Plan::packed_lhs
  };
  std::map<std::pair<ValueIndex, std::string_view>, Pack> packs_;  // by source and layout
  std::vector<NodeIndex> producer_;                                // by value
  std::vector<Stage> stage_;                                       // by node
  std::vector<uint32_t> step_of_;  // by node; none for repeated Converts
  size_t num_islands_ = 0;
  Plan plan_;
};

}  // namespace

Plan MakePlan(const Graph& graph, const std::vector<bool>& standalone,
              std::span<const Route> routes) {
  return Planner(graph, standalone, routes).Make();
}

NodeIndex FirstNode(const Step& step) {
  if (const auto* island = std::get_if<IslandStep>(&step)) return island->nodes.front();
  if (const auto* own = std::get_if<StockOperatorStep>(&step)) return own->node;
  if (const auto* packed = std::get_if<PackedStep>(&step)) return packed->node;
  return kNoNode;
}

}  // namespace switchyard
