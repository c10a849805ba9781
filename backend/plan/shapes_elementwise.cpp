#include <algorithm>

#include "backend/plan/shape_rules.h"

namespace switchyard {
namespace {

// Dims broadcast from the right, missing ones as 1; nothing when some pair neither agrees nor has
// a 1.
std::optional<Dims> Broadcast(const Dims& a, const Dims& b) {
  const size_t rank = std::max(a.rank(), b.rank());
  Dims result;
  for (size_t i = rank; i-- > 0;) {
    const size_t size_a = i < a.rank() ? a.back(i) : 1;
    const size_t size_b = i < b.rank() ? b.back(i) : 1;
    if (size_a != size_b && size_a != 1 && size_b != 1) return std::nullopt;
    result.push_back(size_a == 1 ? size_b : size_a);
  }
  return result;
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
  if (context.Input(0).back() == 0) {
    return context.Refuse("its input has dimensions {}, expected a last one of at least 1",
                          ToString(context.Input(0)));
  }
  return context.SetOutput(context.Input(0));
}

Status ShapeOfBinary(ShapeContext& context) {
  const std::optional<Dims> dims = Broadcast(context.Input(0), context.Input(1));
  if (!dims) {
    return context.Refuse(
        "its inputs have dimensions {} and {}, expected equal ones, or 1, from the right",
        ToString(context.Input(0)), ToString(context.Input(1)));
  }
  // An attention's scale and mask do not make more rows or columns than query and key have.
  if (context.node().part_of == NodeKind::kScaledDotProductAttention && dims != context.Input(0)) {
    return context.Refuse("its {} has dimensions {}, expected ones that broadcast to {}",
                          context.node().kind == NodeKind::kAdd ? "mask" : "scale",
                          ToString(context.Input(1)), ToString(context.Input(0)));
  }
  return context.SetOutput(*dims);
}

Status ShapeOfPRelu(ShapeContext& context) {
  const Dims& input = context.Input(0);
  const Dims& slope = context.Input(1);
  const std::optional<Dims> dims = Broadcast(input, slope);
  if (dims != input) {
    return context.Refuse("its slopes have dimensions {}, expected ones that broadcast to {}",
                          ToString(slope), ToString(input));
  }
  return context.SetOutput(input);
}

}  // namespace switchyard
