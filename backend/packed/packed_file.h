// Packed weights on disk, so that a later process maps them instead of packing again.
//
//   header    magic, version, number of records, bytes of the file, digest of what is before it and
//             of the records
//   records   key, bytes, digest of the bytes: sorted by key, no key twice
//   bytes     in the records' order, each at the next multiple of 64
//
// All little-endian. A file is untrusted: nothing in it is used before it has been checked against
// the file's real size and the digests. What a digest cannot tell is whether bytes are the right
// ones for their key; only who may write the file can make them others, and the worst is then a
// wrong number, never a wrong address. Files are replaced, never changed: a mapping stays what it
// was, unless somebody else truncates the file under it, which ends the process (SIGBUS).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/packed/digest.h"
#include "runtime/base/error.h"

struct pthreadpool;

namespace switchyard {

struct PackedEntry {
  Digest key;
  std::span<const std::byte> bytes;  // at least one
};

class PackedFile {
 public:
  static constexpr uint32_t kMaxEntries = uint32_t{1} << 20;

  // Maps the file at `path`, privately and read-only. Errors, all of them reasons to go on without
  // it: NotFound (there is none), AccessFailed (cannot be read), InvalidExternalData (damaged, or
  // of another version), NotSupported (not a file of packed weights).
  static Result<std::shared_ptr<const PackedFile>> Map(const std::string& path);

  // Adds `entries`, whose keys are distinct, to the file at `path`, which keeps what it has. A
  // damaged file is replaced, one that is no file of packed weights is not; what lies in or behind
  // a hole of a sparse file is damaged, and not read. The new file takes the old one's place at
  // once and whole, or not at all. Waits for other processes that do the same (a lock on PATH.lock,
  // which stays). Errors: AccessFailed, NotSupported, OutOfResources.
  static Status Add(const std::string& path, std::span<const PackedEntry> entries,
                    pthreadpool* thread_pool = nullptr);

  ~PackedFile();
  PackedFile(const PackedFile&) = delete;
  PackedFile& operator=(const PackedFile&) = delete;

  size_t size() const { return records_.size(); }
  // The bytes under `key`, `size` of them, whose digest is computed anew; they live as long as the
  // file. Errors: NotFound, InvalidExternalData.
  Result<std::span<const std::byte>> Find(const Digest& key, size_t size,
                                          pthreadpool* thread_pool = nullptr) const;

 private:
  struct Record {
    Digest key;
    uint64_t bytes;
    Digest digest;
  };
  struct Header;

  PackedFile(std::string path, size_t written_bytes)
      : path_(std::move(path)), written_bytes_(written_bytes) {}
  Status ReadIndex();
  static bool Write(int file, std::span<const PackedEntry> entries, pthreadpool* thread_pool);

  const std::string path_;
  const size_t written_bytes_;          // up to the first hole
  std::span<const std::byte> mapping_;  // empty until it is mapped
  std::vector<Record> records_;
  std::vector<size_t> offsets_;  // as records_
};

}  // namespace switchyard
