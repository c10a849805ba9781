// A standalone step for a convolution whose batch stock XNNPACK must not see change.
#pragma once

#include <memory>

#include "backend/xnnpack/stock_step.h"

namespace switchyard {

// The step's node, a convolution of a dynamically quantized input, as an island for one image that
// runs once for each image of the batch. `constants` and the errors as for CreateIsland.
Result<std::unique_ptr<StepRunner>> CreatePerImage(const Graph& graph,
                                                   const StockOperatorStep& step,
                                                   const ConstantData& constants,
                                                   const StockEnvironment& environment);

}  // namespace switchyard
