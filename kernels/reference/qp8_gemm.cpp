// qp8_f32_qc8w and qp8_f32_qb4w: rows quantized to int8 as they are packed, x about (q - zp) * r.
//
//   lo = min(0, min x), hi = max(0, max x), s = 255 / (hi - lo), or 1 where that is infinite; r = 1
//   / s zp = rint(clamp((-128 + lo * s) + (127 + hi * s) > 0 ? -128 - lo * s : 127 - hi * s)) q =
//   clamp(rint(x * s) + zp)
//
// Every operation is rounded to f32 by itself. The products:
//
//   qc8w: y = clamp(float(sum of q * w - zp * sum of w) * (r * sw) + b), the sums exact
//   qb4w: y = clamp(r * (sum over blocks of sb * (sum of q * w - zp * sum of w)) + b), the sums in
//         a block exact, those over blocks in f32 in the order of k

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/reference/reference.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/float16.h"

namespace switchyard::reference {
namespace {

// What a row has behind its elements.
struct Row {
  int32_t negative_zero_point;
  float scale;  // r
};

constexpr size_t DepthBytes(size_t k) { return CeilDivide<size_t>(k, 32) * 32; }

class Qp8Gemm : public ReferenceGemm {
 protected:
  Qp8Gemm(const KernelRow& row, const GemmProblem& problem, size_t column_bytes)
      : ReferenceGemm(row, problem, DepthBytes(problem.k) + sizeof(Row), column_bytes) {}

  Row RowOf(const void* packed) const {
    Row row;
    std::memcpy(&row, static_cast<const std::byte*>(packed) + DepthBytes(problem_.k), sizeof(row));
    return row;
  }

  static void Clamp(float value, const OutputStage& stage, void* out) {
    *static_cast<float*>(out) = std::min(std::max(value, stage.min), stage.max);
  }

 private:
  void PackRow(const void* row, void* packed) const override {
    float low = 0, high = 0;
    for (size_t k = 0; k < problem_.k; ++k) {
      low = std::min(low, At(row, k));
      high = std::max(high, At(row, k));
    }
    float s = high == low ? 1.0f : 255.0f / (high - low);
    // A range too small to be divided by is as good as none.
    if (std::isinf(s)) s = 1.0f;
    const float scaled_low = low * s, scaled_high = high * s;
    const bool from_below = (-128.0f + scaled_low) + (127.0f + scaled_high) > 0;
    const float zero_point = from_below ? -128.0f - scaled_low : 127.0f - scaled_high;
    // A range that overflows has s = 0 and NaNs; the row then is bias only.
    const float clamped = s == 0 ? 0 : std::nearbyint(std::clamp(zero_point, -128.0f, 127.0f));
    const Row quantization{-static_cast<int32_t>(clamped), s == 0 ? 0 : 1.0f / s};
    auto* elements = static_cast<int8_t*>(packed);
    for (size_t k = 0; k < problem_.k; ++k) {
      const float q = std::nearbyint(At(row, k) * s) + clamped;
      // Not clamp: a NaN becomes the lowest number.
      elements[k] = static_cast<int8_t>(std::min(std::max(-128.0f, q), 127.0f));
    }
    std::memcpy(elements + DepthBytes(problem_.k), &quantization, sizeof(quantization));
  }

  float At(const void* row, size_t k) const {
    if (problem_.lhs_type == DataType::kF32) return static_cast<const float*>(row)[k];
    return F32FromF16(static_cast<const uint16_t*>(row)[k]);
  }
};

class Qc8wGemm final : public Qp8Gemm {
  // What a column has behind its elements.
  struct Column {
    int64_t sum;  // of w
    float scale, bias;
  };

 public:
  Qc8wGemm(const KernelRow& row, const GemmProblem& problem)
      : Qp8Gemm(row, problem, DepthBytes(problem.k) + sizeof(Column)) {}

 private:
  void PackColumn(const RhsSource& source, size_t n, void* packed) const override {
    const auto* weights = static_cast<const int8_t*>(source.weights);
    auto* elements = static_cast<int8_t*>(packed);
    Column column{0, source.scales[n], 0};
    if (source.bias != nullptr) column.bias = static_cast<const float*>(source.bias)[n];
    for (size_t k = 0; k < problem_.k; ++k) {
      elements[k] = weights[WeightIndex(n, k)];
      column.sum += elements[k];
    }
    std::memcpy(elements + DepthBytes(problem_.k), &column, sizeof(column));
  }

  void Multiply(const void* packed_row, const void* packed_column, const OutputStage& stage,
                void* out) const override {
    const auto* q = static_cast<const int8_t*>(packed_row);
    const auto* w = static_cast<const int8_t*>(packed_column);
    const Row row = RowOf(packed_row);
    Column column;
    std::memcpy(&column, w + DepthBytes(problem_.k), sizeof(column));
    int64_t sum = row.negative_zero_point * column.sum;
    for (size_t k = 0; k < problem_.k; ++k) sum += int64_t{q[k]} * w[k];
    Clamp(static_cast<float>(sum) * (row.scale * column.scale) + column.bias, stage, out);
  }
};

class Qb4wGemm final : public Qp8Gemm {
 public:
  // A column is its nibbles as they come (value + 8, the even k low), the scales of its blocks in
  // f32, and its bias.
  Qb4wGemm(const KernelRow& row, const GemmProblem& problem)
      : Qp8Gemm(row, problem,
                problem.k / 2 + (problem.k / problem.block_length + 1) * sizeof(float)) {}

 private:
  static int Nibble(const uint8_t* nibbles, size_t i) {
    return (nibbles[i / 2] >> (i % 2 * 4) & 0xF) - 8;
  }

  void PackColumn(const RhsSource& source, size_t n, void* packed) const override {
    // Rows of the weights are padded to whole bytes; k is even.
    const auto* weights = static_cast<const uint8_t*>(source.weights);
    const size_t columns = CeilDivide<size_t>(problem_.n, 2) * 2;
    auto* nibbles = static_cast<uint8_t*>(packed);
    for (size_t k = 0; k < problem_.k; k += 2) {
      const auto at = [&](size_t i) {
        return Nibble(weights, problem_.rhs_is_kxn ? i * columns + n : n * problem_.k + i) + 8;
      };
      nibbles[k / 2] = static_cast<uint8_t>(at(k) | at(k + 1) << 4);
    }
    const size_t blocks = problem_.k / problem_.block_length;
    float* scales = reinterpret_cast<float*>(nibbles + problem_.k / 2);
    for (size_t b = 0; b < blocks; ++b) {
      scales[b] = F32FromBF16(source.block_scales[n * blocks + b]);
    }
    scales[blocks] = source.bias == nullptr ? 0 : static_cast<const float*>(source.bias)[n];
  }

  void Multiply(const void* packed_row, const void* packed_column, const OutputStage& stage,
                void* out) const override {
    const auto* q = static_cast<const int8_t*>(packed_row);
    const auto* nibbles = static_cast<const uint8_t*>(packed_column);
    const auto* scales = reinterpret_cast<const float*>(nibbles + problem_.k / 2);
    const Row row = RowOf(packed_row);
    const size_t blocks = problem_.k / problem_.block_length;
    float sum = 0;
    for (size_t b = 0; b < blocks; ++b) {
      int64_t dot = 0;
      for (size_t i = 0; i < problem_.block_length; ++i) {
        const size_t k = b * problem_.block_length + i;
        dot += (int64_t{q[k]} + row.negative_zero_point) * Nibble(nibbles, k);
      }
      sum += static_cast<float>(dot) * scales[b];
    }
    Clamp(sum * row.scale + scales[blocks], stage, out);
  }
};

}  // namespace

std::unique_ptr<PackedGemm> MakeQp8Gemm(const KernelRow& row, const GemmProblem& problem) {
  if (row.variant == Variant::kQp8F32Qc8w) return std::make_unique<Qc8wGemm>(row, problem);
  return std::make_unique<Qb4wGemm>(row, problem);
}

}  // namespace switchyard::reference
