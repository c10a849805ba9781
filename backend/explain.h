// The route report of a graph on a CPU that need not be this one, without XNNPACK.
#pragma once

#include <vector>

#include "backend/plan/report.h"
#include "backend/plan_graph.h"
#include "kernels/cpu/mask.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// The report of a delegate that is loaded with the same options. `graph` may have been decomposed
// and fused already. Errors: as PlanGraph.
Result<RouteReport> ExplainGraph(Graph graph, const MaskedCpu& cpu, const PlanRequest& request);

// Every row of the table of what stock XNNPACK gets wrong.
std::vector<StockRemedy> AllStockRemedies();

}  // namespace switchyard
