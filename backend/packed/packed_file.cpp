#include "backend/packed/packed_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "backend/packed/fingerprint.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::array<char, 8> kMagic = {'S', 'w', 'y', 'P', 'a', 'c', 'k', '\n'};
constexpr uint32_t kVersion = 1;
constexpr size_t kEntryAlignment = 64;
constexpr auto kLockPatience = std::chrono::seconds(10);

std::unexpected<Error> SystemFailure(const std::string& path, std::string_view action) {
  const std::string reason = std::generic_category().message(errno);
  return Fail(ErrorCode::kAccessFailed,
              "packed weights {}: cannot {}: {}; correct that, or use another packed_cache_path",
              path, action, reason);
}

std::unexpected<Error> Damaged(const std::string& path, const std::string& what) {
  return Fail(ErrorCode::kInvalidExternalData, "packed weights {}: {}; save it again", path, what);
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  ~FileDescriptor() {
    if (number_ >= 0) close(number_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  const int number_;
};

bool WriteAll(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

// The bytes of a file up to its first hole. A hole reads as zeros, as many as the size says, for
// nothing on the disk; where holes cannot be told, all is written.
size_t WrittenBytes(int file, size_t size) {
  const off_t hole = lseek(file, 0, SEEK_HOLE);
  return hole < 0 ? size : std::min(size, static_cast<size_t>(hole));
}

// Until `lock` is closed. Never waits for good: whoever has it may hang.
Status Lock(const FileDescriptor& lock, const std::string& path) {
  const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return SystemFailure(path, "lock it");
    if (std::chrono::steady_clock::now() > deadline) {
      return Fail(ErrorCode::kAccessFailed,
                  "packed weights {}: another process has kept it locked for {} seconds; end that "
                  "process, or save again later",
                  path, std::chrono::seconds(kLockPatience).count());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

}  // namespace

struct PackedFile::Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t num_records;
  uint64_t file_bytes;
  Digest digest;  // of the header up to here and of the records

  Digest Expected(std::span<const Record> records) const {
    Hasher hasher;
    hasher.AddValue(magic);
    hasher.AddValue(version);
    hasher.AddValue(num_records);
    hasher.AddValue(file_bytes);
    hasher.Add(std::as_bytes(records));
    return hasher.Finish();
  }
};

PackedFile::~PackedFile() {
  if (!mapping_.empty()) munmap(const_cast<std::byte*>(mapping_.data()), mapping_.size());
}

Result<std::shared_ptr<const PackedFile>> PackedFile::Map(const std::string& path) {
  // Not to wait for the other end of a pipe.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    if (errno == ENOENT) {
      return Fail(ErrorCode::kNotFound,
                  "packed weights {}: no such file; option save_weight_cache_on_disk makes it",
                  path);
    }
    return SystemFailure(path, "open it");
  }
  struct stat status;
  if (fstat(file.get(), &status) != 0) return SystemFailure(path, "read its size");
  if (!S_ISREG(status.st_mode)) {
    return Fail(ErrorCode::kNotSupported,
                "packed weights {}: not a regular file; use another packed_cache_path", path);
  }
  if (status.st_size <= 0) return Damaged(path, "it is empty");
  const auto size = static_cast<size_t>(status.st_size);
  std::shared_ptr<PackedFile> mapped(new PackedFile(path, WrittenBytes(file.get(), size)));
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) return SystemFailure(path, "map it");
  mapped->mapping_ = {static_cast<const std::byte*>(address), size};
  SWITCHYARD_TRY(mapped->ReadIndex());
  return mapped;
}

Status PackedFile::ReadIndex() {
  static_assert(sizeof(Header) == 40 && sizeof(Record) == 40);
  const size_t size = mapping_.size();
  if (std::memcmp(mapping_.data(), kMagic.data(), std::min(size, kMagic.size())) != 0) {
    return Fail(ErrorCode::kNotSupported,
                "packed weights {}: its first bytes are not those of a file of packed weights; it "
                "is left alone, use another packed_cache_path",
                path_);
  }
  Header header;
  if (size < sizeof(header)) return Damaged(path_, Format("it has {} bytes only", size));
  std::memcpy(&header, mapping_.data(), sizeof(header));
  if (header.version != kVersion) {
    return Damaged(path_, Format("version {}, expected {}", header.version, kVersion));
  }
  if (header.file_bytes != size) {
    return Damaged(path_, Format("{} bytes, its header says {}", size, header.file_bytes));
  }
  // No product overflows: the number of records is bounded.
  if (header.num_records > kMaxEntries ||
      header.num_records * sizeof(Record) > size - sizeof(header)) {
    return Damaged(path_, Format("{} records, expected at most {}, within {} bytes",
                                 header.num_records, kMaxEntries, size));
  }
  records_.resize(header.num_records);
  if (!records_.empty()) {
    std::memcpy(records_.data(), mapping_.data() + sizeof(header),
                records_.size() * sizeof(Record));
  }
  if (header.Expected(records_) != header.digest) {
    return Damaged(path_, "its index does not have the digest that it says");
  }
  if (std::ranges::adjacent_find(records_, std::ranges::greater_equal(), &Record::key) !=
      records_.end()) {
    return Damaged(path_, "its records are not sorted by key");
  }
  size_t end = sizeof(header) + records_.size() * sizeof(Record);
  offsets_.reserve(records_.size());
  for (const Record& record : records_) {
    const std::optional<size_t> start = CheckedRoundUp(end, kEntryAlignment);
    const std::optional<size_t> next = start ? CheckedAdd(*start, record.bytes) : std::nullopt;
    if (!next || *next > size || record.bytes == 0) {
      return Damaged(path_, Format("a record of {} bytes, expected at least 1, within {}",
                                   record.bytes, size));
    }
    offsets_.push_back(*start);
    end = *next;
  }
  if (end != size) {
    return Damaged(path_, Format("{} bytes, its records end at {}", size, end));
  }
  return {};
}

Result<std::span<const std::byte>> PackedFile::Find(const Digest& key, size_t size,
                                                    pthreadpool* thread_pool) const {
  const auto found = std::ranges::lower_bound(records_, key, {}, &Record::key);
  if (found == records_.end() || found->key != key) {
    return Fail(ErrorCode::kNotFound, "packed weights {}: not among its {}; save them, too", path_,
                records_.size());
  }
  if (found->bytes != size) {
    return Damaged(path_, Format("{} bytes for weights that take {}", found->bytes, size));
  }
  const auto index = static_cast<size_t>(found - records_.begin());
  const auto bytes = mapping_.subspan(offsets_[index], found->bytes);
  if (ParallelDigest(bytes, thread_pool) != found->digest) {
    return Damaged(path_, Format("the {} bytes at {} do not have the digest that its index "
                                 "says",
                                 bytes.size(), offsets_[index]));
  }
  return bytes;
}

bool PackedFile::Write(int file, std::span<const PackedEntry> entries, pthreadpool* thread_pool) {
  std::vector<Record> records;
  records.reserve(entries.size());
  size_t end = sizeof(Header) + entries.size() * sizeof(Record);
  for (const PackedEntry& entry : entries) {
    records.push_back({entry.key, entry.bytes.size(), ParallelDigest(entry.bytes, thread_pool)});
    // What is in memory has an address: no sum of it overflows.
    end = CeilDivide(end, kEntryAlignment) * kEntryAlignment + entry.bytes.size();
  }
  Header header{.magic = kMagic,
                .version = kVersion,
                .num_records = static_cast<uint32_t>(records.size()),
                .file_bytes = end,
                .digest = {}};
  header.digest = header.Expected(records);
  if (!WriteAll(file, std::as_bytes(std::span(&header, 1))) ||
      !WriteAll(file, std::as_bytes(std::span(records)))) {
    return false;
  }
  static constexpr std::array<std::byte, kEntryAlignment> kZeros{};
  size_t at = sizeof(Header) + records.size() * sizeof(Record);
  for (const PackedEntry& entry : entries) {
    const size_t padding = CeilDivide(at, kEntryAlignment) * kEntryAlignment - at;
    if (!WriteAll(file, std::span(kZeros).first(padding)) || !WriteAll(file, entry.bytes)) {
      return false;
    }
    at += padding + entry.bytes.size();
  }
  return true;
}

Status PackedFile::Add(const std::string& path, std::span<const PackedEntry> entries,
                       pthreadpool* thread_pool) {
  const std::string lock_path = path + ".lock", new_path = path + ".new";
  const FileDescriptor lock(
      open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
  if (!lock.is_open()) return SystemFailure(lock_path, "open it");
  SWITCHYARD_TRY(Lock(lock, lock_path));

  // What is there, unless it is damaged, then what is new.
  std::vector<PackedEntry> all;
  bool is_complete = false;
  const auto old = Map(path);
  if (old) {
    for (size_t i = 0; i < (*old)->records_.size(); ++i) {
      const Record& record = (*old)->records_[i];
      // This writes no holes, so a hole is damage, and reading it could take for ever.
      if ((*old)->offsets_[i] + record.bytes > (*old)->written_bytes_) continue;
      if (const auto bytes = (*old)->Find(record.key, record.bytes, thread_pool)) {
        all.push_back({record.key, *bytes});
      }
    }
    is_complete = all.size() == (*old)->records_.size();
  } else if (old.error().code != ErrorCode::kNotFound &&
             old.error().code != ErrorCode::kInvalidExternalData) {
    return std::unexpected(old.error());
  }
  const size_t kept = all.size();
  for (const PackedEntry& entry : entries) {
    const auto end = all.begin() + static_cast<ptrdiff_t>(kept);
    const auto at = std::ranges::lower_bound(all.begin(), end, entry.key, {}, &PackedEntry::key);
    if (at == end || at->key != entry.key) all.push_back(entry);
  }
  if (is_complete && all.size() == kept) return {};
  if (all.size() > kMaxEntries) {
    return Fail(ErrorCode::kOutOfResources,
                "packed weights {}: {} entries, expected at most {}; delete the file to start anew",
                path, all.size(), kMaxEntries);
  }
  std::ranges::sort(all, {}, &PackedEntry::key);

  // Of a process that has died.
  unlink(new_path.c_str());
  const FileDescriptor file(
      open(new_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!file.is_open()) return SystemFailure(new_path, "create it");
  if (!Write(file.get(), all, thread_pool) || fsync(file.get()) != 0) {
    auto failure = SystemFailure(new_path, "write it");
    unlink(new_path.c_str());
    return failure;
  }
  if (rename(new_path.c_str(), path.c_str()) != 0) {
    auto failure = SystemFailure(path, "replace it");
    unlink(new_path.c_str());
    return failure;
  }
  return {};
}

}  // namespace switchyard
