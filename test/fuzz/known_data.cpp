#include "test/fuzz/known_data.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace switchyard::fuzz {

KnownData::KnownData() {
  for (const std::filesystem::path& folder : test::ModelFolders()) {
    // Bundled programs are of the same delegates.
    if (!std::filesystem::exists(folder / "model.pte")) continue;
    Result<test::Model> model = test::LoadModel(folder);
    if (!model) {
      std::fprintf(stderr, "%s: %s\n", folder.c_str(), model.error().ToString().c_str());
      std::exit(2);
    }
    models_.push_back(*std::move(model));
  }
}

Result<DataBuffer> KnownData::Get(std::string_view key) const {
  for (const test::Model& model : models_) {
    if (Result<DataBuffer> found = model.named_data->Get(key)) return found;
  }
  return Fail(ErrorCode::kNotFound, "no model of test/data names {}", key);
}

}  // namespace switchyard::fuzz
