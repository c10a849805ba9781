// The five variants in plain C++, from the formulas (the numerics of each are stated beside its
// function). Meant to be read, and to show what every other provider must give.
//
// A packed row or column is contiguous: its elements, then what belongs to it (scale, sum, bias).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"

namespace switchyard::reference {

std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& row, const GemmProblem& problem,
                                           const CpuFeatures& cpu);

// Changes with the layout of what is packed.
constexpr std::string_view Version() { return "1"; }

// float_gemm.cpp, qp8_gemm.cpp, pqs8_gemm.cpp
std::unique_ptr<PackedGemm> MakeFloatGemm(const KernelRow& row, const GemmProblem& problem);
std::unique_ptr<PackedGemm> MakeQp8Gemm(const KernelRow& row, const GemmProblem& problem);
std::unique_ptr<PackedGemm> MakePqs8Gemm(const KernelRow& row, const GemmProblem& problem);

// What all have in common: where rows and columns start, and the loops over them.
class ReferenceGemm : public PackedGemm {
 public:
  size_t RhsBytes() const final { return problem_.n * column_bytes_; }
  size_t RhsOffset(size_t n0) const final { return n0 * column_bytes_; }
  void PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const final;

  size_t LhsBytes(size_t m) const final { return m * row_bytes_; }
  size_t LhsOffset(size_t m0) const final { return m0 * row_bytes_; }
  void PackLhs(const void* lhs, size_t lhs_stride, size_t m, void* packed) const final;
  void PackLhsIndirect(const void* const* pointers, size_t offset, const void* padding, size_t m,
                       void* packed) const final;
  size_t GemvLhsBytes() const final { return row_bytes_; }
  void PackGemvLhs(const void* lhs, void* packed) const final { PackRow(lhs, packed); }

  void Gemm(const void* lhs_packed, const void* rhs_packed, size_t m, size_t n0, size_t n,
            void* out, size_t out_stride, const OutputStage& stage) const final;
  void Gemv(const void* lhs, const void* rhs_packed, size_t n0, size_t n, void* out,
            const OutputStage& stage) const final;

 protected:
  // Bytes of a packed row and of a packed column; both are multiples of 4.
  ReferenceGemm(const KernelRow& row, const GemmProblem& problem, size_t row_bytes,
                size_t column_bytes);

  virtual void PackRow(const void* row, void* packed) const = 0;
  virtual void PackColumn(const RhsSource& source, size_t n, void* packed) const = 0;
  // One element of the product, of a packed row and column.
  virtual void Multiply(const void* row, const void* column, const OutputStage& stage,
                        void* out) const = 0;

  // Where element (n, k) of the weights is, in elements.
  size_t WeightIndex(size_t n, size_t k) const {
    return problem_.rhs_is_kxn ? k * problem_.n + n : n * problem_.k + k;
  }

  const GemmProblem problem_;

 private:
  const size_t row_bytes_, column_bytes_;
  const size_t lhs_element_bytes_, output_element_bytes_;
};

}  // namespace switchyard::reference
