// qp8_f32_qb4w.

#include <algorithm>
#include <cstring>

#include "kernels/avx2/avx2.h"
#include "kernels/x86/panels.h"
#include "kernels/x86/quantized_row.h"
#include "kernels/x86/x86.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/float16.h"

namespace switchyard::x86 {
namespace {

// Of k that lie together in a panel.
constexpr size_t kNibbles = 8;

class Int4Gemm final : public PackedGemm {
 public:
  Int4Gemm(const IntegerStripFunction* strips, const KernelRow& row, const GemmProblem& problem)
      : PackedGemm(PackedLayout(row, problem, 0)),
        problem_(problem),
        strips_(strips),
        width_(row.nr.fixed) {}

  void PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const override {
    auto* to = static_cast<std::byte*>(packed);
    for (size_t j = 0; j < n; j += width_, to += layout_.RhsOffset(width_)) {
      PackPanel(source, n0 + j, std::min(width_, n - j), to);
    }
  }

  void PackRows(const RawRows& rows, size_t m, std::byte* scratch,
                std::byte* packed) const override {
    for (size_t i = 0; i < m; ++i) {
      PackGemvRow(rows.base + i * rows.stride, scratch, packed + layout_.LhsOffset(i));
    }
  }

  void PackGemvRow(const std::byte* row, std::byte* scratch, std::byte* packed) const override {
    const RowToQuantize from = FindQuantization(problem_, row, scratch);
    auto* const q = reinterpret_cast<int8_t*>(packed);
    avx2::QuantizeS8(from.x, problem_.k, from.by.s, from.by.zero_point, q);
    auto* const sums = reinterpret_cast<int32_t*>(packed + problem_.k);
    avx2::SumBlocks(q, problem_.k, sums);
    const QuantizedRow quantized = from.Packed();
    std::memcpy(sums + problem_.k / kSumDepth, &quantized, sizeof(quantized));
  }

  void PackTaps(const Taps&, size_t, std::byte*, std::byte*) const override {}

  void Gemm(const GemmBlock& block, const OutputStage& stage) const override {
    const auto& packed = std::get<PackedRows>(block.lhs);
    ForEachStrip(block.m, layout_.m_step(), [&](size_t first, size_t rows) {
      IntegerStrip strip;
      strip.panels = block.rhs + layout_.RhsOffset(block.n0);
      strip.panel_bytes = layout_.RhsOffset(width_);
      strip.n = block.n;
      strip.out = block.out + first * block.out_stride;
      strip.out_stride = block.out_stride;
      strip.rows = packed.data + layout_.LhsOffset(first);
      strip.row_bytes = layout_.lhs_row_bytes();
      strip.depth = problem_.k;
      strip.block_length = problem_.block_length;
      strip.min = stage.min;
      strip.max = stage.max;
      strips_[rows - 1](strip);
    });
  }

  void Gemv(const GemmBlock& block, const OutputStage& stage) const override { Gemm(block, stage); }

 private:
  void PackPanel(const RhsSource& source, size_t n0, size_t n, std::byte* to) const {
    const size_t blocks = problem_.k / problem_.block_length;
    const size_t block_bytes = problem_.block_length * width_ / 2;
    auto* const sums = reinterpret_cast<float*>(to);
    float* const bias = sums + width_;
    for (size_t j = 0; j < width_; ++j) {
      sums[j] = 0;
      bias[j] =
          source.bias != nullptr && j < n ? static_cast<const float*>(source.bias)[n0 + j] : 0;
    }
    std::byte* elements = to + 2 * width_ * sizeof(float);
    for (size_t block = 0; block < blocks; ++block) {
      std::byte* const scales = elements + block_bytes;
      for (size_t j = 0; j < width_; ++j) {
        const int32_t sum =
            PackColumn(source, n0 + j, block, j < n, elements + j * sizeof(int32_t));
        const uint16_t scale = j < n ? source.block_scales[(n0 + j) * blocks + block] : 0;
        std::memcpy(scales + j * sizeof(scale), &scale, sizeof(scale));
        sums[j] += F32FromBF16(scale) * static_cast<float>(sum);
      }
      elements = scales + width_ * sizeof(uint16_t);
    }
  }

  // One column of a block, of which the first nibbles go to `to`; a column that is not there is of
  // zeros. Returns the sum of its values.
  int32_t PackColumn(const RhsSource& source, size_t column, size_t block, bool exists,
                     std::byte* to) const {
    uint32_t sum = 0;
    for (size_t k = 0; k < problem_.block_length; k += kNibbles) {
      uint32_t nibbles = 0x88888888;
      if (exists) nibbles = NibblesAt(source, column, block * problem_.block_length + k);
      const uint32_t spread = SpreadNibbles(nibbles);
      std::memcpy(to + k * width_ / 2, &spread, sizeof(spread));
      sum += ((spread & 0x0F0F0F0F) + (spread >> 4 & 0x0F0F0F0F)) * 0x01010101 >> 24;
    }
    return static_cast<int32_t>(sum) - static_cast<int32_t>(8 * problem_.block_length);
  }

  uint32_t NibblesAt(const RhsSource& source, size_t column, size_t k) const {
    const auto* const weights = static_cast<const uint8_t*>(source.weights);
    uint32_t nibbles = 0;
    if (!problem_.rhs_is_kxn) {
      std::memcpy(&nibbles, weights + (column * problem_.k + k) / 2, sizeof(nibbles));
      return nibbles;
    }
    const size_t row_bytes = CeilDivide<size_t>(problem_.n, 2);
    for (size_t i = 0; i < kNibbles; ++i) {
      const uint32_t pair = weights[(k + i) * row_bytes + column / 2];
      nibbles |= (pair >> column % 2 * 4 & 0xF) << i * 4;
    }
    return nibbles;
  }

  const GemmProblem problem_;
  const IntegerStripFunction* const strips_;
  const size_t width_;  // columns of a panel
};

}  // namespace

std::unique_ptr<PackedGemm> MakeInt4Gemm(const IntegerStripFunction* strips, const KernelRow& row,
                                         const GemmProblem& problem) {
  return std::make_unique<Int4Gemm>(strips, row, problem);
}

}  // namespace switchyard::x86
