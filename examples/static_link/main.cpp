// An ExecuTorch application whose delegated parts run on Switchyard. It is what it would be with
// ExecuTorch's own XNNPACK backend: nothing here names Switchyard, linking it is enough.

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

using executorch::extension::Module;
using executorch::extension::TensorPtr;
using executorch::runtime::Error;
using executorch::runtime::EValue;

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s MODEL.pte\nRuns method forward on inputs of ones.\n", argv[0]);
    return 2;
  }
  Module module(argv[1]);
  const auto meta = module.method_meta("forward");
  if (!meta.ok()) {
    std::fprintf(stderr, "%s: %s\n", argv[1], executorch::runtime::to_string(meta.error()));
    return 3;
  }
  std::vector<TensorPtr> tensors;  // own what the values refer to
  std::vector<EValue> inputs;
  for (size_t i = 0; i < meta->num_inputs(); ++i) {
    const auto tensor = meta->input_tensor_meta(i);
    if (!tensor.ok()) return 3;
    const std::vector<int32_t> sizes(tensor->sizes().begin(), tensor->sizes().end());
    tensors.push_back(executorch::extension::ones(sizes, tensor->scalar_type()));
    inputs.emplace_back(tensors.back());
  }

  const auto outputs = module.forward(inputs);
  if (!outputs.ok()) {
    std::fprintf(stderr, "%s: %s\n", argv[1], executorch::runtime::to_string(outputs.error()));
    return 1;
  }
  for (const EValue& output : *outputs) {
    const auto& tensor = output.toTensor();
    std::printf("output of %zd elements", static_cast<ssize_t>(tensor.numel()));
    if (tensor.scalar_type() == executorch::aten::ScalarType::Float && tensor.numel() > 0) {
      const float* data = tensor.const_data_ptr<float>();
      const auto [low, high] = std::minmax_element(data, data + tensor.numel());
      std::printf(", from %g to %g", *low, *high);
    }
    std::printf("\n");
  }
  return 0;
}
