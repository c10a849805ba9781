// Builds a model by hand, writes it as a payload, and runs the payload: no Python, no exporter, no
// host runtime.
#include <switchyard/backend/switchyard_backend.h>
#include <switchyard/runtime/blob_runner.h>
#include <switchyard/runtime/registry.h>
#include <switchyard/schema/writer.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <span>
#include <vector>

using switchyard::DataType;
using switchyard::ElementType;
using switchyard::Graph;
using switchyard::OwnedTensor;
using switchyard::ValueIndex;

namespace {

constexpr size_t kRows = 4, kInputs = 8, kOutputs = 3;

ValueIndex AddValue(Graph& graph, const switchyard::Dims& dims) {
  const auto index = static_cast<ValueIndex>(graph.values.size());
  switchyard::Value& value = graph.values.emplace_back();
  value.id = index;
  value.type = DataType::kF32;
  value.dims = dims;
  return index;
}

ValueIndex AddConstant(Graph& graph, const switchyard::Dims& dims,
                       std::span<const float> elements) {
  const ValueIndex index = AddValue(graph, dims);
  const auto bytes = std::as_bytes(elements);
  // The graph keeps the bytes that the constant views.
  graph.values[index].constant = {graph.owned_bytes.emplace_back(bytes.begin(), bytes.end()), ""};
  return index;
}

// y = max(0, x * weights^T + bias) * scale, with x and y as the arguments 0 and 1 of execute().
Graph ScaledLinear(std::span<const float> weights, std::span<const float> bias,
                   std::span<const float> scale) {
  Graph graph;
  const ValueIndex x = AddValue(graph, {kRows, kInputs});
  graph.values[x].is_external_input = true;
  graph.values[x].external_id = graph.num_externals++;
  const ValueIndex y = AddValue(graph, {kRows, kOutputs});
  graph.values[y].is_external_output = true;
  graph.values[y].external_id = graph.num_externals++;

  const ValueIndex linear = AddValue(graph, {kRows, kOutputs});

  switchyard::Node fully_connected;
  fully_connected.kind = switchyard::NodeKind::kFullyConnected;
  fully_connected.inputs = {x, AddConstant(graph, {kOutputs, kInputs}, weights),
                            AddConstant(graph, {kOutputs}, bias)};
  fully_connected.outputs = {linear};
  fully_connected.output_min = 0;
  graph.nodes.push_back(fully_connected);

  switchyard::Node multiply;
  multiply.id = 1;
  multiply.kind = switchyard::NodeKind::kMultiply;
  multiply.inputs = {linear, AddConstant(graph, {kOutputs}, scale)};
  multiply.outputs = {y};
  graph.nodes.push_back(multiply);
  return graph;
}

int Fail(const switchyard::Error& error) {
  std::fprintf(stderr, "write_a_blob: %s\n", error.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2) {
    std::fprintf(stderr, "usage: %s [FILE]\nAlso writes the payload to FILE.\n", argv[0]);
    return 2;
  }
  const std::vector<float> scale = {0.5f, 1, 2};
  std::vector<float> weights(kOutputs * kInputs), bias(kOutputs), x(kRows * kInputs);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = 0.25f * static_cast<float>(i % 7) - 0.5f;
  for (size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<float>(i) - 1;
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.125f * static_cast<float>(i % 5);

  const auto payload = switchyard::WritePayload(ScaledLinear(weights, bias, scale));
  if (!payload) return Fail(payload.error());
  std::printf("payload of %zu bytes\n", payload->bytes.size());
  if (argc == 2) {
    std::ofstream file(argv[1], std::ios::binary);
    file.write(reinterpret_cast<const char*>(payload->bytes.data()),
               static_cast<std::streamsize>(payload->bytes.size()));
    if (!file.flush()) {
      std::fprintf(stderr, "write_a_blob: cannot write %s\n", argv[1]);
      return 1;
    }
  }

  const auto backend = switchyard::FindBackend(switchyard::kBackendName);
  if (!backend) return Fail(backend.error());
  auto runner = switchyard::BlobRunner::Load(**backend, payload->bytes);
  if (!runner) return Fail(runner.error());

  OwnedTensor arguments[] = {OwnedTensor(ElementType::kF32, std::vector<size_t>{kRows, kInputs}),
                             OwnedTensor(ElementType::kF32, std::vector<size_t>{kRows, kOutputs})};
  std::ranges::copy(x, arguments[0].data<float>());
  const auto status = runner->Run(arguments);
  if (!status) return Fail(status.error());

  // Every product and sum here is a small multiple of 2^-5, so exact in any order.
  const float* y = arguments[1].data<float>();
  for (size_t row = 0; row < kRows; ++row) {
    for (size_t out = 0; out < kOutputs; ++out) {
      float expected = bias[out];
      for (size_t in = 0; in < kInputs; ++in) {
        expected += x[row * kInputs + in] * weights[out * kInputs + in];
      }
      expected = std::max(expected, 0.0f) * scale[out];
      if (y[row * kOutputs + out] != expected) {
        std::fprintf(stderr, "write_a_blob: y[%zu, %zu] is %g, expected %g\n", row, out,
                     y[row * kOutputs + out], expected);
        return 1;
      }
    }
  }
  std::printf("all %zu outputs are right\n", kRows * kOutputs);
  return 0;
}
