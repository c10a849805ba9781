#include "tools/model_file.h"

#include <algorithm>
#include <cstdint>
#include <system_error>
#include <utility>

namespace switchyard::tools {
namespace {

constexpr size_t kProgramAlignment = 64;

size_t Misalignment(const std::byte* address) {
  return reinterpret_cast<uintptr_t>(address) % kProgramAlignment;
}

Outcome<void> AddKeyFiles(const std::filesystem::path& folder, ModelFile& model,
                          NamedDataViews::Map& map) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) {
    return Fail(ExitCode::kInvalidFile, "{}: the folder cannot be read: {}", folder.string(),
                error.message());
  }
  for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (entries->path().extension() != ".bin") continue;
    SWITCHYARD_ASSIGN(MappedFile file, MappedFile::Open(entries->path()));
    map.emplace(entries->path().stem().string(), file.bytes());
    model.data_files.push_back(std::move(file));
    if (error) break;
  }
  return {};
}

}  // namespace

std::span<const std::byte> ModelFile::ProgramBytes() {
  if (Misalignment(program->bytes.data()) == 0) return program->bytes;
  if (aligned_.empty()) {
    aligned_.resize(program->bytes.size() + kProgramAlignment);
    std::ranges::copy(program->bytes,
                      aligned_.begin() + (kProgramAlignment - Misalignment(aligned_.data())));
  }
  return std::span(aligned_).subspan(kProgramAlignment - Misalignment(aligned_.data()),
                                     program->bytes.size());
}

std::string DefaultMethod(const Program& program) {
  return program.methods.size() == 1 ? program.methods[0].name : "forward";
}

Outcome<ModelFile> OpenModelFile(const std::filesystem::path& path,
                                 std::span<const std::filesystem::path> data) {
  ModelFile model;
  SWITCHYARD_ASSIGN(model.file, MappedFile::Open(path));
  if (LooksLikeProgram(model.file.bytes())) {
    Result<Program> program = ReadProgram(model.file.bytes());
    if (!program) return FailWith(path.string(), program.error());
    model.program = *std::move(program);
  }
  model.named_data = std::make_unique<NamedDataViews>(model.program ? model.program->named_data
                                                                    : NamedDataViews::Map());
  for (const std::filesystem::path& item : data) {
    NamedDataViews::Map map;
    std::error_code error;
    if (std::filesystem::is_directory(item, error)) {
      SWITCHYARD_TRY(AddKeyFiles(item, model, map));
    } else {
      SWITCHYARD_ASSIGN(MappedFile file, MappedFile::Open(item));
      auto external = ReadExternalData(file.bytes());
      if (!external) return FailWith(item.string(), external.error());
      map = *std::move(external);
      model.external_data.push_back(model.data_files.size());
      model.data_files.push_back(std::move(file));
    }
    if (Status merged = model.named_data->Merge(map); !merged) {
      return FailWith(item.string(), merged.error());
    }
  }
  return model;
}

}  // namespace switchyard::tools
