#include "test/conformance/machine.h"

#include <algorithm>
#include <ranges>

#if defined(__aarch64__)
#include <sys/auxv.h>
#include <sys/prctl.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

namespace switchyard::conformance {
namespace {

using Features = std::set<std::string, std::less<>>;

#if defined(__aarch64__)
// Linux's HWCAP bits; the C library's headers may be older than the last of them.
Features Detect() {
  Features features{"arm64"};
  const unsigned long caps = getauxval(AT_HWCAP), caps2 = getauxval(AT_HWCAP2);
  const struct {
    const char* name;
    unsigned long bit;
  } first[] = {{"fp16", 1ul << 10}, {"dotprod", 1ul << 20}, {"sve", 1ul << 22}},
    second[] = {{"i8mm", 1ul << 13}, {"bf16", 1ul << 14}, {"sme", 1ul << 23}, {"sme2", 1ul << 37}};
  for (const auto& row : first) {
    if (caps & row.bit) features.insert(row.name);
  }
  for (const auto& row : second) {
    if (caps2 & row.bit) features.insert(row.name);
  }
  if (features.contains("sme")) {
    constexpr int kSmeGetVectorLength = 64;  // PR_SME_GET_VL
    const int length = prctl(kSmeGetVectorLength, 0, 0, 0, 0);
    if (length > 0) features.insert("svl" + std::to_string((length & 0xFFFF) * 8));
  }
  return features;
}
#elif defined(__x86_64__)
Features Detect() {
  Features features{"amd64"};
  if (__builtin_cpu_supports("avx2")) features.insert("avx2");
  if (__builtin_cpu_supports("avx512bw")) features.insert("avx512");
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    if (d & 1u << 23) features.insert("avx512fp16");
    if (d & 1u << 25) features.insert("amx");
  }
  return features;
}
#else
Features Detect() { return {}; }
#endif

}  // namespace

Features MachineFeatures() {
  static const Features features = Detect();
  return features;
}

std::string MachineName() {
  std::string name;
  for (const std::string& feature : MachineFeatures()) {
    if (!name.empty()) name += ' ';
    name += feature;
  }
  return name;
}

bool MachineMatches(std::string_view wanted) {
  const Features features = MachineFeatures();
  return std::ranges::all_of(wanted | std::views::split(' '), [&](auto part) {
    const std::string_view name(part.begin(), part.end());
    if (name.empty()) return true;
    return name.front() == '!' ? !features.contains(name.substr(1)) : features.contains(name);
  });
}

}  // namespace switchyard::conformance
