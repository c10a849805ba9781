// What ELF files say, honest and hostile ones.
#include "runtime/elf_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace switchyard {
namespace {

using testing::ElementsAre;

ElfW(Phdr) Segment(uint32_t type, uint64_t address, uint64_t in_file, uint64_t in_memory) {
  ElfW(Phdr) segment{};
  segment.p_type = type;
  segment.p_vaddr = address;
  segment.p_filesz = in_file;
  segment.p_memsz = in_memory;
  return segment;
}

TEST(ElfReader, FindsTheSegmentThatHoldsAllBytes) {
  const std::array segments = {Segment(PT_NOTE, 0, 1000, 1000), Segment(PT_LOAD, 100, 50, 50),
                               Segment(PT_LOAD, 200, 10, 100)};
  const auto find = [&](uint64_t address, uint64_t bytes) {
    const ElfW(Phdr)* const found = FindLoadSegment(segments, address, bytes);
    return found == nullptr ? 0 : found->p_vaddr;
  };
  EXPECT_EQ(find(99, 1), 0u);
  EXPECT_EQ(find(100, 50), 100u);
  EXPECT_EQ(find(149, 1), 100u);
  EXPECT_EQ(find(149, 2), 0u);
  EXPECT_EQ(find(250, 50), 200u);
  const auto in_file = [&](uint64_t address, uint64_t bytes) {
    return FindLoadSegment(segments, address, bytes, &ElfW(Phdr)::p_filesz) != nullptr;
  };
  EXPECT_TRUE(in_file(200, 10));
  EXPECT_FALSE(in_file(201, 10));
}

TEST(ElfReader, DoesNotOverflowInSegments) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  const std::array segments = {Segment(PT_LOAD, 100, kMax, kMax)};
  EXPECT_EQ(FindLoadSegment(segments, 0, 1), nullptr);
  EXPECT_EQ(FindLoadSegment(segments, 99, kMax), nullptr);
  EXPECT_NE(FindLoadSegment(segments, 100, kMax), nullptr);
  EXPECT_EQ(FindLoadSegment(segments, 101, kMax), nullptr);
}

ElfW(Dyn) Entry(int64_t tag, uint64_t value) {
  ElfW(Dyn) entry{};
  entry.d_tag = tag;
  entry.d_un.d_val = value;
  return entry;
}

TEST(ElfReader, TakesDynamicEntriesAsTheLinkerDoes) {
  const std::array entries = {Entry(DT_STRTAB, 1), Entry(DT_SYMTAB, 2), Entry(DT_STRTAB, 3),
                              Entry(DT_NULL, 0),   Entry(DT_SYMTAB, 4), Entry(DT_HASH, 5)};
  EXPECT_EQ(FindDynamic(entries, DT_STRTAB), 3u);
  EXPECT_EQ(FindDynamic(entries, DT_SYMTAB), 2u);
  EXPECT_EQ(FindDynamic(entries, DT_HASH), 0u);
  EXPECT_EQ(FindDynamic({}, DT_HASH), 0u);
}

// One note after another, as a segment of `alignment` has them.
class Notes {
 public:
  explicit Notes(size_t alignment) : alignment_(alignment) {}

  void Add(uint32_t type, std::string_view owner, std::string_view description) {
    Add(type, owner, description, static_cast<uint32_t>(description.size()));
  }
  // With a size of the description that it may not have.
  void Add(uint32_t type, std::string_view owner, std::string_view description, uint32_t size) {
    ElfW(Nhdr) header{};
    header.n_type = type;
    header.n_namesz = static_cast<uint32_t>(owner.size());
    header.n_descsz = size;
    bytes_.append(reinterpret_cast<const char*>(&header), sizeof(header));
    for (const std::string_view text : {owner, description}) {
      bytes_ += text;
      bytes_.resize((bytes_.size() + alignment_ - 1) / alignment_ * alignment_);
    }
  }

  // "type:owner:description" of what is found, until one of type `last`.
  std::vector<std::string> Find(uint32_t last = 0) const {
    // Of its own size, so that a sanitizer sees what is read beyond.
    const std::vector<char> exact(bytes_.begin(), bytes_.end());
    ElfW(Phdr) segment = Segment(PT_NOTE, 0, exact.size(), exact.size());
    segment.p_align = alignment_;
    dl_phdr_info file{};
    file.dlpi_addr = reinterpret_cast<ElfW(Addr)>(exact.data());
    file.dlpi_phdr = &segment;
    file.dlpi_phnum = 1;
    std::vector<std::string> found;
    FindElfNote(file, [&](const ElfNote& note) {
      found.push_back(std::to_string(note.type) + ":" + std::string(note.owner) + ":");
      for (const std::byte byte : note.description) found.back() += static_cast<char>(byte);
      return note.type == last;
    });
    return found;
  }

 private:
  const size_t alignment_;
  std::string bytes_;
};

TEST(ElfReader, FindsNotesOfBothAlignments) {
  for (const size_t alignment : {4, 8}) {
    SCOPED_TRACE(alignment);
    Notes notes(alignment);
    notes.Add(1, "one", "abc");
    notes.Add(2, "", "");
    notes.Add(3, "three", "defgh");
    EXPECT_THAT(notes.Find(), ElementsAre("1:one:abc", "2::", "3:three:defgh"));
    EXPECT_THAT(notes.Find(1), ElementsAre("1:one:abc"));
  }
}

TEST(ElfReader, StopsAtANoteThatDoesNotFit) {
  for (const uint32_t size : {5u, 1000u, 0xFFFFFFFFu}) {
    SCOPED_TRACE(size);
    Notes notes(4);
    notes.Add(1, "one", "abc");
    notes.Add(2, "two", "abcd", size);
    EXPECT_THAT(notes.Find(), ElementsAre("1:one:abc"));
  }
}

}  // namespace
}  // namespace switchyard
