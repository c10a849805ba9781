#include "test/support/test_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <utility>

namespace switchyard::test {
namespace {

namespace fs = std::filesystem;

void AddFolders(const fs::path& root, std::string_view prefix,
                std::map<std::string, fs::path>& to) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(root, error)) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    if (fs::exists(entry.path() / "model.pte") || fs::exists(entry.path() / "model.bpte")) {
      to.emplace(std::move(name), entry.path());
    }
  }
}

}  // namespace

Result<std::vector<std::byte>> ReadFile(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  if (!stream) {
    return Fail(ErrorCode::kAccessFailed, "{}: cannot be opened; is it there?", path.string());
  }
  std::vector<std::byte> bytes(static_cast<size_t>(stream.tellg()));
  stream.seekg(0);
  if (!stream.read(reinterpret_cast<char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()))) {
    return Fail(ErrorCode::kAccessFailed, "{}: reading its {} bytes failed", path.string(),
                bytes.size());
  }
  return bytes;
}

std::vector<float> ReadTestFloats(const fs::path& file) {
  const auto bytes = ReadFile(fs::path(SWITCHYARD_TEST_DATA) / file);
  // 10 bytes, of which the last two are the length of the text that follows.
  if (!bytes || bytes->size() <= 10) {
    ADD_FAILURE() << file << ": " << (bytes ? "cut off" : bytes.error().ToString());
    return {};
  }
  const size_t start =
      10 + std::to_integer<size_t>(bytes->at(8)) + 256 * std::to_integer<size_t>(bytes->at(9));
  std::vector<float> floats((bytes->size() - start) / sizeof(float));
  std::memcpy(floats.data(), bytes->data() + start, floats.size() * sizeof(float));
  return floats;
}

std::vector<fs::path> ModelFolders(std::string_view prefix) {
  std::map<std::string, fs::path> folders;
  AddFolders(SWITCHYARD_TEST_DATA, prefix, folders);
  if (const char* more = std::getenv("SWITCHYARD_MODELS"); more != nullptr) {
    AddFolders(more, prefix, folders);
  }
  std::vector<fs::path> result;
  for (const auto& [name, path] : folders) result.push_back(path);
  return result;
}

Result<Model> LoadModel(const fs::path& folder, std::string_view file_name) {
  Model model;
  model.name = folder.filename().string();
  SWITCHYARD_ASSIGN(model.file, ReadFile(folder / file_name));
  SWITCHYARD_ASSIGN(model.program, ReadProgram(model.file));
  model.named_data = std::make_unique<NamedDataViews>(model.program.named_data);
  std::vector<fs::path> external;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".ptd") external.push_back(entry.path());
  }
  std::ranges::sort(external);
  for (const fs::path& path : external) {
    SWITCHYARD_ASSIGN(std::vector<std::byte> bytes, ReadFile(path));
    SWITCHYARD_ASSIGN(const NamedDataViews::Map entries, ReadExternalData(bytes));
    model.external_files.push_back(std::move(bytes));
    SWITCHYARD_TRY(model.named_data->Merge(entries));
  }
  for (const ProgramMethod& method : model.program.methods) {
    for (size_t i = 0; i < method.delegates.size(); ++i) {
      if (method.delegates[i].id != "XnnpackBackend") continue;
      model.payloads.push_back(
          {std::format("{}/{}/{}", model.name, method.name, i), method.delegates[i].payload});
    }
  }
  return model;
}

Model LoadTestModel(std::string_view name) {
  Result<Model> model = LoadModel(fs::path(SWITCHYARD_TEST_DATA) / name);
  if (!model) {
    ADD_FAILURE() << name << ": " << model.error().ToString();
    return {};
  }
  return *std::move(model);
}

}  // namespace switchyard::test
