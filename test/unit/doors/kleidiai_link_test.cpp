// Debian's libXNNPACK exports an older KleidiAI than ours. In a program and in a shared library
// linked as the build's targets do it, our calls reach ours, and XNNPACK's its own.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <kai/ukernels/matmul/pack/kai_lhs_quant_pack_qai8dxp_f32.h>
#include <xnnpack.h>

#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "test/unit/doors/kleidiai_link_library.h"

namespace switchyard {
namespace {

// What tells the copies apart: 1 in KleidiAI 1.6, its argument (mr) in 1.19 and later.
constexpr size_t kOld = 1, kNew = 4;

size_t MStepOfXnnpacksCopy() {
  void* xnnpack = dlopen("libXNNPACK.so.0.20241108", RTLD_NOW | RTLD_NOLOAD);
  if (xnnpack == nullptr) return 0;
  auto* function = reinterpret_cast<size_t (*)(size_t)>(
      dlsym(xnnpack, "kai_get_m_step_lhs_quant_pack_qai8dxp_f32"));
  const size_t step = function != nullptr ? function(4) : 0;
  dlclose(xnnpack);
  return step;
}

// y[m][n] = sum over k of x[m][k] * w[n][k], by XNNPACK; on CPUs with SME2 through its KleidiAI.
std::vector<float> FullyConnected(const std::vector<float>& x, const std::vector<float>& w,
                                  size_t m, size_t n, size_t k) {
  std::vector<float> padded_x = x, y(m * n, NAN);
  padded_x.resize(x.size() + XNN_EXTRA_BYTES);
  xnn_subgraph_t subgraph = nullptr;
  EXPECT_EQ(xnn_create_subgraph(2, 0, &subgraph), xnn_status_success);
  const size_t x_dims[] = {m, k}, w_dims[] = {n, k}, y_dims[] = {m, n};
  uint32_t x_id, w_id, y_id;
  EXPECT_EQ(xnn_define_tensor_value(subgraph, xnn_datatype_fp32, 2, x_dims, nullptr, 0,
                                    XNN_VALUE_FLAG_EXTERNAL_INPUT, &x_id),
            xnn_status_success);
  EXPECT_EQ(xnn_define_tensor_value(subgraph, xnn_datatype_fp32, 2, y_dims, nullptr, 1,
                                    XNN_VALUE_FLAG_EXTERNAL_OUTPUT, &y_id),
            xnn_status_success);
  EXPECT_EQ(xnn_define_tensor_value(subgraph, xnn_datatype_fp32, 2, w_dims, w.data(),
                                    XNN_INVALID_VALUE_ID, 0, &w_id),
            xnn_status_success);
  EXPECT_EQ(xnn_define_fully_connected(subgraph, -INFINITY, INFINITY, x_id, w_id,
                                       XNN_INVALID_VALUE_ID, y_id, 0),
            xnn_status_success);
  xnn_runtime_t runtime = nullptr;
  EXPECT_EQ(xnn_create_runtime_v2(subgraph, nullptr, 0, &runtime), xnn_status_success);
  const xnn_external_value values[] = {{x_id, padded_x.data()}, {y_id, y.data()}};
  EXPECT_EQ(xnn_setup_runtime(runtime, 2, values), xnn_status_success);
  EXPECT_EQ(xnn_invoke_runtime(runtime), xnn_status_success);
  xnn_delete_runtime(runtime);
  xnn_delete_subgraph(subgraph);
  return y;
}

TEST(KleidiaiLink, EverybodyGetsTheirOwn) {
  ASSERT_EQ(xnn_initialize(nullptr), xnn_status_success);
  constexpr size_t kM = 16, kN = 40, kK = 24;
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> x(kM * kK), w(kN * kK);
  for (float& value : x) value = uniform(random);
  for (float& value : w) value = uniform(random);
  const std::vector<float> y = FullyConnected(x, w, kM, kN, kK);
  for (size_t m = 0; m < kM; ++m) {
    for (size_t n = 0; n < kN; ++n) {
      double sum = 0;
      for (size_t k = 0; k < kK; ++k) sum += double{x[m * kK + k]} * w[n * kK + k];
      ASSERT_NEAR(y[m * kN + n], sum, 1e-4) << m << ", " << n;
    }
  }

  EXPECT_EQ(kai_get_m_step_lhs_quant_pack_qai8dxp_f32(4), kNew);
  EXPECT_EQ(test::MStepOfTheLibrarysKleidiai(), kNew);
  EXPECT_EQ(MStepOfXnnpacksCopy(), kOld) << "no clash any more? then this test is not needed";
}

}  // namespace
}  // namespace switchyard
