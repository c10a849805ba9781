// The rules of single nodes: internal to schema/.
#pragma once

#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// Checks a node's kind, arity, index ranges, flags and output range: what everything else relies
// on. Errors: InvalidProgram.
Status CheckNodeForm(const Graph& graph, NodeIndex index);

// Checks a node's attributes against themselves, the ranks of its inputs, and the shape and
// quantization of its filter and bias. Whether the shapes of computed values fit is for shape
// inference to say: what a file claims about them may be wrong (the exporter writes the dimensions
// of a convolution's dynamically quantized input in NCHW order, though its data are NHWC). The node
// and its values must have passed the other checks. Errors: InvalidProgram.
Status CheckNodeAttributes(const Graph& graph, NodeIndex index);

}  // namespace switchyard
