// Whether InferShapes says what XNNPACK will do: single nodes with seeded random attributes and
// shapes are given to both. What InferShapes accepts must be accepted by XNNPACK with the same
// output dims, at the bounds and at smaller inputs, and must run. XNNPACK checks itself with
// asserts: one that fires ends this program.
#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "backend/plan/shapes.h"
#include "gtest/gtest.h"
#include "schema/graph_check.h"
#include "test/support/graph_builder.h"
#include "test/support/infer_bounds.h"
#include "test/unit/backend/plan/xnnpack_graph.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using test::XnnpackGraph;
using enum DataType;

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t Between(uint32_t min, uint32_t max) {
    return min + static_cast<uint32_t>(engine_() % (max - min + 1));
  }
  bool OneIn(uint32_t n) { return Between(1, n) == 1; }
  // 1 to `max`, seldom 0.
  size_t Size(uint32_t max) { return OneIn(20) ? 0 : Between(1, max); }
  Dims Shape(size_t rank, uint32_t max = 6) {
    Dims dims;
    for (size_t i = 0; i < rank; ++i) dims.push_back(Size(max));
    return dims;
  }

 private:
  std::mt19937 engine_;
};

// The graph builder with the values that most nodes have.
class Case : public GraphBuilder {
 public:
  ValueIndex FloatInput(const Dims& dims) { return Input(kF32, dims); }
  // Dims of outputs are not looked at.
  ValueIndex FloatOutput() { return Output(kF32, {1}); }
  ValueIndex Zeros(const Dims& dims) {
    return Constant(kF32, dims, std::vector<float>(*dims.NumElements() + 16));
  }
};

using MakeCase = std::function<void(Random&, NodeKind, Case&)>;

struct Sweep {
  const char* name;
  std::vector<NodeKind> kinds;
  MakeCase make;
  bool can_fail;  // some cases are to be refused
};

// --- Cases --------------------------------------------------------------------------------------

void MakeUnary(Random& random, NodeKind kind, Case& c) {
  c.Add(kind, {c.FloatInput(random.Shape(random.Between(0, 6)))}, {c.FloatOutput()});
}

// Shapes that broadcast mostly.
void MakeBinary(Random& random, NodeKind kind, Case& c) {
  const Dims full = random.Shape(random.Between(0, 6), 4);
  const auto part = [&] {
    Dims dims;
    for (size_t i = random.OneIn(2) ? 0 : random.Between(0, full.rank()); i < full.rank(); ++i) {
      dims.push_back(random.OneIn(3) ? 1 : random.OneIn(30) ? full[i] + 1 : full[i]);
    }
    return dims;
  };
  const Dims a = part(), b = part();
  c.Add(kind,
        {c.FloatInput(a), random.OneIn(4) && *b.NumElements() > 0 ? c.Zeros(b) : c.FloatInput(b)},
        {c.FloatOutput()});
}

void MakePRelu(Random& random, NodeKind kind, Case& c) {
  const Dims input = random.Shape(random.Between(1, 5), 4);
  Dims slope;
  const size_t first = random.OneIn(2) ? 0 : random.Between(0, input.rank() - 1);
  for (size_t i = first; i < input.rank(); ++i) {
    const bool is_last = i + 1 == input.rank();
    slope.push_back(is_last ? (random.OneIn(10) ? 2 : std::max<size_t>(1, input[i])) : 1);
  }
  c.Add(kind, {c.FloatInput(input), c.Zeros(slope)}, {c.FloatOutput()});
}

void MakeFullyConnected(Random& random, NodeKind kind, Case& c) {
  const size_t in = random.Between(1, 9), out = random.Between(1, 9);
  const bool is_transposed = random.OneIn(2);
  Dims dims = random.Shape(random.Between(0, 5), 3);
  dims.push_back(random.OneIn(10) ? in + 1 : in);
  const Dims filter = is_transposed ? Dims{in, out} : Dims{out, in};
  std::vector<ValueIndex> inputs = {c.FloatInput(dims), c.Zeros(filter)};
  if (random.OneIn(2)) inputs.push_back(c.Zeros({out}));
  c.Add(kind, inputs, {c.FloatOutput()}).flags = is_transposed ? kFlagTransposeWeights : 0;
}

// Convert to qdint8 and a FullyConnected or Conv2d that reads it.
void MakeDynamicallyQuantized(Random& random, NodeKind kind, Case& c) {
  const size_t in = random.Between(1, 9), out = random.Between(1, 9);
  const bool is_convolution = kind == NodeKind::kConv2d;
  Dims dims = random.Shape(is_convolution ? 3 : random.Between(0, 4), 5);
  dims.push_back(random.OneIn(10) ? in + 1 : in);
  // XNNPACK leaks the padding of the images that are gone when the batch shrinks.
  if (is_convolution) dims[0] = 1;
  const uint32_t nonbatch = is_convolution ? 3 : 1;
  const ValueIndex x = c.FloatInput(dims);
  const ValueIndex q = c.Internal(kQDInt8, dims, PerTokenQuantization{nonbatch});
  c.Add(NodeKind::kConvert, {x}, {q});
  const uint32_t kernel = random.Between(1, 3);
  const Dims filter = is_convolution ? Dims{out, kernel, kernel, in} : Dims{out, in};
  const ValueIndex w = c.Constant(kQCInt8, filter, std::vector<int8_t>(*filter.NumElements() + 64),
                                  c.PerChannel(0, std::vector<float>(out, 0.5f)));
  ConvolutionAttributes a;
  a.kernel_height = a.kernel_width = kernel;
  a.group_input_channels = static_cast<uint32_t>(in);
  a.group_output_channels = static_cast<uint32_t>(out);
  c.Add(kind, {q, w, c.Zeros({out})}, {c.FloatOutput()},
        is_convolution ? Attributes(a) : Attributes());
}

void MakeBatchMatrixMultiply(Random& random, NodeKind kind, Case& c) {
  const bool is_transposed = random.OneIn(2);
  const size_t m = random.Size(5), k = random.Size(5), n = random.Size(5);
  const Dims batch = random.Shape(random.Between(0, 4), 3);
  const auto part = [&] {
    Dims dims;
    for (size_t i = random.OneIn(2) ? 0 : random.Between(0, batch.rank()); i < batch.rank(); ++i) {
      dims.push_back(random.OneIn(3) ? 1 : random.OneIn(30) ? batch[i] + 1 : batch[i]);
    }
    return dims;
  };
  Dims a = part(), b = part();
  a.push_back(m);
  a.push_back(random.OneIn(10) ? k + 1 : k);
  b.push_back(is_transposed ? n : k);
  b.push_back(is_transposed ? k : n);
  c.Add(kind, {c.FloatInput(a), c.FloatInput(b)}, {c.FloatOutput()}).flags =
      is_transposed ? kFlagTransposeWeights : 0;
}

void MakeSoftmax(Random& random, NodeKind kind, Case& c) {
  c.Add(kind, {c.FloatInput(random.Shape(random.Between(1, 6)))}, {c.FloatOutput()});
}

void MakeConvolution(Random& random, NodeKind kind, Case& c) {
  ConvolutionAttributes a;
  const bool is_depthwise = kind == NodeKind::kDepthwiseConv2d;
  const bool is_transposed = kind == NodeKind::kConvTranspose2d;
  const bool is_same = !is_transposed && random.OneIn(4);
  for (uint32_t* padding : {&a.padding_top, &a.padding_right, &a.padding_bottom, &a.padding_left}) {
    if (!is_same) *padding = random.Between(0, 3);
  }
  for (uint32_t* number : {&a.kernel_height, &a.kernel_width, &a.stride_height, &a.stride_width,
                           &a.dilation_height, &a.dilation_width}) {
    *number = random.Between(1, 4);
  }
  if (is_transposed) {
    a.adjustment_height = random.Between(0, 2);
    a.adjustment_width = random.Between(0, 2);
  }
  a.groups = random.Between(1, 3);
  a.group_input_channels = is_depthwise ? 1 : random.Between(1, 4);
  a.group_output_channels = random.Between(1, 4);
  const size_t in = size_t{a.groups} * a.group_input_channels;
  const size_t out = size_t{a.groups} * a.group_output_channels;
  const Dims input = {random.Size(2), random.Size(9), random.Size(9),
                      random.OneIn(20) ? in + 1 : in};
  const Dims filter = is_depthwise
                          ? Dims{1, a.kernel_height, a.kernel_width, out}
                          : Dims{out, a.kernel_height, a.kernel_width, a.group_input_channels};
  std::vector<ValueIndex> inputs = {c.FloatInput(input), c.Zeros(filter)};
  if (random.OneIn(2)) inputs.push_back(c.Zeros({out}));
  c.Add(kind, inputs, {c.FloatOutput()}, a).flags = is_same ? kFlagTensorFlowSamePadding : 0;
}

void MakePooling(Random& random, NodeKind kind, Case& c) {
  PoolingAttributes a;
  const bool is_same = random.OneIn(4);
  for (uint32_t* padding : {&a.padding_top, &a.padding_right, &a.padding_bottom, &a.padding_left}) {
    if (!is_same) *padding = random.Between(0, 2);
  }
  a.pooling_height = random.Between(1, 4);
  a.pooling_width = random.Between(a.pooling_height == 1 ? 2 : 1, 4);
  if (kind == NodeKind::kArgMaxPooling2d) {
    a.stride_height = a.pooling_height;
    a.stride_width = a.pooling_width;
  } else {
    a.stride_height = random.Between(1, a.pooling_height);
    a.stride_width = random.Between(1, a.pooling_width);
  }
  if (kind == NodeKind::kMaxPooling2d) {
    a.dilation_height = random.Between(1, 3);
    a.dilation_width = random.Between(1, 3);
  }
  const Dims dims = {random.Size(2), random.Size(9), random.Size(9), random.Size(5)};
  const ValueIndex x = c.FloatInput(dims);
  std::vector<ValueIndex> outputs = {c.FloatOutput()};
  if (kind == NodeKind::kArgMaxPooling2d) {
    const size_t height =
        dims[1] + (is_same ? a.pooling_height - 1 : a.padding_top + a.padding_bottom);
    const size_t width =
        dims[2] + (is_same ? a.pooling_width - 1 : a.padding_left + a.padding_right);
    outputs.push_back(
        c.Output(kInt32, {dims[0], height / a.pooling_height, width / a.pooling_width, dims[3]}));
  }
  c.Add(kind, {x}, outputs, a).flags =
      (is_same ? kFlagTensorFlowSamePadding : 0) | (random.OneIn(2) ? kFlagKeepDims : 0);
}

void MakeGlobalPooling(Random& random, NodeKind kind, Case& c) {
  const Dims dims = {random.Size(3), random.Size(9), random.Size(9), random.Size(5)};
  c.Add(kind, {c.FloatInput(dims)}, {c.FloatOutput()}).flags = random.OneIn(2) ? kFlagKeepDims : 0;
}

void MakeResize(Random& random, NodeKind kind, Case& c) {
  const Dims dims = {random.Size(3), random.Size(9), random.Size(9), random.Size(5)};
  const ResizeAttributes resize = {random.Between(1, 12), random.Between(1, 12)};
  c.Add(kind, {c.FloatInput(dims)}, {c.FloatOutput()}, resize).flags =
      random.OneIn(2) ? kFlagAlignCorners : 0;
}

void MakeTranspose(Random& random, NodeKind kind, Case& c) {
  TransposeAttributes transpose;
  const uint32_t rank = random.Between(1, 6);
  for (uint32_t i = 0; i < rank; ++i) {
    transpose.permutation.insert(transpose.permutation.begin() + random.Between(0, i), i);
  }
  c.Add(kind, {c.FloatInput(random.Shape(rank, 4))}, {c.FloatOutput()}, transpose);
}

void MakeReshape(Random& random, NodeKind kind, Case& c) {
  const Dims dims = random.Shape(random.Between(0, 6), 4);
  ReshapeAttributes reshape;
  for (const size_t size : dims) {
    if (size == 0) continue;
    const auto number = static_cast<uint32_t>(size);
    if (!reshape.new_shape.empty() && random.OneIn(2)) {
      reshape.new_shape.back() *= number;
    } else {
      reshape.new_shape.push_back(number);
    }
  }
  if (reshape.new_shape.size() < kMaxRank && random.OneIn(5)) reshape.new_shape.push_back(2);
  if (!reshape.new_shape.empty() && random.OneIn(2)) {
    reshape.new_shape[random.Between(0, static_cast<uint32_t>(reshape.new_shape.size() - 1))] = 0;
  }
  c.Add(kind, {c.FloatInput(dims)}, {c.FloatOutput()}, reshape);
}

void MakeSlice(Random& random, NodeKind kind, Case& c) {
  const Dims dims = random.Shape(random.Between(1, 6));
  SliceAttributes slice;
  for (const size_t size : dims) {
    const auto offset = random.OneIn(2) ? 0 : random.Between(0, static_cast<uint32_t>(size));
    const auto rest = static_cast<uint32_t>(size) - offset;
    slice.offsets.push_back(offset);
    slice.sizes.push_back(random.OneIn(15)  ? rest + 1
                          : random.OneIn(2) ? rest
                                            : random.Between(0, rest));
  }
  c.Add(kind, {c.FloatInput(dims)}, {c.FloatOutput()}, slice);
}

void MakePad(Random& random, NodeKind kind, Case& c) {
  const Dims dims = random.Shape(random.Between(1, 6), 4);
  PadAttributes pad;
  for (size_t i = 0; i < dims.rank(); ++i) {
    pad.pre_paddings.push_back(random.OneIn(2) ? 0 : random.Between(0, 2));
    pad.post_paddings.push_back(random.OneIn(2) ? 0 : random.Between(0, 2));
  }
  c.Add(kind, {c.FloatInput(dims)}, {c.FloatOutput()}, pad);
}

void MakeConcatenate(Random& random, NodeKind kind, Case& c) {
  const Dims dims = random.Shape(random.Between(1, 6), 4);
  const uint32_t axis = random.Between(0, static_cast<uint32_t>(dims.rank() - 1));
  std::vector<ValueIndex> inputs;
  for (size_t i = 0; i < Info(kind).max_inputs; ++i) {
    Dims part = dims;
    part[axis] = random.Size(4);
    if (random.OneIn(30)) ++part[random.Between(0, static_cast<uint32_t>(dims.rank() - 1))];
    inputs.push_back(c.FloatInput(part));
  }
  c.Add(kind, inputs, {c.FloatOutput()}, ConcatenateAttributes{axis});
}

using enum NodeKind;

const Sweep kSweeps[] = {
    {"unary",
     {kSigmoid,   kClamp,  kFloor,  kSquareRoot, kCeiling, kHardswish,
      kLeakyReLU, kNegate, kSquare, kELU,        kAbs,     kReciprocalSquareRoot,
      kLog,       kGelu,   kTanh,   kExp,        kSin,     kCos,
      kCopy,      kConvert},
     MakeUnary,
     false},
    {"softmax", {kSoftmax}, MakeSoftmax, false},
    {"binary", {kAdd, kSubtract, kMultiply, kDiv, kMinimum, kMaximum}, MakeBinary, true},
    {"prelu", {kPReLU}, MakePRelu, true},
    {"fully_connected", {kFullyConnected}, MakeFullyConnected, true},
    {"batch_matrix_multiply", {kBatchMatrixMultiply}, MakeBatchMatrixMultiply, true},
    {"dynamically_quantized", {kFullyConnected, kConv2d}, MakeDynamicallyQuantized, true},
    {"convolution", {kConv2d, kDepthwiseConv2d, kConvTranspose2d}, MakeConvolution, true},
    {"pooling", {kAvgPooling2d, kMaxPooling2d, kArgMaxPooling2d}, MakePooling, true},
    {"global_pooling", {kGlobalAvgPooling2d}, MakeGlobalPooling, false},
    {"resize", {kStaticResizeBilinear2D}, MakeResize, true},
    {"transpose", {kStaticTranspose}, MakeTranspose, false},
    {"reshape", {kStaticReshape}, MakeReshape, true},
    {"slice", {kStaticSlice}, MakeSlice, true},
    {"pad", {kStaticConstantPad}, MakePad, false},
    {"concatenate",
     {kConcatenate2, kConcatenate3, kConcatenate4, kConcatenate5},
     MakeConcatenate,
     true},
};

// --- Comparison ---------------------------------------------------------------------------------

std::string Describe(const Graph& graph, std::span<const Dims> shapes, uint32_t seed) {
  const Node& node = graph.nodes.back();
  std::string text = std::string(Info(node.kind).name) + ", seed " + std::to_string(seed) + ":";
  for (const ValueIndex i : node.inputs) text += " " + ToString(shapes[i]);
  text += " ->";
  for (const ValueIndex i : node.outputs) text += " " + ToString(shapes[i]);
  return text;
}

// The backend shows XNNPACK no value without elements: it asserts on some, and of others it reads
// sizes that nobody has written.
void ExpectSame(XnnpackGraph& xnnpack, const Graph& graph, std::span<const Dims> shapes) {
  const auto is_empty = [&](const Dims& dims) { return dims.NumElements() == 0; };
  if (std::ranges::any_of(shapes, is_empty)) return;
  ASSERT_EQ(xnnpack.Reshape(shapes), xnn_status_success);
  for (const ValueIndex output : graph.nodes.back().outputs) {
    EXPECT_EQ(ToString(xnnpack.OutputDims(output)), ToString(shapes[output]));
  }
  ASSERT_EQ(xnnpack.Run(shapes), xnn_status_success);
}

// InferBounds counts on no input to be of any size: none may lead beyond what it says.
void ExpectWithin(const Graph& graph, std::span<const Dims> shapes, std::span<const Dims> bounds) {
  for (const Node& node : graph.nodes) {
    for (const ValueIndex i : node.outputs) {
      EXPECT_TRUE(IsWithin(shapes[i], bounds[i]))
          << ToString(shapes[i]) << " beyond " << ToString(bounds[i]);
    }
  }
}

class ShapesXnnpack : public testing::TestWithParam<Sweep> {};

TEST_P(ShapesXnnpack, Agrees) {
  const Sweep& sweep = GetParam();
  constexpr uint32_t kCases = 200;
  for (const NodeKind kind : sweep.kinds) {
    uint32_t accepted = 0, refused = 0, reshaped = 0;
    for (uint32_t seed = 0; seed < kCases; ++seed) {
      Random random(seed);
      Case c;
      sweep.make(random, kind, c);
      const Graph graph = c.Build();
      std::vector<Dims> largest(graph.num_externals);
      for (const Value& value : graph.values) {
        if (value.is_external_input) largest[*value.external_id] = value.dims;
      }
      const Result<std::vector<Dims>> bounds = test::InferBounds(graph);
      const Result<std::vector<Dims>> shapes = InferShapes(graph, largest);
      if (!bounds) {
        EXPECT_EQ(bounds.error().code, ErrorCode::kInvalidProgram);
        EXPECT_FALSE(shapes);
      }
      if (!shapes) {
        ++refused;
        continue;
      }
      ++accepted;
      SCOPED_TRACE(Describe(graph, *shapes, seed));
      ExpectWithin(graph, *shapes, *bounds);
      XnnpackGraph xnnpack;
      ASSERT_EQ(xnnpack.Create(graph), xnn_status_success);
      ASSERT_NO_FATAL_FAILURE(ExpectSame(xnnpack, graph, *shapes));

      std::vector<Dims> smaller = largest;
      for (Dims& dims : smaller) {
        for (size_t i = 0; i < dims.rank(); ++i) {
          if (dims[i] > 1 && random.OneIn(3)) --dims[i];
        }
      }
      const Result<std::vector<Dims>> other = InferShapes(graph, smaller);
      if (!other) continue;
      ++reshaped;
      SCOPED_TRACE(Describe(graph, *other, seed));
      ExpectWithin(graph, *other, *bounds);
      ASSERT_NO_FATAL_FAILURE(ExpectSame(xnnpack, graph, *other));
    }
    SCOPED_TRACE(Info(kind).name);
    EXPECT_GT(accepted, kCases / 5);
    EXPECT_GT(reshaped, kCases / 20);
    EXPECT_EQ(refused > 0, sweep.can_fail) << refused;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ShapesXnnpack, testing::ValuesIn(kSweeps),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace switchyard
