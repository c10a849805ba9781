// The table of node kinds: one row for each member of the payload's node union.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/api.h"

namespace switchyard {

// The wire's union tags.
enum class NodeKind : uint8_t {
  kNone = 0,
  kAdd,
  kFullyConnected,
  kSoftmax,
  kSigmoid,
  kStaticTranspose,
  kClamp,
  kConv2d,
  kDiv,
  kStaticResizeBilinear2D,
  kStaticConstantPad,
  kAvgPooling2d,
  kMinimum,
  kDepthwiseConv2d,
  kMaxPooling2d,
  kMultiply,
  kSubtract,
  kFloor,
  kConvert,
  kGlobalAvgPooling2d,
  kStaticReshape,
  kArgMaxPooling2d,
  kSquareRoot,
  kCeiling,
  kHardswish,
  kLeakyReLU,
  kMaximum,
  kNegate,
  kSquare,
  kELU,
  kAbs,
  kPReLU,
  kConcatenate2,
  kConcatenate3,
  kConcatenate4,
  kStaticSlice,
  kScaledDotProductAttention,
  kBatchMatrixMultiply,
  kConcatenate5,
  kConvTranspose2d,
  kReciprocalSquareRoot,
  kLog,
  kGelu,
  kTanh,
  kExp,
  kSin,
  kCopy,
  kCos,
};
inline constexpr size_t kNumNodeKinds = 47;

// Which alternative of Attributes (graph.h) a node has.
enum class AttributeKind : uint8_t {
  kNone,
  kConvolution,
  kPooling,
  kTranspose,
  kReshape,
  kSlice,
  kPad,
  kResize,
  kConcatenate,
  kElu,
  kLeakyRelu,
};

// What the verifier, the writer, the dump and the lowering need to know of a kind.
struct NodeKindInfo {
  NodeKind kind;
  std::string_view name;  // the wire's name without its prefix
  uint8_t min_inputs;     // values read, constants included
  uint8_t max_inputs;
  uint8_t num_outputs;
  AttributeKind attributes;
  uint32_t allowed_flags;  // bits of Node::flags that mean something for this kind
};

// All rows, in the order of the union tags (row i is tag i + 1).
SWITCHYARD_API std::span<const NodeKindInfo> NodeKindTable();
// `kind` must not be kNone.
SWITCHYARD_API const NodeKindInfo& Info(NodeKind kind);

}  // namespace switchyard
