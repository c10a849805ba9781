#include <cmath>
#include <variant>

#include "schema/payload_writer.h"

namespace switchyard::payload_writer {
namespace {

namespace fb = payload_fb;
using AnyTable = flatbuffers::Offset<void>;

// The attributes, or their defaults where a broken graph has others.
template <typename T>
T Get(const Node& node) {
  const T* attributes = std::get_if<T>(&node.attributes);
  return attributes == nullptr ? T{} : *attributes;
}

// One node's table; which one, its kind decides.
class NodeTable {
 public:
  NodeTable(flatbuffers::FlatBufferBuilder& builder, const Node& node, const WireIds& ids)
      : builder_(builder), node_(node), ids_(ids) {}

  AnyTable Write() {
    const NodeKind kind = node_.kind;
    const bool known =
        kind != NodeKind::kNone && static_cast<size_t>(kind) <= NodeKindTable().size();
    if (!known) return Unary();
    if (kind == NodeKind::kFullyConnected) return FullyConnected();
    if (kind == NodeKind::kScaledDotProductAttention) return Attention();
    if (kind == NodeKind::kArgMaxPooling2d) return ArgMaxPooling();
    const NodeKindInfo& info = Info(kind);
    switch (info.attributes) {
      case AttributeKind::kNone:
        return info.max_inputs == 1 ? Unary() : Binary();
      case AttributeKind::kConvolution:
        return Convolution();
      case AttributeKind::kPooling:
        return Pooling();
      case AttributeKind::kTranspose:
        return Transpose();
      case AttributeKind::kReshape:
        return Reshape();
      case AttributeKind::kSlice:
        return Slice();
      case AttributeKind::kPad:
        return Pad();
      case AttributeKind::kResize: {
        const auto a = Get<ResizeAttributes>(node_);
        return fb::CreateStaticResizeBilinear2D(builder_, a.new_height, a.new_width, In(0), Out(0),
                                                node_.flags)
            .Union();
      }
      case AttributeKind::kConcatenate:
        return fb::CreateConcatenate(builder_, Get<ConcatenateAttributes>(node_).axis, In(0), In(1),
                                     In(2), In(3), Out(0), node_.flags, In(4))
            .Union();
      case AttributeKind::kElu:
        return fb::CreateELU(builder_, Get<EluAttributes>(node_).alpha, In(0), Out(0), node_.flags)
            .Union();
      case AttributeKind::kLeakyRelu:
        return fb::CreateLeakyReLU(builder_, Get<LeakyReluAttributes>(node_).negative_slope, In(0),
                                   Out(0), node_.flags)
            .Union();
    }
    return Unary();
  }

 private:
  uint32_t In(size_t i) const { return i < node_.inputs.size() ? ids_[node_.inputs[i]] : kNoValue; }
  uint32_t Out(size_t i) const {
    return i < node_.outputs.size() ? ids_[node_.outputs[i]] : kNoValue;
  }

  AnyTable Unary() { return fb::CreateUnary(builder_, In(0), Out(0), node_.flags).Union(); }
  AnyTable Binary() {
    return fb::CreateBinary(builder_, In(0), In(1), Out(0), node_.flags).Union();
  }
  AnyTable FullyConnected() {
    return fb::CreateFullyConnected(builder_, In(0), In(1), In(2), Out(0), node_.flags).Union();
  }
  AnyTable Attention() {
    return fb::CreateScaledDotProductAttention(builder_, In(0), In(1), In(2), In(3), In(4), Out(0),
                                               node_.flags)
        .Union();
  }
  AnyTable Convolution() {
    const auto a = Get<ConvolutionAttributes>(node_);
    return fb::CreateConvolution(
               builder_, a.padding_top, a.padding_right, a.padding_bottom, a.padding_left,
               a.kernel_height, a.kernel_width, a.stride_height, a.stride_width, a.dilation_height,
               a.dilation_width, a.group_input_channels, a.group_output_channels, a.groups,
               a.adjustment_height, a.adjustment_width, In(0), In(1), In(2), Out(0), node_.flags)
        .Union();
  }
  AnyTable Pooling() {
    const auto a = Get<PoolingAttributes>(node_);
    return fb::CreatePooling2D(builder_, a.padding_top, a.padding_right, a.padding_bottom,
                               a.padding_left, a.pooling_height, a.pooling_width, a.stride_height,
                               a.stride_width, a.dilation_height, a.dilation_width, In(0), Out(0),
                               node_.flags)
        .Union();
  }
  AnyTable ArgMaxPooling() {
    const auto a = Get<PoolingAttributes>(node_);
    return fb::CreateArgMaxPooling2d(builder_, a.padding_top, a.padding_right, a.padding_bottom,
                                     a.padding_left, a.pooling_height, a.pooling_width, In(0),
                                     Out(0), Out(1), node_.flags)
        .Union();
  }
  AnyTable Transpose() {
    const auto a = Get<TransposeAttributes>(node_);
    return fb::CreateStaticTransposeDirect(builder_, static_cast<uint32_t>(a.permutation.size()),
                                           &a.permutation, In(0), Out(0), node_.flags)
        .Union();
  }
  AnyTable Reshape() {
    const auto a = Get<ReshapeAttributes>(node_);
    return fb::CreateStaticReshapeDirect(builder_, static_cast<uint32_t>(a.new_shape.size()),
                                         &a.new_shape, In(0), Out(0), node_.flags)
        .Union();
  }
  AnyTable Slice() {
    const auto a = Get<SliceAttributes>(node_);
    return fb::CreateStaticSliceDirect(builder_, static_cast<uint32_t>(a.offsets.size()),
                                       &a.offsets, &a.sizes, In(0), Out(0), node_.flags)
        .Union();
  }
  AnyTable Pad() {
    const auto a = Get<PadAttributes>(node_);
    return fb::CreateStaticConstantPadDirect(builder_, &a.pre_paddings, &a.post_paddings, a.value,
                                             In(0), Out(0), node_.flags)
        .Union();
  }

  flatbuffers::FlatBufferBuilder& builder_;
  const Node& node_;
  const WireIds& ids_;
};

}  // namespace

flatbuffers::Offset<fb::Node> WriteNode(flatbuffers::FlatBufferBuilder& builder, const Node& node,
                                        const WireIds& ids) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // An omitted field reads as +0 even where -0 was meant.
  builder.ForceDefaults(true);
  const AnyTable table = NodeTable(builder, node, ids).Write();
  flatbuffers::Offset<fb::OutputMinMax> bounds;
  if (node.kind == NodeKind::kClamp || node.output_min != -kInfinity ||
      node.output_max != kInfinity) {
    bounds = fb::CreateOutputMinMax(builder, node.output_min, node.output_max);
  }
  builder.ForceDefaults(false);
  return fb::CreateNode(builder, static_cast<fb::NodeUnion>(node.kind), table, node.debug_handle,
                        bounds);
}

}  // namespace switchyard::payload_writer
