#include "schema/check_nodes.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string_view>

#include "schema/broken.h"

namespace switchyard {
namespace {

// A node with its kind's row, its name for messages, and its values.
class NodeChecker {
 public:
  NodeChecker(const Graph& graph, NodeIndex index)
      : graph_(graph), index_(index), node_(graph.nodes[index]), info_(Info(node_.kind)) {}

  Status CheckForm() const;
  Status CheckAttributes() const;

 private:
  struct Named {
    std::string_view name;
    uint32_t number;
  };

  std::string Name() const { return Describe(graph_, index_); }
  const Value& Input(size_t i) const { return graph_.values[node_.inputs[i]]; }

  Status Check(std::monostate) const;
  Status Check(const ConvolutionAttributes& convolution) const;
  Status Check(const PoolingAttributes& pooling) const;
  Status Check(const TransposeAttributes& transpose) const;
  Status Check(const ReshapeAttributes& reshape) const;
  Status Check(const SliceAttributes& slice) const;
  Status Check(const PadAttributes& pad) const;
  Status Check(const ResizeAttributes& resize) const;
  Status Check(const ConcatenateAttributes& concatenate) const;
  Status Check(const EluAttributes& elu) const;
  Status Check(const LeakyReluAttributes& leaky_relu) const;

  Status CheckFullyConnected() const;
  Status CheckAttention() const;
  Status CheckFilterAndBias(size_t channel_dim, size_t output_channels) const;
  Status CheckRank(size_t rank) const;
  Status CheckMinRank(size_t input, size_t rank) const;
  Status CheckNonZero(std::initializer_list<Named> numbers) const;
  Status CheckWindow(std::string_view axis, uint32_t before, uint32_t after, uint32_t size,
                     uint32_t dilation) const;
  Status CheckLength(const std::vector<uint32_t>& list, std::string_view name) const;

  const Graph& graph_;
  const NodeIndex index_;
  const Node& node_;
  const NodeKindInfo& info_;
};

// --- Form ---------------------------------------------------------------------------------------

Status NodeChecker::CheckForm() const {
  if (node_.inputs.size() < info_.min_inputs || node_.inputs.size() > info_.max_inputs) {
    return Broken("{}: {} inputs, expected {} to {}", Name(), node_.inputs.size(), info_.min_inputs,
                  info_.max_inputs);
  }
  if (node_.outputs.size() != info_.num_outputs) {
    return Broken("{}: {} outputs, expected {}", Name(), node_.outputs.size(), info_.num_outputs);
  }
  for (const auto* list : {&node_.inputs, &node_.outputs}) {
    for (const ValueIndex value : *list) {
      if (value < graph_.values.size()) continue;
      return Broken("{}: refers to value number {}, expected one of {} values", Name(), value,
                    graph_.values.size());
    }
  }
  if (node_.attributes.index() != static_cast<size_t>(info_.attributes)) {
    return Broken("{}: attributes of form {}, expected {}", Name(), node_.attributes.index(),
                  static_cast<size_t>(info_.attributes));
  }
  if ((node_.flags & ~info_.allowed_flags) != 0) {
    return Broken("{}: flags {:#x}, expected only bits of {:#x}", Name(), node_.flags,
                  info_.allowed_flags);
  }
  if (!(node_.output_min <= node_.output_max)) {
    return Broken("{}: output range {} to {}, expected a minimum that is at most the maximum",
                  Name(), node_.output_min, node_.output_max);
  }
  return {};
}

// --- Parts of attributes ------------------------------------------------------------------------

Status NodeChecker::CheckRank(size_t rank) const {
  if (Input(0).dims.rank() == rank) return {};
  return Broken("{}: reads {}, expected {} dimensions", Name(), Describe(Input(0)), rank);
}

Status NodeChecker::CheckMinRank(size_t input, size_t rank) const {
  if (Input(input).dims.rank() >= rank) return {};
  return Broken("{}: reads {}, expected at least {} dimensions", Name(), Describe(Input(input)),
                rank);
}

Status NodeChecker::CheckNonZero(std::initializer_list<Named> numbers) const {
  for (const Named& number : numbers) {
    if (number.number == 0) return Broken("{}: {} is 0, expected at least 1", Name(), number.name);
  }
  return {};
}

// The paddings' sum and the extent of the dilated window fit into the 32 bits that XNNPACK has for
// them.
Status NodeChecker::CheckWindow(std::string_view axis, uint32_t before, uint32_t after,
                                uint32_t size, uint32_t dilation) const {
  constexpr uint64_t kMax = std::numeric_limits<uint32_t>::max();
  const uint64_t padding = uint64_t{before} + after;
  // At most (2^32 - 2) * (2^32 - 1) + 1.
  const uint64_t extent = (uint64_t{size} - 1) * dilation + 1;
  if (padding > kMax || extent > kMax) {
    return Broken("{}: padding {} and window of {} in {}, expected at most {}", Name(), padding,
                  extent, axis, kMax);
  }
  return {};
}

Status NodeChecker::CheckLength(const std::vector<uint32_t>& list, std::string_view name) const {
  if (list.size() == Input(0).dims.rank()) return {};
  return Broken("{}: {} of {} numbers, expected one for each dimension of {}", Name(), name,
                list.size(), Describe(Input(0)));
}

// `channel_dim` of the filter (input 1) counts the output channels. A kernel reads as many scales
// and biases as there are output channels, whatever the values say.
Status NodeChecker::CheckFilterAndBias(size_t channel_dim, size_t output_channels) const {
  const Value& filter = Input(1);
  const auto* per_channel = std::get_if<PerChannelQuantization>(&filter.quantization);
  const auto* per_group = std::get_if<PerGroupQuantization>(&filter.quantization);
  if ((per_channel != nullptr && per_channel->channel_dim != channel_dim) ||
      (per_group != nullptr && per_group->channel_dim != channel_dim)) {
    return Broken(
        "{}: filter {} is quantized along dimension {}, expected the output channels', {}", Name(),
        Describe(filter),
        per_channel != nullptr ? per_channel->channel_dim : per_group->channel_dim, channel_dim);
  }
  if (node_.inputs.size() < 3) return {};
  const Value& bias = Input(2);
  if (bias.dims.NumElements() != output_channels) {
    return Broken("{}: bias {}, expected one number for each of {} output channels", Name(),
                  Describe(bias), output_channels);
  }
  const auto* bias_scales = std::get_if<PerChannelQuantization>(&bias.quantization);
  if (bias_scales != nullptr && bias_scales->scales.size() != output_channels) {
    return Broken("{}: bias {} has {} scales, expected one for each of {} output channels", Name(),
                  Describe(bias), bias_scales->scales.size(), output_channels);
  }
  return {};
}

// --- By kind ------------------------------------------------------------------------------------

Status NodeChecker::CheckFullyConnected() const {
  const Value& filter = Input(1);
  if (filter.dims.rank() != 2) {
    return Broken("{}: filter {}, expected 2 dimensions", Name(), Describe(filter));
  }
  SWITCHYARD_TRY(CheckMinRank(0, 1));
  const size_t output_dim = (node_.flags & kFlagTransposeWeights) != 0 ? 1 : 0;
  return CheckFilterAndBias(output_dim, filter.dims[output_dim]);
}

// softmax(query * scale x key^T + mask) x value, of [*, T, C], [*, U, C] and [*, U, D].
Status NodeChecker::CheckAttention() const {
  SWITCHYARD_TRY(CheckMinRank(0, 2));
  const size_t rank = Input(0).dims.rank();
  for (const size_t i : {1, 2}) {
    // XNNPACK pairs matrices of fewer dimensions with the query's first ones, PyTorch with its
    // last.
    if (Input(i).dims.rank() == rank || Input(i).dims.rank() == 2) continue;
    return Broken("{}: {} {}, expected as many dimensions as the query {} has, or 2", Name(),
                  i == 1 ? "key" : "value", Describe(Input(i)), Describe(Input(0)));
  }
  if (Input(3).dims.rank() != 1) {
    return Broken("{}: scale {}, expected 1 dimension", Name(), Describe(Input(3)));
  }
  if (Input(4).dims.rank() != 2) {
    return Broken("{}: mask {}, expected 2 dimensions", Name(), Describe(Input(4)));
  }
  return {};
}

Status NodeChecker::Check(std::monostate) const {
  switch (node_.kind) {
    case NodeKind::kFullyConnected:
      return CheckFullyConnected();
    case NodeKind::kBatchMatrixMultiply:
      SWITCHYARD_TRY(CheckMinRank(0, 2));
      return CheckMinRank(1, 2);
    case NodeKind::kScaledDotProductAttention:
      return CheckAttention();
    case NodeKind::kGlobalAvgPooling2d:
      return CheckRank(4);
    case NodeKind::kSoftmax:
      return CheckMinRank(0, 1);
    default:
      return {};
  }
}

Status NodeChecker::Check(const ConvolutionAttributes& a) const {
  SWITCHYARD_TRY(CheckRank(4));
  SWITCHYARD_TRY(
      CheckNonZero({{"the kernel height", a.kernel_height},
                    {"the kernel width", a.kernel_width},
                    {"the stride in height", a.stride_height},
                    {"the stride in width", a.stride_width},
                    {"the dilation in height", a.dilation_height},
                    {"the dilation in width", a.dilation_width},
                    {"the number of groups", a.groups},
                    {"the number of a group's input channels", a.group_input_channels},
                    {"the number of a group's output channels", a.group_output_channels}}));
  SWITCHYARD_TRY(
      CheckWindow("height", a.padding_top, a.padding_bottom, a.kernel_height, a.dilation_height));
  SWITCHYARD_TRY(
      CheckWindow("width", a.padding_left, a.padding_right, a.kernel_width, a.dilation_width));

  const bool depthwise = node_.kind == NodeKind::kDepthwiseConv2d;
  if (depthwise && a.group_input_channels != 1) {
    return Broken("{}: {} input channels in a group, expected 1", Name(), a.group_input_channels);
  }
  const size_t output_channels = size_t{a.groups} * a.group_output_channels;
  const Dims expected =
      depthwise ? Dims{1, a.kernel_height, a.kernel_width, output_channels}
                : Dims{output_channels, a.kernel_height, a.kernel_width, a.group_input_channels};
  if (Input(1).dims != expected) {
    return Broken("{}: filter {}, expected dimensions {}", Name(), Describe(Input(1)),
                  ToString(expected));
  }
  return CheckFilterAndBias(depthwise ? 3 : 0, output_channels);
}

Status NodeChecker::Check(const PoolingAttributes& a) const {
  SWITCHYARD_TRY(CheckRank(4));
  SWITCHYARD_TRY(CheckNonZero({{"the pooling height", a.pooling_height},
                               {"the pooling width", a.pooling_width},
                               {"the stride in height", a.stride_height},
                               {"the stride in width", a.stride_width},
                               {"the dilation in height", a.dilation_height},
                               {"the dilation in width", a.dilation_width}}));
  SWITCHYARD_TRY(
      CheckWindow("height", a.padding_top, a.padding_bottom, a.pooling_height, a.dilation_height));
  return CheckWindow("width", a.padding_left, a.padding_right, a.pooling_width, a.dilation_width);
}

Status NodeChecker::Check(const TransposeAttributes& transpose) const {
  SWITCHYARD_TRY(CheckLength(transpose.permutation, "permutation"));
  std::array<bool, kMaxRank> seen{};
  for (const uint32_t dim : transpose.permutation) {
    if (dim >= transpose.permutation.size() || seen[dim]) {
      return Broken("{}: {} in the permutation, expected each of the {} dimensions once", Name(),
                    dim, transpose.permutation.size());
    }
    seen[dim] = true;
  }
  return {};
}

Status NodeChecker::Check(const ReshapeAttributes& reshape) const {
  if (reshape.new_shape.size() > kMaxRank) {
    return Broken("{}: new shape of {} dimensions, expected at most {}", Name(),
                  reshape.new_shape.size(), kMaxRank);
  }
  size_t inferred = 0;
  Dims others;
  for (const uint32_t size : reshape.new_shape) {
    if (size == 0) ++inferred;
    others.push_back(size == 0 ? 1 : size);
  }
  if (inferred > 1) {
    return Broken("{}: {} dimensions of the new shape are to be inferred, expected at most one",
                  Name(), inferred);
  }
  if (!others.NumElements()) {
    return Broken("{}: new shape {}, expected a number of elements that fits", Name(),
                  ToString(others));
  }
  return {};
}

Status NodeChecker::Check(const SliceAttributes& slice) const {
  SWITCHYARD_TRY(CheckLength(slice.offsets, "offsets"));
  return CheckLength(slice.sizes, "sizes");
}

Status NodeChecker::Check(const PadAttributes& pad) const {
  SWITCHYARD_TRY(CheckLength(pad.pre_paddings, "paddings before"));
  SWITCHYARD_TRY(CheckLength(pad.post_paddings, "paddings after"));
  // Infinities are what a maximum is padded with; a quantized type has none.
  const bool is_float = IsFloat(Input(0).type);
  if (std::isnan(pad.value) || (!is_float && !std::isfinite(pad.value))) {
    return Broken("{}: pads {} with {}, expected a number of that type", Name(), Describe(Input(0)),
                  pad.value);
  }
  return {};
}

Status NodeChecker::Check(const ResizeAttributes& resize) const {
  SWITCHYARD_TRY(CheckRank(4));
  return CheckNonZero({{"the new height", resize.new_height}, {"the new width", resize.new_width}});
}

Status NodeChecker::Check(const ConcatenateAttributes& concatenate) const {
  for (size_t i = 0; i < node_.inputs.size(); ++i) {
    if (Input(i).dims.rank() == Input(0).dims.rank()) continue;
    return Broken("{}: reads {} and {}, expected equally many dimensions", Name(),
                  Describe(Input(0)), Describe(Input(i)));
  }
  if (concatenate.axis >= Input(0).dims.rank()) {
    return Broken("{}: along dimension {}, expected one of the {} of {}", Name(),
                  static_cast<int32_t>(concatenate.axis), Input(0).dims.rank(), Describe(Input(0)));
  }
  return {};
}

Status NodeChecker::Check(const EluAttributes& elu) const {
  if (std::isnormal(elu.alpha) && elu.alpha > 0) return {};
  return Broken("{}: alpha {}, expected a positive, finite, normal number", Name(), elu.alpha);
}

Status NodeChecker::Check(const LeakyReluAttributes& leaky_relu) const {
  if (std::isfinite(leaky_relu.negative_slope)) return {};
  return Broken("{}: negative slope {}, expected a finite number", Name(),
                leaky_relu.negative_slope);
}

Status NodeChecker::CheckAttributes() const {
  return std::visit([this](const auto& attributes) { return Check(attributes); }, node_.attributes);
}

}  // namespace

Status CheckNodeForm(const Graph& graph, NodeIndex index) {
  const auto kind = static_cast<size_t>(graph.nodes[index].kind);
  if (kind == 0 || kind > kNumNodeKinds) {
    return Broken("{}: expected one of the kinds 1 to {}", Describe(graph, index), kNumNodeKinds);
  }
  return NodeChecker(graph, index).CheckForm();
}

Status CheckNodeAttributes(const Graph& graph, NodeIndex index) {
  return NodeChecker(graph, index).CheckAttributes();
}

}  // namespace switchyard
