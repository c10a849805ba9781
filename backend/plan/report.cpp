#include "backend/plan/report.h"

#include <algorithm>
#include <utility>

#include "backend/plan/make_report.h"
#include "backend/plan/shapes.h"

namespace switchyard {
namespace {

// Where stock nodes run.
void AddStockForms(const Plan& plan, std::span<NodeReport> nodes) {
  size_t island = 0;
  for (const Step& step : plan.steps) {
    if (const auto* set = std::get_if<IslandStep>(&step)) {
      for (const NodeIndex n : set->nodes) {
        nodes[n].stock_form = StockForm::kSubgraph;
        nodes[n].islands.push_back(island);
      }
      ++island;
    } else if (const auto* own = std::get_if<StockOperatorStep>(&step)) {
      nodes[own->node].stock_form = StockForm::kOperator;
    }
  }
}

// How packed nodes are cut.
void AddBlockings(const Graph& graph, std::span<const Dims> shapes, std::span<const Route> routes,
                  const Plan& plan, const PackedHost& host, std::span<NodeReport> nodes) {
  for (const Step& any : plan.steps) {
    const auto* const step = std::get_if<PackedStep>(&any);
    if (step == nullptr) continue;
    const PackedStepMemory memory =
        MeasurePackedStep(graph, *step, routes[step->route], shapes, host);
    KernelReport& kernel = *nodes[step->node].kernel;
    kernel.mc = memory.blocking.mc;
    kernel.nc = memory.blocking.nc;
    kernel.kc = memory.blocking.kc;
    kernel.tasks = memory.tasks;
  }
}

// The verdict on a node, and what came of it.
void AddRoute(const Route& route, const MaskedCpu& cpu, NodeReport& entry) {
  entry.is_judged = true;
  entry.reasons = route.verdict.reasons;
  for (const auto& [row, reason] : route.rejected) {
    // That a CPU is of its own architecture is no news.
    const bool is_cpu = reason.id == ReasonId::kKernelCpuFeature;
    if (is_cpu && cpu.allowed.AreOfAnotherArchitecture(row->required)) continue;
    entry.rejected.push_back({std::string(row->name), reason, MayBeForced(reason.id)});
  }
  if (!route.verdict.problem) return;
  const GemmProblem& problem = *route.verdict.problem;
  entry.variant = problem.variant;
  if (!problem.rhs_is_constant) {
    entry.note = "B is an argument or computed: packed for each execute";
  }
  if (route.kernel == nullptr) return;
  const KernelRow& row = *route.kernel;
  const bool is_convolution = problem.op == GemmOperator::kConv2d;
  entry.kernel = {.name = std::string(row.name),
                  .gemm = std::string(is_convolution ? row.imatmul : row.gemm),
                  .gemv = std::string(is_convolution ? std::string_view() : row.gemv.name)};
}

}  // namespace

size_t RouteReport::NumJudged() const {
  return std::ranges::count_if(nodes, &NodeReport::is_judged);
}
size_t RouteReport::NumPacked() const {
  return std::ranges::count_if(nodes, [](const NodeReport& n) { return n.kernel.has_value(); });
}
uint64_t RouteReport::Macs() const {
  uint64_t sum = 0;
  for (const NodeReport& node : nodes) sum += node.macs;
  return sum;
}
uint64_t RouteReport::PackedMacs() const {
  uint64_t sum = 0;
  for (const NodeReport& node : nodes) sum += node.kernel ? node.macs : 0;
  return sum;
}

std::string_view Name(StockForm form) {
  switch (form) {
    case StockForm::kSubgraph:
      return "XNNPACK subgraph";
    case StockForm::kOperator:
      return "XNNPACK operator";
    case StockForm::kFused:
      return "fused into its readers";
  }
  return {};
}

RouteReport MakeReport(const Graph& graph, std::span<const Dims> shapes,
                       std::span<const Route> routes, const Plan& plan, const MaskedCpu& cpu,
                       const WorkerCounts& workers,
                       std::vector<std::vector<StockRemedy>> remedies) {
  RouteReport report;
  report.cpu = cpu;
  for (const Step& step : plan.steps) {
    report.num_islands += std::holds_alternative<IslandStep>(step);
    report.num_lhs_packs += std::holds_alternative<PackLhsStep>(step);
  }
  auto route = routes.begin();
  for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    NodeReport& entry = report.nodes.emplace_back();
    entry.id = node.id;
    entry.debug_handle = node.debug_handle;
    entry.op = Info(node.kind).name;
    if (node.part_of != NodeKind::kNone) entry.part_of = Info(node.part_of).name;
    entry.absorbed = node.absorbed;
    entry.num_outputs = node.outputs.size();
    for (const auto& values : {node.inputs, node.outputs}) {
      for (ValueIndex value : values) {
        entry.shapes.push_back(shapes[value]);
        entry.types.push_back(graph.values[value].type);
      }
    }
    entry.macs = NodeMacs(shapes, node);
    if (route != routes.end() && route->node == n) AddRoute(*route++, cpu, entry);
    if (!entry.kernel) entry.remedies = std::move(remedies[n]);
  }
  AddStockForms(plan, report.nodes);
  AddBlockings(graph, shapes, routes, plan, {cpu.allowed, workers}, report.nodes);
  return report;
}

}  // namespace switchyard
