// The verified form of a payload. Everything behind the door (schema/payload.h) works on a Graph:
// ids are in range, every value has at most one producer, the node order is acyclic, constants have
// the bytes that their dims and types ask for. A Graph is plain data, cheap to build by hand.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/api.h"
#include "runtime/base/data_type.h"
#include "runtime/base/dims.h"
#include "runtime/base/named_data.h"
#include "schema/node_kinds.h"

namespace switchyard {

// Index into Graph::values (not the file's id, which is Value::id).
using ValueIndex = uint32_t;
// Index into Graph::nodes; nodes are in an order in which producers come before readers.
using NodeIndex = uint32_t;
// Also the wire's "no tensor".
inline constexpr uint32_t kNoValue = 0xFFFFFFFF;

struct PerTensorQuantization {
  float scale;
  int32_t zero_point;
};
struct PerChannelQuantization {
  uint32_t channel_dim;
  std::span<const float> scales;  // one per channel
};
struct PerGroupQuantization {
  uint32_t channel_dim;
  uint32_t group_size;               // along the input channels
  std::span<const uint16_t> scales;  // bf16, [output channels][input channels / group_size]
};
// Parameters are computed from the data at run time, one set for each slice of the last
// `num_nonbatch_dims` dimensions.
struct PerTokenQuantization {
  uint32_t num_nonbatch_dims;
};
using Quantization = std::variant<std::monostate, PerTensorQuantization, PerChannelQuantization,
                                  PerGroupQuantization, PerTokenQuantization>;

// The zero point that a weight's type implies; it is not on the wire (8 for int4, stored as
// unsigned nibbles; 0 otherwise).
constexpr int32_t WeightZeroPoint(DataType type) { return IsInt4(type) ? 8 : 0; }

// The scales of int8 weights: one, or one for each channel. Views `weights` or what it views.
std::span<const float> WeightScales(const Quantization& weights);

// Bytes of a constant. They are a view of the payload, of named data, or of Graph::owned_bytes, at
// any alignment.
struct Constant {
  std::span<const std::byte> bytes;
  std::string key;  // content address of named data; empty for constants inside the payload
};

struct Value {
  uint32_t id = 0;  // the file's id, for messages
  DataType type = DataType::kInvalid;
  // Of external inputs: the bounds. Of computed values: what the file claims, whose rank holds but
  // whose sizes may be wrong; shape inference knows better.
  Dims dims;
  Quantization quantization;
  std::optional<Constant> constant;
  std::optional<uint32_t> external_id;  // index into the arguments of execute()
  bool is_external_input = false;
  bool is_external_output = false;
};

struct ConvolutionAttributes {
  uint32_t padding_top = 0, padding_right = 0, padding_bottom = 0, padding_left = 0;
  uint32_t kernel_height = 1, kernel_width = 1;
  uint32_t stride_height = 1, stride_width = 1;
  uint32_t dilation_height = 1, dilation_width = 1;
  uint32_t group_input_channels = 1, group_output_channels = 1, groups = 1;
  uint32_t adjustment_height = 0, adjustment_width = 0;  // transposed only
};
struct PoolingAttributes {
  uint32_t padding_top = 0, padding_right = 0, padding_bottom = 0, padding_left = 0;
  uint32_t pooling_height = 1, pooling_width = 1;
  uint32_t stride_height = 1, stride_width = 1;
  uint32_t dilation_height = 1, dilation_width = 1;  // max pooling only
};
struct TransposeAttributes {
  std::vector<uint32_t> permutation;
};
struct ReshapeAttributes {
  std::vector<uint32_t> new_shape;  // at most one 0: inferred from the number of elements
};
struct SliceAttributes {
  std::vector<uint32_t> offsets, sizes;
};
struct PadAttributes {
  std::vector<uint32_t> pre_paddings, post_paddings;
  float value = 0;
};
struct ResizeAttributes {
  uint32_t new_height = 0, new_width = 0;
};
struct ConcatenateAttributes {
  uint32_t axis = 0;
};
struct EluAttributes {
  float alpha = 1;
};
struct LeakyReluAttributes {
  float negative_slope = 0;
};
// The alternatives' order is the order of AttributeKind in node_kinds.h.
using Attributes =
    std::variant<std::monostate, ConvolutionAttributes, PoolingAttributes, TransposeAttributes,
                 ReshapeAttributes, SliceAttributes, PadAttributes, ResizeAttributes,
                 ConcatenateAttributes, EluAttributes, LeakyReluAttributes>;

// Flag bits of nodes, as on the wire.
inline constexpr uint32_t kFlagTransposeWeights =
    0x1;  // FullyConnected filter, BatchMatrixMultiply B
inline constexpr uint32_t kFlagTensorFlowSamePadding = 0x4;
inline constexpr uint32_t kFlagAlignCorners = 0x8;
inline constexpr uint32_t kFlagKeepDims = 0x40;

inline constexpr uint32_t kNoDebugHandle = 65535;

// A node that another one computes too.
struct AbsorbedNode {
  uint32_t id;
  NodeKind kind;
  uint32_t debug_handle;
};

struct Node {
  // Position in the file, for messages and reports. Nodes that a file only implies have the numbers
  // after its last.
  uint32_t id = 0;
  NodeKind kind = NodeKind::kNone;
  // Where the file has one node that runs as several: its kind, of which this is a part.
  NodeKind part_of = NodeKind::kNone;
  uint32_t debug_handle = kNoDebugHandle;
  uint32_t flags = 0;
  float output_min = -std::numeric_limits<float>::infinity();
  float output_max = std::numeric_limits<float>::infinity();
  // In the order of the wire's fields. A missing bias is absent: FullyConnected and the
  // convolutions have two or three inputs (input, filter, bias).
  std::vector<ValueIndex> inputs;
  std::vector<ValueIndex> outputs;
  Attributes attributes;
  std::vector<AbsorbedNode> absorbed;
};

struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;
  uint32_t num_externals = 0;  // arguments of execute(), used or not

  // Keep what the views above point into alive. The payload itself is the caller's.
  std::vector<DataBuffer> named_buffers;
  std::deque<std::vector<std::byte>> owned_bytes;

  Graph() = default;
  Graph(Graph&&) = default;
  Graph& operator=(Graph&&) = default;
};

// "node 3 FullyConnected", with Node::id, or "node 3 Softmax of ScaledDotProductAttention"; the
// object that messages name.
SWITCHYARD_API std::string Describe(const Graph& graph, NodeIndex node);
// "value 7 (fp32 [2, 3])"
SWITCHYARD_API std::string Describe(const Value& value);

// Bytes of a dense tensor of this type and shape, int4 rows padded to whole bytes; nothing if it
// overflows.
SWITCHYARD_API std::optional<size_t> TensorBytes(DataType type, const Dims& dims);

}  // namespace switchyard
