// What XNNPACK would fuse inside a subgraph, fused before anything is judged, so that packed and
// stock nodes see the same graph.
#pragma once

#include "schema/graph.h"

namespace switchyard {

// Rewrites `graph`:
//  - a Clamp that is the only reader of a FullyConnected, Conv2d or DepthwiseConv2d becomes its
//    bounds;
//  - a StaticConstantPad of zero, over height and width only, that is read by one Conv2d or
//    DepthwiseConv2d and nobody else becomes its padding;
//  - a StaticTranspose of the last two dimensions that is read only as B of one
//    BatchMatrixMultiply becomes that node's flag 0x1.
// Nothing is fused over an external output. The node that remains lists the others in
// Node::absorbed; values that nobody computes any more are removed.
void FuseGraph(Graph& graph);

}  // namespace switchyard
