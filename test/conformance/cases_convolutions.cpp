// DepthwiseConv2d and ConvTranspose2d.
#include <format>
#include <string>

#include "test/conformance/cases.h"
#include "test/conformance/convolution.h"

namespace switchyard::conformance {
namespace {

using Attributes = ConvolutionAttributes;

// As the exporter writes them: f16 convolutions have f32 weights.
constexpr Format kFormats[] = {Format::kPf32, Format::kF16F32w, Format::kPqs8Qc8w,
                               Format::kPqs8Qs8w};

void AddBoth(Cases& cases, std::string_view op, std::string_view what, ConvolutionSpec spec,
             bool must_pass) {
  spec.style = Style::kRandom;
  cases.push_back(ConvolutionCase(op, what, spec, false));
  spec.style = Style::kExact;
  cases.push_back(ConvolutionCase(op, what, spec, must_pass));
}

Attributes Square(uint32_t kernel, uint32_t stride, uint32_t padding) {
  return {.padding_top = padding,
          .padding_right = padding,
          .padding_bottom = padding,
          .padding_left = padding,
          .kernel_height = kernel,
          .kernel_width = kernel,
          .stride_height = stride,
          .stride_width = stride};
}

void AddDepthwise(Cases& cases, Format format) {
  const struct {
    std::string_view name;
    Attributes attributes;
    uint32_t channels, multiplier;
    bool must_pass;
  } rows[] = {
      {"k3x3", Square(3, 1, 1), 5, 1, true},
      {"k3x3.stride2", Square(3, 2, 1), 17, 1, false},
      {"k3x3.multiplier2", Square(3, 1, 0), 3, 2, true},
      {"k5x5", Square(5, 1, 2), 4, 1, false},
      {"k2x2", Square(2, 1, 0), 9, 1, false},
      {"k1x1", Square(1, 1, 0), 6, 1, false},
      {"one_channel", Square(3, 1, 1), 1, 8, true},
      {"one_channel.k7x7", Square(7, 2, 3), 1, 33, false},
      {"wide", Square(3, 1, 1), 67, 1, false},
  };
  for (const auto& row : rows) {
    ConvolutionSpec spec{.format = format, .kind = NodeKind::kDepthwiseConv2d};
    spec.attributes = row.attributes;
    spec.attributes.groups = row.channels;
    spec.attributes.group_output_channels = row.multiplier;
    spec.height = 7;
    spec.width = 6;
    AddBoth(cases, "dwconv", row.name, spec, row.must_pass);
  }
  ConvolutionSpec spec{.format = format, .kind = NodeKind::kDepthwiseConv2d};
  spec.attributes = Square(3, 1, 0);
  spec.attributes.padding_left = 2;
  spec.attributes.dilation_height = 2;
  spec.attributes.groups = 6;
  spec.batch = 2;
  spec.height = 7;
  spec.width = 5;
  spec.bias = false;
  AddBoth(cases, "dwconv", "dilated.no_bias.batch2", spec, false);
  spec.bias = true;
  spec.min = 0;
  AddBoth(cases, "dwconv", "relu", spec, false);
  spec = {.format = format, .kind = NodeKind::kDepthwiseConv2d};
  spec.attributes = Square(3, 2, 0);
  spec.attributes.groups = 5;
  spec.flags = kFlagTensorFlowSamePadding;
  spec.height = 7;
  spec.width = 6;
  AddBoth(cases, "dwconv", "tf_same.k3x3.stride2", spec, true);
}

void AddTransposed(Cases& cases, Format format) {
  const struct {
    std::string_view name;
    Attributes attributes;
    uint32_t groups, in, out, adjustment;
    bool must_pass;
  } rows[] = {
      {"k2x2.stride2", Square(2, 2, 0), 1, 3, 5, 0, true},
      {"k3x3", Square(3, 1, 1), 1, 4, 6, 0, false},
      {"k3x3.stride2", Square(3, 2, 1), 1, 3, 9, 0, true},
      {"k3x3.stride2.adjusted", Square(3, 2, 1), 1, 3, 4, 1, false},
      {"k4x4.stride2", Square(4, 2, 1), 1, 2, 17, 0, false},
      {"k1x1", Square(1, 1, 0), 1, 5, 4, 0, false},
      {"k3x3.groups", Square(3, 1, 1), 2, 3, 4, 0, false},
      {"k2x2.stride3", Square(2, 3, 0), 1, 3, 3, 0, false},
  };
  for (const auto& row : rows) {
    ConvolutionSpec spec{.format = format, .kind = NodeKind::kConvTranspose2d};
    spec.attributes = row.attributes;
    spec.attributes.groups = row.groups;
    spec.attributes.group_input_channels = row.in;
    spec.attributes.group_output_channels = row.out;
    spec.attributes.adjustment_height = spec.attributes.adjustment_width = row.adjustment;
    spec.height = 4;
    spec.width = 5;
    AddBoth(cases, "deconv", row.name, spec, row.must_pass);
  }
}

}  // namespace

void AddConvolutionCases(Cases& cases) {
  for (Format format : kFormats) {
    AddDepthwise(cases, format);
    AddTransposed(cases, format);
  }
}

}  // namespace switchyard::conformance
