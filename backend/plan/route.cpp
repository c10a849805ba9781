#include "backend/plan/route.h"

#include <algorithm>

#include "runtime/base/format.h"

namespace switchyard {
namespace {

// Says whether the forced row serves any node, and collects why it does not.
Status CheckForced(const Graph& graph, std::span<const Route> routes,
                   std::span<const KernelRow> table, std::string_view name) {
  if (name.empty()) return {};
  const auto row =
      std::ranges::find_if(table, [&](const KernelRow& kernel) { return IsForced(kernel, name); });
  if (row == table.end()) {
    std::string names;
    for (const KernelRow& kernel : table) {
      names.append(names.empty() ? "" : ", ").append(kernel.name);
    }
    return Fail(
        ErrorCode::kInvalidArgument,
        "option force_kernel: no kernel is called \"{}\", nor a tier that has any; take one "
        "of {}, or a tier of these",
        name, names);
  }
  // A tier is for whole models, of which some delegates have nothing for it.
  if (row->name != name) return {};
  std::string reasons;
  size_t others = 0;
  for (const Route& route : routes) {
    if (route.kernel == &*row) return {};
    const auto rejected = std::ranges::find(route.rejected, &*row, &RejectedKernel::kernel);
    if (rejected == route.rejected.end()) {
      ++others;
    } else {
      reasons += Format("; {}: {}", Describe(graph, route.node), rejected->reason.ToString());
    }
  }
  return Fail(ErrorCode::kNotSupported,
              "option force_kernel: \"{}\" serves no node of this payload; {} nodes are not {}{}",
              name, others, Name(row->variant), reasons);
}

}  // namespace

Result<std::vector<Route>> RouteGraph(const Graph& graph, const GraphIndex& index,
                                      std::span<const Dims> shapes,
                                      std::span<const KernelRow> table, const MaskedCpu& cpu,
                                      const RouteOptions& options) {
  std::vector<Route> routes;
  for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
    if (!IsJudged(graph.nodes[n].kind)) continue;
    Route& route = routes.emplace_back(Route{n, Classify(graph, index, shapes, n), nullptr, {}});
    if (!route.verdict.problem) continue;
    if (!options.packed_kernels) {
      for (const KernelRow& kernel : table) {
        if (kernel.variant != route.verdict.problem->variant) continue;
        route.rejected.push_back({&kernel, {ReasonId::kKernelOff, "off", "on"}});
      }
      continue;
    }
    Selection selection = Select(table, *route.verdict.problem, cpu, options.force_kernel);
    route.kernel = selection.chosen;
    route.rejected = std::move(selection.rejected);
  }
  if (options.packed_kernels) {
    SWITCHYARD_TRY(CheckForced(graph, routes, table, options.force_kernel));
  }
  return routes;
}

}  // namespace switchyard
