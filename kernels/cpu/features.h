// What a CPU can do, as a value: detected once, printable, and maskable, so that every decision for
// every CPU can be made and tested on any machine.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/api.h"
#include "runtime/base/error.h"

namespace switchyard {

enum class CpuFeature : uint8_t {
  kNeon,      // AArch64 with floating point and Advanced SIMD
  kNeonFp16,  // f16 arithmetic
  kDotProd,
  kI8mm,
  kSve,
  kSve2,
  kSme,
  kSme2,
  kSse41,
  kAvx2,  // with FMA3 and F16C
  kAvxVnni,
  kAvx512,  // F, BW, CD, DQ, VL
  kAvx512Vnni,
  kAvx512Fp16,
  kAvx512Bf16,
  kAmxTile,
  kAmxInt8,
  kAmxBf16,
};

constexpr uint32_t FeatureBits(std::initializer_list<CpuFeature> features) {
  uint32_t bits = 0;
  for (const CpuFeature feature : features) bits |= uint32_t{1} << static_cast<unsigned>(feature);
  return bits;
}

struct CpuFeatureRow {
  CpuFeature feature;
  std::string_view name;  // as in masks: "dotprod", "avx512vnni"
  bool arm;               // else x86-64
};
SWITCHYARD_API std::span<const CpuFeatureRow> CpuFeatureTable();
SWITCHYARD_API std::string_view Name(CpuFeature feature);

// What the architecture allows as a streaming vector length.
inline constexpr uint32_t kMinStreamingVectorBits = 128;
inline constexpr uint32_t kMaxStreamingVectorBits = 2048;
constexpr bool IsStreamingVectorLength(uint64_t bits) {
  return std::has_single_bit(bits) && bits >= kMinStreamingVectorBits &&
         bits <= kMaxStreamingVectorBits;
}

class CpuFeatures {
 public:
  constexpr bool Has(CpuFeature feature) const {
    return bits_ >> static_cast<unsigned>(feature) & 1;
  }
  constexpr void Add(CpuFeature feature) { bits_ |= uint32_t{1} << static_cast<unsigned>(feature); }
  constexpr void Remove(CpuFeature feature) {
    bits_ &= ~(uint32_t{1} << static_cast<unsigned>(feature));
  }
  // Of the features in `required` (a bit for each, as FeatureBits() makes them), those this CPU
  // lacks.
  constexpr CpuFeatures Missing(uint32_t required) const {
    CpuFeatures missing;
    missing.bits_ = required & ~bits_;
    return missing;
  }
  constexpr bool IsEmpty() const { return bits_ == 0; }
  // Whether any of these features can only be had with an architecture that this CPU is not of, as
  // far as its own features tell.
  bool AreOfAnotherArchitecture(uint32_t features) const;

  // Streaming vector length in bits; 0 without SME.
  uint32_t streaming_vector_bits = 0;
  size_t l1_data_bytes = 0;  // 0: unknown
  size_t l2_bytes = 0;       // 0: unknown

  // "avx2 avx512 avx512vnni", in the table's order; "none" for no feature.
  SWITCHYARD_API std::string ToString() const;

 private:
  uint32_t bits_ = 0;
};

// This machine, detected on the first call. Thread-safe.
SWITCHYARD_API const CpuFeatures& HostCpuFeatures();

// Errors: InvalidState when another library's cpuinfo stands in for the one that this library, and
// XNNPACK, were compiled for, and lays its features out differently: they would be misread.
Status CheckCpuinfoLayout();

}  // namespace switchyard
