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
  const size_t input_channels = context.Input(1)[is_transposed ? 0 : 1];
  const size_t output_channels = context.Input(1)[is_transposed ? 1 : 0];
  if (input_channels == 0 || output_channels == 0) {
    return context.Refuse("its filter has dimensions {}, expected at least 1 in each",
                          ToString(context.Input(1)));
  }
  Dims dims = context.Input(0);
  if (dims.back() != input_channels) {
    return context.Refuse("its input has dimensions {}, expected the filter's {} in the last one",
                          ToString(dims), input_channels);
  }
  // Only an input of the host can differ from what CheckGraph has seen.
  if (context.node().inputs.size() > 2 && context.Input(2).NumElements() != output_channels) {
    return context.Refuse("its bias has dimensions {}, expected one number for each of {} outputs",
                          ToString(context.Input(2)), output_channels);
  }
  dims[dims.rank() - 1] = output_channels;
  return context.SetOutput(dims);
}

// [batch..., M, K] x [batch..., K, N] -> [batch..., M, N]; the last two of the second change places
// when it is transposed. Batch dimensions broadcast from the right, missing ones as 1.
Status ShapeOfBatchMatrixMultiply(ShapeContext& context) {
  SWITCHYARD_TRY(context.ExpectMinRank(0, 2));
  SWITCHYARD_TRY(context.ExpectMinRank(1, 2));
  SWITCHYARD_TRY(context.ExpectDynamicQuantizationOver(1));
  const Dims& a = context.Input(0);
  const Dims& b = context.Input(1);
  const bool is_transposed = context.HasFlag(kFlagTransposeWeights);
  const size_t depth = b.back(is_transposed ? 0 : 1);
  const size_t columns = b.back(is_transposed ? 1 : 0);
  if (a.back() != depth) {
    return context.Refuse(
        "its inputs have dimensions {} and {}{}, expected the columns of the first to be the rows "
        "of the second",
        ToString(a), ToString(b), is_transposed ? " (transposed)" : "");
  }
  // XNNPACK takes no empty ones, not even an empty batch.
  if (a.NumElements() == 0 || b.NumElements() == 0) {
    return context.Refuse("its inputs have dimensions {} and {}, expected at least 1 in each",
                          ToString(a), ToString(b));
  }
  Dims dims;
  for (size_t i = std::max(a.rank(), b.rank()); i-- > 2;) {
    const size_t batch_a = i < a.rank() ? a.back(i) : 1;
    const size_t batch_b = i < b.rank() ? b.back(i) : 1;
    if (batch_a != batch_b && batch_a != 1 && batch_b != 1) {
      return context.Refuse(
          "its inputs have dimensions {} and {}, expected equal ones, or 1, before the last two",
          ToString(a), ToString(b));
    }
    dims.push_back(batch_a == 1 ? batch_b : batch_a);
  }
  dims.push_back(a.back(1));
  dims.push_back(columns);
  return context.SetOutput(dims);
}

}  // namespace switchyard
