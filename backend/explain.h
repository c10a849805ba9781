// The route report of a graph on a CPU that need not be this one, without XNNPACK.
#pragma once

#include <vector>

#include "backend/options.h"
#include "backend/plan/packed_memory.h"
#include "backend/plan/report.h"
#include "backend/plan/route.h"
#include "kernels/cpu/mask.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// What a load would be told.
struct ExplainRequest {
  RouteOptions routes;
  uint64_t max_workspace_bytes = kDefaultMaxWorkspaceBytes;
  WorkerCounts workers;
};

// The report of a delegate that is loaded with the same options. `graph` may have been decomposed
// and fused already. Errors: as FinalizeShapes and RouteGraph, MemoryAllocationFailed.
Result<RouteReport> ExplainGraph(Graph graph, const MaskedCpu& cpu, const ExplainRequest& request);

// Every row of the table of what stock XNNPACK gets wrong.
std::vector<StockRemedy> AllStockRemedies();

}  // namespace switchyard
