// Route reports as JSON, for programs. Without a JSON library: those want exceptions.
#pragma once

#include <string>

#include "backend/plan/report.h"

namespace switchyard {

// An array with an object for each node: id, debug_handle, op, shapes, types, macs, variant, route,
// kernel, stock, absorbed, note, reasons, rejected. Without `all_nodes` only judged nodes.
std::string JsonOfNodes(const RouteReport& report, bool all_nodes);

// The report of a loaded delegate: version (1), CPU features, bytes of packed weights, nodes.
std::string JsonOfReport(const RouteReport& report, bool all_nodes);

}  // namespace switchyard
