// What one node in one shape does not show: executes whose shapes grow, shrink and come back,
// activations that several nodes share, and chains, in which errors add up.
#include <format>
#include <string>
#include <vector>

#include "test/conformance/cases.h"
#include "test/conformance/convolution.h"
#include "test/conformance/operands.h"

namespace switchyard::conformance {
namespace {

constexpr Format kPacked[] = {Format::kPf32, Format::kPf16, Format::kQp8F32Qc8w, Format::kPqs8Qc8w,
                              Format::kQp8F32Qb4w};

// FullyConnected from `x`; what it writes is an output of the graph, or an internal value.
struct Layer {
  ValueIndex y;
  Dims dims;
};
Layer AddLayer(test::GraphBuilder& b, Operands& operands, ValueIndex x, const Dims& input, size_t n,
               bool is_output, bool bias = true) {
  Dims output = input;
  output[output.rank() - 1] = n;
  const ValueIndex w = operands.AddWeights(b, {n, input.back()}, 0);
  std::vector<ValueIndex> inputs{x, w};
  if (bias) inputs.push_back(operands.AddBias(b, n));
  const ValueIndex y = is_output
                           ? b.Output(operands.type(), output, operands.output_quantization())
                           : b.Internal(operands.type(), output, operands.output_quantization());
  b.Add(NodeKind::kFullyConnected, inputs, {y});
  return {y, output};
}

void Add(Cases& cases, std::string name, bool must_pass, Data data,
         std::function<Built(Random&)> build) {
  cases.push_back({std::move(name), std::move(build), must_pass, data});
}
Data DataOf(Style style) { return IsExact(style) ? Data::kBitwise : Data::kRounded; }

// --- Shapes that change -------------------------------------------------------------------------

Built BuildSequence(Format format, Style style, std::span<const Dims> runs, const Dims& bounds,
                    size_t n, Random& random) {
  Operands operands(format, style, bounds.back(), random);
  test::GraphBuilder b;
  const ValueIndex x = operands.AddInput(b, bounds);
  AddLayer(b, operands, x, bounds, n, true);
  Built built{b.Build(), {}};
  for (const Dims& dims : runs) {
    built.runs.emplace_back().push_back(operands.MakeInput(dims.span(), dims.back()));
  }
  return built;
}

void AddRows(Cases& cases) {
  struct Sequence {
    std::string_view name;
    std::vector<size_t> rows;
  };
  const Sequence sequences[] = {
      {"grow", {1, 2, 5, 17, 40}},      {"shrink", {40, 33, 16, 4, 1}},
      {"come_back", {1, 40, 1, 40, 1}}, {"around_tile", {15, 16, 17, 31, 32, 33}},
      {"with_zero", {3, 0, 3, 0, 1}},   {"same", {7, 7, 7}},
  };
  for (Format format : kPacked) {
    const size_t k = format == Format::kQp8F32Qb4w ? 32 : 19;
    for (const Sequence& sequence : sequences) {
      for (Style style : {Style::kRandom, Style::kExact}) {
        std::vector<Dims> runs;
        for (size_t m : sequence.rows) runs.push_back({m, k});
        Add(cases, std::format("sequence.{}.rows.{}.{}", Name(format), sequence.name, Name(style)),
            style == Style::kExact, DataOf(style), [=](Random& random) {
              return BuildSequence(format, style, runs, {40, k}, 23, random);
            });
      }
    }
    // Batches and rows change places.
    const std::vector<Dims> runs = {{1, 6, k}, {6, 1, k}, {3, 2, k}, {6, 6, k}, {1, 1, k}};
    Add(cases, std::format("sequence.{}.rank3.exact", Name(format)), true, Data::kBitwise,
        [=](Random& random) {
          return BuildSequence(format, Style::kExact, runs, {6, 6, k}, 13, random);
        });
  }
}

void AddImages(Cases& cases) {
  for (Format format : {Format::kPf32, Format::kPf16, Format::kPqs8Qc8w}) {
    ConvolutionSpec spec{.format = format, .batch = 3, .height = 8, .width = 9};
    spec.attributes = {.padding_top = 1,
                       .padding_left = 1,
                       .kernel_height = 3,
                       .kernel_width = 3,
                       .group_input_channels = 3,
                       .group_output_channels = 7};
    spec.runs = {{1, 4, 4, 3}, {1, 8, 9, 3}, {3, 8, 9, 3},
                 {1, 2, 9, 3}, {2, 8, 2, 3}, {1, 4, 4, 3}};
    for (Style style : {Style::kRandom, Style::kExact}) {
      spec.style = style;
      cases.push_back(ConvolutionCase("sequence", "images", spec, style == Style::kExact));
    }
    spec.attributes.groups = 2;
    cases.push_back(ConvolutionCase(
        "sequence", "images.groups",
        [&] {
          ConvolutionSpec grouped = spec;
          for (Dims& dims : grouped.runs) dims[3] = 6;
          return grouped;
        }(),
        false));
    ConvolutionSpec pointwise{
        .format = format, .style = Style::kExact, .batch = 2, .height = 6, .width = 6};
    pointwise.attributes = {.group_input_channels = 5, .group_output_channels = 9};
    pointwise.runs = {{1, 1, 1, 5}, {2, 6, 6, 5}, {1, 6, 1, 5}, {1, 1, 1, 5}};
    cases.push_back(ConvolutionCase("sequence", "images.k1x1", pointwise, true));
  }
}

// --- Shared activations -------------------------------------------------------------------------

// Q, K and V: `nodes` products of one input; of dynamic formats with one Convert, or one each.
Built BuildShared(Format format, Style style, size_t nodes, bool own_converts,
                  std::span<const size_t> rows, Random& random) {
  const size_t k = format == Format::kQp8F32Qb4w ? 64 : 24;
  Operands operands(format, style, k, random);
  test::GraphBuilder b;
  const Dims bounds{40, k};
  const ValueIndex input = b.Input(operands.type(), bounds, operands.input_quantization());
  ValueIndex x = input;
  if (operands.is_dynamic() && !own_converts) x = operands.AddConvert(b, input, bounds);
  for (size_t i = 0; i < nodes; ++i) {
    if (operands.is_dynamic() && own_converts) x = operands.AddConvert(b, input, bounds);
    AddLayer(b, operands, x, bounds, 16 + 9 * i, true, i != 1);
  }
  Built built{b.Build(), {}};
  for (size_t m : rows) {
    const Dims dims{m, k};
    built.runs.emplace_back().push_back(operands.MakeInput(dims.span(), k));
  }
  return built;
}

void AddShared(Cases& cases) {
  for (Format format : kPacked) {
    const bool dynamic = format == Format::kQp8F32Qc8w || format == Format::kQp8F32Qb4w;
    for (bool own_converts : {false, true}) {
      if (own_converts && !dynamic) continue;
      for (Style style : {Style::kRandom, Style::kExact}) {
        for (size_t nodes : {2, 3, 5}) {
          const std::vector<size_t> rows = {6, 1, 40, 6};
          Add(cases,
              std::format("shared.{}.nodes{}{}.{}", Name(format), nodes,
                          own_converts ? ".own_converts" : "", Name(style)),
              nodes == 3, DataOf(style), [=](Random& random) {
                return BuildShared(format, style, nodes, own_converts, rows, random);
              });
        }
      }
    }
  }
}

// --- Chains -------------------------------------------------------------------------------------

Built BuildChain(Format format, Style style, std::span<const size_t> widths,
                 std::span<const size_t> rows, bool first_is_output, Random& random) {
  test::GraphBuilder b;
  Dims dims{rows[0], widths[0]};
  for (size_t m : rows) dims[0] = std::max(dims[0], m);
  Operands operands(format, style, widths[0], random);
  ValueIndex x = operands.AddInput(b, dims);
  Operands first = operands;
  for (size_t i = 1; i < widths.size(); ++i) {
    if (i > 1) {
      Operands next(format, style, widths[i - 1], random);
      next.ContinueFrom(operands);
      operands = next;
      if (operands.is_dynamic()) x = operands.AddConvert(b, x, dims);
    }
    const bool is_output = i + 1 == widths.size() || (first_is_output && i == 1);
    const Layer layer = AddLayer(b, operands, x, dims, widths[i], is_output);
    x = layer.y;
    dims = layer.dims;
  }
  Built built{b.Build(), {}};
  for (size_t m : rows) {
    const Dims input{m, widths[0]};
    built.runs.emplace_back().push_back(first.MakeInput(input.span(), widths[0]));
  }
  return built;
}

void AddChains(Cases& cases) {
  for (Format format : kPacked) {
    const bool blocks = format == Format::kQp8F32Qb4w;
    const bool dynamic = blocks || format == Format::kQp8F32Qc8w;
    const std::vector<size_t> two =
        blocks ? std::vector<size_t>{32, 64, 9} : std::vector<size_t>{12, 21, 9};
    const std::vector<size_t> four =
        blocks ? std::vector<size_t>{32, 32, 64, 32, 5} : std::vector<size_t>{8, 33, 5, 17, 3};
    const std::vector<size_t> rows = {5, 1, 34, 5};
    for (Style style : {Style::kRandom, Style::kExact}) {
      // What the first layer writes is no multiple of a step of the second's quantization.
      if (dynamic && style == Style::kExact) continue;
      const bool must_pass = style == Style::kExact || dynamic;
      auto add = [&](std::string_view name, const std::vector<size_t>& widths, bool first_too) {
        Add(cases, std::format("chain.{}.{}.{}", Name(format), name, Name(style)), must_pass,
            DataOf(style), [=](Random& random) {
              return BuildChain(format, style, widths, rows, first_too, random);
            });
      };
      add("two", two, false);
      add("two.both_are_outputs", two, true);
      // Sums of sums of f16 leave its exact integers.
      if (!(format == Format::kPf16 && style == Style::kExact)) add("four", four, false);
    }
  }
}

}  // namespace

void AddSequenceCases(Cases& cases) {
  AddRows(cases);
  AddImages(cases);
  AddShared(cases);
  AddChains(cases);
}

}  // namespace switchyard::conformance
