// pqs8_qc8w: GEMM, GEMV and indirect convolution, all bitwise.

#include <gtest/gtest.h>

#include "test/unit/kernels/gemm/harness.h"

namespace switchyard::test {
namespace {

using Mode = GemmRun::Mode;

class Pqs8Gemm : public testing::TestWithParam<std::string> {
 protected:
  void Check(const GemmCase& shape, bool gemv) {
    const KernelRow& kernel = FindKernel(GetParam());
    SCOPED_TRACE(GetParam() + "." + shape.ToString());
    std::mt19937 random(11);
    const auto int8 = [&] { return std::uniform_int_distribution(-128, 127)(random); };

    Matrix<int8_t> lhs(shape.m, shape.k), rhs(shape.k, shape.n);
    for (int8_t& x : lhs.values) x = static_cast<int8_t>(int8());
    for (int8_t& w : rhs.values) w = static_cast<int8_t>(std::max(int8(), -127));
    std::vector<int32_t> bias(shape.n, 0);
    std::vector<float> factors;
    for (size_t j = 0; j < shape.n; ++j) {
      if (shape.bias) bias[j] = std::uniform_int_distribution(-20000, 20000)(random);
      // Sums reach from one output step to far beyond the range.
      factors.push_back(std::exp2(std::uniform_real_distribution(-14.0f, -6.0f)(random)));
    }
    const int32_t lhs_zero_point = int8();
    std::vector<int8_t> weights = rhs.values;
    if (!shape.kxn) {
      for (size_t k = 0; k < shape.k; ++k) {
        for (size_t j = 0; j < shape.n; ++j) weights[j * shape.k + k] = rhs(k, j);
      }
    }
    const GuardedBuffer lhs_bytes = GuardedBuffer::Of(lhs.values);
    Matrix<uint8_t> is_padding(shape.m, shape.taps);
    for (size_t i = 0; i < shape.m; ++i) {
      const auto [first, last] = TapsInside(random, shape.taps);
      for (size_t tap = 0; tap < shape.taps; ++tap) {
        is_padding(i, tap) = tap < first || tap >= last;
        if (is_padding(i, tap) == 0) continue;
        for (size_t c = 0; c < shape.channels; ++c) {
          lhs(i, tap * shape.channels + c) = static_cast<int8_t>(lhs_zero_point);
        }
      }
    }

    GemmProblem problem{
        .op = shape.taps != 0 ? GemmOperator::kConv2d : GemmOperator::kFullyConnected,
        .variant = kernel.variant,
        .m = shape.m,
        .n = shape.n,
        .k = shape.k,
        .rhs_is_kxn = shape.kxn,
        .lhs_type = DataType::kQInt8,
        .rhs_type = DataType::kQCInt8,
        .output_type = DataType::kQInt8};
    problem.taps = shape.taps;
    problem.channels_per_tap = shape.channels;
    const std::unique_ptr<PackedGemm> gemm = MakePackedGemm(kernel, problem, HostCpuFeatures());
    ASSERT_NE(gemm, nullptr);

    const GuardedBuffer weight_bytes = GuardedBuffer::Of(weights);
    const GuardedBuffer bias_bytes = GuardedBuffer::Of(bias);
    const GuardedBuffer factor_bytes = GuardedBuffer::Of(factors);
    const GuardedBuffer padding_bytes =
        GuardedBuffer::Of(std::vector<int8_t>(shape.channels, static_cast<int8_t>(lhs_zero_point)));
    const GemmRun run{.row = kernel,
                      .gemm = *gemm,
                      .shape = shape,
                      .rhs = {.weights = weight_bytes.data(),
                              .bias = shape.bias ? bias_bytes.data() : nullptr,
                              .scales = factor_bytes.as<float>(),
                              .lhs_zero_point = lhs_zero_point},
                      .lhs = lhs_bytes.data(),
                      .lhs_element_bytes = 1,
                      .output_element_bytes = 1,
                      .stage = {.quantized_min = shape.clamp ? -50 : -128,
                                .quantized_max = shape.clamp ? 33 : 127,
                                .quantized_zero_point = int8()},
                      .is_padding = shape.taps != 0 ? &is_padding : nullptr,
                      .padding = padding_bytes.data()};
    const std::vector<std::byte> whole = run.Run(gemv ? Mode::kGemv : Mode::kWhole);
    EXPECT_EQ(whole, run.Run(gemv ? Mode::kGemvTiles : Mode::kTiles)) << "tiles differ";
    for (size_t i = 0; i < shape.m; ++i) {
      for (size_t j = 0; j < shape.n; ++j) {
        const int8_t y = Pqs8Reference(lhs, lhs_zero_point, rhs, i, j, bias[j], factors[j],
                                       run.stage.quantized_zero_point, run.stage.quantized_min,
                                       run.stage.quantized_max);
        ASSERT_EQ(static_cast<int>(static_cast<int8_t>(whole[i * shape.n + j])), int{y})
            << "row " << i << " column " << j;
      }
    }
  }
};

TEST_P(Pqs8Gemm, Gemm) {
  const KernelRow& kernel = FindKernel(GetParam());
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel);
  for (const GemmCase& shape : GemmCases(kernel)) Check(shape, false);
}

TEST_P(Pqs8Gemm, Gemv) {
  const KernelRow& kernel = FindKernel(GetParam());
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel);
  if (kernel.gemv.name.empty()) GTEST_SKIP() << kernel.name << " has no GEMV";
  for (const GemmCase& shape : GemvCases(kernel)) Check(shape, true);
}

TEST_P(Pqs8Gemm, Indirect) {
  const KernelRow& kernel = FindKernel(GetParam());
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel);
  for (const GemmCase& shape : IndirectCases(kernel)) Check(shape, false);
}

INSTANTIATE_TEST_SUITE_P(Rows, Pqs8Gemm, testing::ValuesIn(RowNames(Variant::kPqs8Qc8w)),
                         ParameterName);

}  // namespace
}  // namespace switchyard::test
