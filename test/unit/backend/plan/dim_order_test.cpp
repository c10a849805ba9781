#include "backend/plan/dim_order.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/graph_builder.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using testing::HasSubstr;

const std::vector<uint8_t> kDefault = {0, 1, 2, 3};
const std::vector<uint8_t> kLast = {0, 2, 3, 1};

const std::vector<uint8_t> kOther = {0, 3, 1, 2};

enum class Reader { kTranspose, kOwnTranspose, kPooling, kAdd, kClampThenPooling, kGlobalPooling };

// One input, `bounds`, that `reader` reads, and one output, as large; their indices are 0 and 1.
Graph GraphWith(const Dims& bounds, Reader reader) {
  GraphBuilder b;
  ValueIndex x = b.Input(DataType::kF32, bounds);
  const ValueIndex y = b.Output(DataType::kF32, bounds);
  switch (reader) {
    case Reader::kTranspose:
      b.Add(NodeKind::kStaticTranspose, {x}, {y}, TransposeAttributes{{0, 2, 3, 1}});
      break;
    case Reader::kOwnTranspose:
      b.Add(NodeKind::kStaticTranspose, {x}, {y}, TransposeAttributes{{0, 3, 1, 2}});
      break;
    case Reader::kAdd:
      b.Add(NodeKind::kAdd, {x, x}, {y});
      break;
    case Reader::kGlobalPooling:
      b.Add(NodeKind::kGlobalAvgPooling2d, {x}, {y}).flags = kFlagKeepDims;
      break;
    case Reader::kClampThenPooling: {
      const ValueIndex clamped = b.Internal(DataType::kF32, bounds);
      b.Add(NodeKind::kClamp, {x}, {clamped});
      x = clamped;
      [[fallthrough]];
    }
    case Reader::kPooling: {
      PoolingAttributes a;
      a.pooling_height = 2;
      b.Add(NodeKind::kMaxPooling2d, {x}, {y}, a);
    }
  }
  return b.Build();
}

TensorView View(const std::vector<size_t>& sizes, const std::vector<uint8_t>& dim_order) {
  TensorView view;
  view.rank = sizes.size();
  std::ranges::copy(sizes, view.sizes.begin());
  std::ranges::copy(dim_order, view.dim_order.begin());
  return view;
}

struct Case {
  const char* name;
  Dims bounds;
  Reader reader;
  std::vector<size_t> sizes;
  std::vector<uint8_t> dim_order;
  std::string expected;                    // dims, or a part of the message
  std::vector<uint8_t> output_order = {};  // the default order
};

class DimOrder : public testing::TestWithParam<Case> {};

TEST_P(DimOrder, Gives) {
  const Case& c = GetParam();
  const Graph graph = GraphWith(c.bounds, c.reader);
  const Layouts layouts(graph, /*likely=*/true);
  const size_t rank = c.bounds.rank();
  const TensorView arguments[] = {
      View(c.sizes, c.dim_order),
      View(std::vector<size_t>(rank),
           c.output_order.empty() ? DefaultDimOrder(rank) : c.output_order)};
  ArgumentOrders orders(graph, layouts, arguments);
  const Result<Dims> dims = orders.PhysicalDims(0);
  if (c.expected.starts_with('[')) {
    ASSERT_TRUE(dims) << dims.error().ToString();
    EXPECT_EQ(ToString(*dims), c.expected);
  } else {
    ASSERT_FALSE(dims) << ToString(*dims);
    EXPECT_EQ(dims.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(dims.error().message, HasSubstr("argument 0: "));
    EXPECT_THAT(dims.error().message, HasSubstr(c.expected));
  }
}

const Case kCases[] = {
    {"default", {1, 3, 8, 9}, Reader::kTranspose, {1, 3, 8, 9}, kDefault, "[1, 3, 8, 9]"},
    {"smaller", {1, 3, 8, 9}, Reader::kTranspose, {1, 3, 4, 5}, kDefault, "[1, 3, 4, 5]"},
    {"beyond_bounds",
     {1, 3, 8, 9},
     Reader::kTranspose,
     {1, 3, 8, 10},
     kDefault,
     "sizes [1, 3, 8, 10] in dim order [0, 1, 2, 3], expected at most [1, 3, 8, 9] in dim order "
     "[0, 1, 2, 3]; pass a tensor within these bounds"},
    {"images_beyond_bounds",
     {1, 8, 9, 3},
     Reader::kPooling,
     {1, 3, 8, 10},
     kLast,
     "sizes [1, 3, 8, 10] in dim order [0, 2, 3, 1], expected at most [1, 3, 8, 9] in dim order "
     "[0, 2, 3, 1]; pass a tensor within these bounds"},
    // Of what the graph reads, not of what the host has.
    {"images_beyond_bounds_in_default_order",
     {1, 8, 9, 3},
     Reader::kPooling,
     {1, 3, 20, 20},
     kDefault,
     "sizes [1, 3, 20, 20] in dim order [0, 1, 2, 3], expected at most [1, 3, 8, 9] in dim order "
     "[0, 2, 3, 1]; pass a tensor within these bounds"},
    {"wrong_rank", {1, 3, 8, 9}, Reader::kTranspose, {3, 8, 9}, {0, 1, 2}, "3 dimensions"},
    {"no_order", {1, 3, 8, 9}, Reader::kTranspose, {1, 3, 8, 9}, {0, 1, 1, 3}, "each of the 4"},
    {"order_out_of_range",
     {1, 3, 8, 9},
     Reader::kTranspose,
     {1, 3, 8, 9},
     {0, 1, 2, 4},
     "each of the 4"},

    {"channels_last", {1, 8, 9, 3}, Reader::kPooling, {1, 3, 8, 9}, kLast, "[1, 8, 9, 3]"},
    {"channels_last_in_default_order",
     {1, 8, 9, 3},
     Reader::kPooling,
     {1, 3, 8, 9},
     kDefault,
     "expected at most [1, 3, 8, 9] in dim order [0, 2, 3, 1]; pass a tensor in dim order "
     "[0, 2, 3, 1]"},
    {"default_in_channels_last",
     {1, 3, 8, 9},
     Reader::kTranspose,
     {1, 3, 8, 9},
     kLast,
     "pass a tensor in dim order [0, 1, 2, 3]"},
    // The sizes of a bare tensor may be the physical ones.
    {"physical_sizes", {1, 8, 9, 3}, Reader::kPooling, {1, 8, 9, 3}, kDefault, "[1, 8, 9, 3]"},

    {"equal.transpose.default",
     {1, 8, 8, 8},
     Reader::kTranspose,
     {1, 8, 8, 8},
     kDefault,
     "[1, 8, 8, 8]"},
    {"equal.transpose.last",
     {1, 8, 8, 8},
     Reader::kTranspose,
     {1, 8, 8, 8},
     kLast,
     "but argument 1 is in dim order [0, 1, 2, 3]"},
    {"equal.pooling.default",
     {1, 8, 8, 8},
     Reader::kPooling,
     {1, 8, 8, 8},
     kDefault,
     "reads it in dim order [0, 2, 3, 1]"},
    {"equal.pooling.last", {1, 8, 8, 8}, Reader::kPooling, {1, 8, 8, 8}, kLast, "[1, 8, 8, 8]"},
    {"equal.pooling.other",
     {1, 8, 8, 8},
     Reader::kPooling,
     {1, 8, 8, 8},
     kOther,
     "reads it in dim order [0, 2, 3, 1]"},
    {"equal.clamped.default",
     {1, 8, 8, 8},
     Reader::kClampThenPooling,
     {1, 8, 8, 8},
     kDefault,
     "reads it in dim order [0, 2, 3, 1]"},
    {"equal.global.default",
     {1, 8, 8, 8},
     Reader::kGlobalPooling,
     {1, 8, 8, 8},
     kDefault,
     "reads it in dim order [0, 2, 3, 1]"},
    {"equal.add.default", {1, 8, 8, 8}, Reader::kAdd, {1, 8, 8, 8}, kDefault, "[1, 8, 8, 8]"},
    {"equal.add.last",
     {1, 8, 8, 8},
     Reader::kAdd,
     {1, 8, 8, 8},
     kLast,
     "sizes [1, 8, 8, 8] in dim order [0, 2, 3, 1], but argument 1 is in dim order [0, 1, 2, 3], "
     "and the graph has both in the same order"},
    {"equal.add.both_last", {1, 8, 8, 8}, Reader::kAdd, {1, 8, 8, 8}, kLast, "[1, 8, 8, 8]", kLast},
    {"equal.add.default_to_last",
     {1, 8, 8, 8},
     Reader::kAdd,
     {1, 8, 8, 8},
     kDefault,
     "but argument 1 is in dim order [0, 2, 3, 1]",
     kLast},
    {"equal.add.both_other",
     {1, 8, 8, 8},
     Reader::kAdd,
     {1, 8, 8, 8},
     kOther,
     "[1, 8, 8, 8]",
     kOther},
    {"equal.add.other",
     {1, 8, 8, 8},
     Reader::kAdd,
     {1, 8, 8, 8},
     kOther,
     "but argument 1 is in dim order [0, 2, 3, 1]",
     kLast},
    // By 0, 2, 3, 1 the exporter makes channels last of the default order.
    {"equal.transpose.default_to_last",
     {1, 8, 8, 8},
     Reader::kTranspose,
     {1, 8, 8, 8},
     kDefault,
     "[1, 8, 8, 8]",
     kLast},
    // Or it is the model's own.
    {"equal.transpose.both_last",
     {1, 8, 8, 8},
     Reader::kTranspose,
     {1, 8, 8, 8},
     kLast,
     "[1, 8, 8, 8]",
     kLast},
    {"equal.own_transpose.default_to_last",
     {1, 8, 8, 8},
     Reader::kOwnTranspose,
     {1, 8, 8, 8},
     kDefault,
     "but argument 1 is in dim order [0, 2, 3, 1]",
     kLast},
    {"equal.own_transpose.default",
     {1, 8, 8, 8},
     Reader::kOwnTranspose,
     {1, 8, 8, 8},
     kDefault,
     "[1, 8, 8, 8]"},
    {"equal.transpose_back.last",
     {1, 8, 8, 8},
     Reader::kOwnTranspose,
     {1, 8, 8, 8},
     kLast,
     "[1, 8, 8, 8]"},
    {"equal.transpose_back.other",
     {1, 8, 8, 8},
     Reader::kOwnTranspose,
     {1, 8, 8, 8},
     kOther,
     "pass it in dim order [0, 1, 2, 3] or [0, 2, 3, 1]"},
    {"hidden.transpose_back.last",
     {4, 64, 64, 64},
     Reader::kOwnTranspose,
     {2, 3, 8, 9},
     kLast,
     "[2, 8, 9, 3]"},
    // Within the bounds either way.
    {"hidden.dynamic.transpose",
     {4, 64, 64, 64},
     Reader::kTranspose,
     {2, 3, 8, 9},
     kDefault,
     "[2, 3, 8, 9]"},
    {"hidden.dynamic.pooling",
     {4, 64, 64, 64},
     Reader::kPooling,
     {2, 3, 8, 9},
     kDefault,
     "reads it in dim order [0, 2, 3, 1]"},
    {"hidden.dynamic.last", {4, 64, 64, 64}, Reader::kPooling, {2, 3, 8, 9}, kLast, "[2, 8, 9, 3]"},

    // Sizes of 1 leave the order open.
    {"grey.last_for_default",
     {1, 1, 8, 9},
     Reader::kTranspose,
     {1, 1, 8, 9},
     kLast,
     "[1, 1, 8, 9]"},
    {"grey.default_for_last",
     {1, 8, 9, 1},
     Reader::kPooling,
     {1, 1, 8, 9},
     kDefault,
     "[1, 8, 9, 1]"},
    {"pixel.default_for_last",
     {1, 1, 1, 8},
     Reader::kPooling,
     {1, 8, 1, 1},
     kDefault,
     "[1, 1, 1, 8]"},
    {"pixel.dynamic", {1, 8, 8, 8}, Reader::kPooling, {1, 8, 1, 1}, kDefault, "[1, 1, 1, 8]"},
    {"empty", {4, 8, 8, 8}, Reader::kPooling, {0, 3, 8, 8}, kDefault, "[0, 8, 8, 3]"},

    {"rank3.default", {8, 8, 8}, Reader::kAdd, {8, 8, 8}, {0, 1, 2}, "[8, 8, 8]"},
    {"rank3.other", {8, 9, 7}, Reader::kAdd, {8, 7, 9}, {0, 2, 1}, "[8, 9, 7]"},
    {"rank3.hidden",
     {8, 8, 8},
     Reader::kAdd,
     {8, 8, 8},
     {0, 2, 1},
     "but argument 1 is in dim order [0, 1, 2]"},
    {"rank3.both_other", {8, 8, 8}, Reader::kAdd, {8, 8, 8}, {0, 2, 1}, "[8, 8, 8]", {0, 2, 1}},
    {"scalar", {}, Reader::kAdd, {}, {}, "[]"},
};

INSTANTIATE_TEST_SUITE_P(Cases, DimOrder, testing::ValuesIn(kCases), [](const auto& info) {
  std::string name = info.param.name;
  std::ranges::replace(name, '.', '_');
  return name;
});

TEST(LogicalSizes, FollowTheOutputsOrder) {
  const Graph graph = GraphWith({1, 8, 9, 3}, Reader::kAdd);
  const Value& output = graph.values[1];
  const Result<Dims> last = LogicalSizes(output, {1, 8, 9, 3}, View({1, 3, 8, 9}, kLast));
  ASSERT_TRUE(last);
  EXPECT_EQ(*last, Dims({1, 3, 8, 9}));
  const Result<Dims> plain = LogicalSizes(output, {1, 8, 9, 3}, View({1, 1, 1, 1}, kDefault));
  ASSERT_TRUE(plain);
  EXPECT_EQ(*plain, Dims({1, 8, 9, 3}));
}

TEST(LogicalSizes, RefuseAnotherRank) {
  const Graph graph = GraphWith({1, 8, 9, 3}, Reader::kAdd);
  const Result<Dims> sizes = LogicalSizes(graph.values[1], {1, 8, 9, 3}, View({1, 216}, {0, 1}));
  ASSERT_FALSE(sizes);
  EXPECT_EQ(sizes.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(sizes.error().message, HasSubstr("argument 1: 2 dimensions, expected 4"));
}

}  // namespace
}  // namespace switchyard
