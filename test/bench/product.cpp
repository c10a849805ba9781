#include "test/bench/product.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/base/format.h"
#include "test/conformance/convolution.h"
#include "test/conformance/operands.h"
#include "test/conformance/random.h"

namespace switchyard::bench {
namespace {

using conformance::Format;

Format FormatOf(Variant variant) {
  switch (variant) {
    case Variant::kPf32:
      return Format::kPf32;
    case Variant::kPf16:
      return Format::kPf16;
    case Variant::kQp8F32Qc8w:
      return Format::kQp8F32Qc8w;
    case Variant::kPqs8Qc8w:
      return Format::kPqs8Qc8w;
    case Variant::kQp8F32Qb4w:
      return Format::kQp8F32Qb4w;
  }
  return Format::kPf32;
}

conformance::Built BuildFullyConnected(Variant variant, const Shape& shape, size_t block_length,
                                       conformance::Random& random) {
  conformance::Operands operands(FormatOf(variant), conformance::Style::kRandom, shape.k, random);
  test::GraphBuilder b;
  const Dims rows{shape.m, shape.k};
  const ValueIndex x = operands.AddInput(b, rows);
  const ValueIndex w = operands.AddWeights(b, {shape.n, shape.k}, 0, block_length);
  const ValueIndex bias = operands.AddBias(b, shape.n);
  const ValueIndex y =
      b.Output(operands.type(), {shape.m, shape.n}, operands.output_quantization());
  b.Add(NodeKind::kFullyConnected, {x, w, bias}, {y});
  conformance::Built built{b.Build(), {}};
  built.runs.emplace_back().push_back(operands.MakeInput(rows.span(), shape.k));
  return built;
}

conformance::Built BuildConvolution(Variant variant, const Shape& shape,
                                    conformance::Random& random) {
  const auto kernel = static_cast<uint32_t>(shape.kernel);
  const auto stride = static_cast<uint32_t>(shape.stride);
  const auto padding = static_cast<uint32_t>(shape.padding);
  const conformance::ConvolutionSpec spec = {
      .format = FormatOf(variant),
      .attributes = {.padding_top = padding,
                     .padding_right = padding,
                     .padding_bottom = padding,
                     .padding_left = padding,
                     .kernel_height = kernel,
                     .kernel_width = kernel,
                     .stride_height = stride,
                     .stride_width = stride,
                     .group_input_channels = static_cast<uint32_t>(shape.channels / shape.groups),
                     .group_output_channels = static_cast<uint32_t>(shape.n),
                     .groups = static_cast<uint32_t>(shape.groups)},
      .height = shape.height,
      .width = shape.width};
  return conformance::ConvolutionCase("conv", shape.name, spec, /*must_pass=*/true).build(random);
}

std::string NameOf(Variant variant, const Shape& shape) {
  return switchyard::Format("{}.{}.{}", shape.is_convolution ? "conv" : "fc", Name(variant),
                            shape.name);
}

}  // namespace

std::string Product::name() const { return NameOf(variant, shape); }

bool Exists(Variant variant, const Shape& shape, size_t block_length) {
  const bool by_rows = variant == Variant::kQp8F32Qc8w || variant == Variant::kQp8F32Qb4w;
  if (shape.is_convolution && by_rows) return false;
  return variant != Variant::kQp8F32Qb4w || shape.k % block_length == 0;
}

Product MakeProduct(Variant variant, const Shape& shape, size_t block_length) {
  conformance::Random random(NameOf(variant, shape), /*seed=*/1);
  conformance::Built built = shape.is_convolution
                                 ? BuildConvolution(variant, shape, random)
                                 : BuildFullyConnected(variant, shape, block_length, random);
  return {.shape = shape,
          .variant = variant,
          .graph = std::move(built.graph),
          .input = std::move(built.runs.front().front())};
}

Result<Payload> WriteProduct(const Product& product) { return WritePayload(product.graph); }

Result<Payload> WriteTwice(Product& product) {
  Graph& graph = product.graph;
  Value output = product.output();
  output.id = static_cast<uint32_t>(graph.values.size());
  output.external_id = graph.num_externals++;
  Node node = product.node();
  node.id = static_cast<uint32_t>(graph.nodes.size());
  node.outputs = {output.id};
  graph.values.push_back(std::move(output));
  graph.nodes.push_back(std::move(node));
  Result<Payload> payload = WritePayload(graph);
  graph.nodes.pop_back();
  graph.values.pop_back();
  --graph.num_externals;
  return payload;
}

}  // namespace switchyard::bench
