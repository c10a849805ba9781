#include "kernels/gemm/layout.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

// Of an element in a packed row and in a packed column, where the row does not say otherwise.
struct PackedBits {
  size_t lhs, rhs;
};
PackedBits BitsOf(Variant variant) {
  switch (variant) {
    case Variant::kPf32:
      return {32, 32};
    case Variant::kPf16:
      return {16, 16};
    case Variant::kQp8F32Qc8w:
    case Variant::kPqs8Qc8w:
      return {8, 8};
    case Variant::kQp8F32Qb4w:
      return {8, 4};
  }
  return {0, 0};
}

// Each tap is padded by itself, unless the row has them dense.
std::optional<size_t> PackedDepth(const KernelRow& row, const GemmProblem& problem) {
  const bool has_taps = problem.op == GemmOperator::kConv2d && !row.has_dense_taps;
  const auto tap = CheckedRoundUp(has_taps ? problem.channels_per_tap : problem.k, size_t{row.kr});
  if (!tap || !has_taps) return tap;
  return CheckedMultiply(*tap, problem.taps);
}

size_t VectorBytes(const PackedVector& vector, std::optional<size_t> depth, size_t variant_bits,
                   size_t blocks) {
  const size_t bits = vector.element_bits != 0 ? vector.element_bits : variant_bits;
  // A file's depth may be any number.
  constexpr size_t kMaxDepth = size_t{1} << 48;
  if (depth) depth = CheckedRoundUp(*depth, size_t{vector.depth_multiple});
  if (!depth || *depth > kMaxDepth) return SIZE_MAX;
  return CeilDivide(*depth * bits, size_t{8}) + vector.bytes + blocks * vector.block_bytes;
}

size_t Product(size_t vectors, size_t bytes) {
  return CheckedMultiply(vectors, bytes).value_or(SIZE_MAX);
}

}  // namespace

PackedLayout::PackedLayout(const KernelRow& row, const GemmProblem& problem, size_t vl)
    : m_step_(row.m_step.At(vl)),
      n_step_(row.n_step.At(vl)),
      mr_(row.mr.At(vl)),
      task_bytes_(row.task_bytes) {
  if (problem.op != GemmOperator::kConv2d) {
    gemv_n_step_ = row.gemv.n_step.At(vl);
  } else if (row.lhs == LhsForm::kRaw || !row.has_dense_taps) {
    tap_pointer_bytes_ = Product(problem.taps, sizeof(void*));
    reads_raw_taps_ = row.lhs == LhsForm::kRaw;
  }
  if (row.variant != Variant::kPf16 && problem.lhs_type == DataType::kF16) {
    wide_row_bytes_ = Product(problem.k, sizeof(float));
  }
  const PackedBits bits = BitsOf(row.variant);
  const std::optional<size_t> depth = PackedDepth(row, problem);
  const size_t blocks = problem.block_length == 0 ? 0 : problem.k / problem.block_length;
  lhs_row_bytes_ = VectorBytes(row.lhs_vector, depth, bits.lhs, 0);
  rhs_column_bytes_ = VectorBytes(row.rhs_vector, depth, bits.rhs, blocks);
  const auto columns = CheckedRoundUp(problem.n, row.nr.At(vl));
  rhs_bytes_ = columns ? Product(*columns, rhs_column_bytes_) : SIZE_MAX;
}

size_t PackedLayout::TaskScratchBytes(size_t m) const {
  const auto rows = CheckedRoundUp(reads_raw_taps_ ? std::min(m, m_step_) : m, m_step_);
  if (!rows) return SIZE_MAX;
  const auto pointers = CheckedMultiply(*rows, tap_pointer_bytes_);
  const auto wide = CheckedMultiply(std::min(m, mr_), wide_row_bytes_);
  const auto bytes = pointers && wide ? CheckedAdd(*pointers, *wide) : std::nullopt;
  const auto all = bytes ? CheckedAdd(*bytes, task_bytes_) : std::nullopt;
  return (all ? CheckedRoundUp(*all, alignof(void*)) : std::nullopt).value_or(SIZE_MAX);
}

size_t PackedLayout::LhsBytes(size_t m) const {
  const auto rows = CheckedRoundUp(m, mr_);
  return rows ? Product(*rows, lhs_row_bytes_) : SIZE_MAX;
}

}  // namespace switchyard
