// pf32 and pf16: the same calls on elements of another size.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"

namespace switchyard::kleidiai {

// The functions of one row, and nothing of another CPU's. All have SME; `min` and `max` are floats
// for both element types. A row for single rows has only `pack_rhs_kxn` and `gemv`.
struct FloatFunctions {
  std::string_view row;
  void (*pack_lhs)(size_t m, size_t k, size_t mr, size_t kr, size_t sr, size_t m_idx_start,
                   const void* lhs, size_t lhs_stride, void* lhs_packed) = nullptr;
  void (*pack_lhs_indirect)(size_t m, size_t taps, size_t channels, const void* const* pointers,
                            size_t offset, const void* padding, void* lhs_packed) = nullptr;
  using PackRhs = void(size_t groups, size_t n, size_t k, size_t nr, size_t kr, size_t sr,
                       size_t rhs_stride, const void* rhs, const void* bias, const void* scale,
                       void* rhs_packed, size_t extra_bytes, const void* params);
  PackRhs* pack_rhs_nxk = nullptr;  // null: there is none
  PackRhs* pack_rhs_kxn;
  void (*pack_rhs_indirect)(size_t n, size_t taps, size_t channels, size_t rhs_stride,
                            const void* rhs, const void* bias, void* rhs_packed) = nullptr;
  void (*gemm)(size_t m, size_t n, size_t k, const void* lhs_packed, const void* rhs_packed,
               void* out, size_t out_stride, size_t element_bytes, float min, float max) = nullptr;
  void (*gemv)(size_t m, size_t n, size_t k, const void* lhs, size_t lhs_stride,
               const void* rhs_packed, void* out, size_t out_stride, size_t element_bytes,
               float min, float max);
  void (*imatmul)(size_t m, size_t n, size_t taps, size_t channels, const void* lhs_packed,
                  const void* rhs_packed, void* out, size_t out_stride, float min,
                  float max) = nullptr;
};

// `element` is kF32 or kF16. Null if `table` has no such row.
std::unique_ptr<PackedGemm> MakeFloatGemm(std::span<const FloatFunctions> table, DataType element,
                                          const KernelRow& kernel, const GemmProblem& problem,
                                          size_t vl);

}  // namespace switchyard::kleidiai
