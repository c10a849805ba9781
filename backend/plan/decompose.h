// Node kinds that run as several nodes of other kinds.
#pragma once

#include "schema/graph.h"

namespace switchyard {

// Rewrites `graph`: a ScaledDotProductAttention becomes
//
//   BatchMatrixMultiply(Softmax(Add(BatchMatrixMultiply(Multiply(query, scale), key^T), mask)),
//                       value)
//
// computed in f32, with Converts where its values are narrower floats: XNNPACK's operator keeps the
// logits of f16 in f16, is there only where the CPU has f16 arithmetic, and cuts its scratch memory
// up by a number of threads that may change. The parts have the node's id and debug handle, and
// Node::part_of. They are routed, remedied and given shapes like any other node.
// A graph that keeps the rules of CheckGraph keeps them. Takes O(nodes + values).
void DecomposeGraph(Graph& graph);

}  // namespace switchyard
