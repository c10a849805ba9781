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
using test::VerdictText;
using testing::ElementsAre;
using enum DataType;

// One convolution of an image of 2 x 8 x 9 pixels. Every field is one that a rule looks at.
struct Layer {
  Variant variant = Variant::kPf32;
  DataType filter = kF32;
  NodeKind kind = NodeKind::kConv2d;
  ConvolutionAttributes attributes = {.kernel_height = 3,
                                      .kernel_width = 2,
                                      .group_input_channels = 6,
                                      .group_output_channels = 10};
  uint32_t flags = 0;
  bool input_is_constant = false;
  bool input_is_dynamic = false;
  bool filter_is_constant = true;
  int32_t filter_zero_point = 0;
  std::optional<DataType> bias = std::nullopt;  // none unless given
  bool bias_is_constant = true;
  std::optional<DataType> output = std::nullopt;  // that of the variant unless given
  float output_scale = 0.5f;
};

Layer Pf32() { return {.variant = Variant::kPf32, .filter = kF32}; }
Layer Pf16() { return {.variant = Variant::kPf16, .filter = kF32}; }
Layer Pqs8() { return {.variant = Variant::kPqs8Qc8w, .filter = kQCInt8}; }

DataType TypeOf(Variant variant) {
  if (variant == Variant::kPf16) return kF16;
  return variant == Variant::kPqs8Qc8w ? kQInt8 : kF32;
}

class Build {
 public:
  explicit Build(const Layer& layer) : layer_(layer) {}

  Graph operator()() {
    std::vector<ValueIndex> inputs = {Input()};
    inputs.push_back(
        Computed(layer_.filter, FilterDims(), FilterQuantization(), layer_.filter_is_constant));
    if (layer_.bias) {
      Quantization quantization;
      if (*layer_.bias == kQInt32) quantization = PerTensorQuantization{0.03125f, 0};
      if (*layer_.bias == kQCInt32) quantization = PerChannel(0, 0.03125f);
      inputs.push_back(
          Computed(*layer_.bias, {OutputChannels()}, quantization, layer_.bias_is_constant));
    }
    const DataType type = layer_.output.value_or(TypeOf(layer_.variant));
    const ValueIndex output =
        builder_.Output(type, {2, 1, 1, OutputChannels()},
                        type == kQInt8 ? Quantization(PerTensorQuantization{layer_.output_scale, 3})
                                       : Quantization());
    builder_.Add(layer_.kind, inputs, {output}, layer_.attributes).flags = layer_.flags;
    return builder_.Build();
  }

 private:
  size_t OutputChannels() const {
    return size_t{layer_.attributes.groups} * layer_.attributes.group_output_channels;
  }
  bool IsDepthwise() const { return layer_.kind == NodeKind::kDepthwiseConv2d; }
  Dims FilterDims() const {
    const ConvolutionAttributes& a = layer_.attributes;
    if (IsDepthwise()) return {1, a.kernel_height, a.kernel_width, OutputChannels()};
    return {OutputChannels(), a.kernel_height, a.kernel_width, a.group_input_channels};
  }

  PerChannelQuantization PerChannel(uint32_t dim, float scale) {
    return builder_.PerChannel(dim, std::vector<float>(OutputChannels(), scale));
  }
  Quantization FilterQuantization() {
    if (layer_.filter == kQInt8) return PerTensorQuantization{0.125f, layer_.filter_zero_point};
    if (layer_.filter == kQCInt8) return PerChannel(IsDepthwise() ? 3 : 0, 0.125f);
    return {};
  }

  ValueIndex Input() {
    const ConvolutionAttributes& a = layer_.attributes;
    const Dims dims = {2, 8, 9, size_t{a.groups} * a.group_input_channels};
    const DataType type = layer_.input_is_dynamic ? kF32 : TypeOf(layer_.variant);
    const Quantization quantization =
        type == kQInt8 ? Quantization(PerTensorQuantization{0.25f, -7}) : Quantization();
    const ValueIndex x =
        layer_.input_is_constant
            ? builder_.Constant(type, dims, std::vector<std::byte>(*TensorBytes(type, dims)),
                                quantization)
            : builder_.Input(type, dims, quantization);
    if (!layer_.input_is_dynamic) return x;
    const ValueIndex quantized = builder_.Internal(kQDInt8, dims, PerTokenQuantization{3});
    builder_.Add(NodeKind::kConvert, {x}, {quantized});
    return quantized;
  }

  // A constant, or a copy of one.
  ValueIndex Computed(DataType type, const Dims& dims, Quantization quantization,
                      bool is_constant) {
    const ValueIndex constant = builder_.Constant(
        type, dims, std::vector<std::byte>(*TensorBytes(type, dims)), quantization);
    if (is_constant) return constant;
    const ValueIndex copy = builder_.Internal(type, dims, quantization);
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

// Output: (8 - 3 + 1) x (9 - 2 + 1) pixels of 2 images.
TEST(Conv2dRules, pf32) {
  EXPECT_EQ(TextOf(Pf32()), "conv pf32 96x10x36 taps 6 channels 6 fp32 x fp32 nxk -> fp32");
  EXPECT_EQ(TextOf(With(Pf32(), [](Layer& l) { l.filter = kF16; })),
            "conv pf32 96x10x36 taps 6 channels 6 fp32 x fp16 nxk -> fp32");
}

// What f16 models carry: f32 filters and biases.
TEST(Conv2dRules, pf16) {
  EXPECT_EQ(TextOf(With(Pf16(), [](Layer& l) { l.bias = kF32; })),
            "conv pf16 96x10x36 taps 6 channels 6 fp16 x fp32 nxk -> fp16");
  EXPECT_EQ(TextOf(With(Pf16(), [](Layer& l) { l.filter = kF16; })),
            "conv pf16 96x10x36 taps 6 channels 6 fp16 x fp16 nxk -> fp16");
}

TEST(Conv2dRules, pqs8_qc8w) {
  EXPECT_EQ(TextOf(Pqs8()),
            "conv pqs8_qc8w 96x10x36 taps 6 channels 6 qint8 x qcint8 nxk -> qint8");
  EXPECT_EQ(TextOf(With(Pqs8(), [](Layer& l) { l.filter = kQInt8; })),
            "conv pqs8_qc8w 96x10x36 taps 6 channels 6 qint8 x qint8 nxk -> qint8");
}

// Stride, dilation and asymmetric padding change the number of pixels only: (8 + 1 + 4 - 5) / 2 + 1
// rows, (9 + 3 + 2 - 4) / 3 + 1 columns.
TEST(Conv2dRules, any_window) {
  const auto change = [](Layer& l) {
    l.attributes.stride_height = 2;
    l.attributes.stride_width = 3;
    l.attributes.dilation_height = 2;
    l.attributes.dilation_width = 3;
    l.attributes.padding_top = 1;
    l.attributes.padding_bottom = 4;
    l.attributes.padding_left = 3;
    l.attributes.padding_right = 2;
  };
  EXPECT_EQ(TextOf(With(Pf32(), change)),
            "conv pf32 40x10x36 taps 6 channels 6 fp32 x fp32 nxk -> fp32");
  EXPECT_EQ(TextOf(With(Pqs8(), change)),
            "conv pqs8_qc8w 40x10x36 taps 6 channels 6 qint8 x qcint8 nxk -> qint8");
}

TEST(Conv2dRules, groups) {
  const auto change = [](Layer& l) {
    l.attributes.groups = 3;
    l.attributes.group_input_channels = 4;
    l.attributes.group_output_channels = 5;
  };
  EXPECT_EQ(TextOf(With(Pf32(), change)),
            "conv pf32 96x5x24 groups 3 taps 6 channels 4 fp32 x fp32 nxk -> fp32");
  EXPECT_EQ(TextOf(With(Pqs8(), change)),
            "conv pqs8_qc8w 96x5x24 groups 3 taps 6 channels 4 qint8 x qcint8 nxk -> qint8");
}

// One input channel for each group, but several output channels.
TEST(Conv2dRules, groups_with_multiplier) {
  EXPECT_EQ(TextOf(With(Pf32(),
                        [](Layer& l) {
                          l.attributes.groups = 3;
                          l.attributes.group_input_channels = 1;
                        })),
            "conv pf32 96x10x6 groups 3 taps 6 channels 1 fp32 x fp32 nxk -> fp32");
}

void MakePointwise(Layer& l) {
  l.attributes.kernel_height = 1;
  l.attributes.kernel_width = 1;
}

TEST(Conv2dRules, pointwise_is_fully_connected) {
  EXPECT_EQ(TextOf(With(Pf32(), MakePointwise)),
            "fc pf32 144x10x6 channels 6 fp32 x fp32 nxk -> fp32");
  EXPECT_EQ(TextOf(With(Pf16(), MakePointwise)),
            "fc pf16 144x10x6 channels 6 fp16 x fp32 nxk -> fp16");
  EXPECT_EQ(TextOf(With(Pqs8(), MakePointwise)),
            "fc pqs8_qc8w 144x10x6 channels 6 qint8 x qcint8 nxk -> qint8");
}

TEST(Conv2dRules, pointwise_ignores_dilation) {
  EXPECT_EQ(TextOf(With(Pf32(),
                        [](Layer& l) {
                          MakePointwise(l);
                          l.attributes.dilation_height = 2;
                        })),
            "fc pf32 144x10x6 channels 6 fp32 x fp32 nxk -> fp32");
}

// Each of these is what keeps a 1x1 convolution from being a plain product.
TEST(Conv2dRules, almost_pointwise) {
  using A = ConvolutionAttributes;
  for (uint32_t A::* field :
       {&A::stride_height, &A::stride_width, &A::padding_top, &A::padding_right, &A::padding_bottom,
        &A::padding_left, &A::groups, &A::kernel_height, &A::kernel_width}) {
    const Graph graph = Build(With(Pf32(), [field](Layer& l) {
      MakePointwise(l);
      l.attributes.*field = 2;
    }))();
    const Verdict verdict = Judge(graph);
    ASSERT_TRUE(verdict.problem);
    EXPECT_EQ(verdict.problem->op, GemmOperator::kConv2d);
  }
}

void MakeOneChannelDepthwise(Layer& l) {
  l.kind = NodeKind::kDepthwiseConv2d;
  l.attributes.group_input_channels = 1;
}

// How the exporter writes a convolution of one input channel. Its filter is K x N.
TEST(Conv2dRules, depthwise_with_one_group) {
  EXPECT_EQ(TextOf(With(Pf32(), MakeOneChannelDepthwise)),
            "conv pf32 96x10x6 taps 6 channels 1 fp32 x fp32 kxn -> fp32");
  EXPECT_EQ(TextOf(With(Pqs8(), MakeOneChannelDepthwise)),
            "conv pqs8_qc8w 96x10x6 taps 6 channels 1 qint8 x qcint8 kxn -> qint8");
  EXPECT_EQ(TextOf(With(Pf16(),
                        [](Layer& l) {
                          MakeOneChannelDepthwise(l);
                          MakePointwise(l);
                        })),
            "fc pf16 144x10x1 channels 1 fp16 x fp32 kxn -> fp16");
}

TEST(Conv2dRules, bias_of_every_type) {
  const struct {
    Layer layer;
    std::vector<DataType> types;
  } kCases[] = {
      {Pf32(), {kF32, kF16}}, {Pf16(), {kF32, kF16}}, {Pqs8(), {kQInt32, kQCInt32, kInt32}}};
  for (const auto& [layer, types] : kCases) {
    const std::string without = TextOf(layer);
    for (const DataType type : types) {
      EXPECT_EQ(TextOf(With(layer, [type](Layer& l) { l.bias = type; })), without) << Name(type);
    }
  }
}

TEST(Conv2dRules, refusals) {
  std::vector<test::RefusingCase> cases;
  const auto add = [&](const Layer& layer, ReasonId reason, std::string message, auto change) {
    cases.push_back({layer.variant, reason, std::move(message), Maker(With(layer, change)), ""});
  };
  for (const Layer& layer : {Pf32(), Pf16(), Pqs8()}) {
    const bool is_int8 = layer.variant == Variant::kPqs8Qc8w;
    const DataType good_bias = is_int8 ? kQInt32 : kF32, bad_bias = is_int8 ? kF32 : kInt32;
    add(layer, ReasonId::kProductInputConstant, "a constant, expected an argument",
        [](Layer& l) { l.input_is_constant = true; });
    add(layer, ReasonId::kProductWeightsConstant, "an argument or computed, expected a constant",
        [](Layer& l) { l.filter_is_constant = false; });
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
      l.output = l.variant == Variant::kPf32 ? kF16 : kF32;
    });
    add(layer, ReasonId::kConvSamePadding, "SAME padding (flag 0x4), expected explicit padding",
        [](Layer& l) { l.flags = kFlagTensorFlowSamePadding; });
  }
  add(Pqs8(), ReasonId::kProductWeightZeroPoint, "zero point of the weights: -2, expected 0",
      [](Layer& l) {
        l.filter = kQInt8;
        l.filter_zero_point = -2;
      });
  add(Pqs8(), ReasonId::kProductRequantization, "expected at least 2^-32 and below 64",
      [](Layer& l) { l.output_scale = 0x1p-20f; });

  const auto exclude = [&](const Layer& layer, ReasonId reason, std::string message, auto change) {
    cases.push_back({std::nullopt, reason, std::move(message), Maker(With(layer, change)), ""});
  };
  exclude(Pf32(), ReasonId::kConvTransposed, "a transposed one, expected an ordinary one",
          [](Layer& l) { l.kind = NodeKind::kConvTranspose2d; });
  exclude(Pf32(), ReasonId::kConvDepthwise, "depthwise convolution: 4 groups, expected one",
          [](Layer& l) {
            MakeOneChannelDepthwise(l);
            l.attributes.groups = 4;
          });
  exclude(Pqs8(), ReasonId::kConvDepthwise, "depthwise convolution: 4 groups, expected one",
          [](Layer& l) {
            l.attributes.groups = 4;
            l.attributes.group_input_channels = 1;
            l.attributes.group_output_channels = 1;
          });
  exclude(Pf32(), ReasonId::kConvDynamicQuantization, "dynamically quantized activations",
          [](Layer& l) {
            l.filter = kQCInt8;
            l.input_is_dynamic = true;
          });
  exclude(Pf32(), ReasonId::kProductTypes,
          "fp32 x qcint8, expected one of fp32 x fp32, fp32 x fp16, fp16 x fp32, fp16 x fp16, "
          "qint8 x qcint8, qint8 x qint8; quantize or cast",
          [](Layer& l) { l.filter = kQCInt8; });
  test::ExpectRefusals(kConv2dRules, cases);
}

TEST(Conv2dRules, all_reasons_at_once) {
  const Graph packed = Build(With(Pqs8(), [](Layer& l) {
    l.filter = kQInt8;
    l.filter_is_constant = false;
    l.filter_zero_point = 1;
    l.bias = kF32;
    l.bias_is_constant = false;
    l.output = kF32;
    l.flags = kFlagTensorFlowSamePadding;
  }))();
  EXPECT_THAT(Ids(Judge(packed)),
              ElementsAre(ReasonId::kProductWeightsConstant, ReasonId::kProductBiasConstant,
                          ReasonId::kConvSamePadding, ReasonId::kProductWeightZeroPoint,
                          ReasonId::kProductBiasType, ReasonId::kProductOutputType));
  const Graph excluded = Build(With(Pf32(), [](Layer& l) {
    MakeOneChannelDepthwise(l);
    l.attributes.groups = 4;
    l.filter = kQCInt8;
    l.input_is_dynamic = true;
  }))();
  EXPECT_THAT(Ids(Judge(excluded)),
              ElementsAre(ReasonId::kConvDepthwise, ReasonId::kConvDynamicQuantization));
}

}  // namespace
}  // namespace switchyard
