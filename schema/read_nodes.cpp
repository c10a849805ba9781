#include <string_view>
#include <utility>

#include "schema/broken.h"
#include "schema/payload_reader.h"

namespace switchyard {
namespace {

// The rows of the node kinds are in the order of the wire's tags.
#define SWITCHYARD_NODE_KIND(kind, ...)                  \
  static_assert(std::to_underlying(NodeKind::k##kind) == \
                std::to_underlying(payload_fb::NodeUnion::kind));
#include "schema/node_kinds.inc"
#undef SWITCHYARD_NODE_KIND
static_assert(kNumNodeKinds == std::to_underlying(payload_fb::NodeUnion::MAX));

// Flag bits that writers set and that change no result; they are dropped.
constexpr uint32_t kIgnoredConvertFlags =
    0x180;  // once: pack the result for a blockwise int4 layer
constexpr uint32_t kIgnoredConvolutionFlags = 0x20;  // transient indirection buffer

uint32_t IgnoredFlags(NodeKind kind) {
  switch (kind) {
    case NodeKind::kConvert:
      return kIgnoredConvertFlags;
    case NodeKind::kConv2d:
    case NodeKind::kDepthwiseConv2d:
    case NodeKind::kConvTranspose2d:
      return kIgnoredConvolutionFlags;
    default:
      return 0;
  }
}

// Reads one node, table by table. `wire` functions fill node_ from a verified table.
class NodeReader {
 public:
  NodeReader(const ValueIds& ids, uint32_t place, NodeKind kind)
      : ids_(ids), place_(place), info_(Info(kind)) {
    node_.id = place;
    node_.kind = kind;
  }

  Result<Node> Read(const payload_fb::Node& wire) {
    const void* table = wire.xnode_union();
    if (table == nullptr) {
      return Broken("node {} {}: no table, expected one", place_, info_.name);
    }
    SWITCHYARD_TRY(ReadTable(table));
    node_.flags &= ~IgnoredFlags(node_.kind);
    node_.debug_handle = wire.debug_handle();
    if (const auto* range = wire.output_min_max()) {
      node_.output_min = range->output_min();
      node_.output_max = range->output_max();
    }
    return std::move(node_);
  }

 private:
  // The kinds that share a table share a case.
  Status ReadTable(const void* table) {
    switch (info_.attributes) {
      case AttributeKind::kNone:
        if (node_.kind == NodeKind::kFullyConnected) {
          return Wire(*static_cast<const payload_fb::FullyConnected*>(table));
        }
        if (node_.kind == NodeKind::kScaledDotProductAttention) {
          return Wire(*static_cast<const payload_fb::ScaledDotProductAttention*>(table));
        }
        if (info_.max_inputs == 1) return Wire(*static_cast<const payload_fb::Unary*>(table));
        return Wire(*static_cast<const payload_fb::Binary*>(table));
      case AttributeKind::kConvolution:
        return Wire(*static_cast<const payload_fb::Convolution*>(table));
      case AttributeKind::kPooling:
        if (node_.kind == NodeKind::kArgMaxPooling2d) {
          return Wire(*static_cast<const payload_fb::ArgMaxPooling2d*>(table));
        }
        return Wire(*static_cast<const payload_fb::Pooling2D*>(table));
      case AttributeKind::kTranspose:
        return Wire(*static_cast<const payload_fb::StaticTranspose*>(table));
      case AttributeKind::kReshape:
        return Wire(*static_cast<const payload_fb::StaticReshape*>(table));
      case AttributeKind::kSlice:
        return Wire(*static_cast<const payload_fb::StaticSlice*>(table));
      case AttributeKind::kPad:
        return Wire(*static_cast<const payload_fb::StaticConstantPad*>(table));
      case AttributeKind::kResize:
        return Wire(*static_cast<const payload_fb::StaticResizeBilinear2D*>(table));
      case AttributeKind::kConcatenate:
        return Wire(*static_cast<const payload_fb::Concatenate*>(table));
      case AttributeKind::kElu:
        return Wire(*static_cast<const payload_fb::ELU*>(table));
      case AttributeKind::kLeakyRelu:
        return Wire(*static_cast<const payload_fb::LeakyReLU*>(table));
    }
    return Fail(ErrorCode::kInternal, "node {} {}: its row in the node table has no reader", place_,
                info_.name);
  }

  Status Wire(const payload_fb::Unary& wire) {
    node_.flags = wire.flags();
    SWITCHYARD_TRY(Input(wire.input_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::Binary& wire) {
    node_.flags = wire.flags();
    SWITCHYARD_TRY(Input(wire.input1_id()));
    SWITCHYARD_TRY(Input(wire.input2_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::FullyConnected& wire) {
    node_.flags = wire.flags();
    SWITCHYARD_TRY(Input(wire.input1_id()));
    SWITCHYARD_TRY(Input(wire.filter_id()));
    SWITCHYARD_TRY(OptionalInput(wire.bias_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::ScaledDotProductAttention& wire) {
    node_.flags = wire.flags();
    SWITCHYARD_TRY(Input(wire.query_id()));
    SWITCHYARD_TRY(Input(wire.key_id()));
    SWITCHYARD_TRY(Input(wire.value_id()));
    SWITCHYARD_TRY(Input(wire.scale_id()));
    SWITCHYARD_TRY(Input(wire.mask_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::Convolution& wire) {
    node_.flags = wire.flags();
    node_.attributes = ConvolutionAttributes{
        .padding_top = wire.padding_top(),
        .padding_right = wire.padding_right(),
        .padding_bottom = wire.padding_bottom(),
        .padding_left = wire.padding_left(),
        .kernel_height = wire.kernel_height(),
        .kernel_width = wire.kernel_width(),
        .stride_height = wire.subsampling_height(),
        .stride_width = wire.subsampling_width(),
        .dilation_height = wire.dilation_height(),
        .dilation_width = wire.dilation_width(),
        .group_input_channels = wire.group_input_channels(),
        .group_output_channels = wire.group_output_channels(),
        .groups = wire.groups(),
        .adjustment_height = wire.adjustment_height(),
        .adjustment_width = wire.adjustment_width(),
    };
    SWITCHYARD_TRY(Input(wire.input1_id()));
    SWITCHYARD_TRY(Input(wire.filter_id()));
    SWITCHYARD_TRY(OptionalInput(wire.bias_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::Pooling2D& wire) {
    node_.flags = wire.flags();
    PoolingAttributes pooling{
        .padding_top = wire.padding_top(),
        .padding_right = wire.padding_right(),
        .padding_bottom = wire.padding_bottom(),
        .padding_left = wire.padding_left(),
        .pooling_height = wire.pooling_height(),
        .pooling_width = wire.pooling_width(),
        .stride_height = wire.stride_height(),
        .stride_width = wire.stride_width(),
    };
    // What an average pooling says about dilation means nothing.
    if (node_.kind == NodeKind::kMaxPooling2d) {
      pooling.dilation_height = wire.dilation_height();
      pooling.dilation_width = wire.dilation_width();
    }
    node_.attributes = pooling;
    SWITCHYARD_TRY(Input(wire.input_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::ArgMaxPooling2d& wire) {
    node_.flags = wire.flags();
    node_.attributes = PoolingAttributes{
        .padding_top = wire.padding_top(),
        .padding_right = wire.padding_right(),
        .padding_bottom = wire.padding_bottom(),
        .padding_left = wire.padding_left(),
        .pooling_height = wire.pooling_height(),
        .pooling_width = wire.pooling_width(),
        .stride_height = wire.pooling_height(),
        .stride_width = wire.pooling_width(),
    };
    SWITCHYARD_TRY(Input(wire.input_id()));
    SWITCHYARD_TRY(Output(wire.output_value_id()));
    return Output(wire.output_index_id());
  }

  Status Wire(const payload_fb::StaticTranspose& wire) {
    node_.flags = wire.flags();
    TransposeAttributes transpose;
    SWITCHYARD_ASSIGN(transpose.permutation, List(wire.perm(), "permutation"));
    SWITCHYARD_TRY(SameLength(transpose.permutation, wire.num_dims(), "permutation"));
    node_.attributes = std::move(transpose);
    SWITCHYARD_TRY(Input(wire.input_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::StaticReshape& wire) {
    node_.flags = wire.flags();
    ReshapeAttributes reshape;
    SWITCHYARD_ASSIGN(reshape.new_shape, List(wire.new_shape(), "new shape"));
    SWITCHYARD_TRY(SameLength(reshape.new_shape, wire.num_dims(), "new shape"));
    node_.attributes = std::move(reshape);
    SWITCHYARD_TRY(Input(wire.input_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::StaticSlice& wire) {
    node_.flags = wire.flags();
    SliceAttributes slice;
    SWITCHYARD_ASSIGN(slice.offsets, List(wire.offsets(), "offsets"));
    SWITCHYARD_ASSIGN(slice.sizes, List(wire.sizes(), "sizes"));
    SWITCHYARD_TRY(SameLength(slice.offsets, wire.num_dims(), "offsets"));
    SWITCHYARD_TRY(SameLength(slice.sizes, wire.num_dims(), "sizes"));
    node_.attributes = std::move(slice);
    SWITCHYARD_TRY(Input(wire.input_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::StaticConstantPad& wire) {
    node_.flags = wire.flags();
    PadAttributes pad;
    pad.value = wire.padding_value();
    SWITCHYARD_ASSIGN(pad.pre_paddings, List(wire.pre_paddings(), "paddings before"));
    SWITCHYARD_ASSIGN(pad.post_paddings, List(wire.post_paddings(), "paddings after"));
    node_.attributes = std::move(pad);
    SWITCHYARD_TRY(Input(wire.input_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::StaticResizeBilinear2D& wire) {
    node_.flags = wire.flags();
    node_.attributes =
        ResizeAttributes{.new_height = wire.new_height(), .new_width = wire.new_width()};
    SWITCHYARD_TRY(Input(wire.input_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::Concatenate& wire) {
    node_.flags = wire.flags();
    node_.attributes = ConcatenateAttributes{.axis = wire.axis()};
    const uint32_t inputs[] = {wire.input1_id(), wire.input2_id(), wire.input3_id(),
                               wire.input4_id(), wire.input5_id()};
    for (size_t i = 0; i < info_.max_inputs; ++i) SWITCHYARD_TRY(Input(inputs[i]));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::ELU& wire) {
    node_.flags = wire.flags();
    node_.attributes = EluAttributes{.alpha = wire.alpha()};
    SWITCHYARD_TRY(Input(wire.input_id()));
    return Output(wire.output_id());
  }

  Status Wire(const payload_fb::LeakyReLU& wire) {
    node_.flags = wire.flags();
    node_.attributes = LeakyReluAttributes{.negative_slope = wire.negative_slope()};
    SWITCHYARD_TRY(Input(wire.input_id()));
    return Output(wire.output_id());
  }

  Status Input(uint32_t id) { return Append(id, "input", node_.inputs); }
  Status Output(uint32_t id) { return Append(id, "output", node_.outputs); }
  Status OptionalInput(uint32_t id) { return id == kNoValue ? Status() : Input(id); }

  Status Append(uint32_t id, std::string_view role, std::vector<ValueIndex>& list) {
    const std::optional<ValueIndex> index = ids_.Find(id);
    if (!index) {
      return Broken("node {} {}: {} {} is value {:#x}, expected the id of one of the values",
                    place_, info_.name, role, list.size(), id);
    }
    list.push_back(*index);
    return {};
  }

  Result<std::vector<uint32_t>> List(const flatbuffers::Vector<uint32_t>* wire,
                                     std::string_view name) const {
    if (wire == nullptr) {
      return Broken("node {} {}: no {}, expected a list", place_, info_.name, name);
    }
    if (wire->size() > kMaxRank) {
      return Broken("node {} {}: {} of {} numbers, expected at most {}", place_, info_.name, name,
                    wire->size(), kMaxRank);
    }
    return std::vector<uint32_t>(wire->begin(), wire->end());
  }

  Status SameLength(const std::vector<uint32_t>& list, uint32_t num_dims,
                    std::string_view name) const {
    if (list.size() == num_dims) return {};
    return Broken("node {} {}: {} of {} numbers, expected the {} dimensions that it says it has",
                  place_, info_.name, name, list.size(), num_dims);
  }

  const ValueIds& ids_;
  const uint32_t place_;  // in the file
  const NodeKindInfo& info_;
  Node node_;
};

}  // namespace

Status ReadNodes(const payload_fb::Graph& file, const ValueIds& ids, Graph& graph) {
  const auto& nodes = *file.xnodes();
  // The Converts that ReadValues has added are not in the file.
  for (uint32_t id = nodes.size(); Node & convert : graph.nodes) convert.id = id++;
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const auto tag = static_cast<uint32_t>(nodes.Get(i)->xnode_union_type());
    if (tag == 0 || tag > kNumNodeKinds) {
      return Fail(ErrorCode::kNotImplemented,
                  "node {}: kind {}, expected one of 1 to {}; the file needs a newer version of "
                  "this library, or is damaged",
                  i, tag, kNumNodeKinds);
    }
    NodeReader reader(ids, i, static_cast<NodeKind>(tag));
    SWITCHYARD_ASSIGN(Node node, reader.Read(*nodes.Get(i)));
    graph.nodes.push_back(std::move(node));
  }
  return {};
}

}  // namespace switchyard
