#include "kernels/gemm/select.h"

#include <algorithm>
#include <format>
#include <optional>
#include <string>

#include "kernels/cpu/tiers.h"

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

// What option SWITCHYARD_TIERS left, best first.
std::string BuiltTiers() {
  std::string names;
  for (const KernelTier& tier : kKernelTiers) {
    if (tier.built) names.append(names.empty() ? "" : ", ").append(tier.name);
  }
  return names.empty() ? "none" : names;
}

// The first reason why `kernel` cannot run `problem` on `cpu`.
std::optional<Reason> Refuse(const KernelRow& kernel, const GemmProblem& problem,
                             const CpuFeatures& cpu) {
  if (const CpuFeatures missing = cpu.Missing(kernel.required); !missing.IsEmpty()) {
    return Reason{ReasonId::kKernelCpuFeature, std::format("no {}", missing.ToString()),
                  CpuFeatures().Missing(kernel.required).ToString()};
  }
  if (!kernel.is_built) {
    return Reason{ReasonId::kKernelNotBuilt, BuiltTiers(), std::string(TierOf(kernel.name).name)};
  }
  const uint32_t svl = cpu.streaming_vector_bits;
  if (kernel.IsScalable() && !IsStreamingVectorLength(svl)) {
    return Reason{ReasonId::kKernelVectorLength, std::format("{} bits", svl),
                  std::format("a power of two from {} to {}", kMinStreamingVectorBits,
                              kMaxStreamingVectorBits)};
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
    return Reason{ReasonId::kKernelEmpty, std::format("{} and {}", problem.n, problem.k),
                  "at least 1 of each"};
  }
  if (problem.op == GemmOperator::kConv2d && kernel.imatmul.empty()) {
    return Reason{ReasonId::kKernelNoImatmul, "Conv2d", "a plain matrix product"};
  }
  if (kernel.variant == Variant::kQp8F32Qb4w) {
    const size_t length = problem.block_length;
    if (length == 0 || length % 32 != 0 || problem.k % length != 0) {
      return Reason{ReasonId::kKernelBlockLength, std::format("{}", length),
                    std::format("a multiple of 32 that divides {}", problem.k)};
    }
  }
  if (kernel.gemv_only && problem.m > 1) {
    return Reason{ReasonId::kKernelGemvOnly, std::format("{}", problem.m), "1"};
  }
  return std::nullopt;
}

}  // namespace

Selection Select(std::span<const KernelRow> table, const GemmProblem& problem,
                 const CpuFeatures& cpu, std::string_view forced) {
  Selection selection;
  std::vector<const KernelRow*> serving;
  for (const KernelRow& kernel : table) {
    if (kernel.variant != problem.variant) continue;
    if (std::optional<Reason> reason = Refuse(kernel, problem, cpu)) {
      selection.rejected.push_back({&kernel, *std::move(reason)});
    } else {
      serving.push_back(&kernel);
    }
  }
  if (serving.empty()) return selection;
  const auto wanted = std::ranges::find(serving, forced, &KernelRow::name);
  selection.chosen = wanted != serving.end() ? *wanted : serving.front();
  for (const KernelRow* kernel : serving) {
    if (kernel == selection.chosen) continue;
    selection.rejected.push_back({kernel,
                                  {ReasonId::kKernelPreferred, std::string(kernel->name),
                                   std::string(selection.chosen->name)}});
  }
  // In the order of the table, whatever the reasons.
  std::ranges::sort(selection.rejected, {}, &RejectedKernel::kernel);
  return selection;
}

}  // namespace switchyard
