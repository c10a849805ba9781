// pf32 and pf16: rows and taps as they lie in memory. Those of pf16, and taps of few channels, are
// copied for each strip, as f32 side by side.

#include <algorithm>
#include <cstring>

#include "kernels/avx2/avx2.h"
#include "kernels/x86/panels.h"
#include "kernels/x86/x86.h"
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
    if (const auto* taps = std::get_if<Taps>(&block.lhs)) {
      Taps strip = *taps;
      strip.first_row += first;
      // Behind the copied rows.
      auto** const tap_pointers =
          reinterpret_cast<const void**>(block.scratch + copied_rows_bytes_);
      strip.FillPointers(rows, rows, tap_pointers);
      const size_t channels = problem_.channels_per_tap, skipped = block.k0 % channels;
      const void** const stretches = tap_pointers + block.k0 / channels * rows;
      for (size_t i = 0; i < rows; ++i) {
        stretches[i] = static_cast<const Bits*>(stretches[i]) + skipped;
      }
      const Stretches tapped = {stretches, std::min(channels - skipped, block.k), channels};
      return kIsF32 && channels >= kMinStretch ? tapped : Copied(block, tapped, rows, pointers);
    }
    const auto& raw = std::get<RawRows>(block.lhs);
    for (size_t i = 0; i < rows; ++i) {
      pointers[i] = raw.base + (first + i) * raw.stride + block.k0 * sizeof(Bits);
    }
    const Stretches whole = {pointers, block.k, block.k};
    return kIsF32 ? whole : Copied(block, whole, rows, pointers);
  }

  Stretches Copied(const GemmBlock& block, const Stretches& from, size_t rows,
                   const void** pointers) const {
    auto* const to = reinterpret_cast<float*>(block.scratch);
    for (size_t i = 0; i < rows; ++i) {
      float* row = to + i * block.k;
      const void* const* at = from.rows + i;
      for (size_t k = 0, count = from.first_count; k < block.k; at += rows) {
        const auto* elements = static_cast<const Bits*>(*at);
        // Taps beside each other are often so in memory too.
        size_t next = std::min(from.count, block.k - k - count);
        while (next != 0 && at[rows] == elements + count) {
          at += rows;
          count += next;
          next = std::min(from.count, block.k - k - count);
        }
        if constexpr (kIsF32) {
          std::memcpy(row + k, elements, count * sizeof(float));
        } else {
          avx2::WidenF16(elements, count, row + k);
        }
        k += count;
        count = next;
      }
    }
    for (size_t i = 0; i < rows; ++i) pointers[i] = to + i * block.k;
    return {pointers, block.k, block.k};
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
