// Pooling and resizing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/graph_builder.h"
#include "test/unit/backend/xnnpack/reference.h"
#include "test/unit/backend/xnnpack/stock_runner.h"

namespace switchyard::test {
namespace {

using enum DataType;
using testing::ElementsAre;

const std::vector<float> kImage = {1, 5, 2, 8, 3, 7, 4, 6, -1, -5, -2, -8, -3, -7, -4, 0};
const PoolingAttributes kTwoByTwo = {
    .pooling_height = 2, .pooling_width = 2, .stride_height = 2, .stride_width = 2};

TEST(StockPooling, MaxAndAverage) {
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const uint32_t flags : {0u, kFlagKeepDims}) {
      for (const bool is_max : {true, false}) {
        SCOPED_TRACE(
            std::format("pooling.{}.{}.{}", is_max ? "max" : "average", Name(type), flags));
        GraphBuilder b;
        const ValueIndex x = b.Input(type, {1, 4, 4, 1});
        const ValueIndex y = b.Output(type, {1, 2, 2, 1});
        b.Add(is_max ? NodeKind::kMaxPooling2d : NodeKind::kAvgPooling2d, {x}, {y}, kTwoByTwo)
            .flags = flags;
        const Graph graph = b.Build();
        const auto out = RunStock(graph, {FloatTensor(type, {1, 4, 4, 1}, kImage)});
        ASSERT_TRUE(out) << out.error().message;
        const std::vector<float> expected =
            is_max ? std::vector<float>{7, 8, -1, 0} : std::vector<float>{4, 5, -4, -3.5f};
        ExpectNear(Floats(type, (*out)[1]), expected, 1e-6f);
      }
    }
  }
}

TEST(StockPooling, MaxOfInt8WithRange) {
  const Quantization q = PerTensorQuantization{.scale = 1, .zero_point = 0};
  GraphBuilder b;
  const ValueIndex x = b.Input(kQInt8, {1, 4, 4, 1}, q);
  const ValueIndex y = b.Output(kQInt8, {1, 2, 2, 1}, q);
  b.Add(NodeKind::kMaxPooling2d, {x}, {y}, kTwoByTwo).output_max = 7;
  const Graph graph = b.Build();
  const auto out =
      RunStock(graph, {Tensor::Of<int8_t>({1, 4, 4, 1}, {kImage.begin(), kImage.end()})});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT((*out)[1].As<int8_t>(), ElementsAre(7, 7, -1, 0));
}

TEST(StockPooling, GlobalAverage) {
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const bool keeps_dims : {true, false}) {
      SCOPED_TRACE(std::format("pooling.global.{}.{}", Name(type), keeps_dims));
      const Dims dims = keeps_dims ? Dims{1, 1, 1, 2} : Dims{1, 2};
      GraphBuilder b;
      const ValueIndex x = b.Input(type, {1, 2, 4, 2});
      const ValueIndex y = b.Output(type, dims);
      Node& node = b.Add(NodeKind::kGlobalAvgPooling2d, {x}, {y});
      node.flags = keeps_dims ? kFlagKeepDims : 0;
      node.output_min = 0;
      const Graph graph = b.Build();
      const auto out = RunStock(graph, {FloatTensor(type, {1, 2, 4, 2}, kImage)});
      ASSERT_TRUE(out) << out.error().message;
      EXPECT_EQ((*out)[1].dims, dims);
      // Even places: 1 2 3 4 -1 -2 -3 -4; odd ones: 5 8 7 6 -5 -8 -7 0.
      ExpectNear(Floats(type, (*out)[1]), {0, 0.75f}, 1e-3f);
    }
  }
}

// Indices count a window column by column: XNNPACK walks its columns first.
TEST(StockPooling, ArgMax) {
  for (const DataType type : {kF32, kF16}) {
    SCOPED_TRACE(Name(type));
    GraphBuilder b;
    const ValueIndex x = b.Input(type, {1, 4, 4, 1});
    const ValueIndex y = b.Output(type, {1, 2, 2, 1});
    const ValueIndex i = b.Output(kInt32, {1, 2, 2, 1});
    b.Add(NodeKind::kArgMaxPooling2d, {x}, {y, i}, kTwoByTwo);
    const Graph graph = b.Build();
    const auto out = RunStock(graph, {FloatTensor(type, {1, 4, 4, 1}, kImage)});
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_THAT(Floats(type, (*out)[1]), ElementsAre(7, 8, -1, 0));
    EXPECT_THAT((*out)[2].As<int32_t>(), ElementsAre(3, 2, 0, 3));
  }
}

// XNNPACK drops values without a reader and then asserts that they have an address.
TEST(StockPooling, ArgMaxWithOneResultUnread) {
  for (const bool values_unread : {true, false}) {
    GraphBuilder b;
    const ValueIndex x = b.Input(kF32, {1, 4, 4, 1});
    const ValueIndex y =
        values_unread ? b.Internal(kF32, {1, 2, 2, 1}) : b.Output(kF32, {1, 2, 2, 1});
    const ValueIndex i =
        values_unread ? b.Output(kInt32, {1, 2, 2, 1}) : b.Internal(kInt32, {1, 2, 2, 1});
    b.Add(NodeKind::kArgMaxPooling2d, {x}, {y, i}, kTwoByTwo);
    const Graph graph = b.Build();
    const auto out = RunStock(graph, {Tensor::Of({1, 4, 4, 1}, kImage)});
    ASSERT_TRUE(out) << out.error().message;
    if (values_unread) {
      EXPECT_THAT((*out)[1].As<int32_t>(), ElementsAre(3, 2, 0, 3));
    } else {
      EXPECT_THAT((*out)[1].As<float>(), ElementsAre(7, 8, -1, 0));
    }
  }
}

// XNNPACK does not propagate the shape of the indices to their readers.
TEST(StockPooling, ArgMaxIndicesAreReadInside) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {1, 4, 4, 1});
  const ValueIndex y = b.Output(kF32, {1, 2, 2, 1});
  const ValueIndex i = b.Internal(kInt32, {1, 2, 2, 1});
  const ValueIndex j = b.Output(kInt32, {4});
  b.Add(NodeKind::kArgMaxPooling2d, {x}, {y, i}, kTwoByTwo);
  b.Add(NodeKind::kStaticReshape, {i}, {j}, ReshapeAttributes{{0}});
  const Graph graph = b.Build();
  const auto out = RunStock(graph, {Tensor::Of({1, 4, 4, 1}, kImage)});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT((*out)[2].As<int32_t>(), ElementsAre(3, 2, 0, 3));
}

TEST(StockPooling, ResizeBilinear) {
  for (const DataType type : {kF32, kF16, kBF16}) {
    SCOPED_TRACE(Name(type));
    GraphBuilder b;
    const ValueIndex x = b.Input(type, {1, 2, 2, 1});
    const ValueIndex y = b.Output(type, {1, 3, 3, 1});
    b.Add(NodeKind::kStaticResizeBilinear2D, {x}, {y},
          ResizeAttributes{.new_height = 3, .new_width = 3})
        .flags = kFlagAlignCorners;
    const Graph graph = b.Build();
    const auto out = RunStock(graph, {FloatTensor(type, {1, 2, 2, 1}, {0, 2, 4, 6})});
    ASSERT_TRUE(out) << out.error().message;
    ExpectNear(Floats(type, (*out)[1]), {0, 1, 2, 2, 3, 4, 4, 5, 6}, 1e-6f);
  }
}

TEST(StockPooling, RefusesPoolsOfOneElement) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {1, 4, 4, 1});
  const ValueIndex y = b.Output(kF32, {1, 4, 4, 1});
  b.Add(NodeKind::kMaxPooling2d, {x}, {y}, PoolingAttributes{});
  const Graph graph = b.Build();
  const auto runner = StockRunner::Create(graph);
  ASSERT_FALSE(runner);
  EXPECT_EQ(runner.error().code, ErrorCode::kNotSupported);
  EXPECT_THAT(runner.error().message, testing::HasSubstr("1 x 1"));
}

TEST(StockPooling, RefusesMaximaThatSkipInput) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {1, 5, 5, 1});
  const ValueIndex y = b.Output(kF32, {1, 2, 2, 1});
  PoolingAttributes pool = kTwoByTwo;
  pool.stride_width = 3;
  b.Add(NodeKind::kMaxPooling2d, {x}, {y}, pool);
  const Graph graph = b.Build();
  const auto runner = StockRunner::Create(graph);
  ASSERT_FALSE(runner);
  EXPECT_EQ(runner.error().code, ErrorCode::kNotSupported);
  EXPECT_THAT(runner.error().message, testing::HasSubstr("strides 2 x 3"));
}

}  // namespace
}  // namespace switchyard::test
