#include "backend/doors/runtime_version.h"

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <format>
#include <fstream>
#include <iterator>
#include <string_view>

#include "runtime/elf_reader.h"

namespace switchyard {
namespace {

constexpr size_t kMaxLines = 200, kMaxLine = 1000, kMaxFolders = 6;

// What stands in quotes in the first line of a file that starts with `start`.
std::string QuotedIn(const std::string& path, std::string_view start) {
  std::ifstream file(path);
  std::string line;
  for (size_t i = 0; i < kMaxLines && std::getline(file, line) && line.size() < kMaxLine; ++i) {
    if (!line.starts_with(start)) continue;
    const size_t open = line.find_first_of("\"'", start.size());
    if (open == line.npos) continue;
    const size_t close = line.find(line[open], open + 1);
    if (close == line.npos) continue;
    const std::string text = line.substr(open + 1, close - open - 1);
    return text.substr(0, text.find('+'));
  }
  return {};
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? std::string() : path.substr(0, slash);
}

struct BuildIdSearch {
  uintptr_t address;
  std::string text;
};

int FindBuildId(dl_phdr_info* file, size_t, void* data) {
  auto& search = *static_cast<BuildIdSearch*>(data);
  if (FindLoadSegment(SegmentsOf(*file), search.address - file->dlpi_addr, 1) == nullptr) return 0;
  FindElfNote(*file, [&](const ElfNote& note) {
    constexpr std::string_view kGnu(ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU));
    if (note.type != NT_GNU_BUILD_ID || note.owner != kGnu) return false;
    for (const std::byte byte : note.description) {
      std::format_to(std::back_inserter(search.text), "{:02x}", std::to_integer<unsigned>(byte));
    }
    return true;
  });
  return 1;
}

}  // namespace

std::string RuntimeVersion(const std::string& library_path) {
  std::string folder = ParentOf(library_path);
  if (std::string version = QuotedIn(folder + "/cmake/executorch/executorch-config-version.cmake",
                                     "set(PACKAGE_VERSION");
      !version.empty()) {
    return version;
  }
  for (size_t i = 0; i < kMaxFolders && !folder.empty(); ++i, folder = ParentOf(folder)) {
    if (!folder.ends_with("/executorch")) continue;
    std::string version = QuotedIn(folder + "/version.py", "__version__");
    if (!version.empty()) return version;
  }
  return {};
}

std::string BuildIdOf(const void* address) {
  BuildIdSearch search{reinterpret_cast<uintptr_t>(address), {}};
  dl_iterate_phdr(FindBuildId, &search);
  return search.text;
}

}  // namespace switchyard
