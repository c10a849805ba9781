// A model's file with the data files beside it, as the subcommands take them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "schema/program.h"
#include "tools/failure.h"
#include "tools/file.h"

namespace switchyard::tools {

// A program (.pte, .bpte) or a bare payload. Move-only.
struct ModelFile {
  MappedFile file;
  std::optional<Program> program;              // nothing: the file is a bare payload
  std::vector<MappedFile> data_files;          // .ptd files, and KEY.bin files of folders
  std::vector<size_t> external_data;           // indices of the .ptd files in data_files
  std::unique_ptr<NamedDataViews> named_data;  // of the program and of all data files

  // The program's bytes as ExecuTorch wants them: on a 64 byte boundary, so a bundled program's are
  // copied.
  std::span<const std::byte> ProgramBytes();

 private:
  std::vector<std::byte> aligned_;
};

// The method that a program is run by where nobody names one: its only one, or "forward".
std::string DefaultMethod(const Program& program);

// Opens `path`. Each of `data` is a .ptd file, or a folder of KEY.bin files as `extract --raw`
// writes it. Errors: InvalidFile.
Outcome<ModelFile> OpenModelFile(const std::filesystem::path& path,
                                 std::span<const std::filesystem::path> data);

}  // namespace switchyard::tools
