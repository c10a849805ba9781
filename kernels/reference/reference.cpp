#include "kernels/reference/reference.h"

#include <cstring>

namespace switchyard::reference {

ReferenceGemm::ReferenceGemm(const KernelRow& row, const GemmProblem& problem, size_t row_bytes,
                             size_t column_bytes)
    : problem_(problem),
      row_bytes_(row_bytes),
      column_bytes_(column_bytes),
      lhs_element_bytes_(ElementBits(problem.lhs_type) / 8),
      output_element_bytes_(ElementBits(problem.output_type) / 8) {
  constexpr size_t kNoVectors = 0;
  m_step_ = row.m_step.At(kNoVectors);
  n_step_ = row.n_step.At(kNoVectors);
  if (problem.op == GemmOperator::kConv2d) return;
  gemv_n_step_ = row.gemv.n_step.At(kNoVectors);
  gemv_packs_lhs_ = row.gemv.lhs == LhsForm::kPacked;
}

void ReferenceGemm::PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const {
  auto* column = static_cast<std::byte*>(packed);
  for (size_t j = 0; j < n; ++j, column += column_bytes_) PackColumn(source, n0 + j, column);
}

void ReferenceGemm::PackLhs(const void* lhs, size_t lhs_stride, size_t m, void* packed) const {
  const auto* from = static_cast<const std::byte*>(lhs);
  auto* to = static_cast<std::byte*>(packed);
  for (size_t i = 0; i < m; ++i) PackRow(from + i * lhs_stride, to + i * row_bytes_);
}

// Packing a tap changes none of its elements, so they are gathered where the packed row wants them.
void ReferenceGemm::PackLhsIndirect(const void* const* pointers, size_t offset, const void* padding,
                                    size_t m, void* packed) const {
  const size_t tap_bytes = problem_.channels_per_tap * lhs_element_bytes_;
  for (size_t i = 0; i < m; ++i) {
    auto* to = static_cast<std::byte*>(packed) + i * row_bytes_;
    const void* const* pointer = pointers + i / m_step_ * m_step_ * problem_.taps + i % m_step_;
    for (size_t tap = 0; tap < problem_.taps; ++tap, pointer += m_step_, to += tap_bytes) {
      const auto address = reinterpret_cast<uintptr_t>(*pointer);
      const auto* from =
          *pointer == padding ? padding : reinterpret_cast<const void*>(address + offset);
      std::memcpy(to, from, tap_bytes);
    }
  }
}

void ReferenceGemm::Gemm(const void* lhs_packed, const void* rhs_packed, size_t m, size_t n0,
                         size_t n, void* out, size_t out_stride, const OutputStage& stage) const {
  const auto* row = static_cast<const std::byte*>(lhs_packed);
  const auto* columns = static_cast<const std::byte*>(rhs_packed) + n0 * column_bytes_;
  auto* out_row = static_cast<std::byte*>(out);
  for (size_t i = 0; i < m; ++i, row += row_bytes_, out_row += out_stride) {
    for (size_t j = 0; j < n; ++j) {
      Multiply(row, columns + j * column_bytes_, stage, out_row + j * output_element_bytes_);
    }
  }
}

// A raw row is what packing would make of it.
void ReferenceGemm::Gemv(const void* lhs, const void* rhs_packed, size_t n0, size_t n, void* out,
                         const OutputStage& stage) const {
  Gemm(lhs, rhs_packed, 1, n0, n, out, 0, stage);
}

std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& row, const GemmProblem& problem,
                                           const CpuFeatures&) {
  switch (row.variant) {
    case Variant::kPf32:
    case Variant::kPf16:
      return MakeFloatGemm(row, problem);
    case Variant::kQp8F32Qc8w:
    case Variant::kQp8F32Qb4w:
      return MakeQp8Gemm(row, problem);
    case Variant::kPqs8Qc8w:
      return MakePqs8Gemm(row, problem);
  }
  return nullptr;
}

}  // namespace switchyard::reference
