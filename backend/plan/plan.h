// What runs, in which order. No XNNPACK and no kernels here: a plan can be made, printed and tested
// for any CPU on any machine.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// A set of nodes that runs as one XNNPACK subgraph. Contracting it leaves the graph acyclic.
struct IslandStep {
  std::vector<NodeIndex> nodes;     // in graph order
  std::vector<ValueIndex> inputs;   // computed by other steps, or external
  std::vector<ValueIndex> outputs;  // read by other steps, or external
};

// One FullyConnected that runs through XNNPACK's operator API, because the subgraph API gets it
// wrong on this CPU (backend/xnnpack/remedies.h). When its input is dynamically quantized, the step
// reads the f32 or f16 value under the Convert and quantizes it itself.
struct StockOperatorStep {
  NodeIndex node;
  ValueIndex input;  // what the step reads
  ValueIndex output;
};

using Step = std::variant<IslandStep, StockOperatorStep>;

struct Plan {
  std::vector<Step> steps;  // in the order of execution
  // Cross from step to step and are not external: they live in the arena. In the order of the steps
  // that make them.
  std::vector<ValueIndex> intermediates;
};

// `own_step[node]` says which nodes run outside islands, as StockOperatorSteps; all others form
// maximal islands. A Convert to a dynamically quantized type is repeated in every island that reads
// it, and belongs to no island when only own steps read it.
//
// The number of islands is the smallest that keeps the steps in an order: no two of them could be
// one. The order of the steps depends on the graph only. Takes O(nodes + edges). The graph keeps
// the rules of CheckGraph.
Plan MakePlan(const Graph& graph, const std::vector<bool>& own_step);

// The first node that a step runs.
NodeIndex FirstNode(const Step& step);
// For traces: "island of 12 nodes from node 3 FullyConnected", "node 3 FullyConnected".
std::string StepName(const Graph& graph, const Step& step);

}  // namespace switchyard
