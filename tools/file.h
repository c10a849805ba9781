// Files as bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "tools/failure.h"

namespace switchyard::tools {

// A file mapped read-only; the bytes start on a page. Move-only.
class MappedFile {
 public:
  MappedFile() = default;
  // Errors: InvalidFile when it cannot be opened or is not a regular file.
  static Outcome<MappedFile> Open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept
      : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

// Creates or replaces a file. Errors: Usage when it cannot be written.
Outcome<void> WriteFile(const std::filesystem::path& path, std::span<const std::byte> bytes);

// Creates the folder and its parents where they are missing. Errors: Usage.
Outcome<void> MakeFolder(const std::filesystem::path& path);

// `name` with everything that is not a letter, digit, '_', '-' or '.' made '_', and no dot in
// front, so that a name from a file cannot lead out of a folder.
std::string SafeFileName(std::string_view name);

}  // namespace switchyard::tools
