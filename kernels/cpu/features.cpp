#include "kernels/cpu/features.h"

#include <cpuinfo.h>
#include <dlfcn.h>
#include <link.h>

#include <iterator>

#if defined(__aarch64__)
#include <sys/prctl.h>
#endif

namespace switchyard {
namespace {

// In the order of the enumerators.
constexpr CpuFeatureRow kFeatures[] = {
    {CpuFeature::kNeon, "neon", true},
    {CpuFeature::kNeonFp16, "neonfp16", true},
    {CpuFeature::kDotProd, "dotprod", true},
    {CpuFeature::kI8mm, "i8mm", true},
    {CpuFeature::kSve, "sve", true},
    {CpuFeature::kSve2, "sve2", true},
    {CpuFeature::kSme, "sme", true},
    {CpuFeature::kSme2, "sme2", true},
    {CpuFeature::kSse41, "sse41", false},
    {CpuFeature::kAvx2, "avx2", false},
    {CpuFeature::kAvxVnni, "avxvnni", false},
    {CpuFeature::kAvx512, "avx512", false},
    {CpuFeature::kAvx512Vnni, "avx512vnni", false},
    {CpuFeature::kAvx512Fp16, "avx512fp16", false},
    {CpuFeature::kAvx512Bf16, "avx512bf16", false},
    {CpuFeature::kAmxTile, "amxtile", false},
    {CpuFeature::kAmxInt8, "amxint8", false},
    {CpuFeature::kAmxBf16, "amxbf16", false},
};

constexpr bool RowsAreInOrder() {
  size_t position = 0;
  for (const CpuFeatureRow& row : kFeatures) {
    if (static_cast<size_t>(row.feature) != position++) return false;
  }
  return position == static_cast<size_t>(CpuFeature::kAmxBf16) + 1;
}
static_assert(RowsAreInOrder());

// Whether this CPU and its operating system have the feature. cpuinfo must be initialised.
bool HostHas(CpuFeature feature) {
  switch (feature) {
    case CpuFeature::kNeon:
      // Every AArch64 Linux system; 32-bit Arm is no target of ours.
#if defined(__aarch64__)
      return true;
#else
      return false;
#endif
    case CpuFeature::kNeonFp16:
      return cpuinfo_has_arm_neon_fp16_arith();
    case CpuFeature::kDotProd:
      return cpuinfo_has_arm_neon_dot();
    case CpuFeature::kI8mm:
      return cpuinfo_has_arm_i8mm();
    case CpuFeature::kSve:
      return cpuinfo_has_arm_sve();
    case CpuFeature::kSve2:
      return cpuinfo_has_arm_sve2();
    case CpuFeature::kSme:
      return cpuinfo_has_arm_sme();
    case CpuFeature::kSme2:
      // A kernel or a hypervisor may hide one and not the other.
      return cpuinfo_has_arm_sme() && cpuinfo_has_arm_sme2();
    case CpuFeature::kSse41:
      return cpuinfo_has_x86_sse4_1();
    case CpuFeature::kAvx2:
      return cpuinfo_has_x86_avx2() && cpuinfo_has_x86_fma3() && cpuinfo_has_x86_f16c();
    case CpuFeature::kAvxVnni:
      return cpuinfo_has_x86_avxvnni();
    case CpuFeature::kAvx512:
      return cpuinfo_has_x86_avx512f() && cpuinfo_has_x86_avx512bw() &&
             cpuinfo_has_x86_avx512cd() && cpuinfo_has_x86_avx512dq() && cpuinfo_has_x86_avx512vl();
    case CpuFeature::kAvx512Vnni:
      return cpuinfo_has_x86_avx512vnni();
    case CpuFeature::kAvx512Fp16:
      return cpuinfo_has_x86_avx512fp16();
    case CpuFeature::kAvx512Bf16:
      return cpuinfo_has_x86_avx512bf16();
    case CpuFeature::kAmxTile:
      return cpuinfo_has_x86_amx_tile();
    case CpuFeature::kAmxInt8:
      return cpuinfo_has_x86_amx_int8();
    case CpuFeature::kAmxBf16:
      return cpuinfo_has_x86_amx_bf16();
  }
  return false;
}

// Streaming vector length of this thread, which its children inherit; asked of the system, since no
// SME instruction is executed before a kernel is chosen. 0 where the system does not tell.
uint32_t StreamingVectorBits() {
#if defined(__aarch64__)
  // From linux/prctl.h, which older systems have without them.
  constexpr int kGetSmeVectorLength = 64;
  constexpr int kLengthMask = 0xFFFF;
  const int answer = prctl(kGetSmeVectorLength, 0, 0, 0, 0);
  return answer > 0 ? static_cast<uint32_t>(answer & kLengthMask) * 8 : 0;
#else
  return 0;
#endif
}

CpuFeatures Detect() {
  CpuFeatures host;
  // Fails where the system hides its CPUs. All features then are absent but the architecture's own.
  const bool is_initialized = cpuinfo_initialize();
  for (const CpuFeatureRow& row : kFeatures) {
    if ((is_initialized || row.feature == CpuFeature::kNeon) && HostHas(row.feature)) {
      host.Add(row.feature);
    }
  }
  if (host.Has(CpuFeature::kSme)) host.streaming_vector_bits = StreamingVectorBits();
  if (!is_initialized) return host;
  if (const cpuinfo_cache* l1 = cpuinfo_get_l1d_cache(0)) host.l1_data_bytes = l1->size;
  if (const cpuinfo_cache* l2 = cpuinfo_get_l2_cache(0)) host.l2_bytes = l2->size;
  return host;
}

}  // namespace

std::span<const CpuFeatureRow> CpuFeatureTable() { return kFeatures; }

std::string_view Name(CpuFeature feature) {
  const auto position = static_cast<size_t>(feature);
  return position < std::size(kFeatures) ? kFeatures[position].name : "unknown";
}

std::string CpuFeatures::ToString() const {
  std::string text;
  for (const CpuFeatureRow& row : kFeatures) {
    if (!Has(row.feature)) continue;
    if (!text.empty()) text += ' ';
    text += row.name;
  }
  return text.empty() ? "none" : text;
}

bool CpuFeatures::AreOfAnotherArchitecture(uint32_t features) const {
  uint32_t of[2] = {};  // of x86-64, of Arm
  for (const CpuFeatureRow& row : kFeatures) of[row.arm] |= FeatureBits({row.feature});
  return ((features & of[true]) != 0 && (bits_ & of[false]) != 0) ||
         ((features & of[false]) != 0 && (bits_ & of[true]) != 0);
}

const CpuFeatures& HostCpuFeatures() {
  static const CpuFeatures host = Detect();
  return host;
}

Status CheckCpuinfoLayout() {
  Dl_info library;
  const ElfW(Sym)* symbol = nullptr;
  const int found =
      dladdr1(&cpuinfo_isa, &library, const_cast<void**>(reinterpret_cast<const void**>(&symbol)),
              RTLD_DL_SYMENT);
  // Linked statically: the copy that was compiled for.
  if (found == 0 || symbol == nullptr || symbol->st_size == sizeof(cpuinfo_isa)) return {};
  return Fail(ErrorCode::kInvalidState,
              "cpuinfo: that of {} has {} bytes of CPU features, expected {}; link the libcpuinfo "
              "that XNNPACK needs before it",
              library.dli_fname, symbol->st_size, sizeof(cpuinfo_isa));
}

}  // namespace switchyard
