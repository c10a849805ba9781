// What the readers of programs and external data share: one verified flatbuffer, and segments of
// bytes behind it. Internal to schema/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "flatbuffers/flatbuffers.h"
#include "runtime/base/error.h"

namespace switchyard {

// Every file begins with the root's offset and its identifier; an extended header, if there is one,
// stands right after: a magic, its own length, then what the file's kind puts there.
inline constexpr size_t kIdentifierOffset = 4;
inline constexpr size_t kHeaderOffset = 8;
inline constexpr size_t kHeaderLengthOffset = 12;

// The little-endian number at `offset`, which must be inside.
template <typename T>
T ReadNumber(std::span<const std::byte> bytes, size_t offset) {
  return flatbuffers::ReadScalar<T>(bytes.data() + offset);
}

inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bool HasTextAt(std::span<const std::byte> bytes, size_t offset, std::string_view text) {
  return bytes.size() >= offset && AsText(bytes.subspan(offset)).starts_with(text);
}

// Bytes of a flatbuffer at an address that its scalars can be read from. Copies them when the
// caller's are misaligned, which an embedded program in a hostile file can be.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::span<const std::byte> bytes) : original_(bytes), aligned_(bytes) {
    if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(uint64_t) != 0) {
      copy_.assign(bytes.begin(), bytes.end());
      aligned_ = copy_;
    }
  }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;

  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(aligned_.data()); }
  size_t size() const { return aligned_.size(); }
  // The caller's bytes behind a vector of this flatbuffer.
  std::span<const std::byte> Original(const flatbuffers::Vector<uint8_t>& vector) const {
    return original_.subspan(static_cast<size_t>(vector.data() - data()), vector.size());
  }

 private:
  std::span<const std::byte> original_, aligned_;
  std::vector<std::byte> copy_;
};

// The root table of verified bytes, or null. A table takes at least four bytes, so the limit on
// their number refuses nothing but tables that are reached again and again.
template <typename Root>
const Root* VerifiedRoot(const AlignedBytes& bytes) {
  if (bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) return nullptr;
  flatbuffers::Verifier::Options options;
  options.max_tables = static_cast<flatbuffers::uoffset_t>(bytes.size() / 4);
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), options);
  if (!verifier.VerifyBuffer<Root>(nullptr)) return nullptr;
  return flatbuffers::GetRoot<Root>(bytes.data());
}

// The bytes that follow a flatbuffer, cut into segments by one of its vectors.
class Segments {
 public:
  // `region` begins at the segment base of the file.
  explicit Segments(std::span<const std::byte> region) : region_(region) {}

  // `table` is the flatbuffer's vector of {offset, size}, null for none; `user` names who asks.
  template <typename DataSegment>
  Result<std::span<const std::byte>> Get(
      const flatbuffers::Vector<flatbuffers::Offset<DataSegment>>* table, uint32_t index,
      std::string_view user, ErrorCode code) const {
    const uint32_t count = table == nullptr ? 0 : table->size();
    if (index >= count) {
      return Fail(code,
                  "{}: refers to segment {}, but the file has {}; export it again or fetch it anew",
                  user, index, count);
    }
    const uint64_t offset = table->Get(index)->offset();
    const uint64_t size = table->Get(index)->size();
    if (offset > region_.size() || size > region_.size() - offset) {
      return Fail(code,
                  "{}: segment {} is {} bytes at offset {}, expected to lie in the {} bytes after "
                  "the segment base; the file is truncated or damaged",
                  user, index, size, offset, region_.size());
    }
    return region_.subspan(offset, size);
  }

 private:
  std::span<const std::byte> region_;
};

// Bounds what a reader copies out of a file whose tables may share their vectors and strings:
// linear in the file's size.
class CopyBudget {
 public:
  explicit CopyBudget(size_t file_bytes)
      : left_(file_bytes > std::numeric_limits<size_t>::max() / 16 ? file_bytes : 16 * file_bytes) {
  }
  bool Take(size_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }

 private:
  size_t left_;
};

}  // namespace switchyard
