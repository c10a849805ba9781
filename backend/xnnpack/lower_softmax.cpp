#include "backend/xnnpack/lowering.h"

namespace switchyard {

Status LowerSoftmax(Lowering& lowering) {
  SWITCHYARD_TRY(lowering.RequireOneType(kFloatTypes));
  if (lowering.input(0).dims.rank() == 0) {
    return lowering.Unsupported("input without dimensions, expected one at least");
  }
  SWITCHYARD_ASSIGN(const uint32_t input, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  return lowering.Check(xnn_define_softmax(lowering.subgraph(), input, output, /*flags=*/0));
}

}  // namespace switchyard
