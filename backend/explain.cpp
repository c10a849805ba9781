#include "backend/explain.h"

#include "backend/xnnpack/remedies.h"

namespace switchyard {

Result<RouteReport> ExplainGraph(Graph graph, const MaskedCpu& cpu, const PlanRequest& request) {
  SWITCHYARD_ASSIGN(const PlannedGraph planned, PlanGraph(graph, cpu, request));
  return ReportPlan(graph, planned, cpu, request);
}

std::vector<StockRemedy> AllStockRemedies() {
  std::vector<StockRemedy> remedies;
  for (const Remedy& row : RemedyTable()) remedies.push_back({row.id, row.evidence});
  return remedies;
}

}  // namespace switchyard
