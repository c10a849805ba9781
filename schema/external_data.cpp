// ReadExternalData and NamedDataViews of schema/program.h.
#include <algorithm>
#include <string>
#include <utility>

#include "runtime/base/format.h"
#include "schema/flat_tensor_generated.h"
#include "schema/flatbuffer_file.h"
#include "schema/program.h"

namespace switchyard {
namespace {

constexpr std::string_view kIdentifier = "FT01";

// The header (offsets from the file's start).
constexpr std::string_view kDataHeaderMagic = "FH01";
constexpr size_t kFlatbufferOffsetOffset = 16;
constexpr size_t kFlatbufferSizeOffset = 24;
constexpr size_t kDataSegmentBaseOffset = 32;
constexpr size_t kDataSegmentSizeOffset = 40;
constexpr uint32_t kHeaderLength = 40;

template <typename... Args>
std::unexpected<Error> BadData(std::format_string<Args...> format, Args&&... args) {
  return Fail(ErrorCode::kInvalidExternalData, format, std::forward<Args>(args)...);
}

// True if [offset, offset + size) lies in `limit` bytes.
bool Inside(uint64_t offset, uint64_t size, size_t limit) {
  return offset <= limit && size <= limit - offset;
}

}  // namespace

Result<NamedDataViews::Map> ReadExternalData(std::span<const std::byte> file) {
  if (!HasTextAt(file, kIdentifierOffset, kIdentifier) ||
      !HasTextAt(file, kHeaderOffset, kDataHeaderMagic) ||
      file.size() < kHeaderOffset + kHeaderLength) {
    return BadData(
        "external data: {} bytes without identifier {} and header {}; expected a .ptd file "
        "that ExecuTorch wrote",
        file.size(), kIdentifier, kDataHeaderMagic);
  }
  if (const uint32_t length = ReadNumber<uint32_t>(file, kHeaderLengthOffset);
      length < kHeaderLength) {
    return BadData("external data: header of {} bytes, expected at least {}; the file is damaged",
                   length, kHeaderLength);
  }
  const uint64_t offset = ReadNumber<uint64_t>(file, kFlatbufferOffsetOffset);
  const uint64_t size = ReadNumber<uint64_t>(file, kFlatbufferSizeOffset);
  const uint64_t segment_base = ReadNumber<uint64_t>(file, kDataSegmentBaseOffset);
  const uint64_t segment_bytes = ReadNumber<uint64_t>(file, kDataSegmentSizeOffset);
  if (!Inside(offset, size, file.size()) || !Inside(segment_base, segment_bytes, file.size())) {
    return BadData(
        "external data: the header tells of {} bytes at offset {} and of {} bytes of segments "
        "at offset {}, but the file has {} bytes; it is truncated or damaged",
        size, offset, segment_bytes, segment_base, file.size());
  }
  // The root offset stands before the header, at the file's start.
  const AlignedBytes flatbuffer(file.first(offset + size));
  const auto* root = VerifiedRoot<flat_tensor_fb::FlatTensor>(flatbuffer);
  if (root == nullptr) {
    return BadData(
        "external data: {} bytes that are not a well-formed flatbuffer of identifier {}; the "
        "file is truncated or damaged",
        flatbuffer.size(), kIdentifier);
  }

  NamedDataViews::Map result;
  if (root->named_data() == nullptr) return result;
  const Segments segments(file.subspan(segment_base, segment_bytes));
  CopyBudget budget(flatbuffer.size());
  for (const flat_tensor_fb::NamedData* entry : *root->named_data()) {
    if (entry->key() == nullptr || !budget.Take(entry->key()->size())) {
      return BadData(
          "external data: entry {} has no key of its own, expected one for each; the file is "
          "damaged",
          result.size());
    }
    std::string key = entry->key()->str();
    SWITCHYARD_ASSIGN(
        const std::span<const std::byte> bytes,
        segments.Get(root->segments(), entry->segment_index(), Format("external data '{}'", key),
                     ErrorCode::kInvalidExternalData));
    const auto [at, is_new] = result.emplace(std::move(key), bytes);
    if (!is_new) {
      return BadData("external data: '{}' is there twice, expected unique keys; export it again",
                     at->first);
    }
  }
  return result;
}

Status NamedDataViews::Merge(const Map& other) {
  for (const auto& [key, bytes] : other) {
    const auto mine = map_.find(key);
    if (mine != map_.end() && !std::ranges::equal(mine->second, bytes)) {
      return BadData(
          "named data '{}': {} bytes in one file and {} different ones in another, expected "
          "equal ones; use the data files that were exported with the program",
          key, mine->second.size(), bytes.size());
    }
  }
  map_.insert(other.begin(), other.end());
  return {};
}

Result<DataBuffer> NamedDataViews::Get(std::string_view key) const {
  const auto at = map_.find(key);
  if (at == map_.end()) {
    return Fail(
        ErrorCode::kNotFound,
        "named data '{}': not among the {} entries at hand; give the program's file and the "
        ".ptd file that was exported with it",
        key, map_.size());
  }
  return DataBuffer(at->second);
}

}  // namespace switchyard
