// Where packed rows and columns lie, from a row of the kernel table and a problem alone: without a
// kernel, and so for every CPU on every host.
#pragma once

#include <cstddef>

#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"

namespace switchyard {

// Sizes and offsets in bytes; SIZE_MAX where they are more than can be addressed.
class PackedLayout {
 public:
  // `vl` is that of Extent::At.
  PackedLayout(const KernelRow& row, const GemmProblem& problem, size_t vl);

  size_t m_step() const { return m_step_; }            // of the GEMM
  size_t n_step() const { return n_step_; }            // of the GEMM and of packing columns
  size_t gemv_n_step() const { return gemv_n_step_; }  // 0: no GEMV; a single row is a GEMM
  bool UsesGemv(size_t m) const { return m == 1 && gemv_n_step_ != 0; }

  // Of `m` packed rows of the GEMM, and where row m0, a multiple of m_step, starts. The single row
  // of a GEMV has no others beside it: lhs_row_bytes.
  size_t LhsBytes(size_t m) const;
  size_t LhsOffset(size_t m0) const { return m0 * lhs_row_bytes_; }
  size_t lhs_row_bytes() const { return lhs_row_bytes_; }

  // Scratch memory of a task that packs or multiplies at most `m` rows at a time. Packing taps
  // that are not dense wants a table of pointers, as large as Taps::FillPointers makes it; reading
  // them in place one of m_step rows; quantizing f16 its rows in f32.
  size_t TaskScratchBytes(size_t m) const;

  // Of all packed columns, and where column n0, a multiple of n_step, starts.
  size_t RhsBytes() const { return rhs_bytes_; }
  size_t RhsOffset(size_t n0) const { return n0 * rhs_column_bytes_; }
  size_t rhs_column_bytes() const { return rhs_column_bytes_; }

 private:
  size_t m_step_, n_step_, gemv_n_step_ = 0;
  size_t mr_;
  size_t tap_pointer_bytes_ = 0;  // of a row
  bool reads_raw_taps_ = false;
  size_t wide_row_bytes_ = 0;  // of a row in f32, where it is packed from f16
  size_t task_bytes_;
  size_t lhs_row_bytes_, rhs_column_bytes_, rhs_bytes_;
};

}  // namespace switchyard
