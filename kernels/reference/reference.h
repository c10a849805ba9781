// The five variants in plain C++, from the formulas (the numerics of each are stated beside its
// function). Meant to be read, and to show what every other provider must give. Between them they
// use all that a provider may: packed and raw rows and taps, sums cut in pieces, scratch memory,
// the begin and end of a task.
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

// What all have in common: the loops over rows and columns.
class ReferenceGemm : public PackedGemm {
 public:
  void PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const final;
  void PackRows(const RawRows& rows, size_t m, std::byte* scratch, std::byte* packed) const final;
  void PackGemvRow(const std::byte* row, std::byte* scratch, std::byte* packed) const final;
  void PackTaps(const Taps& taps, size_t m, std::byte* scratch, std::byte* packed) const final;

  void Gemm(const GemmBlock& block, const OutputStage& stage) const final;
  void Gemv(const GemmBlock& block, const OutputStage& stage) const final;

 protected:
  ReferenceGemm(const KernelRow& row, const GemmProblem& problem);

  virtual void PackRow(const std::byte* row, std::byte* packed) const = 0;
  virtual void PackColumn(const RhsSource& source, size_t n, std::byte* packed) const = 0;

  // A sum on its way: 4 bytes that each variant reads as it likes.
  struct Sum {
    std::byte bytes[4];
  };
  // The sum before any product, of a packed column.
  virtual Sum Begin(const std::byte* column) const = 0;
  // Adds the products of depths [k, k + count), of which `elements` are the row's first.
  virtual Sum Add(Sum sum, const std::byte* elements, const std::byte* column, size_t k,
                  size_t count, const std::byte* scratch) const = 0;
  // One element of the output. `row` is packed, or null where rows are raw.
  virtual void Store(Sum sum, const std::byte* row, const std::byte* column,
                     const OutputStage& stage, std::byte* out) const = 0;

  // Where element (n, k) of the weights is, in elements.
  size_t WeightIndex(size_t n, size_t k) const {
    return problem_.rhs_is_kxn ? k * problem_.n + n : n * problem_.k + k;
  }

  const GemmProblem problem_;

 private:
  Sum AddRow(Sum sum, const GemmBlock& block, size_t i, const std::byte* column) const;

  const size_t lhs_element_bytes_, output_element_bytes_;
};

}  // namespace switchyard::reference
