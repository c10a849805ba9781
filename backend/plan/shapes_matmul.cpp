#include <algorithm>

#include "backend/plan/shape_rules.h"

namespace switchyard {

// [..., input channels] -> [..., output channels], with a filter of [output channels, input
// channels], or the other way round when it is transposed.
Status ShapeOfFullyConnected(ShapeContext& context) {
  SWITCHYARD_TRY(context.ExpectMinRank(0, 1));
  SWITCHYARD_TRY(context.ExpectRank(1, 2));
  SWITCHYARD_TRY(context.ExpectDynamicQuantizationOver(1));
  const bool is_transposed = context.HasFlag(kFlagTransposeWeights);
  const Range input_channels = context.Input(1)[is_transposed ? 0 : 1];
  const Range output_channels = context.Input(1)[is_transposed ? 1 : 0];
  if (!context.Narrow(0, context.Input(0).rank() - 1, input_channels)) {
    return context.Refuse("its input has dimensions {}, expected the filter's {} in the last one",
                          ToString(context.Input(0)), input_channels.max);
  }
  // Only an input of the host can differ from what CheckGraph has seen.
  if (context.node().inputs.size() > 2 && !Meet(context.Input(2).NumElements(), output_channels)) {
    return context.Refuse("its bias has dimensions {}, expected one number for each of {} outputs",
                          ToString(context.Input(2)), output_channels.max);
  }
  ShapeRange dims = context.Input(0);
  dims.Set(dims.rank() - 1, output_channels);
  return context.SetOutput(dims);
}

// [batch..., M, K] x [batch..., K, N] -> [batch..., M, N]; the last two of the second change places
// when it is transposed. Batch dimensions broadcast from the right, missing ones as 1.
Status ShapeOfBatchMatrixMultiply(ShapeContext& context) {
  SWITCHYARD_TRY(context.ExpectMinRank(0, 2));
  SWITCHYARD_TRY(context.ExpectMinRank(1, 2));
  SWITCHYARD_TRY(context.ExpectDynamicQuantizationOver(1));
  const ShapeRange& a = context.Input(0);
  const ShapeRange& b = context.Input(1);
  const bool is_transposed = context.HasFlag(kFlagTransposeWeights);
  const size_t depth_dim = b.rank() - (is_transposed ? 1 : 2);
  if (!context.Narrow(0, a.rank() - 1, b[depth_dim])) {
    return context.Refuse(
        "its inputs have dimensions {} and {}{}, expected the columns of the first to be the rows "
        "of the second",
        ToString(a), ToString(b), is_transposed ? " (transposed)" : "");
  }
  context.Narrow(1, depth_dim, a.back());
  ShapeRange dims;
  for (size_t i = std::max(a.rank(), b.rank()); i-- > 2;) {
    const Range batch_a = i < a.rank() ? a.back(i) : Range::Exactly(1);
    const Range batch_b = i < b.rank() ? b.back(i) : Range::Exactly(1);
    const std::optional<Range> batch = BroadcastSizes(batch_a, batch_b);
    if (!batch) {
      return context.Refuse(
          "its inputs have dimensions {} and {}, expected equal ones, or 1, before the last two",
          ToString(a), ToString(b));
    }
    dims.push_back(*batch);
  }
  dims.push_back(a.back(1));
  dims.push_back(b.back(is_transposed ? 1 : 0));
  return context.SetOutput(dims);
}

}  // namespace switchyard
