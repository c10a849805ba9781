// A row of the kernel table: one packed layout, with the micro-kernels that run on it. Rows are
// metadata and exist on every host; the functions of a row exist only where its provider is built.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/cpu/features.h"
#include "kernels/cpu/tiers.h"
#include "kernels/gemm/problem.h"
#include "runtime/base/variant.h"

namespace switchyard {

// A tile size or step, as a formula in VL = streaming vector bits / 32. Never a getter: those of
// SME kernels execute RDSVL, which kills the process on a CPU without SME.
struct Extent {
  uint16_t fixed = 0;
  uint16_t per_vl = 0;
  constexpr size_t At(size_t vl) const { return fixed + per_vl * vl; }
};

// How a kernel reads the left-hand side.
enum class LhsForm : uint8_t {
  kPacked,  // in the row's layout
  kRaw,     // rows of activations as they are
};

struct GemvInfo {
  std::string_view name;  // empty: the GEMM runs single rows too
  LhsForm lhs = LhsForm::kRaw;
  Extent n_step;
};

// Where a row leaves a problem to the stock operator, which is faster there. Option force_kernel
// takes the row all the same.
struct Yield {
  // Goes by the CPU without a mask: stock XNNPACK detects it by itself.
  bool (*cpu)(const CpuFeatures& host);
  bool (*shape)(const GemmProblem& problem);  // null: every shape
  std::string_view evidence;                  // what was measured, or why it needs no measurement
};

// What a packed row or column takes.
struct PackedVector {
  uint8_t element_bits = 0;    // 0: those of the variant's elements in memory
  uint8_t depth_multiple = 1;  // its elements are padded to a multiple, after kr
  uint8_t bytes = 0;           // beside its elements: scale, sum, bias
  uint8_t block_bytes = 0;     // of a column: for each block of int4 weights
};

struct KernelRow {
  std::string_view name;  // variant, ISA, and the tile where one ISA has several
  Variant variant;
  Tier tier;
  uint32_t required;               // FeatureBits
  std::string_view gemm = {};      // the provider's names; empty: gemv_only
  LhsForm lhs = LhsForm::kPacked;  // of the GEMM
  GemvInfo gemv = {};
  std::string_view imatmul = {};  // indirect convolution; empty: none
  // Packing: mr rows of the left-hand side, nr columns of the right-hand side, kr values of k
  // together, in sr pieces.
  Extent mr, nr;
  uint8_t kr, sr;
  PackedVector lhs_vector = {}, rhs_vector = {};
  // Packed taps of a convolution lie side by side, without any padding of each to kr.
  bool has_dense_taps = false;
  // Depth at which the GEMM likes to cut its sums, a multiple of kr; 0: it cannot be cut.
  uint16_t k_block = 0;
  // Scratch memory that a task has from its begin to its end, beside what packing needs.
  uint16_t task_bytes = 0;
  // The granularity at which work can be split.
  Extent m_step, n_step;
  // Of the values of k that share a scale: their number is a multiple of this.
  uint8_t k_multiple = 1;
  bool gemv_only = false;  // a layout for weights that only ever meet single rows
  // Rows with equal layouts pack left-hand sides alike, so that nodes can share one.
  std::string_view lhs_layout;
  std::span<const Yield> yields = {};
  // KernelTable() fills these in: the place in the list of providers, and whether the tier is one
  // of SWITCHYARD_TIERS.
  uint8_t provider = 0;
  bool is_built = true;

  // Whether sizes depend on the streaming vector length.
  constexpr bool IsScalable() const { return mr.per_vl != 0 || nr.per_vl != 0; }
};

// All rows, best first within a variant.
std::span<const KernelRow> KernelTable();

}  // namespace switchyard
