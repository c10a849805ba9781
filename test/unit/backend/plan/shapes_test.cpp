// What InferShapes says to inputs and files that do not fit. That it gives the right dims to those
// that do is shapes_xnnpack_test.cpp's business.
#include "backend/plan/shapes.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/graph_builder.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using testing::AllOf;
using testing::HasSubstr;
using enum DataType;

Graph AddOf(const Dims& a, const Dims& b) {
  GraphBuilder builder;
  const ValueIndex x = builder.Input(kF32, a), y = builder.Input(kF32, b);
  builder.Add(NodeKind::kAdd, {x, y}, {builder.Output(kF32, a)});
  return builder.Build();
}

TEST(InferShapes, GivesEveryValueItsDims) {
  const Graph graph = AddOf({4, 3}, {1, 3});
  const Result<std::vector<Dims>> shapes = InferShapes(graph, std::vector<Dims>{{2, 3}, {1, 3}});
  ASSERT_TRUE(shapes);
  EXPECT_THAT(*shapes, testing::ElementsAre(Dims{2, 3}, Dims{1, 3}, Dims{2, 3}));
}

TEST(InferShapes, InputsBeyondTheBoundsAreRefused) {
  const Graph graph = AddOf({4, 3}, {1, 3});
  for (const Dims& dims : {Dims{5, 3}, Dims{3}, Dims{4, 3, 1}}) {
    const Result<std::vector<Dims>> shapes = InferShapes(graph, std::vector<Dims>{dims, {1, 3}});
    ASSERT_FALSE(shapes) << ToString(dims);
    EXPECT_EQ(shapes.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(shapes.error().message,
                AllOf(HasSubstr("argument 0"), HasSubstr(ToString(dims)), HasSubstr("[4, 3]")));
  }
}

TEST(InferShapes, MissingArgumentsAreRefused) {
  const Graph graph = AddOf({4, 3}, {1, 3});
  const Result<std::vector<Dims>> shapes = InferShapes(graph, std::vector<Dims>{{4, 3}});
  ASSERT_FALSE(shapes);
  EXPECT_THAT(shapes.error().message, HasSubstr("argument 1: missing"));
}

TEST(InferShapes, InputsThatDoNotFitTogetherAreTheHostsFault) {
  const Graph graph = AddOf({4, 3}, {4, 3});
  const Result<std::vector<Dims>> shapes = InferShapes(graph, std::vector<Dims>{{4, 3}, {2, 3}});
  ASSERT_FALSE(shapes);
  EXPECT_EQ(shapes.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(shapes.error().message,
              AllOf(HasSubstr("node 0 Add"), HasSubstr("[4, 3] and [2, 3]"), HasSubstr("pass")));
}

// Files whose dims do not fit together: the node is built by the function from an input.
struct Refused {
  const char* name;
  std::function<void(GraphBuilder&)> build;
  const char* expected;
};

void AddNode(GraphBuilder& b, NodeKind kind, const Dims& input, Attributes attributes = {},
             uint32_t flags = 0) {
  b.Add(kind, {b.Input(kF32, input)}, {b.Output(kF32, {1})}, std::move(attributes)).flags = flags;
}

void AddConvolution(GraphBuilder& b, NodeKind kind, const Dims& input,
                    const ConvolutionAttributes& a, uint32_t flags = 0) {
  const Dims filter = {a.group_output_channels, a.kernel_height, a.kernel_width,
                       a.group_input_channels};
  b.Add(kind,
        {b.Input(kF32, input), b.Constant(kF32, filter, std::vector<float>(*filter.NumElements()))},
        {b.Output(kF32, {1})}, a)
      .flags = flags;
}

using enum NodeKind;

const Refused kRefused[] = {
    {"convolution.rank", [](GraphBuilder& b) { AddConvolution(b, kConv2d, {5, 5, 1}, {}); },
     "[5, 5, 1], expected 4 of them"},
    {"convolution.channels", [](GraphBuilder& b) { AddConvolution(b, kConv2d, {1, 5, 5, 3}, {}); },
     "[batch, height, width, 1]"},
    {"convolution.kernel",
     [](GraphBuilder& b) {
       AddConvolution(b, kConv2d, {1, 5, 5, 1},
                      {.kernel_height = 2, .kernel_width = 4, .dilation_width = 2});
     },
     "at least 2 and 7"},
    {"convolution.same_and_explicit",
     [](GraphBuilder& b) {
       AddConvolution(b, kConv2d, {1, 5, 5, 1}, {.padding_left = 1}, kFlagTensorFlowSamePadding);
     },
     "both explicit and SAME padding"},
    {"transposed.nothing_left",
     [](GraphBuilder& b) {
       AddConvolution(b, kConvTranspose2d, {1, 2, 2, 1}, {.padding_top = 1, .padding_bottom = 1});
     },
     "an output of at least 1x1"},
    {"transposed.adjustment",
     [](GraphBuilder& b) {
       AddConvolution(b, kConvTranspose2d, {1, 2, 2, 1},
                      {.stride_height = 2, .adjustment_height = 2});
     },
     "output padding 2x0, expected less than the strides, 2x1"},
    {"transposed.overflow",
     [](GraphBuilder& b) {
       AddConvolution(b, kConvTranspose2d, {1, 0xFFFFFFFF, 0xFFFFFFFF, 1},
                      {.stride_height = 0xFFFFFFFF, .stride_width = 0xFFFFFFFF});
     },
     "less than 2^59 elements"},
    {"pooling.padding",
     [](GraphBuilder& b) {
       AddNode(b, kMaxPooling2d, {1, 5, 5, 1},
               PoolingAttributes{.padding_bottom = 2, .pooling_height = 2, .pooling_width = 2});
     },
     "expected less than the window's 2 and 2"},
    {"pooling.window",
     [](GraphBuilder& b) {
       AddNode(b, kAvgPooling2d, {1, 5, 5, 1},
               PoolingAttributes{.pooling_height = 6, .pooling_width = 2});
     },
     "at least 6 and 2"},
    // Its two rows are the one above the image and the one below.
    {"pooling.dilation",
     [](GraphBuilder& b) {
       AddNode(b, kMaxPooling2d, {1, 1, 5, 1},
               PoolingAttributes{.padding_top = 1,
                                 .padding_bottom = 1,
                                 .pooling_height = 2,
                                 .pooling_width = 1,
                                 .dilation_height = 2});
     },
     "at least the dilations 2 and 1"},
    {"pooling.dilation.same_padding",
     [](GraphBuilder& b) {
       AddNode(b, kMaxPooling2d, {1, 5, 1, 1},
               PoolingAttributes{.pooling_height = 1, .pooling_width = 2, .dilation_width = 2},
               kFlagTensorFlowSamePadding);
     },
     "at least the dilations 1 and 2"},
    {"argmax.indices",
     [](GraphBuilder& b) {
       const ValueIndex x = b.Input(kF32, {1, 4, 4, 1});
       b.Add(kArgMaxPooling2d, {x}, {b.Output(kF32, {1, 2, 2, 1}), b.Output(kInt32, {1, 2, 1, 1})},
             PoolingAttributes{
                 .pooling_height = 2, .pooling_width = 2, .stride_height = 2, .stride_width = 2});
     },
     "[1, 2, 2, 1], expected those of value 2"},
    {"resize.size",
     [](GraphBuilder& b) {
       AddNode(b, kStaticResizeBilinear2D, {1, 4, 4, 1}, ResizeAttributes{1u << 24, 1});
     },
     "below 2^24"},
    {"fully_connected.channels",
     [](GraphBuilder& b) {
       b.Add(kFullyConnected,
             {b.Input(kF32, {2, 5}), b.Constant(kF32, {3, 4}, std::vector<float>(12))},
             {b.Output(kF32, {2, 3})});
     },
     "[2, 5], expected the filter's 4 in the last one"},
    {"fully_connected.bias",
     [](GraphBuilder& b) {
       b.Add(kFullyConnected,
             {b.Input(kF32, {2, 4}), b.Constant(kF32, {3, 4}, std::vector<float>(12)),
              b.Input(kF32, {2})},
             {b.Output(kF32, {2, 3})});
     },
     "its bias has dimensions [2]"},
    {"fully_connected.quantized_over_all",
     [](GraphBuilder& b) {
       const ValueIndex q = b.Internal(kQDInt8, {2, 4}, PerTokenQuantization{2});
       b.Add(kConvert, {b.Input(kF32, {2, 4})}, {q});
       b.Add(kFullyConnected, {q, b.Constant(kF32, {3, 4}, std::vector<float>(12))},
             {b.Output(kF32, {2, 3})});
     },
     "dynamically over the last 2 dimensions, expected 1"},
    {"convert.quantized_over_more_than_there_are",
     [](GraphBuilder& b) {
       const ValueIndex q = b.Internal(kQDInt8, {2, 4, 1}, PerTokenQuantization{3});
       b.Add(kConvert, {b.Input(kF32, {2, 4})}, {q});
     },
     "[2, 4], expected at least 3 of them"},
    {"batch_matrix_multiply.depth",
     [](GraphBuilder& b) {
       b.Add(kBatchMatrixMultiply, {b.Input(kF32, {2, 4}), b.Input(kF32, {3, 2})},
             {b.Output(kF32, {2, 2})});
     },
     "the columns of the first to be the rows"},
    {"batch_matrix_multiply.batch",
     [](GraphBuilder& b) {
       b.Add(kBatchMatrixMultiply, {b.Input(kF32, {2, 2, 4}), b.Input(kF32, {3, 4, 2})},
             {b.Output(kF32, {2, 2, 2})});
     },
     "or 1, before the last two"},
    {"reshape.elements",
     [](GraphBuilder& b) { AddNode(b, kStaticReshape, {2, 3}, ReshapeAttributes{{7}}); },
     "as many elements as in [7]"},
    {"reshape.inferred",
     [](GraphBuilder& b) { AddNode(b, kStaticReshape, {2, 3}, ReshapeAttributes{{4, 0}}); },
     "as many elements as in [4, 1]"},
    {"slice.range",
     [](GraphBuilder& b) { AddNode(b, kStaticSlice, {2, 3}, SliceAttributes{{0, 2}, {2, 2}}); },
     "2 elements from number 2 on of dimension 1"},
    {"slice.rest",
     [](GraphBuilder& b) { AddNode(b, kStaticSlice, {2, 3}, SliceAttributes{{0, 2}, {2, 0}}); },
     "0 elements from number 2 on"},
    {"slice.huge",
     [](GraphBuilder& b) {
       AddNode(b, kStaticSlice, {2, 3}, SliceAttributes{{0, 0xFFFFFFFF}, {2, 0xFFFFFFFF}});
     },
     "within [2, 3]"},
    {"concatenate.others",
     [](GraphBuilder& b) {
       b.Add(kConcatenate2, {b.Input(kF32, {2, 3}), b.Input(kF32, {3, 3})},
             {b.Output(kF32, {2, 6})}, ConcatenateAttributes{1});
     },
     "equal ones except for number 1"},
    {"prelu.slope",
     [](GraphBuilder& b) {
       b.Add(kPReLU, {b.Input(kF32, {2, 3}), b.Constant(kF32, {2}, std::vector<float>(2))},
             {b.Output(kF32, {2, 3})});
     },
     "its slopes have dimensions [2]"},
    {"prelu.output_would_grow",
     [](GraphBuilder& b) {
       b.Add(kPReLU, {b.Input(kF32, {1, 3}), b.Constant(kF32, {2, 3}, std::vector<float>(6))},
             {b.Output(kF32, {1, 3})});
     },
     "its slopes have dimensions [2, 3]"},
    {"softmax.empty", [](GraphBuilder& b) { AddNode(b, kSoftmax, {2, 0}); }, "at least 1"},
};

class RefusedFile : public testing::TestWithParam<Refused> {};

TEST_P(RefusedFile, IsAnInvalidProgram) {
  GraphBuilder b;
  GetParam().build(b);
  const Graph graph = b.Build();
  const Result<std::vector<Dims>> shapes = InferShapesAtBounds(graph);
  ASSERT_FALSE(shapes) << ToString(shapes->back());
  EXPECT_EQ(shapes.error().code, ErrorCode::kInvalidProgram);
  EXPECT_THAT(shapes.error().message, HasSubstr("node "));
  EXPECT_THAT(shapes.error().message, HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(Cases, RefusedFile, testing::ValuesIn(kRefused), [](const auto& info) {
  std::string name = info.param.name;
  std::ranges::replace(name, '.', '_');
  return name;
});

TEST(InferShapes, TheFilesDimsOfResultsAreNotBelieved) {
  // The file says that the reshaped value has four dimensions; it has two.
  GraphBuilder b;
  const ValueIndex y = b.Internal(kF32, {1, 2, 3, 1});
  b.Add(kStaticReshape, {b.Input(kF32, {6})}, {y}, ReshapeAttributes{{2, 3}});
  b.Add(kMaxPooling2d, {y}, {b.Output(kF32, {1, 1, 1, 1})}, PoolingAttributes{});
  const Graph graph = b.Build();
  const Result<std::vector<Dims>> shapes = InferShapesAtBounds(graph);
  ASSERT_FALSE(shapes);
  EXPECT_THAT(shapes.error().message,
              HasSubstr("node 1 MaxPooling2d: input 0 has dimensions [2, 3]"));
}

}  // namespace
}  // namespace switchyard
