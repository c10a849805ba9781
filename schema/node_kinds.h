// The node kinds, and what schema/ knows of each: columns of node_kinds.inc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/api.h"

namespace switchyard {

// The wire's union tags.
enum class NodeKind : uint8_t {
  kNone = 0,
#define SWITCHYARD_NODE_KIND(kind, ...) k##kind,
#include "schema/node_kinds.inc"
#undef SWITCHYARD_NODE_KIND
};
#define SWITCHYARD_NODE_KIND(...) +1
inline constexpr size_t kNumNodeKinds =
#include "schema/node_kinds.inc"
    ;
#undef SWITCHYARD_NODE_KIND

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
  bool moves_data;         // it computes nothing: any type of the same size will do
};

// All rows, in the order of the union tags (row i is tag i + 1).
SWITCHYARD_API std::span<const NodeKindInfo> NodeKindTable();
// `kind` must not be kNone.
SWITCHYARD_API const NodeKindInfo& Info(NodeKind kind);

}  // namespace switchyard
