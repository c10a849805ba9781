#include <cstddef>
#include <format>
#include <span>
#include <string>
#include <vector>

#include "backend/plan/shapes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/graph_builder.h"
#include "test/support/infer_bounds.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using testing::AllOf;
using testing::HasSubstr;
using enum DataType;

// Its message when `bytes` are too few, and that one more is enough.
std::string ExpectNeeds(const Graph& graph, uint64_t bytes) {
  const Result<std::vector<Dims>> shapes = test::InferBounds(graph);
  if (!shapes) return shapes.error().message;
  EXPECT_TRUE(CheckFootprint(graph, *shapes, bytes));
  const Status status = CheckFootprint(graph, *shapes, bytes - 1);
  if (status) return "accepted";
  EXPECT_EQ(status.error().code, ErrorCode::kMemoryAllocationFailed);
  return status.error().message;
}

TEST(CheckFootprint, CountsInternalValuesOnly) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {10});
  const ValueIndex y = b.Internal(kF32, {1}), z = b.Internal(kF32, {1});
  b.Add(NodeKind::kAbs, {x}, {y});
  b.Add(NodeKind::kAdd, {y, b.Constant(kF32, {1}, std::vector<float>(1))}, {z});
  b.Add(NodeKind::kAbs, {z}, {b.Output(kF32, {10})});
  const Graph graph = b.Build();
  EXPECT_THAT(ExpectNeeds(graph, 80), AllOf(HasSubstr("needs 80 bytes, expected at most 79"),
                                            HasSubstr("max_workspace_bytes")));
  // A value alone is named, with the dims that it would have.
  const Status one = CheckFootprint(graph, *test::InferBounds(graph), 39);
  ASSERT_FALSE(one);
  EXPECT_THAT(one.error().message, HasSubstr("with dimensions [10] needs 40 bytes"));
}

TEST(CheckFootprint, AShapeThatGrowsIsRefusedBeforeItIsThere) {
  GraphBuilder b;
  ValueIndex x = b.Input(kF32, {1, 1, 1, 1});
  PadAttributes pad;
  pad.pre_paddings = {1u << 20, 1u << 20, 0, 0};
  pad.post_paddings = {0, 0, 0, 0};
  const ValueIndex y = b.Internal(kF32, {1, 1, 1, 1});
  b.Add(NodeKind::kStaticConstantPad, {x}, {y}, pad);
  b.Add(NodeKind::kAbs, {y}, {b.Output(kF32, {1, 1, 1, 1})});
  const Graph graph = b.Build();
  const Result<std::vector<Dims>> shapes = test::InferBounds(graph);
  ASSERT_TRUE(shapes) << shapes.error().ToString();
  const Status status = CheckFootprint(graph, *shapes, uint64_t{4} << 30);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("value 1"));
}

// An output is the host's memory, but not the f32 form of one in 16 bits.
TEST(CheckFootprint, CountsOutputsThatAreComputedInF32) {
  for (const DataType type : {kF16, kBF16}) {
    GraphBuilder b;
    const ValueIndex x = b.Input(type, {10, 7}), y = b.Output(type, {10, 7});
    b.Add(NodeKind::kAbs, {x}, {y});
    EXPECT_THAT(ExpectNeeds(b.Build(), 10 * 7 * 4), HasSubstr("value 1"));
  }
}

TEST(CheckFootprint, CountsBothFormsOfInternal16BitValues) {
  for (const DataType type : {kF16, kBF16}) {
    GraphBuilder b;
    const ValueIndex y = b.Internal(type, {10, 7});
    b.Add(NodeKind::kAbs, {b.Input(kF32, {10, 7})}, {y});
    b.Add(NodeKind::kAbs, {y}, {b.Output(kF32, {10, 7})});
    EXPECT_THAT(ExpectNeeds(b.Build(), 10 * 7 * (2 + 4)), HasSubstr("value 0"));
  }
}

// The outputs of a pooling are few; the pointers to its windows are not.
TEST(CheckFootprint, CountsThePointersToWindows) {
  GraphBuilder b;
  PoolingAttributes a;
  a.pooling_height = a.pooling_width = 3000;
  b.Add(NodeKind::kMaxPooling2d, {b.Input(kF32, {1, 6000, 6000, 1})},
        {b.Output(kF32, {1, 3001, 3001, 1})}, a);
  EXPECT_THAT(ExpectNeeds(b.Build(), uint64_t{3001} * 3001 * 3000 * 3000 * 8),
              HasSubstr("node 0 MaxPooling2d: its scratch memory needs"));
}

TEST(CheckFootprint, CountsAConvolutionsPointers) {
  GraphBuilder b;
  ConvolutionAttributes a;
  a.kernel_height = a.kernel_width = 2;
  b.Add(NodeKind::kConv2d,
        {b.Input(kF32, {1, 5, 4, 1}), b.Constant(kF32, {1, 2, 2, 1}, std::vector<float>(4))},
        {b.Output(kF32, {1, 4, 3, 1})}, a);
  EXPECT_THAT(ExpectNeeds(b.Build(), 4 * 3 * 4 * 8), HasSubstr("scratch memory needs 384 bytes"));
}

TEST(CheckFootprint, CountsAPackedOperand) {
  GraphBuilder b;
  b.Add(NodeKind::kBatchMatrixMultiply, {b.Input(kF32, {5, 2, 7}), b.Input(kF32, {5, 7, 1})},
        {b.Output(kF32, {5, 2, 1})});
  EXPECT_THAT(ExpectNeeds(b.Build(), 5 * 64 * (7 + 8) * 4), HasSubstr("BatchMatrixMultiply"));
}

TEST(CheckFootprint, NumbersThatDoNotFitAreTooLarge) {
  GraphBuilder b;
  PoolingAttributes a;
  a.pooling_height = a.pooling_width = 0x80000000;
  a.padding_top = a.padding_left = 0x7FFFFFFF;
  b.Add(NodeKind::kMaxPooling2d, {b.Input(kF32, {1, 1000, 1000, 1})},
        {b.Output(kF32, {1, 1000, 1000, 1})}, a);
  const Graph graph = b.Build();
  const Result<std::vector<Dims>> shapes = test::InferBounds(graph);
  ASSERT_TRUE(shapes) << shapes.error().ToString();
  const Status status = CheckFootprint(graph, *shapes, UINT64_MAX - 1);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("more than 2^64"));
}

// The number of bytes up to which shared weights are refused.
void ExpectRepeats(const Graph& graph, uint64_t bytes) {
  EXPECT_TRUE(CheckRepeatedWeights(graph, bytes));
  if (bytes == 0) return;
  const Status status = CheckRepeatedWeights(graph, bytes - 1);
  ASSERT_FALSE(status) << bytes;
  EXPECT_EQ(status.error().code, ErrorCode::kMemoryAllocationFailed);
  EXPECT_THAT(status.error().message, AllOf(HasSubstr(std::format("need {} bytes more", bytes)),
                                            HasSubstr(std::format("at most {}", bytes - 1))));
}

TEST(CheckRepeatedWeights, CountsPaddedPanelsOfEveryNodeButTheFirst) {
  GraphBuilder b;
  const ValueIndex filter = b.Constant(kF32, {2, 3}, std::vector<float>(6));
  for (int i = 0; i < 3; ++i) {
    b.Add(NodeKind::kFullyConnected, {b.Input(kF32, {1, 3}), filter}, {b.Output(kF32, {1, 2})});
  }
  ExpectRepeats(b.Build(), 2 * 64 * (32 * 4 + 16));
}

TEST(CheckRepeatedWeights, CountsTheGroupsOfAConvolution) {
  GraphBuilder b;
  const ValueIndex filter = b.Constant(kF32, {4, 3, 3, 2}, std::vector<float>(4 * 9 * 2));
  ConvolutionAttributes a;
  a.kernel_height = a.kernel_width = 3;
  a.groups = 2;
  a.group_input_channels = a.group_output_channels = 2;
  for (int i = 0; i < 2; ++i) {
    b.Add(NodeKind::kConv2d, {b.Input(kF32, {1, 5, 5, 4}), filter}, {b.Output(kF32, {1, 3, 3, 4})},
          a);
  }
  ExpectRepeats(b.Build(), 2 * 64 * (9 * 32 * 4 + 16));
}

TEST(CheckRepeatedWeights, CountsThatOfADepthwiseConvolutionOnce) {
  GraphBuilder b;
  const ValueIndex filter = b.Constant(kF32, {1, 3, 3, 65}, std::vector<float>(9 * 65));
  ConvolutionAttributes a;
  a.kernel_height = a.kernel_width = 3;
  a.groups = 65;
  a.group_input_channels = a.group_output_channels = 1;
  for (int i = 0; i < 2; ++i) {
    b.Add(NodeKind::kDepthwiseConv2d, {b.Input(kF32, {1, 5, 5, 65}), filter},
          {b.Output(kF32, {1, 3, 3, 65})}, a);
  }
  ExpectRepeats(b.Build(), 128 * (9 * 4 + 16));
}

TEST(CheckRepeatedWeights, CountsValuesWhoseBytesOverlap) {
  GraphBuilder b;
  const std::vector<float> numbers(8);
  const ValueIndex x = b.Input(kF32, {6});
  for (int i = 0; i < 3; ++i) {
    b.Add(NodeKind::kAdd, {x, b.Constant(kF32, {6}, numbers)}, {b.Output(kF32, {6})});
  }
  Graph graph = b.Build();
  ExpectRepeats(graph, 0);
  const std::span<const std::byte> file = std::as_bytes(std::span(numbers));
  size_t offset = 0;
  for (Value& value : graph.values) {
    if (value.constant) value.constant->bytes = file.subspan(4 * offset++, 24);
  }
  ExpectRepeats(graph, 2 * 24);
}

}  // namespace
}  // namespace switchyard
