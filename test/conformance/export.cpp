#include "test/conformance/export.h"

#include <cstring>
#include <format>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "test/conformance/reference.h"
#include "tools/npy.h"

namespace switchyard::conformance {
namespace {

Status WriteBytes(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return Fail(ErrorCode::kAccessFailed, "cannot write '{}'", path.string());
  return {};
}

tools::ArrayType TypeOf(ElementType type) {
  switch (type) {
    case ElementType::kF32:
      return tools::ArrayType::kF32;
    case ElementType::kF16:
      return tools::ArrayType::kF16;
    case ElementType::kBF16:
      return tools::ArrayType::kBF16;
    case ElementType::kInt8:
      return tools::ArrayType::kInt8;
    case ElementType::kUInt8:
      return tools::ArrayType::kUInt8;
    case ElementType::kInt32:
      return tools::ArrayType::kInt32;
    case ElementType::kInt64:
      return tools::ArrayType::kInt64;
  }
  return tools::ArrayType::kF32;
}

Status WriteArray(const std::filesystem::path& path, tools::ArrayType type,
                  std::span<const size_t> shape, std::span<const std::byte> bytes) {
  tools::Array array;
  array.type = type;
  array.shape.assign(shape.begin(), shape.end());
  array.data.assign(bytes.begin(), bytes.end());
  return WriteBytes(path, tools::SerializeNpy(array));
}

Status ExportRun(const Built& built, std::span<const OwnedTensor> inputs,
                 const std::filesystem::path& folder, nlohmann::ordered_json& json) {
  std::filesystem::create_directories(folder);
  std::vector<reference::Tensor> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (const Value& value : built.graph.values) {
      if (!value.is_external_input || value.external_id != i) continue;
      SWITCHYARD_ASSIGN(reference::Tensor tensor, reference::FromHost(value, inputs[i]));
      tensors.push_back(std::move(tensor));
    }
    const tools::ArrayType type = TypeOf(inputs[i].element_type());
    const std::string name = std::format("input_{}.npy", i);
    SWITCHYARD_TRY(WriteArray(folder / name, type, inputs[i].sizes(), inputs[i].bytes()));
    json["inputs"].push_back(name);
  }
  SWITCHYARD_ASSIGN(const std::vector<reference::Tensor> expected,
                    reference::Evaluate(built.graph, tensors));
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string name = std::format("expected_{}.npy", i);
    const std::string bound = std::format("bound_{}.npy", i);
    const std::span<const size_t> shape = expected[i].dims.span();
    SWITCHYARD_TRY(WriteArray(folder / name, tools::ArrayType::kF64, shape,
                              std::as_bytes(std::span(expected[i].values))));
    SWITCHYARD_TRY(WriteArray(folder / bound, tools::ArrayType::kF64, shape,
                              std::as_bytes(std::span(expected[i].bounds))));
    json["outputs"].push_back(
        {{"expected", name}, {"bound", bound}, {"type", Name(expected[i].type)}});
  }
  return {};
}

Status ExportCase(const Case& item, uint64_t seed, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  Built built = BuildCase(item, seed);
  // Constants go inside, so that the file stands alone.
  WriterOptions options = built.writer;
  if (options.constants == ConstantStorage::kNamed) options.constants = ConstantStorage::kOffset;
  SWITCHYARD_ASSIGN(const Payload payload, WritePayload(built.graph, options));
  SWITCHYARD_TRY(WriteBytes(folder / "payload.bin", payload.bytes));
  nlohmann::ordered_json json{{"name", item.name},
                              {"seed", seed},
                              {"payload", "payload.bin"},
                              {"must_pass", item.must_pass},
                              {"expect", item.refused ? "refused" : "answers"}};
  for (size_t run = 0; run < built.runs.size() && !item.refused; ++run) {
    const std::string name = std::format("run{}", run);
    nlohmann::ordered_json run_json{{"folder", name}};
    SWITCHYARD_TRY(ExportRun(built, built.runs[run], folder / name, run_json));
    json["runs"].push_back(std::move(run_json));
  }
  const std::string text = json.dump(1) + "\n";
  return WriteBytes(folder / "case.json", std::as_bytes(std::span(text)));
}

}  // namespace

Status ExportCases(std::span<const Case> cases, uint64_t seed,
                   const std::filesystem::path& folder) {
  try {
    for (const Case& item : cases) {
      SWITCHYARD_TRY(ExportCase(item, seed, folder / item.name));
    }
  } catch (const std::filesystem::filesystem_error& error) {
    return Fail(ErrorCode::kAccessFailed, "{}", error.what());
  }
  return {};
}

}  // namespace switchyard::conformance
