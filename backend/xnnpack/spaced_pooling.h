// Pools that XNNPACK's operators refuse or get wrong: those that leave out elements between their
// windows, of one element, and ArgMaxPooling2d with padding.
#pragma once

#include <memory>

#include "backend/xnnpack/stock_step.h"

namespace switchyard {

// A MaxPooling2d, an ArgMaxPooling2d (floats only), or an AvgPooling2d of one element. Of each
// window the largest element, NaN if one of them is NaN, within the node's output range; with it
// the number (kx * pooling height + ky) of the first such element of the window. What is padding is
// none of them. Floats, and int8 that keeps its quantization.
Result<std::unique_ptr<StepRunner>> CreateSpacedPooling(const Graph& graph,
                                                        const StockOperatorStep& step,
                                                        const StockEnvironment& environment);

}  // namespace switchyard
