// The reference against the outputs that ExecuTorch itself gave for real models: what the suite
// holds a backend to is what the exporter's runtime computes.
#include "test/conformance/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schema/payload.h"
#include "test/support/test_data.h"
#include "tools/npy.h"

namespace switchyard::conformance {
namespace {

namespace fs = std::filesystem;

// Families of models of a few nodes, all in one delegate.
constexpr std::string_view kFamilies[] = {"fc.", "conv.", "bmm.", "op.", "qkv.", "attention."};

bool IsKnown(const Graph& graph) {
  return std::ranges::all_of(
      graph.nodes, [](const Node& node) { return reference::FunctionOf(node.kind) != nullptr; });
}

OwnedTensor ToTensor(const tools::Array& array, ElementType type) {
  OwnedTensor tensor(type, array.shape);
  EXPECT_EQ(tensor.bytes().size(), array.data.size());
  if (!array.data.empty()) std::memcpy(tensor.bytes().data(), array.data.data(), array.data.size());
  return tensor;
}

OwnedTensor ReadTensor(const fs::path& path, DataType type) {
  tools::Outcome<tools::Array> array = tools::ReadNpy(path);
  if (!array) {
    ADD_FAILURE() << array.error().message;
    return {};
  }
  // A maximum's index is int64 outside the delegate.
  if (array->type == tools::ArrayType::kInt64) return ToTensor(*array, ElementType::kInt64);
  return ToTensor(*array, *ExternalElementType(type));
}

bool HasDefaultLayouts(const nlohmann::json& layouts) {
  return std::ranges::all_of(layouts, [](const nlohmann::json& layout) {
    for (size_t i = 0; i < layout.size(); ++i) {
      if (layout[i] != i) return false;
    }
    return true;
  });
}

// Which model inputs and outputs the delegate's arguments are.
struct Binding {
  std::vector<size_t> inputs, outputs;
};
std::optional<Binding> Bind(const fs::path& folder, const Graph& graph) {
  Binding binding;
  std::vector<const Value*> externals(graph.num_externals);
  for (const Value& value : graph.values) {
    if (value.external_id) externals[*value.external_id] = &value;
  }
  for (const Value* value : externals) {
    if (value == nullptr) return std::nullopt;
    auto& list = value->is_external_input ? binding.inputs : binding.outputs;
    list.push_back(list.size());
  }
  const auto is_input = [](const fs::directory_entry& entry) {
    return entry.path().filename().string().starts_with("input_");
  };
  // What the model hands over besides (a constant, a view of an input) is not in the files.
  if (static_cast<size_t>(std::ranges::count_if(fs::directory_iterator(folder / "case0"),
                                                is_input)) != binding.inputs.size()) {
    return std::nullopt;
  }
  return binding;
}

// ExecuTorch runs a pointwise convolution as FullyConnected and then quantizes its input by pixel,
// where the payload says by image. The bounds are those of the payload.
bool DiffersByDesign(const fs::path& folder) { return folder.filename() == "conv.qd8.1x1"; }

// Checks every case of a model; false if it is not one that the reference can judge.
bool CheckModel(const fs::path& folder) {
  Result<test::Model> model = test::LoadModel(folder);
  if (!model || model->payloads.size() != 1 || model->program.methods.size() != 1) return false;
  if (!model->program.methods[0].operator_calls.empty()) return false;
  Result<Graph> graph = ReadPayload(model->payloads[0].bytes, model->named_data.get());
  if (!graph || !IsKnown(*graph)) return false;
  const std::optional<Binding> binding = Bind(folder, *graph);
  if (!binding) return false;
  std::ifstream file(folder / "meta.json");
  const nlohmann::json meta = nlohmann::json::parse(file);
  for (size_t c = 0; c < meta["cases"].size(); ++c) {
    if (!HasDefaultLayouts(meta["cases"][c]["layouts"])) return false;
    SCOPED_TRACE(folder.filename().string() + " case " + std::to_string(c));
    const fs::path data = folder / ("case" + std::to_string(c));
    std::vector<reference::Tensor> inputs;
    std::vector<const Value*> outputs;
    for (const Value& value : graph->values) {
      if (value.is_external_output) outputs.push_back(&value);
    }
    std::ranges::sort(outputs, {}, [](const Value* value) { return *value->external_id; });
    for (size_t i : binding->inputs) {
      for (const Value& value : graph->values) {
        if (!value.is_external_input || value.external_id != i) continue;
        Result<reference::Tensor> input = reference::FromHost(
            value, ReadTensor(data / ("input_" + std::to_string(i) + ".npy"), value.type));
        if (!input) {
          ADD_FAILURE() << input.error().message;
          return true;
        }
        inputs.push_back(*std::move(input));
      }
    }
    Result<std::vector<reference::Tensor>> expected = reference::Evaluate(*graph, inputs);
    if (!expected) {
      ADD_FAILURE() << expected.error().message;
      return true;
    }
    for (size_t i = 0; i < expected->size(); ++i) {
      const reference::Tensor& want = (*expected)[i];
      const OwnedTensor got =
          ReadTensor(data / ("expected_" + std::to_string(i) + ".npy"), outputs[i]->type);
      // A model's own output may have dimensions of one more or less than the delegate's.
      EXPECT_EQ(Dims(got.sizes()), want.dims);
      if (Dims(got.sizes()) != want.dims) continue;
      const reference::Difference difference = reference::Compare(want, got);
      EXPECT_TRUE(difference.pass || DiffersByDesign(folder))
          << "output " << i << ": " << difference.num_wrong << " of " << want.values.size()
          << " are beyond the bound, worst " << difference.worst << " times at "
          << difference.worst_index << ": " << difference.got << ", reference "
          << difference.expected << " within " << difference.bound;
      // Bounds so wide that they would hide a wrong reference are not enough: the values themselves
      // agree within what the model asks of ExecuTorch.
      const double rtol = meta["rtol"], atol = meta["atol"];
      Value plain;
      plain.type = want.type;
      const reference::Tensor host = *reference::FromHost(plain, got);
      for (size_t j = 0; j < want.values.size(); ++j) {
        const double error = std::abs(host.values[j] - want.values[j]);
        if (error <= atol + rtol * std::abs(host.values[j])) continue;
        ADD_FAILURE() << "output " << i << " element " << j << ": " << host.values[j]
                      << ", reference " << want.values[j];
        break;
      }
    }
  }
  return true;
}

TEST(Reference, AgreesWithExecutorchOnRealModels) {
  size_t judged = 0;
  for (std::string_view family : kFamilies) {
    for (const fs::path& folder : test::ModelFolders(family)) {
      const bool known = CheckModel(folder);
      judged += known;
      if (!known) std::cout << "not judged: " << folder.filename().string() << '\n';
    }
  }
  std::cout << judged << " models judged\n";
  EXPECT_GE(judged, 60u);
}

}  // namespace
}  // namespace switchyard::conformance
