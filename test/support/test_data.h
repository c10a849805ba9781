// The real models that the tests use: test/data in the repository, and the folder of environment
// variable SWITCHYARD_MODELS where it is set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "schema/program.h"

namespace switchyard::test {

// A file's bytes, at an address that is a multiple of 16. Errors: AccessFailed.
Result<std::vector<std::byte>> ReadFile(const std::filesystem::path& path);

// The elements of a .npy file (version 1) of floats below test/data; a failed test and nothing when
// it cannot be read.
std::vector<float> ReadTestFloats(const std::filesystem::path& file);

// Overwrites the bytes at `offset`, which must be inside.
template <typename T>
void Put(std::vector<std::byte>& bytes, size_t offset, T number) {
  std::memcpy(bytes.data() + offset, &number, sizeof number);
}

// Bytes of a program: for tests of every model that say nothing new about large ones. There is a
// limit where the CPU is emulated.
inline size_t LargestModel() {
  const char* limit = std::getenv("SWITCHYARD_TEST_MODEL_BYTES");
  return limit == nullptr ? SIZE_MAX : std::strtoull(limit, nullptr, 10);
}

// Folders with a model.pte or model.bpte, sorted by name, each name once; only those whose name
// starts with `prefix`.
std::vector<std::filesystem::path> ModelFolders(std::string_view prefix = "");

// One XNNPACK payload of a model.
struct ModelPayload {
  std::string name;  // "qkv.fp32/forward/0": folder, method, delegate
  std::span<const std::byte> bytes;
};

// A model's program with the external data beside it. Movable; the views stay valid.
struct Model {
  std::string name;
  std::vector<std::byte> file;
  std::vector<std::vector<std::byte>> external_files;
  Program program;
  std::unique_ptr<NamedDataViews> named_data;  // of the program and of the external files
  std::vector<ModelPayload> payloads;          // of every delegate named XnnpackBackend
};

// Reads `folder`/model.pte (or `file_name`) and every .ptd beside it.
Result<Model> LoadModel(const std::filesystem::path& folder,
                        std::string_view file_name = "model.pte");

// The model of test/data with this name; a failed test and an empty model when it cannot be read.
Model LoadTestModel(std::string_view name);

}  // namespace switchyard::test
