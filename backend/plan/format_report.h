// Route reports as text for people.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "backend/plan/report.h"
#include "runtime/base/api.h"

namespace switchyard {

struct NamedReport {
  std::string_view cpu;  // as the reader calls it
  const RouteReport& report;
};

// Reports of one graph on several CPUs, node by node: what the node is, its verdict with every
// reason, and for each CPU the kernel and why not another. CPUs that agree share their lines.
// Without `all_nodes` only judged nodes.
SWITCHYARD_API std::string FormatNodes(std::span<const NamedReport> reports, bool all_nodes);

// Sums over the delegates of a file; a line of text without its end.
struct RouteSummary {
  size_t judged = 0, packed = 0;
  uint64_t macs = 0, packed_macs = 0;
  size_t lhs_packs = 0, islands = 0;

  SWITCHYARD_API void Add(const RouteReport& report);
  SWITCHYARD_API double PackedMacsShare() const;  // 0 where there is nothing to multiply
  // "3 of 3 nodes packed, 100.0% of 69120 multiply-accumulates; 1 activation pack, 0 islands"
  SWITCHYARD_API std::string ToString() const;
};

// The report of a loaded delegate: its nodes, its summary, its packed weights, and both sets of CPU
// features where a mask makes them differ.
SWITCHYARD_API std::string FormatReport(const RouteReport& report, bool all_nodes);

}  // namespace switchyard
