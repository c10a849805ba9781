// One block of memory for the values that cross from step to step, shared by lifetime.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "backend/plan/plan.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// Of each offset, in bytes; so must the arena's address be.
inline constexpr size_t kArenaAlignment = 64;
// Behind each value, in bytes: XNNPACK may read so far beyond a tensor.
inline constexpr size_t kArenaSlackBytes = 16;

struct ArenaLayout {
  std::vector<size_t> offsets;         // as Plan::intermediates
  std::vector<size_t> packed_offsets;  // as Plan::packed_lhs
  size_t bytes = 0;                    // of the whole arena
};

// Places the plan's intermediates at the given shapes (by ValueIndex), and its packed activations
// of `packed_bytes` (as Plan::packed_lhs). A value lives from the step that makes it to the last
// step that reads it, both included; values that live at the same step do not overlap. Step by
// step, largest first, each takes the smallest free part that fits. The layout depends on the
// arguments only. Takes O(n log n). Errors: MemoryAllocationFailed (more bytes than can be
// addressed).
Result<ArenaLayout> PlanArena(const Graph& graph, const Plan& plan, std::span<const Dims> shapes,
                              std::span<const size_t> packed_bytes = {});

}  // namespace switchyard
