// The route report of a graph on a CPU that need not be this one, without XNNPACK.
#pragma once

#include <vector>

#include "backend/plan/report.h"
#include "backend/plan/route.h"
#include "kernels/cpu/mask.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// `graph` may have been decomposed and fused already. Errors: as SettleShapes and RouteGraph.
Result<RouteReport> ExplainGraph(Graph graph, const MaskedCpu& cpu, const RouteOptions& options);

// Every row of the table of what stock XNNPACK gets wrong.
std::vector<StockRemedy> AllStockRemedies();

}  // namespace switchyard
