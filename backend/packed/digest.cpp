#include "backend/packed/digest.h"

#include <sodium.h>

#include <tuple>

namespace switchyard {
namespace {

static_assert(std::tuple_size<Digest>() >= crypto_generichash_blake2b_BYTES_MIN);

// Neither of these fails with a length that the library takes, and no key.
auto* State(std::array<std::byte, 384>& bytes) {
  static_assert(sizeof(crypto_generichash_blake2b_state) <= sizeof(bytes));
  static_assert(alignof(crypto_generichash_blake2b_state) <= 64);
  return reinterpret_cast<crypto_generichash_blake2b_state*>(bytes.data());
}

const unsigned char* Unsigned(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

}  // namespace

Hasher::Hasher() {
  // Chooses the implementation for this CPU; where it fails the portable one runs.
  [[maybe_unused]] static const int initialized = sodium_init();
  crypto_generichash_blake2b_init(State(state_), nullptr, 0, std::tuple_size<Digest>());
}

void Hasher::Add(std::span<const std::byte> bytes) {
  crypto_generichash_blake2b_update(State(state_), Unsigned(bytes.data()), bytes.size());
}

Digest Hasher::Finish() {
  Digest digest;
  crypto_generichash_blake2b_final(State(state_), reinterpret_cast<unsigned char*>(digest.data()),
                                   digest.size());
  return digest;
}

Digest DigestOf(std::span<const std::byte> bytes) {
  Hasher hasher;
  hasher.Add(bytes);
  return hasher.Finish();
}

}  // namespace switchyard
