// qp8_f32_qc8w and pqs8_qc8w. Rows are packed: quantized (qc8w) or gathered (pqs8), as int16 for
// AVX2, as uint8 for VNNI and AMX.

#include <algorithm>
#include <cstring>

#include "kernels/avx2/avx2.h"
#include "kernels/x86/panels.h"
#include "kernels/x86/quantized_row.h"
#include "kernels/x86/x86.h"
#include "runtime/base/checked_math.h"

namespace switchyard::x86 {
namespace {

// uint8 elements are so much more than their values.
constexpr int kU8Offset = 128;

class Int8Gemm : public PackedGemm {
 public:
  Int8Gemm(const Int8Functions& functions, const KernelRow& row, const GemmProblem& problem)
      : PackedGemm(PackedLayout(row, problem, 0)),
        problem_(problem),
        functions_(functions),
        task_bytes_(row.task_bytes),
        has_s16_rows_(row.lhs_vector.element_bits == 16),
        kr_(row.kr),
        depth_(PaddedDepth(row, problem)) {}

  void PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const override {
    auto* to = static_cast<std::byte*>(packed);
    const size_t panel_bytes = layout_.RhsOffset(kPanelColumns);
    for (size_t j = 0; j < n; j += kPanelColumns, to += panel_bytes) {
      const size_t columns = std::min(kPanelColumns, n - j);
      int32_t sums[kPanelColumns] = {};
      const size_t elements_bytes = depth() * kPanelColumns;
      PackElements(source, n0 + j, columns, sums, to + panel_bytes - elements_bytes);
      PackHeader(source, n0 + j, columns, sums, to);
    }
  }

  void BeginTask(std::byte* scratch) const override {
    if (functions_.begin_task != nullptr) functions_.begin_task(scratch);
  }
  void EndTask(std::byte* scratch) const override {
    if (functions_.end_task != nullptr) functions_.end_task(scratch);
  }

  void Gemm(const GemmBlock& block, const OutputStage& stage) const override {
    const auto& packed = std::get<PackedRows>(block.lhs);
    IntegerStrip strip = StripOf(block, stage);
    ForEachStrip(block.m, layout_.m_step(), [&](size_t first, size_t rows) {
      strip.m = rows;
      strip.rows = packed.data + layout_.LhsOffset(first);
      strip.out = block.out + first * block.out_stride;
      const bool takes_any = functions_.any_strip != nullptr;
      (takes_any ? functions_.any_strip : functions_.strips[rows - 1])(strip);
    });
  }

  void Gemv(const GemmBlock& block, const OutputStage& stage) const override {
    IntegerStrip strip = StripOf(block, stage);
    strip.m = 1;
    strip.rows = std::get<PackedRows>(block.lhs).data;
    strip.out = block.out;
    functions_.gemv(strip);
  }

 protected:
  // Elements of a packed row.
  size_t depth() const { return depth_; }
  // What packing may use of a task's scratch memory.
  std::byte* PackScratch(std::byte* scratch) const { return scratch + task_bytes_; }
  size_t element_bytes() const { return has_s16_rows_ ? sizeof(int16_t) : 1; }

  // Of columns [n0, n0 + n); the panel has kPanelColumns.
  virtual void PackHeader(const RhsSource& source, size_t n0, size_t n, const int32_t* sums,
                          std::byte* to) const = 0;
  virtual void SetStage(const OutputStage& stage, IntegerStrip& strip) const = 0;

  const GemmProblem problem_;
  const Int8Functions functions_;
  const size_t task_bytes_;
  const bool has_s16_rows_;
  const size_t kr_, depth_;

 private:
  static size_t PaddedDepth(const KernelRow& row, const GemmProblem& problem) {
    const size_t multiple = std::max(row.kr, row.lhs_vector.depth_multiple);
    return CeilDivide(problem.k, multiple) * multiple;
  }

  IntegerStrip StripOf(const GemmBlock& block, const OutputStage& stage) const {
    IntegerStrip strip;
    strip.panels = block.rhs + layout_.RhsOffset(block.n0);
    strip.panel_bytes = layout_.RhsOffset(kPanelColumns);
    strip.n = block.n;
    strip.out_stride = block.out_stride;
    strip.row_bytes = layout_.lhs_row_bytes();
    strip.depth = depth();
    strip.scratch = block.scratch;
    SetStage(stage, strip);
    return strip;
  }

  void PackElements(const RhsSource& source, size_t n0, size_t n, int32_t* sums,
                    std::byte* to) const {
    const auto* const weights = static_cast<const int8_t*>(source.weights);
    if (problem_.rhs_is_kxn) {
      PackRowMajor(weights + n0, n, sums, to);
      return;
    }
    const size_t units = problem_.k / kr_, rest = problem_.k % kr_;
    const std::byte* columns[kPanelColumns];
    for (size_t j = 0; j < n; ++j) {
      const int8_t* const column = weights + (n0 + j) * problem_.k;
      int32_t sum = 0;
      for (size_t k = 0; k < problem_.k; ++k) sum += column[k];
      sums[j] = sum;
      columns[j] = reinterpret_cast<const std::byte*>(column);
    }
    (kr_ == 2 ? Interleave16 : Interleave32)(columns, n, units, kPanelColumns, to);
    to += units * kr_ * kPanelColumns;
    std::memset(to, 0, (depth_ - units * kr_) * kPanelColumns);
    for (size_t j = 0; j < n && rest != 0; ++j) {
      std::memcpy(to + j * kr_, columns[j] + units * kr_, rest);
    }
  }

  // Weights [k, n], from their first column of the panel on.
  void PackRowMajor(const int8_t* weights, size_t n, int32_t* sums, std::byte* to) const {
    std::memset(to, 0, depth() * kPanelColumns);
    for (size_t k = 0; k < problem_.k; ++k) {
      std::byte* const unit = to + k / kr_ * kr_ * kPanelColumns + k % kr_;
      for (size_t j = 0; j < n; ++j) {
        const int8_t w = weights[k * problem_.n + j];
        unit[j * kr_] = static_cast<std::byte>(w);
        sums[j] += w;
      }
    }
  }
};

class Qc8wGemm final : public Int8Gemm {
 public:
  using Int8Gemm::Int8Gemm;

  void PackRows(const RawRows& rows, size_t m, std::byte* scratch,
                std::byte* packed) const override {
    for (size_t i = 0; i < m; ++i) {
      PackGemvRow(rows.base + i * rows.stride, scratch, packed + layout_.LhsOffset(i));
    }
  }

  void PackGemvRow(const std::byte* row, std::byte* scratch, std::byte* packed) const override {
    const RowToQuantize from = FindQuantization(problem_, row, PackScratch(scratch));
    if (has_s16_rows_) {
      avx2::QuantizeS16(from.x, problem_.k, from.by.s, from.by.zero_point,
                        reinterpret_cast<int16_t*>(packed));
    } else {
      avx2::QuantizeU8(from.x, problem_.k, from.by.s, from.by.zero_point,
                       reinterpret_cast<uint8_t*>(packed));
    }
    std::byte* const end = packed + depth() * element_bytes();
    std::fill(packed + problem_.k * element_bytes(), end, std::byte{0});
    const QuantizedRow quantized = from.Packed();
    std::memcpy(end, &quantized, sizeof(quantized));
  }

  void PackTaps(const Taps&, size_t, std::byte*, std::byte*) const override {}

 private:
  void PackHeader(const RhsSource& source, size_t n0, size_t n, const int32_t* sums,
                  std::byte* to) const override {
    float scales[kPanelColumns] = {}, bias[kPanelColumns] = {};
    std::copy_n(source.scales + n0, n, scales);
    if (source.bias != nullptr) std::copy_n(static_cast<const float*>(source.bias) + n0, n, bias);
    std::memcpy(to, sums, sizeof(scales));
    std::memcpy(to + sizeof(scales), scales, sizeof(scales));
    std::memcpy(to + 2 * sizeof(scales), bias, sizeof(bias));
  }

  void SetStage(const OutputStage& stage, IntegerStrip& strip) const override {
    strip.min = stage.min;
    strip.max = stage.max;
  }
};

class Pqs8Gemm final : public Int8Gemm {
 public:
  using Int8Gemm::Int8Gemm;

  void PackRows(const RawRows& rows, size_t m, std::byte* /*scratch*/,
                std::byte* packed) const override {
    for (size_t i = 0; i < m; ++i) {
      std::byte* const row = packed + layout_.LhsOffset(i);
      PackElements(rows.base + i * rows.stride, problem_.k, row);
      PadRow(row);
    }
  }
  void PackGemvRow(const std::byte*, std::byte*, std::byte*) const override {}

  void PackTaps(const Taps& taps, size_t m, std::byte* /*scratch*/,
                std::byte* packed) const override {
    const size_t channels = problem_.channels_per_tap;
    for (size_t i = 0; i < m; ++i) {
      std::byte* const row = packed + layout_.LhsOffset(i);
      taps.ForEachRun(i, channels, [&](const std::byte* from, size_t tap, size_t count) {
        std::byte* const to = row + tap * channels * element_bytes();
        if (from != nullptr) {
          PackElements(from, count * channels, to);
        } else {
          FillElements(static_cast<int8_t>(*taps.padding), count * channels, to);
        }
      });
      PadRow(row);
    }
  }

 private:
  void PackElements(const std::byte* from, size_t count, std::byte* to) const {
    const auto* const elements = reinterpret_cast<const int8_t*>(from);
    if (has_s16_rows_) {
      avx2::WidenS8(elements, count, reinterpret_cast<int16_t*>(to));
    } else {
      avx2::OffsetS8(elements, count, reinterpret_cast<uint8_t*>(to));
    }
  }
  void FillElements(int8_t value, size_t count, std::byte* to) const {
    if (has_s16_rows_) {
      std::fill_n(reinterpret_cast<int16_t*>(to), count, int16_t{value});
    } else {
      std::memset(to, value + kU8Offset, count);
    }
  }
  void PadRow(std::byte* row) const {
    std::fill(row + problem_.k * element_bytes(), row + depth() * element_bytes(), std::byte{0});
  }

  void PackHeader(const RhsSource& source, size_t n0, size_t n, const int32_t* sums,
                  std::byte* to) const override {
    const int32_t excess = source.lhs_zero_point + (has_s16_rows_ ? 0 : kU8Offset);
    int32_t starts[kPanelColumns] = {};
    float factors[kPanelColumns] = {};
    for (size_t j = 0; j < n; ++j) {
      const int32_t bias =
          source.bias == nullptr ? 0 : static_cast<const int32_t*>(source.bias)[n0 + j];
      // Of a damaged file the sum may wrap.
      starts[j] =
          static_cast<int32_t>(static_cast<uint32_t>(bias) -
                               static_cast<uint32_t>(excess) * static_cast<uint32_t>(sums[j]));
      factors[j] = source.scales[n0 + j];
    }
    std::memcpy(to, starts, sizeof(starts));
    std::memcpy(to + sizeof(starts), factors, sizeof(factors));
  }

  void SetStage(const OutputStage& stage, IntegerStrip& strip) const override {
    strip.min = static_cast<float>(stage.quantized_min - stage.quantized_zero_point);
    strip.max = static_cast<float>(stage.quantized_max - stage.quantized_zero_point);
    strip.zero_point = stage.quantized_zero_point;
  }
};

}  // namespace

std::unique_ptr<PackedGemm> MakeInt8Gemm(const Int8Functions& functions, const KernelRow& row,
                                         const GemmProblem& problem) {
  if (row.variant == Variant::kQp8F32Qc8w) {
    return std::make_unique<Qc8wGemm>(functions, row, problem);
  }
  return std::make_unique<Pqs8Gemm>(functions, row, problem);
}

}  // namespace switchyard::x86
