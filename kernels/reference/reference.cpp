#include "kernels/reference/reference.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/checked_math.h"

namespace switchyard::reference {

namespace {

constexpr size_t kNoVectors = 0;

}  // namespace

ReferenceGemm::ReferenceGemm(const KernelRow& row, const GemmProblem& problem)
    : PackedGemm(PackedLayout(row, problem, kNoVectors)),
      problem_(problem),
      lhs_element_bytes_(ElementBits(problem.lhs_type) / 8),
      output_element_bytes_(ElementBits(problem.output_type) / 8) {}

void ReferenceGemm::PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const {
  auto* columns = static_cast<std::byte*>(packed);
  for (size_t j = 0; j < n; ++j) PackColumn(source, n0 + j, columns + layout_.RhsOffset(j));
}

void ReferenceGemm::PackRows(const RawRows& rows, size_t m, std::byte* /*scratch*/,
                             std::byte* packed) const {
  for (size_t i = 0; i < m; ++i) {
    PackRow(rows.base + i * rows.stride, packed + layout_.LhsOffset(i));
  }
}

void ReferenceGemm::PackGemvRow(const std::byte* row, std::byte* /*scratch*/,
                                std::byte* packed) const {
  PackRow(row, packed);
}

// Packing a tap changes none of its elements, so they are gathered where the packed row wants them.
void ReferenceGemm::PackTaps(const Taps& taps, size_t m, std::byte* scratch,
                             std::byte* packed) const {
  const size_t step = layout_.m_step(), tap_bytes = problem_.channels_per_tap * lhs_element_bytes_;
  auto** pointers = reinterpret_cast<const void**>(scratch);
  taps.FillPointers(m, step, pointers);
  for (size_t i = 0; i < m; ++i) {
    std::byte* to = packed + layout_.LhsOffset(i);
    const void* const* pointer = pointers + i / step * step * problem_.taps + i % step;
    for (size_t tap = 0; tap < problem_.taps; ++tap, pointer += step, to += tap_bytes) {
      std::memcpy(to, *pointer, tap_bytes);
    }
  }
}

ReferenceGemm::Sum ReferenceGemm::AddRow(Sum sum, const GemmBlock& block, size_t i,
                                         const std::byte* column) const {
  if (const auto* packed = std::get_if<PackedRows>(&block.lhs)) {
    const std::byte* row = packed->data + layout_.LhsOffset(i);
    return Add(sum, row + block.k0 * lhs_element_bytes_, column, block.k0, block.k, block.scratch);
  }
  if (const auto* rows = std::get_if<RawRows>(&block.lhs)) {
    const std::byte* row = rows->base + i * rows->stride;
    return Add(sum, row + block.k0 * lhs_element_bytes_, column, block.k0, block.k, block.scratch);
  }
  const Taps& taps = std::get<Taps>(block.lhs);
  const size_t channels = problem_.channels_per_tap, end = block.k0 + block.k;
  for (size_t k = block.k0; k < end;) {
    const size_t first = k % channels, count = std::min(channels - first, end - k);
    const std::byte* tap = taps.At(i, k / channels);
    sum = Add(sum, tap + first * lhs_element_bytes_, column, k, count, block.scratch);
    k += count;
  }
  return sum;
}

void ReferenceGemm::Gemm(const GemmBlock& block, const OutputStage& stage) const {
  const auto* packed = std::get_if<PackedRows>(&block.lhs);
  for (size_t i = 0; i < block.m; ++i) {
    for (size_t j = 0; j < block.n; ++j) {
      const std::byte* column = block.rhs + layout_.RhsOffset(block.n0 + j);
      // Of a product in one piece there are no sums to keep.
      const size_t kept = i * block.sums_stride + j * sizeof(Sum);
      Sum sum;
      if (block.k0 == 0) {
        sum = Begin(column);
      } else {
        std::memcpy(&sum, block.sums + kept, sizeof(sum));
      }
      sum = AddRow(sum, block, i, column);
      if (block.k0 + block.k < problem_.k) {
        std::memcpy(block.sums + kept, &sum, sizeof(sum));
      } else {
        const std::byte* row = packed == nullptr ? nullptr : packed->data + layout_.LhsOffset(i);
        Store(sum, row, column, stage,
              block.out + i * block.out_stride + j * output_element_bytes_);
      }
    }
  }
}

void ReferenceGemm::Gemv(const GemmBlock& block, const OutputStage& stage) const {
  Gemm(block, stage);
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
