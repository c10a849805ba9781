#include <algorithm>

#include "backend/plan/shape_rules.h"

namespace switchyard {
namespace {

// Broadcast from the right, missing dimensions as 1; nothing when some pair cannot.
std::optional<ShapeRange> Broadcast(const ShapeRange& a, const ShapeRange& b) {
  const size_t rank = std::max(a.rank(), b.rank());
  ShapeRange result;
  for (size_t i = rank; i-- > 0;) {
    const Range size_a = i < a.rank() ? a.back(i) : Range::Exactly(1);
    const Range size_b = i < b.rank() ? b.back(i) : Range::Exactly(1);
    const std::optional<Range> sizes = BroadcastSizes(size_a, size_b);
    if (!sizes) return std::nullopt;
    result.push_back(*sizes);
  }
  return result;
}

// Leaves of input 0 the sizes that stay when input 1 is broadcast against it; false when there are
// none.
bool NarrowToBroadcast(ShapeContext& context) {
  const size_t rank = context.Input(0).rank();
  const ShapeRange& other = context.Input(1);
  if (other.rank() > rank) return false;
  for (size_t i = 0; i < other.rank(); ++i) {
    if (other.back(i).Contains(1)) continue;
    if (!context.Narrow(0, rank - 1 - i, other.back(i))) return false;
  }
  return true;
}

}  // namespace

Status ShapeOfUnary(ShapeContext& context) { return context.SetOutput(context.Input(0)); }

Status ShapeOfConvert(ShapeContext& context) {
  const auto* per_token = std::get_if<PerTokenQuantization>(&context.OutputValue(0).quantization);
  if (per_token != nullptr) {
    SWITCHYARD_TRY(context.ExpectMinRank(0, per_token->num_nonbatch_dims));
  }
  return context.SetOutput(context.Input(0));
}

Status ShapeOfSoftmax(ShapeContext& context) {
  SWITCHYARD_TRY(context.ExpectMinRank(0, 1));
  return context.SetOutput(context.Input(0));
}

Status ShapeOfBinary(ShapeContext& context) {
  const std::optional<ShapeRange> dims = Broadcast(context.Input(0), context.Input(1));
  if (!dims) {
    return context.Refuse(
        "its inputs have dimensions {} and {}, expected equal ones, or 1, from the right",
        ToString(context.Input(0)), ToString(context.Input(1)));
  }
  // An attention's scale and mask do not make more rows or columns than query and key have.
  const bool is_attention = context.node().part_of == NodeKind::kScaledDotProductAttention;
  if (is_attention && !NarrowToBroadcast(context)) {
    return context.Refuse("its {} has dimensions {}, expected ones that broadcast to {}",
                          context.node().kind == NodeKind::kAdd ? "mask" : "scale",
                          ToString(context.Input(1)), ToString(context.Input(0)));
  }
  return context.SetOutput(is_attention ? context.Input(0) : *dims);
}

Status ShapeOfPRelu(ShapeContext& context) {
  const ShapeRange& input = context.Input(0);
  if (!NarrowToBroadcast(context)) {
    return context.Refuse("its slopes have dimensions {}, expected ones that broadcast to {}",
                          ToString(context.Input(1)), ToString(input));
  }
  return context.SetOutput(input);
}

}  // namespace switchyard
