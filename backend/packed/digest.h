// A cryptographic hash: bytes with equal digests are the same bytes, as far as 128 bits go.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <type_traits>

namespace switchyard {

using Digest = std::array<std::byte, 16>;

// BLAKE2b (RFC 7693) without a key, 16 bytes long, by libsodium.
class Hasher {
 public:
  Hasher();
  void Add(std::span<const std::byte> bytes);
  // The bytes of a number or of an array of them, as they lie in memory; no padding.
  template <typename T>
    requires std::has_unique_object_representations_v<T>
  void AddValue(const T& value) {
    Add(std::as_bytes(std::span(&value, 1)));
  }
  // Of all that was added. Nothing can be added afterwards.
  Digest Finish();

 private:
  alignas(64) std::array<std::byte, 384> state_;  // libsodium's
};

Digest DigestOf(std::span<const std::byte> bytes);

}  // namespace switchyard
