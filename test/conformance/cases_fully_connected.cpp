// FullyConnected: every format by shapes, weight orders, biases, clamps and corners of the data.
#include <format>
#include <limits>
#include <string>

#include "test/conformance/cases.h"
#include "test/conformance/operands.h"

namespace switchyard::conformance {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Spec {
  Format format;
  Style style;
  Dims input;  // the last is K
  size_t n;
  bool bias = true;
  bool transposed = false;  // weights [K, N]
  float min = -kInfinity, max = kInfinity;
  size_t group_size = 32;
};

Built BuildFullyConnected(const Spec& spec, Random& random) {
  const size_t k = spec.input.back();
  Operands operands(spec.format, spec.style, k, random);
  test::GraphBuilder b;
  Dims output = spec.input;
  output[output.rank() - 1] = spec.n;
  const ValueIndex x = operands.AddInput(b, spec.input);
  const Dims weights = spec.transposed ? Dims{k, spec.n} : Dims{spec.n, k};
  const ValueIndex w = operands.AddWeights(b, weights, spec.transposed ? 1 : 0, spec.group_size);
  std::vector<ValueIndex> inputs{x, w};
  if (spec.bias) inputs.push_back(operands.AddBias(b, spec.n));
  const ValueIndex y = b.Output(operands.output_type(), output, operands.output_quantization());
  Node& node = b.Add(NodeKind::kFullyConnected, inputs, {y});
  if (spec.transposed) node.flags = kFlagTransposeWeights;
  const float spread = operands.spread();
  node.output_min = spec.min == -kInfinity ? spec.min : spec.min * spread;
  node.output_max = spec.max == kInfinity ? spec.max : spec.max * spread;
  Built built{b.Build(), {}};
  built.runs.push_back({});
  built.runs[0].push_back(operands.MakeInput(spec.input.span(), k));
  return built;
}

void Add(Cases& cases, std::string_view what, const Spec& spec, bool must_pass) {
  Data data = IsExact(spec.style) ? Data::kBitwise : Data::kRounded;
  if (spec.style == Style::kNan || spec.style == Style::kInfinity) data = Data::kPartlyFree;
  cases.push_back({.name = std::format("fc.{}.{}", Name(spec.format), what),
                   .build = [spec](Random& random) { return BuildFullyConnected(spec, random); },
                   .must_pass = must_pass,
                   .data = data});
}

}  // namespace

void AddFullyConnectedCases(Cases& cases) {
  for (Format format : {Format::kPf32, Format::kPf16, Format::kQp8F32Qc8w, Format::kPqs8Qc8w,
                        Format::kQp8F32Qb4w}) {
    const bool blocks = format == Format::kQp8F32Qb4w;
    const size_t k = blocks ? 32 : 17;
    Add(cases, "m5.n9.random", {format, Style::kRandom, {5, k}, 9}, true);
    Add(cases, "m5.n9.exact", {format, Style::kExact, {5, k}, 9}, true);
  }
}

}  // namespace switchyard::conformance
