#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "partition_rules/rule.h"
#include "test/support/graph_builder.h"
#include "test/unit/partition_rules/rule_cases.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using test::Ids;
using test::Judge;
using test::Messages;
using test::VerdictText;
using testing::ElementsAre;
using enum DataType;

constexpr size_t kN = 5;

// One FullyConnected of kN columns. Every field is one that a rule looks at.
struct Layer {
  Variant variant = Variant::kPf32;
  DataType weights = kF32;
  std::optional<Dims> input = std::nullopt;  // [2, 3, depth] unless given
  size_t depth = 64;
  bool input_is_constant = false;
  DataType source = kF32;  // under the Convert of a dynamic input
  uint32_t nonbatch_dims = 1;
  bool weights_are_constant = true;
  bool kxn = false;
  int32_t weight_zero_point = 0;
  uint32_t group_size = 32;
  std::optional<DataType> bias = std::nullopt;  // none unless given
  bool bias_is_constant = true;
  std::optional<DataType> output = std::nullopt;  // that of the variant unless given
  float output_scale = 0.5f;
};

Layer Pf32() { return {.variant = Variant::kPf32, .weights = kF32}; }
Layer Pf16() { return {.variant = Variant::kPf16, .weights = kF16}; }
Layer Qc8w() { return {.variant = Variant::kQp8F32Qc8w, .weights = kQCInt8}; }
Layer Pqs8() { return {.variant = Variant::kPqs8Qc8w, .weights = kQCInt8}; }
Layer Qb4w() { return {.variant = Variant::kQp8F32Qb4w, .weights = kQBInt4}; }

class Build {
 public:
  explicit Build(const Layer& layer) : layer_(layer) {}

  Graph operator()() {
    const ValueIndex input = Input();
    const ValueIndex weights = Weights();
    std::vector<ValueIndex> inputs = {input, weights};
    if (layer_.bias) inputs.push_back(Bias());
    Dims dims = InputDims();
    dims[dims.rank() - 1] = kN;
    const DataType type = layer_.output.value_or(VariantOutput());
    const ValueIndex output = builder_.Output(type, dims, QuantizationOf(type));
    Node& node = builder_.Add(NodeKind::kFullyConnected, inputs, {output});
    if (layer_.kxn) node.flags = kFlagTransposeWeights;
    return builder_.Build();
  }

 private:
  Dims InputDims() const { return layer_.input.value_or(Dims{2, 3, layer_.depth}); }

  DataType VariantOutput() const {
    if (layer_.variant == Variant::kPf16) return kF16;
    return layer_.variant == Variant::kPqs8Qc8w ? kQInt8 : kF32;
  }

  Quantization QuantizationOf(DataType type) const {
    if (type == kQInt8) return PerTensorQuantization{layer_.output_scale, 3};
    return {};
  }

  ValueIndex Argument(DataType type, Quantization quantization = {}) {
    if (!layer_.input_is_constant) return builder_.Input(type, InputDims(), quantization);
    const std::vector<std::byte> bytes(*TensorBytes(type, InputDims()));
    return builder_.Constant(type, InputDims(), bytes, quantization);
  }

  ValueIndex Input() {
    switch (layer_.variant) {
      case Variant::kPf32:
        return Argument(kF32);
      case Variant::kPf16:
        return Argument(kF16);
      case Variant::kPqs8Qc8w:
        return Argument(kQInt8, PerTensorQuantization{0.25f, -7});
      case Variant::kQp8F32Qc8w:
      case Variant::kQp8F32Qb4w: {
        const ValueIndex x = Argument(layer_.source, QuantizationOf(layer_.source));
        const ValueIndex quantized =
            builder_.Internal(kQDInt8, InputDims(), PerTokenQuantization{layer_.nonbatch_dims});
        builder_.Add(NodeKind::kConvert, {x}, {quantized});
        return quantized;
      }
    }
    return kNoValue;
  }

  ValueIndex Weights() {
    const Dims dims = layer_.kxn ? Dims{layer_.depth, kN} : Dims{kN, layer_.depth};
    Quantization quantization;
    if (layer_.weights == kQInt8) {
      quantization = PerTensorQuantization{0.125f, layer_.weight_zero_point};
    } else if (layer_.weights == kQCInt8 || layer_.weights == kQCInt4) {
      quantization = builder_.PerChannel(layer_.kxn ? 1 : 0, std::vector<float>(kN, 0.125f));
    } else if (layer_.weights == kQBInt4) {
      const size_t groups = kN * (layer_.depth / layer_.group_size);
      const std::vector<uint16_t> ones(groups, 0x3F80);
      quantization = builder_.PerGroup(0, layer_.group_size, ones);
    }
    if (!layer_.weights_are_constant && IsFloat(layer_.weights)) {
      return builder_.Input(layer_.weights, dims);
    }
    const ValueIndex constant =
        builder_.Constant(layer_.weights, dims,
                          std::vector<std::byte>(*TensorBytes(layer_.weights, dims)), quantization);
    if (layer_.weights_are_constant) return constant;
    const ValueIndex copy = builder_.Internal(layer_.weights, dims, quantization);
    builder_.Add(NodeKind::kCopy, {constant}, {copy});
    return copy;
  }

  ValueIndex Bias() {
    Quantization quantization;
    if (*layer_.bias == kQInt32) quantization = PerTensorQuantization{0.03125f, 0};
    if (*layer_.bias == kQCInt32) {
      quantization = builder_.PerChannel(0, std::vector<float>(kN, 0.03125f));
    }
    const ValueIndex constant = builder_.Constant(
        *layer_.bias, {kN}, std::vector<std::byte>(*TensorBytes(*layer_.bias, {kN})), quantization);
    if (layer_.bias_is_constant) return constant;
    const ValueIndex copy = builder_.Internal(*layer_.bias, {kN}, quantization);
    builder_.Add(NodeKind::kCopy, {constant}, {copy});
    return copy;
  }

  const Layer layer_;
  GraphBuilder builder_;
};

std::function<Graph()> Maker(const Layer& layer) {
  return [layer] { return Build(layer)(); };
}

// A layer with changes.
template <typename Change>
Layer With(Layer layer, Change change) {
  change(layer);
  return layer;
}

std::string TextOf(const Layer& layer) {
  const Graph graph = Build(layer)();
  return VerdictText(Judge(graph));
}

TEST(FullyConnectedRules, pf32) {
  EXPECT_EQ(TextOf(Pf32()), "fc pf32 6x5x64 fp32 x fp32 nxk -> fp32");
}

TEST(FullyConnectedRules, pf32_f16_weights) {
  EXPECT_EQ(TextOf(With(Pf32(), [](Layer& l) { l.weights = kF16; })),
            "fc pf32 6x5x64 fp32 x fp16 nxk -> fp32");
}

TEST(FullyConnectedRules, pf16) {
  EXPECT_EQ(TextOf(Pf16()), "fc pf16 6x5x64 fp16 x fp16 nxk -> fp16");
}

TEST(FullyConnectedRules, pf16_f32_weights) {
  EXPECT_EQ(TextOf(With(Pf16(), [](Layer& l) { l.weights = kF32; })),
            "fc pf16 6x5x64 fp16 x fp32 nxk -> fp16");
}

TEST(FullyConnectedRules, qp8_f32_qc8w) {
  EXPECT_EQ(TextOf(Qc8w()), "fc qp8_f32_qc8w 6x5x64 fp32 x qcint8 nxk -> fp32");
}

// What lies in memory is the value under the Convert.
TEST(FullyConnectedRules, qp8_f32_qc8w_f16_source) {
  EXPECT_EQ(TextOf(With(Qc8w(), [](Layer& l) { l.source = kF16; })),
            "fc qp8_f32_qc8w 6x5x64 fp16 x qcint8 nxk -> fp32");
}

TEST(FullyConnectedRules, pqs8_qc8w_per_channel) {
  EXPECT_EQ(TextOf(Pqs8()), "fc pqs8_qc8w 6x5x64 qint8 x qcint8 nxk -> qint8");
}

TEST(FullyConnectedRules, pqs8_qc8w_per_tensor) {
  EXPECT_EQ(TextOf(With(Pqs8(), [](Layer& l) { l.weights = kQInt8; })),
            "fc pqs8_qc8w 6x5x64 qint8 x qint8 nxk -> qint8");
}

TEST(FullyConnectedRules, qp8_f32_qb4w_groups) {
  EXPECT_EQ(TextOf(Qb4w()), "fc qp8_f32_qb4w 6x5x64 blocks of 32 fp32 x qbint4 nxk -> fp32");
  EXPECT_EQ(TextOf(With(Qb4w(), [](Layer& l) { l.group_size = 64; })),
            "fc qp8_f32_qb4w 6x5x64 blocks of 64 fp32 x qbint4 nxk -> fp32");
  EXPECT_EQ(TextOf(With(Qb4w(),
                        [](Layer& l) {
                          l.depth = 192;
                          l.group_size = 96;
                        })),
            "fc qp8_f32_qb4w 6x5x192 blocks of 96 fp32 x qbint4 nxk -> fp32");
}

TEST(FullyConnectedRules, weights_kxn) {
  for (Layer layer : {Pf32(), Pf16(), Qc8w(), Pqs8()}) {
    const Graph plain = Build(layer)();
    layer.kxn = true;
    const Graph transposed = Build(layer)();
    const Verdict expected = Judge(plain), verdict = Judge(transposed);
    ASSERT_TRUE(expected.problem && verdict.problem);
    EXPECT_FALSE(expected.problem->rhs_is_kxn);
    EXPECT_TRUE(verdict.problem->rhs_is_kxn);
    GemmProblem same = *verdict.problem;
    same.rhs_is_kxn = false;
    EXPECT_EQ(test::ToText(same), test::ToText(*expected.problem));
  }
}

TEST(FullyConnectedRules, every_rank_is_rows) {
  const std::pair<Dims, size_t> kCases[] = {
      {{64}, 1}, {{7, 64}, 7}, {{2, 3, 4, 64}, 24}, {{2, 3, 1, 2, 2, 64}, 24}};
  for (const auto& [dims, rows] : kCases) {
    const Graph graph = Build(With(Pf32(), [&dims](Layer& l) { l.input = dims; }))();
    const Verdict verdict = Judge(graph);
    ASSERT_TRUE(verdict.problem) << ToString(dims);
    EXPECT_EQ(verdict.problem->m, rows) << ToString(dims);
  }
}

TEST(FullyConnectedRules, bias_of_every_type) {
  const struct {
    Layer layer;
    std::vector<DataType> types;
  } kCases[] = {{Pf32(), {kF32, kF16}},
                {Pf16(), {kF32, kF16}},
                {Qc8w(), {kF32, kF16}},
                {Pqs8(), {kQInt32, kQCInt32, kInt32}},
                {Qb4w(), {kF32, kF16}}};
  for (const auto& [layer, types] : kCases) {
    const std::string without = TextOf(layer);
    for (const DataType type : types) {
      EXPECT_EQ(TextOf(With(layer, [&](Layer& l) { l.bias = type; })), without) << Name(type);
    }
  }
}

// 2^-32 is the least ratio, 64 the first that is too large.
TEST(FullyConnectedRules, requantization_limits) {
  const auto ratio = [](float r) {
    const Graph graph = Build(With(Pqs8(), [&](Layer& l) { l.output_scale = 0.03125f / r; }))();
    return Ids(Judge(graph));
  };
  EXPECT_THAT(ratio(0x1p-32f), ElementsAre());
  EXPECT_THAT(ratio(0x1p-33f), ElementsAre(ReasonId::kProductRequantization));
  EXPECT_THAT(ratio(32.0f), ElementsAre());
  EXPECT_THAT(ratio(64.0f), ElementsAre(ReasonId::kProductRequantization));
}

// Only the last channel's scale is too small.
TEST(FullyConnectedRules, requantization_of_every_channel) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kQInt8, {2, 4}, PerTensorQuantization{1, 0});
  const ValueIndex w =
      b.Constant(kQCInt8, {3, 4}, std::vector<int8_t>(12), b.PerChannel(0, {1.0f, 1.0f, 0x1p-40f}));
  const ValueIndex y = b.Output(kQInt8, {2, 3}, PerTensorQuantization{1, 0});
  b.Add(NodeKind::kFullyConnected, {x, w}, {y});
  const Graph graph = b.Build();
  EXPECT_THAT(Messages(Judge(graph)), ElementsAre(testing::HasSubstr("for channel 2, expected")));
}

TEST(FullyConnectedRules, refusals) {
  std::vector<test::RefusingCase> cases;
  const auto add = [&](const Layer& layer, ReasonId reason, std::string message, auto change) {
    cases.push_back({layer.variant, reason, std::move(message), Maker(With(layer, change)), ""});
  };
  for (const Layer& layer : {Pf32(), Pf16(), Qc8w(), Pqs8(), Qb4w()}) {
    const bool is_int8 = layer.variant == Variant::kPqs8Qc8w;
    const DataType good_bias = is_int8 ? kQInt32 : kF32, bad_bias = is_int8 ? kF32 : kInt32;
    add(layer, ReasonId::kProductInputConstant, "a constant, expected an argument",
        [](Layer& l) { l.input_is_constant = true; });
    add(layer, ReasonId::kProductWeightsConstant, "an argument or computed, expected a constant",
        [](Layer& l) { l.weights_are_constant = false; });
    add(layer, ReasonId::kProductBiasConstant,
        "an argument or computed, expected none, or a constant", [=](Layer& l) {
          l.bias = good_bias;
          l.bias_is_constant = false;
        });
    add(layer, ReasonId::kProductBiasType,
        is_int8 ? "type of the bias: fp32, expected none, int32, qint32 or qcint32"
                : "type of the bias: int32, expected none, fp32 or fp16",
        [=](Layer& l) { l.bias = bad_bias; });
    add(layer, ReasonId::kProductOutputType, "type of the output: ", [](Layer& l) {
      l.output = l.variant == Variant::kPf16 || l.variant == Variant::kPqs8Qc8w ? kF32 : kF16;
    });
    add(layer, ReasonId::kFcEmpty, "shape: [0, 64], expected at least 1",
        [](Layer& l) { l.input = Dims{0, 64}; });
  }
  for (const Layer& layer : {Qc8w(), Qb4w()}) {
    add(layer, ReasonId::kFcDynamicSource, "a Convert of qint8, expected one of fp32 or fp16",
        [](Layer& l) { l.source = kQInt8; });
    add(layer, ReasonId::kFcDynamicRows, "2 dimensions share parameters, expected 1",
        [](Layer& l) { l.nonbatch_dims = 2; });
    cases.back().shapes_refuse = "quantized dynamically over the last 2 dimensions";
  }
  add(Pqs8(), ReasonId::kProductWeightZeroPoint, "zero point of the weights: 5, expected 0",
      [](Layer& l) {
        l.weights = kQInt8;
        l.weight_zero_point = 5;
      });
  add(Pqs8(), ReasonId::kProductRequantization, "expected at least 2^-32 and below 64",
      [](Layer& l) { l.output_scale = 0x1p-20f; });
  add(Qb4w(), ReasonId::kFcQb4wGroup,
      "group size: 48, expected a multiple of 32 that divides the 96 input channels; export with "
      "group_size=32 [fc.qb4w.group]",
      [](Layer& l) {
        l.depth = 96;
        l.group_size = 48;
      });
  Layer types = Qc8w();
  types.weights = kQCInt4;
  cases.push_back({std::nullopt, ReasonId::kProductTypes,
                   "qdint8 x qcint4, expected one of fp32 x fp32, fp32 x fp16, fp16 x fp32, "
                   "fp16 x fp16, qdint8 x qcint8, qint8 x qcint8, qint8 x qint8, qdint8 x qbint4; "
                   "quantize or cast",
                   Maker(types), ""});
  test::ExpectRefusals(kFullyConnectedRules, cases);
}

TEST(FullyConnectedRules, all_reasons_at_once) {
  const Graph graph = Build(With(Pqs8(), [](Layer& l) {
    l.weights = kQInt8;
    l.weights_are_constant = false;
    l.weight_zero_point = 1;
    l.bias = kF32;
    l.bias_is_constant = false;
    l.output_scale = 0x1p-20f;
  }))();
  EXPECT_THAT(Ids(Judge(graph)),
              ElementsAre(ReasonId::kProductWeightsConstant, ReasonId::kProductBiasConstant,
                          ReasonId::kProductWeightZeroPoint, ReasonId::kProductBiasType,
                          ReasonId::kProductRequantization));
}

}  // namespace
}  // namespace switchyard
