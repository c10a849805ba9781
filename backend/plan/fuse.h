// What XNNPACK would fuse inside a subgraph, fused before anything is judged, so that packed and
// stock nodes see the same graph.
#pragma once

#include "schema/graph.h"

namespace switchyard {

// Rewrites `graph`:
//  - a Clamp that is the only reader of a FullyConnected, Conv2d or DepthwiseConv2d becomes its
//    bounds, unless they would leave a single number;
//  - a StaticConstantPad of zero (of quantized values: of the zero point), over height and width
//    only, that is read by one Conv2d or DepthwiseConv2d without SAME padding and by nobody else
//    becomes its padding;
//  - a StaticTranspose of the last two dimensions of floats that is read only as B of one
//    BatchMatrixMultiply becomes that node's flag 0x1.
// Nothing is fused over an external output, or where scale or zero point change. The node that
// remains lists the others in Node::absorbed; internal values and constants that no node mentions
// any more are removed. A graph that keeps the rules of CheckGraph keeps them. Takes
// O(nodes + values).
void FuseGraph(Graph& graph);

}  // namespace switchyard
