#include "kernels/kleidiai/float_gemm.h"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <vector>

#include "kernels/kleidiai/panel_gemm.h"
#include "runtime/base/float16.h"

namespace switchyard::kleidiai {
namespace {

// Between the two float types as they lie in memory.
template <typename To>
constexpr To ConvertFloat(auto value) {
  if constexpr (std::same_as<To, decltype(value)>) {
    return value;
  } else if constexpr (std::same_as<To, float>) {
    return F32FromF16(value);
  } else {
    return F16FromF32(value);
  }
}

// Element: float, or uint16_t for the bits of an f16.
template <typename Element>
class FloatGemm final : public PanelGemm {
 public:
  FloatGemm(const FloatFunctions& functions, const KernelRow& kernel, const GemmProblem& problem,
            size_t vl)
      : PanelGemm(kernel, problem, vl), functions_(functions) {}

  void PackRows(const RawRows& rows, size_t m, std::byte* /*scratch*/,
                std::byte* packed) const override {
    if (functions_.pack_lhs == nullptr) {
      for (size_t i = 0; i < m; ++i) {
        packed = std::copy_n(rows.base + i * rows.stride, k_ * sizeof(Element), packed);
      }
      return;
    }
    functions_.pack_lhs(m, k_, mr_, kr_, sr_, 0, rows.base, rows.stride, packed);
  }

  void Gemm(const GemmBlock& block, const OutputStage& stage) const override {
    const std::byte* lhs = PackedData(block);
    const void* rhs = Panel(block);
    if (functions_.gemm == nullptr) {
      // Selection keeps such rows to single rows; more are still right, one by one.
      for (size_t i = 0; i < block.m; ++i) {
        GemvOf(lhs + i * k_ * sizeof(Element), rhs, block.n, block.out + i * block.out_stride,
               stage);
      }
    } else if (is_indirect_) {
      functions_.imatmul(block.m, block.n, taps_, channels_, lhs, rhs, block.out, block.out_stride,
                         stage.min, stage.max);
    } else {
      functions_.gemm(block.m, block.n, k_, lhs, rhs, block.out, block.out_stride, sizeof(Element),
                      stage.min, stage.max);
    }
  }

  void Gemv(const GemmBlock& block, const OutputStage& stage) const override {
    GemvOf(std::get<RawRows>(block.lhs).base, Panel(block), block.n, block.out, stage);
  }

 private:
  void PackPointers(const void* const* pointers, const void* padding, size_t m,
                    std::byte* packed) const override {
    functions_.pack_lhs_indirect(m, taps_, channels_, pointers, /*offset=*/0, padding, packed);
  }

  void GemvOf(const std::byte* row, const void* rhs, size_t n, std::byte* out,
              const OutputStage& stage) const {
    functions_.gemv(1, n, k_, row, k_ * sizeof(Element), rhs, out, n * sizeof(Element),
                    sizeof(Element), stage.min, stage.max);
  }

  void PackPanel(const RhsSource& source, size_t n0, size_t n, void* panel) const override {
    const Element* bias = AtOrNull<Element>(source.bias, n0);
    const void* panel_bias = bias != nullptr ? bias : ZeroBias();
    if (rhs_type_ != kElementType) {
      using Other = std::conditional_t<std::same_as<Element, float>, uint16_t, float>;
      PackCopy(static_cast<const Other*>(source.weights), n0, n, panel_bias, panel);
      return;
    }
    const Element* weights = static_cast<const Element*>(source.weights);
    if (rhs_is_kxn_) {
      PackKxn(weights + n0, n_, n, panel_bias, panel);
    } else if (is_indirect_ || functions_.pack_rhs_nxk == nullptr) {
      PackCopy(weights, n0, n, panel_bias, panel);  // there is no [n, k] packer
    } else {
      functions_.pack_rhs_nxk(1, n, k_, nr_, kr_, sr_, k_ * sizeof(Element), weights + n0 * k_,
                              panel_bias, nullptr, panel, 0, nullptr);
    }
  }

  template <typename Source>
  void PackCopy(const Source* weights, size_t n0, size_t n, const void* bias, void* panel) const {
    std::vector<Element> copy(k_ * n);
    CopyPanel(weights, rhs_is_kxn_, n_, k_, n0, n, copy.data(), true,
              ConvertFloat<Element, Source>);
    PackKxn(copy.data(), n, n, bias, panel);
  }

  // `weights`: [k, row_length], of which the first n columns.
  void PackKxn(const Element* weights, size_t row_length, size_t n, const void* bias,
               void* panel) const {
    const size_t stride = row_length * sizeof(Element);
    if (is_indirect_) {
      functions_.pack_rhs_indirect(n, taps_, channels_, stride, weights, bias, panel);
    } else {
      functions_.pack_rhs_kxn(1, n, k_, nr_, kr_, sr_, stride, weights, bias, nullptr, panel, 0,
                              nullptr);
    }
  }

  static constexpr DataType kElementType =
      std::same_as<Element, float> ? DataType::kF32 : DataType::kF16;
  const FloatFunctions& functions_;
};

}  // namespace

std::unique_ptr<PackedGemm> MakeFloatGemm(std::span<const FloatFunctions> table, DataType element,
                                          const KernelRow& kernel, const GemmProblem& problem,
                                          size_t vl) {
  const FloatFunctions* functions = FindRow(table, kernel);
  if (functions == nullptr) return nullptr;
  if (element == DataType::kF32) {
    return std::make_unique<FloatGemm<float>>(*functions, kernel, problem, vl);
  }
  return std::make_unique<FloatGemm<uint16_t>>(*functions, kernel, problem, vl);
}

}  // namespace switchyard::kleidiai
