// pf32 and pf16.
//
//   y = clamp(b + sum over k of x[k] * w[k])
//
// in f32, the sum from the bias on in the order of k. pf16 rounds the sum to f16 once, and clamps
// that by the bounds in f16.

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/reference/reference.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/float16.h"

namespace switchyard::reference {
namespace {

template <typename Element>
class FloatGemm final : public ReferenceGemm {
  using Bits = typename Element::Bits;

 public:
  FloatGemm(const KernelRow& row, const GemmProblem& problem) : ReferenceGemm(row, problem) {}

 private:
  // Whole words, so that what follows is aligned.
  static constexpr size_t RowBytes(size_t k) {
    return CeilDivide(k * sizeof(Bits), sizeof(float)) * sizeof(float);
  }

  void PackRow(const std::byte* row, std::byte* packed) const override {
    std::memcpy(packed, row, problem_.k * sizeof(Bits));
  }

  // Behind its elements a column has its bias.
  void PackColumn(const RhsSource& source, size_t n, std::byte* packed) const override {
    auto* elements = reinterpret_cast<Bits*>(packed);
    for (size_t k = 0; k < problem_.k; ++k) {
      const size_t i = WeightIndex(n, k);
      elements[k] =
          problem_.rhs_type == DataType::kF32
              ? Element::Store(static_cast<const float*>(source.weights)[i])
              : Element::Store(F32FromF16(static_cast<const uint16_t*>(source.weights)[i]));
    }
    const float bias =
        source.bias == nullptr ? 0 : Element::Load(static_cast<const Bits*>(source.bias)[n]);
    std::memcpy(packed + RowBytes(problem_.k), &bias, sizeof(bias));
  }

  Sum Begin(const std::byte* column) const override {
    Sum bias;
    std::memcpy(&bias, column + RowBytes(problem_.k), sizeof(bias));
    return bias;
  }

  Sum Add(Sum bytes, const std::byte* elements, const std::byte* column, size_t k0, size_t count,
          const std::byte* /*scratch*/) const override {
    const auto* x = reinterpret_cast<const Bits*>(elements);
    const auto* w = reinterpret_cast<const Bits*>(column) + k0;
    auto sum = std::bit_cast<float>(bytes);
    for (size_t k = 0; k < count; ++k) sum += Element::Load(x[k]) * Element::Load(w[k]);
    return std::bit_cast<Sum>(sum);
  }

  void Store(Sum bytes, const std::byte* /*row*/, const std::byte* /*column*/,
             const OutputStage& stage, std::byte* out) const override {
    const float rounded = Element::Load(Element::Store(std::bit_cast<float>(bytes)));
    const float min = Element::Load(Element::Store(stage.min));
    const float max = Element::Load(Element::Store(stage.max));
    *reinterpret_cast<Bits*>(out) = Element::Store(std::min(std::max(rounded, min), max));
  }
};

}  // namespace

std::unique_ptr<PackedGemm> MakeFloatGemm(const KernelRow& row, const GemmProblem& problem) {
  if (row.variant == Variant::kPf32) return std::make_unique<FloatGemm<F32Elements>>(row, problem);
  return std::make_unique<FloatGemm<F16Elements>>(row, problem);
}

}  // namespace switchyard::reference
