// What runs where, and why: the answer to "why did this node not run on SME2?". The same report for
// a CPU at hand and for one that is only described.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/plan/plan.h"
#include "backend/plan/route.h"
#include "kernels/cpu_features.h"
#include "runtime/base/dims.h"
#include "runtime/base/reason.h"
#include "runtime/base/variant.h"
#include "schema/graph.h"

namespace switchyard {

struct NodeReport {
  uint32_t id = 0;  // position in the file
  uint32_t debug_handle = kNoDebugHandle;
  std::string op;                      // "FullyConnected"
  std::vector<AbsorbedNode> absorbed;  // what was fused into it
  std::vector<Dims> shapes;            // inputs, then outputs, at the bounds
  std::vector<DataType> types;         // the same
  size_t num_outputs = 0;
  bool is_judged = false;               // FullyConnected, a convolution, BatchMatrixMultiply
  uint64_t macs = 0;                    // multiply-accumulates at the bounds; 0 of other operators
  std::optional<Variant> variant;       // of eligible nodes
  const MicroKernel* kernel = nullptr;  // null: stock
  std::string stock_form;               // of stock nodes: "island 0", "operator", "island 0, 2"
  std::vector<Reason> reasons;          // why it has no variant, or no kernel
  std::vector<RejectedKernel> rejected;
  std::string note;  // what a reader should know besides
};

struct RouteReport {
  CpuFeatures cpu;                // what our rows may use
  std::vector<NodeReport> nodes;  // in graph order
  size_t num_islands = 0;
  size_t num_lhs_packs = 0;  // PackLhs steps: activations packed once for all their readers
  // Of a loaded delegate only.
  uint64_t packed_weight_bytes = 0;         // that this delegate uses
  uint64_t shared_packed_weight_bytes = 0;  // of these, what another delegate holds, too
  uint64_t mapped_packed_weight_bytes = 0;  // of these, what lies in the file of packed weights

  size_t NumJudged() const;
  size_t NumPacked() const;
  uint64_t Macs() const;
  uint64_t PackedMacs() const;
};

RouteReport MakeReport(const Graph& graph, std::span<const Dims> shapes,
                       std::span<const Route> routes, const Plan& plan, const CpuFeatures& cpu);

// The report of a graph on a CPU that need not be this one. `graph` may have been fused already.
// Errors: as InferShapesAtBounds and RouteGraph.
Result<RouteReport> ExplainGraph(Graph graph, const CpuFeatures& cpu, const RouteOptions& options);

// A table for people: a line for each judged node, with its reasons under it, and a summary. With
// `all_nodes` also the lines of the others.
std::string FormatReport(const RouteReport& report, bool all_nodes);

}  // namespace switchyard
