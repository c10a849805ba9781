// A Graph of f32 (or dynamically quantized) values in XNNPACK, as directly as can be: what the
// shapes that we infer are compared with.
#pragma once

#include <xnnpack.h>

#include <memory>
#include <span>

#include "runtime/base/dims.h"
#include "schema/graph.h"

namespace switchyard::test {

class XnnpackGraph {
 public:
  // Views the graph's constants. What XNNPACK answers to each step, success or not.
  xnn_status Create(const Graph& graph);
  // Gives the external inputs their dims in `shapes` (by value) and lets XNNPACK infer the others.
  xnn_status Reshape(std::span<const Dims> shapes);
  Dims OutputDims(ValueIndex output) const;
  // Runs it on zeros. The last Reshape must have succeeded with the same shapes.
  xnn_status Run(std::span<const Dims> shapes);

 private:
  struct Delete {
    void operator()(xnn_subgraph_t subgraph) const { xnn_delete_subgraph(subgraph); }
    void operator()(xnn_runtime_t runtime) const { xnn_delete_runtime(runtime); }
  };

  const Graph* graph_ = nullptr;
  std::unique_ptr<xnn_subgraph, Delete> subgraph_;
  std::unique_ptr<xnn_runtime, Delete> runtime_;
};

}  // namespace switchyard::test
