// pf32 and pf16: rows and taps as they lie in memory. Those of pf16, and taps of few channels, are
// copied for each strip, as f32 side by side.

#include <algorithm>
#include <cstring>

#include "kernels/avx2/avx2.h"
#include "kernels/x86/panels.h"
#include "kernels/x86/x86.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/float16.h"

namespace switchyard::x86 {
namespace {

// Below this many channels the copy costs less than changing rows at each tap: about 15 cycles
// for each tap of a tile, against a cycle and a half for each element of a strip.
constexpr size_t kMinStretch = 32;

template <typename Element>
class FloatGemm final : public PackedGemm {
  using Bits = typename Element::Bits;

 public:
  FloatGemm(const FloatFunctions& functions, const KernelRow& row, const GemmProblem& problem)
      : PackedGemm(PackedLayout(row, problem, 0)),
        functions_(functions),
        problem_(problem),
        copied_rows_bytes_(row.task_bytes) {}

  void PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const override {
    auto* to = static_cast<std::byte*>(packed);
    const size_t panel_bytes = layout_.RhsOffset(kPanelColumns);
    for (size_t j = 0; j < n; j += kPanelColumns, to += panel_bytes) {
      PackPanel(source, n0 + j, std::min(kPanelColumns, n - j), to);
    }
  }

  // Rows are raw.
  void PackRows(const RawRows&, size_t, std::byte*, std::byte*) const override {}
  void PackGemvRow(const std::byte*, std::byte*, std::byte*) const override {}
  void PackTaps(const Taps&, size_t, std::byte*, std::byte*) const override {}

  void Gemm(const GemmBlock& block, const OutputStage& stage) const override {
    FloatStrip strip = StripOf(block, stage);
    const bool is_last = block.k0 + block.k == problem_.k;
    strip.sums_stride = block.sums_stride;
    ForEachStrip(block.m, layout_.m_step(), [&](size_t first, size_t rows) {
      const void* pointers[kMaxStripRows];
      const Stretches stretches = RowsOf(block, first, rows, pointers);
      strip.rows = stretches.rows;
      strip.row_step = rows;
      strip.first_count = stretches.first_count;
      strip.count = stretches.count;
      std::byte* const sums = block.sums + first * block.sums_stride;
      strip.sums_in = block.k0 == 0 ? nullptr : sums;
      strip.sums_out = is_last ? nullptr : sums;
      strip.out = block.out + first * block.out_stride;
      functions_.strips[rows - 1](strip);
    });
  }

  void Gemv(const GemmBlock& block, const OutputStage& stage) const override {
    FloatStrip strip = StripOf(block, stage);
    const void* const row = std::get<RawRows>(block.lhs).base;
    strip.rows = &row;
    strip.out = block.out;
    functions_.gemv(strip);
  }

 private:
  static constexpr bool kIsF32 = sizeof(Bits) == sizeof(float);

  FloatStrip StripOf(const GemmBlock& block, const OutputStage& stage) const {
    FloatStrip strip;
    strip.panels = block.rhs + layout_.RhsOffset(block.n0);
    strip.panel_bytes = layout_.RhsOffset(kPanelColumns);
    strip.n = block.n;
    strip.out_stride = block.out_stride;
    strip.k0 = block.k0;
    strip.k = block.k;
    // Of a sum that is rounded afterwards.
    strip.min = Element::Load(Element::Store(stage.min));
    strip.max = Element::Load(Element::Store(stage.max));
    return strip;
  }

  struct Stretches {
    const void* const* rows;  // [stretches][rows of the strip]
    size_t first_count, count;
  };

  // Rows [first, first + rows) of the block, for its depths. `pointers` are the strip's, where each
  // row is one stretch.
  Stretches RowsOf(const GemmBlock& block, size_t first, size_t rows, const void** pointers) const {
    const auto* const taps = std::get_if<Taps>(&block.lhs);
    if (taps != nullptr && kIsF32 && problem_.channels_per_tap >= kMinStretch) {
      return TapsOf(block, *taps, first, rows);
    }
    if (taps == nullptr && kIsF32) {
      const auto& raw = std::get<RawRows>(block.lhs);
      for (size_t i = 0; i < rows; ++i) {
        pointers[i] = raw.base + (first + i) * raw.stride + block.k0 * sizeof(Bits);
      }
      return {pointers, block.k, block.k};
    }
    auto* const copies = reinterpret_cast<float*>(block.scratch);
    for (size_t i = 0; i < rows; ++i) {
      float* const copy = copies + i * block.k;
      pointers[i] = copy;
      if (taps != nullptr) {
        CopyTaps(block, *taps, first + i, copy);
      } else {
        const auto& raw = std::get<RawRows>(block.lhs);
        const std::byte* const row = raw.base + (first + i) * raw.stride;
        Copy(row + block.k0 * sizeof(Bits), block.k, copy);
      }
    }
    return {pointers, block.k, block.k};
  }

  // Taps where they are.
  Stretches TapsOf(const GemmBlock& block, Taps taps, size_t first, size_t rows) const {
    // Behind the copied rows.
    auto** const pointers = reinterpret_cast<const void**>(block.scratch + copied_rows_bytes_);
    taps.first_row += first;
    const size_t channels = problem_.channels_per_tap, skipped = block.k0 % channels;
    const size_t num_taps = CeilDivide(skipped + block.k, channels);
    taps.FillPointers(rows, rows, block.k0 / channels, num_taps, pointers);
    for (size_t i = 0; i < rows; ++i) {
      pointers[i] = static_cast<const Bits*>(pointers[i]) + skipped;
    }
    return {pointers, std::min(channels - skipped, block.k), channels};
  }

  void CopyTaps(const GemmBlock& block, const Taps& taps, size_t row, float* to) const {
    const size_t channels = problem_.channels_per_tap, end = block.k0 + block.k;
    taps.ForEachRun(row, channels * sizeof(Bits),
                    [&](const std::byte* from, size_t tap, size_t count) {
                      const size_t at = tap * channels;
                      const size_t low = std::max(at, block.k0);
                      const size_t high = std::min(at + count * channels, end);
                      if (low >= high) return;
                      for (size_t k = low; from == nullptr && k < high;) {
                        const size_t c = k % channels, some = std::min(channels - c, high - k);
                        Copy(taps.padding + c * sizeof(Bits), some, to + (k - block.k0));
                        k += some;
                      }
                      if (from != nullptr) {
                        Copy(from + (low - at) * sizeof(Bits), high - low, to + (low - block.k0));
                      }
                    });
  }

  static void Copy(const std::byte* from, size_t count, float* to) {
    if constexpr (kIsF32) {
      std::memcpy(to, from, count * sizeof(float));
    } else {
      avx2::WidenF16(reinterpret_cast<const uint16_t*>(from), count, to);
    }
  }

  void PackPanel(const RhsSource& source, size_t n0, size_t n, std::byte* to) const {
    auto* const bias = reinterpret_cast<float*>(to);
    const auto* const given = static_cast<const Bits*>(source.bias);
    for (size_t j = 0; j < kPanelColumns; ++j) {
      bias[j] = given != nullptr && j < n ? Element::Load(given[n0 + j]) : 0;
    }
    std::byte* const elements = to + kPanelColumns * sizeof(float);
    if (ElementBits(problem_.rhs_type) != sizeof(Bits) * 8) {
      ConvertPanel(source, n0, n, reinterpret_cast<Bits*>(elements));
      return;
    }
    const auto* const weights = static_cast<const std::byte*>(source.weights);
    if (problem_.rhs_is_kxn) {
      for (size_t k = 0; k < problem_.k; ++k) {
        std::byte* const row = elements + k * kPanelColumns * sizeof(Bits);
        std::memcpy(row, weights + (k * problem_.n + n0) * sizeof(Bits), n * sizeof(Bits));
        std::memset(row + n * sizeof(Bits), 0, (kPanelColumns - n) * sizeof(Bits));
      }
      return;
    }
    const std::byte* columns[kPanelColumns];
    for (size_t j = 0; j < n; ++j) columns[j] = weights + (n0 + j) * problem_.k * sizeof(Bits);
    (kIsF32 ? Interleave32 : Interleave16)(columns, n, problem_.k, kPanelColumns, elements);
  }

  // Weights of the other float type.
  void ConvertPanel(const RhsSource& source, size_t n0, size_t n, Bits* elements) const {
    for (size_t k = 0; k < problem_.k; ++k) {
      for (size_t j = 0; j < kPanelColumns; ++j) {
        const size_t at = problem_.rhs_is_kxn ? k * problem_.n + n0 + j : (n0 + j) * problem_.k + k;
        float value = 0;
        if (j < n) {
          value = problem_.rhs_type == DataType::kF32
                      ? static_cast<const float*>(source.weights)[at]
                      : F32FromF16(static_cast<const uint16_t*>(source.weights)[at]);
        }
        elements[k * kPanelColumns + j] = Element::Store(value);
      }
    }
  }

  const FloatFunctions functions_;
  const GemmProblem problem_;
  const size_t copied_rows_bytes_;
};

}  // namespace

std::unique_ptr<PackedGemm> MakeFloatGemm(const FloatFunctions& functions, const KernelRow& row,
                                          const GemmProblem& problem) {
  if (row.variant == Variant::kPf32) {
    return std::make_unique<FloatGemm<F32Elements>>(functions, row, problem);
  }
  return std::make_unique<FloatGemm<F16Elements>>(functions, row, problem);
}

}  // namespace switchyard::x86
