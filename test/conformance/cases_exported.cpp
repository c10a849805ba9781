// Small graphs as the exporter writes them, and the forms that a payload can have.
#include <format>
#include <string>
#include <vector>

#include "test/conformance/cases.h"
#include "test/conformance/operands.h"
#include "test/conformance/tensors.h"

namespace switchyard::conformance {
namespace {

void Add(Cases& cases, std::string name, bool must_pass, std::function<Built(Random&)> build) {
  cases.push_back({.name = std::move(name), .build = std::move(build), .must_pass = must_pass});
}

// Float in and out, int8 in between.
Built BuildQuantizedLinear(const Dims& input, size_t n, Random& random) {
  const size_t k = input.back();
  Operands operands(Format::kPqs8Qc8w, Style::kRandom, k, random);
  test::GraphBuilder b;
  Dims output = input;
  output[output.rank() - 1] = n;
  const ValueIndex x = b.Input(DataType::kF32, input);
  const ValueIndex qx = b.Internal(operands.type(), input, operands.input_quantization());
  b.Add(NodeKind::kConvert, {x}, {qx});
  const ValueIndex w = operands.AddWeights(b, {n, k}, 0);
  const ValueIndex bias = operands.AddBias(b, n);
  const ValueIndex qy = b.Internal(operands.type(), output, operands.output_quantization());
  b.Add(NodeKind::kFullyConnected, {qx, w, bias}, {qy});
  const ValueIndex y = b.Output(DataType::kF32, output);
  b.Add(NodeKind::kConvert, {qy}, {y});
  Built built{b.Build(), {}};
  const size_t count = *input.NumElements();
  built.runs.emplace_back().push_back(
      FloatTensor(ElementType::kF32, input.span(), random.Reals(count, -3, 3)));
  return built;
}

// Two convolutions in channels last between transposes, and quantization around them where the
// format has it.
Built BuildImageChain(Format format, Random& random) {
  const bool quantized = IsInt8(format);
  const DataType outside = quantized ? DataType::kF32 : ActivationType(format);
  const Dims nchw{1, 3, 8, 7}, nhwc{1, 8, 7, 3}, middle{1, 8, 7, 6}, last{1, 4, 4, 5};
  test::GraphBuilder b;
  const ValueIndex x = b.Input(outside, nchw);
  ValueIndex value = b.Internal(outside, nhwc);
  b.Add(NodeKind::kStaticTranspose, {x}, {value}, TransposeAttributes{{0, 2, 3, 1}});
  Operands first(format, Style::kRandom, 27, random);
  if (quantized) {
    const ValueIndex q = b.Internal(first.type(), nhwc, first.input_quantization());
    b.Add(NodeKind::kConvert, {value}, {q});
    value = q;
  }
  Operands second(format, Style::kRandom, 54, random);
  second.ContinueFrom(first);
  ConvolutionAttributes attributes = {.padding_top = 1,
                                      .padding_right = 1,
                                      .padding_bottom = 1,
                                      .padding_left = 1,
                                      .kernel_height = 3,
                                      .kernel_width = 3,
                                      .group_input_channels = 3,
                                      .group_output_channels = 6};
  auto convolve = [&](Operands& operands, const Dims& output) {
    const ValueIndex w = operands.AddWeights(
        b, {attributes.group_output_channels, 3, 3, attributes.group_input_channels}, 0);
    const ValueIndex bias = operands.AddBias(b, attributes.group_output_channels);
    const ValueIndex y = b.Internal(operands.type(), output, operands.output_quantization());
    b.Add(NodeKind::kConv2d, {value, w, bias}, {y}, attributes).output_min = 0;
    value = y;
  };
  convolve(first, middle);
  attributes.group_input_channels = 6;
  attributes.group_output_channels = 5;
  attributes.stride_height = attributes.stride_width = 2;
  convolve(second, last);
  if (quantized) {
    const ValueIndex f = b.Internal(DataType::kF32, last);
    b.Add(NodeKind::kConvert, {value}, {f});
    value = f;
  }
  const ValueIndex y = b.Output(outside, {1, 5, 4, 4});
  b.Add(NodeKind::kStaticTranspose, {value}, {y}, TransposeAttributes{{0, 3, 1, 2}});
  Built built{b.Build(), {}};
  built.runs.emplace_back().push_back(
      FloatTensor(*ExternalElementType(outside), nchw.span(), random.Reals(3 * 8 * 7, -1, 1)));
  return built;
}

// Two projections of one input, and the product of one with the other transposed.
Built BuildScores(Format format, Random& random) {
  const size_t k = 16, n = 12;
  const Dims input{2, 9, k}, projected{2, 9, n};
  Operands operands(format, Style::kRandom, k, random);
  test::GraphBuilder b;
  const ValueIndex x = operands.AddInput(b, input);
  std::vector<ValueIndex> projections;
  for (int i = 0; i < 2; ++i) {
    const ValueIndex w = operands.AddWeights(b, {n, k}, 0);
    const ValueIndex bias = operands.AddBias(b, n);
    projections.push_back(b.Internal(operands.type(), projected));
    b.Add(NodeKind::kFullyConnected, {x, w, bias}, {projections.back()});
  }
  const ValueIndex y = b.Output(operands.type(), {2, 9, 9});
  b.Add(NodeKind::kBatchMatrixMultiply, projections, {y}).flags = kFlagTransposeWeights;
  Built built{b.Build(), {}};
  built.runs.emplace_back().push_back(operands.MakeInput(input.span(), k));
  return built;
}

// FullyConnected whose weights are an input of the delegate.
Built BuildComputedWeights(Format format, bool transposed, Random& random) {
  const Dims input{5, 11}, weights = transposed ? Dims{11, 7} : Dims{7, 11};
  Operands operands(format, Style::kRandom, 11, random);
  test::GraphBuilder b;
  const ValueIndex x = operands.AddInput(b, input);
  const ValueIndex w = b.Input(operands.type(), weights);
  const ValueIndex y = b.Output(operands.type(), {5, 7});
  if (transposed) {
    b.Add(NodeKind::kFullyConnected, {x, w}, {y}).flags = kFlagTransposeWeights;
  } else {
    b.Add(NodeKind::kFullyConnected, {x, w}, {y});
  }
  Built built{b.Build(), {}};
  auto& run = built.runs.emplace_back();
  run.push_back(operands.MakeInput(input.span(), 11));
  run.push_back(operands.MakeInput(weights.span(), weights.back()));
  return built;
}

struct Form {
  std::string_view name;
  WriterOptions options;
};
constexpr Form kForms[] = {
    {"named_data", {.constants = ConstantStorage::kNamed}},
    {"inline_scales", {.inline_scales = true}},
    {"bare", {.header = false, .constants = ConstantStorage::kInline}},
    {"bare.old_identifier",
     {.header = false, .legacy_identifier = true, .constants = ConstantStorage::kInline}},
};

Built BuildForm(Format format, const WriterOptions& options, Random& random) {
  const size_t k = HasBlocks(format) ? 64 : 24, n = 9;
  Operands operands(format, Style::kRandom, k, random);
  test::GraphBuilder b;
  const Dims input{4, k};
  const ValueIndex x = operands.AddInput(b, input);
  const ValueIndex w = operands.AddWeights(b, {n, k}, 0);
  const ValueIndex bias = operands.AddBias(b, n);
  const ValueIndex y = b.Output(operands.type(), {4, n}, operands.output_quantization());
  b.Add(NodeKind::kFullyConnected, {x, w, bias}, {y});
  Built built{b.Build(), {}, options};
  if (options.constants == ConstantStorage::kNamed) {
    for (Value& value : built.graph.values) {
      if (value.constant) value.constant->key = std::format("constant{}", value.id);
    }
  }
  built.runs.emplace_back().push_back(operands.MakeInput(input.span(), k));
  return built;
}

}  // namespace

void AddExportedCases(Cases& cases) {
  for (const Dims& input : {Dims{1, 20}, Dims{6, 20}, Dims{2, 3, 20}}) {
    Add(cases, std::format("exported.pqs8_qc8w.linear.rank{}.m{}", input.rank(), input[0]), true,
        [input](Random& random) { return BuildQuantizedLinear(input, 13, random); });
  }
  for (Format format : {Format::kPf32, Format::kF16F32w, Format::kPqs8Qc8w}) {
    Add(cases, std::format("exported.{}.images", Name(format)), true,
        [format](Random& random) { return BuildImageChain(format, random); });
  }
  for (Format format : {Format::kPf32, Format::kPf16}) {
    Add(cases, std::format("exported.{}.scores", Name(format)), true,
        [format](Random& random) { return BuildScores(format, random); });
  }
  for (bool transposed : {false, true}) {
    Add(cases, std::format("exported.pf32.computed_weights{}", transposed ? ".kxn" : ""), true,
        [transposed](Random& random) {
          return BuildComputedWeights(Format::kPf32, transposed, random);
        });
  }
  for (Format format : {Format::kPf32, Format::kPf16, Format::kQp8F32Qc8w, Format::kPqs8Qc8w,
                        Format::kQp8F32Qb4w}) {
    for (const Form& form : kForms) {
      Add(cases, std::format("form.{}.{}", Name(format), form.name), false,
          [format, options = form.options](Random& random) {
            return BuildForm(format, options, random);
          });
    }
  }
}

}  // namespace switchyard::conformance
