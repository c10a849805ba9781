// qp8_f32_qc8w and qp8_f32_qb4w: rows quantized to int8 as they are packed, x about (q - zp) * r.
//
//   lo = min(0, min x), hi = max(0, max x), which give s, zp and r (quantize_row.h)
//   q = clamp(rint(x * s) + zp)
//
// Every operation is rounded to f32 by itself. The products:
//
//   qc8w: y = clamp(float(sum of q * w - zp * sum of w) * (r * sw) + b), the sums exact
//   qb4w: y = clamp(r * (sum over blocks of sb * (sum of q * w - zp * sum of w)) + b), the sums in
//         a block exact, those over blocks in f32 in the order of k

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/gemm/quantize_row.h"
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
  using ReferenceGemm::ReferenceGemm;

  Row RowOf(const std::byte* packed) const {
    Row row;
    std::memcpy(&row, packed + DepthBytes(problem_.k), sizeof(row));
    return row;
  }

  static void Clamp(float value, const OutputStage& stage, std::byte* out) {
    *reinterpret_cast<float*>(out) = std::min(std::max(value, stage.min), stage.max);
  }

 private:
  void PackRow(const std::byte* row, std::byte* packed) const override {
    float low = 0, high = 0;
    for (size_t k = 0; k < problem_.k; ++k) {
      low = std::min(low, At(row, k));
      high = std::max(high, At(row, k));
    }
    const RowQuantization by = QuantizationOf(low, high);
    const Row quantization{-static_cast<int32_t>(by.zero_point), by.r};
    auto* elements = reinterpret_cast<int8_t*>(packed);
    for (size_t k = 0; k < problem_.k; ++k) {
      const float q = std::nearbyint(At(row, k) * by.s) + by.zero_point;
      // Not clamp: a NaN becomes the lowest number.
      elements[k] = static_cast<int8_t>(std::min(std::max(-128.0f, q), 127.0f));
    }
    std::memcpy(packed + DepthBytes(problem_.k), &quantization, sizeof(quantization));
  }

  float At(const std::byte* row, size_t k) const {
    if (problem_.lhs_type == DataType::kF32) return reinterpret_cast<const float*>(row)[k];
    return F32FromF16(reinterpret_cast<const uint16_t*>(row)[k]);
  }
};

class Qc8wGemm final : public Qp8Gemm {
  // What a column has behind its elements.
  struct Column {
    int32_t sum;  // of w
    float scale, bias;
    float unused;  // packed weights are compared by their bytes
  };

 public:
  Qc8wGemm(const KernelRow& row, const GemmProblem& problem) : Qp8Gemm(row, problem) {}

 private:
  void PackColumn(const RhsSource& source, size_t n, std::byte* packed) const override {
    const auto* weights = static_cast<const int8_t*>(source.weights);
    auto* elements = reinterpret_cast<int8_t*>(packed);
    Column column{0, source.scales[n], 0, 0};
    if (source.bias != nullptr) column.bias = static_cast<const float*>(source.bias)[n];
    for (size_t k = 0; k < problem_.k; ++k) {
      elements[k] = weights[WeightIndex(n, k)];
      column.sum += elements[k];
    }
    std::memcpy(packed + DepthBytes(problem_.k), &column, sizeof(column));
  }

  Sum Begin(const std::byte* /*column*/) const override { return {}; }

  Sum Add(Sum bytes, const std::byte* elements, const std::byte* column, size_t k0, size_t count,
          const std::byte* /*scratch*/) const override {
    const auto* q = reinterpret_cast<const int8_t*>(elements);
    const auto* w = reinterpret_cast<const int8_t*>(column) + k0;
    auto sum = std::bit_cast<uint32_t>(bytes);
    for (size_t k = 0; k < count; ++k) sum += static_cast<uint32_t>(q[k] * w[k]);
    return std::bit_cast<Sum>(sum);
  }

  void Store(Sum bytes, const std::byte* packed_row, const std::byte* packed_column,
             const OutputStage& stage, std::byte* out) const override {
    const Row row = RowOf(packed_row);
    Column column;
    std::memcpy(&column, packed_column + DepthBytes(problem_.k), sizeof(column));
    const int64_t sum =
        std::bit_cast<int32_t>(bytes) + int64_t{row.negative_zero_point} * column.sum;
    Clamp(static_cast<float>(sum) * (row.scale * column.scale) + column.bias, stage, out);
  }
};

// A column is its nibbles as they come (value + 8, the even k low), the scales of its blocks in
// f32, and its bias.
class Qb4wGemm final : public Qp8Gemm {
 public:
  Qb4wGemm(const KernelRow& row, const GemmProblem& problem) : Qp8Gemm(row, problem) {}

  // What a nibble stands for: a table that a task has while it lasts.
  void BeginTask(std::byte* scratch) const override {
    for (int nibble = 0; nibble < kNibbles; ++nibble) {
      reinterpret_cast<int8_t*>(scratch)[nibble] = static_cast<int8_t>(nibble - 8);
    }
  }
  void EndTask(std::byte* scratch) const override { std::fill_n(scratch, kNibbles, std::byte{0}); }

 private:
  static constexpr int kNibbles = 16;

  static unsigned Nibble(const std::byte* nibbles, size_t i) {
    return static_cast<unsigned>(nibbles[i / 2]) >> (i % 2 * 4) & 0xF;
  }
  const float* Scales(const std::byte* column) const {
    return reinterpret_cast<const float*>(column + problem_.k / 2);
  }
  size_t NumBlocks() const { return problem_.k / problem_.block_length; }

  void PackColumn(const RhsSource& source, size_t n, std::byte* packed) const override {
    // Rows of the weights are padded to whole bytes; k is even.
    const auto* weights = static_cast<const std::byte*>(source.weights);
    const size_t columns = CeilDivide<size_t>(problem_.n, 2) * 2;
    for (size_t k = 0; k < problem_.k; k += 2) {
      const auto at = [&](size_t i) {
        return Nibble(weights, problem_.rhs_is_kxn ? i * columns + n : n * problem_.k + i);
      };
      packed[k / 2] = static_cast<std::byte>(at(k) | at(k + 1) << 4);
    }
    const size_t blocks = NumBlocks();
    auto* scales = reinterpret_cast<float*>(packed + problem_.k / 2);
    for (size_t b = 0; b < blocks; ++b) {
      scales[b] = F32FromBF16(source.block_scales[n * blocks + b]);
    }
    scales[blocks] = source.bias == nullptr ? 0 : static_cast<const float*>(source.bias)[n];
  }

  Sum Begin(const std::byte* /*column*/) const override { return {}; }

  // Whole rows: `elements` is the packed row.
  Sum Add(Sum /*sum*/, const std::byte* elements, const std::byte* column, size_t /*k*/,
          size_t /*count*/, const std::byte* scratch) const override {
    const auto* q = reinterpret_cast<const int8_t*>(elements);
    const auto* values = reinterpret_cast<const int8_t*>(scratch);
    const int32_t negative_zero_point = RowOf(elements).negative_zero_point;
    float sum = 0;
    for (size_t b = 0; b < NumBlocks(); ++b) {
      int64_t dot = 0;
      for (size_t i = 0; i < problem_.block_length; ++i) {
        const size_t k = b * problem_.block_length + i;
        dot += (int64_t{q[k]} + negative_zero_point) * values[Nibble(column, k)];
      }
      sum += static_cast<float>(dot) * Scales(column)[b];
    }
    return std::bit_cast<Sum>(sum);
  }

  void Store(Sum sum, const std::byte* row, const std::byte* column, const OutputStage& stage,
             std::byte* out) const override {
    const float bias = Scales(column)[NumBlocks()];
    Clamp(std::bit_cast<float>(sum) * RowOf(row).scale + bias, stage, out);
  }
};

}  // namespace

std::unique_ptr<PackedGemm> MakeQp8Gemm(const KernelRow& row, const GemmProblem& problem) {
  if (row.variant == Variant::kQp8F32Qc8w) return std::make_unique<Qc8wGemm>(row, problem);
  return std::make_unique<Qb4wGemm>(row, problem);
}

}  // namespace switchyard::reference
