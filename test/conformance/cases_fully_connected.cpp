// FullyConnected: every format by shapes, weight orders, biases, clamps and corners of the data.
#include <format>
#include <limits>
#include <string>

#include "test/conformance/cases.h"
#include "test/conformance/operands.h"

namespace switchyard::conformance {
namespace {

struct Spec {
  Format format;
  Style style;
  Dims input;  // bounds; the last is K
  size_t n;
  bool bias = true;
  bool transposed = false;                  // weights [K, N]
  float min = -kInfinity, max = kInfinity;  // in units of the output's spread
  size_t group_size = 32;
  std::vector<Dims> runs = {};  // inputs of the executes; empty: one, of the bounds
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
  const ValueIndex y = b.Output(operands.type(), output, operands.output_quantization());
  Node& node = b.Add(NodeKind::kFullyConnected, inputs, {y});
  if (spec.transposed) node.flags = kFlagTransposeWeights;
  node.output_min = spec.min * operands.spread();
  node.output_max = spec.max * operands.spread();
  Built built{b.Build(), {}};
  for (const Dims& dims : spec.runs.empty() ? std::vector{spec.input} : spec.runs) {
    built.runs.emplace_back().push_back(operands.MakeInput(dims.span(), k));
  }
  return built;
}

void Add(Cases& cases, std::string_view what, const Spec& spec, bool must_pass) {
  Data data = IsExact(spec.style) ? Data::kBitwise : Data::kRounded;
  if (spec.style == Style::kNan || spec.style == Style::kInfinity) data = Data::kPartlyFree;
  cases.push_back({.name = std::format("fc.{}.{}.{}", Name(spec.format), what, Name(spec.style)),
                   .build = [spec](Random& random) { return BuildFullyConnected(spec, random); },
                   .must_pass = must_pass,
                   .data = data});
}

constexpr Format kPacked[] = {Format::kPf32, Format::kPf16, Format::kQp8F32Qc8w, Format::kPqs8Qc8w,
                              Format::kQp8F32Qb4w};
constexpr Format kOthers[] = {Format::kPqs8Qs8w, Format::kQp8F32Qc4w, Format::kF32F16w,
                              Format::kF16F32w,  Format::kQp8F16Qc8w, Format::kQp8F16Qb4w};

// The depth that a format takes: blocks are of 32.
size_t Depth(Format format, size_t k) { return HasBlocks(format) ? (k + 31) / 32 * 32 : k; }

struct Shape {
  std::string_view name;
  size_t m, k, n;
  bool must_pass;
};
// Tiles of the packed kernels are 16 to 64 rows and columns with vectors of 512 bits, fewer with
// shorter ones, and 4 and 8 deep.
constexpr Shape kShapes[] = {
    {"unit", 1, 1, 1, true},
    {"m1.k64.n64", 1, 64, 64, true},
    {"m1.odd_k", 1, 33, 17, true},
    {"m1.n1", 1, 40, 1, false},
    {"m1.large_k", 1, 500, 3, false},
    {"m1.wide", 1, 8, 515, true},
    {"m2.k3.n2", 2, 3, 2, true},
    {"m4.k8.n4", 4, 8, 4, false},
    {"m3.k7.n5", 3, 7, 5, true},
    {"m5.k1.n7", 5, 1, 7, true},
    {"m9.n1", 9, 40, 1, true},
    {"tile_m16.n64", 16, 32, 64, true},
    {"tile_m32.n32", 32, 64, 32, false},
    {"below_m15.n63", 15, 31, 63, true},
    {"below_m31.n31", 31, 15, 31, false},
    {"above_m17.n65", 17, 33, 65, true},
    {"above_m33.n33", 33, 17, 33, false},
    {"panels_m65.n129", 65, 5, 129, false},
    {"tall", 130, 8, 3, false},
    {"wide", 3, 8, 260, false},
    {"large_k", 2, 500, 5, true},
    {"larger_k", 3, 2051, 6, false},
    {"large", 70, 200, 300, false},
    {"large_n", 18, 96, 700, true},
};

void AddShapes(Cases& cases, Format format) {
  for (const Shape& shape : kShapes) {
    const size_t k = Depth(format, shape.k);
    const Spec spec{format, Style::kRandom, {shape.m, k}, shape.n};
    Add(cases, shape.name, spec, shape.must_pass);
    Spec exact = spec;
    exact.style = Style::kExact;
    if (k <= 512) Add(cases, shape.name, exact, shape.must_pass);
  }
  for (const Shape& shape : {kShapes[1], kShapes[2], kShapes[8], kShapes[15]}) {
    Spec spec{format, Style::kRandom, {shape.m, Depth(format, shape.k)}, shape.n};
    spec.bias = false;
    Add(cases, std::format("{}.no_bias", shape.name), spec, false);
    spec.style = Style::kExact;
    Add(cases, std::format("{}.no_bias", shape.name), spec, shape.m != 1);
  }
}

void AddTransposed(Cases& cases, Format format) {
  if (format == Format::kQp8F32Qb4w) return;  // blocks run along the input channels of [N, K] only
  for (const Shape& shape :
       {kShapes[0], kShapes[1], kShapes[2], kShapes[8], kShapes[11], kShapes[15], kShapes[20]}) {
    Spec spec{format, Style::kRandom, {shape.m, shape.k}, shape.n};
    spec.transposed = true;
    Add(cases, std::format("{}.kxn", shape.name), spec, false);
    spec.style = Style::kExact;
    Add(cases, std::format("{}.kxn", shape.name), spec, shape.must_pass);
  }
}

void AddClamps(Cases& cases, Format format) {
  const struct {
    std::string_view name;
    float min, max;
  } clamps[] = {{"relu", 0, kInfinity},      {"relu1", 0, 1},
                {"both", -0.5f, 0.5f},       {"low", -0.25f, kInfinity},
                {"high", -kInfinity, 0.25f}, {"above_zero", 0.25f, 0.75f}};
  for (const auto& clamp : clamps) {
    for (size_t m : {size_t{1}, size_t{6}}) {
      Spec spec{format, Style::kRandom, {m, Depth(format, 24)}, 21};
      spec.min = clamp.min;
      spec.max = clamp.max;
      const std::string name = std::format("m{}.clamp_{}", m, clamp.name);
      Add(cases, name, spec, false);
      spec.style = Style::kExact;
      Add(cases, name, spec, m != 1);
    }
  }
}

void AddRanks(Cases& cases, Format format) {
  const size_t k = Depth(format, 20);
  const Dims ranks[] = {{k}, {2, 3, k}, {2, 1, 3, k}, {1, 2, 2, 3, k}, {2, 1, 1, 2, 3, k}};
  for (const Dims& dims : ranks) {
    Add(cases, std::format("rank{}", dims.rank()), {format, Style::kExact, dims, 19},
        dims.rank() == 3);
  }
}

void AddCorners(Cases& cases, Format format) {
  for (Style style : {Style::kZeroWeights, Style::kZeroRows, Style::kConstantRows, Style::kOneHot,
                      Style::kPositive, Style::kNegative, Style::kTinyScales, Style::kHugeScales,
                      Style::kSaturating, Style::kLargestSums, Style::kDenormals, Style::kNan,
                      Style::kInfinity, Style::kMixedMagnitudes, Style::kGrowingRows}) {
    const bool floats_only = style == Style::kDenormals || style == Style::kNan ||
                             style == Style::kInfinity || style == Style::kMixedMagnitudes ||
                             style == Style::kGrowingRows;
    if (floats_only && IsInt8(format)) continue;
    if (style == Style::kSaturating && IsDynamic(format)) continue;
    if (style == Style::kOneHot && IsDynamic(format)) continue;  // exact, but not one-hot
    const size_t k = Depth(format, 23);
    // A bias hides in sums that overflow.
    const bool bias = style != Style::kSaturating;
    Add(cases, "m1", {format, style, {1, k}, 37, bias}, false);
    Add(cases, "m6", {format, style, {6, k}, 11, bias}, true);
    Add(cases, "m35", {format, style, {35, k}, 67, bias}, false);
  }
}

void AddGroups(Cases& cases) {
  const struct {
    size_t k, group;
  } sizes[] = {{64, 32}, {64, 64}, {192, 96}, {256, 128}, {256, 256}, {512, 32}};
  for (const auto& [k, group] : sizes) {
    for (size_t m : {1, 5, 18}) {
      Spec spec{Format::kQp8F32Qb4w, Style::kRandom, {m, k}, 21};
      spec.group_size = group;
      const std::string name = std::format("m{}.k{}.group{}", m, k, group);
      Add(cases, name, spec, false);
      spec.style = Style::kExact;
      Add(cases, name, spec, m == 5);
    }
  }
}

}  // namespace

void AddFullyConnectedCases(Cases& cases) {
  for (Format format : kPacked) {
    AddShapes(cases, format);
    AddTransposed(cases, format);
    AddClamps(cases, format);
    AddRanks(cases, format);
    AddCorners(cases, format);
    Spec empty{format, Style::kExact, {4, Depth(format, 16)}, 9};
    empty.runs = {{0, empty.input.back()}, {2, empty.input.back()}, {0, empty.input.back()}};
    Add(cases, "zero_batch", empty, true);
  }
  AddGroups(cases);
  for (Format format : kOthers) {
    for (const Shape& shape : {kShapes[0], kShapes[2], kShapes[8], kShapes[13], kShapes[15]}) {
      // Odd rows of int4 have a case of their own.
      const size_t k = format == Format::kQp8F32Qc4w ? (shape.k + 1) / 2 * 2 : shape.k;
      Spec spec{format, Style::kRandom, {shape.m, Depth(format, k)}, shape.n};
      Add(cases, shape.name, spec, false);
      // f16 does not hold the products of dynamic scales exactly.
      if (IsDynamic(format) && ActivationType(format) == DataType::kF16) continue;
      spec.style = Style::kExact;
      Add(cases, shape.name, spec, shape.m != 1);
    }
  }
  // The last nibble of a row belongs to no input channel.
  Add(cases, "odd_k", {Format::kQp8F32Qc4w, Style::kGrowingRows, {6, 7}, 5}, true);
  for (const size_t k : {3, 5, 15, 33, 61, 63, 129}) {
    for (const size_t m : {1, 9}) {
      for (const Style style : {Style::kRandom, Style::kExact, Style::kGrowingRows}) {
        Add(cases, std::format("odd_k.m{}.k{}", m, k), {Format::kQp8F32Qc4w, style, {m, k}, 19},
            style == Style::kExact && k != 15);
      }
    }
  }
  Add(cases, "one_k", {Format::kQp8F32Qc4w, Style::kRandom, {1, 1}, 1}, false);
}

}  // namespace switchyard::conformance
