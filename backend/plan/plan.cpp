#include "backend/plan/plan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <utility>

namespace switchyard {
namespace {

constexpr uint32_t kNone = 0xFFFFFFFF;

// Each island and each node with a step of its own has a stage. The islands are numbered from 0 in
// the order of execution. A node of stage s that has its own step runs after island s and before
// island s + 1; stage -1 is before all islands.
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
  Planner(const Graph& graph, const std::vector<bool>& own_step)
      : graph_(graph),
        own_step_(own_step),
        producer_(graph.values.size(), kNone),
        step_of_(graph.nodes.size(), kNone) {
    for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
      for (const ValueIndex output : graph.nodes[n].outputs) producer_[output] = n;
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
    return !own_step_[n] && node.kind == NodeKind::kConvert &&
           graph_.values[node.outputs[0]].type == DataType::kQDInt8 &&
           IsFloat(graph_.values[node.inputs[0]].type);
  }

  // The repeated Convert that makes a value, if one does.
  NodeIndex RepeatedProducer(ValueIndex value) const {
    const NodeIndex n = producer_[value];
    return n != kNone && IsRepeated(n) ? n : kNone;
  }

  // What a reader of `value` depends on outside its own step.
  ValueIndex Source(ValueIndex value) const {
    const NodeIndex convert = RepeatedProducer(value);
    return convert == kNone ? value : graph_.nodes[convert].inputs[0];
  }

  void AssignStages() {
    stage_.assign(graph_.nodes.size(), -1);
    for (NodeIndex n = 0; n < graph_.nodes.size(); ++n) {
      if (IsRepeated(n)) continue;
      Stage stage = own_step_[n] ? -1 : 0;
      for (const ValueIndex input : graph_.nodes[n].inputs) {
        const NodeIndex producer = producer_[Source(input)];
        if (producer == kNone) continue;
        const bool passes_own_step = own_step_[producer] && !own_step_[n];
        stage = std::max(stage, stage_[producer] + (passes_own_step ? 1 : 0));
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
      if (own_step_[n]) {
        own[static_cast<size_t>(stage_[n] + 1)].push_back(n);
      } else {
        islands[static_cast<size_t>(stage_[n])].push_back(n);
      }
    }
    AddOwnSteps(own[0]);
    for (size_t s = 0; s < num_islands_; ++s) {
      if (!islands[s].empty()) AddIsland(std::move(islands[s]));
      AddOwnSteps(own[s + 1]);
    }
  }

  void AddOwnSteps(const std::vector<NodeIndex>& nodes) {
    for (const NodeIndex n : nodes) {
      const Node& node = graph_.nodes[n];
      step_of_[n] = static_cast<uint32_t>(plan_.steps.size());
      plan_.steps.emplace_back(StockOperatorStep{n, Source(node.inputs[0]), node.outputs[0]});
    }
  }

  void AddIsland(std::vector<NodeIndex> nodes) {
    std::vector<NodeIndex> converts;
    for (const NodeIndex n : nodes) {
      step_of_[n] = static_cast<uint32_t>(plan_.steps.size());
      for (const ValueIndex input : graph_.nodes[n].inputs) {
        const NodeIndex convert = RepeatedProducer(input);
        if (convert != kNone) converts.push_back(convert);
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
    std::vector<uint32_t> last_reader(graph_.values.size(), kNone);
    for (uint32_t s = 0; s < plan_.steps.size(); ++s) {
      const auto read = [&](ValueIndex value, std::vector<ValueIndex>* inputs) {
        if (graph_.values[value].constant || last_reader[value] == s) return;
        const NodeIndex producer = producer_[value];
        if (producer != kNone && (IsRepeated(producer) || step_of_[producer] == s)) return;
        last_reader[value] = s;
        is_read_outside[value] = true;
        if (inputs != nullptr) inputs->push_back(value);
      };
      if (auto* island = std::get_if<IslandStep>(&plan_.steps[s])) {
        for (const NodeIndex n : island->nodes) {
          for (const ValueIndex input : graph_.nodes[n].inputs) read(input, &island->inputs);
        }
      } else {
        for (const ValueIndex input :
             graph_.nodes[std::get<StockOperatorStep>(plan_.steps[s]).node].inputs) {
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
      } else if (const ValueIndex output = std::get<StockOperatorStep>(step).output;
                 !is_external(output)) {
        // Written even when nobody reads it.
        plan_.intermediates.push_back(output);
      }
    }
  }

  const Graph& graph_;
  const std::vector<bool>& own_step_;
  std::vector<NodeIndex> producer_;  // by value
  std::vector<Stage> stage_;         // by node
  std::vector<uint32_t> step_of_;    // by node; none for repeated Converts
  size_t num_islands_ = 0;
  Plan plan_;
};

}  // namespace

Plan MakePlan(const Graph& graph, const std::vector<bool>& own_step) {
  return Planner(graph, own_step).Make();
}

NodeIndex FirstNode(const Step& step) {
  if (const auto* island = std::get_if<IslandStep>(&step)) return island->nodes.front();
  return std::get<StockOperatorStep>(step).node;
}

std::string StepName(const Graph& graph, const Step& step) {
  const std::string first = Describe(graph, FirstNode(step));
  const auto* island = std::get_if<IslandStep>(&step);
  if (island == nullptr || island->nodes.size() == 1) return first;
  return std::format("island of {} nodes from {}", island->nodes.size(), first);
}

}  // namespace switchyard
