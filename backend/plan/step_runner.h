// What runs one step of a plan, on XNNPACK or on packed kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "backend/plan/packed_memory.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

struct PackedWeights;  // backend/packed/weights_cache.h

// Where a step finds its data.
struct StepData {
  // By ValueIndex: its inputs and outputs, and the constants that outlive init.
  std::span<void* const> values;
  // Of packed steps.
  std::span<std::byte* const> packed_lhs = {};  // as Plan::packed_lhs
  std::byte* scratch = nullptr;                 // PlanMemory::scratch_bytes of it
};

// One of XNNPACK's operators in a step.
struct TimedOperator {
  std::string name;  // XNNPACK's, with its kind of kernel: "Fully Connected (NC, F32) GEMM"
  // What it was made for; kNoNode where XNNPACK has fused operators and does not say which.
  NodeIndex node = kNoNode;
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // New shapes, by ValueIndex, and what the plan found the step to need at them (nothing for steps
  // of XNNPACK). Comes before the first Run. Errors: MemoryAllocationFailed, those of XNNPACK.
  virtual Status Reshape(std::span<const Dims> shapes, const StepMemory& memory) = 0;
  // With unchanged shapes it allocates nothing of ours.
  virtual Status Run(const StepData& data) = 0;

  // The provider's name of the function that Run calls; "" when there are no rows, and of steps
  // that are not a packed product.
  virtual std::string_view MicroKernelName() const { return ""; }
  // Packed weights that the step holds.
  virtual std::span<const std::shared_ptr<const PackedWeights>> weights() const { return {}; }
  // In the order in which they run; empty unless XNNPACK times them.
  virtual std::span<const TimedOperator> operators() const { return {}; }
  // How long each of operators() took in the last Run, in whole microseconds, rounded down; false
  // when none of them ran.
  virtual bool ReadTimes(std::span<uint64_t>) const { return false; }
};

}  // namespace switchyard
