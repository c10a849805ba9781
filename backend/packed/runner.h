// What runs a PackLhsStep or a PackedStep.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "backend/packed/rhs_source.h"
#include "backend/packed/step.h"
#include "backend/plan/packed_memory.h"
#include "backend/plan/plan.h"
#include "backend/plan/route.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// Where a packed step finds its data.
struct PackedMemory {
  std::span<void* const> values;           // by ValueIndex
  std::span<std::byte* const> packed_lhs;  // as Plan::packed_lhs
  std::byte* scratch;                      // PlanMemory::scratch_bytes of it
};

class PackedRunner {
 public:
  virtual ~PackedRunner() = default;

  // Packs the constant operands, or shares what is packed already: once, before Run. `constants`
  // are read during this call only. Errors: MemoryAllocationFailed.
  virtual Status PackWeights(const Graph& /*graph*/, ConstantBytes /*constants*/,
                             const PackedEnvironment& /*environment*/) {
    return {};
  }

  // New shapes, by ValueIndex, and what the plan found the step to need at them. Comes before the
  // functions below. Errors: MemoryAllocationFailed.
  virtual Status Reshape(std::span<const Dims> shapes, const StepMemory& memory) = 0;
  // Allocates nothing.
  virtual void Run(const PackedMemory& memory) const = 0;
  // The provider's name of the function that Run calls; "" when there are no rows, and of a
  // PackLhsStep.
  virtual std::string_view MicroKernelName() const { return ""; }
  // Packed weights that the step holds.
  virtual std::span<const std::shared_ptr<const PackedWeights>> weights() const { return {}; }
};

// Of a PackLhsStep or a PackedStep; null of other steps. Packs nothing. Errors: NotSupported when
// the kernel's provider is not built for this machine.
Result<std::unique_ptr<PackedRunner>> CreatePacked(const Graph& graph, const Plan& plan,
                                                   const Step& step, std::span<const Route> routes,
                                                   const PackedEnvironment& environment);

}  // namespace switchyard
