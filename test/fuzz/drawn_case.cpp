#include "test/fuzz/drawn_case.h"

#include <algorithm>
#include <format>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/switchyard_backend.h"
#include "test/conformance/convolution.h"
#include "test/conformance/operands.h"
#include "test/conformance/runner.h"
#include "test/fuzz/source.h"

namespace switchyard::fuzz {
namespace {

using conformance::Built;
using conformance::Case;
using conformance::Format;
using conformance::Operands;
using conformance::Random;
using conformance::Style;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Clamp {
  std::string_view name;
  float min, max;  // in units of the output's spread
};
constexpr Clamp kClamps[] = {{"", -kInfinity, kInfinity},  {" relu", 0, kInfinity},
                             {" clamp", -0.5f, 0.5f},      {" low", -0.25f, kInfinity},
                             {" high", -kInfinity, 0.25f}, {" above_zero", 0.25f, 0.75f}};

// None where the zero point is at an end of int8: a range may hold a single number there, which
// XNNPACK refuses.
Clamp DrawClamp(Source& source, Format format, Style style) {
  const Clamp clamp = source.Of(kClamps);
  const bool at_end = IsInt8(format) && (style == Style::kPositive || style == Style::kNegative);
  return at_end ? kClamps[0] : clamp;
}

// The styles that mean something in a format. `single`: the answers are of one product, so that
// corners of the data do not run into each other.
std::vector<Style> StylesOf(Format format, bool single) {
  std::vector<Style> styles = {Style::kRandom};
  // What a layer writes is no multiple of a step of the next one's quantization; f16 does not hold
  // the products of dynamic scales.
  const bool exact = !IsDynamic(format) || (single && ActivationType(format) != DataType::kF16);
  if (exact) styles.push_back(Style::kExact);
  if (!single) return styles;
  styles.insert(styles.end(),
                {Style::kZeroWeights, Style::kZeroRows, Style::kConstantRows, Style::kPositive,
                 Style::kNegative, Style::kTinyScales, Style::kHugeScales, Style::kLargestSums});
  if (!IsDynamic(format)) styles.insert(styles.end(), {Style::kOneHot, Style::kSaturating});
  if (!IsInt8(format)) {
    styles.insert(styles.end(), {Style::kDenormals, Style::kMixedMagnitudes, Style::kGrowingRows});
  }
  return styles;
}

void SetClamp(Node& node, const Clamp& clamp, const Operands& operands) {
  node.output_min = clamp.min * operands.spread();
  node.output_max = clamp.max * operands.spread();
}

// --- FullyConnected -----------------------------------------------------------------------------

struct Layer {
  size_t n;
  bool bias, kxn, is_output;
  Clamp clamp;
  size_t group_size;
};
struct Products {
  Format format;
  Style style;
  Dims input;  // bounds; the last is K
  bool chain;  // each layer reads the one before; otherwise all read the input
  bool own_converts;
  std::vector<Layer> layers;
  std::vector<Dims> runs;
};

Built Build(const Products& products, Random& random) {
  test::GraphBuilder b;
  Operands operands(products.format, products.style, products.input.back(), random);
  Operands first = operands;
  Dims dims = products.input;
  const ValueIndex input = b.Input(operands.type(), dims, operands.input_quantization());
  ValueIndex source = input, x = input;
  for (size_t i = 0; i < products.layers.size(); ++i) {
    const Layer& layer = products.layers[i];
    if (products.chain && i > 0) {
      Operands next(products.format, products.style, dims.back(), random);
      next.ContinueFrom(operands);
      operands = next;
    }
    if (i == 0 || products.chain || products.own_converts) {
      x = operands.is_dynamic() ? operands.AddConvert(b, source, dims) : source;
    }
    const size_t k = dims.back();
    const Dims weights = layer.kxn ? Dims{k, layer.n} : Dims{layer.n, k};
    std::vector<ValueIndex> inputs{
        x, operands.AddWeights(b, weights, layer.kxn ? 1 : 0, layer.group_size)};
    if (layer.bias) inputs.push_back(operands.AddBias(b, layer.n));
    Dims output = dims;
    output[output.rank() - 1] = layer.n;
    const ValueIndex y = layer.is_output
                             ? b.Output(operands.type(), output, operands.output_quantization())
                             : b.Internal(operands.type(), output, operands.output_quantization());
    Node& node = b.Add(NodeKind::kFullyConnected, inputs, {y});
    if (layer.kxn) node.flags = kFlagTransposeWeights;
    SetClamp(node, layer.clamp, operands);
    if (products.chain) {
      source = y;
      dims = output;
    }
  }
  Built built{b.Build(), {}};
  for (const Dims& run : products.runs) {
    built.runs.emplace_back().push_back(first.MakeInput(run.span(), run.back()));
  }
  return built;
}

size_t DrawWidth(Source& source, Format format, size_t limit) {
  return HasBlocks(format) ? 32 * source.Between(1, 4) : source.Between(1, limit);
}

Case DrawFullyConnected(Source& source) {
  constexpr Format kFormats[] = {Format::kPf32,       Format::kPf16,       Format::kQp8F32Qc8w,
                                 Format::kPqs8Qc8w,   Format::kQp8F32Qb4w, Format::kPqs8Qs8w,
                                 Format::kQp8F32Qc4w, Format::kF32F16w,    Format::kF16F32w,
                                 Format::kQp8F16Qc8w, Format::kQp8F16Qb4w};
  Products products;
  products.format = source.Of(kFormats);
  const size_t layers = source.Between(1, 3);
  products.chain = source.Flag();
  products.own_converts = source.Flag();
  products.style = source.Of(StylesOf(products.format, layers == 1));
  const size_t rank = source.Between(1, 3);
  for (size_t i = 0; i < rank; ++i) products.input.push_back(source.Between(1, rank == 1 ? 90 : 9));
  products.input.push_back(DrawWidth(source, products.format, 150));
  std::string what = ToString(products.input);
  size_t k = products.input.back();
  for (size_t i = 0; i < layers; ++i) {
    Layer layer;
    const bool is_last = i + 1 == layers;
    layer.n = products.chain && !is_last ? DrawWidth(source, products.format, 150)
                                         : source.Between(1, 150);
    // A bias hides in sums that overflow.
    layer.bias = source.Flag() && products.style != Style::kSaturating;
    // int4 is along the input channels.
    layer.kxn =
        source.Flag() && !HasBlocks(products.format) && products.format != Format::kQp8F32Qc4w;
    layer.clamp = DrawClamp(source, products.format, products.style);
    layer.group_size = k % 64 == 0 && source.Flag() ? 64 : 32;
    layer.is_output = is_last || !products.chain || source.Flag();
    what += std::format(" {}{}{}{}{}", layer.n, layer.bias ? "" : " no_bias",
                        layer.kxn ? " kxn" : "", layer.clamp.name,
                        HasBlocks(products.format) ? std::format(" g{}", layer.group_size) : "");
    products.layers.push_back(layer);
    if (products.chain) k = layer.n;
  }
  products.runs.push_back(products.input);
  for (size_t more = source.Below(3); more > 0; --more) {
    Dims run = products.input;
    run[0] = source.Between(0, run[0]);
    products.runs.push_back(run);
  }
  what += std::format(" {}{}, runs", products.chain ? "chain" : "side by side",
                      products.own_converts ? " own converts" : "");
  for (const Dims& run : products.runs) what += " " + ToString(run);
  return {.name = std::format("fc.{}.{} {}", Name(products.format), Name(products.style), what),
          .build = [products](Random& random) { return Build(products, random); }};
}

// --- Conv2d -------------------------------------------------------------------------------------

Case DrawConvolution(Source& source) {
  constexpr Format kFormats[] = {Format::kPf32,      Format::kPf16,    Format::kPqs8Qc8w,
                                 Format::kPqs8Qs8w,  Format::kF16F32w, Format::kF32F16w,
                                 Format::kQp8F32Qc8w};
  conformance::ConvolutionSpec spec{.format = source.Of(kFormats)};
  std::vector<Style> styles = StylesOf(spec.format, true);
  std::erase(styles, Style::kSaturating);
  std::erase(styles, Style::kGrowingRows);
  spec.style = source.Of(styles);
  ConvolutionAttributes& a = spec.attributes;
  const bool pointwise = source.Below(4) == 0;
  a.kernel_height = static_cast<uint32_t>(pointwise ? 1 : source.Between(1, 4));
  a.kernel_width = static_cast<uint32_t>(pointwise ? 1 : source.Between(1, 4));
  a.stride_height = static_cast<uint32_t>(source.Between(1, 3));
  a.stride_width = static_cast<uint32_t>(source.Between(1, 3));
  a.dilation_height = static_cast<uint32_t>(source.Between(1, 3));
  a.dilation_width = static_cast<uint32_t>(source.Between(1, 3));
  for (uint32_t* padding : {&a.padding_top, &a.padding_right, &a.padding_bottom, &a.padding_left}) {
    *padding = static_cast<uint32_t>(source.Between(0, 3));
  }
  a.groups = static_cast<uint32_t>(source.Between(1, 3));
  a.group_input_channels = static_cast<uint32_t>(source.Between(1, 20));
  a.group_output_channels = static_cast<uint32_t>(source.Between(1, 70));
  spec.bias = source.Flag();
  const Clamp clamp = DrawClamp(source, spec.format, spec.style);
  spec.min = clamp.min;
  spec.max = clamp.max;
  spec.batch = source.Between(1, 3);
  // The smallest image of which there is an output.
  const auto smallest = [](size_t kernel, size_t dilation, size_t padding) {
    const size_t reach = (kernel - 1) * dilation + 1;
    return reach > padding ? reach - padding : 1;
  };
  const size_t height =
      smallest(a.kernel_height, a.dilation_height, size_t{a.padding_top} + a.padding_bottom);
  const size_t width =
      smallest(a.kernel_width, a.dilation_width, size_t{a.padding_left} + a.padding_right);
  spec.height = height + source.Between(0, 9);
  spec.width = width + source.Between(0, 9);
  const size_t channels = size_t{a.groups} * a.group_input_channels;
  spec.runs.push_back({spec.batch, spec.height, spec.width, channels});
  for (size_t more = source.Below(3); more > 0; --more) {
    spec.runs.push_back({source.Between(1, spec.batch), source.Between(height, spec.height),
                         source.Between(width, spec.width), channels});
  }
  std::string what = std::format(
      "conv k{}x{} s{}x{} d{}x{} p{},{},{},{} g{} c{} n{}{}{}, runs", a.kernel_height,
      a.kernel_width, a.stride_height, a.stride_width, a.dilation_height, a.dilation_width,
      a.padding_top, a.padding_right, a.padding_bottom, a.padding_left, a.groups,
      a.group_input_channels, a.group_output_channels, spec.bias ? "" : " no_bias", clamp.name);
  for (const Dims& run : spec.runs) what += " " + ToString(run);
  return ConvolutionCase("conv", what, spec, false);
}

// --- BatchMatrixMultiply ------------------------------------------------------------------------

struct MatrixProduct {
  Format format;
  Style style;
  bool nxk, constant_b;
  Clamp clamp;
  struct Run {
    Dims a, b;
  };
  Dims output;            // bounds
  std::vector<Run> runs;  // the first has the bounds
};

Built Build(const MatrixProduct& product, Random& random) {
  const auto& [a_dims, b_dims] = product.runs.front();
  Operands operands(product.format, product.style, a_dims.back(), random);
  test::GraphBuilder builder;
  const ValueIndex a = builder.Input(operands.type(), a_dims);
  const ValueIndex b = product.constant_b ? operands.AddWeights(builder, b_dims, 0)
                                          : builder.Input(operands.type(), b_dims);
  const ValueIndex y = builder.Output(operands.type(), product.output);
  Node& node = builder.Add(NodeKind::kBatchMatrixMultiply, {a, b}, {y});
  if (product.nxk) node.flags = kFlagTransposeWeights;
  SetClamp(node, product.clamp, operands);
  Built built{builder.Build(), {}};
  for (const MatrixProduct::Run& run : product.runs) {
    auto& inputs = built.runs.emplace_back();
    inputs.push_back(operands.MakeInput(run.a.span(), run.a.back()));
    if (!product.constant_b) inputs.push_back(operands.MakeInput(run.b.span(), run.b.back()));
  }
  return built;
}

Case DrawMatrixProduct(Source& source) {
  MatrixProduct product;
  product.format = source.Flag() ? Format::kPf16 : Format::kPf32;
  product.style = source.Flag() ? Style::kExact : Style::kRandom;
  product.nxk = source.Flag();
  product.constant_b = source.Flag();
  product.clamp = source.Of(kClamps);
  MatrixProduct::Run bounds;
  for (size_t batches = source.Below(3); batches > 0; --batches) {
    const size_t batch = source.Between(1, 4), broadcast = source.Below(4);
    bounds.a.push_back(broadcast == 1 ? 1 : batch);
    bounds.b.push_back(broadcast == 2 ? 1 : batch);
    product.output.push_back(batch);
  }
  const size_t m = source.Between(1, 70), k = source.Between(1, 70), n = source.Between(1, 100);
  const auto matrices = [&](size_t rows, size_t depth, size_t columns) {
    MatrixProduct::Run run = bounds;
    run.a.push_back(rows);
    run.a.push_back(depth);
    run.b.push_back(product.nxk ? columns : depth);
    run.b.push_back(product.nxk ? depth : columns);
    return run;
  };
  product.runs.push_back(matrices(m, k, n));
  product.output.push_back(m);
  product.output.push_back(n);
  for (size_t more = source.Below(3); more > 0; --more) {
    const size_t rows = source.Between(1, m), depth = source.Between(1, k);
    const size_t columns = source.Between(1, n);
    product.runs.push_back(product.constant_b ? matrices(rows, k, n)
                                              : matrices(rows, depth, columns));
  }
  std::string what;
  for (const MatrixProduct::Run& run : product.runs) {
    what += std::format(" {}x{}", ToString(run.a), ToString(run.b));
  }
  return {.name = std::format("bmm.{}.{}{}{}{},{}", Name(product.format), Name(product.style),
                              product.nxk ? " nxk" : "", product.constant_b ? " constant" : "",
                              product.clamp.name, what),
          .build = [product](Random& random) { return Build(product, random); }};
}

}  // namespace

Case DrawCase(std::span<const uint8_t> bytes) {
  Source source(bytes);
  const size_t op = source.Below(5);
  // The numbers follow from the name and this.
  const size_t seed = source.Below(256);
  Case drawn = op < 2   ? DrawFullyConnected(source)
               : op < 4 ? DrawConvolution(source)
                        : DrawMatrixProduct(source);
  drawn.name += std::format(", data {}", seed);
  // The bounds decide; which of them are 0 the reference knows.
  drawn.data = conformance::Data::kPartlyFree;
  return drawn;
}

std::optional<std::string> CheckDrawn(std::span<const uint8_t> bytes) {
  const Case drawn = DrawCase(bytes);
  const std::map<std::string, OptionValue> settings[] = {
      {}, {{"packed_kernels", false}}, {{"force_kernel", std::string("reference")}}};
  for (const auto& options : settings) {
    const conformance::Host host{.backend = &SwitchyardBackend(), .load_options = options};
    const conformance::CaseResult result = conformance::RunCase(drawn, 0, host);
    if (result.outcome == conformance::Outcome::kPass) continue;
    const std::string setting = options.empty() ? "default" : options.begin()->first;
    return std::format("{}\n  {}: {}: {}", drawn.name, setting, conformance::Name(result.outcome),
                       result.detail);
  }
  return std::nullopt;
}

}  // namespace switchyard::fuzz
