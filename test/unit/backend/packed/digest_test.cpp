#include "backend/packed/digest.h"

#include <gtest/gtest.h>

#include <format>
#include <string>
#include <vector>

namespace switchyard {
namespace {

std::string Hex(const Digest& digest) {
  std::string text;
  for (const std::byte byte : digest) text += std::format("{:02x}", std::to_integer<int>(byte));
  return text;
}

std::vector<std::byte> Counting(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i % 251);
  return bytes;
}

// What another implementation (Python's hashlib.blake2b with digest_size=16) says.
TEST(Digest, KnownAnswers) {
  EXPECT_EQ(Hex(DigestOf({})), "cae66941d9efbd404e4d88758ea67670");
  EXPECT_EQ(Hex(DigestOf(std::as_bytes(std::span("abc", 3)))), "cf4ab791c62b8d2b2109c90275287816");
  EXPECT_EQ(Hex(DigestOf(Counting(128))), "a74787004ef589e31149183900d0294a");
  EXPECT_EQ(Hex(DigestOf(Counting(129))), "aaf1b0371f6d4ee49ee4fb5ddd9c49ef");
  EXPECT_EQ(Hex(DigestOf(Counting(1000))), "bca120dfd89cd95d82898473a5b01c90");
}

TEST(Digest, PiecesMakeTheWhole) {
  const std::vector<std::byte> bytes = Counting(600);
  for (size_t cut = 0; cut <= bytes.size(); cut += 7) {
    Hasher hasher;
    hasher.Add(std::span(bytes).first(cut));
    hasher.Add(std::span(bytes).subspan(cut));
    EXPECT_EQ(hasher.Finish(), DigestOf(bytes)) << cut;
  }
}

}  // namespace
}  // namespace switchyard
