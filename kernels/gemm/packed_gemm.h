// The functions of a kernel row, behind one interface: packing and running, in tiles. What the
// steps of a plan call; the only way from the table to code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>

#include "kernels/cpu/features.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"

namespace switchyard {

// Weights as they come from a payload. Pointers may be null where the variant has no such thing.
struct RhsSource {
  // Dense, of type GemmProblem::rhs_type: [k, n] if rhs_is_kxn, otherwise [n, k]. Of a Conv2d k
  // runs over taps, then channels. int4: value + 8 in a nibble, the even index of the last
  // dimension low, rows padded to bytes. float weights of the other size than the variant's are
  // converted.
  const void* weights = nullptr;
  const void* bias = nullptr;  // n, in the kernel's type: f32, f16 (pf16), int32 (pqs8); null: none
  // qc8w: n scales of the weights; pqs8: n factors from the integer sums to the output,
  // lhs scale * weight scale / output scale.
  const float* scales = nullptr;
  const uint16_t* block_scales = nullptr;  // qb4w: bf16, [n][k / block_length]
  int32_t lhs_zero_point = 0;              // pqs8
};

// What happens to the sums on the way out.
struct OutputStage {
  // Bounds of float outputs, infinite for none. pf16 rounds them to f16.
  float min = -std::numeric_limits<float>::infinity();
  float max = std::numeric_limits<float>::infinity();
  // Bounds and zero point of int8 outputs; the bounds are quantized values.
  int32_t quantized_min = -128;
  int32_t quantized_max = 127;
  int32_t quantized_zero_point = 0;
};

// One problem on one row, for one CPU: m of the problem is only a bound, n and k (block length,
// taps) are what every call is for. Immutable; every function may be called from many threads on
// different tiles. Sizes and offsets are in bytes. m0 and n0 are multiples of the steps; m and n
// are so too, or reach the end of the matrix, and are at least 1. Buffers are aligned to 4 bytes,
// better to 64; none may overlap another. Nothing is checked here: Select() and the rules did.
//
// A Conv2d runs through PackLhsIndirect and has no GEMV.
class PackedGemm {
 public:
  virtual ~PackedGemm() = default;

  size_t m_step() const { return m_step_; }            // of the GEMM
  size_t n_step() const { return n_step_; }            // of the GEMM and of PackRhs
  size_t gemv_n_step() const { return gemv_n_step_; }  // 0: no GEMV; a single row is a GEMM
  bool gemv_packs_lhs() const { return gemv_packs_lhs_; }

  // The right-hand side: bytes of the whole, and where column n0 starts in it.
  virtual size_t RhsBytes() const = 0;
  virtual size_t RhsOffset(size_t n0) const = 0;
  // Packs columns [n0, n0 + n) to `packed`, where column n0 starts. Slices may be packed at the
  // same time.
  virtual void PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const = 0;

  // The left-hand side of the GEMM: bytes of `m` packed rows, and where row m0 starts.
  virtual size_t LhsBytes(size_t m) const = 0;
  virtual size_t LhsOffset(size_t m0) const = 0;
  // Packs (and for qp8 quantizes) `m` rows of `lhs`, `lhs_stride` bytes apart, to `packed`: where
  // the first of them starts.
  virtual void PackLhs(const void* lhs, size_t lhs_stride, size_t m, void* packed) const = 0;
  // Indirect convolution: pixel i of tap t is channels_per_tap elements at pointers[...] + offset,
  // or at `padding` (zeros; the zero point for int8) where the pointer is `padding`, which is not
  // null. Layout of `pointers`: [ceil(m / m_step)][taps][m_step], rows from m on are not read.
  virtual void PackLhsIndirect(const void* const* pointers, size_t offset, const void* padding,
                               size_t m, void* packed) const = 0;
  // The row of a GEMV that takes it packed (gemv_packs_lhs), in a layout of its own.
  virtual size_t GemvLhsBytes() const = 0;
  virtual void PackGemvLhs(const void* lhs, void* packed) const = 0;

  // A tile: `lhs_packed` at its first row, `rhs_packed` the whole, columns [n0, n0 + n), `out` at
  // the tile's first element, rows `out_stride` bytes apart. `out` may hold intermediate sums until
  // the call returns.
  virtual void Gemm(const void* lhs_packed, const void* rhs_packed, size_t m, size_t n0, size_t n,
                    void* out, size_t out_stride, const OutputStage& stage) const = 0;
  // One row, packed or raw (gemv_packs_lhs); n0 a multiple of gemv_n_step.
  virtual void Gemv(const void* lhs, const void* rhs_packed, size_t n0, size_t n, void* out,
                    const OutputStage& stage) const = 0;

 protected:
  size_t m_step_ = 0, n_step_ = 0, gemv_n_step_ = 0;
  bool gemv_packs_lhs_ = false;
};

// For a problem that Select() gave to `kernel`, on the CPU that runs it. Null where the row's
// provider is not built for this machine, and where `cpu` lacks a feature of the row: an object is
// also the proof that its functions may be called.
std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& kernel, const GemmProblem& problem,
                                           const CpuFeatures& cpu);

// The provider's version: another one may pack other bytes. Empty where it is not built.
std::string_view PackerVersion(const KernelRow& kernel);

}  // namespace switchyard
