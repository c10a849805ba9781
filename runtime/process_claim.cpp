#include "runtime/process_claim.h"

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

#include "runtime/base/format.h"
#include "runtime/elf_reader.h"

namespace {

// What every version reads and writes of every other, so it stays as it is; another layout would be
// a note of another type.
struct Record {
  std::atomic<uint32_t> in_charge;
  char version[28];
};
static_assert(sizeof(Record) == 32 && sizeof(SWITCHYARD_VERSION) <= sizeof(Record::version));

constexpr std::string_view kNoteOwner("Switchyard\0", 11);
constexpr uint32_t kNoteType = 1;  // describes its Record: distance from the description, 4 bytes

}  // namespace

// How other copies find the record of this one: a note in the file that holds it. Outside the
// unnamed namespace for the assembler only.
extern "C" {
[[gnu::visibility("hidden"), gnu::used]] constinit Record switchyard_claim_record = {
    .in_charge = 0, .version = SWITCHYARD_VERSION};
}
asm(R"(
    .pushsection .note.switchyard, "a", %note
    .balign 4
    .long 11, 4, 1
    .asciz "Switchyard"
    .balign 4
    .long switchyard_claim_record - .
    .popsection
)");

namespace switchyard {
namespace {

// The record that the description of a note points to. Null when it is none of the file's: anybody
// may write such a note.
Record* RecordOf(const dl_phdr_info& file, const std::byte* description) {
  int32_t distance;
  std::memcpy(&distance, description, sizeof(distance));
  const uintptr_t record = reinterpret_cast<uintptr_t>(description) + distance;
  const ElfW(Phdr)* const segment =
      FindLoadSegment(SegmentsOf(file), record - file.dlpi_addr, sizeof(Record));
  const bool is_one = segment != nullptr && (segment->p_flags & PF_W) != 0 && record % 4 == 0;
  return is_one ? reinterpret_cast<Record*>(record) : nullptr;
}

// The record of a loaded file; null when the file holds no copy.
Record* FindRecord(const dl_phdr_info& file) {
  Record* record = nullptr;
  FindElfNote(file, [&](const ElfNote& note) {
    if (note.type == kNoteType && note.owner == kNoteOwner &&
        note.description.size() == sizeof(int32_t)) {
      record = RecordOf(file, note.description.data());
    }
    return record != nullptr;
  });
  return record;
}

std::string NameOf(const dl_phdr_info& file) {
  if (file.dlpi_name != nullptr && *file.dlpi_name != '\0') return file.dlpi_name;
  // The loader has no name for the program itself.
  std::array<char, 4096> path;
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<size_t>(size)) : "this program";
}

struct Search {
  std::string own_file;
  std::string other;  // version and file of the copy in charge; empty: none
  bool is_out_of_memory = false;
};

void NoteRecord(const dl_phdr_info& file, Search& search) {
  const Record* const record = FindRecord(file);
  if (record == &switchyard_claim_record) {
    search.own_file = NameOf(file);
  } else if (record != nullptr && record->in_charge.load() != 0) {
    search.other =
        Format("Switchyard {} in {}",
               std::string_view(record->version, strnlen(record->version, sizeof(record->version))),
               NameOf(file));
  }
}

int SearchFile(dl_phdr_info* file, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  // No exception may pass the C library, which holds a lock.
  try {
    NoteRecord(*file, search);
  } catch (const std::bad_alloc&) {
    search.is_out_of_memory = true;
  }
  return 0;
}

// The C library holds the loader's lock while this runs, for every copy the same one and a
// recursive one, so nobody comes between the search and the claim.
int SearchAndClaim(dl_phdr_info*, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  dl_iterate_phdr(SearchFile, &search);
  if (search.other.empty() && !search.is_out_of_memory) switchyard_claim_record.in_charge = 1;
  return 1;  // once is enough
}

}  // namespace

Status ClaimProcess() {
  if (switchyard_claim_record.in_charge.load() != 0) return {};
  Search search;
  dl_iterate_phdr(SearchAndClaim, &search);
  if (search.is_out_of_memory) throw std::bad_alloc();
  if (search.other.empty()) return {};
  return Fail(ErrorCode::kInvalidState,
              "Switchyard {} in {}: found {} in charge of this process, expected one copy; link or "
              "load only one of the two, or use the one in charge",
              SWITCHYARD_VERSION, search.own_file, search.other);
}

}  // namespace switchyard
