// The outer header of a payload (30 bytes, little endian), by byte offset:
//    4  "XH00", where a bare flatbuffer has its identifier
//    8  u16 length of the header; writers store 30, readers ignore it
//   10  u32 offset, 14 u32 size of the flatbuffer
//   18  u32 offset, 22 u64 size of the constant region
// Offsets count from the start of the payload.
#include <bit>
#include <cstring>
#include <string>
#include <string_view>

#include "runtime/base/format.h"
#include "schema/payload.h"

namespace switchyard {
namespace {

constexpr size_t kHeaderBytes = 30;
// A root offset and an identifier.
constexpr size_t kMinFlatbufferBytes = 8;

template <typename T>
T ReadLittleEndian(std::span<const std::byte> bytes, size_t offset) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// The four characters after the root offset.
std::string_view IdentifierOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()) + 4, 4};
}

// The identifier as a message can show it.
std::string Printable(std::string_view identifier) {
  std::string text;
  for (const char c : identifier) {
    if (c >= ' ' && c <= '~') {
      text += c;
    } else {
      text += Format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return text;
}

// The part [offset, offset + size) of the payload. offset is a u32 on the wire, so the subtraction
// below is the only arithmetic that could go wrong.
Result<std::span<const std::byte>> Region(std::span<const std::byte> payload, std::string_view name,
                                          size_t offset, uint64_t size) {
  if (offset > payload.size() || size > payload.size() - offset) {
    return Fail(ErrorCode::kInvalidArgument,
                "payload header: the {} is {} bytes at offset {}, expected a region inside the "
                "payload of {} bytes; the file is cut off or damaged, export it again",
                name, size, offset, payload.size());
  }
  return payload.subspan(offset, size);
}

}  // namespace

Result<PayloadLayout> ParsePayloadLayout(std::span<const std::byte> payload) {
  if (payload.size() < kHeaderBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "payload: {} bytes, expected at least the {} of a header; the file is cut off or "
                "not an XNNPACK payload",
                payload.size(), kHeaderBytes);
  }
  PayloadLayout layout;
  layout.has_header = IdentifierOf(payload) == "XH00";
  layout.flatbuffer = payload;
  if (layout.has_header) {
    const size_t flatbuffer_offset = ReadLittleEndian<uint32_t>(payload, 10);
    const size_t constant_offset = ReadLittleEndian<uint32_t>(payload, 18);
    SWITCHYARD_ASSIGN(layout.flatbuffer, Region(payload, "flatbuffer", flatbuffer_offset,
                                                ReadLittleEndian<uint32_t>(payload, 14)));
    SWITCHYARD_ASSIGN(layout.constant_data, Region(payload, "constant region", constant_offset,
                                                   ReadLittleEndian<uint64_t>(payload, 22)));
    if (layout.flatbuffer.size() < kMinFlatbufferBytes) {
      return Fail(ErrorCode::kInvalidArgument,
                  "payload header: the flatbuffer is {} bytes, expected at least {}; the header is "
                  "damaged, export the file again",
                  layout.flatbuffer.size(), kMinFlatbufferBytes);
    }
    if (constant_offset < flatbuffer_offset + layout.flatbuffer.size()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "payload header: the constant region starts at offset {}, expected at or after "
                  "the flatbuffer's end at {}; the header is damaged, export the file again",
                  constant_offset, flatbuffer_offset + layout.flatbuffer.size());
    }
  }
  layout.identifier = IdentifierOf(layout.flatbuffer);
  if (layout.identifier != "XN00" && layout.identifier != "XN01") {
    return Fail(ErrorCode::kDelegateInvalidCompatibility,
                "payload: identifier \"{}\", expected \"XN00\" or \"XN01\"; it is not a payload of "
                "ExecuTorch's XNNPACK partitioner, or of a version that this one does not know",
                Printable(layout.identifier));
  }
  return layout;
}

}  // namespace switchyard
