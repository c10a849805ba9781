#include "backend/plan_graph.h"

#include "backend/plan/decompose.h"
#include "backend/plan/fuse.h"
#include "backend/plan/make_report.h"
#include "backend/plan/shapes.h"
#include "backend/xnnpack/stock_step.h"

namespace switchyard {

Result<PlannedGraph> PlanGraph(Graph& graph, const MaskedCpu& cpu, const PlanRequest& request) {
  DecomposeGraph(graph);
  FuseGraph(graph);
  SWITCHYARD_ASSIGN(const std::vector<ShapeRange> ranges, FinalizeShapes(graph));
  // Bounds may be far above what is ever run: what an execute needs beyond is refused then.
  SWITCHYARD_TRY(CheckFootprint(graph, LowerEnds(ranges), request.max_workspace_bytes));
  PlannedGraph planned;
  planned.bounds = UpperEnds(ranges);
  SWITCHYARD_ASSIGN(planned.routes, RouteGraph(graph, GraphIndex(graph), planned.bounds,
                                               KernelTable(), cpu, request.routes));
  planned.plan = FitPlan(
      graph, NodesWithStandaloneStep(graph, cpu), planned.routes, planned.bounds,
      {cpu.allowed, request.workers},
      {.limit = request.max_workspace_bytes, .is_forced = !request.routes.force_kernel.empty()});
  return planned;
}

RouteReport ReportPlan(const Graph& graph, const PlannedGraph& planned, const MaskedCpu& cpu,
                       const PlanRequest& request) {
  return MakeReport(graph, planned.bounds, planned.routes, planned.plan, cpu, request.workers,
                    StockRemedies(graph, cpu));
}

}  // namespace switchyard
