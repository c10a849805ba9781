#include "test/unit/backend/plan/xnnpack_graph.h"

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

namespace switchyard::test {
namespace {

xnn_status DefineValue(xnn_subgraph_t subgraph, const Value& value, uint32_t id) {
  uint32_t flags = 0;
  if (value.is_external_input) flags |= XNN_VALUE_FLAG_EXTERNAL_INPUT;
  if (value.is_external_output) flags |= XNN_VALUE_FLAG_EXTERNAL_OUTPUT;
  const void* data = value.constant ? value.constant->bytes.data() : nullptr;
  uint32_t id_out;
  if (value.type == DataType::kQDInt8) {
    const auto& quantization = std::get<PerTokenQuantization>(value.quantization);
    return xnn_define_dynamically_quantized_tensor_value(
        subgraph, xnn_datatype_qdint8, value.dims.rank(), quantization.num_nonbatch_dims,
        value.dims.data(), id, 0, &id_out);
  }
  if (value.type == DataType::kQCInt8) {
    const auto& quantization = std::get<PerChannelQuantization>(value.quantization);
    return xnn_define_channelwise_quantized_tensor_value(
        subgraph, xnn_datatype_qcint8, quantization.scales.data(), value.dims.rank(),
        quantization.channel_dim, value.dims.data(), data, id, 0, &id_out);
  }
  return xnn_define_tensor_value(
      subgraph, value.type == DataType::kInt32 ? xnn_datatype_int32 : xnn_datatype_fp32,
      value.dims.rank(), value.dims.data(), data, id, flags, &id_out);
}

std::vector<size_t> Sizes(const std::vector<uint32_t>& numbers) {
  return {numbers.begin(), numbers.end()};
}

xnn_status DefineUnary(xnn_subgraph_t subgraph, xnn_unary_operator type, const Node& node,
                       const xnn_unary_params* params = nullptr) {
  return xnn_define_unary(subgraph, type, params, node.inputs[0], node.outputs[0], 0);
}

xnn_status DefineBinary(xnn_subgraph_t subgraph, xnn_binary_operator type, const Node& node) {
  return xnn_define_binary(subgraph, type, nullptr, node.inputs[0], node.inputs[1], node.outputs[0],
                           0);
}

xnn_status DefineConvolution(xnn_subgraph_t subgraph, const Node& node) {
  const auto& a = std::get<ConvolutionAttributes>(node.attributes);
  const uint32_t bias = node.inputs.size() > 2 ? node.inputs[2] : XNN_INVALID_VALUE_ID;
  if (node.kind == NodeKind::kConv2d) {
    return xnn_define_convolution_2d(
        subgraph, a.padding_top, a.padding_right, a.padding_bottom, a.padding_left, a.kernel_height,
        a.kernel_width, a.stride_height, a.stride_width, a.dilation_height, a.dilation_width,
        a.groups, a.group_input_channels, a.group_output_channels, node.output_min, node.output_max,
        node.inputs[0], node.inputs[1], bias, node.outputs[0], node.flags);
  }
  if (node.kind == NodeKind::kDepthwiseConv2d) {
    return xnn_define_depthwise_convolution_2d(
        subgraph, a.padding_top, a.padding_right, a.padding_bottom, a.padding_left, a.kernel_height,
        a.kernel_width, a.stride_height, a.stride_width, a.dilation_height, a.dilation_width,
        a.group_output_channels, a.groups, node.output_min, node.output_max, node.inputs[0],
        node.inputs[1], bias, node.outputs[0], node.flags);
  }
  return xnn_define_deconvolution_2d(
      subgraph, a.padding_top, a.padding_right, a.padding_bottom, a.padding_left,
      a.adjustment_height, a.adjustment_width, a.kernel_height, a.kernel_width, a.stride_height,
      a.stride_width, a.dilation_height, a.dilation_width, a.groups, a.group_input_channels,
      a.group_output_channels, node.output_min, node.output_max, node.inputs[0], node.inputs[1],
      bias, node.outputs[0], node.flags);
}

xnn_status DefinePooling(xnn_subgraph_t subgraph, const Node& node) {
  const auto& a = std::get<PoolingAttributes>(node.attributes);
  switch (node.kind) {
    case NodeKind::kAvgPooling2d:
      return xnn_define_average_pooling_2d(
          subgraph, a.padding_top, a.padding_right, a.padding_bottom, a.padding_left,
          a.pooling_height, a.pooling_width, a.stride_height, a.stride_width, node.output_min,
          node.output_max, node.inputs[0], node.outputs[0], node.flags);
    case NodeKind::kMaxPooling2d:
      return xnn_define_max_pooling_2d(subgraph, a.padding_top, a.padding_right, a.padding_bottom,
                                       a.padding_left, a.pooling_height, a.pooling_width,
                                       a.stride_height, a.stride_width, a.dilation_height,
                                       a.dilation_width, node.output_min, node.output_max,
                                       node.inputs[0], node.outputs[0], node.flags);
    default:
      return xnn_define_argmax_pooling_2d(subgraph, a.padding_top, a.padding_right,
                                          a.padding_bottom, a.padding_left, a.pooling_height,
                                          a.pooling_width, node.inputs[0], node.outputs[0],
                                          node.outputs[1], node.flags);
  }
}

xnn_status DefineConcatenate(xnn_subgraph_t subgraph, const Node& node) {
  const auto axis = static_cast<int32_t>(std::get<ConcatenateAttributes>(node.attributes).axis);
  const std::vector<ValueIndex>& in = node.inputs;
  const ValueIndex out = node.outputs[0];
  switch (in.size()) {
    case 2:
      return xnn_define_concatenate2(subgraph, axis, in[0], in[1], out, 0);
    case 3:
      return xnn_define_concatenate3(subgraph, axis, in[0], in[1], in[2], out, 0);
    case 4:
      return xnn_define_concatenate4(subgraph, axis, in[0], in[1], in[2], in[3], out, 0);
    default:
      return xnn_define_concatenate5(subgraph, axis, in[0], in[1], in[2], in[3], in[4], out, 0);
  }
}

xnn_status DefineNode(xnn_subgraph_t subgraph, const Node& node) {
  const ValueIndex in = node.inputs[0];
  const ValueIndex out = node.outputs[0];
  xnn_unary_params params;
  switch (node.kind) {
    case NodeKind::kAdd:
      return DefineBinary(subgraph, xnn_binary_add, node);
    case NodeKind::kSubtract:
      return DefineBinary(subgraph, xnn_binary_subtract, node);
    case NodeKind::kMultiply:
      return DefineBinary(subgraph, xnn_binary_multiply, node);
    case NodeKind::kDiv:
      return DefineBinary(subgraph, xnn_binary_divide, node);
    case NodeKind::kMinimum:
      return DefineBinary(subgraph, xnn_binary_minimum, node);
    case NodeKind::kMaximum:
      return DefineBinary(subgraph, xnn_binary_maximum, node);
    case NodeKind::kPReLU:
      return DefineBinary(subgraph, xnn_binary_prelu, node);
    case NodeKind::kSigmoid:
      return DefineUnary(subgraph, xnn_unary_sigmoid, node);
    case NodeKind::kClamp:
      params.clamp = {-1, 1};
      return DefineUnary(subgraph, xnn_unary_clamp, node, &params);
    case NodeKind::kFloor:
      return DefineUnary(subgraph, xnn_unary_floor, node);
    case NodeKind::kConvert:
      return DefineUnary(subgraph, xnn_unary_convert, node);
    case NodeKind::kSquareRoot:
      return DefineUnary(subgraph, xnn_unary_square_root, node);
    case NodeKind::kCeiling:
      return DefineUnary(subgraph, xnn_unary_ceiling, node);
    case NodeKind::kHardswish:
      return DefineUnary(subgraph, xnn_unary_hardswish, node);
    case NodeKind::kLeakyReLU:
      params.leaky_relu = {0.1f};
      return DefineUnary(subgraph, xnn_unary_leaky_relu, node, &params);
    case NodeKind::kNegate:
      return DefineUnary(subgraph, xnn_unary_negate, node);
    case NodeKind::kSquare:
      return DefineUnary(subgraph, xnn_unary_square, node);
    case NodeKind::kELU:
      params.elu = {1};
      return DefineUnary(subgraph, xnn_unary_elu, node, &params);
    case NodeKind::kAbs:
      return DefineUnary(subgraph, xnn_unary_abs, node);
    case NodeKind::kReciprocalSquareRoot:
      return DefineUnary(subgraph, xnn_unary_reciprocal_square_root, node);
    case NodeKind::kLog:
      return DefineUnary(subgraph, xnn_unary_log, node);
    case NodeKind::kGelu:
      return DefineUnary(subgraph, xnn_unary_gelu, node);
    case NodeKind::kTanh:
      return DefineUnary(subgraph, xnn_unary_tanh, node);
    case NodeKind::kExp:
      return DefineUnary(subgraph, xnn_unary_exp, node);
    case NodeKind::kSin:
      return DefineUnary(subgraph, xnn_unary_sine, node);
    case NodeKind::kCos:
      return DefineUnary(subgraph, xnn_unary_cosine, node);
    case NodeKind::kCopy:
      return xnn_define_copy(subgraph, in, out, 0);
    case NodeKind::kSoftmax:
      return xnn_define_softmax(subgraph, in, out, 0);
    case NodeKind::kFullyConnected:
      return xnn_define_fully_connected(
          subgraph, node.output_min, node.output_max, in, node.inputs[1],
          node.inputs.size() > 2 ? node.inputs[2] : XNN_INVALID_VALUE_ID, out, node.flags);
    case NodeKind::kBatchMatrixMultiply:
      return xnn_define_batch_matrix_multiply(subgraph, in, node.inputs[1], out, node.flags);
    case NodeKind::kConv2d:
    case NodeKind::kDepthwiseConv2d:
    case NodeKind::kConvTranspose2d:
      return DefineConvolution(subgraph, node);
    case NodeKind::kAvgPooling2d:
    case NodeKind::kMaxPooling2d:
    case NodeKind::kArgMaxPooling2d:
      return DefinePooling(subgraph, node);
    case NodeKind::kGlobalAvgPooling2d: {
      constexpr int64_t kHeightAndWidth[] = {-3, -2};
      return xnn_define_static_reduce_v2(subgraph, xnn_reduce_mean, 2, kHeightAndWidth, in, out,
                                         node.flags);
    }
    case NodeKind::kStaticResizeBilinear2D: {
      const auto& resize = std::get<ResizeAttributes>(node.attributes);
      return xnn_define_static_resize_bilinear_2d(subgraph, resize.new_height, resize.new_width, in,
                                                  out, node.flags);
    }
    case NodeKind::kStaticTranspose: {
      const auto permutation = Sizes(std::get<TransposeAttributes>(node.attributes).permutation);
      return xnn_define_static_transpose(subgraph, permutation.size(), permutation.data(), in, out,
                                         0);
    }
    case NodeKind::kStaticReshape: {
      const auto shape = Sizes(std::get<ReshapeAttributes>(node.attributes).new_shape);
      return xnn_define_static_reshape(subgraph, shape.size(), shape.data(), in, out, 0);
    }
    case NodeKind::kStaticSlice: {
      const auto& slice = std::get<SliceAttributes>(node.attributes);
      const auto offsets = Sizes(slice.offsets), sizes = Sizes(slice.sizes);
      return xnn_define_static_slice(subgraph, sizes.size(), offsets.data(), sizes.data(), in, out,
                                     0);
    }
    case NodeKind::kStaticConstantPad: {
      const auto& pad = std::get<PadAttributes>(node.attributes);
      const auto before = Sizes(pad.pre_paddings), after = Sizes(pad.post_paddings);
      return xnn_define_static_constant_pad(subgraph, before.data(), after.data(), pad.value, in,
                                            out, 0);
    }
    case NodeKind::kConcatenate2:
    case NodeKind::kConcatenate3:
    case NodeKind::kConcatenate4:
    case NodeKind::kConcatenate5:
      return DefineConcatenate(subgraph, node);
    case NodeKind::kNone:
    case NodeKind::kScaledDotProductAttention:
      break;
  }
  return xnn_status_unsupported_parameter;
}

}  // namespace

xnn_status XnnpackGraph::Create(const Graph& graph) {
  graph_ = &graph;
  xnn_status status = xnn_initialize(nullptr);
  if (status != xnn_status_success) return status;
  // The index of a value is its id.
  xnn_subgraph_t subgraph = nullptr;
  status = xnn_create_subgraph(static_cast<uint32_t>(graph.values.size()), 0, &subgraph);
  if (status != xnn_status_success) return status;
  subgraph_.reset(subgraph);
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    status = DefineValue(subgraph, graph.values[i], i);
    if (status != xnn_status_success) return status;
  }
  for (const Node& node : graph.nodes) {
    status = DefineNode(subgraph, node);
    if (status != xnn_status_success) return status;
  }
  xnn_runtime_t runtime = nullptr;
  status = xnn_create_runtime_v3(subgraph, nullptr, nullptr, 0, &runtime);
  runtime_.reset(runtime);
  return status;
}

xnn_status XnnpackGraph::Reshape(std::span<const Dims> shapes) {
  // XNNPACK does not propagate the shape of an argmax's indices.
  const Node& node = graph_->nodes.back();
  const ValueIndex indices = node.kind == NodeKind::kArgMaxPooling2d ? node.outputs[1] : kNoValue;
  for (ValueIndex i = 0; i < graph_->values.size(); ++i) {
    if (!graph_->values[i].is_external_input && i != indices) continue;
    const xnn_status status =
        xnn_reshape_external_value(runtime_.get(), i, shapes[i].rank(), shapes[i].data());
    if (status != xnn_status_success) return status;
  }
  return xnn_reshape_runtime(runtime_.get());
}

Dims XnnpackGraph::OutputDims(ValueIndex output) const {
  size_t rank = 0;
  size_t sizes[XNN_MAX_TENSOR_DIMS];
  if (xnn_get_external_value_shape(runtime_.get(), output, &rank, sizes) != xnn_status_success) {
    return {};
  }
  return Dims(std::span<const size_t>(sizes, rank));
}

xnn_status XnnpackGraph::Run(std::span<const Dims> shapes) {
  std::vector<std::vector<float>> buffers;
  std::vector<xnn_external_value> externals;
  for (ValueIndex i = 0; i < graph_->values.size(); ++i) {
    if (!graph_->values[i].external_id) continue;
    constexpr size_t kSlack = XNN_EXTRA_BYTES / sizeof(float);
    buffers.emplace_back(shapes[i].NumElements().value() + kSlack);
    externals.push_back({i, buffers.back().data()});
  }
  const xnn_status status =
      xnn_setup_runtime_v2(runtime_.get(), externals.size(), externals.data());
  return status == xnn_status_success ? xnn_invoke_runtime(runtime_.get()) : status;
}

}  // namespace switchyard::test
