// Shape inference over a whole graph, before anything is allocated.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// The dims of every value (by ValueIndex) when the external inputs have `external_dims` (by
// external id; entries of outputs are ignored). Constants keep their dims. What XNNPACK would
// assert on, or would read out of bounds for, is an error here: channels that do not match, kernels
// larger than the padded input, slices out of range, shapes that do not broadcast. Values without
// elements are allowed where XNNPACK gives the result a shape: not in convolutions, pooling
// windows, BatchMatrixMultiply and StaticConstantPad. Errors: InvalidArgument (the inputs' shapes
// do not fit the graph, or exceed the bounds that the payload gives), InvalidProgram (no input
// shape would fit). Messages name the node.
Result<std::vector<Dims>> InferShapes(const Graph& graph, std::span<const Dims> external_dims);

// The same for the bounds that the payload itself gives to the external inputs.
Result<std::vector<Dims>> InferShapesAtBounds(const Graph& graph);

// The same, which then replaces the dims that the file gives to what nodes compute: nothing checks
// those, and the exporter leaves some in another order.
Result<std::vector<Dims>> SettleShapes(Graph& graph);

// Checks every value that execution would allocate (what is neither constant nor external, and the
// f32 form of what has 16 bits, which not every CPU needs), the scratch memory that windows and
// packed operands take (upper bounds of it), and the sum of all against `max_workspace_bytes`. The
// sum ignores that memory is used again. Errors: MemoryAllocationFailed, naming the value, the node
// or the total, the limit, and the option. `packed_bytes`, what packed steps need besides, is
// counted into the sum.
Status CheckFootprint(const Graph& graph, std::span<const Dims> shapes,
                      uint64_t max_workspace_bytes, uint64_t packed_bytes = 0);

// Checks that the constants of a graph do not take much more memory than their file: every node
// packs the filter that it reads, so that a small file can name one large filter many times. What
// is packed or copied a second time, counted with the padding of the panels, may not be more than
// `max_workspace_bytes`. Errors: MemoryAllocationFailed, with that number.
// `graph` must have shapes (InferShapesAtBounds).
Status CheckRepeatedWeights(const Graph& graph, uint64_t max_workspace_bytes);

// MemoryAllocationFailed: `what` needs `bytes` (the largest number: more than can be counted), more
// than the option allows.
std::unexpected<Error> RefuseBytes(const std::string& what, uint64_t bytes,
                                   uint64_t max_workspace_bytes);

}  // namespace switchyard
