// An island whose values may be empty.
#pragma once

#include <memory>

#include "backend/xnnpack/stock_step.h"

namespace switchyard {

// Runs `full`, the whole of `step`, where no value of it is empty; else what PruneIsland leaves of
// it, as a subgraph that is made for these shapes alone. `graph` and the constants that are not
// consumed outlive it; `step` has live nodes only.
std::unique_ptr<StepRunner> MakePrunable(const Graph& graph, IslandStep step,
                                         const ConstantData& constants,
                                         const StockEnvironment& environment,
                                         std::unique_ptr<StepRunner> full);

}  // namespace switchyard
