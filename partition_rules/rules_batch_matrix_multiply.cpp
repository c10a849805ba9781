// BatchMatrixMultiply: A [..., M, K] x B [..., K, N], or [..., N, K] with flag 0x1. Leading
// dimensions broadcast. B may be a constant of the payload; the exporter hands a constant B over as
// an ordinary argument, which the delegate cannot tell from one that changes.

#include "partition_rules/constraints.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

using enum DataType;

GemmProblem Problem(const Subject& subject) {
  const Dims& output = subject.output_shape();
  GemmProblem problem;
  problem.op = GemmOperator::kBatchMatrixMultiply;
  problem.m = output.back(1);
  problem.n = output.back(0);
  problem.k = subject.input_shape().back(0);
  // Bounds may be too many to count.
  problem.batch = CheckedProduct(output.span().first(output.rank() - 2)).value_or(SIZE_MAX);
  problem.rhs_is_kxn = !(subject.node().flags & kFlagTransposeWeights);
  problem.rhs_is_constant = subject.weights().constant.has_value();
  problem.lhs_type = subject.input().type;
  return problem;
}

constexpr Constraint kConstraints[] = {{ReasonId::kBmmInputConstant, InputIsNotConstant}};
constexpr Constraint kPf32[] = {{ReasonId::kProductOutputType, OutputIsF32}};
constexpr Constraint kPf16[] = {{ReasonId::kProductOutputType, OutputIsF16}};

constexpr DataType kF32Operand[] = {kF32};
constexpr DataType kF16Operand[] = {kF16};

constexpr Rule kRules[] = {
    {Variant::kPf32, kF32, kF32Operand, kPf32, Problem},
    {Variant::kPf16, kF16, kF16Operand, kPf16, Problem},
};

constexpr NodeKind kKinds[] = {NodeKind::kBatchMatrixMultiply};

}  // namespace

constexpr OperatorRules kBatchMatrixMultiplyRules = {"BatchMatrixMultiply", kKinds,
                                                     /*exclusions=*/{}, kConstraints, kRules};

}  // namespace switchyard
