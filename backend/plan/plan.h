// What runs, in which order. No XNNPACK and no kernels here: a plan can be made, printed and tested
// for any CPU on any machine.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "backend/plan/route.h"
#include "kernels/gemm/row.h"
#include "schema/graph.h"

namespace switchyard {

// A set of nodes that runs as one XNNPACK subgraph. Contracting it leaves the graph acyclic.
struct IslandStep {
  std::vector<NodeIndex> nodes;     // in graph order
  std::vector<ValueIndex> inputs;   // computed by other steps, or external
  std::vector<ValueIndex> outputs;  // read by other steps, or external
};

// One node that runs by itself, because an island gets it wrong on this CPU or with this pool
// (backend/xnnpack/remedies.h). When its input is dynamically quantized, the step reads the f32 or
// f16 value under the Convert and quantizes it itself.
struct StockOperatorStep {
  NodeIndex node;
  ValueIndex input;   // what the step reads
  ValueIndex output;  // the node's first
};

// Packs the rows of an activation, quantizing them where the kernel's variant does, for the
// PackedSteps, two at least, that read them in the same layout.
struct PackLhsStep {
  ValueIndex source;
  size_t packed;  // index into Plan::packed_lhs
};

// One node on a packed kernel.
struct PackedStep {
  size_t route;  // index into the routes that the plan was made from
  NodeIndex node;
  std::vector<ValueIndex> inputs;  // not constant; what is under a Convert to a quantized type
  ValueIndex output;
  // Index into Plan::packed_lhs; absent where the step packs its rows, or reads them raw.
  std::optional<size_t> packed_lhs = {};
};

using Step = std::variant<IslandStep, StockOperatorStep, PackLhsStep, PackedStep>;

// A packed activation: a value of the plan, not of the graph.
struct PackedLhs {
  ValueIndex source;
  size_t route;  // of the first reader; the others' layouts are equal
  size_t first_step, last_step;
};

struct Plan {
  std::vector<Step> steps;  // in the order of execution
  std::vector<PackedLhs> packed_lhs;
  // Cross from step to step and are not external: they live in the arena. In the order of the steps
  // that make them.
  std::vector<ValueIndex> intermediates;
};

// Of one island, not counting the Converts that are repeated in it. XNNPACK places the values of a
// subgraph by comparing each with all others: without a limit the first execute of 10,000 values
// would take seconds. What crosses from part to part is placed in the arena, in O(n log n).
inline constexpr size_t kMaxIslandNodes = 512;

// Nodes whose route has a kernel become PackedSteps; of the others, `standalone[node]` says which
// run outside islands, as StockOperatorSteps; all that remain form maximal islands. A Convert to a
// dynamically quantized type is repeated in every island that reads it, and belongs to no island
// when only standalone steps read it.
//
// The number of islands is the smallest that keeps the steps in an order: no two of them could be
// one, but those that are cut into parts of kMaxIslandNodes. The order of the steps depends on the
// graph only. Takes O(nodes + edges). The graph keeps the rules of CheckGraph.
Plan MakePlan(const Graph& graph, const std::vector<bool>& standalone,
              std::span<const Route> routes = {});

// The first node that a step runs; kNoNode for a PackLhsStep.
NodeIndex FirstNode(const Step& step);

}  // namespace switchyard
