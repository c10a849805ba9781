// What InferShapes says to inputs and files that do not fit. That it gives the right dims to those
// that do is shapes_xnnpack_test.cpp's business.
#include "backend/plan/shapes.h"

#include <functional>
#include <string>
#include <vector>

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

TEST(InferShapes, NamesWhatTheInputsComeFrom) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {10, 3});
  const ValueIndex padded = b.Internal(kF32, {12, 3}), y = b.Output(kF32, {12, 3});
  b.Add(NodeKind::kStaticConstantPad, {x}, {padded}, PadAttributes{{0, 0}, {4, 0}});
  b.Add(NodeKind::kAdd, {padded, b.Constant(kF32, {12, 3}, std::vector<float>(36))}, {y});
  const Graph graph = b.Build();
  const Result<std::vector<Dims>> fits = InferShapes(graph, std::vector<Dims>{{8, 3}});
  ASSERT_TRUE(fits) << fits.error().ToString();
  EXPECT_EQ(ToString((*fits)[y]), "[12, 3]");
  const Result<std::vector<Dims>> refused = InferShapes(graph, std::vector<Dims>{{7, 3}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("node 1 Add"), HasSubstr("node 0 StaticConstantPad with [11, 3]"),
                    HasSubstr("constant value 3 with [12, 3]"), HasSubstr("pass inputs")));
}

TEST(InferShapes, SizesThatCannotBeCountedAreRefused) {
  constexpr size_t kLarge = 0xFFFFFFFF;
  GraphBuilder b;
  b.Add(NodeKind::kConvTranspose2d,
        {b.Input(kF32, {1, kLarge, kLarge, 1}),
         b.Constant(kF32, {1, 1, 1, 1}, std::vector<float>(1))},
        {b.Output(kF32, {1})},
        ConvolutionAttributes{.stride_height = kLarge, .stride_width = kLarge});
  const Graph graph = b.Build();
  EXPECT_TRUE(test::InferBounds(graph));
  EXPECT_TRUE(InferShapes(graph, std::vector<Dims>{{1, 1, 1, 1}}));
  const auto refused = InferShapes(graph, std::vector<Dims>{{1, kLarge, kLarge, 1}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("less than 2^59 elements"));
}

// Files whose bounds no dims within them satisfy: the node is built by the function from an input.
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
    {"convolution.channels",
     [](GraphBuilder& b) { AddConvolution(b, kConv2d, {1, 5, 5, 3}, {.group_input_channels = 4}); },
     "[batch, height, width, 4]"},
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
    {"resize.size",
     [](GraphBuilder& b) {
       AddNode(b, kStaticResizeBilinear2D, {1, 4, 4, 1}, ResizeAttributes{1u << 24, 1});
     },
     "below 2^24"},
    {"fully_connected.channels",
     [](GraphBuilder& b) {
       b.Add(kFullyConnected,
             {b.Input(kF32, {2, 5}), b.Constant(kF32, {3, 6}, std::vector<float>(18))},
             {b.Output(kF32, {2, 3})});
     },
     "[2, 5], expected the filter's 6 in the last one"},
    {"fully_connected.bias",
     [](GraphBuilder& b) {
       b.Add(kFullyConnected,
             {b.Input(kF32, {2, 4}), b.Constant(kF32, {3, 4}, std::vector<float>(12)),
              b.Input(kF32, {2})},
             {b.Output(kF32, {2, 3})});
     },
     "its bias has dimensions up to [2]"},
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
       b.Add(kBatchMatrixMultiply,
             {b.Input(kF32, {2, 4}), b.Constant(kF32, {5, 2}, std::vector<float>(10))},
             {b.Output(kF32, {2, 2})});
     },
     "the columns of the first to be the rows"},
    {"batch_matrix_multiply.batch",
     [](GraphBuilder& b) {
       // Of any length it has three of them at least.
       const ValueIndex padded = b.Internal(kF32, {1});
       b.Add(kStaticConstantPad, {b.Input(kF32, {2, 2, 4})}, {padded},
             PadAttributes{{3, 0, 0}, {0, 0, 0}});
       b.Add(kBatchMatrixMultiply, {padded, b.Constant(kF32, {2, 4, 2}, std::vector<float>(16))},
             {b.Output(kF32, {2, 2, 2})});
     },
     "or 1, before the last two"},
    {"reshape.elements",
     [](GraphBuilder& b) { AddNode(b, kStaticReshape, {2, 3}, ReshapeAttributes{{7}}); },
     "as many elements as in [7]"},
    {"reshape.inferred",
     [](GraphBuilder& b) {
       const ValueIndex padded = b.Internal(kF32, {1});
       b.Add(kStaticConstantPad, {b.Input(kF32, {1})}, {padded}, PadAttributes{{5}, {0}});
       b.Add(kStaticReshape, {padded}, {b.Output(kF32, {1})}, ReshapeAttributes{{4, 0}});
     },
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
     "within up to [2, 3]"},
    {"concatenate.others",
     [](GraphBuilder& b) {
       b.Add(kConcatenate2,
             {b.Input(kF32, {2, 3}), b.Constant(kF32, {3, 3}, std::vector<float>(9))},
             {b.Output(kF32, {2, 6})}, ConcatenateAttributes{1});
     },
     "equal ones except for number 1"},
    {"prelu.slope",
     [](GraphBuilder& b) {
       b.Add(kPReLU, {b.Input(kF32, {2, 3}), b.Constant(kF32, {4}, std::vector<float>(4))},
             {b.Output(kF32, {2, 3})});
     },
     "its slopes have dimensions [4]"},
    {"prelu.output_would_grow",
     [](GraphBuilder& b) {
       b.Add(kPReLU, {b.Input(kF32, {1, 3}), b.Constant(kF32, {2, 3}, std::vector<float>(6))},
             {b.Output(kF32, {1, 3})});
     },
     "its slopes have dimensions [2, 3]"},
    {"add.padded",
     [](GraphBuilder& b) {
       const ValueIndex padded = b.Internal(kF32, {1});
       b.Add(kStaticConstantPad, {b.Input(kF32, {8})}, {padded}, PadAttributes{{4}, {4}});
       b.Add(kAdd, {padded, b.Constant(kF32, {7}, std::vector<float>(7))}, {b.Output(kF32, {8})});
     },
     "node 0 StaticConstantPad with [8] to [16]"},
};

class RefusedFile : public testing::TestWithParam<Refused> {};

TEST_P(RefusedFile, IsAnInvalidProgram) {
  GraphBuilder b;
  GetParam().build(b);
  const Graph graph = b.Build();
  const Result<std::vector<Dims>> shapes = test::InferBounds(graph);
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

// Files whose bounds cannot be reached together, but lower dims can.
struct Accepted {
  const char* name;
  std::function<void(GraphBuilder&)> build;  // the last value is the output
  const char* bounds;                        // of the output
  std::vector<Dims> inputs;                  // dims that fit
};

const Accepted kAccepted[] = {
    {"add.bounds_differ",
     [](GraphBuilder& b) {
       const ValueIndex x = b.Input(kF32, {5, 3}), y = b.Input(kF32, {8, 3});
       b.Add(kAdd, {x, y}, {b.Output(kF32, {5, 3})});
     },
     "[8, 3]",
     {{4, 3}, {4, 3}}},
    {"add.only_one_fits",
     [](GraphBuilder& b) {
       const ValueIndex x = b.Input(kF32, {5, 3});
       const ValueIndex y = b.Constant(kF32, {8, 3}, std::vector<float>(24));
       b.Add(kAdd, {x, y}, {b.Output(kF32, {8, 3})});
     },
     "[8, 3]",
     {{1, 3}}},
    {"pad.to_fixed",
     [](GraphBuilder& b) {
       const ValueIndex padded = b.Internal(kF32, {1});
       b.Add(kStaticConstantPad, {b.Input(kF32, {1, 10, 3})}, {padded},
             PadAttributes{{0, 2, 0}, {0, 4, 0}});
       b.Add(kMultiply, {padded, b.Constant(kF32, {12, 3}, std::vector<float>(36))},
             {b.Output(kF32, {1, 12, 3})});
     },
     "[1, 12, 3]",
     {{1, 6, 3}}},
    {"fully_connected.channels",
     [](GraphBuilder& b) {
       b.Add(kFullyConnected,
             {b.Input(kF32, {7, 9}), b.Constant(kF32, {3, 4}, std::vector<float>(12))},
             {b.Output(kF32, {2, 3})});
     },
     "[7, 3]",
     {{2, 4}}},
    {"batch_matrix_multiply.depth",
     [](GraphBuilder& b) {
       const ValueIndex a = b.Input(kF32, {3, 2, 16}), c = b.Input(kF32, {3, 10, 4});
       b.Add(kBatchMatrixMultiply, {a, c}, {b.Output(kF32, {3, 2, 4})});
     },
     "[3, 2, 4]",
     {{3, 2, 7}, {3, 7, 4}}},
    {"batch_matrix_multiply.batches",
     [](GraphBuilder& b) {
       const ValueIndex a = b.Input(kF32, {3, 2, 4}), c = b.Input(kF32, {5, 4, 6});
       b.Add(kBatchMatrixMultiply, {a, c}, {b.Output(kF32, {3, 2, 6})});
     },
     "[5, 2, 6]",
     {{2, 2, 4}, {2, 4, 6}}},
    {"concatenate.others",
     [](GraphBuilder& b) {
       const ValueIndex x = b.Input(kF32, {9, 3}), y = b.Input(kF32, {6, 4});
       b.Add(kConcatenate2, {x, y}, {b.Output(kF32, {6, 7})}, ConcatenateAttributes{1});
     },
     "[6, 7]",
     {{5, 3}, {5, 4}}},
    {"concatenate.meets_constant",
     [](GraphBuilder& b) {
       const ValueIndex x = b.Input(kF32, {9, 3});
       const ValueIndex joined = b.Internal(kF32, {1});
       b.Add(kConcatenate2, {x, b.Constant(kF32, {2, 3}, std::vector<float>(6))}, {joined},
             ConcatenateAttributes{0});
       b.Add(kSubtract, {joined, b.Constant(kF32, {7, 3}, std::vector<float>(21))},
             {b.Output(kF32, {7, 3})});
     },
     "[7, 3]",
     {{5, 3}}},
    {"reshape.inferred",
     [](GraphBuilder& b) { AddNode(b, kStaticReshape, {2, 9, 3}, ReshapeAttributes{{4, 0, 3}}); },
     "[4, 4, 3]",
     {{2, 8, 3}}},
    {"reshape.fixed",
     [](GraphBuilder& b) { AddNode(b, kStaticReshape, {2, 9, 3}, ReshapeAttributes{{4, 3, 3}}); },
     "[4, 3, 3]",
     {{2, 6, 3}}},
    {"slice.of_windows",
     [](GraphBuilder& b) {
       const ValueIndex window = b.Internal(kF32, {1});
       b.Add(kStaticSlice, {b.Input(kF32, {64, 3})}, {window}, SliceAttributes{{8, 0}, {16, 0}});
       b.Add(kAdd, {window, b.Input(kF32, {20, 3})}, {b.Output(kF32, {16, 3})});
     },
     "[16, 3]",
     {{24, 3}, {16, 3}}},
    {"convolution.channels",
     [](GraphBuilder& b) {
       AddConvolution(b, kConv2d, {4, 9, 7, 8},
                      {.kernel_height = 3, .kernel_width = 3, .group_input_channels = 2});
     },
     "[4, 7, 5, 1]",
     {{2, 3, 3, 2}}},
    {"branches.of_other_strides",
     [](GraphBuilder& b) {
       // [9] by 2, rounded down, and by 2, rounded up.
       const ValueIndex x = b.Input(kF32, {1, 9, 9, 1});
       const ValueIndex down = b.Internal(kF32, {1}), up = b.Internal(kF32, {1});
       const PoolingAttributes pool{
           .pooling_height = 2, .pooling_width = 2, .stride_height = 2, .stride_width = 2};
       b.Add(kMaxPooling2d, {x}, {down}, pool);
       b.Add(kMaxPooling2d, {x}, {up}, pool).flags = kFlagTensorFlowSamePadding;
       b.Add(kAdd, {down, up}, {b.Output(kF32, {1, 4, 4, 1})});
     },
     "[1, 5, 5, 1]",
     {{1, 8, 8, 1}}},
    {"prelu.slopes",
     [](GraphBuilder& b) {
       const ValueIndex x = b.Input(kF32, {2, 5}), slopes = b.Input(kF32, {7});
       b.Add(kPReLU, {x, slopes}, {b.Output(kF32, {2, 5})});
     },
     "[2, 5]",
     {{2, 4}, {4}}},
    {"argmax.dynamic",
     [](GraphBuilder& b) {
       const ValueIndex x = b.Input(kF32, {1, 8, 8, 1});
       const ValueIndex y = b.Output(kF32, {1, 4, 4, 1});
       b.Add(kArgMaxPooling2d, {x}, {y, b.Output(kInt32, {1, 4, 4, 1})},
             PoolingAttributes{
                 .pooling_height = 2, .pooling_width = 2, .stride_height = 2, .stride_width = 2});
     },
     "[1, 4, 4, 1]",
     {{1, 4, 6, 1}}},
};

class AcceptedFile : public testing::TestWithParam<Accepted> {};

TEST_P(AcceptedFile, HasBoundsThatEveryExecuteKeeps) {
  GraphBuilder b;
  GetParam().build(b);
  const Graph graph = b.Build();
  const Result<std::vector<Dims>> bounds = test::InferBounds(graph);
  ASSERT_TRUE(bounds) << bounds.error().ToString();
  EXPECT_EQ(ToString((*bounds)[graph.nodes.back().outputs[0]]), GetParam().bounds);
  std::vector<Dims> inputs = GetParam().inputs;
  inputs.resize(graph.num_externals);
  const Result<std::vector<Dims>> shapes = InferShapes(graph, inputs);
  ASSERT_TRUE(shapes) << shapes.error().ToString();
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    EXPECT_TRUE(IsWithin((*shapes)[i], (*bounds)[i]))
        << Describe(graph.values[i]) << ": " << ToString((*shapes)[i]) << " beyond "
        << ToString((*bounds)[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, AcceptedFile, testing::ValuesIn(kAccepted), [](const auto& info) {
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
  const Result<std::vector<Dims>> shapes = test::InferBounds(graph);
  ASSERT_FALSE(shapes);
  EXPECT_THAT(shapes.error().message,
              HasSubstr("node 1 MaxPooling2d: input 0 has dimensions [2, 3]"));
}

}  // namespace
}  // namespace switchyard
