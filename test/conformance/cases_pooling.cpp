// Pooling: windows, strides, dilations, paddings, channels around vectors, types.
#include <format>
#include <string>

#include "test/conformance/one_node.h"

namespace switchyard::conformance {
namespace {

using enum NodeKind;

struct Shape {
  std::string_view name;
  Dims input;
  size_t height, width;  // of the output
  PoolingAttributes attributes;
  uint32_t flags = 0;
  bool must_pass = false;
};

const Shape kShapes[] = {
    {"2x2",
     {1, 6, 8, 5},
     3,
     4,
     {.pooling_height = 2, .pooling_width = 2, .stride_height = 2, .stride_width = 2},
     0,
     true},
    {"3x3.c1", {2, 5, 7, 1}, 3, 5, {.pooling_height = 3, .pooling_width = 3}},
    {"3x3.c3", {1, 5, 7, 3}, 3, 5, {.pooling_height = 3, .pooling_width = 3}, 0, true},
    {"3x3.c16", {1, 5, 5, 16}, 3, 3, {.pooling_height = 3, .pooling_width = 3}},
    {"3x3.c35", {1, 5, 5, 35}, 3, 3, {.pooling_height = 3, .pooling_width = 3}, 0, true},
    {"3x3.stride2.c20",
     {2, 9, 7, 20},
     4,
     3,
     {.pooling_height = 3, .pooling_width = 3, .stride_height = 2, .stride_width = 2}},
    {"1x3", {1, 3, 9, 4}, 3, 7, {.pooling_height = 1, .pooling_width = 3}},
    {"4x1", {1, 9, 3, 4}, 6, 3, {.pooling_height = 4, .pooling_width = 1}},
    // More elements than a micro-kernel takes in one pass (9, then 8 at a time).
    {"5x5", {1, 7, 8, 6}, 3, 4, {.pooling_height = 5, .pooling_width = 5}, 0, true},
    {"7x6.c9", {1, 9, 9, 9}, 3, 4, {.pooling_height = 7, .pooling_width = 6}},
    {"whole", {2, 4, 5, 7}, 1, 1, {.pooling_height = 4, .pooling_width = 5}},
    {"padded",
     {1, 6, 6, 5},
     6,
     6,
     {.padding_top = 1,
      .padding_right = 1,
      .padding_bottom = 1,
      .padding_left = 1,
      .pooling_height = 3,
      .pooling_width = 3},
     0,
     true},
    {"padded.asymmetric",
     {1, 6, 7, 3},
     3,
     7,
     {.padding_top = 1,
      .padding_right = 2,
      .padding_left = 1,
      .pooling_height = 3,
      .pooling_width = 4,
      .stride_height = 2,
      .stride_width = 1}},
    {"padded.large.stride3",
     {1, 8, 8, 4},
     3,
     3,
     {.padding_top = 2,
      .padding_right = 2,
      .padding_bottom = 2,
      .padding_left = 2,
      .pooling_height = 5,
      .pooling_width = 5,
      .stride_height = 3,
      .stride_width = 3}},
    {"same",
     {1, 7, 5, 4},
     4,
     3,
     {.pooling_height = 3, .pooling_width = 2, .stride_height = 2, .stride_width = 2},
     kFlagTensorFlowSamePadding,
     true},
    {"strides_skip_input",
     {1, 8, 9, 3},
     3,
     3,
     {.pooling_height = 2, .pooling_width = 2, .stride_height = 3, .stride_width = 3},
     0,
     true},
    {"1x1", {2, 5, 4, 19}, 5, 4, {}, 0, true},
    {"1x1.strides_skip_input",
     {2, 5, 8, 3},
     3,
     3,
     {.stride_height = 2, .stride_width = 3},
     0,
     true},
};
// For maxima only.
const Shape kDilated[] = {
    {"dilated",
     {1, 9, 9, 4},
     5,
     5,
     {.pooling_height = 3, .pooling_width = 3, .dilation_height = 2, .dilation_width = 2},
     0,
     true},
    {"dilated.uneven",
     {2, 9, 8, 3},
     4,
     2,
     {.pooling_height = 2,
      .pooling_width = 3,
      .stride_height = 2,
      .stride_width = 1,
      .dilation_height = 2,
      .dilation_width = 3},
     0,
     true},
    {"dilated.uneven.strides_skip_input",
     {2, 9, 8, 3},
     3,
     3,
     {.pooling_height = 2,
      .pooling_width = 3,
      .stride_height = 3,
      .stride_width = 1,
      .dilation_height = 2,
      .dilation_width = 3}},
};

OneNode Make(NodeKind kind, const ElementKind& type, const Shape& shape, Numbers numbers = {}) {
  const Dims dims{shape.input[0], shape.height, shape.width, shape.input[3]};
  return {kind,
          {{type, shape.input, std::move(numbers)}},
          {{type, dims}},
          shape.attributes,
          shape.flags};
}

void AddWindows(Cases& cases, std::string_view name, NodeKind kind, bool exact) {
  const Data data = exact ? Data::kBitwise : Data::kRounded;
  for (const Shape& shape : kShapes) {
    AddOneNode(cases, std::format("{}.f32.{}", name, shape.name), Make(kind, kF32, shape),
               {shape.must_pass, data});
    AddOneNode(cases, std::format("{}.f16.{}", name, shape.name), Make(kind, kF16, shape),
               {shape.must_pass, data});
  }
}

void AddMaximum(Cases& cases) {
  AddWindows(cases, "max_pool", kMaxPooling2d, true);
  for (const Shape& shape : kDilated) {
    AddOneNode(cases, std::format("max_pool.f32.{}", shape.name), Make(kMaxPooling2d, kF32, shape),
               {shape.must_pass, Data::kBitwise});
  }
  for (size_t i : {0, 2, 4, 8, 11, 14, 15, 16, 17}) {
    AddOneNode(cases, std::format("max_pool.qs8.{}", kShapes[i].name),
               Make(kMaxPooling2d, kQS8, kShapes[i]), kMustPass);
  }
  AddOneNode(cases, "max_pool.qs8.dilated", Make(kMaxPooling2d, kQS8, kDilated[0]));
  AddOneNode(cases, "max_pool.qu8.padded", Make(kMaxPooling2d, kQU8, kShapes[11]));
  AddOneNode(cases, "max_pool.bf16.2x2", Make(kMaxPooling2d, kBF16, kShapes[0]));
  // Padding is no 0: all numbers are below.
  AddOneNode(cases, "max_pool.f32.padded.negative",
             Make(kMaxPooling2d, kF32, kShapes[11], Numbers::Reals(-9, -5)), kMustPassBitwise);
  AddOneNode(cases, "max_pool.qs8.padded.negative",
             Make(kMaxPooling2d, kQS8, kShapes[11], Numbers::Reals(-4, -1)), kMustPass);
  AddOneNode(cases, "max_pool.f32.infinity",
             Make(kMaxPooling2d, kF32, kShapes[0], Numbers::Listed({-kInfinity, 1, kInfinity})));
}

void AddAverage(Cases& cases) {
  AddWindows(cases, "avg_pool", kAvgPooling2d, false);
  for (const ElementKind& type : {kF32, kF16}) {
    // Four numbers, or sixteen.
    AddOneNode(cases, std::format("avg_pool.{}.exact", type.name),
               Make(kAvgPooling2d, type, kShapes[0], Numbers::Integers(-64, 63)), kMustPassBitwise);
    AddOneNode(cases, std::format("avg_pool.{}.padded.ones", type.name),
               Make(kAvgPooling2d, type, kShapes[11], Numbers::Listed({1})), kMustPass);
  }
  AddOneNode(cases, "avg_pool.bf16.2x2", Make(kAvgPooling2d, kBF16, kShapes[0]));
}

void AddArgMax(Cases& cases) {
  struct Window {
    Dims input;
    uint32_t height, width;
  };
  const Window windows[] = {{{1, 4, 6, 5}, 2, 2}, {{1, 6, 9, 1}, 3, 3}, {{2, 6, 6, 17}, 2, 3},
                            {{1, 8, 8, 4}, 4, 4}, {{1, 7, 7, 3}, 3, 2}, {{2, 5, 10, 35}, 5, 5},
                            {{1, 4, 3, 6}, 4, 1}};
  for (const Window& w : windows) {
    const Dims dims{w.input[0], w.input[1] / w.height, w.input[2] / w.width, w.input[3]};
    const PoolingAttributes attributes{.pooling_height = w.height,
                                       .pooling_width = w.width,
                                       .stride_height = w.height,
                                       .stride_width = w.width};
    OneNode node{kArgMaxPooling2d,
                 {{kF32, w.input, Numbers::Distinct(-300)}},
                 {{kF32, dims}, {kInt32, dims}},
                 attributes};
    AddOneNode(cases, std::format("argmax_pool.f32.{}x{}.{}", w.height, w.width, DimsName(w.input)),
               node, kMustPassBitwise);
    if (w.input[3] != 5 && w.input[3] != 17) continue;
    node.inputs[0].kind = node.outputs[0].kind = kF16;
    AddOneNode(cases, std::format("argmax_pool.f16.{}x{}.{}", w.height, w.width, DimsName(w.input)),
               node, kBitwise);
  }
}

// Taps that are padding count for the places of the others.
void AddPaddedArgMax(Cases& cases) {
  struct Window {
    const char* name;
    PoolingAttributes attributes;
    uint32_t flags;
    Dims output;
  };
  const Window windows[] = {
      {"same", {.pooling_height = 3, .pooling_width = 4}, kFlagTensorFlowSamePadding, {2, 3, 3, 5}},
      {"padded",
       {.padding_top = 2,
        .padding_right = 3,
        .padding_bottom = 1,
        .padding_left = 1,
        .pooling_height = 3,
        .pooling_width = 4},
       0,
       {2, 3, 3, 5}},
      {"1x1", {}, 0, {2, 7, 9, 5}},
      {"16x1.same",
       {.pooling_height = 16, .pooling_width = 1},
       kFlagTensorFlowSamePadding,
       {2, 1, 9, 5}},
  };
  for (const Window& w : windows) {
    PoolingAttributes attributes = w.attributes;
    attributes.stride_height = attributes.pooling_height;
    attributes.stride_width = attributes.pooling_width;
    for (const ElementKind& type : {kF32, kF16}) {
      OneNode node{kArgMaxPooling2d,
                   {{type, {2, 7, 9, 5}, Numbers::Distinct(-300)}},
                   {{type, w.output}, {kInt32, w.output}},
                   attributes};
      node.flags = w.flags;
      AddOneNode(cases, std::format("argmax_pool.{}.{}", type.name, w.name), node,
                 kMustPassBitwise);
    }
  }
}

void AddEqualMaxima(Cases& cases) {
  const PoolingAttributes attributes{
      .pooling_height = 2, .pooling_width = 3, .stride_height = 2, .stride_width = 3};
  AddOneNode(cases, "argmax_pool.f32.equal",
             {kArgMaxPooling2d,
              {{kF32, {1, 4, 6, 5}, Numbers::Listed({1, 1, 0, 1, 1, 2, 2})}},
              {{kF32, {1, 2, 2, 5}}, {kInt32, {1, 2, 2, 5}}},
              attributes},
             kMustPassBitwise);
}

void AddGlobal(Cases& cases) {
  struct Image {
    Dims dims;
    bool must_pass;
  };
  const Image images[] = {{{1, 1, 1, 5}, false}, {{1, 7, 7, 3}, true},  {{2, 3, 5, 17}, true},
                          {{1, 8, 8, 33}, true}, {{3, 1, 9, 4}, false}, {{1, 13, 2, 64}, false},
                          {{1, 4, 4, 1}, true}};
  for (const Image& image : images) {
    for (bool keep : {false, true}) {
      const Dims dims =
          keep ? Dims{image.dims[0], 1, 1, image.dims[3]} : Dims{image.dims[0], image.dims[3]};
      for (const ElementKind& type : {kF32, kF16, kQS8}) {
        OneNode node{kGlobalAvgPooling2d, {{type, image.dims}}, {{type, dims}}};
        if (keep) node.flags = kFlagKeepDims;
        AddOneNode(cases,
                   std::format("global_avg_pool.{}.{}{}", type.name, DimsName(image.dims),
                               keep ? ".keep_dims" : ""),
                   node, {.must_pass = image.must_pass && keep == (type.type == DataType::kF32)});
      }
    }
  }
  const Dims input{2, 4, 4, 9}, output{2, 1, 1, 9};
  auto make = [&](const ElementKind& type, Numbers numbers) {
    return OneNode{kGlobalAvgPooling2d,
                   {{type, input, std::move(numbers)}},
                   {{type, output}},
                   {},
                   kFlagKeepDims};
  };
  for (const ElementKind& type : {kF32, kF16}) {
    AddOneNode(cases, std::format("global_avg_pool.{}.exact", type.name),
               make(type, Numbers::Integers(-32, 31)), kMustPassBitwise);
    OneNode range = make(type, {});
    range.min = -0.25f;
    range.max = 0.5f;
    AddOneNode(cases, std::format("global_avg_pool.{}.range", type.name), range);
  }
  OneNode requantized = make(kQS8, Numbers::Reals(-5, 5));
  requantized.outputs[0].kind = WithQuantization(kQS8, 0.013f, 40);
  AddOneNode(cases, "global_avg_pool.qs8.requantized", requantized, kMustPass);
  requantized.min = 0;
  AddOneNode(cases, "global_avg_pool.qs8.relu", requantized);
  OneNode empty = make(kF32, {});
  empty.inputs[0].more_runs = {{0, 4, 4, 9}, {2, 4, 4, 9}};
  AddOneNode(cases, "global_avg_pool.f32.zero_batch", empty);
  OneNode sequence = make(kF32, {});
  sequence.inputs[0].more_runs = {{1, 1, 3, 9}, {2, 4, 1, 9}, {2, 4, 4, 9}};
  AddOneNode(cases, "global_avg_pool.f32.sequence", sequence);
  AddOneNode(cases, "global_avg_pool.bf16.2x4x4x9", make(kBF16, {}));
}

void AddOthers(Cases& cases) {
  for (NodeKind kind : {kMaxPooling2d, kAvgPooling2d}) {
    const std::string_view name = kind == kMaxPooling2d ? "max_pool" : "avg_pool";
    for (const ElementKind& type : {kF32, kF16, kQS8}) {
      if (kind == kAvgPooling2d && type.type == DataType::kQInt8) continue;
      OneNode range = Make(kind, type, kShapes[2]);
      range.min = -0.6f;
      range.max = 1.1f;
      AddOneNode(cases, std::format("{}.{}.range", name, type.name), range, kMustPass);
    }
    OneNode sequence = Make(kind, kF32, kShapes[0]);
    sequence.inputs[0].more_runs = {{1, 2, 2, 5}, {1, 6, 7, 5}, {1, 3, 8, 5}, {1, 6, 8, 5}};
    AddOneNode(cases, std::format("{}.f32.sequence", name), sequence);
    OneNode empty = Make(kind, kF32, kShapes[0]);
    empty.inputs[0].more_runs = {{0, 6, 8, 5}, {1, 6, 8, 5}};
    AddOneNode(cases, std::format("{}.f32.zero_batch", name), empty, kMustPass);
  }
}

}  // namespace

void AddPoolingCases(Cases& cases) {
  AddMaximum(cases);
  AddAverage(cases);
  AddArgMax(cases);
  AddPaddedArgMax(cases);
  AddEqualMaxima(cases);
  AddGlobal(cases);
  AddOthers(cases);
}

}  // namespace switchyard::conformance
