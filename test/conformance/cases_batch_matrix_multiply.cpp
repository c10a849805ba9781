// BatchMatrixMultiply: both operands computed or the second constant, in both orders, batches that
// broadcast.
#include <format>
#include <limits>
#include <string>
#include <vector>

#include "test/conformance/cases.h"
#include "test/conformance/operands.h"
#include "test/conformance/tensors.h"

namespace switchyard::conformance {
namespace {

struct Spec {
  Format format;
  Style style;
  Dims a, b;  // bounds
  bool transposed = false;
  bool constant_b = false;
  float bound = std::numeric_limits<float>::infinity();  // of the output, on both sides
  std::vector<std::pair<Dims, Dims>> runs = {};  // of the executes; empty: one, of the bounds
};

// The bounds of the product.
Dims ProductDims(const Spec& spec) {
  const size_t rank = std::max(spec.a.rank(), spec.b.rank());
  Dims dims;
  for (size_t i = 0; i + 2 < rank; ++i) {
    const size_t from_end = rank - 1 - i;
    const size_t a = from_end < spec.a.rank() ? spec.a.back(from_end) : 1;
    const size_t b = from_end < spec.b.rank() ? spec.b.back(from_end) : 1;
    dims.push_back(a == 1 ? b : a);
  }
  dims.push_back(spec.a.back(1));
  dims.push_back(spec.b.back(spec.transposed ? 1 : 0));
  return dims;
}

Built Build(const Spec& spec, Random& random) {
  Operands operands(spec.format, spec.style, spec.a.back(), random);
  test::GraphBuilder builder;
  const ValueIndex a = builder.Input(operands.type(), spec.a);
  const ValueIndex b = spec.constant_b ? operands.AddWeights(builder, spec.b, 0)
                                       : builder.Input(operands.type(), spec.b);
  const ValueIndex y = builder.Output(operands.type(), ProductDims(spec));
  Node& node = builder.Add(NodeKind::kBatchMatrixMultiply, {a, b}, {y});
  if (spec.transposed) node.flags = kFlagTransposeWeights;
  node.output_min = -spec.bound;
  node.output_max = spec.bound;
  Built built{builder.Build(), {}};
  for (const auto& [a_dims, b_dims] :
       spec.runs.empty() ? std::vector{std::pair(spec.a, spec.b)} : spec.runs) {
    auto& inputs = built.runs.emplace_back();
    inputs.push_back(operands.MakeInput(a_dims.span(), a_dims.back()));
    if (!spec.constant_b) inputs.push_back(operands.MakeInput(b_dims.span(), b_dims.back()));
  }
  return built;
}

void Add(Cases& cases, std::string_view what, Spec spec, bool must_pass) {
  for (Style style : {Style::kRandom, Style::kExact}) {
    spec.style = style;
    cases.push_back({.name = std::format("bmm.{}.{}.{}", Name(spec.format), what, Name(style)),
                     .build = [spec](Random& random) { return Build(spec, random); },
                     .must_pass = must_pass && style == Style::kExact,
                     .data = IsExact(style) ? Data::kBitwise : Data::kRounded});
  }
}

struct Shape {
  std::string_view name;
  size_t m, k, n;
  bool must_pass;
};
constexpr Shape kShapes[] = {
    {"unit", 1, 1, 1, true},        {"row", 1, 33, 17, true},    {"column", 9, 20, 1, false},
    {"odd", 3, 7, 5, true},         {"k1", 5, 1, 6, false},      {"tile", 32, 32, 32, true},
    {"below", 31, 15, 31, false},   {"above", 33, 17, 33, true}, {"panels", 65, 3, 66, false},
    {"large_k", 2, 400, 3, false},  {"wide", 2, 5, 270, false},  {"tall", 140, 4, 2, false},
    {"large", 70, 100, 130, false},
};

void AddFormat(Cases& cases, Format format) {
  for (const Shape& s : kShapes) {
    const Spec spec{format, Style::kRandom, {2, s.m, s.k}, {2, s.k, s.n}};
    Add(cases, s.name, spec, s.must_pass);
    Spec transposed = spec;
    transposed.b = {2, s.n, s.k};
    transposed.transposed = true;
    Add(cases, std::format("{}.nxk", s.name), transposed, s.must_pass);
    Spec constant = spec;
    constant.constant_b = true;
    Add(cases, std::format("{}.constant", s.name), constant, false);
  }
  const struct {
    std::string_view name;
    Dims a, b;
    bool must_pass;
  } batches[] = {
      {"rank2", {5, 6}, {6, 7}, true},
      {"rank4", {2, 3, 4, 5}, {2, 3, 5, 6}, true},
      {"rank5", {2, 1, 3, 4, 5}, {2, 1, 3, 5, 6}, false},
      {"rank6", {2, 1, 2, 1, 3, 4}, {2, 1, 2, 1, 4, 5}, false},
      {"broadcast_a", {1, 4, 5}, {3, 5, 6}, true},
      {"broadcast_b", {3, 4, 5}, {1, 5, 6}, true},
      {"broadcast_rank_b", {3, 4, 5}, {5, 6}, true},
      {"broadcast_rank_a", {4, 5}, {3, 5, 6}, false},
      {"broadcast_outer", {2, 1, 4, 5}, {1, 3, 5, 6}, true},
      {"broadcast_inner", {2, 3, 4, 5}, {2, 1, 5, 6}, false},
      {"broadcast_middle", {2, 1, 2, 3, 4}, {2, 3, 1, 4, 5}, false},
      {"batch17", {17, 2, 3}, {17, 3, 4}, false},
  };
  for (const auto& batch : batches) {
    Add(cases, batch.name, {format, Style::kRandom, batch.a, batch.b}, batch.must_pass);
    Spec constant{format, Style::kRandom, batch.a, batch.b};
    constant.constant_b = true;
    Add(cases, std::format("{}.constant", batch.name), constant, false);
  }
  for (const bool constant : {false, true}) {
    Spec clamped{format, Style::kRandom, {2, 5, 9}, {2, 9, 17}};
    clamped.constant_b = constant;
    clamped.bound = 2;
    Add(cases, constant ? "clamp.constant" : "clamp", clamped, true);
  }
  Spec grown{format, Style::kRandom, {3, 40, 12}, {3, 12, 35}};
  grown.runs = {{{1, 2, 5}, {1, 5, 3}},
                {{3, 40, 12}, {3, 12, 35}},
                {{2, 1, 12}, {2, 12, 1}},
                {{1, 2, 5}, {1, 5, 3}},
                {{3, 33, 7}, {1, 7, 34}}};
  Add(cases, "sequence", grown, true);
  Spec empty{format, Style::kExact, {2, 4, 5}, {2, 5, 6}};
  empty.runs = {{{2, 0, 5}, {2, 5, 6}}, {{0, 4, 5}, {0, 5, 6}}, {{2, 4, 0}, {2, 0, 6}},
                {{2, 4, 5}, {2, 5, 0}}, {{2, 4, 5}, {2, 5, 6}}, {{0, 4, 5}, {1, 5, 6}}};
  Add(cases, "empty", empty, true);
}

}  // namespace

void AddBatchMatrixMultiplyCases(Cases& cases) {
  AddFormat(cases, Format::kPf32);
  AddFormat(cases, Format::kPf16);
}

}  // namespace switchyard::conformance
