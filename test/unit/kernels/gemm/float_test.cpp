// pf32 and pf16: GEMM, GEMV and indirect convolution.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "runtime/base/float16.h"
#include "test/unit/kernels/gemm/harness.h"

namespace switchyard::test {
namespace {

using Mode = GemmRun::Mode;

float Rounded(float value, DataType type) {
  return type == DataType::kF16 ? F32FromF16(F16FromF32(value)) : value;
}

// Floats as they lie in memory in `type`.
GuardedBuffer Store(const std::vector<float>& values, DataType type) {
  if (type == DataType::kF32) return GuardedBuffer::Of(values);
  std::vector<uint16_t> halves;
  for (float value : values) halves.push_back(F16FromF32(value));
  return GuardedBuffer::Of(halves);
}

std::vector<float> Load(const std::vector<std::byte>& bytes, DataType type) {
  const bool is_f16 = type == DataType::kF16;
  std::vector<float> values(bytes.size() / (is_f16 ? 2 : 4));
  for (size_t i = 0; i < values.size(); ++i) {
    if (is_f16) {
      uint16_t half;
      std::memcpy(&half, bytes.data() + i * 2, 2);
      values[i] = F32FromF16(half);
    } else {
      std::memcpy(&values[i], bytes.data() + i * 4, 4);
    }
  }
  return values;
}

class FloatGemm : public testing::TestWithParam<std::string> {
 protected:
  // Runs one case in both modes of the GEMM, or of the GEMV, and compares with the reference.
  // `rhs_type` may be the other float type.
  void Check(const GemmCase& shape, bool gemv, DataType rhs_type) {
    const KernelRow& kernel = FindKernel(GetParam());
    SCOPED_TRACE(GetParam() + "." + shape.ToString());
    const bool is_f16 = kernel.variant == Variant::kPf16;
    const DataType type = is_f16 ? DataType::kF16 : DataType::kF32;
    std::mt19937 random(7);

    Matrix<float> lhs(shape.m, shape.k), rhs(shape.k, shape.n);
    for (float& x : lhs.values) x = Rounded(RandomValue(random, shape.integer, 2), type);
    for (float& w : rhs.values) {
      w = Rounded(Rounded(RandomValue(random, shape.integer, 2), rhs_type), type);
    }
    std::vector<float> bias(shape.n, 0.0f);
    if (shape.bias) {
      for (float& b : bias) b = Rounded(RandomValue(random, shape.integer, 9), type);
    }
    std::vector<float> weights = rhs.values;
    if (!shape.kxn) {
      for (size_t k = 0; k < shape.k; ++k) {
        for (size_t j = 0; j < shape.n; ++j) weights[j * shape.k + k] = rhs(k, j);
      }
    }
    // Padding is another value than zero, so that a kernel that assumes zeros fails.
    Matrix<uint8_t> is_padding(shape.m, shape.taps);
    std::vector<float> padding;
    for (size_t c = 0; c < shape.channels; ++c) {
      padding.push_back(Rounded(RandomValue(random, shape.integer, 2), type));
    }
    const GuardedBuffer lhs_bytes = Store(lhs.values, type);
    for (size_t i = 0; i < shape.m; ++i) {
      const auto [first, last] = TapsInside(random, shape.taps);
      for (size_t tap = 0; tap < shape.taps; ++tap) {
        is_padding(i, tap) = tap < first || tap >= last;
        if (is_padding(i, tap) == 0) continue;
        for (size_t c = 0; c < shape.channels; ++c) lhs(i, tap * shape.channels + c) = padding[c];
      }
    }

    GemmProblem problem{
        .op = shape.taps != 0 ? GemmOperator::kConv2d : GemmOperator::kFullyConnected,
        .variant = kernel.variant,
        .m = shape.m,
        .n = shape.n,
        .k = shape.k,
        .rhs_is_kxn = shape.kxn,
        .lhs_type = type,
        .rhs_type = rhs_type,
        .output_type = type};
    problem.taps = shape.taps;
    problem.channels_per_tap = shape.channels;
    const std::unique_ptr<PackedGemm> gemm = MakePackedGemm(kernel, problem, HostCpuFeatures());
    ASSERT_NE(gemm, nullptr);

    const GuardedBuffer weight_bytes = Store(weights, rhs_type);
    const GuardedBuffer bias_bytes = Store(bias, type);
    const GuardedBuffer padding_bytes = Store(padding, type);
    const float limit = shape.integer ? 2.0f : 0.5f;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const GemmRun run{
        .row = kernel,
        .gemm = *gemm,
        .shape = shape,
        .rhs = {.weights = weight_bytes.data(), .bias = shape.bias ? bias_bytes.data() : nullptr},
        .lhs = lhs_bytes.data(),
        .lhs_element_bytes = is_f16 ? 2u : 4u,
        .output_element_bytes = is_f16 ? 2u : 4u,
        .stage = {.min = shape.clamp ? -limit : -kInfinity, .max = shape.clamp ? limit : kInfinity},
        .is_padding = shape.taps != 0 ? &is_padding : nullptr,
        .padding = padding_bytes.data()};
    const std::vector<std::byte> whole = run.Run(gemv ? Mode::kGemv : Mode::kWhole);
    EXPECT_EQ(whole, run.Run(gemv ? Mode::kGemvTiles : Mode::kTiles)) << "tiles differ";

    const std::vector<float> out = Load(whole, type);
    for (size_t i = 0; i < shape.m; ++i) {
      for (size_t j = 0; j < shape.n; ++j) {
        const Sum sum = SumOf(lhs, rhs, i, j, bias[j]);
        const ReferenceValue y = is_f16 ? Pf16Reference(sum, shape.k, run.stage.min, run.stage.max)
                                        : Pf32Reference(sum, shape.k, run.stage.min, run.stage.max);
        const double found = out[i * shape.n + j];
        if (shape.integer) {
          ASSERT_EQ(found, y.value) << "row " << i << " column " << j;
        } else {
          ASSERT_LE(std::abs(found - y.value), y.bound)
              << "row " << i << " column " << j << ": " << found << ", expected " << y.value;
        }
      }
    }
  }

  DataType OwnType() {
    return FindKernel(GetParam()).variant == Variant::kPf16 ? DataType::kF16 : DataType::kF32;
  }
  DataType OtherType() { return OwnType() == DataType::kF16 ? DataType::kF32 : DataType::kF16; }
};

TEST_P(FloatGemm, Gemm) {
  const KernelRow& kernel = FindKernel(GetParam());
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel);
  for (const GemmCase& shape : GemmCases(kernel)) Check(shape, false, OwnType());
}

TEST_P(FloatGemm, Gemv) {
  const KernelRow& kernel = FindKernel(GetParam());
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel);
  for (const GemmCase& shape : GemvCases(kernel)) Check(shape, true, OwnType());
}

TEST_P(FloatGemm, Indirect) {
  const KernelRow& kernel = FindKernel(GetParam());
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel);
  if (kernel.imatmul.empty()) GTEST_SKIP() << kernel.name << " has no indirect convolution";
  for (const GemmCase& shape : IndirectCases(kernel)) Check(shape, false, OwnType());
}

TEST_P(FloatGemm, WeightsOfTheOtherFloatType) {
  const KernelRow& kernel = FindKernel(GetParam());
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel);
  for (bool kxn : {false, true}) {
    GemmCase shape{.m = 3, .n = kernel.nr.At(HostVl()) + 5, .k = 33, .kxn = kxn, .bias = true};
    Check(shape, false, OtherType());
    if (kernel.imatmul.empty()) continue;
    shape.taps = 3;
    shape.channels = 11;
    Check(shape, false, OtherType());
  }
}

INSTANTIATE_TEST_SUITE_P(Pf32, FloatGemm, testing::ValuesIn(RowNames(Variant::kPf32)),
                         ParameterName);
INSTANTIATE_TEST_SUITE_P(Pf16, FloatGemm, testing::ValuesIn(RowNames(Variant::kPf16)),
                         ParameterName);

}  // namespace
}  // namespace switchyard::test
