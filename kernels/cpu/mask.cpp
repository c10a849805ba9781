#include "kernels/cpu/mask.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>

#include "kernels/cpu/tiers.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

using enum CpuFeature;

struct Dependency {
  CpuFeature feature, builds_on;
};

// What one feature builds on directly, each before those that build on it.
constexpr Dependency kDependencies[] = {
    {kNeonFp16, kNeon},     {kDotProd, kNeon},    {kI8mm, kNeon},         {kSve, kNeon},
    {kSve2, kSve},          {kSme, kNeon},        {kSme2, kSme},          {kAvx2, kSse41},
    {kAvxVnni, kAvx2},      {kAvx512, kAvx2},     {kAvx512Vnni, kAvx512}, {kAvx512Fp16, kAvx512},
    {kAvx512Bf16, kAvx512}, {kAmxInt8, kAmxTile}, {kAmxBf16, kAmxTile},
};

constexpr uint32_t kDefaultStreamingVectorBits = 512;
constexpr std::string_view kVectorLengthKey = ":svl=";

void AddWithBase(CpuFeatures& cpu, CpuFeature feature) {
  cpu.Add(feature);
  for (const Dependency& dependency : kDependencies) {
    if (dependency.feature == feature) AddWithBase(cpu, dependency.builds_on);
  }
}

void RemoveWithDependents(CpuFeatures& cpu, CpuFeature feature) {
  cpu.Remove(feature);
  for (const Dependency& dependency : kDependencies) {
    if (dependency.builds_on == feature) RemoveWithDependents(cpu, dependency.feature);
  }
}

void AddAll(CpuFeatures& cpu, auto has) {
  for (const CpuFeatureRow& row : CpuFeatureTable()) {
    if (has(row.feature)) cpu.Add(row.feature);
  }
}

std::optional<CpuFeature> FindFeature(std::string_view name) {
  const auto row = std::ranges::find(CpuFeatureTable(), name, &CpuFeatureRow::name);
  if (row == CpuFeatureTable().end()) return std::nullopt;
  return row->feature;
}

std::string FeatureNames() {
  std::string names;
  for (const CpuFeatureRow& row : CpuFeatureTable())
    names.append(names.empty() ? "" : ", ").append(row.name);
  return names;
}

std::string AllowedWords() {
  std::string names = "host, stock";
  for (const TierRow& tier : kTiers) names.append(", ").append(tier.name);
  return Format("{}, or the features {}, each of which may follow a '-'", names, FeatureNames());
}

Status ApplyWord(std::string_view text, std::string_view word, const CpuFeatures& host,
                 CpuFeatures& cpu) {
  if (word == "host") {
    AddAll(cpu, [&](CpuFeature feature) { return host.Has(feature); });
    cpu.streaming_vector_bits = host.streaming_vector_bits;
    cpu.l1_data_bytes = host.l1_data_bytes;
    cpu.l2_bytes = host.l2_bytes;
    return {};
  }
  if (word == "stock") return {};
  if (const auto tier = std::ranges::find(kTiers, word, &TierRow::name); tier != std::end(kTiers)) {
    AddAll(cpu, [&](CpuFeature feature) { return (tier->features & FeatureBits({feature})) != 0; });
    return {};
  }
  const bool removes = word.starts_with('-');
  const std::optional<CpuFeature> feature = FindFeature(removes ? word.substr(1) : word);
  if (!feature) {
    return Fail(ErrorCode::kInvalidArgument, "CPU \"{}\": unknown word \"{}\", expected {}", text,
                word, AllowedWords());
  }
  if (removes) {
    RemoveWithDependents(cpu, *feature);
  } else {
    AddWithBase(cpu, *feature);
  }
  return {};
}

Result<uint32_t> ParseVectorLength(std::string_view text, std::string_view digits) {
  uint32_t bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      !IsStreamingVectorLength(bits)) {
    return Fail(ErrorCode::kInvalidArgument,
                "CPU \"{}\": streaming vector length \"{}\", expected a power of two from {} to {}",
                text, digits, kMinStreamingVectorBits, kMaxStreamingVectorBits);
  }
  return bits;
}

}  // namespace

Result<CpuFeatures> ParseCpu(std::string_view text, const CpuFeatures& host) {
  const size_t colon = text.find(':');
  CpuFeatures cpu;
  if (text.starts_with('-')) SWITCHYARD_TRY(ApplyWord(text, "host", host, cpu));
  std::string_view words = text.substr(0, colon);
  while (true) {
    const size_t comma = words.find(',');
    SWITCHYARD_TRY(ApplyWord(text, words.substr(0, comma), host, cpu));
    if (comma == std::string_view::npos) break;
    words.remove_prefix(comma + 1);
  }

  if (!cpu.Has(kSme)) {
    cpu.streaming_vector_bits = 0;
  } else if (cpu.streaming_vector_bits == 0) {
    cpu.streaming_vector_bits = kDefaultStreamingVectorBits;
  }
  if (colon == std::string_view::npos) return cpu;
  const std::string_view suffix = text.substr(colon);
  if (!suffix.starts_with(kVectorLengthKey)) {
    return Fail(ErrorCode::kInvalidArgument, "CPU \"{}\": unknown suffix \"{}\", expected {}BITS",
                text, suffix, kVectorLengthKey);
  }
  if (!cpu.Has(kSme)) {
    return Fail(ErrorCode::kInvalidArgument,
                "CPU \"{}\": a streaming vector length on a CPU without SME, expected sme or sme2 "
                "before \"{}\"",
                text, suffix);
  }
  SWITCHYARD_ASSIGN(cpu.streaming_vector_bits,
                    ParseVectorLength(text, suffix.substr(kVectorLengthKey.size())));
  return cpu;
}

Result<CpuFeatures> MaskCpu(std::string_view text, const CpuFeatures& host) {
  if (text.contains(':')) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "CPU \"{}\": a mask can only take features away from this CPU; leave \"{}\" out, or "
        "ask explain for another CPU",
        text, text.substr(text.find(':')));
  }
  SWITCHYARD_ASSIGN(const CpuFeatures allowed, ParseCpu(text, host));
  CpuFeatures cpu = host;
  for (const CpuFeatureRow& row : CpuFeatureTable()) {
    if (!allowed.Has(row.feature)) cpu.Remove(row.feature);
  }
  if (!cpu.Has(kSme)) cpu.streaming_vector_bits = 0;
  return cpu;
}

}  // namespace switchyard
