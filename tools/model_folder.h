// Folders of a model with inputs and expected outputs: model.pte, model.bpte, meta.json, caseK/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tools/compare.h"
#include "tools/failure.h"
#include "tools/host.h"

namespace switchyard::tools {

struct ModelCase {
  std::string method;
  std::vector<std::vector<uint8_t>> dim_orders;  // of each input
  std::filesystem::path folder;                  // caseK
};

struct ModelFolder {
  std::string name;                             // meta.json's, or the folder's
  std::vector<std::filesystem::path> programs;  // model.pte, model.bpte: one or both
  std::vector<std::filesystem::path> data_files;
  Tolerance tolerance;
  std::string task;  // empty: none
  std::vector<ModelCase> cases;
};

// Every folder under `roots` (themselves included) that has a meta.json, sorted by path. Errors:
// Usage for a root that is not a folder or has none.
Outcome<std::vector<std::filesystem::path>> FindModelFolders(
    const std::vector<std::filesystem::path>& roots);

// Errors: InvalidFile, naming what is missing or wrong in meta.json.
Outcome<ModelFolder> ReadModelFolder(const std::filesystem::path& folder);

// The inputs of a case, for a method of `program`. Errors: those of ReadInput; InvalidFile when one
// does not have the dimensions that meta.json says.
Outcome<std::vector<MethodInput>> ReadCaseInputs(const ModelCase& item, const Program& program);

}  // namespace switchyard::tools
