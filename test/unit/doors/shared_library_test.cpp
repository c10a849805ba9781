// libswitchyard_executorch.so, loaded at run time into a host that knows nothing of it.

#include <dlfcn.h>
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>
#include <executorch/runtime/backend/interface.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "test/unit/doors/recording_host.h"

namespace switchyard {
namespace {

namespace et = executorch::runtime;
namespace ext = executorch::extension;

// fc.fp32's answer to a row of ones.
std::vector<float> RunLinear() {
  ext::Module module(SWITCHYARD_TEST_DATA "/fc.fp32/model.pte");
  std::vector<float> ones(37, 1.0f);
  const auto outputs = module.forward(et::EValue(ext::make_tensor_ptr({1, 37}, ones.data())));
  EXPECT_TRUE(outputs.ok()) << et::to_string(outputs.error()) << "\n"
                            << test::RecordingHost::Get().Errors();
  if (!outputs.ok()) return {};
  const auto& output = (*outputs)[0].toTensor();
  return {output.const_data_ptr<float>(), output.const_data_ptr<float>() + output.numel()};
}

TEST(SharedLibrary, RegistersWhenLoadedAndStaysWhenClosed) {
  test::RecordingHost::Start();
  ASSERT_EQ(et::get_backend_class("XnnpackBackend"), nullptr) << "linked into the test?";
  void* library = dlopen(SWITCHYARD_SHARED_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  ASSERT_NE(et::get_backend_class("XnnpackBackend"), nullptr);
  const std::vector<float> answer = RunLinear();
  ASSERT_EQ(answer.size(), 19u);
  float largest = 0;
  for (float value : answer) largest = std::fmax(largest, std::fabs(value));
  EXPECT_GT(largest, 0.01f);

  // ExecuTorch has no way to forget a backend.
  EXPECT_EQ(dlclose(library), 0);
  EXPECT_EQ(RunLinear(), answer);
}

}  // namespace
}  // namespace switchyard
