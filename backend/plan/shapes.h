// Shape inference over a whole graph, before anything is allocated.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/plan/shape_range.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// The dims of every value (by ValueIndex) when the external inputs have `external_dims` (by
// external id; entries of outputs are ignored). Constants keep their dims. What XNNPACK would
// assert on, or would read out of bounds for, is an error here: channels that do not match, kernels
// larger than the padded input, slices out of range, shapes that do not broadcast. Values without
// elements are allowed as PyTorch allows them: images have a height, a width and channels. Errors:
// InvalidArgument (the inputs' shapes do not fit the graph, or exceed the bounds that the payload
// gives), naming the node, what its inputs come from, and their dims.
Result<std::vector<Dims>> InferShapes(const Graph& graph, std::span<const Dims> external_dims);

// Multiply-accumulates of a node whose graph's values have these dims; 0 of one that does not
// multiply matrices or convolve.
uint64_t NodeMacs(std::span<const Dims> shapes, const Node& node);

// For every value the dims that it may have in an execute that InferShapes accepts: what follows
// from the bounds that the payload gives to the external inputs, each of which may stay below them
// on its own, down to 0, and from what the nodes take. No result of InferShapes is outside; the
// upper ends of all values need not be reached by any input, nor fit together. What the file says
// of computed values plays no part. Errors: InvalidProgram (no input would fit), naming the node.
Result<std::vector<ShapeRange>> InferRanges(const Graph& graph);

// InferRanges, whose upper ends then replace the dims that the file gives to what nodes compute:
// nothing checks those, and the exporter leaves some in another order.
Result<std::vector<ShapeRange>> FinalizeShapes(Graph& graph);

// Checks every value that execution would allocate (what is neither constant nor external, and the
// f32 form of what has 16 bits, which not every CPU needs), the scratch memory that windows and
// packed operands take (upper bounds of it), and the sum of all against `max_workspace_bytes`. The
// sum ignores that memory is used again. Errors: MemoryAllocationFailed, naming the value, the node
// or the total with its largest part, the limit, and what to set the option to. `packed_bytes`,
// what packed steps need besides, is counted into the sum.
Status CheckFootprint(const Graph& graph, std::span<const Dims> shapes,
                      uint64_t max_workspace_bytes, uint64_t packed_bytes = 0);

// Checks that the constants of a graph do not take much more memory than their file: every node
// packs the filter that it reads, so that a small file can name one large filter many times. What
// is packed or copied a second time, counted with the padding of the panels, may not be more than
// `max_workspace_bytes`. Errors: MemoryAllocationFailed, with that number.
// `graph` must have shapes (FinalizeShapes).
Status CheckRepeatedWeights(const Graph& graph, uint64_t max_workspace_bytes);

// MemoryAllocationFailed: `what` needs `bytes` (the largest number: more than can be counted), more
// than the option allows; what to set it to.
std::unexpected<Error> RefuseBytes(const std::string& what, uint64_t bytes,
                                   uint64_t max_workspace_bytes);

}  // namespace switchyard
