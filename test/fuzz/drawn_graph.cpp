#include "test/fuzz/drawn_graph.h"

#include <algorithm>
#include <format>
#include <limits>
#include <utility>

#include "backend/plan/decompose.h"
#include "backend/plan/shapes.h"
#include "runtime/base/float16.h"
#include "schema/writer.h"
#include "test/conformance/operands.h"
#include "test/fuzz/source.h"
#include "test/support/graph_builder.h"
#include "test/support/mutate.h"
#include "test/unit/backend/fresh_run.h"

namespace switchyard::fuzz {
namespace {

using enum DataType;
using conformance::Format;
using conformance::Operands;
using conformance::Random;
using conformance::Style;

constexpr size_t kMaxNodes = 6, kMaxInputs = 4, kMaxRuns = 6;
constexpr size_t kMaxElements = 3000;  // of a value

// What a node can read.
using TypeSet = uint32_t;
constexpr TypeSet Types(DataType type) { return TypeSet{1} << static_cast<unsigned>(type); }
constexpr TypeSet kF32Only = Types(kF32);
constexpr TypeSet kFloats = kF32Only | Types(kF16) | Types(kBF16);
constexpr TypeSet kActivations = kFloats | Types(kQInt8) | Types(kQUInt8);
constexpr TypeSet kAnyType = kActivations | Types(kInt32);
constexpr DataType kTypes[] = {kF32, kF32, kF16, kBF16, kQInt8, kQUInt8, kInt32};

// Two scales: what only moves numbers keeps theirs.
Quantization DrawQuantization(Source& source, DataType type) {
  const float scale = source.Flag() ? 0.0625f : 0.037f;
  if (type == kQInt8) return PerTensorQuantization{scale, 3};
  if (type == kQUInt8) return PerTensorQuantization{scale, 130};
  return {};
}

class Drawing {
 public:
  Drawing(std::span<const uint8_t> bytes)
      : source_(bytes), random_("sequence", source_.Below(256)) {
    for (size_t& bound : bounds_)
      bound = source_.Of({1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 32, 33});
  }

  DrawnGraph Draw();

 private:
  using Draws = bool (Drawing::*)(NodeKind);
  struct KindRow {
    NodeKind kind;
    Draws draw;  // adds a node; false: what it needs is not there
  };
  static const KindRow kKinds[];

  bool DrawUnary(NodeKind kind);
  bool DrawMoving(NodeKind kind);  // types and quantization stay
  bool DrawBinary(NodeKind kind);
  bool DrawSoftmax(NodeKind kind);
  bool DrawConvert(NodeKind kind);
  bool DrawFullyConnected(NodeKind kind);
  bool DrawConvolution(NodeKind kind);
  bool DrawPooling(NodeKind kind);
  bool DrawGlobalPooling(NodeKind kind);
  bool DrawMatrixMultiply(NodeKind kind);
  bool DrawConcatenate(NodeKind kind);
  bool DrawAttention(NodeKind kind);

  // --- Values ---
  const Value& value(ValueIndex i) { return b_.graph().values[i]; }
  size_t DrawSymbol() { return source_.Below(std::size(bounds_)); }
  // An input whose dimensions are these symbols.
  std::optional<ValueIndex> Input(DataType type, const std::vector<size_t>& symbols,
                                  Quantization quantization = {});
  // A value of one of the types and of this many dimensions: one that is there, or an input.
  std::optional<ValueIndex> Operand(TypeSet types, size_t min_rank, size_t max_rank);
  ValueIndex Constant(DataType type, const Dims& dims);
  ValueIndex Written(const Value& like, size_t rank) {
    return b_.Internal(like.type, Dims(std::vector<size_t>(rank, 1)), like.quantization);
  }
  // Adds the node if the shapes fit at the bounds; gives its outputs their dims.
  bool Add(NodeKind kind, std::vector<ValueIndex> inputs, std::vector<ValueIndex> outputs,
           Attributes attributes = {}, uint32_t flags = 0, bool may_clamp = false);
  Result<std::vector<Dims>> Shapes(std::span<const Dims> inputs);
  Attributes DrawAttributes(AttributeKind kind, const Dims& dims, size_t* rank);
  Format DrawFormat(const Value& input, bool dynamic);

  // --- Executes ---
  void AddOutputs();
  std::vector<Dims> InputDims(std::span<const size_t> sizes) const;
  void DrawRuns(DrawnGraph& drawn);

  Source source_;
  Random random_;
  test::GraphBuilder b_;
  size_t bounds_[4];                         // of the symbols
  std::vector<std::vector<size_t>> inputs_;  // the symbols of each
  std::vector<ValueIndex> values_;           // that nodes may read
};

// --- Values -------------------------------------------------------------------------------------

std::optional<ValueIndex> Drawing::Input(DataType type, const std::vector<size_t>& symbols,
                                         Quantization quantization) {
  if (inputs_.size() == kMaxInputs) return std::nullopt;
  Dims dims;
  size_t elements = 1;
  for (const size_t symbol : symbols) {
    dims.push_back(bounds_[symbol]);
    elements *= bounds_[symbol];
  }
  if (elements > kMaxElements) return std::nullopt;
  inputs_.push_back(symbols);
  values_.push_back(b_.Input(type, dims, quantization));
  return values_.back();
}

std::optional<ValueIndex> Drawing::Operand(TypeSet types, size_t min_rank, size_t max_rank) {
  std::vector<ValueIndex> fitting;
  for (const ValueIndex i : values_) {
    const size_t rank = value(i).dims.rank();
    if ((Types(value(i).type) & types) != 0 && rank >= min_rank && rank <= max_rank) {
      fitting.push_back(i);
    }
  }
  if (!fitting.empty() && source_.Below(4) != 0) return source_.Of(fitting);
  DataType type = source_.Of(kTypes);
  if ((Types(type) & types) == 0) type = kF32;
  // Few have no dimensions at all.
  const size_t rank = source_.Between(min_rank, std::min<size_t>(max_rank, 4));
  std::vector<size_t> symbols(rank == 0 ? source_.Below(2) : rank);
  for (size_t& symbol : symbols) symbol = DrawSymbol();
  return Input(type, symbols, DrawQuantization(source_, type));
}

ValueIndex Drawing::Constant(DataType type, const Dims& dims) {
  const size_t count = *dims.NumElements();
  if (type == kF32) return b_.Constant(type, dims, random_.Reals(count, -2, 2));
  if (type == kF16 || type == kBF16) {
    std::vector<uint16_t> halves;
    for (const float number : random_.Reals(count, -2, 2)) {
      halves.push_back(type == kF16 ? F16FromF32(number) : BF16FromF32(number));
    }
    return b_.Constant(type, dims, halves);
  }
  return b_.Constant(type, dims, random_.Integers<uint8_t>(count, 0, 255),
                     DrawQuantization(source_, type));
}

Result<std::vector<Dims>> Drawing::Shapes(std::span<const Dims> inputs) {
  Graph whole = test::ShallowCopy(b_.graph());
  DecomposeGraph(whole);
  return InferShapes(whole, inputs);
}

bool Drawing::Add(NodeKind kind, std::vector<ValueIndex> inputs, std::vector<ValueIndex> outputs,
                  Attributes attributes, uint32_t flags, bool may_clamp) {
  Node& node = b_.Add(kind, std::move(inputs), outputs, std::move(attributes));
  node.flags = flags;
  if (may_clamp && source_.Below(3) == 0) {
    if (source_.Flag()) node.output_min = source_.Flag() ? 0 : -1;
    if (source_.Flag()) node.output_max = source_.Flag() ? 6 : 1;
  }
  const auto shapes = Shapes(test::InputBounds(b_.graph()));
  const bool fits = shapes && std::ranges::all_of(outputs, [&](ValueIndex i) {
                      return (*shapes)[i].NumElements().value_or(kMaxElements + 1) <= kMaxElements;
                    });
  if (!fits) {
    b_.graph().nodes.pop_back();
    return false;
  }
  for (const ValueIndex output : outputs) {
    b_.graph().values[output].dims = (*shapes)[output];
    values_.push_back(output);
  }
  return true;
}

// --- Kinds --------------------------------------------------------------------------------------

// Attributes for an input of these dims; `rank` becomes that of the output.
Attributes Drawing::DrawAttributes(AttributeKind kind, const Dims& dims, size_t* rank) {
  Source& s = source_;
  const auto number = [&](size_t low, size_t high) {
    return static_cast<uint32_t>(s.Between(low, high));
  };
  switch (kind) {
    case AttributeKind::kTranspose: {
      std::vector<uint32_t> permutation(dims.rank());
      for (uint32_t i = 0; i < permutation.size(); ++i) {
        permutation[i] = i;
        std::swap(permutation[i], permutation[s.Below(i + 1)]);
      }
      return TransposeAttributes{permutation};
    }
    case AttributeKind::kReshape: {
      // What is left of the number of elements, between factors of it.
      std::vector<uint32_t> shape;
      if (s.Flag()) shape.push_back(1);
      shape.push_back(0);
      size_t kept = s.Below(dims.rank() + 1);
      for (size_t i = 0; i < kept; ++i) {
        shape.push_back(static_cast<uint32_t>(std::max<size_t>(dims.back(kept - 1 - i), 1)));
      }
      *rank = shape.size();
      return ReshapeAttributes{shape};
    }
    case AttributeKind::kSlice: {
      SliceAttributes slice;
      for (const size_t size : dims) {
        const bool is_whole = size == 0 || s.Flag();
        slice.offsets.push_back(is_whole ? 0 : number(0, size - 1));
        slice.sizes.push_back(is_whole ? 0 : number(1, size - slice.offsets.back()));
      }
      return slice;
    }
    case AttributeKind::kPad: {
      PadAttributes pad;
      for (size_t i = 0; i < dims.rank(); ++i) {
        pad.pre_paddings.push_back(s.Flag() ? 0 : number(0, 2));
        pad.post_paddings.push_back(s.Flag() ? 0 : number(0, 2));
      }
      pad.value = s.Flag() ? 0 : 1.5f;
      return pad;
    }
    case AttributeKind::kResize:
      return ResizeAttributes{number(1, 9), number(1, 9)};
    case AttributeKind::kElu:
      return EluAttributes{s.Flag() ? 1 : 0.75f};
    case AttributeKind::kLeakyRelu:
      return LeakyReluAttributes{s.Flag() ? 0.25f : -0.5f};
    default:
      return {};
  }
}

bool Drawing::DrawUnary(NodeKind kind) {
  const auto x = Operand(kActivations, 0, kMaxRank);
  if (!x) return false;
  const Value& input = value(*x);
  size_t rank = input.dims.rank();
  const Attributes attributes = DrawAttributes(Info(kind).attributes, input.dims, &rank);
  const DataType type = input.type;
  const ValueIndex y =
      b_.Internal(type, Dims(std::vector<size_t>(rank, 1)), DrawQuantization(source_, type));
  return Add(kind, {*x}, {y}, attributes, 0, kind == NodeKind::kClamp);
}

bool Drawing::DrawMoving(NodeKind kind) {
  const AttributeKind form = Info(kind).attributes;
  const bool is_image = form == AttributeKind::kResize;
  const bool is_any = kind == NodeKind::kCopy || form == AttributeKind::kReshape;
  const auto x = Operand(is_any ? kAnyType : kActivations, is_image ? 4 : 0,
                         is_image                          ? 4
                         : form == AttributeKind::kReshape ? 4
                                                           : kMaxRank);
  if (!x) return false;
  size_t rank = value(*x).dims.rank();
  const Attributes attributes = DrawAttributes(form, value(*x).dims, &rank);
  const uint32_t flags = is_image ? source_.Of({0u, kFlagAlignCorners, 0x4u}) : 0;
  return Add(kind, {*x}, {Written(value(*x), rank)}, attributes, flags);
}

// The second operand is the first, one of its dimensions, one number, or another value.
bool Drawing::DrawBinary(NodeKind kind) {
  const auto x = Operand(kActivations, 0, kMaxRank);
  if (!x) return false;
  const DataType type = value(*x).type;
  const Dims dims = value(*x).dims;
  ValueIndex y = *x;
  switch (source_.Below(4)) {
    case 0:
      y = Constant(type, Dims(dims.rank() == 0 ? std::vector<size_t>{} : std::vector{dims.back()}));
      break;
    case 1:
      y = Constant(type, source_.Flag() ? Dims{} : Dims{1});
      break;
    case 2:
      if (const auto other = Operand(Types(type), 0, kMaxRank)) y = *other;
      break;
    default:
      break;
  }
  if (value(y).type != type) return false;
  const size_t rank = std::max(dims.rank(), value(y).dims.rank());
  const ValueIndex z =
      b_.Internal(type, Dims(std::vector<size_t>(rank, 1)), DrawQuantization(source_, type));
  const bool has_range = kind == NodeKind::kAdd || kind == NodeKind::kSubtract ||
                         kind == NodeKind::kMultiply || kind == NodeKind::kDiv;
  return Add(kind, {*x, y}, {z}, {}, 0, has_range);
}

bool Drawing::DrawSoftmax(NodeKind kind) {
  const auto x = Operand(kFloats, 1, kMaxRank);
  return x && Add(kind, {*x}, {Written(value(*x), value(*x).dims.rank())});
}

bool Drawing::DrawConvert(NodeKind kind) {
  const auto x = Operand(kAnyType, 0, kMaxRank);
  if (!x) return false;
  const DataType to = source_.Of(kTypes), from = value(*x).type;
  // The integers meet in f32.
  if (from == kInt32 && to != kF32 && to != kInt32) return false;
  if (to == kInt32 && from != kF32 && from != kInt32) return false;
  if (from != to && !IsFloat(from) && !IsFloat(to)) return false;
  const ValueIndex y = b_.Internal(to, Dims(std::vector<size_t>(value(*x).dims.rank(), 1)),
                                   DrawQuantization(source_, to));
  return Add(kind, {*x}, {y});
}

Format Drawing::DrawFormat(const Value& input, bool dynamic) {
  std::vector<Format> formats;
  for (const Format format :
       {Format::kPf32, Format::kF32F16w, Format::kPf16, Format::kF16F32w, Format::kPqs8Qc8w,
        Format::kPqs8Qs8w, Format::kQp8F32Qc8w, Format::kQp8F32Qc4w, Format::kQp8F32Qb4w,
        Format::kQp8F16Qc8w, Format::kQp8F16Qb4w}) {
    if (ActivationType(format) != input.type || (IsDynamic(format) && !dynamic)) continue;
    if (HasBlocks(format) && input.dims.back() % 32 != 0) continue;
    formats.push_back(format);
  }
  return source_.Of(formats);
}

bool Drawing::DrawFullyConnected(NodeKind kind) {
  const auto x = Operand(Types(kF32) | Types(kF16) | Types(kQInt8), 1, 4);
  if (!x || value(*x).dims.back() == 0) return false;
  const size_t rank = value(*x).dims.rank(), k = value(*x).dims.back();
  // Weights that other nodes compute.
  if (value(*x).type == kF32 && source_.Below(5) == 0) {
    const auto w = Operand(kF32Only, 2, 2);
    return w && Add(kind, {*x, *w}, {Written(value(*x), rank)}, {},
                    source_.Flag() ? kFlagTransposeWeights : 0, true);
  }
  const Format format = DrawFormat(value(*x), true);
  const size_t n = source_.Between(1, 40);
  Operands operands(format, Style::kRandom, k, random_);
  const bool is_kxn = source_.Flag() && !HasBlocks(format) && format != Format::kQp8F32Qc4w;
  const ValueIndex a = operands.is_dynamic() ? operands.AddConvert(b_, *x, value(*x).dims) : *x;
  const size_t nodes = b_.graph().nodes.size();
  std::vector<ValueIndex> inputs = {
      a, operands.AddWeights(b_, is_kxn ? Dims{k, n} : Dims{n, k}, is_kxn ? 1 : 0)};
  if (source_.Flag()) inputs.push_back(operands.AddBias(b_, n));
  const ValueIndex y = b_.Internal(operands.type(), Dims(std::vector<size_t>(rank, 1)),
                                   operands.output_quantization());
  if (Add(kind, inputs, {y}, {}, is_kxn ? kFlagTransposeWeights : 0, true)) return true;
  if (operands.is_dynamic()) b_.graph().nodes.resize(nodes - 1);
  return false;
}

bool Drawing::DrawConvolution(NodeKind kind) {
  const bool is_transposed = kind == NodeKind::kConvTranspose2d;
  const bool is_depthwise = kind == NodeKind::kDepthwiseConv2d;
  const auto x = Operand(Types(kF32) | Types(kF16) | Types(kQInt8), 4, 4);
  if (!x || value(*x).dims.back() == 0) return false;
  Format format = DrawFormat(value(*x), !is_depthwise);
  // There are images of int8 channels only.
  if (HasBlocks(format) || format == Format::kQp8F32Qc4w) format = Format::kPf32;
  if (format == Format::kQp8F16Qc8w && is_transposed) format = Format::kPf16;
  if (ActivationType(format) != value(*x).type) return false;
  const auto number = [&](size_t low, size_t high) {
    return static_cast<uint32_t>(source_.Between(low, high));
  };
  const auto channels = static_cast<uint32_t>(value(*x).dims.back());
  ConvolutionAttributes a;
  a.kernel_height = number(1, 3);
  a.kernel_width = number(1, 3);
  a.stride_height = number(1, 2);
  a.stride_width = number(1, 2);
  a.dilation_height = source_.Below(4) == 0 ? 2 : 1;
  a.dilation_width = source_.Below(4) == 0 ? 2 : 1;
  uint32_t flags = 0;
  if (!is_transposed && source_.Below(4) == 0) {
    flags = kFlagTensorFlowSamePadding;
  } else {
    a.padding_top = number(0, 2);
    a.padding_right = number(0, 2);
    a.padding_bottom = number(0, 2);
    a.padding_left = number(0, 2);
  }
  if (is_transposed) {
    a.adjustment_height = number(0, a.stride_height - 1);
    a.adjustment_width = number(0, a.stride_width - 1);
  }
  a.groups = is_depthwise ? channels : channels % 2 == 0 && source_.Flag() ? 2 : 1;
  a.group_input_channels = channels / a.groups;
  a.group_output_channels = is_depthwise ? number(1, 2) : number(1, 9);
  const size_t outputs = size_t{a.groups} * a.group_output_channels;
  Operands operands(format, Style::kRandom,
                    size_t{a.kernel_height} * a.kernel_width * a.group_input_channels, random_);
  const ValueIndex image =
      operands.is_dynamic() ? operands.AddConvert(b_, *x, value(*x).dims, 3) : *x;
  const size_t nodes = b_.graph().nodes.size();
  const Dims filter = is_depthwise
                          ? Dims{1, a.kernel_height, a.kernel_width, outputs}
                          : Dims{outputs, a.kernel_height, a.kernel_width, a.group_input_channels};
  std::vector<ValueIndex> inputs = {image, operands.AddWeights(b_, filter, is_depthwise ? 3 : 0)};
  if (source_.Flag()) inputs.push_back(operands.AddBias(b_, outputs));
  const ValueIndex y = b_.Internal(operands.type(), {1, 1, 1, 1}, operands.output_quantization());
  if (Add(kind, inputs, {y}, a, flags, true)) return true;
  if (operands.is_dynamic()) b_.graph().nodes.resize(nodes - 1);
  return false;
}

bool Drawing::DrawPooling(NodeKind kind) {
  const bool is_argmax = kind == NodeKind::kArgMaxPooling2d;
  const bool is_max = kind == NodeKind::kMaxPooling2d;
  const auto x = Operand(is_max ? kActivations : kFloats, 4, 4);
  if (!x) return false;
  const auto number = [&](size_t low, size_t high) {
    return static_cast<uint32_t>(source_.Between(low, high));
  };
  PoolingAttributes a;
  a.pooling_height = number(1, 4);
  a.pooling_width = number(!is_argmax && a.pooling_height == 1 ? 2 : 1, 4);
  a.stride_height = is_argmax ? a.pooling_height : number(1, a.pooling_height);
  a.stride_width = is_argmax ? a.pooling_width : number(1, a.pooling_width);
  if (is_max && source_.Below(3) == 0) a.dilation_height = a.dilation_width = 2;
  uint32_t flags = 0;
  if (source_.Below(4) == 0) {
    flags = kFlagTensorFlowSamePadding;
  } else if (!is_argmax || source_.Flag()) {
    a.padding_top = number(0, a.pooling_height - 1);
    a.padding_bottom = number(0, a.pooling_height - 1);
    a.padding_left = number(0, a.pooling_width - 1);
    a.padding_right = number(0, a.pooling_width - 1);
  }
  std::vector<ValueIndex> outputs = {Written(value(*x), 4)};
  if (is_argmax) outputs.push_back(b_.Internal(kInt32, {1, 1, 1, 1}));
  return Add(kind, {*x}, outputs, a, flags, !is_argmax);
}

bool Drawing::DrawGlobalPooling(NodeKind kind) {
  const auto x = Operand(kActivations, 4, 4);
  if (!x) return false;
  const bool keeps = source_.Flag();
  return Add(kind, {*x}, {Written(value(*x), keeps ? 4 : 2)}, {}, keeps ? kFlagKeepDims : 0, true);
}

// By itself transposed, by a constant, or by another value.
bool Drawing::DrawMatrixMultiply(NodeKind kind) {
  const auto a = Operand(kFloats, 2, 4);
  if (!a) return false;
  const Dims dims = value(*a).dims;
  const bool is_transposed = source_.Flag();
  ValueIndex b = *a;
  uint32_t flags = kFlagTransposeWeights;
  if (source_.Flag()) {
    const size_t n = source_.Between(1, 20);
    flags = is_transposed ? kFlagTransposeWeights : 0;
    b = Constant(value(*a).type, is_transposed ? Dims{n, dims.back()} : Dims{dims.back(), n});
  } else if (source_.Flag()) {
    const auto other = Operand(Types(value(*a).type), 2, 4);
    if (!other) return false;
    b = *other;
    flags = is_transposed ? kFlagTransposeWeights : 0;
  }
  if (value(b).type != value(*a).type) return false;
  const size_t rank = std::max(dims.rank(), value(b).dims.rank());
  return Add(kind, {*a, b}, {Written(value(*a), rank)}, {}, flags, true);
}

bool Drawing::DrawConcatenate(NodeKind kind) {
  const auto x = Operand(kActivations, 1, kMaxRank);
  if (!x) return false;
  const Value first = value(*x);
  const auto axis = static_cast<uint32_t>(source_.Below(first.dims.rank()));
  const auto fits = [&](ValueIndex i) {
    Dims dims = value(i).dims;
    if (value(i).type != first.type || dims.rank() != first.dims.rank()) return false;
    dims[axis] = first.dims[axis];
    const auto* a = std::get_if<PerTensorQuantization>(&first.quantization);
    const auto* b = std::get_if<PerTensorQuantization>(&value(i).quantization);
    return dims == first.dims && (a == nullptr || (b != nullptr && a->scale == b->scale &&
                                                   a->zero_point == b->zero_point));
  };
  std::vector<ValueIndex> fitting;
  std::ranges::copy_if(values_, std::back_inserter(fitting), fits);
  std::vector<ValueIndex> inputs = {*x};
  while (inputs.size() < Info(kind).min_inputs) inputs.push_back(source_.Of(fitting));
  return Add(kind, inputs, {Written(first, first.dims.rank())}, ConcatenateAttributes{axis});
}

bool Drawing::DrawAttention(NodeKind kind) {
  const DataType type = source_.Flag() ? kF32 : kF16;
  const size_t heads = DrawSymbol(), t = DrawSymbol(), u = DrawSymbol(), c = DrawSymbol();
  if (inputs_.size() + 4 > kMaxInputs) return false;
  const auto query = Input(type, {heads, t, c}), key = Input(type, {heads, u, c});
  const auto values = Input(type, {heads, u, DrawSymbol()}), mask = Input(type, {t, u});
  if (!query || !key || !values || !mask) return false;
  const ValueIndex scale = Constant(type, {bounds_[c]});
  return Add(kind, {*query, *key, *values, scale, *mask}, {Written(value(*query), 3)});
}

// In the order of the tags.
const Drawing::KindRow Drawing::kKinds[] = {
    {NodeKind::kAdd, &Drawing::DrawBinary},
    {NodeKind::kFullyConnected, &Drawing::DrawFullyConnected},
    {NodeKind::kSoftmax, &Drawing::DrawSoftmax},
    {NodeKind::kSigmoid, &Drawing::DrawUnary},
    {NodeKind::kStaticTranspose, &Drawing::DrawMoving},
    {NodeKind::kClamp, &Drawing::DrawUnary},
    {NodeKind::kConv2d, &Drawing::DrawConvolution},
    {NodeKind::kDiv, &Drawing::DrawBinary},
    {NodeKind::kStaticResizeBilinear2D, &Drawing::DrawMoving},
    {NodeKind::kStaticConstantPad, &Drawing::DrawMoving},
    {NodeKind::kAvgPooling2d, &Drawing::DrawPooling},
    {NodeKind::kMinimum, &Drawing::DrawBinary},
    {NodeKind::kDepthwiseConv2d, &Drawing::DrawConvolution},
    {NodeKind::kMaxPooling2d, &Drawing::DrawPooling},
    {NodeKind::kMultiply, &Drawing::DrawBinary},
    {NodeKind::kSubtract, &Drawing::DrawBinary},
    {NodeKind::kFloor, &Drawing::DrawUnary},
    {NodeKind::kConvert, &Drawing::DrawConvert},
    {NodeKind::kGlobalAvgPooling2d, &Drawing::DrawGlobalPooling},
    {NodeKind::kStaticReshape, &Drawing::DrawMoving},
    {NodeKind::kArgMaxPooling2d, &Drawing::DrawPooling},
    {NodeKind::kSquareRoot, &Drawing::DrawUnary},
    {NodeKind::kCeiling, &Drawing::DrawUnary},
    {NodeKind::kHardswish, &Drawing::DrawUnary},
    {NodeKind::kLeakyReLU, &Drawing::DrawUnary},
    {NodeKind::kMaximum, &Drawing::DrawBinary},
    {NodeKind::kNegate, &Drawing::DrawUnary},
    {NodeKind::kSquare, &Drawing::DrawUnary},
    {NodeKind::kELU, &Drawing::DrawUnary},
    {NodeKind::kAbs, &Drawing::DrawUnary},
    {NodeKind::kPReLU, &Drawing::DrawBinary},
    {NodeKind::kConcatenate2, &Drawing::DrawConcatenate},
    {NodeKind::kConcatenate3, &Drawing::DrawConcatenate},
    {NodeKind::kConcatenate4, &Drawing::DrawConcatenate},
    {NodeKind::kStaticSlice, &Drawing::DrawMoving},
    {NodeKind::kScaledDotProductAttention, &Drawing::DrawAttention},
    {NodeKind::kBatchMatrixMultiply, &Drawing::DrawMatrixMultiply},
    {NodeKind::kConcatenate5, &Drawing::DrawConcatenate},
    {NodeKind::kConvTranspose2d, &Drawing::DrawConvolution},
    {NodeKind::kReciprocalSquareRoot, &Drawing::DrawUnary},
    {NodeKind::kLog, &Drawing::DrawUnary},
    {NodeKind::kGelu, &Drawing::DrawUnary},
    {NodeKind::kTanh, &Drawing::DrawUnary},
    {NodeKind::kExp, &Drawing::DrawUnary},
    {NodeKind::kSin, &Drawing::DrawUnary},
    {NodeKind::kCopy, &Drawing::DrawMoving},
    {NodeKind::kCos, &Drawing::DrawUnary},
};

// --- Executes -----------------------------------------------------------------------------------

// What no node reads, and some of the rest.
void Drawing::AddOutputs() {
  std::vector<bool> is_read(b_.graph().values.size());
  for (const Node& node : b_.graph().nodes) {
    for (const ValueIndex input : node.inputs) is_read[input] = true;
  }
  for (const ValueIndex i : values_) {
    Value& output = b_.graph().values[i];
    if (output.is_external_input || (is_read[i] && source_.Below(4) != 0)) continue;
    output.is_external_output = true;
    output.external_id = b_.graph().num_externals++;
  }
}

std::vector<Dims> Drawing::InputDims(std::span<const size_t> sizes) const {
  std::vector<Dims> dims;
  for (const std::vector<size_t>& symbols : inputs_) {
    Dims& input = dims.emplace_back();
    for (const size_t symbol : symbols) input.push_back(sizes[symbol]);
  }
  return dims;
}

void Drawing::DrawRuns(DrawnGraph& drawn) {
  constexpr size_t kTries = 4;
  std::vector<size_t> sizes(std::begin(bounds_), std::end(bounds_));
  const auto add = [&] {
    std::vector<Dims> run = InputDims(sizes);
    run.resize(b_.graph().num_externals);
    drawn.runs.push_back(std::move(run));
  };
  add();
  for (size_t run = source_.Between(1, kMaxRuns - 1); run > 0; --run) {
    const std::vector<size_t> before = sizes;
    for (size_t i = 0; i < kTries; ++i) {
      sizes = before;
      const size_t symbol = DrawSymbol();
      const size_t bound = bounds_[symbol];
      sizes[symbol] = source_.Of({size_t{0}, bound, size_t{1}, bound - 1, bound / 2, bound});
      if (sizes != before && Shapes(InputDims(sizes))) break;
    }
    add();
    // What does not fit is refused by both delegates, and the next one goes on from what did.
    if (!Shapes(InputDims(sizes))) sizes = before;
  }
}

std::string Describe(const DrawnGraph& drawn) {
  std::string text;
  for (const Node& node : drawn.graph.nodes) {
    text += Info(node.kind).name;
    for (const auto* list : {&node.inputs, &node.outputs}) {
      text += list == &node.inputs ? "(" : " -> ";
      for (size_t i = 0; i < list->size(); ++i) {
        const Value& value = drawn.graph.values[(*list)[i]];
        text += std::format("{}{} {}{}", i == 0 ? "" : ", ", (*list)[i], Name(value.type),
                            ToString(value.dims));
      }
      if (list == &node.inputs) text += ")";
    }
    text += "; ";
  }
  text += "runs";
  for (const auto& run : drawn.runs) {
    text += " ";
    for (size_t i = 0; i < run.size(); ++i) {
      if (run[i].rank() > 0) text += ToString(run[i]);
    }
  }
  return text;
}

DrawnGraph Drawing::Draw() {
  const size_t wanted = source_.Between(1, kMaxNodes);
  constexpr size_t kTries = 24;
  for (size_t i = 0; i < kTries && b_.graph().nodes.size() < wanted; ++i) {
    static_assert(std::size(kKinds) == kNumNodeKinds);
    const KindRow& row = source_.Of(kKinds);
    (this->*row.draw)(row.kind);
  }
  // Where nothing fits, or the bytes have ended.
  if (b_.graph().nodes.empty()) {
    if (values_.empty()) Input(kF32, {0});
    Add(NodeKind::kCopy, {values_[0]}, {Written(value(values_[0]), value(values_[0]).dims.rank())});
  }
  AddOutputs();
  DrawnGraph drawn;
  DrawRuns(drawn);
  drawn.graph = b_.Build();
  drawn.name = Describe(drawn);
  return drawn;
}

}  // namespace

DrawnGraph DrawGraph(std::span<const uint8_t> bytes) { return Drawing(bytes).Draw(); }

SequenceOutcome CheckSequence(std::span<const uint8_t> bytes, std::string* reason) {
  const DrawnGraph drawn = DrawGraph(bytes);
  SequenceOutcome outcome;
  const auto payload = WritePayload(drawn.graph);
  if (!payload) {
    outcome.wrong = std::format("{}\n  is no valid graph: {}", drawn.name, payload.error().message);
    return outcome;
  }
  const auto compare = [&](const std::string& force_kernel) {
    const test::FreshResult result = test::CompareWithFresh(
        *payload, drawn.graph, drawn.runs, /*seed=*/bytes.size(), {{"force_kernel", force_kernel}});
    outcome.is_refused = result.refused.has_value();
    outcome.num_ran = result.num_ran;
    if (!result.wrong.empty()) {
      outcome.wrong =
          std::format("{}\n  force_kernel=\"{}\": {}", drawn.name, force_kernel, result.wrong);
    }
    if (result.refused && reason != nullptr) {
      *reason = std::format("{}\n  {}", drawn.name, result.refused->ToString());
    }
  };
  compare("");
  const bool has_product = std::ranges::any_of(drawn.graph.nodes, [](const Node& node) {
    return node.kind == NodeKind::kFullyConnected || node.kind == NodeKind::kConv2d ||
           node.kind == NodeKind::kBatchMatrixMultiply ||
           node.kind == NodeKind::kScaledDotProductAttention;
  });
  if (has_product && !outcome.is_refused && outcome.wrong.empty()) compare("reference");
  return outcome;
}

}  // namespace switchyard::fuzz
