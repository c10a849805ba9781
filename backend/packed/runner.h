// What runs a PackLhsStep or a PackedStep.
#pragma once

#include <memory>
#include <span>

#include "backend/packed/rhs_source.h"
#include "backend/packed/step.h"
#include "backend/plan/plan.h"
#include "backend/plan/route.h"
#include "backend/plan/step_runner.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

class PackedRunner : public StepRunner {
 public:
  // Packs the constant operands, or shares what is packed already: once, before Run. `constants`
  // are read during this call only. Errors: MemoryAllocationFailed.
  virtual Status PackWeights(const Graph& /*graph*/, ConstantBytes /*constants*/,
                             const PackedEnvironment& /*environment*/) {
    return {};
  }
};

// Of a PackLhsStep or a PackedStep; null of other steps. Packs nothing. Errors: NotSupported when
// the kernel's provider is not built for this machine.
Result<std::unique_ptr<PackedRunner>> CreatePacked(const Graph& graph, const Plan& plan,
                                                   const Step& step, std::span<const Route> routes,
                                                   const PackedEnvironment& environment);

}  // namespace switchyard
