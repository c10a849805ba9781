// From a verified graph to what runs where: the half of a load that needs no XNNPACK and no
// weights, and all that `explain` does.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/options.h"
#include "backend/plan/packed_memory.h"
#include "backend/plan/plan.h"
#include "backend/plan/report.h"
#include "backend/plan/route.h"
#include "kernels/cpu/mask.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// What a load is told.
struct PlanRequest {
  RouteOptions routes;
  uint64_t max_workspace_bytes = kDefaultMaxWorkspaceBytes;
  WorkerCounts workers;
};

struct PlannedGraph {
  std::vector<Dims> bounds;  // by value
  std::vector<Route> routes;
  Plan plan;
};

// Decomposes and fuses `graph`, which may have been so already, finalizes its shapes, judges its
// nodes for `cpu`, and plans what fits the memory. Errors: as FinalizeShapes and RouteGraph,
// MemoryAllocationFailed for what no input gets along without.
Result<PlannedGraph> PlanGraph(Graph& graph, const MaskedCpu& cpu, const PlanRequest& request);

// Of what PlanGraph made of `graph` with the same arguments.
RouteReport ReportPlan(const Graph& graph, const PlannedGraph& planned, const MaskedCpu& cpu,
                       const PlanRequest& request);

}  // namespace switchyard
