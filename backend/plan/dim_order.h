// From a host's tensors to the dims of a graph, and back: sizes are logical on one side, physical
// on the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "backend/plan/layouts.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/tensor.h"
#include "schema/graph.h"

namespace switchyard {

// The arguments of one call, and what their dim orders say of each other. All that it is given must
// outlive it.
class ArgumentOrders {
 public:
  // `arguments` are as many as the graph has.
  ArgumentOrders(const Graph& graph, const Layouts& layouts, std::span<const TensorView> arguments);

  // The dims of the argument for external input `input` of the graph, in the order in which its
  // data lie in memory: `sizes[dim_order[j]]` for each j. They must have the rank of the graph's
  // value and be within its bounds.
  //
  // A tensor without dimensions is a scalar, for which the graph has the dims [1].
  //
  // Dimensions of size 1 may stand anywhere without a change of the data, so that a tensor with
  // such dimensions can have several orders; the one that fits is taken.
  //
  // Where another order would fit too, the sizes do not show whether a tensor is in the order that
  // the model was exported for. Then the graph shows it (Layouts), and a tensor in the other order
  // is refused. Where it does not, the tensor's own order is the program's, as it is with every
  // host that hands over what the program says; but inputs and outputs that the graph has in the
  // same layout must be so.
  //
  // Errors: InvalidArgument (rank, bounds, a dim order that is none, an order that the graph or
  // another argument contradicts); the message has the sizes, the order, and what is expected.
  Result<Dims> PhysicalDims(ValueIndex input);

 private:
  void ReadClaims();
  Status CheckAgainstOthers(ValueIndex input, const TensorView& tensor);

  const Graph& graph_;
  const Layouts& layouts_;
  const std::span<const TensorView> arguments_;
  // Of groups that the graph leaves open also what arguments say; empty until somebody asks.
  std::vector<LayoutClaims> claims_;
  // By group: the first argument in an order that is neither of the two.
  std::map<uint32_t, uint32_t> other_orders_;
};

// 0, 1, ..., rank - 1.
std::vector<uint8_t> DefaultDimOrder(size_t rank);

// A dim order in which ArgumentOrders takes an external input of any sizes, with outputs in the
// default order: channels last where the graph says so, else the default order.
std::vector<uint8_t> WantedDimOrder(const Graph& graph, const Layouts& layouts, ValueIndex input);

// The logical sizes that an output tensor must have when the graph computes `dims`:
// sizes[dim_order[j]] = dims[j]. Errors: InvalidArgument (rank, a dim order that is none).
Result<Dims> LogicalSizes(const Value& output, const Dims& dims, const TensorView& tensor);

}  // namespace switchyard
