// Which values keep their number of channels whatever the inputs of an execute are.
#pragma once

#include <vector>

#include "schema/graph.h"

namespace switchyard {

// By ValueIndex: whether the last dimension is the same in every execute, as what convolutions and
// products with constant weights write. The payload does not say which of its dimensions are
// dynamic, so that those of external inputs are never fixed. False where it cannot be told.
std::vector<bool> FindFixedChannels(const Graph& graph);

}  // namespace switchyard
