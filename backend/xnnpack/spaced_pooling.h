// Pools that leave out elements between their windows, which XNNPACK's operators refuse.
#pragma once

#include <memory>

#include "backend/xnnpack/stock_step.h"

namespace switchyard {

// A MaxPooling2d, or an AvgPooling2d of one element. Of each window the largest element, NaN if one
// of them is NaN, within the node's output range. Floats, and int8 that keeps its quantization.
Result<std::unique_ptr<StockStep>> CreateSpacedPooling(const Graph& graph,
                                                       const StockOperatorStep& step,
                                                       const StockEnvironment& environment);

}  // namespace switchyard
