#include "kernels/cpu/features.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <set>

#if defined(__aarch64__)
#include <sys/auxv.h>
#else
#include <cpuid.h>
#endif

namespace switchyard {
namespace {

TEST(CpuFeatures, NamesAreUniqueAndInTheTablesOrder) {
  std::set<std::string_view> names;
  for (const CpuFeatureRow& row : CpuFeatureTable()) {
    names.insert(row.name);
    EXPECT_EQ(Name(row.feature), row.name);
    EXPECT_EQ(row.name.find(' '), std::string_view::npos) << row.name;
  }
  EXPECT_EQ(names.size(), CpuFeatureTable().size());
  EXPECT_LE(CpuFeatureTable().size(), 32u) << "CpuFeatures keeps 32 bits";
}

TEST(CpuFeatures, AddRemoveAndPrint) {
  CpuFeatures cpu;
  EXPECT_EQ(cpu.ToString(), "none");
  cpu.Add(CpuFeature::kAvx512Vnni);
  cpu.Add(CpuFeature::kAvx2);
  cpu.Add(CpuFeature::kAvx512);
  EXPECT_EQ(cpu.ToString(), "avx2 avx512 avx512vnni");
  EXPECT_TRUE(cpu.Has(CpuFeature::kAvx512));
  EXPECT_FALSE(cpu.Has(CpuFeature::kAvx512Fp16));
  cpu.Remove(CpuFeature::kAvx512);
  cpu.Remove(CpuFeature::kAvx512);
  EXPECT_EQ(cpu.ToString(), "avx2 avx512vnni");
  for (const CpuFeatureRow& row : CpuFeatureTable()) {
    CpuFeatures one;
    one.Add(row.feature);
    EXPECT_EQ(one.ToString(), row.name);
  }
}

TEST(CpuFeatures, HostHasOnlyItsOwnArchitecture) {
#if defined(__aarch64__)
  constexpr bool kArm = true;
#else
  constexpr bool kArm = false;
#endif
  const CpuFeatures& host = HostCpuFeatures();
  EXPECT_EQ(&host, &HostCpuFeatures());
  for (const CpuFeatureRow& row : CpuFeatureTable()) {
    if (host.Has(row.feature)) EXPECT_EQ(row.arm, kArm) << row.name;
  }
}

TEST(CpuFeatures, HostCachesArePlausible) {
  const CpuFeatures& host = HostCpuFeatures();
  RecordProperty("host", host.ToString());
  if (host.l1_data_bytes != 0) {
    EXPECT_GE(host.l1_data_bytes, 4u << 10);
    EXPECT_LE(host.l1_data_bytes, 1u << 20);
  }
  if (host.l2_bytes != 0) EXPECT_GT(host.l2_bytes, host.l1_data_bytes);
}

// A second source: the system's word on AArch64, the CPU's on x86-64. This fails where the process
// has another build of cpuinfo than the one that we (and XNNPACK) were compiled for, since its
// getters read a structure whose layout differs between builds.
#if defined(__aarch64__)

uint32_t ReadStreamingVectorBytes() {
  uint64_t bytes;
  // RDSVL x0, #1
  asm volatile(".inst 0x04bf5820\n mov %0, x0" : "=r"(bytes) : : "x0");
  return static_cast<uint32_t>(bytes);
}

TEST(CpuFeatures, HostAgreesWithTheSystem) {
  const CpuFeatures& host = HostCpuFeatures();
  const uint64_t words[] = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
  const struct {
    CpuFeature feature;
    int word, bit;  // HWCAP or HWCAP2, as in asm/hwcap.h
  } rows[] = {
      {CpuFeature::kNeon, 0, 1}, {CpuFeature::kNeonFp16, 0, 10}, {CpuFeature::kDotProd, 0, 20},
      {CpuFeature::kSve, 0, 22}, {CpuFeature::kSve2, 1, 1},      {CpuFeature::kI8mm, 1, 13},
      {CpuFeature::kSme, 1, 23}, {CpuFeature::kSme2, 1, 37},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(host.Has(row.feature), (words[row.word] >> row.bit & 1) != 0) << Name(row.feature);
  }
}

TEST(CpuFeatures, StreamingVectorLength) {
  const CpuFeatures& host = HostCpuFeatures();
  if (!host.Has(CpuFeature::kSme)) {
    EXPECT_EQ(host.streaming_vector_bits, 0u);
    return;
  }
  EXPECT_EQ(host.streaming_vector_bits, ReadStreamingVectorBytes() * 8);
  EXPECT_TRUE(std::has_single_bit(host.streaming_vector_bits)) << host.streaming_vector_bits;
}

#else

TEST(CpuFeatures, HostAgreesWithTheCpu) {
  const CpuFeatures& host = HostCpuFeatures();
  EXPECT_EQ(host.streaming_vector_bits, 0u);
  struct {
    unsigned eax, ebx, ecx, edx;
  } leaf1{}, leaf7{}, leaf7_1{};
  ASSERT_TRUE(__get_cpuid(1, &leaf1.eax, &leaf1.ebx, &leaf1.ecx, &leaf1.edx));
  ASSERT_TRUE(__get_cpuid_count(7, 0, &leaf7.eax, &leaf7.ebx, &leaf7.ecx, &leaf7.edx));
  if (leaf7.eax >= 1) {
    __get_cpuid_count(7, 1, &leaf7_1.eax, &leaf7_1.ebx, &leaf7_1.ecx, &leaf7_1.edx);
  }
  const auto bit = [](unsigned word, int i) { return (word >> i & 1) != 0; };
  EXPECT_EQ(host.Has(CpuFeature::kSse41), bit(leaf1.ecx, 19));
  // What the operating system saves: the vector registers' upper halves, masks, tiles.
  uint64_t saved = 0;
  if (bit(leaf1.ecx, 27)) {
    unsigned low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    saved = uint64_t{high} << 32 | low;
  }
  const bool avx = (saved & 0x6) == 0x6;
  const bool avx512 = (saved & 0xE6) == 0xE6;
  EXPECT_EQ(host.Has(CpuFeature::kAvx2),
            avx && bit(leaf7.ebx, 5) && bit(leaf1.ecx, 12) && bit(leaf1.ecx, 29));
  EXPECT_EQ(host.Has(CpuFeature::kAvxVnni), avx && bit(leaf7_1.eax, 4));
  EXPECT_EQ(host.Has(CpuFeature::kAvx512), avx512 && bit(leaf7.ebx, 16) && bit(leaf7.ebx, 30) &&
                                               bit(leaf7.ebx, 28) && bit(leaf7.ebx, 17) &&
                                               bit(leaf7.ebx, 31));
  EXPECT_EQ(host.Has(CpuFeature::kAvx512Vnni), avx512 && bit(leaf7.ecx, 11));
  EXPECT_EQ(host.Has(CpuFeature::kAvx512Fp16), avx512 && bit(leaf7.edx, 23));
  EXPECT_EQ(host.Has(CpuFeature::kAvx512Bf16), avx512 && bit(leaf7_1.eax, 5));
  // The instructions alone: whether the system lets us use tiles is asked elsewhere.
  EXPECT_EQ(host.Has(CpuFeature::kAmxTile), bit(leaf7.edx, 24));
  EXPECT_EQ(host.Has(CpuFeature::kAmxInt8), bit(leaf7.edx, 25));
  EXPECT_EQ(host.Has(CpuFeature::kAmxBf16), bit(leaf7.edx, 22));
}

#endif

}  // namespace
}  // namespace switchyard
