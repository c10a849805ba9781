#include "kernels/gemm/select.h"

#include <algorithm>
#include <optional>
#include <string>

#include "kernels/cpu/built_tiers.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

// What a variant multiplies. Float weights may be of the other type: packing converts them.
struct VariantTypes {
  DataType lhs[2];
  DataType rhs[2];
  DataType output;
};

constexpr VariantTypes TypesOf(Variant variant) {
  using enum DataType;
  switch (variant) {
    case Variant::kPf32:
      return {{kF32, kInvalid}, {kF32, kF16}, kF32};
    case Variant::kPf16:
      return {{kF16, kInvalid}, {kF16, kF32}, kF16};
    case Variant::kQp8F32Qc8w:
      return {{kF32, kF16}, {kQCInt8, kInvalid}, kF32};
    case Variant::kPqs8Qc8w:
      return {{kQInt8, kInvalid}, {kQCInt8, kQInt8}, kQInt8};
    case Variant::kQp8F32Qb4w:
      return {{kF32, kF16}, {kQBInt4, kInvalid}, kF32};
  }
  return {};
}

std::string Either(const DataType (&types)[2]) {
  std::string text(Name(types[0]));
  if (types[1] != DataType::kInvalid) text.append(" or ").append(Name(types[1]));
  return text;
}

bool IsOneOf(DataType type, const DataType (&types)[2]) {
  return type != DataType::kInvalid && std::ranges::contains(types, type);
}

// What option SWITCHYARD_TIERS left.
std::string BuiltTiers() {
  std::string names;
  for (const TierRow& row : kTiers) {
    if (IsBuilt(row.tier)) names.append(names.empty() ? "" : ", ").append(row.name);
  }
  return names.empty() ? "none" : names;
}

// The first reason why `kernel` cannot run `problem` on `cpu`.
std::optional<Reason> Refuse(const KernelRow& kernel, const GemmProblem& problem,
                             const CpuFeatures& cpu) {
  if (const CpuFeatures missing = cpu.Missing(kernel.required); !missing.IsEmpty()) {
    return Reason{ReasonId::kKernelCpuFeature, Format("no {}", missing.ToString()),
                  CpuFeatures().Missing(kernel.required).ToString()};
  }
  if (!kernel.is_built) {
    return Reason{ReasonId::kKernelNotBuilt, BuiltTiers(), std::string(Name(kernel.tier))};
  }
  const uint32_t svl = cpu.streaming_vector_bits;
  if (kernel.IsScalable() && !IsStreamingVectorLength(svl)) {
    return Reason{
        ReasonId::kKernelVectorLength, Format("{} bits", svl),
        Format("a power of two from {} to {}", kMinStreamingVectorBits, kMaxStreamingVectorBits)};
  }
  const VariantTypes types = TypesOf(kernel.variant);
  if (!IsOneOf(problem.lhs_type, types.lhs)) {
    return Reason{ReasonId::kKernelLhsType, std::string(Name(problem.lhs_type)), Either(types.lhs)};
  }
  if (!IsOneOf(problem.rhs_type, types.rhs)) {
    return Reason{ReasonId::kKernelRhsType, std::string(Name(problem.rhs_type)), Either(types.rhs)};
  }
  if (problem.output_type != types.output) {
    return Reason{ReasonId::kKernelOutputType, std::string(Name(problem.output_type)),
                  std::string(Name(types.output))};
  }
  if (problem.n == 0 || problem.k == 0) {
    return Reason{ReasonId::kKernelEmpty, Format("{} and {}", problem.n, problem.k),
                  "at least 1 of each"};
  }
  if (problem.op == GemmOperator::kConv2d && kernel.imatmul.empty()) {
    return Reason{ReasonId::kKernelNoImatmul, "Conv2d", "a plain matrix product"};
  }
  // What shares a scale.
  const size_t run = problem.rhs_type == DataType::kQBInt4 ? problem.block_length : problem.k;
  if (run == 0 || run % kernel.k_multiple != 0 || problem.k % run != 0) {
    return Reason{ReasonId::kKernelBlockLength, Format("{}", run),
                  Format("a multiple of {} that divides {}", kernel.k_multiple, problem.k)};
  }
  if (kernel.gemv_only && problem.m > 1) {
    return Reason{ReasonId::kKernelGemvOnly, Format("{}", problem.m), "1"};
  }
  return std::nullopt;
}

const Yield* FindYield(const KernelRow& row, const GemmProblem& problem, const CpuFeatures& host) {
  const auto yield = std::ranges::find_if(row.yields, [&](const Yield& y) {
    return y.cpu(host) && (y.shape == nullptr || y.shape(problem));
  });
  return yield == row.yields.end() ? nullptr : &*yield;
}

}  // namespace

bool IsForced(const KernelRow& row, std::string_view forced) {
  return row.name == forced || Name(row.tier) == forced;
}

Selection Select(std::span<const KernelRow> rows, const GemmProblem& problem, const MaskedCpu& cpu,
                 std::string_view forced) {
  Selection selection;
  std::vector<const KernelRow*> preferred;
  for (const KernelRow& row : rows) {
    if (row.variant != problem.variant) continue;
    if (std::optional<Reason> reason = Refuse(row, problem, cpu.allowed)) {
      selection.rejected.push_back({&row, *std::move(reason)});
    } else if (selection.chosen == nullptr && IsForced(row, forced)) {
      selection.chosen = &row;
    } else if (const Yield* yield = FindYield(row, problem, cpu.host)) {
      selection.rejected.push_back({&row,
                                    {ReasonId::kKernelYields, std::string(yield->evidence),
                                     "a CPU or shape where it is faster"}});
    } else {
      preferred.push_back(&row);
    }
  }
  if (selection.chosen == nullptr && !preferred.empty()) selection.chosen = preferred.front();
  for (const KernelRow* row : preferred) {
    if (row == selection.chosen) continue;
    selection.rejected.push_back({row,
                                  {ReasonId::kKernelPreferred, std::string(row->name),
                                   std::string(selection.chosen->name)}});
  }
  // In the order of the table, whatever the reasons.
  std::ranges::sort(selection.rejected, {}, &RejectedKernel::kernel);
  return selection;
}

}  // namespace switchyard
