// The file of packed weights: what it gives back, what it refuses, and what becomes of the file
// that was there. Needs no packed kernel: the bytes are made up.
#include "backend/packed/packed_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace switchyard {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Bytes = std::vector<std::byte>;

constexpr size_t kSizes[] = {1, 63, 64, 65, 300, 100};

Digest KeyOf(size_t index) { return DigestOf(std::as_bytes(std::span(&index, 1))); }

// Of entry `index`.
Bytes BytesOf(size_t index) {
  Bytes bytes(kSizes[index % std::size(kSizes)]);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(index * 31 + i * 7);
  return bytes;
}

class PackedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              std::format("packed_file_{}_{}", getpid(),
                          testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    path_ = folder_ / "weights";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Entries [first, end).
  Status Add(size_t first, size_t end) const {
    std::vector<Bytes> bytes;
    std::vector<PackedEntry> entries;
    for (size_t i = first; i < end; ++i) bytes.push_back(BytesOf(i));
    for (size_t i = first; i < end; ++i) entries.push_back({KeyOf(i), bytes[i - first]});
    return PackedFile::Add(path_, entries);
  }
  Bytes Read() const {
    std::ifstream stream(path_, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
  }
  void Write(std::span<const std::byte> bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  }
  void Write(std::string_view text) const { Write(std::as_bytes(std::span(text))); }
  Error ErrorOfMap() const {
    const auto file = PackedFile::Map(path_);
    EXPECT_FALSE(file);
    return file ? Error{ErrorCode::kInternal, "mapped"} : file.error();
  }
  void ExpectHas(size_t end) const {
    const auto file = PackedFile::Map(path_);
    ASSERT_TRUE(file) << file.error().ToString();
    EXPECT_EQ((*file)->size(), end);
    for (size_t i = 0; i < end; ++i) {
      const auto found = (*file)->Find(KeyOf(i), BytesOf(i).size());
      ASSERT_TRUE(found) << found.error().ToString();
      EXPECT_TRUE(std::ranges::equal(*found, BytesOf(i))) << i;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(found->data()) % 64, 0u) << i;
    }
  }
  // Refused with a reason, or right in everything that it gives out. Returns the latter.
  bool IsUsed(size_t end, const std::string& what) const {
    const auto file = PackedFile::Map(path_);
    if (!file) {
      EXPECT_THAT(file.error().message, HasSubstr(path_.string())) << what;
      return false;
    }
    bool all = true;
    for (size_t i = 0; i < end; ++i) {
      const auto found = (*file)->Find(KeyOf(i), BytesOf(i).size());
      all = all && found;
      if (found) {
        EXPECT_TRUE(std::ranges::equal(*found, BytesOf(i))) << what << ", entry " << i;
      } else {
        EXPECT_THAT(found.error().message, HasSubstr(path_.string())) << what;
      }
    }
    return all;
  }

  std::filesystem::path folder_, path_;
};

TEST_F(PackedFileTest, GivesBackWhatWasAdded) {
  EXPECT_EQ(ErrorOfMap().code, ErrorCode::kNotFound);
  ASSERT_TRUE(Add(0, 3));
  ExpectHas(3);
  ASSERT_TRUE(Add(2, 7));
  ExpectHas(7);
  const auto file = PackedFile::Map(path_);
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->Find(KeyOf(7), 1).error().code, ErrorCode::kNotFound);
  EXPECT_EQ((*file)->Find(KeyOf(1), 62).error().code, ErrorCode::kInvalidExternalData);
  EXPECT_FALSE(std::filesystem::exists(path_.string() + ".new"));
}

TEST_F(PackedFileTest, WithoutAnythingNewItStaysTheSameFile) {
  ASSERT_TRUE(Add(0, 3));
  struct stat before, after;
  ASSERT_EQ(stat(path_.c_str(), &before), 0);
  ASSERT_TRUE(Add(1, 3));
  ASSERT_EQ(stat(path_.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(PackedFileTest, AMappingOutlivesTheFile) {
  ASSERT_TRUE(Add(0, 5));
  const auto file = PackedFile::Map(path_);
  ASSERT_TRUE(file);
  ASSERT_TRUE(Add(5, 6));
  std::filesystem::remove(path_);
  const auto found = (*file)->Find(KeyOf(4), BytesOf(4).size());
  ASSERT_TRUE(found);
  EXPECT_TRUE(std::ranges::equal(*found, BytesOf(4)));
}

TEST_F(PackedFileTest, ForeignFilesAreLeftAlone) {
  for (const std::string_view text : {"A", "A letter to my bank, which is longer than a header."}) {
    Write(text);
    EXPECT_EQ(ErrorOfMap().code, ErrorCode::kNotSupported);
    const Status status = Add(0, 1);
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message, AllOf(HasSubstr(path_.string()), HasSubstr("left alone")));
    EXPECT_TRUE(std::ranges::equal(Read(), std::as_bytes(std::span(text))));
  }
}

TEST_F(PackedFileTest, DamagedFilesAreReplacedAndTheRestIsKept) {
  Write("");
  EXPECT_EQ(ErrorOfMap().code, ErrorCode::kInvalidExternalData);
  ASSERT_TRUE(Add(0, 3));
  ExpectHas(3);
  // The last byte belongs to one entry, the others stay.
  Bytes bytes = Read();
  bytes.back() ^= std::byte{1};
  Write(bytes);
  EXPECT_FALSE(IsUsed(3, "last byte"));
  ASSERT_TRUE(Add(3, 4));
  EXPECT_EQ((*PackedFile::Map(path_))->size(), 3u);
  ASSERT_TRUE(Add(0, 4));
  ExpectHas(4);
}

// As large as files can be, with an index that is right in all but what lies in the hole.
TEST_F(PackedFileTest, WhatLiesInAHoleIsNotRead) {
  constexpr uint64_t kHuge = uint64_t{1} << 42;
  ASSERT_TRUE(Add(0, 1));
  Bytes file = Read();
  const auto at = [&](size_t offset) { return file.data() + offset; };
  // Its only record grows over all of the file: see the header's comment for the layout.
  const uint64_t size = 128 + kHuge;
  std::memcpy(at(16), &size, sizeof size);
  std::memcpy(at(56), &kHuge, sizeof kHuge);
  Bytes hashed(file.begin(), file.begin() + 24);
  hashed.insert(hashed.end(), file.begin() + 40, file.begin() + 80);
  const Digest digest = DigestOf(hashed);
  std::memcpy(at(24), &digest, sizeof digest);
  Write(file);
  if (truncate(path_.c_str(), static_cast<off_t>(size)) != 0) {
    GTEST_SKIP() << "this file system has no files of " << size << " bytes";
  }
  if (const int hole = open(path_.c_str(), O_RDONLY); hole >= 0) {
    const off_t first = lseek(hole, 0, SEEK_HOLE);
    close(hole);
    if (first < 0 || static_cast<uint64_t>(first) == size) GTEST_SKIP() << "it tells no holes";
  }
  {
    // Not beside Add's own: ThreadSanitizer leaves no address space for two of these.
    const auto mapped = PackedFile::Map(path_);
    ASSERT_TRUE(mapped) << mapped.error().ToString();
    ASSERT_EQ((*mapped)->size(), 1u);
  }
  // Reading it would take the better part of an hour.
  const Status added = Add(1, 2);
  ASSERT_TRUE(added) << added.error().ToString();
  const auto saved = PackedFile::Map(path_);
  ASSERT_TRUE(saved) << saved.error().ToString();
  EXPECT_EQ((*saved)->size(), 1u);
  EXPECT_TRUE((*saved)->Find(KeyOf(1), BytesOf(1).size()));
  EXPECT_LT(std::filesystem::file_size(path_), 1000u);
}

TEST_F(PackedFileTest, WhatIsNoFileIsRefused) {
  std::filesystem::create_directory(path_);
  EXPECT_EQ(ErrorOfMap().code, ErrorCode::kNotSupported);
  EXPECT_FALSE(Add(0, 1));
  std::filesystem::remove(path_);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(ErrorOfMap().code, ErrorCode::kNotSupported);
  EXPECT_FALSE(Add(0, 1));
}

TEST_F(PackedFileTest, ErrorsNameThePathAndTheSystemsReason) {
  path_ = folder_ / "no such folder" / "weights";
  const Status status = Add(0, 1);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kAccessFailed);
  EXPECT_THAT(status.error().message,
              AllOf(HasSubstr(path_.string()), HasSubstr("No such file or directory"),
                    HasSubstr("packed_cache_path")));
}

TEST_F(PackedFileTest, AFullDiskLeavesTheOldFile) {
  ASSERT_TRUE(Add(0, 2));
  // A folder where the new file would be written: it cannot be made.
  std::filesystem::create_directories(path_.string() + ".new/x");
  const Status status = Add(2, 3);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("File exists"));
  ExpectHas(2);
}

TEST_F(PackedFileTest, LeftoversOfADeadProcessDoNotMatter) {
  std::ofstream(path_.string() + ".new") << "half a file";
  ASSERT_TRUE(Add(0, 2));
  ExpectHas(2);
}

TEST_F(PackedFileTest, WaitsForTheLock) {
  const int lock = open((path_.string() + ".lock").c_str(), O_RDWR | O_CREAT, 0666);
  ASSERT_GE(lock, 0);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  std::atomic<bool> is_released = false;
  std::thread other([&] {
    EXPECT_TRUE(Add(0, 2));
    EXPECT_TRUE(is_released);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  is_released = true;
  close(lock);
  other.join();
  ExpectHas(2);
}

TEST_F(PackedFileTest, ProcessesAddAtTheSameTime) {
  constexpr size_t kProcesses = 4, kEach = 5;
  std::vector<pid_t> children;
  for (size_t p = 0; p < kProcesses; ++p) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      bool ok = true;
      for (size_t i = 0; i < kEach; ++i) ok = ok && Add(p * kEach + i, p * kEach + i + 1);
      _exit(ok ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  ExpectHas(kProcesses * kEach);
}

TEST_F(PackedFileTest, ThreadsAddAndMapAtTheSameTime) {
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(Add(t * 4 + i, t * 4 + i + 1));
    });
  }
  threads.emplace_back([&] {
    for (size_t i = 0; i < 50; ++i) {
      const auto file = PackedFile::Map(path_);
      EXPECT_TRUE(file || file.error().code == ErrorCode::kNotFound) << file.error().ToString();
      if (!file) continue;
      for (size_t k = 0; k < 12; ++k) {
        const auto found = (*file)->Find(KeyOf(k), BytesOf(k).size());
        if (found) EXPECT_TRUE(std::ranges::equal(*found, BytesOf(k)));
      }
    }
  });
  for (std::thread& thread : threads) thread.join();
  ExpectHas(12);
}

// --- Hostile files ------------------------------------------------------------------------------

TEST_F(PackedFileTest, EveryTruncationIsRefused) {
  ASSERT_TRUE(Add(0, 6));
  const Bytes bytes = Read();
  for (size_t size = 0; size < bytes.size(); ++size) {
    Write(std::span(bytes).first(size));
    EXPECT_FALSE(PackedFile::Map(path_)) << size;
  }
  Bytes longer = bytes;
  longer.push_back(std::byte{0});
  Write(longer);
  EXPECT_FALSE(PackedFile::Map(path_));
}

TEST_F(PackedFileTest, EveryFieldChangedIsRefusedOrHarmless) {
  ASSERT_TRUE(Add(0, 6));
  const Bytes bytes = Read();
  size_t used = 0, refused = 0;
  for (size_t at = 0; at + 4 <= bytes.size(); at += 4) {
    for (const uint32_t value : {0u, 1u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
      Bytes changed = bytes;
      std::memcpy(changed.data() + at, &value, sizeof(value));
      if (changed == bytes) continue;
      Write(changed);
      ++(IsUsed(6, std::format("{} at {}", value, at)) ? used : refused);
    }
  }
  // Only the padding between entries is nobody's.
  EXPECT_LT(used, 6u * 16 * 4);
  EXPECT_GT(refused, 600u);
}

// As above with digests that fit, so that the checks behind them are reached.
TEST_F(PackedFileTest, EveryIndexFieldChangedUnderAValidDigestIsRefusedOrHarmless) {
  ASSERT_TRUE(Add(0, 6));
  const Bytes bytes = Read();
  constexpr size_t kHeaderBytes = 40, kDigestAt = 24, kIndexBytes = 6 * 40;
  size_t refused = 0;
  for (size_t at = 8; at + 4 <= kHeaderBytes + kIndexBytes; at += 4) {
    if (at >= kDigestAt && at < kHeaderBytes) continue;
    for (const uint32_t value : {0u, 1u, 5u, 7u, 0x7FFFFFFFu, 0xFFFFFFC1u, 0xFFFFFFFFu}) {
      Bytes changed = bytes;
      std::memcpy(changed.data() + at, &value, sizeof(value));
      uint32_t count;
      std::memcpy(&count, changed.data() + 12, sizeof(count));
      const size_t records = std::min<size_t>(count, (bytes.size() - kHeaderBytes) / 40) * 40;
      Hasher hasher;
      hasher.Add(std::span(changed).first(kDigestAt));
      hasher.Add(std::span(changed).subspan(kHeaderBytes, records));
      const Digest digest = hasher.Finish();
      std::memcpy(changed.data() + kDigestAt, digest.data(), digest.size());
      if (changed == bytes) continue;
      Write(changed);
      refused += !IsUsed(6, std::format("{} at {}", value, at));
    }
  }
  EXPECT_GT(refused, 300u);
}

TEST_F(PackedFileTest, MutantsAreRefusedOrHarmless) {
  ASSERT_TRUE(Add(0, 6));
  const Bytes bytes = Read();
  uint64_t state = 12345;
  const auto random = [&](uint64_t bound) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % bound;
  };
  for (size_t mutant = 0; mutant < 1000; ++mutant) {
    Bytes changed = bytes;
    for (uint64_t changes = 1 + random(4); changes-- > 0;) {
      const uint64_t at = random(changed.size());
      switch (random(4)) {
        case 0:
          changed[at] ^= static_cast<std::byte>(1 << random(8));
          break;
        case 1:
          changed[at] = static_cast<std::byte>(random(256));
          break;
        case 2:
          changed.erase(changed.begin() + static_cast<ptrdiff_t>(at));
          break;
        default:
          changed.insert(changed.begin() + static_cast<ptrdiff_t>(at), changed[random(64)]);
      }
    }
    Write(changed);
    IsUsed(6, std::format("mutant {}", mutant));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace switchyard
