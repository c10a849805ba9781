// What the packed products of all variants have in common: packing of the right-hand side one panel
// (nr columns) at a time, with bounded scratch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>

#include "kernels/gemm/packed_gemm.h"
#include "runtime/base/checked_math.h"

namespace switchyard::kleidiai {

class PanelGemm : public PackedGemm {
 public:
  void PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const final;
  // KleidiAI takes taps as a table of pointers.
  void PackTaps(const Taps& taps, size_t m, std::byte* scratch, std::byte* packed) const final;

  // Variants and rows without it are never asked for it.
  void PackGemvRow(const std::byte*, std::byte*, std::byte*) const override {}

 protected:
  // `vl` is in 32-bit lanes.
  PanelGemm(const KernelRow& kernel, const GemmProblem& problem, size_t vl);

  // Packs columns [n0, n0 + n), n <= nr, to `panel`.
  virtual void PackPanel(const RhsSource& source, size_t n0, size_t n, void* panel) const = 0;
  // pointers[ceil(m / m_step)][taps][m_step], one of them `padding` where a tap is.
  virtual void PackPointers(const void* const* /*pointers*/, const void* /*padding*/, size_t /*m*/,
                            std::byte* /*packed*/) const {}

  // Where column n0, a multiple of nr, is in the packed right-hand side.
  const std::byte* Panel(const GemmBlock& block) const {
    return block.rhs + layout_.RhsOffset(block.n0);
  }
  static const std::byte* PackedData(const GemmBlock& block) {
    return std::get<PackedRows>(block.lhs).data;
  }

  const size_t n_, k_;
  const size_t taps_, channels_;  // k_ = taps_ * channels_; one tap unless it is a Conv2d
  const bool is_indirect_;        // a Conv2d
  const bool rhs_is_kxn_;
  const DataType rhs_type_;
  const size_t mr_, nr_, kr_, sr_;
};

// The row of a table of functions that serves `kernel`; null if there is none.
template <typename Functions>
const Functions* FindRow(std::span<const Functions> table, const KernelRow& kernel) {
  const auto row = std::ranges::find(table, kernel.name, &Functions::row);
  return row == table.end() ? nullptr : &*row;
}

// For packers that must have a bias: as many zeros as the widest panel has columns.
const void* ZeroBias();

// `base` + `index` elements, or null for null.
template <typename T>
const T* AtOrNull(const void* base, size_t index) {
  return base == nullptr ? nullptr : static_cast<const T*>(base) + index;
}

// Copies columns [n0, n0 + n) of `source` ([total_n, k], or [k, total_n] if kxn) to `target`: [n,
// k], or [k, n] if target_is_kxn.
template <typename To, typename From, typename Convert>
void CopyPanel(const From* source, bool kxn, size_t total_n, size_t k, size_t n0, size_t n,
               To* target, bool target_is_kxn, Convert convert) {
  const size_t source_n = kxn ? 1 : k, source_k = kxn ? total_n : 1;
  const size_t target_n = target_is_kxn ? 1 : k, target_k = target_is_kxn ? n : 1;
  const From* panel = source + n0 * source_n;
  for (size_t i = 0; i < k; ++i) {
    for (size_t j = 0; j < n; ++j) {
      target[i * target_k + j * target_n] = convert(panel[i * source_k + j * source_n]);
    }
  }
}

}  // namespace switchyard::kleidiai
