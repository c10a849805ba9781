// A FullyConnected, or a pointwise Conv2d: one slice, whose rows are those of the activation.

#include <utility>

#include "backend/packed/operators.h"

namespace switchyard {
namespace {

class FullyConnected final : public MultiplyStep {
 public:
  explicit FullyConnected(MultiplyParts parts) : MultiplyStep(std::move(parts)) {}

  Status PackWeights(const Graph& graph, ConstantBytes constants,
                     const PackedEnvironment& environment) override {
    return AddNodeWeights(graph, constants, environment);
  }

 private:
  Slice SliceAt(size_t, const StepData& data) const override {
    return {.lhs = static_cast<const std::byte*>(data.values[step().inputs[0]]),
            .rhs = 0,
            .out = static_cast<std::byte*>(data.values[step().output])};
  }
};

}  // namespace

std::unique_ptr<MultiplyStep> MakeFullyConnected(MultiplyParts parts) {
  return std::make_unique<FullyConnected>(std::move(parts));
}

}  // namespace switchyard
