// Every row of the remedies table: stock without it is wrong, or refuses, on the CPU that the row
// is about; with it the result is right, there and wherever else the row is applied.
#include "backend/xnnpack/remedies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "test/support/graph_builder.h"
#include "test/unit/backend/xnnpack/reference.h"
#include "test/unit/backend/xnnpack/stock_runner.h"

namespace switchyard::test {
namespace {

using enum DataType;
using testing::AllOf;
using testing::HasSubstr;

const Remedy& RowOf(std::string_view id) {
  for (const Remedy& row : RemedyTable()) {
    if (row.id == id) return row;
  }
  ADD_FAILURE() << "no remedy " << id;
  return RemedyTable()[0];
}

// A CPU on which the row applies: this one, with the features that the row looks at.
RunnerOptions OnCpuOf(std::string_view id) {
  RunnerOptions options;
  CpuFeatures& cpu = options.cpu.host;
  if (id.starts_with("f16.avx512fp16")) cpu.Add(CpuFeature::kAvx512Fp16);
  if (id == "qc4w.amx") cpu.Add(CpuFeature::kAmxInt8);
  if (id == "qb4w.avx512vnni") cpu.Add(CpuFeature::kAvx512Vnni);
  if (id == "qb4w.no_avx2") cpu = CpuFeatures();
  if (id == "f16.neon.deep") cpu.Add(CpuFeature::kNeonFp16);
  if (id == "f16.no_arithmetic") {
    cpu.Remove(CpuFeature::kNeonFp16);
    cpu.Remove(CpuFeature::kAvx2);
  }
  if (id.starts_with("f32.sme2")) {
    cpu.Add(CpuFeature::kSme2);
    cpu.streaming_vector_bits = std::max<uint32_t>(cpu.streaming_vector_bits, 1024);
  }
  if (id == "f32.sme2.masked") options.cpu.allowed.Remove(CpuFeature::kSme2);
  EXPECT_TRUE(RowOf(id).cpu(options.cpu)) << id;
  return options;
}

void ExpectRowApplies(std::string_view id, const Graph& graph, NodeIndex node) {
  EXPECT_TRUE(RowOf(id).node(graph, graph.nodes[node])) << id;
}

struct Case {
  Graph graph;
  std::vector<Tensor> inputs;
  std::vector<float> expected;
  DataType type;
  float tolerance;
  NodeIndex node = 0;  // that the row is about
};

float WorstError(const Case& c, const std::vector<Tensor>& tensors) {
  const std::vector<float> found = Floats(c.type, tensors.back());
  float worst = 0;
  for (size_t i = 0; i < c.expected.size(); ++i) {
    const float error = std::abs(found[i] - c.expected[i]);
    worst = std::isnan(error) ? std::numeric_limits<float>::infinity() : std::max(worst, error);
  }
  return worst;
}

// With the row: right. Without it, if this CPU is the one: `refused`, or wrong.
void ExpectRemedied(std::string_view id, const Case& c, bool refused) {
  ExpectRowApplies(id, c.graph, c.node);
  const auto with = RunStock(c.graph, c.inputs, OnCpuOf(id));
  ASSERT_TRUE(with) << with.error().message;
  EXPECT_LE(WorstError(c, *with), c.tolerance) << id << " with its remedy";
  if (!RowOf(id).cpu(HostCpuFeatures())) return;
  const auto without = RunStock(c.graph, c.inputs, {.use_remedies = false});
  if (refused) {
    EXPECT_FALSE(without) << id << " is not needed any more";
  } else {
    ASSERT_TRUE(without) << without.error().message;
    // A NaN is wrong too.
    EXPECT_FALSE(WorstError(c, *without) <= c.tolerance) << id << " is not needed any more";
  }
}

Case FullyConnectedCase(DataType type, DataType filter, DataType bias, size_t m, size_t n, size_t k,
                        float tolerance) {
  const auto x = RandomValues(m * k, 1), w = RandomValues(n * k, 2), c = RandomValues(n, 3);
  GraphBuilder b;
  const ValueIndex in = b.Input(type, {m, k});
  const ValueIndex out = b.Output(type, {m, n});
  b.Add(NodeKind::kFullyConnected,
        {in, FloatConstant(b, filter, {n, k}, w), FloatConstant(b, bias, {n}, c)}, {out});
  return {.graph = b.Build(),
          .inputs = {FloatTensor(type, {m, k}, x)},
          .expected = Product(x, w, c, m, n, k),
          .type = type,
          .tolerance = tolerance};
}

TEST(Remedies, AreAllTested) {
  // One TEST below for each; pooling.by_thread has its own in stock_threads_test.cpp.
  const std::set<std::string_view> tested = {
      "f16.avx512fp16.n64", "f16.no_arithmetic", "f16.neon.deep", "bf16", "float.mixed",
      "f16.argmax", "f16.avx512fp16.prelu", "f16.computed_weights", "f16.dynamic", "weights.float",
      "qc4w.amx", "qb4w.avx512vnni", "qb4w.no_avx2", "qd8.convolution.batch", "pooling.by_thread",
      "pool.spaced", "f32.sme2.long_vectors", "f32.sme2.masked", "f32.sme2.quantized_weights",
      "f32.sme2.computed_weights",
      // remedies_reshape_test.cpp
      "f32.computed_weights.kxn", "indirection.channels"};
  std::set<std::string_view> rows;
  for (const Remedy& row : RemedyTable()) {
    rows.insert(row.id);
    EXPECT_FALSE(row.evidence.empty()) << row.id;
  }
  EXPECT_EQ(rows, tested);
}

TEST(Remedies, F16OnAvx512Fp16) {
  ExpectRemedied("f16.avx512fp16.n64", FullyConnectedCase(kF16, kF16, kF16, 1, 64, 4, 4e-3f),
                 /*refused=*/false);
  const Case narrow = FullyConnectedCase(kF16, kF16, kF16, 1, 63, 4, 4e-3f);
  EXPECT_FALSE(RowOf("f16.avx512fp16.n64").node(narrow.graph, narrow.graph.nodes[0]));
}

// What is exported as a depthwise convolution with one group is a product with all output channels.
TEST(Remedies, F16DepthwiseOfOneChannelOnAvx512Fp16) {
  constexpr size_t kOut = 64, kWidth = 4;
  const auto x = RandomValues(kWidth, 1), w = RandomValues(kWidth * kOut, 2);
  std::vector<float> expected(kOut);
  for (size_t i = 0; i < w.size(); ++i) expected[i % kOut] += x[i / kOut] * w[i];
  GraphBuilder b;
  const ValueIndex in = b.Input(kF16, {1, 1, kWidth, 1}), out = b.Output(kF16, {1, 1, 1, kOut});
  b.Add(NodeKind::kDepthwiseConv2d, {in, b.Constant(kF32, {1, 1, kWidth, kOut}, w)}, {out},
        ConvolutionAttributes{.kernel_width = kWidth, .group_output_channels = kOut});
  const Case c = {.graph = b.Build(),
                  .inputs = {FloatTensor(kF16, {1, 1, kWidth, 1}, x)},
                  .expected = expected,
                  .type = kF16,
                  .tolerance = 4e-3f};
  ExpectRemedied("f16.avx512fp16.n64", c, /*refused=*/false);
}

TEST(Remedies, F16WithoutF16Arithmetic) {
  ExpectRemedied("f16.no_arithmetic", FullyConnectedCase(kF16, kF16, kF16, 5, 7, 9, 1e-2f),
                 /*refused=*/true);
}

TEST(Remedies, F16ElementwiseWithoutF16Arithmetic) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF16, {3, 5}), t = b.Internal(kF16, {5, 3});
  const ValueIndex s = b.Internal(kF16, {5, 3}), y = b.Output(kF16, {3, 5});
  b.Add(NodeKind::kStaticTranspose, {x}, {t}, TransposeAttributes{{1, 0}});
  b.Add(NodeKind::kMultiply, {t, t}, {s});
  b.Add(NodeKind::kStaticTranspose, {s}, {y}, TransposeAttributes{{1, 0}});
  const auto in = RandomValues(15, 1);
  std::vector<float> expected(15);
  for (size_t i = 0; i < 15; ++i) expected[i] = in[i] * in[i];
  const Case c = {.graph = b.Build(),
                  .inputs = {FloatTensor(kF16, {3, 5}, in)},
                  .expected = expected,
                  .type = kF16,
                  .tolerance = 1e-3f,
                  .node = 1};
  // XNNPACK has a product of halves that needs no f16 arithmetic, so only the remedied form is
  // judged here; FullyConnected shows that the row is needed.
  ExpectRowApplies("f16.no_arithmetic", c.graph, c.node);
  const auto with = RunStock(c.graph, c.inputs, OnCpuOf("f16.no_arithmetic"));
  ASSERT_TRUE(with) << with.error().message;
  EXPECT_LE(WorstError(c, *with), c.tolerance);
}

TEST(Remedies, DeepF16OnNeon) {
  // Many small addends on a large sum: in f16 they vanish.
  constexpr size_t kDepth = 2048;
  std::vector<float> x(kDepth, 1.0f), w(kDepth, 0.25f);
  w[0] = 512;
  GraphBuilder b;
  const ValueIndex in = b.Input(kF16, {1, kDepth});
  const ValueIndex out = b.Output(kF16, {1, 1});
  b.Add(NodeKind::kFullyConnected, {in, FloatConstant(b, kF16, {1, kDepth}, w)}, {out});
  ExpectRemedied("f16.neon.deep",
                 {.graph = b.Build(),
                  .inputs = {FloatTensor(kF16, {1, kDepth}, x)},
                  .expected = {1023.75f},
                  .type = kF16,
                  .tolerance = 1.0f},
                 /*refused=*/false);
}

TEST(Remedies, BF16) {
  ExpectRemedied("bf16", FullyConnectedCase(kBF16, kBF16, kF32, 5, 7, 9, 2e-2f), /*refused=*/true);
}

TEST(Remedies, MixedFloats) {
  const auto x = RandomValues(12, 1), z = RandomValues(12, 2);
  GraphBuilder b;
  const ValueIndex a = b.Input(kF16, {12}), c = b.Input(kF32, {12}), y = b.Output(kF32, {12});
  b.Add(NodeKind::kAdd, {a, c}, {y});
  std::vector<float> expected(12);
  for (size_t i = 0; i < 12; ++i) expected[i] = x[i] + z[i];
  ExpectRemedied("float.mixed",
                 {.graph = b.Build(),
                  .inputs = {FloatTensor(kF16, {12}, x), FloatTensor(kF32, {12}, z)},
                  .expected = expected,
                  .type = kF32,
                  .tolerance = 0},
                 /*refused=*/true);
}

TEST(Remedies, ArgMaxOfF16) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF16, {1, 2, 2, 1});
  const ValueIndex i = b.Output(kInt32, {1, 1, 1, 1}), y = b.Output(kF16, {1, 1, 1, 1});
  b.Add(NodeKind::kArgMaxPooling2d, {x}, {y, i},
        PoolingAttributes{
            .pooling_height = 2, .pooling_width = 2, .stride_height = 2, .stride_width = 2});
  ExpectRemedied("f16.argmax",
                 {.graph = b.Build(),
                  .inputs = {FloatTensor(kF16, {1, 2, 2, 1}, {1, 5, 3, 2})},
                  .expected = {5},
                  .type = kF16,
                  .tolerance = 0},
                 /*refused=*/true);
}

TEST(Remedies, PReluOfOneSlopeInF16) {
  const std::vector<float> x = RandomValues(31, 1);
  std::vector<float> expected;
  for (float value : x) expected.push_back(value < 0 ? value / 4 : value);
  GraphBuilder b;
  const ValueIndex in = b.Input(kF16, {31}), slope = b.Input(kF16, {1});
  const ValueIndex out = b.Output(kF16, {31});
  b.Add(NodeKind::kPReLU, {in, slope}, {out});
  ExpectRemedied("f16.avx512fp16.prelu",
                 {.graph = b.Build(),
                  .inputs = {FloatTensor(kF16, {31}, x), FloatTensor(kF16, {1}, {0.25f})},
                  .expected = expected,
                  .type = kF16,
                  .tolerance = 4e-3f},
                 /*refused=*/false);
}

Case ComputedWeightsCase(DataType type, float tolerance) {
  const auto x = RandomValues(5 * 8, 1), w = RandomValues(3 * 8, 2);
  GraphBuilder b;
  const ValueIndex a = b.Input(type, {5, 8}), c = b.Input(type, {3, 8});
  const ValueIndex y = b.Output(type, {5, 3});
  b.Add(NodeKind::kFullyConnected, {a, c}, {y});
  return {.graph = b.Build(),
          .inputs = {FloatTensor(type, {5, 8}, x), FloatTensor(type, {3, 8}, w)},
          .expected = Product(x, w, {}, 5, 3, 8),
          .type = type,
          .tolerance = tolerance};
}

TEST(Remedies, ComputedF16Weights) {
  ExpectRemedied("f16.computed_weights", ComputedWeightsCase(kF16, 1e-2f), /*refused=*/true);
}

TEST(Remedies, WeightsOfAnotherFloatType) {
  struct {
    DataType type, filter, bias;
  } const kCases[] = {
      {kF32, kF16, kF16}, {kF32, kF16, kF32}, {kF16, kF16, kF32}, {kF16, kF32, kF16}};
  for (const auto& c : kCases) {
    SCOPED_TRACE(std::format("{}.{}.{}", Name(c.type), Name(c.filter), Name(c.bias)));
    ExpectRemedied("weights.float", FullyConnectedCase(c.type, c.filter, c.bias, 5, 7, 9, 1e-2f),
                   /*refused=*/true);
  }
}

Case ChannelInt4Case(size_t m, size_t k) {
  constexpr size_t kN = 5;
  const auto x = RandomValues(m * k, 1);
  std::vector<int> q(kN * k);
  std::vector<float> real(q.size()), scales;
  for (size_t i = 0; i < kN; ++i) scales.push_back(static_cast<float>(i + 1) / 64);
  for (size_t i = 0; i < q.size(); ++i) {
    q[i] = static_cast<int>(i * 7919 % 16) - 8;
    real[i] = static_cast<float>(q[i]) * scales[i / k];
  }
  GraphBuilder b;
  const ValueIndex in = b.Input(kF32, {m, k}), out = b.Output(kF32, {m, kN});
  const ValueIndex d = b.Internal(kQDInt8, {m, k}, PerTokenQuantization{1});
  b.Add(NodeKind::kConvert, {in}, {d});
  b.Add(NodeKind::kFullyConnected,
        {d, b.Constant(kQCInt4, {kN, k}, PackInt4(q, k), b.PerChannel(0, scales))}, {out});
  const auto expected = Product(QuantizedRows(x, m, k), real, {}, m, kN, k);
  float largest = 0;
  for (float y : expected) largest = std::max(largest, std::abs(y));
  return {.graph = b.Build(),
          .inputs = {Tensor::Of({m, k}, x)},
          .expected = expected,
          .type = kF32,
          .tolerance = largest * 2e-3f,
          .node = 1};
}

TEST(Remedies, ChannelInt4OnAmx) {
  for (const size_t m : {1, 2, 16, 17}) {
    for (const size_t k : {61, 65}) {
      SCOPED_TRACE(std::format("m{}.k{}", m, k));
      ExpectRemedied("qc4w.amx", ChannelInt4Case(m, k), /*refused=*/false);
    }
  }
}

Case BlockwiseInt4Case(DataType type, size_t m) {
  constexpr size_t kN = 6, kK = 64;
  const auto x = RandomValues(m * kK, static_cast<uint32_t>(m));
  std::vector<int> q(kN * kK);
  std::vector<float> real(q.size());
  std::vector<uint16_t> scales;
  for (size_t i = 0; i < q.size(); ++i) {
    q[i] = static_cast<int>(i * 7919 % 16) - 8;
    real[i] = static_cast<float>(q[i]) * static_cast<float>(i / 32 + 1) / 64;
  }
  for (size_t i = 0; i < q.size() / 32; ++i) {
    scales.push_back(BF16FromF32(static_cast<float>(i + 1) / 64));
  }
  GraphBuilder b;
  const ValueIndex in = b.Input(type, {m, kK});
  const ValueIndex out = b.Output(type, {m, kN});
  const ValueIndex d = b.Internal(kQDInt8, {m, kK}, PerTokenQuantization{1});
  b.Add(NodeKind::kConvert, {in}, {d});
  b.Add(NodeKind::kFullyConnected,
        {d, b.Constant(kQBInt4, {kN, kK}, PackInt4(q, kK), b.PerGroup(0, 32, scales))}, {out});
  const auto expected = Product(QuantizedRows(x, m, kK), real, {}, m, kN, kK);
  float largest = 0;
  for (float y : expected) largest = std::max(largest, std::abs(y));
  return {.graph = b.Build(),
          .inputs = {FloatTensor(type, {m, kK}, x)},
          .expected = expected,
          .type = type,
          .tolerance = largest * (type == kF32 ? 2e-3f : 1e-2f),
          .node = 1};
}

TEST(Remedies, BlockwiseInt4OnAvx512Vnni) {
  // What the kernel reads beyond the parameters is whatever lies there: not every one of these is
  // wrong every time.
  bool is_the_cpu = RowOf("qb4w.avx512vnni").cpu(HostCpuFeatures());
#if defined(__x86_64__)
  // XNNPACK takes that kernel where there is GFNI too; the row is wider than it need be.
  is_the_cpu = is_the_cpu && __builtin_cpu_supports("gfni");
#endif
  bool is_ever_wrong = false;
  for (const size_t m : {15, 16, 17, 29, 30, 31}) {
    const Case c = BlockwiseInt4Case(kF32, m);
    ExpectRowApplies("qb4w.avx512vnni", c.graph, c.node);
    if (!is_the_cpu) continue;
    const auto without = RunStock(c.graph, c.inputs, {.use_remedies = false});
    ASSERT_TRUE(without) << without.error().message;
    is_ever_wrong |= WorstError(c, *without) > c.tolerance;
  }
  EXPECT_EQ(is_ever_wrong, is_the_cpu) << "the row is not needed any more";
  // Whole tiles, single rows and the other float types go the same way.
  for (const size_t m : {1, 2, 3, 13, 14, 15, 16, 17, 29}) {
    for (const DataType type : {kF32, kF16, kBF16}) {
      SCOPED_TRACE(std::format("{}.m{}", Name(type), m));
      const Case c = BlockwiseInt4Case(type, m);
      const auto out = RunStock(c.graph, c.inputs, OnCpuOf("qb4w.avx512vnni"));
      ASSERT_TRUE(out) << out.error().message;
      EXPECT_LE(WorstError(c, *out), c.tolerance);
    }
  }
}

// Without the row the process would end, so that only the refusal can be shown.
TEST(Remedies, BlockwiseInt4WithoutAvx2) {
  const Case c = BlockwiseInt4Case(kF32, 2);
  ExpectRowApplies("qb4w.no_avx2", c.graph, c.node);
  const auto out = RunStock(c.graph, c.inputs, OnCpuOf("qb4w.no_avx2"));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, ErrorCode::kNotSupported);
  EXPECT_THAT(out.error().message, AllOf(HasSubstr("node 1 FullyConnected"),
                                         HasSubstr("misaligned"), HasSubstr("qb4w.no_avx2")));
}

TEST(Remedies, StandaloneStepsFollowTheirInputsShapes) {
  const Case c = BlockwiseInt4Case(kF32, 64);
  const auto runner = StockRunner::Create(c.graph, OnCpuOf("qb4w.avx512vnni"));
  ASSERT_TRUE(runner) << runner.error().message;
  EXPECT_TRUE(std::holds_alternative<StockOperatorStep>((*runner)->plan().steps[0]));
  const auto x = c.inputs[0].As<float>();
  for (const size_t rows : {3, 64, 0, 16}) {
    const std::vector<float> some(x.begin(), x.begin() + static_cast<ptrdiff_t>(rows * 64));
    const auto out = (*runner)->Run({Tensor::Of({rows, 64}, some)});
    ASSERT_TRUE(out) << out.error().message;
    ExpectNear((*out)[1].As<float>(),
               {c.expected.begin(), c.expected.begin() + static_cast<ptrdiff_t>(rows * 6)},
               c.tolerance);
  }
}

TEST(Remedies, DynamicQuantizationOfF16) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF16, {2, 4});
  const ValueIndex q = b.Internal(kQDInt8, {2, 4}, PerTokenQuantization{1});
  const ValueIndex w =
      b.Constant(kQCInt8, {1, 4}, std::vector<int8_t>{100, 50, -20, 10}, b.PerChannel(0, {0.01f}));
  const ValueIndex y = b.Output(kF32, {2, 1});
  b.Add(NodeKind::kConvert, {x}, {q});
  b.Add(NodeKind::kFullyConnected, {q, w}, {y});
  const Graph graph = b.Build();
  // A row of small numbers, and the same numbers large.
  const std::vector<float> row = {0.5f, -0.25f, 0.75f, -1.0f};
  std::vector<float> values;
  for (const float value : row) values.push_back(value * 0x1p-11f);
  values.insert(values.end(), row.begin(), row.end());
  const float product = 0.5f - 0.125f - 0.15f - 0.1f;
  // A step of the input, 1.75 / 255, times the sum of the weights.
  const float tolerance = 1.75f / 255 * 1.8f;
  const auto is_right = [&](const std::vector<float>& got) {
    return std::abs(got[0] - product * 0x1p-11f) <= tolerance * 0x1p-11f &&
           std::abs(got[1] - product) <= tolerance;
  };
  ExpectRowApplies("f16.dynamic", graph, 0);
  const Tensor input = FloatTensor(kF16, {2, 4}, values);
  const auto without = RunStock(graph, {input}, {.use_remedies = false});
  // Where there is no f16 arithmetic it is refused.
  EXPECT_FALSE(without && is_right((*without)[1].As<float>())) << "the row is not needed any more";
  const auto out = RunStock(graph, {input}, {});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_TRUE(is_right((*out)[1].As<float>())) << testing::PrintToString((*out)[1].As<float>());
}

Graph DynamicConvolution(NodeKind kind, size_t batch) {
  constexpr uint32_t kIn = 3, kOut = 5;
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {batch, 4, 6, kIn});
  const ValueIndex q = b.Internal(kQDInt8, {batch, 4, 6, kIn}, PerTokenQuantization{3});
  const ValueIndex y = b.Output(kF32, {batch, 4, 6, kOut});
  std::vector<int8_t> filter(kOut * 9 * kIn);
  for (size_t i = 0; i < filter.size(); ++i) filter[i] = static_cast<int8_t>(i * 37 % 255);
  const ValueIndex w = b.Constant(kQCInt8, {kOut, 3, 3, kIn}, filter,
                                  b.PerChannel(0, std::vector<float>(kOut, 0.01f)));
  const ValueIndex bias = b.Constant(kF32, {kOut}, std::vector<float>(kOut, 0.5f));
  b.Add(NodeKind::kConvert, {x}, {q});
  b.Add(kind, {q, w, bias}, {y},
        ConvolutionAttributes{.padding_top = 1,
                              .padding_right = 1,
                              .padding_bottom = 1,
                              .padding_left = 1,
                              .kernel_height = 3,
                              .kernel_width = 3,
                              .group_input_channels = kIn,
                              .group_output_channels = kOut});
  return b.Build();
}

// Stock frees what it never allocated, which may end the process: that it is wrong is not run.
TEST(Remedies, DynamicConvolutionsOfChangingBatches) {
  constexpr size_t kImage = 4 * 6 * 3;
  for (const NodeKind kind : {NodeKind::kConv2d, NodeKind::kConvTranspose2d}) {
    SCOPED_TRACE(Info(kind).name);
    const Graph graph = DynamicConvolution(kind, 4), alone = DynamicConvolution(kind, 1);
    ExpectRowApplies("qd8.convolution.batch", graph, 1);
    EXPECT_FALSE(RowOf("qd8.convolution.batch").node(alone, alone.nodes[1]));
    const auto runner = StockRunner::Create(graph, {});
    ASSERT_TRUE(runner) << runner.error().message;
    for (const size_t batch : {1, 3, 1, 4, 2, 4}) {
      std::vector<float> x(batch * kImage);
      for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 71 % 113) / 7 - 5;
      const auto out = (*runner)->Run({Tensor::Of({batch, 4, 6, 3}, x)});
      ASSERT_TRUE(out) << out.error().message;
      std::vector<float> expected;
      for (size_t i = 0; i < batch; ++i) {
        const std::vector<float> image(x.begin() + static_cast<ptrdiff_t>(i * kImage),
                                       x.begin() + static_cast<ptrdiff_t>((i + 1) * kImage));
        const auto one = RunStock(alone, {Tensor::Of({1, 4, 6, 3}, image)}, {});
        ASSERT_TRUE(one) << one.error().message;
        const std::vector<float> answer = (*one)[1].As<float>();
        expected.insert(expected.end(), answer.begin(), answer.end());
      }
      EXPECT_EQ((*out)[1].As<float>(), expected) << batch << " images";
    }
  }
}

TEST(Remedies, PoolsThatLeaveOutElements) {
  for (const NodeKind kind : {NodeKind::kMaxPooling2d, NodeKind::kAvgPooling2d}) {
    const bool is_max = kind == NodeKind::kMaxPooling2d;
    GraphBuilder b;
    const ValueIndex x = b.Input(kF32, {1, 1, 5, 1});
    const ValueIndex y = b.Output(kF32, {1, 1, 2, 1});
    b.Add(kind, {x}, {y}, PoolingAttributes{.pooling_width = is_max ? 2u : 1u, .stride_width = 3});
    const Case c{.graph = b.Build(),
                 .inputs = {FloatTensor(kF32, {1, 1, 5, 1}, {1, 5, 7, 3, 2})},
                 .expected = is_max ? std::vector<float>{5, 3} : std::vector<float>{1, 3},
                 .type = kF32,
                 .tolerance = 0};
    ExpectRemedied("pool.spaced", c, /*refused=*/true);
  }
}

// The rest of the graph keeps its batch.
TEST(Remedies, DynamicConvolutionBetweenOtherNodes) {
  Graph graph = DynamicConvolution(NodeKind::kConv2d, 4);
  const auto x = RandomValues(4 * 4 * 6 * 3, 1);
  const auto expected = RunStock(graph, {Tensor::Of({4, 4, 6, 3}, x)}, {});
  ASSERT_TRUE(expected) << expected.error().message;
  // The input's negative is negated in the graph, and the output takes another shape.
  graph.values.push_back(graph.values[0]);
  graph.values.push_back(graph.values[2]);
  const auto negated = static_cast<ValueIndex>(graph.values.size() - 2), flat = negated + 1;
  for (const ValueIndex inner : {negated, ValueIndex{2}}) {
    graph.values[inner].is_external_input = graph.values[inner].is_external_output = false;
    graph.values[inner].external_id.reset();
  }
  graph.values[negated].id = negated;
  graph.values[flat].id = flat;
  graph.values[flat].dims = {4, 4 * 6 * 5};
  graph.nodes[0].inputs = {negated};
  Node negate, reshape;
  negate.kind = NodeKind::kNegate;
  negate.inputs = {0};
  negate.outputs = {negated};
  reshape.kind = NodeKind::kStaticReshape;
  reshape.inputs = {2};
  reshape.outputs = {flat};
  reshape.attributes = ReshapeAttributes{{4, 4 * 6 * 5}};
  graph.nodes.insert(graph.nodes.begin(), negate);
  graph.nodes.push_back(reshape);
  std::vector<float> minus_x;
  for (const float value : x) minus_x.push_back(-value);
  const auto out = RunStock(graph, {Tensor::Of({4, 4, 6, 3}, minus_x)}, {});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ((*out)[1].As<float>(), (*expected)[1].As<float>());
}

// Stock aborts here instead of refusing, so that it is wrong is not run.
TEST(Remedies, F32OnLongSme2Vectors) {
  for (const DataType type : {kF32, kF16, kBF16}) {
    SCOPED_TRACE(Name(type));
    const Case c = FullyConnectedCase(type, type, kF32, 5, 7, 160, type == kF32 ? 1e-4f : 1e-1f);
    ExpectRowApplies("f32.sme2.long_vectors", c.graph, 0);
    const RunnerOptions options = OnCpuOf("f32.sme2.long_vectors");
    EXPECT_TRUE(NodesWithStandaloneStep(c.graph, options.cpu)[0]);
    const auto out = RunStock(c.graph, c.inputs, options);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_LE(WorstError(c, *out), c.tolerance);
  }
}

// Stock is right here, but on the instructions that the mask forbids; that the operator is another
// path shows in the plan.
TEST(Remedies, F32OnMaskedSme2) {
  for (const DataType type : {kF32, kF16, kBF16}) {
    SCOPED_TRACE(Name(type));
    const Case c = FullyConnectedCase(type, type, kF32, 5, 7, 160, type == kF32 ? 1e-4f : 1e-1f);
    ExpectRowApplies("f32.sme2.masked", c.graph, 0);
    const RunnerOptions options = OnCpuOf("f32.sme2.masked");
    EXPECT_TRUE(NodesWithStandaloneStep(c.graph, options.cpu)[0]);
    const auto out = RunStock(c.graph, c.inputs, options);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_LE(WorstError(c, *out), c.tolerance);
  }
  // A shallow product of f16 knows no SME in a subgraph.
  const Case f16 = FullyConnectedCase(kF16, kF16, kF16, 5, 7, 9, 1e-2f);
  EXPECT_FALSE(RowOf("f32.sme2.masked").node(f16.graph, f16.graph.nodes[0]));
  // Without SME2, or without a mask, there is nothing to keep away from.
  CpuFeatures sme2 = HostCpuFeatures(), less = HostCpuFeatures();
  sme2.Add(CpuFeature::kSme2);
  less.Remove(CpuFeature::kSme2);
  EXPECT_FALSE(RowOf("f32.sme2.masked").cpu(sme2));
  EXPECT_FALSE(RowOf("f32.sme2.masked").cpu(less));
}

TEST(Remedies, F32WithQuantizedWeightsOnSme2) {
  const auto x = RandomValues(5 * 32, 1);
  std::vector<int8_t> w(7 * 32);
  std::vector<float> real(w.size());
  for (size_t i = 0; i < w.size(); ++i) {
    w[i] = static_cast<int8_t>(i * 37 % 255 - 127);
    real[i] = static_cast<float>(w[i]) / 128;
  }
  GraphBuilder b;
  const ValueIndex in = b.Input(kF32, {5, 32}), out = b.Output(kF32, {5, 7});
  b.Add(NodeKind::kFullyConnected,
        {in, b.Constant(kQCInt8, {7, 32}, w, b.PerChannel(0, std::vector<float>(7, 1.0f / 128)))},
        {out});
  const Case c = {.graph = b.Build(),
                  .inputs = {FloatTensor(kF32, {5, 32}, x)},
                  .expected = Product(x, real, {}, 5, 7, 32),
                  .type = kF32,
                  .tolerance = 1e-4f};
  ExpectRowApplies("f32.sme2.quantized_weights", c.graph, 0);
  const RunnerOptions options = OnCpuOf("f32.sme2.quantized_weights");
  EXPECT_TRUE(NodesWithStandaloneStep(c.graph, options.cpu)[0]);
  const auto result = RunStock(c.graph, c.inputs, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_LE(WorstError(c, *result), c.tolerance);
}

TEST(Remedies, ComputedF32WeightsOnSme2) {
  ExpectRemedied("f32.sme2.computed_weights", ComputedWeightsCase(kF32, 1e-4f), /*refused=*/false);
}

}  // namespace
}  // namespace switchyard::test
