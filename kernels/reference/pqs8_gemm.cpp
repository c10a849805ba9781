// pqs8_qc8w.
//
//   a = b + sum over k of (x[k] - zx) * w[k]                        exact
//   y = clamp(rint(float(a) * factor) + zy)                         rint to the nearest even
//
// with factor = lhs scale * weight scale / output scale. A tap outside the image holds zx.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/reference/reference.h"
#include "runtime/base/checked_math.h"

namespace switchyard::reference {
namespace {

// What a column has behind its elements.
struct Column {
  int32_t start;  // b - zx * sum of w
  float factor;
  uint64_t unused;  // packed weights are compared by their bytes
};

// Sums wrap around on the way, as those of every kernel do, and are exact where the whole fits.
class Pqs8Gemm final : public ReferenceGemm {
 public:
  Pqs8Gemm(const KernelRow& row, const GemmProblem& problem) : ReferenceGemm(row, problem) {}

 private:
  static constexpr size_t RowBytes(size_t k) {
    return CeilDivide(k, sizeof(float)) * sizeof(float);
  }

  void PackRow(const std::byte* row, std::byte* packed) const override {
    std::memcpy(packed, row, problem_.k);
  }

  void PackColumn(const RhsSource& source, size_t n, std::byte* packed) const override {
    const auto* weights = static_cast<const int8_t*>(source.weights);
    auto* elements = reinterpret_cast<int8_t*>(packed);
    uint32_t sum = 0;
    for (size_t k = 0; k < problem_.k; ++k) {
      elements[k] = weights[WeightIndex(n, k)];
      sum += static_cast<uint32_t>(elements[k]);
    }
    const int32_t bias = source.bias == nullptr ? 0 : static_cast<const int32_t*>(source.bias)[n];
    const auto start =
        static_cast<uint32_t>(bias) - static_cast<uint32_t>(source.lhs_zero_point) * sum;
    const Column column{static_cast<int32_t>(start), source.scales[n], 0};
    std::memcpy(packed + RowBytes(problem_.k), &column, sizeof(column));
  }

  Column ColumnOf(const std::byte* packed) const {
    Column column;
    std::memcpy(&column, packed + RowBytes(problem_.k), sizeof(column));
    return column;
  }

  Sum Begin(const std::byte* column) const override {
    return std::bit_cast<Sum>(ColumnOf(column).start);
  }

  Sum Add(Sum bytes, const std::byte* elements, const std::byte* column, size_t k0, size_t count,
          const std::byte* /*scratch*/) const override {
    const auto* x = reinterpret_cast<const int8_t*>(elements);
    const auto* w = reinterpret_cast<const int8_t*>(column) + k0;
    auto sum = std::bit_cast<uint32_t>(bytes);
    for (size_t k = 0; k < count; ++k) sum += static_cast<uint32_t>(x[k] * w[k]);
    return std::bit_cast<Sum>(sum);
  }

  void Store(Sum bytes, const std::byte* /*row*/, const std::byte* column, const OutputStage& stage,
             std::byte* out) const override {
    // Bounds first: a float beyond them is no integer that fits.
    const float low = static_cast<float>(stage.quantized_min - stage.quantized_zero_point);
    const float high = static_cast<float>(stage.quantized_max - stage.quantized_zero_point);
    const auto sum = static_cast<float>(std::bit_cast<int32_t>(bytes));
    const float scaled = std::nearbyint(sum * ColumnOf(column).factor);
    const auto y = static_cast<int32_t>(std::clamp(scaled, low, high)) + stage.quantized_zero_point;
    *reinterpret_cast<int8_t*>(out) = static_cast<int8_t>(y);
  }
};

}  // namespace

std::unique_ptr<PackedGemm> MakePqs8Gemm(const KernelRow& row, const GemmProblem& problem) {
  return std::make_unique<Pqs8Gemm>(row, problem);
}

}  // namespace switchyard::reference
