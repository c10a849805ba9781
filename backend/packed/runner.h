// What runs a PackLhsStep or a PackedStep.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "backend/packed/step.h"
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
  std::byte* scratch;                      // ScratchBytes of it
};

class PackedRunner {
 public:
  virtual ~PackedRunner() = default;
  // New shapes, by ValueIndex, of any size: allocates nothing that grows with them. Comes before
  // the functions below; sizes that cannot be addressed are SIZE_MAX.
  virtual void Reshape(std::span<const Dims> shapes) = 0;
  virtual size_t PackedLhsBytes() const { return 0; }  // of a PackLhsStep
  virtual size_t ScratchBytes() const { return 0; }
  virtual void Run(const PackedMemory& memory) const = 0;
  // The provider's name of the function that Run calls; "" when there are no rows, and of a
  // PackLhsStep.
  virtual std::string_view MicroKernelName() const { return ""; }
  // Packed weights that the step holds.
  virtual std::span<const std::shared_ptr<const PackedWeights>> weights() const { return {}; }
};

// `constant_data` (by ValueIndex) is read during this call only. Errors: NotSupported when the
// kernel's provider is not built for this machine, MemoryAllocationFailed.
Result<std::unique_ptr<PackedRunner>> CreatePackLhs(const Plan& plan, const PackLhsStep& step,
                                                    std::span<const Route> routes,
                                                    const PackedEnvironment& environment);
Result<std::unique_ptr<PackedRunner>> CreatePackedStep(
    const Graph& graph, const PackedStep& step, const Route& route,
    std::span<const std::byte* const> constant_data, const PackedEnvironment& environment);

}  // namespace switchyard
