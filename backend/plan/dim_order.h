// From a host's tensors to the dims of a graph, and back: sizes are logical on one side, physical
// on the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/tensor.h"
#include "schema/graph.h"

namespace switchyard {

// The dims of an argument for external input `input` of the graph, in the order in which its data
// lie in memory: `sizes[dim_order[j]]` for each j. They must have the rank of the graph's value and
// be within its bounds.
//
// A tensor without dimensions is a scalar, for which the graph has the dims [1].
//
// Dimensions of size 1 may stand anywhere without a change of the data, so that a tensor with such
// dimensions can have several orders; the one that fits is taken.
//
// Where both the default order and channels last would fit, the sizes do not show whether a tensor
// is in the order that the model was exported for. Then the graph says it: the first node that
// reads the value (through elementwise ones) and is a transpose by 0, 2, 3, 1 wants the default
// order, one that works on images wants channels last, and a tensor in the other order is refused.
// One by 0, 3, 1, 2 takes both, since the exporter writes it for channels last and a model may have
// it for the default order. If no node says it, the default order is accepted and any other
// refused.
//
// Errors: InvalidArgument (rank, bounds, a dim order that is none, an order that the graph does not
// want); the message has the sizes, the order, and what is expected.
Result<Dims> PhysicalDims(const Graph& graph, ValueIndex input, const TensorView& tensor);

// 0, 1, ..., rank - 1.
std::vector<uint8_t> DefaultDimOrder(size_t rank);

// A dim order in which PhysicalDims takes an external input of any sizes: channels last where the
// graph says so, else the default order.
std::vector<uint8_t> WantedDimOrder(const Graph& graph, ValueIndex input);

// The logical sizes that an output tensor must have when the graph computes `dims`:
// sizes[dim_order[j]] = dims[j]. Errors: InvalidArgument (rank, a dim order that is none).
Result<std::vector<size_t>> LogicalSizes(const Value& output, const Dims& dims,
                                         const TensorView& tensor);

}  // namespace switchyard
