// What a host hands over with each execute: checked, resized and bound, each argument once.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "backend/plan/layouts.h"
#include "backend/switchyard_backend.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/tensor.h"
#include "schema/graph.h"

namespace switchyard {

// The inputs and outputs of one graph, which must outlive it.
class HostArguments {
 public:
  // `has_exported_dim_orders` as in InitContext.
  HostArguments(const Graph& graph, bool has_exported_dim_orders);

  size_t size() const { return graph_.num_externals; }
  // See LoadedArgument (backend/switchyard_backend.h).
  Argument Describe(size_t index) const;

  // One execute takes these in turn. `arguments` are the host's, `size()` of them or more; `data`
  // is by value and gets what the arguments point to.

  // Gives the entries of inputs in `dims` (by external id, `size()` of them) the dims in the order
  // in which the data lie in memory. Errors: InvalidArgument (too few arguments; see
  // ArgumentOrders; storage that does not hold the sizes), InvalidType, what is wrong with the
  // host's own argument.
  Status BindInputs(std::span<const TensorView> arguments, std::span<Dims> dims,
                    std::span<void*> data) const;
  // Gives the outputs the dims in `shapes` (by value). Errors: as above, NotSupported (a static
  // tensor that would have to change its sizes), and the host's when it resizes.
  Status BindOutputs(std::span<TensorView> arguments, std::span<const Dims> shapes,
                     std::span<void*> data) const;
  // What has run has left int32 where the host wants int64.
  void WidenOutputs(std::span<const TensorView> arguments, std::span<const Dims> shapes) const;

 private:
  const Graph& graph_;
  const Layouts layouts_;
  std::vector<ValueIndex> inputs_, outputs_;
};

}  // namespace switchyard
