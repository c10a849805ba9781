#include "test/support/node_operands.h"

namespace switchyard::test {

Operands OperandsOf(NodeKind kind) {
  const Dims image = {2, 5, 6, 4};
  switch (kind) {
    case NodeKind::kFullyConnected:
      return {{3, 8}, {{5, 8}, {5}}, 2, {}};
    case NodeKind::kBatchMatrixMultiply:
      return {{2, 3, 8}, {{2, 8, 5}}, 3, {}};
    case NodeKind::kScaledDotProductAttention:
      return {{2, 3, 4, 8}, {{2, 3, 5, 8}, {2, 3, 5, 6}, {8}, {4, 5}}, 4, {}};
    case NodeKind::kPReLU:
      return {image, {{4}}, 4, {}};
    case NodeKind::kConv2d:
      return {image,
              {{6, 3, 2, 2}, {6}},
              4,
              ConvolutionAttributes{.padding_top = 1,
                                    .kernel_height = 3,
                                    .kernel_width = 2,
                                    .stride_width = 2,
                                    .group_input_channels = 2,
                                    .group_output_channels = 3,
                                    .groups = 2}};
    case NodeKind::kDepthwiseConv2d:
      return {image,
              {{1, 3, 2, 8}, {8}},
              4,
              ConvolutionAttributes{.kernel_height = 3,
                                    .kernel_width = 2,
                                    .dilation_height = 2,
                                    .group_output_channels = 2,
                                    .groups = 4}};
    case NodeKind::kConvTranspose2d:
      return {image,
              {{6, 2, 3, 4}, {6}},
              4,
              ConvolutionAttributes{.padding_left = 1,
                                    .kernel_height = 2,
                                    .kernel_width = 3,
                                    .stride_height = 2,
                                    .group_input_channels = 4,
                                    .group_output_channels = 6,
                                    .adjustment_height = 1}};
    default:
      break;
  }
  switch (Info(kind).attributes) {
    case AttributeKind::kPooling: {
      const bool is_argmax = kind == NodeKind::kArgMaxPooling2d;
      return {image,
              {},
              4,
              PoolingAttributes{.padding_left = 1,
                                .pooling_height = 2,
                                .pooling_width = 3,
                                .stride_height = is_argmax ? 2u : 1u,
                                .stride_width = is_argmax ? 3u : 2u}};
    }
    case AttributeKind::kTranspose:
      return {image, {}, 4, TransposeAttributes{{0, 2, 3, 1}}};
    case AttributeKind::kReshape:
      return {image, {}, 3, ReshapeAttributes{{0, 30, 4}}};
    case AttributeKind::kSlice:
      return {image, {}, 4, SliceAttributes{{0, 1, 2, 0}, {2, 3, 4, 3}}};
    case AttributeKind::kPad:
      return {image, {}, 4, PadAttributes{{0, 1, 2, 0}, {0, 0, 1, 3}, 1.5f}};
    case AttributeKind::kResize:
      return {image, {}, 4, ResizeAttributes{7, 3}};
    case AttributeKind::kConcatenate:
      return {image, {}, 4, ConcatenateAttributes{2}};
    case AttributeKind::kElu:
      return {image, {}, 4, EluAttributes{0.75f}};
    case AttributeKind::kLeakyRelu:
      return {image, {}, 4, LeakyReluAttributes{0.25f}};
    default:
      return {image, {}, 4, {}};
  }
}

}  // namespace switchyard::test
