#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "backend/plan/shapes.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

// Sums that stay at the largest number once they get there.
uint64_t SaturatingAdd(uint64_t a, uint64_t b) { return CheckedAdd(a, b).value_or(UINT64_MAX); }
uint64_t SaturatingProduct(std::initializer_list<uint64_t> factors) {
  uint64_t product = 1;
  for (const uint64_t factor : factors) {
    product = CheckedMultiply(product, factor).value_or(UINT64_MAX);
  }
  return product;
}

// XNNPACK keeps a pointer for each element of each window, and not again for each image.
uint64_t PointerTableBytes(const Dims& output, uint64_t window_elements) {
  return SaturatingProduct({output[1], output[2], window_elements, sizeof(void*)});
}

// An upper bound of the memory, beside its outputs, that XNNPACK takes for a node when it gets its
// shapes, where that is more than a small multiple of its inputs and outputs.
uint64_t ScratchBytes(const Graph& graph, const Node& node, std::span<const Dims> shapes) {
  const Dims& output = shapes[node.outputs[0]];
  if (const auto* convolution = std::get_if<ConvolutionAttributes>(&node.attributes)) {
    return PointerTableBytes(
        output, SaturatingProduct({convolution->kernel_height, convolution->kernel_width}));
  }
  if (const auto* pooling = std::get_if<PoolingAttributes>(&node.attributes)) {
    return PointerTableBytes(output,
                             SaturatingProduct({pooling->pooling_height, pooling->pooling_width}));
  }
  if (std::holds_alternative<ResizeAttributes>(node.attributes)) {
    // Four corners, and two weights that take less than one more.
    return PointerTableBytes(output, 5);
  }
  if (node.kind == NodeKind::kBatchMatrixMultiply) {
    // The second matrix, packed into panels of at most 64 columns, each with a bias or scale.
    constexpr uint64_t kPanel = 64;
    const Dims& b = shapes[node.inputs[1]];
    uint64_t matrices = 1;
    for (size_t i = 2; i < b.rank(); ++i) matrices = SaturatingProduct({matrices, b.back(i)});
    const uint64_t columns = output.back();
    const uint64_t padded = SaturatingProduct({CeilDivide(columns, kPanel), kPanel});
    const uint64_t depth = shapes[node.inputs[0]].back();
    const uint64_t element_bytes = ElementBits(graph.values[node.inputs[1]].type) / 8;
    return SaturatingProduct({matrices, padded, SaturatingAdd(depth, 8), element_bytes});
  }
  return 0;
}

}  // namespace

std::unexpected<Error> RefuseBytes(const std::string& what, uint64_t bytes,
                                   uint64_t max_workspace_bytes) {
  return Fail(ErrorCode::kMemoryAllocationFailed,
              "{} needs {} bytes, expected at most {}; use smaller inputs, or set option "
              "max_workspace_bytes to more",
              what, bytes == UINT64_MAX ? std::string("more than 2^64") : std::to_string(bytes),
              max_workspace_bytes);
}

Status CheckFootprint(const Graph& graph, std::span<const Dims> shapes,
                      uint64_t max_workspace_bytes, uint64_t packed_bytes) {
  uint64_t total = packed_bytes;
  for (const Node& node : graph.nodes) {
    for (const ValueIndex i : node.outputs) {
      const Value& value = graph.values[i];
      const bool is_narrow = value.type == DataType::kF16 || value.type == DataType::kBF16;
      // The memory of outputs is the host's, but 16-bit floats are computed in f32 where the CPU or
      // XNNPACK has no arithmetic for them.
      if (value.external_id && !is_narrow) continue;
      const DataType type = value.external_id ? DataType::kF32 : value.type;
      const uint64_t bytes = TensorBytes(type, shapes[i]).value_or(UINT64_MAX);
      if (bytes > max_workspace_bytes) {
        return RefuseBytes(
            std::format("{} with dimensions {}", Describe(value), ToString(shapes[i])), bytes,
            max_workspace_bytes);
      }
      total = SaturatingAdd(total, bytes);
    }
  }
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    const uint64_t bytes = ScratchBytes(graph, graph.nodes[i], shapes);
    if (bytes > max_workspace_bytes) {
      return RefuseBytes(std::format("{}: its scratch memory", Describe(graph, i)), bytes,
                         max_workspace_bytes);
    }
    total = SaturatingAdd(total, bytes);
  }
  if (total > max_workspace_bytes) {
    return RefuseBytes("the graph's intermediate values, packed activations and scratch memory",
                       total, max_workspace_bytes);
  }
  return {};
}

}  // namespace switchyard
