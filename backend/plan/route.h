// The route of every judged node: its verdict, and the kernel that runs it or why none does.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/cpu/mask.h"
#include "kernels/gemm/select.h"
#include "partition_rules/classify.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "schema/graph.h"
#include "schema/graph_index.h"

namespace switchyard {

struct Route {
  NodeIndex node;
  Verdict verdict;
  const KernelRow* kernel = nullptr;     // null: the stock operator
  std::vector<RejectedKernel> rejected;  // rows of the verdict's variant that were passed over
};

struct RouteOptions {
  bool packed_kernels = true;  // off: every node is stock
  std::string force_kernel;    // name of a row, or of a tier with rows; empty: none
};

// One route for each judged node, in graph order. Errors: InvalidArgument when `force_kernel` is
// neither a row's name nor a tier's, NotSupported when a row serves no node of this graph; the
// message has the reasons.
Result<std::vector<Route>> RouteGraph(const Graph& graph, const GraphIndex& index,
                                      std::span<const Dims> shapes,
                                      std::span<const KernelRow> table, const MaskedCpu& cpu,
                                      const RouteOptions& options);

}  // namespace switchyard
