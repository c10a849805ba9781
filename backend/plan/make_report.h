// How a route report comes about.
#pragma once

#include <span>
#include <vector>

#include "backend/plan/packed_memory.h"
#include "backend/plan/plan.h"
#include "backend/plan/report.h"
#include "backend/plan/route.h"
#include "kernels/cpu/mask.h"
#include "runtime/base/dims.h"
#include "schema/graph.h"

namespace switchyard {

// `remedies` by NodeIndex: what applies to a node where it is stock.
RouteReport MakeReport(const Graph& graph, std::span<const Dims> shapes,
                       std::span<const Route> routes, const Plan& plan, const MaskedCpu& cpu,
                       const WorkerCounts& workers, std::vector<std::vector<StockRemedy>> remedies);

}  // namespace switchyard
