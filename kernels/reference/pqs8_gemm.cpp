// pqs8_qc8w.
//
//   a = b + sum over k of (x[k] - zx) * w[k]                        exact
//   y = clamp(rint(float(a) * factor) + zy)                         rint to the nearest even
//
// with factor = lhs scale * weight scale / output scale. A tap outside the image holds zx.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/reference/reference.h"
#include "runtime/base/checked_math.h"

namespace switchyard::reference {
namespace {

// What a column has behind its elements.
struct Column {
  int64_t start;  // b - zx * sum of w
  float factor;
  float unused;  // no padding: packed weights are compared by their bytes
};

class Pqs8Gemm final : public ReferenceGemm {
 public:
  Pqs8Gemm(const KernelRow& row, const GemmProblem& problem)
      : ReferenceGemm(row, problem, RowBytes(problem.k), RowBytes(problem.k) + sizeof(Column)) {}

 private:
  static constexpr size_t RowBytes(size_t k) {
    return CeilDivide(k, sizeof(float)) * sizeof(float);
  }

  void PackRow(const void* row, void* packed) const override {
    std::memcpy(packed, row, problem_.k);
  }

  void PackColumn(const RhsSource& source, size_t n, void* packed) const override {
    const auto* weights = static_cast<const int8_t*>(source.weights);
    auto* elements = static_cast<int8_t*>(packed);
    int64_t sum = 0;
    for (size_t k = 0; k < problem_.k; ++k) {
      elements[k] = weights[WeightIndex(n, k)];
      sum += elements[k];
    }
    const int32_t bias = source.bias == nullptr ? 0 : static_cast<const int32_t*>(source.bias)[n];
    const Column column{bias - source.lhs_zero_point * sum, source.scales[n], 0};
    std::memcpy(elements + RowBytes(problem_.k), &column, sizeof(column));
  }

  void Multiply(const void* row, const void* packed_column, const OutputStage& stage,
                void* out) const override {
    const auto* x = static_cast<const int8_t*>(row);
    const auto* w = static_cast<const int8_t*>(packed_column);
    Column column;
    std::memcpy(&column, w + RowBytes(problem_.k), sizeof(column));
    int64_t sum = column.start;
    for (size_t k = 0; k < problem_.k; ++k) sum += int64_t{x[k]} * w[k];
    // Bounds first: a float beyond them is no integer that fits.
    const float low = static_cast<float>(stage.quantized_min - stage.quantized_zero_point);
    const float high = static_cast<float>(stage.quantized_max - stage.quantized_zero_point);
    const float scaled = std::nearbyint(static_cast<float>(sum) * column.factor);
    const auto y = static_cast<int32_t>(std::clamp(scaled, low, high)) + stage.quantized_zero_point;
    *static_cast<int8_t*>(out) = static_cast<int8_t>(y);
  }
};

}  // namespace

std::unique_ptr<PackedGemm> MakePqs8Gemm(const KernelRow& row, const GemmProblem& problem) {
  return std::make_unique<Pqs8Gemm>(row, problem);
}

}  // namespace switchyard::reference
