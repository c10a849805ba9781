// qp8_f32_qc8w and qp8_f32_qb4w: the run-time quantization, GEMM and GEMV.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "runtime/base/float16.h"
#include "test/unit/kernels/gemm/harness.h"

namespace switchyard::test {
namespace {

using Mode = GemmRun::Mode;

// Rows as the packer left them: panels of mr rows, in each runs of `depth` elements of one row
// after the other, then mr negative zero points, then mr scales.
QuantizedRow Unpack(const std::byte* packed, size_t mr, size_t depth, size_t k, size_t i) {
  const size_t padded = (k + 31) / 32 * 32;
  const std::byte* panel = packed + i / mr * mr * (padded + 8);
  const size_t lane = i % mr;
  QuantizedRow row;
  for (size_t kk = 0; kk < k; ++kk) {
    const size_t run = kk / depth * mr + lane;
    row.q.push_back(static_cast<int8_t>(panel[run * depth + kk % depth]));
  }
  int32_t negative_zero_point;
  std::memcpy(&negative_zero_point, panel + mr * padded + lane * 4, 4);
  row.zero_point = -negative_zero_point;
  std::memcpy(&row.scale, panel + mr * padded + mr * 4 + lane * 4, 4);
  return row;
}

// Rows of the x86-64 tiers (kernels/x86/strips.h): int16, uint8 of 128 more, or int8 with the sum
// of each 32, then the negative zero point and the scale.
QuantizedRow UnpackX86(const std::byte* packed, const KernelRow& kernel, size_t k) {
  const size_t multiple = std::max(kernel.kr, kernel.lhs_vector.depth_multiple);
  const size_t depth = (k + multiple - 1) / multiple * multiple;
  QuantizedRow row;
  for (size_t kk = 0; kk < k; ++kk) {
    const auto byte = static_cast<uint8_t>(packed[kk]);
    if (kernel.lhs_layout == "qp8_s16") {
      int16_t q;
      std::memcpy(&q, packed + kk * sizeof(q), sizeof(q));
      row.q.push_back(static_cast<int8_t>(q));
      EXPECT_EQ(row.q.back(), q);
    } else if (kernel.lhs_layout.starts_with("qp8_u8")) {
      row.q.push_back(static_cast<int8_t>(byte - 128));
    } else {
      row.q.push_back(static_cast<int8_t>(byte));
    }
  }
  const std::byte* end = packed + depth * (kernel.lhs_layout == "qp8_s16" ? 2 : 1);
  if (kernel.lhs_layout == "qp8_s8_sums") {
    for (size_t k0 = 0; k0 < k; k0 += 32, end += sizeof(int32_t)) {
      int32_t sum;
      std::memcpy(&sum, end, sizeof(sum));
      EXPECT_EQ(sum, -8 * std::accumulate(row.q.begin() + k0, row.q.begin() + k0 + 32, 0));
    }
  }
  int32_t negative_zero_point;
  std::memcpy(&negative_zero_point, end, sizeof(negative_zero_point));
  row.zero_point = -negative_zero_point;
  std::memcpy(&row.scale, end + sizeof(negative_zero_point), sizeof(row.scale));
  return row;
}

// Rows of all kinds: both signs, one sign, constant, zero, large, tiny.
Matrix<float> Activations(std::mt19937& random, const GemmCase& shape, bool f16) {
  Matrix<float> lhs(shape.m, shape.k);
  for (size_t i = 0; i < shape.m; ++i) {
    const auto set = [&](size_t k, float value) {
      lhs(i, k) = f16 ? F32FromF16(F16FromF32(value)) : value;
    };
    for (size_t k = 0; k < shape.k; ++k) {
      if (shape.integer) {
        set(k, std::uniform_int_distribution(-128, 127)(random));
        continue;
      }
      const float x = RandomValue(random, false, 0);
      switch (i % 7) {
        case 1:
          set(k, std::abs(x));
          break;
        case 2:
          set(k, -std::abs(x) - 3);
          break;
        case 3:
          set(k, 0.75f);
          break;
        case 4:
          set(k, 0.0f);
          break;
        case 5:
          set(k, x * 1000);
          break;
        case 6:
          set(k, x * 0x1p-12f);
          break;
        default:
          set(k, x);
      }
    }
    // The scale is 1 and the zero point 0.
    if (shape.integer) {
      set(random() % (shape.k / 2), -128);
      set(shape.k / 2 + random() % (shape.k - shape.k / 2), 127);
    }
  }
  return lhs;
}

class Qp8Gemm : public testing::TestWithParam<std::string> {
 protected:
  void Check(GemmCase shape, bool gemv, DataType lhs_type = DataType::kF32) {
    const KernelRow& kernel = FindKernel(GetParam());
    if (shape.k < 2) shape.integer = false;  // one value is not both -128 and 127
    SCOPED_TRACE(GetParam() + "." + shape.ToString());
    const bool is_int4 = kernel.variant == Variant::kQp8F32Qb4w;
    std::mt19937 random(13);

    const Matrix<float> lhs = Activations(random, shape, lhs_type == DataType::kF16);
    Matrix<int8_t> rhs(shape.k, shape.n);
    for (int8_t& w : rhs.values) {
      w = static_cast<int8_t>(
          std::uniform_int_distribution(is_int4 ? -8 : -127, is_int4 ? 7 : 127)(random));
    }
    std::vector<float> bias(shape.n, 0.0f);
    if (shape.bias) {
      for (float& b : bias) b = RandomValue(random, shape.integer, 99);
    }
    const auto random_scale = [&] {
      const float exponent = std::uniform_real_distribution(-6.0f, 2.0f)(random);
      return F32FromBF16(BF16FromF32(std::exp2(shape.integer ? std::round(exponent) : exponent)));
    };
    const size_t blocks = is_int4 ? shape.k / shape.block_length : 1;
    Matrix<float> scales(blocks, shape.n);
    for (float& scale : scales.values) scale = random_scale();

    GemmProblem problem{.variant = kernel.variant,
                        .m = shape.m,
                        .n = shape.n,
                        .k = shape.k,
                        .rhs_is_kxn = shape.kxn,
                        .lhs_type = lhs_type,
                        .rhs_type = is_int4 ? DataType::kQBInt4 : DataType::kQCInt8,
                        .block_length = shape.block_length};
    const std::unique_ptr<PackedGemm> gemm = MakePackedGemm(kernel, problem, HostCpuFeatures());
    ASSERT_NE(gemm, nullptr);

    std::vector<uint16_t> block_scales;
    for (size_t j = 0; j < shape.n; ++j) {
      for (size_t b = 0; b < blocks; ++b) block_scales.push_back(BF16FromF32(scales(b, j)));
    }
    std::vector<uint16_t> halves;
    for (float x : lhs.values) halves.push_back(F16FromF32(x));
    const GuardedBuffer lhs_bytes =
        lhs_type == DataType::kF16 ? GuardedBuffer::Of(halves) : GuardedBuffer::Of(lhs.values);
    const GuardedBuffer weight_bytes = GuardedBuffer::Of(Weights(rhs, shape.kxn, is_int4));
    const GuardedBuffer bias_bytes = GuardedBuffer::Of(bias);
    const GuardedBuffer scale_bytes = GuardedBuffer::Of(scales.values);
    const GuardedBuffer block_scale_bytes = GuardedBuffer::Of(block_scales);
    const float limit = shape.integer ? 1000.0f : 0.5f;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const GemmRun run{.row = kernel,
                      .gemm = *gemm,
                      .shape = shape,
                      .rhs = {.weights = weight_bytes.data(),
                              .bias = shape.bias ? bias_bytes.data() : nullptr,
                              .scales = is_int4 ? nullptr : scale_bytes.as<float>(),
                              .block_scales = is_int4 ? block_scale_bytes.as<uint16_t>() : nullptr},
                      .lhs = lhs_bytes.data(),
                      .lhs_element_bytes = lhs_type == DataType::kF16 ? 2u : 4u,
                      .output_element_bytes = 4,
                      .stage = {.min = shape.clamp ? -limit : -kInfinity,
                                .max = shape.clamp ? limit : kInfinity}};

    const std::vector<QuantizedRow> rows = QuantizedRows(run, kernel, gemv);
    for (size_t i = 0; i < shape.m; ++i) {
      const QuantizedRowReference expected = QuantizeReference(lhs.row(i));
      ASSERT_EQ(rows[i].zero_point, expected.zero_point) << "row " << i;
      ASSERT_EQ(rows[i].scale, expected.scale) << "row " << i;
      for (size_t k = 0; k < shape.k; ++k) {
        const bool is_less = expected.may_be_less[k] && rows[i].q[k] == expected.q[k] - 1;
        ASSERT_TRUE(rows[i].q[k] == expected.q[k] || is_less)
            << "row " << i << " element " << k << ": " << int{rows[i].q[k]} << ", expected "
            << int{expected.q[k]};
      }
      if (shape.integer) {
        ASSERT_EQ(rows[i].zero_point, 0);
        ASSERT_EQ(rows[i].scale, 1.0f);
      }
    }

    const std::vector<std::byte> whole = run.Run(gemv ? Mode::kGemv : Mode::kWhole);
    EXPECT_EQ(whole, run.Run(gemv ? Mode::kGemvTiles : Mode::kTiles)) << "tiles differ";
    for (size_t i = 0; i < shape.m; ++i) {
      for (size_t j = 0; j < shape.n; ++j) {
        float found;
        std::memcpy(&found, whole.data() + (i * shape.n + j) * 4, 4);
        const auto where = [&] { return std::format("row {} column {}", i, j); };
        if (is_int4) {
          const ReferenceValue y = Qb4wReference(rows[i], rhs, scales, shape.block_length, j,
                                                 bias[j], run.stage.min, run.stage.max);
          if (shape.integer) {
            ASSERT_EQ(double{found}, y.value) << where();
          } else {
            ASSERT_LE(std::abs(found - y.value), y.bound)
                << where() << ": " << found << ", expected " << y.value;
          }
        } else {
          const Qc8wReference y =
              Qc8wReferenceOf(rows[i], rhs, j, scales(0, j), bias[j], run.stage.min, run.stage.max);
          // SME's GEMVs alone multiply and add in one.
          const bool is_fused = gemv && kernel.IsScalable();
          ASSERT_EQ(found, is_fused ? y.fused : y.separate) << where();
        }
      }
    }
  }

 private:
  // [n, k] or [k, n], int8 or nibbles.
  static std::vector<uint8_t> Weights(const Matrix<int8_t>& rhs, bool kxn, bool is_int4) {
    const size_t outer = kxn ? rhs.rows : rhs.columns;
    const size_t inner = kxn ? rhs.columns : rhs.rows;
    const size_t row_bytes = is_int4 ? (inner + 1) / 2 : inner;
    std::vector<uint8_t> bytes(outer * row_bytes, is_int4 ? 0x88 : 0);
    for (size_t i = 0; i < outer; ++i) {
      for (size_t j = 0; j < inner; ++j) {
        const int8_t w = kxn ? rhs(i, j) : rhs(j, i);
        if (!is_int4) {
          bytes[i * row_bytes + j] = static_cast<uint8_t>(w);
          continue;
        }
        uint8_t& byte = bytes[i * row_bytes + j / 2];
        const unsigned nibble = static_cast<unsigned>(w + 8);
        byte =
            static_cast<uint8_t>(j % 2 == 0 ? (byte & 0xF0) | nibble : (byte & 0x0F) | nibble << 4);
      }
    }
    return bytes;
  }

  static std::vector<QuantizedRow> QuantizedRows(const GemmRun& run, const KernelRow& kernel,
                                                 bool gemv) {
    const bool is_x86 = kernel.tier >= Tier::kAvx2 || kernel.tier == Tier::kAmxModel;
    const size_t depth = kernel.kr / kernel.sr, mr = gemv ? 1 : kernel.mr.At(HostVl());
    const GuardedBuffer packed = gemv ? run.PackGemvRow() : run.PackLhs(false);
    std::vector<QuantizedRow> rows;
    for (size_t i = 0; i < run.shape.m; ++i) {
      const std::byte* row = packed.data() + run.gemm.layout().LhsOffset(i);
      rows.push_back(is_x86 ? UnpackX86(row, kernel, run.shape.k)
                            : Unpack(packed.data(), mr, depth, run.shape.k, i));
    }
    return rows;
  }
};

TEST_P(Qp8Gemm, Gemm) {
  const KernelRow& kernel = FindKernel(GetParam());
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel);
  for (const GemmCase& shape : GemmCases(kernel)) Check(shape, false);
}

TEST_P(Qp8Gemm, Gemv) {
  const KernelRow& kernel = FindKernel(GetParam());
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel);
  if (kernel.gemv.name.empty()) GTEST_SKIP() << GetParam() << " has no GEMV";
  for (const GemmCase& shape : GemvCases(kernel)) Check(shape, true);
}

TEST_P(Qp8Gemm, HalfActivations) {
  const KernelRow& kernel = FindKernel(GetParam());
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel);
  for (const GemmCase& shape : GemmCases(kernel)) {
    if (shape.m <= 7 || shape.n <= 5)
      Check(shape, shape.m == 1 && !kernel.gemv.name.empty(), DataType::kF16);
  }
}

INSTANTIATE_TEST_SUITE_P(Qc8w, Qp8Gemm, testing::ValuesIn(RowNames(Variant::kQp8F32Qc8w)),
                         ParameterName);
INSTANTIATE_TEST_SUITE_P(Qb4w, Qp8Gemm, testing::ValuesIn(RowNames(Variant::kQp8F32Qb4w)),
                         ParameterName);

}  // namespace
}  // namespace switchyard::test
