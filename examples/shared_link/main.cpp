// A host of its own kind, without ExecuTorch, that links libswitchyard.so: runs a payload once, on
// inputs of ones.
#include <switchyard/backend/switchyard_backend.h>
#include <switchyard/runtime/blob_runner.h>
#include <switchyard/runtime/registry.h>
#include <switchyard/schema/payload.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <vector>

using switchyard::ElementType;
using switchyard::OwnedTensor;

namespace {

int Fail(const char* what, const switchyard::Error& error) {
  std::fprintf(stderr, "%s: %s\n", what, error.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s PAYLOAD\nRuns it on inputs of ones.\n", argv[0]);
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    std::fprintf(stderr, "%s: cannot be read\n", argv[1]);
    return 3;
  }
  const auto payload = std::as_bytes(std::span(bytes));

  // The library has registered itself when it was loaded.
  const auto backend = switchyard::FindBackend(switchyard::kBackendName);
  if (!backend) return Fail(argv[0], backend.error());
  auto runner = switchyard::BlobRunner::Load(**backend, payload);
  if (!runner) return Fail(argv[1], runner.error());

  // What a runtime would know of its tensors, the payload says, too.
  const auto graph = switchyard::ReadPayload(payload, nullptr);
  if (!graph) return Fail(argv[1], graph.error());
  std::vector<OwnedTensor> arguments(graph->num_externals);
  for (const switchyard::Value& value : graph->values) {
    if (!value.external_id) continue;
    const auto type = switchyard::ExternalElementType(value.type);
    if (!type) continue;
    auto tensor = OwnedTensor::Create(*type, value.dims.span());
    if (!tensor) return Fail(argv[1], tensor.error());
    if (value.is_external_input && *type == ElementType::kF32) {
      std::fill_n(tensor->data<float>(), tensor->bytes().size() / sizeof(float), 1.0f);
    }
    arguments[*value.external_id] = *std::move(tensor);
  }

  const auto status = runner->Run(arguments);
  if (!status) return Fail(argv[1], status.error());
  for (const switchyard::Value& value : graph->values) {
    if (!value.is_external_output) continue;
    const OwnedTensor& tensor = arguments[*value.external_id];
    std::printf("%s", switchyard::Describe(value).c_str());
    if (tensor.element_type() == ElementType::kF32 && !tensor.bytes().empty()) {
      const auto [low, high] = std::ranges::minmax(
          std::span(tensor.data<float>(), tensor.bytes().size() / sizeof(float)));
      std::printf(", from %g to %g", low, high);
    }
    std::printf("\n");
  }
  return 0;
}
