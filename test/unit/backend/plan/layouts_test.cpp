// What a graph and its arguments show of the order that the program was exported for. All sizes are
// equal, so that no bounds show it.
#include "backend/plan/layouts.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backend/plan/dim_order.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/graph_builder.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using testing::HasSubstr;

constexpr DataType kFloat = DataType::kF32;
const Dims kDims = {4, 4, 4, 4};
const TransposeAttributes kToLast{{0, 2, 3, 1}};
const TransposeAttributes kFromLast{{0, 3, 1, 2}};

// A graph with the inputs 0 and 1, of kDims, and outputs after them.
class TwoInputs : public GraphBuilder {
 public:
  ValueIndex x = Input(kFloat, kDims);
  ValueIndex z = Input(kFloat, kDims);

  // What a node makes of its inputs, of kDims unless `dims` says otherwise.
  ValueIndex Make(NodeKind kind, std::vector<ValueIndex> inputs, Attributes attributes = {},
                  const Dims& dims = kDims) {
    const ValueIndex output = Internal(kFloat, dims);
    Add(kind, std::move(inputs), {output}, std::move(attributes));
    return output;
  }
  ValueIndex Pool(ValueIndex input) {
    PoolingAttributes a;
    a.pooling_height = 2;
    return Make(NodeKind::kMaxPooling2d, {input}, a);
  }
  void Return(ValueIndex value, NodeKind kind = NodeKind::kCopy, Attributes attributes = {}) {
    const ValueIndex output = Output(kFloat, kDims);
    Add(kind, {value}, {output}, std::move(attributes));
  }
  ValueIndex Filter() { return Constant(kFloat, {4, 1, 1, 4}, std::vector<float>(16)); }
};

// The orders that x and z are passed in, and then the outputs: D, the default, or L, channels last.
struct LayoutCase {
  const char* name;
  std::function<void(TwoInputs&)> build;
  std::vector<std::string> accepted;
  std::vector<std::string> refused;
};

std::vector<TensorView> ArgumentsIn(const std::string& orders) {
  std::vector<TensorView> views;
  for (const char order : orders) {
    TensorView view;
    view.rank = 4;
    std::ranges::copy(kDims, view.sizes.begin());
    view.dim_order = {0, 1, 2, 3};
    if (order == 'L') view.dim_order = {0, 2, 3, 1};
    if (order == 'O') view.dim_order = {0, 3, 1, 2};
    views.push_back(view);
  }
  return views;
}

// The first error of the two inputs.
std::optional<Error> FirstError(const Graph& graph, const std::string& arguments,
                                bool likely = true) {
  const std::vector<TensorView> views = ArgumentsIn(arguments);
  const Layouts layouts(graph, likely);
  ArgumentOrders orders(graph, layouts, views);
  for (const ValueIndex input : {0, 1}) {
    const Result<Dims> dims = orders.PhysicalDims(input);
    if (!dims) return dims.error();
    EXPECT_EQ(*dims, kDims);
  }
  return std::nullopt;
}

class LayoutsOf : public testing::TestWithParam<LayoutCase> {};

TEST_P(LayoutsOf, AcceptsWhatTheProgramMayBe) {
  TwoInputs b;
  GetParam().build(b);
  const Graph graph = b.Build();
  for (const std::string& orders : GetParam().accepted) {
    const std::optional<Error> error = FirstError(graph, orders);
    EXPECT_FALSE(error) << orders << ": " << error->ToString();
  }
  for (const std::string& orders : GetParam().refused) {
    const std::optional<Error> error = FirstError(graph, orders);
    ASSERT_TRUE(error) << orders;
    EXPECT_EQ(error->code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(error->message, HasSubstr("pass ")) << orders;
  }
}

// What WantedDimOrder says is accepted with outputs in the default order.
TEST_P(LayoutsOf, WantsWhatItAccepts) {
  TwoInputs b;
  GetParam().build(b);
  const Graph graph = b.Build();
  const Layouts layouts(graph, /*likely=*/true);
  std::string orders;
  for (const ValueIndex input : {0, 1}) {
    orders += WantedDimOrder(graph, layouts, input)[1] == 2 ? 'L' : 'D';
  }
  orders.resize(graph.num_externals, 'D');
  const std::optional<Error> error = FirstError(graph, orders);
  EXPECT_FALSE(error) << orders << ": " << error->ToString();
}

// That `x` and what it is added to are in one layout, before and after nodes of this kind.
LayoutCase Through(const char* name, NodeKind kind, Attributes attributes = {},
                   size_t num_inputs = 1) {
  const auto build = [=](TwoInputs& b) {
    const ValueIndex made = b.Make(kind, std::vector<ValueIndex>(num_inputs, b.x), attributes);
    b.Return(b.Make(NodeKind::kAdd, {made, b.z}));
  };
  return {name, build, {"DDD", "LLL"}, {"DDL", "LLD", "DLD", "LDD", "DLL", "LDL", "OLL", "OOO"}};
}

// That nodes of this kind want `x` in channels last; `z` by another path.
LayoutCase Images(const char* name, NodeKind kind, Attributes attributes = {},
                  bool has_filter = false) {
  const auto build = [=](TwoInputs& b) {
    std::vector<ValueIndex> inputs = {b.Make(NodeKind::kMultiply, {b.x, b.z})};
    if (has_filter) inputs.push_back(b.Filter());
    b.Return(b.Make(kind, inputs, attributes));
  };
  // The output's order is not looked at: who has no program has the default for it.
  return {name, build, {"LLL", "LLD"}, {"DDL", "DDD", "LDL", "DLL"}};
}

const LayoutCase kLayoutCases[] = {
    {"add",
     [](TwoInputs& b) { b.Return(b.Make(NodeKind::kAdd, {b.x, b.z})); },
     {"DDD", "LLL", "OOO"},
     {"DDL", "LLD", "DLD", "LDD", "DLL", "LDL", "OOD", "DOD", "OLL", "OLO"}},
    Through("slice", NodeKind::kStaticSlice, SliceAttributes{{0, 0, 0, 0}, {4, 4, 4, 4}}),
    Through("pad", NodeKind::kStaticConstantPad, PadAttributes{{0, 0, 0, 0}, {0, 0, 0, 0}, 0}),
    Through("softmax", NodeKind::kSoftmax),
    Through("concatenate", NodeKind::kConcatenate3, ConcatenateAttributes{3}, 3),
    Through("own_transpose", NodeKind::kStaticTranspose, TransposeAttributes{{0, 1, 3, 2}}),
    Images("conv", NodeKind::kConv2d, ConvolutionAttributes{}, true),
    Images("depthwise", NodeKind::kDepthwiseConv2d, ConvolutionAttributes{}, true),
    Images("conv_transpose", NodeKind::kConvTranspose2d, ConvolutionAttributes{}, true),
    Images("max_pooling", NodeKind::kMaxPooling2d, PoolingAttributes{}),
    Images("avg_pooling", NodeKind::kAvgPooling2d, PoolingAttributes{}),
    Images("mean", NodeKind::kGlobalAvgPooling2d),
    Images("resize", NodeKind::kStaticResizeBilinear2D, ResizeAttributes{4, 4}),
    {"prelu",
     [](TwoInputs& b) {
       const ValueIndex slope = b.Constant(kFloat, {4}, std::vector<float>(4));
       b.Return(b.Make(NodeKind::kPReLU, {b.Make(NodeKind::kAdd, {b.x, b.z}), slope}));
     },
     {"LLL"},
     {"DDD", "LDL"}},
    // A residual block: x is read by the addition first, and by the pooling later.
    {"residual",
     [](TwoInputs& b) {
       const ValueIndex sum = b.Make(NodeKind::kAdd, {b.x, b.z});
       b.Return(b.Make(NodeKind::kAdd, {b.Pool(b.Make(NodeKind::kClamp, {sum})), sum}));
     },
     {"LLL"},
     {"DDD", "DLL", "LDL"}},
    // Backwards: what is added to the result of an image operator is in its layout.
    {"added_to_pooled",
     [](TwoInputs& b) { b.Return(b.Make(NodeKind::kAdd, {b.Pool(b.x), b.z})); },
     {"LLL"},
     {"LDL", "DLL"}},
    // x is in the default order, z in channels last, and the exporter transposes one of them.
    {"mixed",
     [](TwoInputs& b) {
       const ValueIndex last = b.Make(NodeKind::kStaticTranspose, {b.x}, kToLast);
       b.Return(b.Pool(b.Make(NodeKind::kAdd, {last, b.z})));
     },
     {"DLL"},
     {"DDL", "LLL", "LDD"}},
    {"transpose_and_pooling",
     [](TwoInputs& b) {
       const ValueIndex sum = b.Make(NodeKind::kAdd, {b.x, b.z});
       const ValueIndex last = b.Make(NodeKind::kStaticTranspose, {sum}, kToLast);
       b.Return(b.Pool(last), NodeKind::kStaticTranspose, kFromLast);
     },
     {"DDD"},
     {"LLD", "LDD"}},
    // The model's own, as x, which another path shows to be in channels last, is read by it.
    {"own_transpose_of_channels_last",
     [](TwoInputs& b) {
       const ValueIndex own = b.Make(NodeKind::kStaticTranspose, {b.x}, kToLast);
       b.Return(b.Make(NodeKind::kAdd, {b.Pool(b.x), b.Pool(own)}));
     },
     {"LLL", "LDL"},
     {"DLL"}},
    {"transpose_back_to_last",
     [](TwoInputs& b) {
       // A layout that arrives in a pooling is that of before a transpose by 0, 3, 1, 2.
       b.Return(b.Pool(b.Make(NodeKind::kStaticTranspose, {b.x}, kFromLast)));
     },
     {"LDL"},
     {"DDL"}},
    {"fully_connected",
     [](TwoInputs& b) {
       const ValueIndex filter = b.Constant(kFloat, {4, 4}, std::vector<float>(16));
       b.Return(b.Make(NodeKind::kFullyConnected, {b.Make(NodeKind::kAdd, {b.x, b.z}), filter}));
     },
     {"DDD"},
     {"LLL", "LDD"}},
    {"flatten",
     [](TwoInputs& b) {
       const ValueIndex flat =
           b.Make(NodeKind::kStaticReshape, {b.Make(NodeKind::kAdd, {b.x, b.z})},
                  ReshapeAttributes{{4, 64}}, {4, 64});
       b.Return(b.Make(NodeKind::kStaticReshape, {flat}, ReshapeAttributes{{4, 4, 4, 4}}));
     },
     {"DDD"},
     {"LLD", "DLD"}},
    // The exporter's way of flattening what is in channels last.
    {"flatten_channels_last",
     [](TwoInputs& b) {
       const ValueIndex sum = b.Make(NodeKind::kAdd, {b.x, b.z});
       const ValueIndex plain = b.Make(NodeKind::kStaticTranspose, {sum}, kFromLast);
       b.Return(plain, NodeKind::kStaticReshape, ReshapeAttributes{{4, 4, 4, 4}});
     },
     {"LLD", "DDD"},
     {"LDD", "DLD"}},
    // A graph that nobody exports; nothing is decided.
    {"pooling_and_fully_connected",
     [](TwoInputs& b) {
       const ValueIndex filter = b.Constant(kFloat, {4, 4}, std::vector<float>(16));
       b.Return(b.Make(NodeKind::kFullyConnected, {b.Pool(b.x), filter}));
       b.Return(b.Make(NodeKind::kFullyConnected, {b.x, filter}));
     },
     {"LDDD", "DDDD"},
     {"ODDD"}},
    {"independent",
     [](TwoInputs& b) {
       b.Return(b.x);
       b.Return(b.z);
     },
     {"DLDL", "LDLD", "DDDD", "LLLL"},
     {"DLLL", "LLDL"}},
};

INSTANTIATE_TEST_SUITE_P(Cases, LayoutsOf, testing::ValuesIn(kLayoutCases),
                         [](const auto& info) { return std::string(info.param.name); });

// The model's own transpose by 0, 2, 3, 1, of a value in channels last, before a pooling: a host
// that knows the program's orders may say so, and one that may be wrong is not believed.
TEST(Layouts, UnlikelyOrders) {
  TwoInputs b;
  b.Return(b.Pool(b.Make(NodeKind::kStaticTranspose, {b.x}, kToLast)));
  const Graph graph = b.Build();
  EXPECT_FALSE(FirstError(graph, "LDL", /*likely=*/false));
  EXPECT_FALSE(FirstError(graph, "DDL", /*likely=*/false));
  EXPECT_TRUE(FirstError(graph, "LDL", /*likely=*/true));
  EXPECT_FALSE(FirstError(graph, "DDL", /*likely=*/true));
}

// A factor for each channel, [1, 4, 1, 1], has its data in both orders, and says nothing of others.
TEST(Layouts, BroadcastOperandIsInBothOrders) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kFloat, kDims);
  const ValueIndex factor = b.Input(kFloat, {1, 1, 1, 4});
  const ValueIndex y = b.Output(kFloat, kDims);
  b.Add(NodeKind::kMultiply, {x, factor}, {y});
  const Graph graph = b.Build();
  const Layouts layouts(graph, /*likely=*/true);
  std::vector<TensorView> arguments = ArgumentsIn("LDL");
  std::ranges::copy(std::vector{1, 4, 1, 1}, arguments[1].sizes.begin());
  ArgumentOrders orders(graph, layouts, arguments);
  EXPECT_EQ(*orders.PhysicalDims(0), kDims);
  EXPECT_EQ(*orders.PhysicalDims(1), Dims({1, 1, 1, 4}));
}

// Where its sizes leave both open, an input is in the order of those that it is combined with.
TEST(Layouts, FollowTheOtherArguments) {
  TwoInputs b;
  b.Return(b.Make(NodeKind::kAdd, {b.x, b.z}));
  const Graph graph = b.Build();
  const Layouts layouts(graph, /*likely=*/true);
  std::vector<TensorView> arguments = ArgumentsIn("LDL");
  std::ranges::copy(std::vector{1, 4, 1, 1}, arguments[1].sizes.begin());
  ArgumentOrders orders(graph, layouts, arguments);
  EXPECT_EQ(*orders.PhysicalDims(1), Dims({1, 1, 1, 4}));
}

// A chain that is as long as a graph may be, decided at its far end.
TEST(Layouts, LongChain) {
  TwoInputs b;
  ValueIndex value = b.x;
  for (int i = 0; i < 100'000; ++i) {
    value = i % 3 == 0   ? b.Make(NodeKind::kStaticTranspose, {value}, kFromLast)
            : i % 3 == 1 ? b.Make(NodeKind::kAbs, {value})
                         : b.Make(NodeKind::kAdd, {value, value});
  }
  b.Return(b.Pool(value));
  const Graph graph = b.Build();
  EXPECT_FALSE(FirstError(graph, "LDL"));
  EXPECT_TRUE(FirstError(graph, "DDL"));
}

}  // namespace
}  // namespace switchyard
