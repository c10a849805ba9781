#include "backend/doors/runtime_version.h"

#include <elf.h>
#include <link.h>

#include <cstring>
#include <format>
#include <fstream>
#include <string_view>

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
  bool holds = false;
  for (size_t i = 0; i < file->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = file->dlpi_phdr[i];
    holds = holds || (segment.p_type == PT_LOAD &&
                      search.address - (file->dlpi_addr + segment.p_vaddr) < segment.p_memsz);
  }
  if (!holds) return 0;
  for (size_t i = 0; i < file->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = file->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const auto* note = reinterpret_cast<const unsigned char*>(file->dlpi_addr + segment.p_vaddr);
    const auto* const end = note + segment.p_memsz;
    const size_t alignment = segment.p_align == 8 ? 8 : 4;
    const auto padded = [&](size_t bytes) { return (bytes + alignment - 1) & ~(alignment - 1); };
    while (static_cast<size_t>(end - note) >= sizeof(ElfW(Nhdr))) {
      ElfW(Nhdr) header;
      std::memcpy(&header, note, sizeof header);
      const size_t description = padded(sizeof header + header.n_namesz);
      const size_t size = padded(description + header.n_descsz);
      if (description + header.n_descsz > static_cast<size_t>(end - note)) break;
      if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == sizeof ELF_NOTE_GNU &&
          std::memcmp(note + sizeof header, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0) {
        for (size_t byte = 0; byte < header.n_descsz; ++byte) {
          std::format_to(std::back_inserter(search.text), "{:02x}", note[description + byte]);
        }
        return 1;
      }
      if (size >= static_cast<size_t>(end - note)) break;
      note += size;
    }
  }
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
