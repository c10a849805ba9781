#include "backend/plan/report.h"

#include <algorithm>
#include <format>

#include "backend/plan/fuse.h"
#include "backend/plan/shapes.h"

namespace switchyard {
namespace {

// "[4, 64] f32 x [32, 64] qcint8 -> [4, 32] f32"
std::string Signature(const NodeReport& node) {
  std::string text;
  const size_t inputs = node.shapes.size() - node.num_outputs;
  for (size_t i = 0; i < node.shapes.size(); ++i) {
    text += i == 0 ? "" : i == inputs ? " -> " : ", ";
    text += std::format("{} {}", ToString(node.shapes[i]), Name(node.types[i]));
  }
  return text;
}

std::string What(const NodeReport& node) {
  if (node.kernel == nullptr) return std::format("stock ({})", node.stock_form);
  return std::string(node.kernel->name);
}

double Percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// Where stock nodes run: "island 0", "islands 0, 2", "operator".
std::vector<std::string> StockForms(size_t num_nodes, const Plan& plan) {
  std::vector<std::string> forms(num_nodes);
  size_t island = 0;
  for (const Step& step : plan.steps) {
    if (const auto* set = std::get_if<IslandStep>(&step)) {
      for (const NodeIndex n : set->nodes) {
        forms[n] += std::format("{}{}", forms[n].empty() ? "island " : ", ", island);
      }
      ++island;
    } else if (const auto* own = std::get_if<StockOperatorStep>(&step)) {
      forms[own->node] = "operator";
    }
  }
  // A Convert whose readers all quantize for themselves.
  for (std::string& form : forms) {
    if (form.empty()) form = "fused";
  }
  return forms;
}

// Multiply-accumulates of a judged node at the bounds.
uint64_t NodeMacs(std::span<const Dims> shapes, const Node& node) {
  const auto count = [&](ValueIndex value) {
    return uint64_t{shapes[value].NumElements().value_or(0)};
  };
  const uint64_t outputs = count(node.outputs[0]);
  switch (node.kind) {
    case NodeKind::kFullyConnected:
    case NodeKind::kBatchMatrixMultiply: {
      const Dims& input = shapes[node.inputs[0]];
      return input.rank() == 0 ? 0 : outputs * input.back();
    }
    case NodeKind::kConv2d:
    case NodeKind::kDepthwiseConv2d: {
      const auto& a = std::get<ConvolutionAttributes>(node.attributes);
      return outputs * a.kernel_height * a.kernel_width * a.group_input_channels;
    }
    case NodeKind::kConvTranspose2d: {
      const auto& a = std::get<ConvolutionAttributes>(node.attributes);
      return count(node.inputs[0]) * a.kernel_height * a.kernel_width * a.group_output_channels;
    }
    default:
      return 0;
  }
}

}  // namespace

size_t RouteReport::NumJudged() const {
  return std::ranges::count_if(nodes, &NodeReport::is_judged);
}
size_t RouteReport::NumPacked() const {
  return std::ranges::count_if(nodes, [](const NodeReport& n) { return n.kernel != nullptr; });
}
uint64_t RouteReport::Macs() const {
  uint64_t sum = 0;
  for (const NodeReport& node : nodes) sum += node.macs;
  return sum;
}
uint64_t RouteReport::PackedMacs() const {
  uint64_t sum = 0;
  for (const NodeReport& node : nodes) sum += node.kernel != nullptr ? node.macs : 0;
  return sum;
}

RouteReport MakeReport(const Graph& graph, std::span<const Dims> shapes,
                       std::span<const Route> routes, const Plan& plan, const CpuFeatures& cpu) {
  RouteReport report;
  report.cpu = cpu;
  for (const Step& step : plan.steps) {
    report.num_islands += std::holds_alternative<IslandStep>(step);
    report.num_lhs_packs += std::holds_alternative<PackLhsStep>(step);
  }
  const std::vector<std::string> stock_forms = StockForms(graph.nodes.size(), plan);
  auto route = routes.begin();
  for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    NodeReport& entry = report.nodes.emplace_back();
    entry.id = node.id;
    entry.debug_handle = node.debug_handle;
    entry.op = Info(node.kind).name;
    entry.absorbed = node.absorbed;
    entry.num_outputs = node.outputs.size();
    for (const auto& values : {node.inputs, node.outputs}) {
      for (ValueIndex value : values) {
        entry.shapes.push_back(shapes[value]);
        entry.types.push_back(graph.values[value].type);
      }
    }
    entry.stock_form = stock_forms[n];
    entry.macs = NodeMacs(shapes, node);
    if (route == routes.end() || route->node != n) continue;
    entry.is_judged = true;
    entry.kernel = route->kernel;
    entry.reasons = route->verdict.reasons;
    entry.rejected = route->rejected;
    if (route->verdict.problem) {
      entry.variant = route->verdict.problem->variant;
      if (!route->verdict.problem->rhs_is_constant) {
        entry.note = "B is an argument or computed: packed for each execute";
      }
    }
    ++route;
  }
  return report;
}

Result<RouteReport> ExplainGraph(Graph graph, const CpuFeatures& cpu, const RouteOptions& options) {
  FuseGraph(graph);
  SWITCHYARD_ASSIGN(const std::vector<Dims> shapes, InferShapesAtBounds(graph));
  SWITCHYARD_ASSIGN(const std::vector<Route> routes,
                    RouteGraph(graph, GraphIndex(graph), shapes, KernelTable(), cpu, options));
  const Plan plan = MakePlan(graph, std::vector<bool>(graph.nodes.size(), false), routes);
  return MakeReport(graph, shapes, routes, plan, cpu);
}

std::string FormatReport(const RouteReport& report, bool all_nodes) {
  std::string text;
  for (const NodeReport& node : report.nodes) {
    if (!node.is_judged && !all_nodes) continue;
    text += std::format("  {:>4}  {:<20} {:<13} {}\n", node.id, node.op,
                        node.variant ? Name(*node.variant) : "-", What(node));
    text += std::format("        {}\n", Signature(node));
    if (node.kernel != nullptr) {
      text += std::format("        gemm {}{}{}\n", node.kernel->gemm,
                          node.kernel->gemv.name.empty() ? "" : ", gemv ", node.kernel->gemv.name);
    }
    for (const AbsorbedNode& absorbed : node.absorbed) {
      text += std::format("        absorbs node {} {}\n", absorbed.id, Info(absorbed.kind).name);
    }
    if (!node.note.empty()) text += std::format("        note: {}\n", node.note);
    for (const Reason& reason : node.reasons) {
      text += std::format("        stock: {}\n", reason.ToString());
    }
    std::string alternatives;
    for (const RejectedKernel& rejected : node.rejected) {
      const Reason& reason = rejected.reason;
      if (reason.id == ReasonId::kKernelPreferred) {
        alternatives += std::format(" {}", rejected.kernel->name);
      } else {
        text += std::format("        not {}: {}: {} [{}]\n", rejected.kernel->name,
                            Row(reason.id).what, reason.found, Row(reason.id).id);
      }
    }
    if (!alternatives.empty()) {
      text += std::format("        would serve too, with force_kernel:{}\n", alternatives);
    }
  }
  text += std::format(
      "  {} of {} nodes packed, {:.1f}% of {} multiply-accumulates; {} shared activation packs, {} "
      "XNNPACK islands\n",
      report.NumPacked(), report.NumJudged(), Percent(report.PackedMacs(), report.Macs()),
      report.Macs(), report.num_lhs_packs, report.num_islands);
  if (report.packed_weight_bytes != 0) {
    text +=
        std::format("  {} bytes of packed weights, {} shared, {} mapped from packed_cache_path\n",
                    report.packed_weight_bytes, report.shared_packed_weight_bytes,
                    report.mapped_packed_weight_bytes);
  }
  return text;
}

}  // namespace switchyard
