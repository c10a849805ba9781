// The functions of a kernel row, behind one interface: packing and running, block by block. What
// the steps of a plan call; the only way from the table to code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <variant>

#include "kernels/cpu/features.h"
#include "kernels/gemm/layout.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"
#include "kernels/gemm/taps.h"

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

// Rows of activations as they lie in memory, `stride` bytes apart.
struct RawRows {
  const std::byte* base = nullptr;
  size_t stride = 0;
};
// Rows in the row's layout (or, of a GEMV, its single row).
struct PackedRows {
  const std::byte* data = nullptr;
};
// Each from the block's first row on. Of a row with LhsForm::kPacked packed rows; of one with kRaw
// raw rows, of a Conv2d taps.
using Lhs = std::variant<PackedRows, RawRows, Taps>;

// Of an element of GemmBlock::sums.
inline constexpr size_t kSumBytes = 4;

// A block of the product, or of one piece of its sums.
struct GemmBlock {
  Lhs lhs;
  const std::byte* rhs = nullptr;  // packed, the whole
  size_t m = 0;                    // 1 for a GEMV
  size_t n0 = 0, n = 0;            // columns [n0, n0 + n)
  size_t k0 = 0, k = 0;            // depths [k0, k0 + k): all, unless the row has a k_block
  std::byte* out = nullptr;        // the block's first element
  size_t out_stride = 0;           // bytes between rows; not used by a GEMV
  // Of a sum in several pieces: what the pieces before have added up, m x n of kSumBytes each, rows
  // sums_stride bytes apart. Not read by the first piece, not written by the last. May be `out`.
  std::byte* sums = nullptr;
  size_t sums_stride = 0;
  std::byte* scratch = nullptr;  // of the task
};

// One problem on one row, for one CPU: m of the problem is only a bound, n and k (block length,
// taps) are what every call is for. Immutable; every function may be called from many threads on
// different blocks. m0 and n0 are multiples of the layout's steps; m and n are so too, or reach the
// end of the matrix, and are at least 1. Buffers are aligned to 4 bytes, better to 64; none may
// overlap another. Nothing is checked here: Select() and the rules did.
class PackedGemm {
 public:
  virtual ~PackedGemm() = default;

  const PackedLayout& layout() const { return layout_; }

  // Packs columns [n0, n0 + n) to `packed`, where column n0 starts. Slices may be packed at the
  // same time.
  virtual void PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const = 0;

  // Packs (and for qp8 quantizes) `m` rows, or the single row of a GEMV, or of a Conv2d the taps of
  // `m` rows, to `packed`: where the first of them starts. `scratch` is the task's.
  virtual void PackRows(const RawRows& rows, size_t m, std::byte* scratch,
                        std::byte* packed) const = 0;
  virtual void PackGemvRow(const std::byte* row, std::byte* scratch, std::byte* packed) const = 0;
  virtual void PackTaps(const Taps& taps, size_t m, std::byte* scratch,
                        std::byte* packed) const = 0;

  // A task calls these before its first and after its last block, on the thread that runs it.
  virtual void BeginTask(std::byte* /*scratch*/) const {}
  virtual void EndTask(std::byte* /*scratch*/) const {}

  virtual void Gemm(const GemmBlock& block, const OutputStage& stage) const = 0;
  // One row; n0 a multiple of gemv_n_step.
  virtual void Gemv(const GemmBlock& block, const OutputStage& stage) const = 0;

 protected:
  explicit PackedGemm(const PackedLayout& layout) : layout_(layout) {}

  const PackedLayout layout_;
};

// For a problem that Select() gave to `row`, on the CPU that runs it. Null where the row's
// provider is not built for this machine, and where `cpu` lacks a feature of the row: an object is
// also the proof that its functions may be called.
std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& row, const GemmProblem& problem,
                                           const CpuFeatures& cpu);

// The provider's version: another one may pack other bytes. Empty where it is not built.
std::string_view PackerVersion(const KernelRow& row);

}  // namespace switchyard
