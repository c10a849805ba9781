#include "tools/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "tools/text.h"

namespace switchyard::tools {
namespace {

// The C library would cut a path there, and so use another file.
Outcome<void> CheckPath(const std::filesystem::path& path) {
  if (!path.native().contains('\0')) return {};
  return Fail(ExitCode::kUsage, "{}: has a zero byte, expected a path; name another file",
              Printable(path.string()));
}

}  // namespace

Outcome<MappedFile> MappedFile::Open(const std::filesystem::path& path) {
  SWITCHYARD_TRY(CheckPath(path));
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return Fail(ExitCode::kInvalidFile, "{}: cannot be opened: {}; check the path", path.string(),
                std::strerror(errno));
  }
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return Fail(ExitCode::kInvalidFile, "{}: is not a regular file; give the path of a file",
                path.string());
  }
  MappedFile file;
  file.path_ = path;
  if (status.st_size > 0) {
    auto size = static_cast<size_t>(status.st_size);
    void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) {
      int error = errno;
      close(descriptor);
      return Fail(ExitCode::kInvalidFile, "{}: cannot be mapped: {}", path.string(),
                  std::strerror(error));
    }
    file.bytes_ = {static_cast<const std::byte*>(address), size};
  }
  close(descriptor);
  return file;
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Outcome<void> WriteFile(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  SWITCHYARD_TRY(CheckPath(path));
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) {
    return Fail(ExitCode::kUsage, "{}: cannot be written; check the folder and the space left",
                path.string());
  }
  return {};
}

Outcome<void> MakeFolder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return Fail(ExitCode::kUsage, "{}: the folder cannot be made: {}", path.string(),
                error.message());
  }
  return {};
}

std::string SafeFileName(std::string_view name) {
  std::string safe(name);
  for (char& c : safe) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '-' || c == '.';
    if (!plain) c = '_';
  }
  if (safe.empty() || safe[0] == '.') safe.insert(0, "_");
  return safe;
}

}  // namespace switchyard::tools
