// What XNNPACK knows of the operators of a runtime that was created with XNN_FLAG_BASIC_PROFILING.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/xnnpack/stock_step.h"
#include "backend/xnnpack/xnnpack_api.h"

namespace switchyard {

// The operators in the order in which they run. `nodes`: the nodes that the operators of the
// subgraph were defined for, in that order.
std::vector<TimedOperator> ReadOperators(xnn_runtime_t runtime, std::span<const NodeIndex> nodes);

// As StepRunner::ReadTimes, of the last xnn_invoke_runtime.
bool ReadOperatorTimes(xnn_runtime_t runtime, std::span<uint64_t> microseconds);

}  // namespace switchyard
