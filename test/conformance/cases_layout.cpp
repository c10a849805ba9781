// Operators that move data, in every type that they have: the very same bits come out.
#include <format>
#include <string>
#include <utility>
#include <vector>

#include "test/conformance/one_node.h"

namespace switchyard::conformance {
namespace {

using enum NodeKind;

const ElementKind kTypes[] = {kF32, kF16, kQS8, kQU8, kBF16};

// One case for each type; the first shape of an operator in all, others in the first three.
void AddTypes(Cases& cases, std::string_view name, const OneNode& node, bool must_pass,
              bool all_types = false) {
  const size_t dot = name.find('.');
  for (const ElementKind& type : kTypes) {
    if (!all_types && (type.type == DataType::kQUInt8 || type.type == DataType::kBF16)) continue;
    OneNode typed = node;
    for (InputSpec& input : typed.inputs) input.kind = type;
    for (OutputSpec& output : typed.outputs) output.kind = type;
    AddOneNode(cases, std::format("{}.{}{}", name.substr(0, dot), type.name, name.substr(dot)),
               typed, {.must_pass = must_pass, .data = Data::kBitwise});
  }
}

void AddTranspose(Cases& cases) {
  struct Shape {
    Dims dims;
    std::vector<uint32_t> permutation;
    bool must_pass;
  };
  const Shape shapes[] = {
      {{7, 9}, {1, 0}, true},
      {{33, 65}, {1, 0}, false},
      {{13}, {0}, false},
      {{3, 5, 7}, {2, 1, 0}, true},
      {{3, 5, 7}, {1, 0, 2}, false},
      {{2, 6, 5, 4}, {0, 3, 1, 2}, true},  // NHWC to NCHW
      {{2, 4, 6, 5}, {0, 2, 3, 1}, true},  // and back
      {{2, 3, 4, 5}, {3, 2, 1, 0}, false},
      {{2, 3, 4, 5}, {0, 1, 2, 3}, false},
      {{2, 3, 2, 3, 4}, {4, 2, 0, 3, 1}, false},
      {{2, 3, 2, 3, 2, 5}, {5, 3, 1, 4, 2, 0}, false},
      {{1, 1, 8, 1}, {2, 0, 1, 3}, false},
  };
  bool first = true;
  for (const Shape& shape : shapes) {
    Dims output;
    std::string order;
    for (uint32_t d : shape.permutation) {
      output.push_back(shape.dims[d]);
      order += std::to_string(d);
    }
    AddTypes(cases, std::format("transpose.{}.by_{}", DimsName(shape.dims), order),
             {kStaticTranspose,
              {{kF32, shape.dims}},
              {{kF32, output}},
              TransposeAttributes{shape.permutation}},
             shape.must_pass, std::exchange(first, false));
  }
  OneNode sequence{
      kStaticTranspose, {{kF32, {4, 5, 6}}}, {{kF32, {6, 4, 5}}}, TransposeAttributes{{2, 0, 1}}};
  sequence.inputs[0].more_runs = {{1, 5, 2}, {4, 1, 6}, {0, 5, 6}, {4, 5, 6}};
  AddOneNode(cases, "transpose.f32.sequence_and_zero_batch", sequence, kBitwise);
}

void AddReshape(Cases& cases) {
  struct Shape {
    std::string_view name;
    Dims input, output;
    std::vector<uint32_t> shape;
    bool must_pass;
  };
  const Shape shapes[] = {
      {"flatten", {2, 3, 5}, {30}, {30}, true},
      {"split", {6, 10}, {2, 3, 5, 2}, {2, 3, 5, 2}, true},
      {"infer_first", {4, 6}, {8, 3}, {0, 3}, true},
      {"infer_last", {4, 6}, {2, 12}, {2, 0}, false},
      {"ones", {7}, {1, 7, 1, 1}, {1, 7, 1, 1}, false},
      {"to_rank6", {24}, {1, 2, 3, 1, 4, 1}, {1, 2, 3, 1, 4, 1}, false},
      {"to_scalar", {1, 1}, {}, {}, false},
  };
  bool first = true;
  for (const Shape& s : shapes) {
    AddTypes(cases, std::format("reshape.{}", s.name),
             {kStaticReshape, {{kF32, s.input}}, {{kF32, s.output}}, ReshapeAttributes{s.shape}},
             s.must_pass, std::exchange(first, false));
  }
  OneNode sequence{kStaticReshape, {{kF32, {4, 6}}}, {{kF32, {8, 3}}}, ReshapeAttributes{{0, 3}}};
  sequence.inputs[0].more_runs = {{1, 6}, {3, 6}, {4, 6}};
  AddOneNode(cases, "reshape.f32.sequence", sequence, kBitwise);
  OneNode wrong{kStaticReshape, {{kF32, {5, 6}}}, {{kF32, {8, 4}}}, ReshapeAttributes{{8, 4}}};
  AddOneNode(cases, "reshape.f32.other_number_of_elements", wrong, {.refused = true});
}

void AddSlice(Cases& cases) {
  struct Shape {
    std::string_view name;
    Dims input, output;
    std::vector<uint32_t> offsets, sizes;
    bool must_pass;
  };
  const Shape shapes[] = {
      {"rank1", {19}, {7}, {5}, {7}, true},
      {"columns", {5, 17}, {5, 4}, {0, 9}, {5, 4}, true},
      {"rows", {9, 7}, {3, 7}, {4, 0}, {3, 7}, false},
      {"inner", {3, 5, 7}, {1, 3, 5}, {1, 1, 1}, {1, 3, 5}, true},
      {"whole", {3, 5}, {3, 5}, {0, 0}, {3, 5}, false},
      {"zero_is_whole", {3, 5, 4}, {3, 2, 4}, {0, 2, 0}, {0, 2, 0}, false},
      {"one", {4, 4, 4}, {1, 1, 1}, {3, 3, 3}, {1, 1, 1}, false},
      {"rank4", {2, 6, 5, 9}, {1, 4, 5, 3}, {1, 2, 0, 6}, {1, 4, 5, 3}, false},
      {"rank6",
       {2, 3, 2, 3, 2, 5},
       {1, 2, 1, 2, 1, 4},
       {1, 1, 0, 1, 1, 1},
       {1, 2, 1, 2, 1, 4},
       false},
  };
  bool first = true;
  for (const Shape& s : shapes) {
    AddTypes(
        cases, std::format("slice.{}", s.name),
        {kStaticSlice, {{kF32, s.input}}, {{kF32, s.output}}, SliceAttributes{s.offsets, s.sizes}},
        s.must_pass, std::exchange(first, false));
  }
  OneNode sequence{
      kStaticSlice, {{kF32, {6, 8}}}, {{kF32, {6, 3}}}, SliceAttributes{{0, 2}, {0, 3}}};
  sequence.inputs[0].more_runs = {{1, 8}, {6, 5}, {3, 6}, {6, 8}};
  AddOneNode(cases, "slice.f32.sequence", sequence, kBitwise);
  OneNode beyond{kStaticSlice, {{kF32, {6, 8}}}, {{kF32, {6, 3}}}, SliceAttributes{{0, 6}, {6, 3}}};
  AddOneNode(cases, "slice.f32.beyond_the_end", beyond, {.refused = true});
}

void AddPad(Cases& cases) {
  struct Shape {
    std::string_view name;
    Dims input;
    std::vector<uint32_t> pre, post;
    float value;
    bool must_pass;
  };
  const Shape shapes[] = {
      {"rank1", {7}, {3}, {2}, 0, true},
      {"image", {1, 4, 5, 3}, {0, 1, 2, 0}, {0, 3, 1, 0}, 0, true},
      {"channels", {2, 3, 4}, {0, 0, 1}, {0, 0, 4}, 0.5f, true},
      {"all_sides", {2, 3, 4}, {1, 2, 3}, {3, 1, 2}, -1.25f, false},
      {"none", {3, 5}, {0, 0}, {0, 0}, 1, false},
      {"before", {3, 5}, {2, 0}, {0, 0}, 2, false},
      {"after", {3, 5}, {0, 0}, {0, 4}, 2, false},
      {"rank6", {1, 2, 1, 3, 2, 2}, {1, 0, 1, 0, 0, 1}, {0, 1, 0, 1, 0, 2}, 0, false},
      {"value_is_no_half_nor_step", {3, 5}, {1, 1}, {1, 1}, 0.1f, false},
  };
  for (const Shape& s : shapes) {
    Dims output = s.input;
    for (size_t d = 0; d < output.rank(); ++d) output[d] += s.pre[d] + s.post[d];
    for (const ElementKind& type : {kF32, kF16, kQS8, kQU8, kBF16}) {
      if (s.must_pass || type.type == DataType::kF32 || type.type == DataType::kF16 ||
          type.type == DataType::kQInt8) {
        AddOneNode(cases, std::format("pad.{}.{}", type.name, s.name),
                   {kStaticConstantPad,
                    {{type, s.input}},
                    {{type, output}},
                    PadAttributes{s.pre, s.post, s.value}},
                   {.must_pass = s.must_pass && type.type != DataType::kBF16});
      }
    }
  }
  const PadAttributes infinite{{0, 1}, {0, 1}, -std::numeric_limits<float>::infinity()};
  AddOneNode(cases, "pad.f32.minus_infinity",
             {kStaticConstantPad, {{kF32, {3, 5}}}, {{kF32, {3, 7}}}, infinite}, kBitwise);
  const PadAttributes saturated{{1, 0}, {0, 1}, 1000};
  AddOneNode(cases, "pad.qs8.value_beyond_range",
             {kStaticConstantPad, {{kQS8, {3, 5}}}, {{kQS8, {4, 6}}}, saturated});
  OneNode sequence{
      kStaticConstantPad, {{kF32, {4, 6}}}, {{kF32, {7, 8}}}, PadAttributes{{1, 2}, {2, 0}, 3}};
  sequence.inputs[0].more_runs = {{1, 6}, {4, 1}, {4, 6}};
  AddOneNode(cases, "pad.f32.sequence", sequence, kBitwise);
}

void AddConcatenate(Cases& cases) {
  const NodeKind kinds[] = {kConcatenate2, kConcatenate3, kConcatenate4, kConcatenate5};
  struct Shape {
    std::string_view name;
    Dims dims;  // of each input, but for the axis
    uint32_t axis;
    bool must_pass;
  };
  const Shape shapes[] = {
      {"last", {3, 5}, 1, true},           {"first", {3, 5}, 0, true},
      {"middle", {2, 3, 4}, 1, false},     {"rank1", {7}, 0, false},
      {"channels", {1, 3, 4, 6}, 3, true}, {"rank6", {1, 2, 2, 1, 3, 2}, 4, false}};
  for (NodeKind kind : kinds) {
    const size_t count = static_cast<size_t>(Info(kind).min_inputs);
    bool first = true;
    for (const Shape& s : shapes) {
      OneNode node{kind, {}, {{kF32, s.dims}}, ConcatenateAttributes{s.axis}};
      size_t sum = 0;
      for (size_t i = 0; i < count; ++i) {
        Dims dims = s.dims;
        dims[s.axis] = 1 + (i * 4 + 2) % 5;
        sum += dims[s.axis];
        node.inputs.push_back({kF32, dims});
      }
      node.outputs[0].dims[s.axis] = sum;
      AddTypes(cases, std::format("concat{}.{}", count, s.name), node, s.must_pass,
               std::exchange(first, false));
    }
    OneNode sequence{kind, {}, {{kF32, {4, 5 * count}}}, ConcatenateAttributes{1}};
    for (size_t i = 0; i < count; ++i) {
      sequence.inputs.push_back(
          {kF32, {4, 5}, {}, Constant::kNo, {{1, 1 + i % 5}, {4, 5 - i % 5}, {0, 3}, {4, 5}}});
    }
    AddOneNode(cases, std::format("concat{}.f32.sequence_and_zero_batch", count), sequence,
               kBitwise);
    OneNode constant{kind, {}, {{kF32, {3, 2 * count}}}, ConcatenateAttributes{1}};
    for (size_t i = 0; i < count; ++i) constant.inputs.push_back({kF32, {3, 2}});
    constant.inputs[1].constant = Constant::kNamed;
    AddOneNode(cases, std::format("concat{}.f32.constant", count), constant, kBitwise);
    constant.inputs[1].constant = Constant::kInPayload;
    AddOneNode(cases, std::format("concat{}.f32.constant_in_payload", count), constant, kBitwise);
    OneNode wrong{kind, {}, {{kF32, {3, 2 * count}}}, ConcatenateAttributes{1}};
    for (size_t i = 0; i < count; ++i) wrong.inputs.push_back({kF32, {i == 1 ? 4u : 3u, 2}});
    AddOneNode(cases, std::format("concat{}.f32.other_rows", count), wrong, {.refused = true});
  }
}

void AddCopy(Cases& cases) {
  bool first = true;
  for (const Dims& dims : {Dims{3, 17}, Dims{2, 3, 5, 7}, Dims{1}, Dims{1, 2, 1, 3, 1, 4}}) {
    AddTypes(cases, std::format("copy.{}", DimsName(dims)), {kCopy, {{kF32, dims}}, {{kF32, dims}}},
             dims.rank() == 2, std::exchange(first, false));
  }
  OneNode sequence{kCopy, {{kF32, {4, 9}}}, {{kF32, {4, 9}}}};
  sequence.inputs[0].more_runs = {{1, 2}, {0, 9}, {4, 9}};
  AddOneNode(cases, "copy.f32.sequence_and_zero_batch", sequence, kBitwise);
}

}  // namespace

void AddLayoutCases(Cases& cases) {
  AddTranspose(cases);
  AddReshape(cases);
  AddSlice(cases);
  AddPad(cases);
  AddConcatenate(cases);
  AddCopy(cases);
  const Numbers integers = Numbers::Integers(-1e9, 1e9);
  AddOneNode(cases, "copy.int32.3x17", {kCopy, {{kInt32, {3, 17}, integers}}, {{kInt32, {3, 17}}}},
             kBitwise);
  AddOneNode(
      cases, "reshape.int32.flatten",
      {kStaticReshape, {{kInt32, {2, 3, 5}, integers}}, {{kInt32, {30}}}, ReshapeAttributes{{30}}},
      kBitwise);
}

}  // namespace switchyard::conformance
