#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backend/plan/shapes.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"

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

// Bytes of a file that something copies.
struct Use {
  const std::byte* begin;
  const std::byte* end;
  uint64_t bytes;  // of the copy
};

// The bytes of all copies but the first of each part of the file.
uint64_t RepeatedBytes(std::vector<Use> uses) {
  std::ranges::sort(uses, std::less(), &Use::begin);
  uint64_t repeated = 0;
  const std::byte* end = nullptr;
  for (const Use& use : uses) {
    if (std::less()(use.begin, end)) repeated = SaturatingAdd(repeated, use.bytes);
    end = std::max(end, use.end, std::less());
  }
  return repeated;
}

// An upper bound of what a filter takes when it is packed: panels of at most 64 output channels,
// depths rounded up to at most 32, and bias, sum, scale and zero point of each channel.
uint64_t PackedFilterBytes(const Node& node, const Value& filter) {
  constexpr uint64_t kPanel = 64, kDepth = 32, kChannelBytes = 16;
  const auto round_up = [](uint64_t n, uint64_t unit) {
    return SaturatingProduct({CeilDivide(n, unit), unit});
  };
  uint64_t panels = 1, channels, depth;
  if (const auto* a = std::get_if<ConvolutionAttributes>(&node.attributes)) {
    const uint64_t window = SaturatingProduct({a->kernel_height, a->kernel_width});
    if (node.kind == NodeKind::kDepthwiseConv2d) {
      channels = SaturatingProduct({a->groups, a->group_output_channels});
      depth = window;
    } else {
      panels = a->groups;
      channels = a->group_output_channels;
      depth = SaturatingProduct({window, round_up(a->group_input_channels, kDepth)});
    }
  } else {
    const bool transposed = (node.flags & kFlagTransposeWeights) != 0;
    channels = filter.dims[transposed ? 1 : 0];
    depth = round_up(filter.dims[transposed ? 0 : 1], kDepth);
  }
  const uint64_t row_bytes = SaturatingProduct({depth, ElementBits(filter.type)}) / 8;
  return SaturatingProduct(
      {panels, round_up(channels, kPanel), SaturatingAdd(row_bytes, kChannelBytes)});
}

}  // namespace

Status CheckRepeatedWeights(const Graph& graph, uint64_t max_workspace_bytes) {
  std::vector<Use> packed, copied;
  for (const Value& value : graph.values) {
    if (!value.constant) continue;
    const std::span<const std::byte> bytes = value.constant->bytes;
    copied.push_back({bytes.data(), bytes.data() + bytes.size(), bytes.size()});
  }
  for (const Node& node : graph.nodes) {
    if (node.kind != NodeKind::kFullyConnected &&
        !std::holds_alternative<ConvolutionAttributes>(node.attributes)) {
      continue;
    }
    const Value& filter = graph.values[node.inputs[1]];
    if (!filter.constant) continue;
    const std::span<const std::byte> bytes = filter.constant->bytes;
    packed.push_back({bytes.data(), bytes.data() + bytes.size(), PackedFilterBytes(node, filter)});
  }
  const uint64_t repeated =
      SaturatingAdd(RepeatedBytes(std::move(packed)), RepeatedBytes(std::move(copied)));
  if (repeated <= max_workspace_bytes) return {};
  return Fail(ErrorCode::kMemoryAllocationFailed,
              "weights that several nodes or values share need {} bytes more for their copies, "
              "expected at most {}; set option max_workspace_bytes to more",
              repeated, max_workspace_bytes);
}

std::unexpected<Error> RefuseBytes(const std::string& what, uint64_t bytes,
                                   uint64_t max_workspace_bytes) {
  // The option's values are signed.
  const bool can_be_set = bytes <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  return Fail(ErrorCode::kMemoryAllocationFailed,
              "{} needs {} bytes, expected at most {} (option max_workspace_bytes); use smaller "
              "inputs{}",
              what, bytes == UINT64_MAX ? std::string("more than 2^64") : std::to_string(bytes),
              max_workspace_bytes,
              can_be_set ? Format(", or set it to {} or more", bytes) : std::string());
}

Status CheckFootprint(const Graph& graph, std::span<const Dims> shapes,
                      uint64_t max_workspace_bytes, uint64_t packed_bytes) {
  uint64_t total = packed_bytes, largest_bytes = 0;
  ValueIndex largest = kNoValue;
  const auto describe = [&](ValueIndex i) {
    return Format("{} with dimensions {}", Describe(graph.values[i]), ToString(shapes[i]));
  };
  for (const Node& node : graph.nodes) {
    for (const ValueIndex i : node.outputs) {
      const Value& value = graph.values[i];
      const bool is_narrow = value.type == DataType::kF16 || value.type == DataType::kBF16;
      // The memory of outputs is the host's, but 16-bit floats are computed in f32 where the CPU or
      // XNNPACK has no arithmetic for them: both forms may be there.
      uint64_t bytes = 0;
      if (!value.external_id) bytes = TensorBytes(value.type, shapes[i]).value_or(UINT64_MAX);
      if (is_narrow) {
        bytes = SaturatingAdd(bytes, TensorBytes(DataType::kF32, shapes[i]).value_or(UINT64_MAX));
      }
      if (bytes > max_workspace_bytes) return RefuseBytes(describe(i), bytes, max_workspace_bytes);
      if (bytes > largest_bytes) {
        largest = i;
        largest_bytes = bytes;
      }
      total = SaturatingAdd(total, bytes);
    }
  }
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    const uint64_t bytes = ScratchBytes(graph, graph.nodes[i], shapes);
    if (bytes > max_workspace_bytes) {
      return RefuseBytes(Format("{}: its scratch memory", Describe(graph, i)), bytes,
                         max_workspace_bytes);
    }
    total = SaturatingAdd(total, bytes);
  }
  if (total <= max_workspace_bytes) return {};
  std::string what =
      "all of the graph's intermediate values, packed activations and scratch memory";
  if (largest != kNoValue) {
    what += Format(" ({} bytes of it for {})", largest_bytes, describe(largest));
  }
  return RefuseBytes(what, total, max_workspace_bytes);
}

}  // namespace switchyard
