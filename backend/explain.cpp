#include "backend/explain.h"

#include "backend/plan/decompose.h"
#include "backend/plan/fuse.h"
#include "backend/plan/make_report.h"
#include "backend/plan/shapes.h"
#include "backend/xnnpack/remedies.h"
#include "backend/xnnpack/stock_step.h"

namespace switchyard {

Result<RouteReport> ExplainGraph(Graph graph, const MaskedCpu& cpu, const ExplainRequest& request) {
  DecomposeGraph(graph);
  FuseGraph(graph);
  SWITCHYARD_ASSIGN(const std::vector<ShapeRange> ranges, FinalizeShapes(graph));
  const std::vector<Dims> shapes = UpperEnds(ranges);
  SWITCHYARD_TRY(CheckFootprint(graph, LowerEnds(ranges), request.max_workspace_bytes));
  SWITCHYARD_ASSIGN(std::vector<Route> routes, RouteGraph(graph, GraphIndex(graph), shapes,
                                                          KernelTable(), cpu, request.routes));
  const Plan plan = FitPlan(
      graph, NodesWithStandaloneStep(graph, cpu), routes, shapes, {cpu.allowed, request.workers},
      {.limit = request.max_workspace_bytes, .is_forced = !request.routes.force_kernel.empty()});
  return MakeReport(graph, shapes, routes, plan, cpu, request.workers, StockRemedies(graph, cpu));
}

std::vector<StockRemedy> AllStockRemedies() {
  std::vector<StockRemedy> remedies;
  for (const Remedy& row : RemedyTable()) remedies.push_back({row.id, row.evidence});
  return remedies;
}

}  // namespace switchyard
