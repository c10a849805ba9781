// Reading ELF files, whether the linker has loaded them or not: internal to the library. A header
// without a source, since the preloaded library (backend/doors/preload.cpp) links none.
#pragma once

#include <link.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace switchyard {

using ElfSegments = std::span<const ElfW(Phdr)>;
using ElfDynamic = std::span<const ElfW(Dyn)>;

inline ElfSegments SegmentsOf(const dl_phdr_info& file) {
  return {file.dlpi_phdr, file.dlpi_phnum};
}

// The segment that `bytes` bytes from `address` on are all in, in memory or, with `p_filesz`, in
// the file; null: there is none. Addresses are the file's, to which a loaded one's base is added.
inline const ElfW(Phdr) *
    FindLoadSegment(ElfSegments segments, uint64_t address, uint64_t bytes,
                    decltype(ElfW(Phdr)::p_memsz) ElfW(Phdr)::* size = &ElfW(Phdr)::p_memsz) {
  for (const ElfW(Phdr) & segment : segments) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
    const uint64_t within = address - segment.p_vaddr;
    if (within <= segment.*size && bytes <= segment.*size - within) return &segment;
  }
  return nullptr;
}

// The entries of a loaded object, without the one that ends them.
inline ElfDynamic DynamicOf(const link_map& object) {
  size_t count = 0;
  while (object.l_ld[count].d_tag != DT_NULL) ++count;
  return {object.l_ld, count};
}

// The value or address of an entry, the last one as the linker takes it; 0: there is none.
inline uint64_t FindDynamic(ElfDynamic dynamic, int64_t tag) {
  uint64_t found = 0;
  for (const ElfW(Dyn) & entry : dynamic) {
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == tag) found = entry.d_un.d_val;
  }
  return found;
}

struct ElfNote {
  std::string_view owner;  // with the zero at its end
  uint32_t type;
  std::span<const std::byte> description;
};

// Calls `is_it` for each note of a loaded file, until it answers true. Notes after one that does
// not fit its segment are not read.
template <typename IsIt>
void FindElfNote(const dl_phdr_info& file, IsIt&& is_it) {
  for (const ElfW(Phdr) & segment : SegmentsOf(file)) {
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
