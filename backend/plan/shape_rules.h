// The rules of shape inference, one for each form of node: internal to backend/plan/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "backend/plan/shape_range.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/base/format.h"
#include "schema/graph.h"

namespace switchyard {

// No dimension is larger than this: no address space holds so many elements of 8 bytes.
inline constexpr size_t kMaxSize = (size_t{1} << 59) - 1;

// One node and what is known so far of its inputs' dims: exactly, when a host has given them, or
// within the bounds of a file. One set of rules serves both; a rule refuses what no dims in the
// ranges satisfy. Attributes, arity and the dims of weights keep the rules of CheckGraph; the dims
// of everything else may differ from what the file says, rank included.
class ShapeContext {
 public:
  ShapeContext(const Graph& graph, NodeIndex index, std::span<ShapeRange> shapes)
      : graph_(graph), index_(index), shapes_(shapes) {}

  const Node& node() const { return graph_.nodes[index_]; }
  const ShapeRange& Input(size_t i) const { return shapes_[node().inputs[i]]; }
  const Value& InputValue(size_t i) const { return graph_.values[node().inputs[i]]; }
  const Value& OutputValue(size_t i) const { return graph_.values[node().outputs[i]]; }
  template <typename T>
  const T& Attributes() const {
    return *std::get_if<T>(&node().attributes);
  }
  bool HasFlag(uint32_t flag) const { return (node().flags & flag) != 0; }

  // Leaves of an input's dimension the sizes that are also in `sizes`, since the node refuses the
  // others; false, and nothing changed, when that leaves none.
  bool Narrow(size_t input, size_t dim, Range sizes);
  // The same for each dimension of an input.
  bool NarrowAll(size_t input, Range sizes);

  // Errors: InvalidArgument when no address space holds a value of the smallest of these dims. What
  // passes has dimensions of at most kMaxSize, so that the sum of a few does not overflow.
  Status SetOutput(const ShapeRange& dims, size_t i = 0);

  // Errors: InvalidArgument.
  Status ExpectRank(size_t input, size_t rank) const;
  Status ExpectMinRank(size_t input, size_t rank) const;
  // XNNPACK has one set of quantization parameters for each slice of the last `dims` dimensions of
  // input 0; a kernel that counts them in another way reads beyond them.
  Status ExpectDynamicQuantizationOver(uint32_t dims) const;

  // InvalidArgument: "node 3 Conv2d: ... (inputs: argument 0 with [...], ...)".
  template <typename... Args>
  std::unexpected<Error> Refuse(std::format_string<Args...> format, Args&&... args) const {
    return Fail(ErrorCode::kInvalidArgument, "{}: {} ({})", Describe(graph_, index_),
                Format(format, std::forward<Args>(args)...), DescribeInputs());
  }

 private:
  // Where the node's inputs come from, and their dims.
  std::string DescribeInputs() const;

  const Graph& graph_;
  const NodeIndex index_;
  const std::span<ShapeRange> shapes_;
};

// Sets the dims of the node's outputs from those of its inputs; named by column `shape` of the node
// kinds.
using ShapeRule = Status (*)(ShapeContext& context);

// shapes_elementwise.cpp
Status ShapeOfUnary(ShapeContext& context);
Status ShapeOfConvert(ShapeContext& context);
Status ShapeOfSoftmax(ShapeContext& context);
Status ShapeOfBinary(ShapeContext& context);
Status ShapeOfPRelu(ShapeContext& context);
// shapes_matmul.cpp
Status ShapeOfFullyConnected(ShapeContext& context);
Status ShapeOfBatchMatrixMultiply(ShapeContext& context);
// Of a kind that DecomposeGraph leaves none of.
Status ShapeOfDecomposed(ShapeContext& context);
// shapes_convolution.cpp
Status ShapeOfConvolution(ShapeContext& context);
Status ShapeOfTransposedConvolution(ShapeContext& context);
// shapes_pooling.cpp
Status ShapeOfPooling(ShapeContext& context);
Status ShapeOfArgMaxPooling(ShapeContext& context);
Status ShapeOfGlobalAveragePooling(ShapeContext& context);
Status ShapeOfResize(ShapeContext& context);
// shapes_layout.cpp
Status ShapeOfTranspose(ShapeContext& context);
Status ShapeOfReshape(ShapeContext& context);
Status ShapeOfSlice(ShapeContext& context);
Status ShapeOfPad(ShapeContext& context);
Status ShapeOfConcatenate(ShapeContext& context);

// One axis of a window that slides over an input.
struct Window {
  uint32_t size;
  uint32_t stride;
  uint32_t dilation;
  uint32_t padding_before, padding_after;

  // Distance from the first to the last element of the window, plus one. CheckGraph keeps it and
  // the paddings' sum within 32 bits.
  uint64_t extent() const { return uint64_t{size - 1} * dilation + 1; }
};

// (padded input - extent) / stride + 1; nothing when the window is larger than the padded input,
// for which XNNPACK would answer 1 and read what is not there.
std::optional<Range> WindowOutput(Range input, const Window& window);

// [batch, height, width, channels].
ShapeRange Images(Range batch, Range height, Range width, Range channels);

// CeilDivide of both ends.
Range CeilDivideRange(Range sizes, size_t divisor);

// What two sizes broadcast to when they are equal or one of them is 1; nothing when they cannot.
std::optional<Range> BroadcastSizes(Range a, Range b);

}  // namespace switchyard
