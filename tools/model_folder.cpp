#include "tools/model_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime/base/format.h"
#include "runtime/tensor.h"
#include "tools/json_file.h"
#include "tools/layout.h"
#include "tools/scalar_types.h"

namespace switchyard::tools {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kMetaFile = "meta.json";

// Reads the members of one JSON object; the first that is missing or wrong is the error.
class Members {
 public:
  Members(std::string where, const json& object) : where_(std::move(where)), object_(object) {}

  // Null when it is not there.
  const json* Find(const char* key, json::value_t type) {
    auto found = object_.find(key);
    if (found == object_.end()) return nullptr;
    bool fits = type == json::value_t::number_float ? found->is_number() : found->type() == type;
    if (fits) return &*found;
    Wrong(Format("'{}' is {}", key, found->type_name()), json(type).type_name());
    return nullptr;
  }
  const json* Require(const char* key, json::value_t type) {
    const json* found = Find(key, type);
    if (found == nullptr && error_.empty()) {
      Wrong(Format("'{}' is missing", key), json(type).type_name());
    }
    return found;
  }
  void Wrong(std::string_view found, std::string_view expected) {
    if (error_.empty()) {
      error_ = Format("{}: {}, expected {}; export the model again", where_, found, expected);
    }
  }
  const std::string& error() const { return error_; }

 private:
  std::string where_;
  const json& object_;
  std::string error_;
};

Outcome<ModelCase> ReadCase(const std::string& where, const json& object, fs::path folder) {
  ModelCase result;
  result.folder = std::move(folder);
  if (!object.is_object()) {
    return Fail(ExitCode::kInvalidFile, "{} is {}, expected an object; export the model again",
                where, object.type_name());
  }
  Members members(where, object);
  if (const json* method = members.Require("method", json::value_t::string)) {
    result.method = method->get<std::string>();
  }
  const json* layouts = members.Require("layouts", json::value_t::array);
  for (size_t i = 0; layouts != nullptr && i < layouts->size(); ++i) {
    const json& layout = (*layouts)[i];
    std::vector<uint8_t> order;
    bool numbers = layout.is_array() && layout.size() <= kMaxTensorRank;
    for (size_t j = 0; numbers && j < layout.size(); ++j) {
      numbers = layout[j].is_number_unsigned() && layout[j].get<uint64_t>() < kMaxTensorRank;
      if (numbers) order.push_back(static_cast<uint8_t>(layout[j].get<uint64_t>()));
    }
    if (!numbers || !IsDimOrder(order, order.size())) {
      members.Wrong(Format("layout {} is {}", i, Excerpt(layout)),
                    "a permutation such as [0, 1, 2]");
      break;
    }
    result.dim_orders.push_back(std::move(order));
  }
  if (!members.error().empty()) return Fail(ExitCode::kInvalidFile, "{}", members.error());
  return result;
}

// A plain file name, so that meta.json cannot lead out of the folder; the C library would cut it at
// a zero byte.
bool IsFileName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && !name.contains('/') &&
         !name.contains('\0');
}

}  // namespace

Outcome<std::vector<fs::path>> FindModelFolders(const std::vector<fs::path>& roots) {
  std::vector<fs::path> folders;
  for (const fs::path& root : roots) {
    std::error_code error;
    size_t before = folders.size();
    if (fs::exists(root / kMetaFile, error)) folders.push_back(root);
    fs::recursive_directory_iterator entries(root, error);
    if (error) {
      return Fail(ExitCode::kUsage, "{}: is not a folder that can be read: {}", root.string(),
                  error.message());
    }
    while (entries != fs::recursive_directory_iterator()) {
      if (entries->is_directory(error) && fs::exists(entries->path() / kMetaFile, error)) {
        folders.push_back(entries->path());
      }
      entries.increment(error);
      if (error) {
        return Fail(ExitCode::kUsage, "{}: cannot be read: {}", root.string(), error.message());
      }
    }
    if (folders.size() == before) {
      return Fail(ExitCode::kUsage,
                  "{}: there is no meta.json in it or below it, expected a model "
                  "folder or a folder of such folders",
                  root.string());
    }
  }
  std::ranges::sort(folders);
  auto repeated = std::ranges::unique(folders);
  folders.erase(repeated.begin(), repeated.end());
  return folders;
}

Outcome<ModelFolder> ReadModelFolder(const fs::path& folder) {
  fs::path path = folder / kMetaFile;
  SWITCHYARD_ASSIGN(const json meta, ReadJsonObject(path));
  ModelFolder model;
  Members members(path.string(), meta);
  if (const json* name = members.Find("name", json::value_t::string)) model.name = *name;
  if (const json* rtol = members.Require("rtol", json::value_t::number_float)) {
    model.tolerance.rtol = *rtol;
  }
  if (const json* atol = members.Require("atol", json::value_t::number_float)) {
    model.tolerance.atol = *atol;
  }
  if (const json* cosine = members.Find("min_cosine", json::value_t::number_float)) {
    model.tolerance.min_cosine = *cosine;
  }
  if (const json* task = members.Find("task", json::value_t::string)) model.task = *task;
  if (model.tolerance.rtol < 0 || model.tolerance.atol < 0) {
    members.Wrong("a tolerance is negative", "0 or more");
  }
  if (const json* files = members.Find("external_data", json::value_t::array)) {
    for (const json& entry : *files) {
      if (!entry.is_string() || !IsFileName(entry.get_ref<const std::string&>())) {
        members.Wrong(Format("'external_data' has {}", Excerpt(entry)), "names of files");
        break;
      }
      model.data_files.push_back(folder / entry.get_ref<const std::string&>());
    }
  }
  const json* cases = members.Require("cases", json::value_t::array);
  if (cases != nullptr && cases->empty()) members.Wrong("'cases' is empty", "at least one case");
  if (!members.error().empty()) return Fail(ExitCode::kInvalidFile, "{}", members.error());
  for (size_t i = 0; i < cases->size(); ++i) {
    SWITCHYARD_ASSIGN(ModelCase item, ReadCase(Format("{}: case {}", path.string(), i), (*cases)[i],
                                               folder / Format("case{}", i)));
    model.cases.push_back(std::move(item));
  }
  if (model.name.empty()) model.name = folder.filename().string();
  std::error_code error;
  for (const char* program : {"model.pte", "model.bpte"}) {
    if (fs::exists(folder / program, error)) model.programs.push_back(folder / program);
  }
  if (model.programs.empty()) {
    return Fail(ExitCode::kInvalidFile, "{}: there is no model.pte and no model.bpte in it",
                folder.string());
  }
  return model;
}

Outcome<std::vector<MethodInput>> ReadCaseInputs(const ModelCase& item, const Program& program) {
  std::vector<MethodInput> inputs;
  for (size_t i = 0; i < item.dim_orders.size(); ++i) {
    fs::path path = item.folder / Format("input_{}.npy", i);
    SWITCHYARD_ASSIGN(Array array, ReadInput(path, &program, item.method, i));
    if (item.dim_orders[i].size() != array.shape.size()) {
      return Fail(ExitCode::kInvalidFile,
                  "{}: is {}, meta.json's layout of it has {} dimensions; export the model again",
                  path.string(), Describe(array), item.dim_orders[i].size());
    }
    inputs.push_back({std::move(array), item.dim_orders[i]});
  }
  return inputs;
}

}  // namespace switchyard::tools
