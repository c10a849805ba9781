#include "kernels/cpu/mask.h"

#include <gtest/gtest.h>

#include <string>

namespace switchyard {
namespace {

CpuFeatures Sme2Host() {
  CpuFeatures host;
  for (CpuFeature feature :
       {CpuFeature::kNeon, CpuFeature::kNeonFp16, CpuFeature::kDotProd, CpuFeature::kI8mm,
        CpuFeature::kSve, CpuFeature::kSve2, CpuFeature::kSme, CpuFeature::kSme2}) {
    host.Add(feature);
  }
  host.streaming_vector_bits = 256;
  host.l1_data_bytes = 64 << 10;
  host.l2_bytes = 1 << 20;
  return host;
}

TEST(ParseCpu, Words) {
  const struct {
    const char* text;
    const char* features;
    uint32_t vector_bits;
  } rows[] = {
      {"stock", "none", 0},
      {"dotprod", "neon neonfp16 dotprod", 0},
      {"i8mm", "neon neonfp16 dotprod i8mm", 0},
      {"sme", "neon neonfp16 dotprod i8mm sme", 512},
      {"sme2", "neon neonfp16 dotprod i8mm sme sme2", 512},
      {"avx2", "sse41 avx2", 0},
      {"host", "neon neonfp16 dotprod i8mm sve sve2 sme sme2", 256},
      {"host,-sme2", "neon neonfp16 dotprod i8mm sve sve2 sme", 256},
      // What builds on a feature goes with it, what it builds on comes with it.
      {"host,-sme", "neon neonfp16 dotprod i8mm sve sve2", 0},
      {"-sme,-sve", "neon neonfp16 dotprod i8mm", 0},
      {"stock,sve2", "neon sve sve2", 0},
      {"avx512vnni", "sse41 avx2 avx512 avx512vnni", 0},
      {"i8mm,-dotprod", "neon neonfp16 i8mm", 0},
      {"neon", "neon", 0},
      {"dotprod,i8mm", "neon neonfp16 dotprod i8mm", 0},
      {"sme2,-sme,sme", "neon neonfp16 dotprod i8mm sme", 512},
      {"sme2:svl=128", "neon neonfp16 dotprod i8mm sme sme2", 128},
      {"host,-sme2:svl=2048", "neon neonfp16 dotprod i8mm sve sve2 sme", 2048},
  };
  for (const auto& row : rows) {
    const Result<CpuFeatures> cpu = ParseCpu(row.text, Sme2Host());
    ASSERT_TRUE(cpu.has_value()) << row.text << ": " << cpu.error().ToString();
    EXPECT_EQ(cpu->ToString(), row.features) << row.text;
    EXPECT_EQ(cpu->streaming_vector_bits, row.vector_bits) << row.text;
  }
  EXPECT_EQ(ParseCpu("host", Sme2Host())->l2_bytes, size_t{1} << 20);
  EXPECT_EQ(ParseCpu("sme2", Sme2Host())->l2_bytes, 0u);
}

TEST(ParseCpu, ErrorsNameTheWordAndTheAllowedOnes) {
  const struct {
    const char* text;
    const char* named;
  } rows[] = {
      {"", "unknown word \"\""},
      {"sme3", "unknown word \"sme3\""},
      {"host,", "unknown word \"\""},
      {"host,-", "unknown word \"-\""},
      {"host,-host", "unknown word \"-host\""},
      {"-stock", "unknown word \"-stock\""},
      {"SME2", "unknown word \"SME2\""},
      {"dotprod i8mm", "unknown word \"dotprod i8mm\""},
      {"sme2:vl=128", "unknown suffix \":vl=128\""},
      {"sme2:svl=", "streaming vector length \"\""},
      {"sme2:svl=100", "streaming vector length \"100\""},
      {"sme2:svl=64", "streaming vector length \"64\""},
      {"sme2:svl=4096", "streaming vector length \"4096\""},
      {"sme2:svl=-128", "streaming vector length \"-128\""},
      {"sme2:svl=128,host", "streaming vector length \"128,host\""},
      {"sme2:svl=99999999999999999999", "streaming vector length \"99999999999999999999\""},
      {"i8mm:svl=128", "without SME"},
  };
  for (const auto& row : rows) {
    const Result<CpuFeatures> cpu = ParseCpu(row.text, Sme2Host());
    ASSERT_FALSE(cpu.has_value()) << row.text;
    EXPECT_EQ(cpu.error().code, ErrorCode::kInvalidArgument) << row.text;
    EXPECT_TRUE(cpu.error().message.contains(row.named)) << cpu.error().message;
    EXPECT_TRUE(cpu.error().message.contains("expected")) << cpu.error().message;
  }
  const std::string message = ParseCpu("x", CpuFeatures()).error().message;
  for (const char* word : {"host", "stock", "dotprod", "i8mm", "sme2", "avx2", "avx512vnni"}) {
    EXPECT_TRUE(message.contains(word)) << message;
  }
}

TEST(MaskCpu, OnlyTakesAway) {
  CpuFeatures host = Sme2Host();
  EXPECT_EQ(MaskCpu("host", host)->ToString(), host.ToString());
  EXPECT_EQ(MaskCpu("host", host)->streaming_vector_bits, 256u);
  EXPECT_EQ(MaskCpu("sme2", host)->streaming_vector_bits, 256u);
  EXPECT_EQ(MaskCpu("i8mm", host)->ToString(), "neon neonfp16 dotprod i8mm");
  EXPECT_EQ(MaskCpu("i8mm", host)->streaming_vector_bits, 0u);
  EXPECT_EQ(MaskCpu("i8mm", host)->l2_bytes, host.l2_bytes);
  EXPECT_EQ(MaskCpu("stock", host)->ToString(), "none");
  EXPECT_EQ(MaskCpu("avx2", host)->ToString(), "none");
  host.Remove(CpuFeature::kSme2);
  host.Remove(CpuFeature::kI8mm);
  EXPECT_EQ(MaskCpu("sme2", host)->ToString(), "neon neonfp16 dotprod sme");
}

TEST(MaskCpu, RefusesAVectorLength) {
  const Result<CpuFeatures> cpu = MaskCpu("sme2:svl=128", Sme2Host());
  ASSERT_FALSE(cpu.has_value());
  EXPECT_EQ(cpu.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(cpu.error().message.contains(":svl=128")) << cpu.error().message;
  EXPECT_FALSE(MaskCpu("nonsense", Sme2Host()).has_value());
}

}  // namespace
}  // namespace switchyard
