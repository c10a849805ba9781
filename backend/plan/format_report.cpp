#include "backend/plan/format_report.h"

#include <algorithm>
#include <vector>

#include "runtime/base/format.h"

namespace switchyard {
namespace {

// "[4, 64] fp32, [32, 64] qcint8 -> [4, 32] fp32"
std::string Signature(const NodeReport& node) {
  std::string text;
  const size_t inputs = node.shapes.size() - node.num_outputs;
  for (size_t i = 0; i < node.shapes.size(); ++i) {
    text += i == 0 ? "" : i == inputs ? " -> " : ", ";
    text += Format("{} {}", ToString(node.shapes[i]), Name(node.types[i]));
  }
  return text;
}

std::string Count(size_t count, std::string_view noun) {
  return Format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// "XNNPACK subgraph (island 0)", "XNNPACK operator"
std::string StockText(const NodeReport& node) {
  std::string text(Name(node.stock_form));
  if (node.islands.empty()) return text;
  text += node.islands.size() == 1 ? " (island" : " (islands";
  for (size_t i = 0; i < node.islands.size(); ++i) {
    text += Format("{} {}", i == 0 ? "" : ",", node.islands[i]);
  }
  return text + ")";
}

// Rows that were passed over, those with the same reason together; last those that force_kernel
// would take.
std::string RejectedText(const NodeReport& node) {
  struct Group {
    const Reason& reason;
    std::string names;
  };
  std::vector<Group> groups;
  std::string forceable;
  for (const auto& [name, reason, may_be_forced] : node.rejected) {
    if (may_be_forced) forceable.append(forceable.empty() ? "" : ", ").append(name);
    if (reason.id == ReasonId::kKernelPreferred) continue;
    const auto same = std::ranges::find_if(groups, [&](const Group& group) {
      return group.reason.id == reason.id && group.reason.found == reason.found &&
             group.reason.expected == reason.expected;
    });
    if (same == groups.end()) {
      groups.push_back({reason, name});
    } else {
      same->names.append(", ").append(name);
    }
  }
  std::string text;
  for (const auto& [reason, names] : groups) {
    if (reason.id == ReasonId::kKernelYields) {
      text += Format("        {} {}: {} [{}]\n", names, Row(reason.id).what, reason.found,
                     Row(reason.id).id);
      continue;
    }
    text += Format("        not {}: {}: {}, expected {} [{}]\n", names, Row(reason.id).what,
                   reason.found, reason.expected, Row(reason.id).id);
  }
  if (!forceable.empty()) text += Format("        force_kernel may take {}\n", forceable);
  return text;
}

// How one CPU runs the node: a line after the CPU's name, and indented ones.
std::string OutcomeText(const NodeReport& node) {
  std::string text;
  if (!node.kernel) {
    text = Format("stock, {}\n", StockText(node));
    for (const StockRemedy& remedy : node.remedies) {
      text += Format("        remedy {}: {}\n", remedy.id, remedy.evidence);
    }
  } else {
    text = Format("{}\n", node.kernel->name);
    if (!node.kernel->gemm.empty()) text += Format("        gemm {}\n", node.kernel->gemm);
    if (!node.kernel->gemv.empty()) text += Format("        gemv {}\n", node.kernel->gemv);
  }
  return text + RejectedText(node);
}

std::string NodeText(std::span<const NamedReport> reports, size_t n) {
  const NodeReport& node = reports[0].report.nodes[n];
  std::string text = Format("  node {} {}", node.id, node.op);
  if (!node.part_of.empty()) text += Format(" of {}", node.part_of);
  if (node.is_judged) {
    text += Format(": {}", node.variant ? Name(*node.variant) : "no packed variant");
  }
  text += Format("\n      {}\n", Signature(node));
  for (const AbsorbedNode& absorbed : node.absorbed) {
    text += Format("      absorbs node {} {}\n", absorbed.id, Info(absorbed.kind).name);
  }
  if (!node.note.empty()) text += Format("      note: {}\n", node.note);
  for (const Reason& reason : node.reasons) {
    text += Format("      because {}\n", reason.ToString());
  }
  struct Outcome {
    std::string cpus, text;
  };
  std::vector<Outcome> outcomes;
  for (const NamedReport& named : reports) {
    const std::string outcome = OutcomeText(named.report.nodes[n]);
    const auto same = std::ranges::find(outcomes, outcome, &Outcome::text);
    if (same != outcomes.end()) {
      same->cpus.append(", ").append(named.cpu);
    } else {
      outcomes.push_back({std::string(named.cpu), outcome});
    }
  }
  for (const Outcome& outcome : outcomes) {
    text += Format("      on {}: {}", outcome.cpus, outcome.text);
  }
  return text;
}

}  // namespace

std::string FormatNodes(std::span<const NamedReport> reports, bool all_nodes) {
  std::string text;
  if (reports.empty()) return text;
  for (size_t n = 0; n < reports[0].report.nodes.size(); ++n) {
    if (all_nodes || reports[0].report.nodes[n].is_judged) text += NodeText(reports, n);
  }
  return text;
}

void RouteSummary::Add(const RouteReport& report) {
  judged += report.NumJudged();
  packed += report.NumPacked();
  macs += report.Macs();
  packed_macs += report.PackedMacs();
  lhs_packs += report.num_lhs_packs;
  islands += report.num_islands;
}

double RouteSummary::PackedMacsShare() const {
  return macs == 0 ? 0 : static_cast<double>(packed_macs) / static_cast<double>(macs);
}

std::string RouteSummary::ToString() const {
  return Format("{} of {} packed, {:.1f}% of {} multiply-accumulates; {}, {}", packed,
                Count(judged, "node"), 100 * PackedMacsShare(), macs,
                Count(lhs_packs, "activation pack"), Count(islands, "island"));
}

std::string FormatReport(const RouteReport& report, bool all_nodes) {
  const NamedReport named{"this CPU", report};
  RouteSummary summary;
  summary.Add(report);
  std::string text = FormatNodes({&named, 1}, all_nodes) + summary.ToString() + '\n';
  text += Format(
      "{} bytes of packed weights, {} of them packed for another delegate, {} mapped from "
      "packed_cache_path\n",
      report.packed_weight_bytes, report.shared_packed_weight_bytes,
      report.mapped_packed_weight_bytes);
  const std::string host = report.cpu.host.ToString(), allowed = report.cpu.allowed.ToString();
  if (host != allowed) {
    text += Format("packed kernels may use: {}; XNNPACK detects: {}\n", allowed, host);
  }
  return text;
}

}  // namespace switchyard
