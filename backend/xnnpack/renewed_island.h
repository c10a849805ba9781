// A standalone step for a node that stock XNNPACK must not see with other channels.
#pragma once

#include <memory>

#include "backend/xnnpack/stock_step.h"

namespace switchyard {

// The step's node, which has one input and no weights, as an island that is made anew when its
// channels change: with the channels that it was made for it is what XNNPACK gives a fresh
// delegate. Errors as for CreateIsland.
Result<std::unique_ptr<StepRunner>> CreateRenewedIsland(const Graph& graph,
                                                        const StockOperatorStep& step,
                                                        const StockEnvironment& environment);

}  // namespace switchyard
