// A matrix multiplication as plain numbers and types: what a rule hands to kernel selection.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/data_type.h"
#include "runtime/base/variant.h"

namespace switchyard {

enum class GemmOperator : uint8_t { kFullyConnected, kConv2d, kBatchMatrixMultiply };

// out[m, n] = clamp(sum over k of lhs[m, k] * rhs[k, n] + bias[n]).
// Conv2d is one such problem for each group: m = batch * output pixels, n = output channels of the
// group, k = taps * channels_per_tap. BatchMatrixMultiply is `batch` of them.
struct GemmProblem {
  GemmOperator op = GemmOperator::kFullyConnected;
  Variant variant = Variant::kPf32;
  size_t m = 0;  // bound of rows, of one group or batch slice
  size_t n = 0;
  size_t k = 0;
  size_t batch = 1;                    // of a BatchMatrixMultiply
  size_t groups = 1;                   // of a Conv2d
  size_t taps = 1;                     // of a Conv2d: kernel height * kernel width
  size_t channels_per_tap = 0;         // of a Conv2d: input channels of the group
  bool rhs_is_kxn = false;             // row-major [k, n]; otherwise [n, k]
  bool rhs_is_constant = true;         // packed once; otherwise for each execute
  DataType lhs_type = DataType::kF32;  // as it lies in memory: f32, f16 or qint8
  DataType rhs_type = DataType::kF32;
  DataType output_type = DataType::kF32;
  size_t block_length = 0;  // of int4 weights: elements of k that share a scale
};

// Multiply-accumulates of all groups and batch slices at the bound of m.
constexpr uint64_t MultiplyAccumulates(const GemmProblem& problem) {
  return uint64_t{problem.m} * problem.n * problem.k * problem.batch * problem.groups;
}

}  // namespace switchyard
