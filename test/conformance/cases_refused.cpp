// What a backend has to refuse with an error, at load or when it runs: shapes that do not fit
// together, and numbers outside of what the operators are defined for.
#include <format>
#include <string>
#include <vector>

#include "test/conformance/cases.h"
#include "test/conformance/convolution.h"
#include "test/conformance/operands.h"

namespace switchyard::conformance {
namespace {

void Add(Cases& cases, std::string name, std::function<Built(Random&)> build) {
  cases.push_back(
      {.name = std::move(name), .build = std::move(build), .must_pass = true, .refused = true});
}

// FullyConnected that is run on `input`, which is within the bounds [6, k].
Built BuildFullyConnected(Format format, const Dims& input, Random& random) {
  const size_t k = HasBlocks(format) ? 64 : 12, n = 5;
  Operands operands(format, Style::kRandom, k, random);
  test::GraphBuilder b;
  const ValueIndex x = operands.AddInput(b, {6, k});
  const ValueIndex w = operands.AddWeights(b, {n, k}, 0);
  const ValueIndex y = b.Output(operands.type(), {6, n}, operands.output_quantization());
  b.Add(NodeKind::kFullyConnected, {x, w}, {y});
  Built built{b.Build(), {}};
  built.runs.emplace_back().push_back(operands.MakeInput(input.span(), input.back()));
  return built;
}

// int8 FullyConnected whose accumulators are to be scaled by `factor`.
Built BuildRequantization(double factor, Random& random) {
  const float scale = 0.5f;
  test::GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kQInt8, {2, 4}, PerTensorQuantization{scale, 0});
  const ValueIndex w = b.Constant(DataType::kQCInt8, {3, 4}, random.Integers<int8_t>(12, -9, 9),
                                  b.PerChannel(0, {scale, scale, scale}));
  const auto output_scale = static_cast<float>(scale * scale / factor);
  const ValueIndex y = b.Output(DataType::kQInt8, {2, 3}, PerTensorQuantization{output_scale, 0});
  b.Add(NodeKind::kFullyConnected, {x, w}, {y});
  Built built{b.Build(), {}};
  built.runs.emplace_back().emplace_back(ElementType::kInt8, std::vector<size_t>{2, 4});
  return built;
}

Built BuildMatrixMultiply(Format format, const Dims& a, const Dims& b_dims, Random& random) {
  Operands operands(format, Style::kRandom, 8, random);
  test::GraphBuilder builder;
  const ValueIndex a_value = builder.Input(operands.type(), {3, 6, 8});
  const ValueIndex b_value = builder.Input(operands.type(), {3, 8, 7});
  const ValueIndex y = builder.Output(operands.type(), {3, 6, 7});
  builder.Add(NodeKind::kBatchMatrixMultiply, {a_value, b_value}, {y});
  Built built{builder.Build(), {}};
  auto& run = built.runs.emplace_back();
  run.push_back(operands.MakeInput(a.span(), a.back()));
  run.push_back(operands.MakeInput(b_dims.span(), b_dims.back()));
  return built;
}

}  // namespace

void AddRefusedCases(Cases& cases) {
  for (Format format : {Format::kPf32, Format::kPf16, Format::kQp8F32Qc8w, Format::kPqs8Qc8w,
                        Format::kQp8F32Qb4w}) {
    const size_t k = HasBlocks(format) ? 32 : 9;
    Add(cases, std::format("fc.{}.refused.other_depth", Name(format)),
        [=](Random& random) { return BuildFullyConnected(format, {2, k}, random); });
  }
  Add(cases, "fc.pqs8_qc8w.refused.requantization_256",
      [](Random& random) { return BuildRequantization(256, random); });
  for (Format format : {Format::kPf32, Format::kPf16, Format::kPqs8Qc8w}) {
    ConvolutionSpec spec{.format = format, .height = 5, .width = 6};
    spec.attributes = {.kernel_height = 3,
                       .kernel_width = 3,
                       .group_input_channels = 4,
                       .group_output_channels = 5};
    spec.runs = {{1, 5, 6, 3}};
    Case item = ConvolutionCase("conv", "refused.other_channels", spec, true);
    item.refused = true;
    cases.push_back(item);
    spec.runs = {{1, 2, 6, 4}};
    item = ConvolutionCase("conv", "refused.image_below_kernel", spec, true);
    item.refused = true;
    cases.push_back(item);
  }
  for (Format format : {Format::kPf32, Format::kPf16}) {
    Add(cases, std::format("bmm.{}.refused.other_depth", Name(format)),
        [=](Random& random) { return BuildMatrixMultiply(format, {3, 6, 8}, {3, 7, 7}, random); });
    Add(cases, std::format("bmm.{}.refused.other_batch", Name(format)),
        [=](Random& random) { return BuildMatrixMultiply(format, {2, 6, 8}, {3, 8, 7}, random); });
  }
}

}  // namespace switchyard::conformance
