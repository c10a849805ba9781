// Products of a variant, for tests.
#pragma once

#include <cstddef>

#include "kernels/gemm/problem.h"

namespace switchyard::test {

// m x n x k with the variant's types; int4 in blocks of 32.
inline GemmProblem ProblemOf(Variant variant, size_t m, size_t n, size_t k) {
  using enum DataType;
  GemmProblem problem{.variant = variant, .m = m, .n = n, .k = k};
  switch (variant) {
    case Variant::kPf32:
      break;
    case Variant::kPf16:
      problem.lhs_type = problem.rhs_type = problem.output_type = kF16;
      break;
    case Variant::kQp8F32Qc8w:
      problem.rhs_type = kQCInt8;
      break;
    case Variant::kPqs8Qc8w:
      problem.lhs_type = problem.output_type = kQInt8;
      problem.rhs_type = kQCInt8;
      break;
    case Variant::kQp8F32Qb4w:
      problem.rhs_type = kQBInt4;
      problem.block_length = 32;
      break;
  }
  return problem;
}

}  // namespace switchyard::test
