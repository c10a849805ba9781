// The order of nodes: internal to schema/.
#pragma once

#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// Brings the nodes into an order in which producers come before readers. An order that is right
// already stays as it is; otherwise, of the nodes that are ready, the one that came first in the
// file goes first. Indices of the nodes' inputs and outputs must be in range. Takes O((nodes +
// edges) log nodes). Errors: InvalidProgram (a cycle), naming one of its nodes.
Status SortNodes(Graph& graph);

}  // namespace switchyard
