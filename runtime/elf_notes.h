// Reading the notes of loaded ELF files: internal to the library.
#pragma once

#include <link.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace switchyard {

struct ElfNote {
  std::string_view owner;  // with the zero at its end
  uint32_t type;
  std::span<const std::byte> description;
};

// Calls `is_it` for each note of a loaded file, until it answers true. Notes after one that does
// not fit its segment are not read.
template <typename IsIt>
void FindElfNote(const dl_phdr_info& file, IsIt&& is_it) {
  for (const ElfW(Phdr) & segment : std::span(file.dlpi_phdr, file.dlpi_phnum)) {
    if (segment.p_type != PT_NOTE) continue;
    const size_t alignment = segment.p_align == 8 ? 8 : 4;
    const auto padded = [&](size_t bytes) { return (bytes + alignment - 1) & ~(alignment - 1); };
    std::span notes(reinterpret_cast<const std::byte*>(file.dlpi_addr + segment.p_vaddr),
                    segment.p_memsz);
    while (notes.size() >= sizeof(ElfW(Nhdr))) {
      ElfW(Nhdr) header;
      std::memcpy(&header, notes.data(), sizeof(header));
      const size_t description = padded(sizeof(header) + header.n_namesz);
      if (description + header.n_descsz > notes.size()) break;
      const auto* owner = reinterpret_cast<const char*>(notes.data() + sizeof(header));
      if (is_it(ElfNote{.owner = {owner, header.n_namesz},
                        .type = header.n_type,
                        .description = notes.subspan(description, header.n_descsz)})) {
        return;
      }
      const size_t end = padded(description + header.n_descsz);
      if (end >= notes.size()) break;
      notes = notes.subspan(end);
    }
  }
}

}  // namespace switchyard
