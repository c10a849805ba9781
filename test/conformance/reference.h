// What a graph must compute: a scalar interpreter of schema::Graph in double and exact integers. It
// shares no code with a kernel, a packing routine or XNNPACK. Every element comes with the bound
// that a correct backend keeps; 0 asks for the very same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "runtime/base/data_type.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/tensor.h"
#include "schema/graph.h"

namespace switchyard::conformance::reference {

// A value of the graph with its real shape.
struct Tensor {
  // One slice of a dynamically quantized value: x is about (q - zero_point) * scale.
  struct Slice {
    double scale;
    double zero_point;
  };

  DataType type = DataType::kF32;
  Dims dims;
  Quantization quantization;
  // Of float types the number; of integers the stored integer, of int4 from -8 to 7, of qdint8
  // q - zero_point.
  std::vector<double> values;
  // A correct backend's element is at most this far away, in the unit of `values`; infinity: what
  // the element has to be is not documented. Never NaN.
  std::vector<double> bounds;
  std::vector<Slice> slices;       // qdint8 only
  uint32_t num_nonbatch_dims = 0;  // qdint8 only: how many dimensions make a slice
};

// A tensor of zeros for a value of the graph that has turned out to have these dims.
Tensor Empty(const Value& value, const Dims& dims);

// The number that a stored element stands for: qint8 and qint32 by scale and zero point (per tensor
// only), the others as they are. `RealBound` is the bound in the same unit.
double Real(const Tensor& tensor, size_t index);
double RealBound(const Tensor& tensor, size_t index);

struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
};
inline Range OutputRange(const Node& node) { return {node.output_min, node.output_max}; }

// Ends an element: a backend has `real` within `error`, clamps it to `range` and rounds it to the
// tensor's type. Sets value and bound. The rounding is to nearest even; with `error` 0 and a number
// that the type can represent, the bound is 0.
void Store(Tensor& tensor, size_t index, double real, double error, Range range = {});
// Copies an element as it is, without rounding, between tensors of one type and quantization.
void CopyElement(const Tensor& from, size_t from_index, Tensor& to, size_t to_index);

// What one node is evaluated with.
struct Call {
  const Graph& graph;
  const Node& node;
  std::vector<const Tensor*> inputs;  // in the order of Node::inputs, constants included

  const Value& output(size_t i = 0) const { return graph.values[node.outputs[i]]; }
};
// In the order of Node::outputs. Errors: InvalidArgument when the dims do not fit, NotImplemented
// for types that the reference does not know.
using NodeFunction = Result<std::vector<Tensor>> (*)(const Call& call);

// The kinds that the reference knows, one function each; null for the others.
NodeFunction FunctionOf(NodeKind kind);

// `inputs` and the results are in the order of external ids; what is not a float among the inputs
// is exact, and so are the floats. Errors: of the node functions, and NotImplemented naming a node
// kind that has none.
Result<std::vector<Tensor>> Evaluate(const Graph& graph, std::span<const Tensor> inputs);

// A host's tensor as a value of the graph. Errors: InvalidArgument (type or rank differ).
Result<Tensor> FromHost(const Value& value, const OwnedTensor& tensor);
// A constant of the graph.
Tensor FromConstant(const Value& value);

struct Difference {
  bool pass = true;
  // |got - expected| / bound of the worst element; infinite where the bound is 0 and they differ.
  double worst = 0;
  size_t worst_index = 0;
  double got = 0, expected = 0, bound = 0;  // of that element
  size_t num_wrong = 0;
  size_t num_exact = 0;  // elements whose bound is 0
  size_t num_free = 0;   // elements that may be anything
};
// `got` must have the type and dims of `expected`.
Difference Compare(const Tensor& expected, const OwnedTensor& got);

}  // namespace switchyard::conformance::reference
