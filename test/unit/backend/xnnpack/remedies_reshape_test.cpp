// The rows of the remedies table about what stock keeps from one reshape to the next: without them
// an answer is wrong after the shapes have changed, with them it is that of a fresh runner.
#include <gtest/gtest.h>

#include <algorithm>
#include <format>
#include <vector>

#include "backend/xnnpack/fixed_channels.h"
#include "backend/xnnpack/remedies.h"
#include "test/support/graph_builder.h"
#include "test/unit/backend/xnnpack/reference.h"
#include "test/unit/backend/xnnpack/stock_runner.h"

namespace switchyard::test {
namespace {

using enum DataType;

// Whether every run gives the bits that a runner of its own gives.
bool IsLikeFresh(const Graph& graph, const std::vector<std::vector<Tensor>>& runs,
                 const RunnerOptions& options) {
  const auto runner = StockRunner::Create(graph, options);
  EXPECT_TRUE(runner) << runner.error().message;
  for (const std::vector<Tensor>& inputs : runs) {
    const auto used = (*runner)->Run(inputs), fresh = RunStock(graph, inputs, options);
    EXPECT_TRUE(used) << used.error().message;
    EXPECT_TRUE(fresh) << fresh.error().message;
    if (!used || !fresh || used->back().bytes != fresh->back().bytes) return false;
  }
  return true;
}

// --- indirection.channels -----------------------------------------------------------------------

Graph ImageGraph(DataType type, NodeKind kind, const Dims& bounds) {
  const Quantization quantization =
      type == kQInt8 ? Quantization(PerTensorQuantization{0.5f, 3}) : Quantization();
  const auto attributes =
      kind == NodeKind::kMaxPooling2d
          ? Attributes(PoolingAttributes{
                .padding_top = 1, .pooling_height = 2, .pooling_width = 3, .stride_width = 2})
          : Attributes(ResizeAttributes{.new_height = 3, .new_width = 7});
  GraphBuilder b;
  const ValueIndex x = b.Input(type, bounds, quantization);
  const ValueIndex y = b.Output(type, bounds, quantization);
  b.Add(kind, {x}, {y}, attributes);
  return b.Build();
}

std::vector<std::vector<Tensor>> ImagesOf(DataType type, const std::vector<Dims>& runs) {
  std::vector<std::vector<Tensor>> images;
  for (const Dims& dims : runs) {
    const std::vector<float> x = RandomValues(*dims.NumElements(), 1);
    std::vector<int8_t> q;
    for (const float value : x) q.push_back(static_cast<int8_t>(value * 127));
    images.push_back({type == kQInt8 ? Tensor::Of(dims, q) : FloatTensor(type, dims, x)});
  }
  return images;
}

TEST(RemediesOfReshapes, ChannelsOfImages) {
  const Dims bounds = {2, 6, 8, 19};
  for (const NodeKind kind : {NodeKind::kMaxPooling2d, NodeKind::kStaticResizeBilinear2D}) {
    for (const DataType type : {kF32, kF16, kBF16, kQInt8}) {
      SCOPED_TRACE(std::format("{}.{}", Info(kind).name, Name(type)));
      const Graph graph = ImageGraph(type, kind, bounds);
      EXPECT_TRUE(NodesWithStandaloneStep(graph, HostCpuFeatures())[0]);
      // Fewer channels would be read out of bounds, so that these are for the remedy alone.
      const auto any = ImagesOf(type, {bounds,
                                       {2, 6, 8, 3},
                                       bounds,
                                       {1, 6, 8, 3},
                                       {1, 5, 8, 3},
                                       {1, 5, 8, 19},
                                       {1, 5, 8, 1},
                                       {2, 6, 8, 18}});
      EXPECT_TRUE(IsLikeFresh(graph, any, {}));
      if (type != kF32 && type != kQInt8) continue;
      const auto more = ImagesOf(type, {{1, 6, 8, 3}, {1, 6, 8, 19}});
      EXPECT_FALSE(IsLikeFresh(graph, more, {.use_remedies = false}))
          << "the row is not needed any more";
    }
  }
}

// The channels of `b`'s last value decide whether a pool of it needs a standalone step.
bool PoolNeedsStandaloneStep(GraphBuilder& b, ValueIndex x) {
  const Dims dims = b.graph().values[x].dims;
  const ValueIndex y = b.Output(kF32, dims);
  b.Add(NodeKind::kMaxPooling2d, {x}, {y}, PoolingAttributes{.pooling_width = 2});
  const Graph graph = b.Build();
  return NodesWithStandaloneStep(graph, HostCpuFeatures()).back();
}

constexpr size_t kChannels = 3;
const Dims kImageDims = {1, 4, 4, kChannels};

ValueIndex AddConvolution(GraphBuilder& b, ValueIndex x) {
  const ValueIndex w = FloatConstant(b, kF32, {3, 1, 1, 3}, RandomValues(9, 1));
  const ValueIndex y = b.Internal(kF32, kImageDims);
  b.Add(NodeKind::kConv2d, {x, w}, {y},
        ConvolutionAttributes{.group_input_channels = 3, .group_output_channels = 3});
  return y;
}
ValueIndex AddNode(GraphBuilder& b, NodeKind kind, const std::vector<ValueIndex>& inputs,
                   const Attributes& attributes = {}) {
  const ValueIndex y = b.Internal(kF32, kImageDims);
  b.Add(kind, inputs, {y}, attributes);
  return y;
}

// Whole models keep their pools in the island: these follow convolutions.
TEST(RemediesOfReshapes, FixedChannelsStayInTheIsland) {
  struct {
    std::string_view name;
    ValueIndex (*add)(GraphBuilder& b, ValueIndex input, ValueIndex convolved);
    bool needs_standalone_step;
  } const kCases[] = {
      {"input", [](GraphBuilder&, ValueIndex x, ValueIndex) { return x; }, true},
      {"convolution", [](GraphBuilder&, ValueIndex, ValueIndex c) { return c; }, false},
      {"clamp",
       [](GraphBuilder& b, ValueIndex, ValueIndex c) { return AddNode(b, NodeKind::kClamp, {c}); },
       false},
      {"clamp of the input",
       [](GraphBuilder& b, ValueIndex x, ValueIndex) { return AddNode(b, NodeKind::kClamp, {x}); },
       true},
      {"sum",
       [](GraphBuilder& b, ValueIndex x, ValueIndex c) {
         return AddNode(b, NodeKind::kAdd, {x, c});
       },
       false},
      {"concatenated height",
       [](GraphBuilder& b, ValueIndex x, ValueIndex c) {
         return AddNode(b, NodeKind::kConcatenate2, {x, c}, ConcatenateAttributes{1});
       },
       false},
      {"concatenated channels",
       [](GraphBuilder& b, ValueIndex x, ValueIndex c) {
         return AddNode(b, NodeKind::kConcatenate2, {x, c}, ConcatenateAttributes{3});
       },
       true},
      {"slice of the input",
       [](GraphBuilder& b, ValueIndex x, ValueIndex) {
         return AddNode(b, NodeKind::kStaticSlice, {x},
                        SliceAttributes{{0, 0, 0, 0}, {0, 0, 0, kChannels}});
       },
       false},
      {"height for channels",
       [](GraphBuilder& b, ValueIndex, ValueIndex c) {
         return AddNode(b, NodeKind::kStaticTranspose, {c}, TransposeAttributes{{0, 3, 2, 1}});
       },
       true},
      {"reshape to fixed channels",
       [](GraphBuilder& b, ValueIndex x, ValueIndex) {
         return AddNode(b, NodeKind::kStaticReshape, {x}, ReshapeAttributes{{1, 0, 4, kChannels}});
       },
       false},
      {"reshape to what is left",
       [](GraphBuilder& b, ValueIndex, ValueIndex c) {
         return AddNode(b, NodeKind::kStaticReshape, {c}, ReshapeAttributes{{1, 4, 4, 0}});
       },
       true},
      {"broadcast constant",
       [](GraphBuilder& b, ValueIndex x, ValueIndex) {
         return AddNode(b, NodeKind::kAdd, {x, FloatConstant(b, kF32, {1}, {1})});
       },
       true},
  };
  for (const auto& c : kCases) {
    GraphBuilder b;
    const ValueIndex x = b.Input(kF32, kImageDims);
    const ValueIndex value = c.add(b, x, AddConvolution(b, x));
    EXPECT_EQ(PoolNeedsStandaloneStep(b, value), c.needs_standalone_step) << c.name;
  }
}

// --- f32.computed_weights.kxn -------------------------------------------------------------------

TEST(RemediesOfReshapes, DepthOfComputedTransposedWeights) {
  constexpr size_t kColumns = 7;
  const auto row = std::ranges::find(RemedyTable(), "f32.computed_weights.kxn", &Remedy::id);
  const bool is_the_cpu = row->cpu(HostCpuFeatures());
  for (const DataType type : {kF32, kF16, kBF16}) {
    for (const bool is_vector : {false, true}) {
      for (const bool has_bias : {false, true}) {
        SCOPED_TRACE(std::format("{}.vector{}.bias{}", Name(type), is_vector, has_bias));
        const size_t rows = is_vector ? 1 : 5;
        const auto input = [&](size_t k) { return is_vector ? Dims{k} : Dims{rows, k}; };
        GraphBuilder b;
        std::vector<ValueIndex> inputs = {b.Input(type, input(11)), b.Input(type, {11, kColumns})};
        const ValueIndex y = b.Output(type, input(kColumns));
        const std::vector<float> bias = RandomValues(kColumns, 3);
        if (has_bias) inputs.push_back(FloatConstant(b, kF32, {kColumns}, bias));
        Node& node = b.Add(NodeKind::kFullyConnected, inputs, {y});
        node.flags = kFlagTransposeWeights;
        node.output_max = 0.75f;
        const Graph graph = b.Build();
        const auto tensors = [&](size_t k) {
          return std::vector<Tensor>{
              FloatTensor(type, input(k), RandomValues(rows * k, 1)),
              FloatTensor(type, {k, kColumns}, RandomValues(k * kColumns, 2))};
        };
        EXPECT_TRUE(IsLikeFresh(graph, {tensors(11), tensors(3), tensors(11), tensors(1)}, {}));
        if (type == kF32 && is_the_cpu) {
          // One too many is within the memory behind the tensors.
          EXPECT_FALSE(IsLikeFresh(graph, {tensors(11), tensors(10)}, {.use_remedies = false}))
              << "the row is not needed any more";
        }
        // w[n][k] of the reference.
        std::vector<float> w(11 * kColumns);
        const std::vector<float> kxn = RandomValues(11 * kColumns, 2);
        for (size_t i = 0; i < w.size(); ++i) w[i % kColumns * 11 + i / kColumns] = kxn[i];
        std::vector<float> expected =
            Product(RandomValues(rows * 11, 1), w, has_bias ? bias : std::vector<float>(), rows,
                    kColumns, 11);
        for (float& value : expected) value = std::min(value, 0.75f);
        const auto out = RunStock(graph, tensors(11), {});
        ASSERT_TRUE(out) << out.error().message;
        ExpectNear(Floats(type, out->back()), expected, type == kF32 ? 1e-5f : 2e-2f);
      }
    }
  }
}

}  // namespace
}  // namespace switchyard::test
