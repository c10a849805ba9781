#include "backend/xnnpack/lowering.h"

namespace switchyard {

Status LowerConvert(Lowering& lowering) {
  constexpr TypeSet kConvertible = kFloatTypes | kQuantizedTypes | Types(DataType::kInt32);
  const DataType from = lowering.TypeOf(lowering.input(0));
  const DataType to = lowering.TypeOf(lowering.output());
  const bool quantizes = to == DataType::kQDInt8 && (Types(from) & kFloatTypes) != 0;
  const bool converts = (Types(from) & kConvertible) != 0 && (Types(to) & kConvertible) != 0;
  if (!quantizes && !converts) {
    return lowering.Unsupported(
        "types {}, expected f32, f16, int32, qint8 or quint8 on both sides, "
        "or qdint8 from f32 or f16",
        lowering.DescribeTypes());
  }
  if (from == to && (Types(from) & kQuantizedTypes) != 0) {
    const float ratio = ScaleOf(lowering.input(0)) / ScaleOf(lowering.output());
    SWITCHYARD_TRY(lowering.RequireScaleRatio("the input's scale divided by the output's", ratio,
                                              kMinConvertRatio, kConvertRatioLimit));
  }
  SWITCHYARD_ASSIGN(const uint32_t input, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  if (from == to && (Types(from) & kQuantizedTypes) == 0) {
    return lowering.Check(xnn_define_copy(lowering.subgraph(), input, output, /*flags=*/0));
  }
  return lowering.Check(xnn_define_unary(lowering.subgraph(), xnn_unary_convert,
                                         /*params=*/nullptr, input, output, /*flags=*/0));
}

}  // namespace switchyard
