// The kernel table: one row for each packed layout, with the micro-kernels that run on it. Rows are
// metadata and exist on every host; the functions of a row exist only where its provider is built
// (kernels/kleidiai/).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "kernels/cpu/features.h"
#include "kernels/gemm/problem.h"
#include "runtime/base/api.h"
#include "runtime/base/variant.h"

namespace switchyard {

enum class Provider : uint8_t { kKleidiAi };

// A tile size or step, as a formula in VL = streaming vector bits / 32. Never a getter: those of
// SME kernels execute RDSVL, which kills the process on a CPU without SME.
struct Extent {
  uint16_t fixed = 0;
  uint16_t per_vl = 0;
  constexpr size_t At(size_t vl) const { return fixed + per_vl * vl; }
};

struct GemvInfo {
  std::string_view name;   // empty: the GEMM runs single rows too
  bool packs_lhs = false;  // reads a packed row (mr 1); otherwise the row as it is
  Extent n_step;
};

struct KernelRow {
  std::string_view name;  // of the row: variant, ISA, and the tile where one ISA has several
  Variant variant;
  Provider provider;
  uint32_t required;           // bits of CpuFeature
  std::string_view gemm = {};  // the provider's names; empty: gemv_only
  GemvInfo gemv = {};
  std::string_view imatmul = {};  // indirect convolution; empty: none
  // Packing: mr rows of the left-hand side, nr columns of the right-hand side, kr values of k
  // together, in sr pieces. m_step and n_step are the granularity at which work can be split.
  Extent mr, nr;
  uint8_t kr, sr;
  Extent m_step, n_step;
  bool is_built = true;    // its tier is one of SWITCHYARD_TIERS, which CMake was given
  bool gemv_only = false;  // a layout for weights that only ever meet single rows
  // Rows with equal layouts pack left-hand sides alike, so that nodes can share one.
  std::string_view lhs_layout;

  // Whether sizes depend on the streaming vector length.
  constexpr bool IsScalable() const { return mr.per_vl != 0 || nr.per_vl != 0; }
};

constexpr uint32_t FeatureBits(std::initializer_list<CpuFeature> features) {
  uint32_t bits = 0;
  for (CpuFeature feature : features) bits |= uint32_t{1} << static_cast<unsigned>(feature);
  return bits;
}

// All rows, best first within a variant.
SWITCHYARD_API std::span<const KernelRow> KernelTable();

}  // namespace switchyard
