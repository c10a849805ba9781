#include "schema/node_kinds.h"

#include <cassert>
#include <cstddef>

#include "schema/graph.h"

namespace switchyard {
namespace {

// XNNPACK gives the bit of TensorFlow's SAME padding another meaning for the bilinear resize.
constexpr uint32_t kFlagTensorFlowLegacyResize = 0x4;

constexpr uint32_t kNoFlags = 0;
constexpr uint32_t kMatmulFlags = kFlagTransposeWeights;
constexpr uint32_t kConvolutionFlags = kFlagTensorFlowSamePadding;
constexpr uint32_t kPoolingFlags = kFlagTensorFlowSamePadding | kFlagKeepDims;
constexpr uint32_t kMeanFlags = kFlagKeepDims;
constexpr uint32_t kResizeFlags = kFlagAlignCorners | kFlagTensorFlowLegacyResize;

constexpr NodeKindInfo kNodeKinds[] = {
#define SWITCHYARD_NODE_KIND(kind, min_inputs, max_inputs, num_outputs, attributes, flags, shape, \
                             lowering, layout, moves_data)                                        \
  {                                                                                               \
      NodeKind::k##kind, #kind,       min_inputs,                                                 \
      max_inputs,        num_outputs, AttributeKind::k##attributes,                               \
      k##flags##Flags,   moves_data},
#include "schema/node_kinds.inc"
#undef SWITCHYARD_NODE_KIND
};

}  // namespace

std::span<const NodeKindInfo> NodeKindTable() { return kNodeKinds; }

const NodeKindInfo& Info(NodeKind kind) {
  assert(kind != NodeKind::kNone);
  return kNodeKinds[static_cast<size_t>(kind) - 1];
}

}  // namespace switchyard
