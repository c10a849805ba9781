// Conv2d: kernels, strides, dilations, paddings, groups, channels and corners of the data, and the
// pointwise ones that run as FullyConnected. (Depthwise and transposed: cases_convolutions.cpp.)
#include <format>
#include <string>

#include "test/conformance/cases.h"
#include "test/conformance/convolution.h"

namespace switchyard::conformance {
namespace {

using Attributes = ConvolutionAttributes;

void Add(Cases& cases, std::string_view what, const ConvolutionSpec& spec, bool must_pass) {
  cases.push_back(ConvolutionCase("conv", what, spec, must_pass));
}
// In both styles.
void AddBoth(Cases& cases, std::string_view what, ConvolutionSpec spec, bool must_pass) {
  spec.style = Style::kRandom;
  Add(cases, what, spec, false);
  spec.style = Style::kExact;
  Add(cases, what, spec, must_pass);
}

// int8 dynamic per image: stock only.
constexpr Format kFormats[] = {Format::kPf32, Format::kPf16, Format::kPqs8Qc8w, Format::kPqs8Qs8w};

struct Geometry {
  std::string_view name;
  size_t height, width;
  Attributes attributes;
  bool must_pass = false;
};
constexpr Geometry kGeometries[] = {
    {"k3x3.valid", 6, 7, {.kernel_height = 3, .kernel_width = 3}, true},
    {"k3x3.same",
     5,
     6,
     {.padding_top = 1,
      .padding_right = 1,
      .padding_bottom = 1,
      .padding_left = 1,
      .kernel_height = 3,
      .kernel_width = 3},
     true},
    {"k3x3.stride2",
     7,
     8,
     {.padding_top = 1,
      .padding_right = 1,
      .padding_bottom = 1,
      .padding_left = 1,
      .kernel_height = 3,
      .kernel_width = 3,
      .stride_height = 2,
      .stride_width = 2},
     true},
    {"k3x3.stride2x1",
     7,
     6,
     {.kernel_height = 3, .kernel_width = 3, .stride_height = 2, .stride_width = 1}},
    {"k3x3.stride1x3",
     5,
     9,
     {.kernel_height = 3, .kernel_width = 3, .stride_height = 1, .stride_width = 3}},
    {"k3x3.dilated2",
     8,
     7,
     {.kernel_height = 3, .kernel_width = 3, .dilation_height = 2, .dilation_width = 2},
     true},
    {"k3x2.dilated1x3",
     5,
     8,
     {.padding_left = 2,
      .kernel_height = 3,
      .kernel_width = 2,
      .dilation_height = 1,
      .dilation_width = 3}},
    {"k3x3.dilated2.stride2",
     9,
     9,
     {.padding_top = 2,
      .padding_left = 1,
      .kernel_height = 3,
      .kernel_width = 3,
      .stride_height = 2,
      .stride_width = 2,
      .dilation_height = 2,
      .dilation_width = 2}},
    {"k1x5", 4, 9, {.kernel_height = 1, .kernel_width = 5}},
    {"k5x1", 9, 3, {.padding_top = 2, .padding_bottom = 2, .kernel_height = 5, .kernel_width = 1}},
    {"k2x2.even", 5, 5, {.kernel_height = 2, .kernel_width = 2}},
    {"k4x4.stride4",
     8,
     8,
     {.kernel_height = 4, .kernel_width = 4, .stride_height = 4, .stride_width = 4}},
    {"k7x7.stride2",
     9,
     9,
     {.padding_top = 3,
      .padding_right = 3,
      .padding_bottom = 3,
      .padding_left = 3,
      .kernel_height = 7,
      .kernel_width = 7,
      .stride_height = 2,
      .stride_width = 2}},
    {"pad_top", 4, 5, {.padding_top = 2, .kernel_height = 3, .kernel_width = 3}, true},
    {"pad_right", 4, 5, {.padding_right = 2, .kernel_height = 3, .kernel_width = 3}},
    {"pad_bottom", 4, 5, {.padding_bottom = 2, .kernel_height = 3, .kernel_width = 3}},
    {"pad_left", 4, 5, {.padding_left = 2, .kernel_height = 3, .kernel_width = 3}},
    {"pad_uneven",
     3,
     4,
     {.padding_top = 0,
      .padding_right = 1,
      .padding_bottom = 3,
      .padding_left = 2,
      .kernel_height = 3,
      .kernel_width = 3},
     true},
    {"pad_beyond_kernel",
     2,
     3,
     {.padding_top = 4,
      .padding_right = 4,
      .padding_bottom = 4,
      .padding_left = 4,
      .kernel_height = 3,
      .kernel_width = 3}},
    {"whole_image", 4, 3, {.kernel_height = 4, .kernel_width = 3}},
    {"one_pixel",
     1,
     1,
     {.padding_top = 1,
      .padding_right = 1,
      .padding_bottom = 1,
      .padding_left = 1,
      .kernel_height = 3,
      .kernel_width = 3}},
    {"stride_beyond_image",
     3,
     3,
     {.kernel_height = 2, .kernel_width = 2, .stride_height = 5, .stride_width = 5}},
    {"k1x1.stride2", 5, 6, {.stride_height = 2, .stride_width = 2}, true},
    {"k1x1.padded",
     3,
     3,
     {.padding_top = 1, .padding_right = 1, .padding_bottom = 1, .padding_left = 1}},
};

// With TensorFlow's padding: an output for each stride, the odd one of the padding at the end.
constexpr Geometry kTensorFlowSame[] = {
    {"tf_same.k3x3", 5, 4, {.kernel_height = 3, .kernel_width = 3}},
    {"tf_same.k2x3.stride2",
     7,
     6,
     {.kernel_height = 2, .kernel_width = 3, .stride_height = 2, .stride_width = 2},
     true},
    {"tf_same.k3x2.dilation2x3",
     6,
     8,
     {.kernel_height = 3, .kernel_width = 2, .dilation_height = 2, .dilation_width = 3}},
    {"tf_same.k1x1.stride3", 7, 5, {.stride_height = 3, .stride_width = 3}},
};

// Groups by channels in and out of each.
struct Channels {
  std::string_view name;
  uint32_t groups, in, out;
  bool must_pass = false;
};
constexpr Channels kChannels[] = {
    {"c1.n1", 1, 1, 1},          {"c2.n1", 1, 2, 1},      {"c1.n5", 1, 1, 5},
    {"c3.n8", 1, 3, 8, true},    {"c4.n4", 1, 4, 4},      {"c5.n17", 1, 5, 17, true},
    {"c8.n33", 1, 8, 33},        {"c17.n65", 1, 17, 65},  {"c33.n3", 1, 33, 3},
    {"g2.c3.n4", 2, 3, 4, true}, {"g3.c2.n1", 3, 2, 1},   {"g2.c1.n3", 2, 1, 3},
    {"g4.c4.n4", 4, 4, 4},       {"g2.c8.n33", 2, 8, 33}, {"g5.c3.n2", 5, 3, 2, true},
    {"g4.c1.n1", 4, 1, 1},
};
constexpr Attributes k3x3 = {.padding_top = 1,
                             .padding_right = 1,
                             .padding_bottom = 1,
                             .padding_left = 1,
                             .kernel_height = 3,
                             .kernel_width = 3};

Attributes WithChannels(Attributes attributes, const Channels& channels) {
  attributes.groups = channels.groups;
  attributes.group_input_channels = channels.in;
  attributes.group_output_channels = channels.out;
  return attributes;
}

void AddFormat(Cases& cases, Format format) {
  for (const Geometry& geometry : kGeometries) {
    ConvolutionSpec spec{.format = format, .height = geometry.height, .width = geometry.width};
    spec.attributes = WithChannels(geometry.attributes, {"", 1, 3, 6});
    AddBoth(cases, geometry.name, spec, geometry.must_pass);
  }
  for (const Geometry& geometry : kTensorFlowSame) {
    ConvolutionSpec spec{.format = format,
                         .flags = kFlagTensorFlowSamePadding,
                         .height = geometry.height,
                         .width = geometry.width};
    spec.attributes = WithChannels(geometry.attributes, {"", 1, 3, 6});
    AddBoth(cases, geometry.name, spec, geometry.must_pass);
  }
  for (const Channels& channels : kChannels) {
    ConvolutionSpec spec{.format = format, .height = 4, .width = 3};
    spec.attributes = WithChannels(k3x3, channels);
    AddBoth(cases, std::format("k3x3.{}", channels.name), spec, channels.must_pass);
    if (channels.groups > 2) continue;
    spec.attributes = WithChannels({}, channels);
    spec.height = 3;
    AddBoth(cases, std::format("k1x1.{}", channels.name), spec, channels.must_pass);
  }
  ConvolutionSpec spec{.format = format, .batch = 3, .height = 4, .width = 5};
  spec.attributes = WithChannels(k3x3, {"", 1, 3, 7});
  AddBoth(cases, "batch3", spec, true);
  spec.attributes = WithChannels({}, {"", 1, 6, 9});
  AddBoth(cases, "batch3.k1x1", spec, false);
  spec.attributes = WithChannels(k3x3, {"", 2, 3, 4});
  AddBoth(cases, "batch3.groups", spec, true);
  spec.batch = 1;
  spec.bias = false;
  spec.attributes = WithChannels(k3x3, {"", 1, 3, 7});
  AddBoth(cases, "no_bias", spec, true);
  spec.bias = true;
  spec.min = 0;
  AddBoth(cases, "relu", spec, true);
  spec.min = -0.5;
  spec.max = 0.5;
  AddBoth(cases, "clamp_both", spec, false);
  spec = {.format = format, .batch = 2, .height = 4, .width = 5};
  spec.attributes = WithChannels(k3x3, {"", 1, 3, 7});
  spec.runs = {{0, 4, 5, 3}, {2, 4, 5, 3}, {0, 4, 5, 3}};
  AddBoth(cases, "zero_batch", spec, true);
  // More pixels than are packed at a time, in two images.
  spec = {.format = format, .batch = 2, .height = 48, .width = 49};
  spec.attributes = WithChannels(k3x3, {"", 1, 8, 3});
  AddBoth(cases, "large_images", spec, true);
  // More pixels than a tile has rows.
  spec = {.format = format, .height = 9, .width = 9};
  spec.attributes = WithChannels(k3x3, {"", 1, 4, 34});
  AddBoth(cases, "m81.n34", spec, false);
}

void AddCorners(Cases& cases, Format format) {
  for (Style style : {Style::kZeroWeights, Style::kZeroRows, Style::kConstantRows, Style::kOneHot,
                      Style::kPositive, Style::kNegative, Style::kTinyScales, Style::kHugeScales,
                      Style::kLargestSums, Style::kDenormals, Style::kMixedMagnitudes}) {
    const bool floats_only = style == Style::kDenormals || style == Style::kMixedMagnitudes;
    if (floats_only && format != Format::kPf32 && format != Format::kPf16) continue;
    ConvolutionSpec spec{.format = format, .style = style, .height = 4, .width = 5};
    spec.attributes = WithChannels(k3x3, {"", 1, 3, 9});
    Add(cases, "k3x3", spec, format == Format::kPqs8Qc8w);
    spec.attributes = WithChannels({}, {"", 1, 7, 9});
    Add(cases, "k1x1", spec, false);
  }
}

}  // namespace

void AddConv2dCases(Cases& cases) {
  for (Format format : kFormats) {
    AddFormat(cases, format);
    AddCorners(cases, format);
  }
  for (Format format : {Format::kF16F32w, Format::kF32F16w, Format::kQp8F32Qc8w}) {
    for (const Geometry& geometry : {kGeometries[0], kGeometries[2], kGeometries[17]}) {
      ConvolutionSpec spec{
          .format = format, .batch = 2, .height = geometry.height, .width = geometry.width};
      spec.attributes = WithChannels(geometry.attributes, {"", 1, 3, 6});
      AddBoth(cases, geometry.name, spec, true);
    }
    ConvolutionSpec spec{.format = format, .batch = 2, .height = 3, .width = 4};
    spec.attributes = WithChannels({}, {"", 1, 5, 6});
    AddBoth(cases, "k1x1", spec, true);
    spec.attributes = WithChannels(k3x3, {"", 2, 3, 4});
    AddBoth(cases, "groups", spec, true);
  }
}

}  // namespace switchyard::conformance
