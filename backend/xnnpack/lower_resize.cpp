#include "backend/xnnpack/lowering.h"

namespace switchyard {

Status LowerResizeBilinear(Lowering& lowering) {
  SWITCHYARD_TRY(lowering.RequireOneType(kFloatTypes | kQuantizedTypes));
  SWITCHYARD_TRY(lowering.RequireSameQuantization());
  if (lowering.input(0).dims.rank() != 4) {
    return lowering.Unsupported("input {}, expected four dimensions (NHWC)",
                                ToString(lowering.input(0).dims));
  }
  const auto& size = lowering.attributes<ResizeAttributes>();
  SWITCHYARD_ASSIGN(const uint32_t input, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  return lowering.Check(xnn_define_static_resize_bilinear_2d(
      lowering.subgraph(), size.new_height, size.new_width, input, output, lowering.node().flags));
}

}  // namespace switchyard
