// Numbers as XNNPACK quantizes them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "runtime/base/data_type.h"
#include "schema/graph.h"

namespace switchyard {

// The int8 or uint8 number that stands for `number`, to nearest even and saturated; `type` is
// kQInt8 or kQUInt8.
inline int32_t Quantize(float number, const PerTensorQuantization& quantization, DataType type) {
  const float min = type == DataType::kQInt8 ? -128.0f : 0.0f;
  const auto zero_point = static_cast<float>(quantization.zero_point);
  return static_cast<int32_t>(
      std::lrint(std::clamp(number / quantization.scale + zero_point, min, min + 255.0f)));
}

}  // namespace switchyard
