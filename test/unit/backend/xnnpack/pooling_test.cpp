// Pooling and resizing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <format>

#include "runtime/base/float16.h"
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

// What PyTorch says of windows that leave out elements between them: 1x1 ones, and strides above
// the window, along either axis, dilated and padded.
TEST(StockPooling, SpacedWindows) {
  constexpr size_t kHeight = 7, kWidth = 6, kChannels = 3, kImages = 2;
  const Dims from = {kImages, kHeight, kWidth, kChannels};
  const PoolingAttributes pools[] = {
      {},
      {.stride_height = 2},
      {.stride_height = 2, .stride_width = 3},
      {.pooling_height = 2, .pooling_width = 2, .stride_height = 2, .stride_width = 3},
      {.padding_top = 1,
       .padding_left = 2,
       .pooling_height = 2,
       .pooling_width = 2,
       .stride_height = 3,
       .stride_width = 4,
       .dilation_height = 3,
       .dilation_width = 2},
  };
  const std::vector<float> image = RandomValues(*from.NumElements(), 3);
  for (const PoolingAttributes& pool : pools) {
    const bool is_of_one = pool.pooling_height * pool.pooling_width == 1;
    const auto size_of = [](size_t input, size_t padding, size_t size, size_t stride,
                            size_t dilation) {
      return (input + padding - (size - 1) * dilation - 1) / stride + 1;
    };
    const size_t height = size_of(kHeight, pool.padding_top, pool.pooling_height,
                                  pool.stride_height, pool.dilation_height);
    const size_t width = size_of(kWidth, pool.padding_left, pool.pooling_width, pool.stride_width,
                                 pool.dilation_width);
    std::vector<float> expected;
    for (size_t i = 0; i < kImages * height * width * kChannels; ++i) {
      const size_t c = i % kChannels, x = i / kChannels % width;
      const size_t y = i / kChannels / width % height, n = i / kChannels / width / height;
      float largest = -kInfinity;
      for (size_t k = 0; k < pool.pooling_height * pool.pooling_width; ++k) {
        const size_t in_y = y * pool.stride_height + k / pool.pooling_width * pool.dilation_height -
                            pool.padding_top;
        const size_t in_x = x * pool.stride_width + k % pool.pooling_width * pool.dilation_width -
                            pool.padding_left;
        if (in_y >= kHeight || in_x >= kWidth) continue;
        largest = std::max(largest, image[((n * kHeight + in_y) * kWidth + in_x) * kChannels + c]);
      }
      expected.push_back(std::clamp(largest, -0.5f, 0.625f));
    }
    for (const NodeKind kind : {NodeKind::kMaxPooling2d, NodeKind::kAvgPooling2d}) {
      if (kind == NodeKind::kAvgPooling2d && !is_of_one) continue;
      for (const DataType type : {kF32, kF16, kBF16}) {
        SCOPED_TRACE(std::format("pooling.{}.{}.{}x{}.stride{}x{}", Info(kind).name, Name(type),
                                 pool.pooling_height, pool.pooling_width, pool.stride_height,
                                 pool.stride_width));
        GraphBuilder b;
        const ValueIndex x = b.Input(type, from);
        const ValueIndex y = b.Output(type, {1, 1, 1, 1});
        Node& node = b.Add(kind, {x}, {y}, pool);
        node.output_min = -0.5f;
        node.output_max = 0.625f;
        const Graph graph = b.Build();
        const auto out = RunStock(graph, {FloatTensor(type, from, image)}, {.num_threads = 2});
        ASSERT_TRUE(out) << out.error().message;
        EXPECT_EQ((*out)[1].dims, Dims({kImages, height, width, kChannels}));
        EXPECT_EQ(Floats(type, (*out)[1]), expected);
      }
    }
  }
}

TEST(StockPooling, SpacedWindowsOfInt8AndNaN) {
  PoolingAttributes pool = kTwoByTwo;
  pool.stride_width = 3;
  {
    GraphBuilder b;
    const Quantization q = PerTensorQuantization{0.5f, -3};
    const ValueIndex x = b.Input(kQInt8, {1, 2, 5, 1}, q);
    const ValueIndex y = b.Output(kQInt8, {1, 1, 2, 1}, q);
    b.Add(NodeKind::kMaxPooling2d, {x}, {y}, pool).output_max = 20;
    const Graph graph = b.Build();
    const auto out = RunStock(
        graph, {Tensor::Of<int8_t>({1, 2, 5, 1}, {-128, 4, 127, -9, -7, 3, -1, 0, -8, 127})});
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_THAT((*out)[1].As<int8_t>(), ElementsAre(4, 37));
  }
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {1, 2, 5, 1});
  const ValueIndex y = b.Output(kF32, {1, 1, 2, 1});
  b.Add(NodeKind::kMaxPooling2d, {x}, {y}, pool);
  const Graph graph = b.Build();
  const auto out =
      RunStock(graph, {Tensor::Of<float>({1, 2, 5, 1}, {kNaN, 4, 9, -9, -7, 3, 8, 0, -8, 7})});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_TRUE(std::isnan((*out)[1].As<float>()[0]));
  EXPECT_EQ((*out)[1].As<float>()[1], 7);
}

// Without the remedy the lowering says what it cannot do.
TEST(StockPooling, RefusesMaximaThatSkipInput) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {1, 5, 5, 1});
  const ValueIndex y = b.Output(kF32, {1, 2, 2, 1});
  PoolingAttributes pool = kTwoByTwo;
  pool.stride_width = 3;
  b.Add(NodeKind::kMaxPooling2d, {x}, {y}, pool);
  const Graph graph = b.Build();
  const auto runner = StockRunner::Create(graph, {.use_remedies = false});
  ASSERT_FALSE(runner);
  EXPECT_EQ(runner.error().code, ErrorCode::kNotSupported);
  EXPECT_THAT(runner.error().message, testing::HasSubstr("strides 2 x 3"));
}

// Where XNNPACK gives the places of copies of the pixels at the edge.
TEST(StockPooling, ArgMaxWithPadding) {
  for (const bool is_same : {false, true}) {
    GraphBuilder b;
    const ValueIndex x = b.Input(kF32, {1, 1, 4, 1});
    const ValueIndex y = b.Output(kF32, {1, 1, 2, 1});
    const ValueIndex i = b.Output(kInt32, {1, 1, 2, 1});
    PoolingAttributes pool{.pooling_height = 1, .pooling_width = 3, .stride_width = 3};
    if (!is_same) pool.padding_left = pool.padding_right = 1;
    b.Add(NodeKind::kArgMaxPooling2d, {x}, {y, i}, pool).flags =
        is_same ? kFlagTensorFlowSamePadding : 0;
    const Graph graph = b.Build();
    const auto out = RunStock(graph, {Tensor::Of<float>({1, 1, 4, 1}, {5, 2, -7, -7})});
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_THAT((*out)[y].As<float>(), ElementsAre(5, -7));
    EXPECT_THAT((*out)[i].As<int32_t>(), ElementsAre(1, 0));
    const auto without = StockRunner::Create(graph, {.use_remedies = false});
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error().code, ErrorCode::kNotSupported);
    EXPECT_THAT(without.error().message, testing::HasSubstr("no padding"));
  }
}

// The places go down the columns of the window, and what is padding counts.
TEST(StockPooling, ArgMaxNumbersTheTapsThatArePadding) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF16, {1, 2, 2, 1});
  const ValueIndex y = b.Output(kF16, {1, 1, 1, 1});
  const ValueIndex i = b.Output(kInt32, {1, 1, 1, 1});
  const PoolingAttributes pool{.padding_top = 2,
                               .padding_left = 1,
                               .pooling_height = 4,
                               .pooling_width = 3,
                               .stride_height = 4,
                               .stride_width = 3};
  b.Add(NodeKind::kArgMaxPooling2d, {x}, {y, i}, pool);
  const Graph graph = b.Build();
  const uint16_t one = F16FromF32(1), two = F16FromF32(2), nan = F16FromF32(std::nanf(""));
  const auto place = [&](std::initializer_list<uint16_t> image) {
    const auto out = RunStock(graph, {Tensor::Of<uint16_t>({1, 2, 2, 1}, image)});
    EXPECT_TRUE(out) << out.error().message;
    return out ? (*out)[i].As<int32_t>()[0] : -1;
  };
  EXPECT_EQ(place({one, two, one, two}), 2 * 4 + 2);
  EXPECT_EQ(place({one, two, two, two}), 1 * 4 + 3);
  EXPECT_EQ(place({one, two, two, nan}), 2 * 4 + 3);
}

TEST(StockPooling, ArgMaxOfOneElement) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {1, 1, 2, 1});
  const ValueIndex y = b.Output(kF32, {1, 1, 2, 1});
  const ValueIndex i = b.Output(kInt32, {1, 1, 2, 1});
  b.Add(NodeKind::kArgMaxPooling2d, {x}, {y, i}, PoolingAttributes{});
  const auto out = RunStock(b.Build(), {Tensor::Of<float>({1, 1, 2, 1}, {5, -2})});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT((*out)[y].As<float>(), ElementsAre(5, -2));
  EXPECT_THAT((*out)[i].As<int32_t>(), ElementsAre(0, 0));
}

}  // namespace
}  // namespace switchyard::test
