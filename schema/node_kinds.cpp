#include "schema/node_kinds.h"

#include <cassert>
#include <cstddef>
#include <iterator>

#include "schema/graph.h"

namespace switchyard {
namespace {

// XNNPACK gives the bit of TensorFlow's SAME padding another meaning for the bilinear resize.
constexpr uint32_t kFlagTensorFlowLegacyResize = 0x4;

constexpr uint32_t kConvolutionFlags = kFlagTensorFlowSamePadding;
constexpr uint32_t kPoolingFlags = kFlagTensorFlowSamePadding | kFlagKeepDims;
constexpr uint32_t kResizeFlags = kFlagAlignCorners | kFlagTensorFlowLegacyResize;

using enum NodeKind;
using Kind = AttributeKind;

constexpr NodeKindInfo kNodeKinds[] = {
    // kind, name, inputs (min, max), outputs, attributes, flags
    {kAdd, "Add", 2, 2, 1, Kind::kNone, 0},
    {kFullyConnected, "FullyConnected", 2, 3, 1, Kind::kNone, kFlagTransposeWeights},
    {kSoftmax, "Softmax", 1, 1, 1, Kind::kNone, 0},
    {kSigmoid, "Sigmoid", 1, 1, 1, Kind::kNone, 0},
    {kStaticTranspose, "StaticTranspose", 1, 1, 1, Kind::kTranspose, 0},
    {kClamp, "Clamp", 1, 1, 1, Kind::kNone, 0},
    {kConv2d, "Conv2d", 2, 3, 1, Kind::kConvolution, kConvolutionFlags},
    {kDiv, "Div", 2, 2, 1, Kind::kNone, 0},
    {kStaticResizeBilinear2D, "StaticResizeBilinear2D", 1, 1, 1, Kind::kResize, kResizeFlags},
    {kStaticConstantPad, "StaticConstantPad", 1, 1, 1, Kind::kPad, 0},
    {kAvgPooling2d, "AvgPooling2d", 1, 1, 1, Kind::kPooling, kPoolingFlags},
    {kMinimum, "Minimum", 2, 2, 1, Kind::kNone, 0},
    {kDepthwiseConv2d, "DepthwiseConv2d", 2, 3, 1, Kind::kConvolution, kConvolutionFlags},
    {kMaxPooling2d, "MaxPooling2d", 1, 1, 1, Kind::kPooling, kPoolingFlags},
    {kMultiply, "Multiply", 2, 2, 1, Kind::kNone, 0},
    {kSubtract, "Subtract", 2, 2, 1, Kind::kNone, 0},
    {kFloor, "Floor", 1, 1, 1, Kind::kNone, 0},
    {kConvert, "Convert", 1, 1, 1, Kind::kNone, 0},
    {kGlobalAvgPooling2d, "GlobalAvgPooling2d", 1, 1, 1, Kind::kNone, kFlagKeepDims},
    {kStaticReshape, "StaticReshape", 1, 1, 1, Kind::kReshape, 0},
    {kArgMaxPooling2d, "ArgMaxPooling2d", 1, 1, 2, Kind::kPooling, kPoolingFlags},
    {kSquareRoot, "SquareRoot", 1, 1, 1, Kind::kNone, 0},
    {kCeiling, "Ceiling", 1, 1, 1, Kind::kNone, 0},
    {kHardswish, "Hardswish", 1, 1, 1, Kind::kNone, 0},
    {kLeakyReLU, "LeakyReLU", 1, 1, 1, Kind::kLeakyRelu, 0},
    {kMaximum, "Maximum", 2, 2, 1, Kind::kNone, 0},
    {kNegate, "Negate", 1, 1, 1, Kind::kNone, 0},
    {kSquare, "Square", 1, 1, 1, Kind::kNone, 0},
    {kELU, "ELU", 1, 1, 1, Kind::kElu, 0},
    {kAbs, "Abs", 1, 1, 1, Kind::kNone, 0},
    {kPReLU, "PReLU", 2, 2, 1, Kind::kNone, 0},
    {kConcatenate2, "Concatenate2", 2, 2, 1, Kind::kConcatenate, 0},
    {kConcatenate3, "Concatenate3", 3, 3, 1, Kind::kConcatenate, 0},
    {kConcatenate4, "Concatenate4", 4, 4, 1, Kind::kConcatenate, 0},
    {kStaticSlice, "StaticSlice", 1, 1, 1, Kind::kSlice, 0},
    {kScaledDotProductAttention, "ScaledDotProductAttention", 5, 5, 1, Kind::kNone, 0},
    {kBatchMatrixMultiply, "BatchMatrixMultiply", 2, 2, 1, Kind::kNone, kFlagTransposeWeights},
    {kConcatenate5, "Concatenate5", 5, 5, 1, Kind::kConcatenate, 0},
    {kConvTranspose2d, "ConvTranspose2d", 2, 3, 1, Kind::kConvolution, 0},
    {kReciprocalSquareRoot, "ReciprocalSquareRoot", 1, 1, 1, Kind::kNone, 0},
    {kLog, "Log", 1, 1, 1, Kind::kNone, 0},
    {kGelu, "Gelu", 1, 1, 1, Kind::kNone, 0},
    {kTanh, "Tanh", 1, 1, 1, Kind::kNone, 0},
    {kExp, "Exp", 1, 1, 1, Kind::kNone, 0},
    {kSin, "Sin", 1, 1, 1, Kind::kNone, 0},
    {kCopy, "Copy", 1, 1, 1, Kind::kNone, 0},
    {kCos, "Cos", 1, 1, 1, Kind::kNone, 0},
};

consteval bool RowsFollowTheTags() {
  for (size_t i = 0; i < std::size(kNodeKinds); ++i) {
    if (static_cast<size_t>(kNodeKinds[i].kind) != i + 1) return false;
  }
  return std::size(kNodeKinds) == kNumNodeKinds;
}
static_assert(RowsFollowTheTags());

}  // namespace

std::span<const NodeKindInfo> NodeKindTable() { return kNodeKinds; }

const NodeKindInfo& Info(NodeKind kind) {
  assert(kind != NodeKind::kNone);
  return kNodeKinds[static_cast<size_t>(kind) - 1];
}

}  // namespace switchyard
