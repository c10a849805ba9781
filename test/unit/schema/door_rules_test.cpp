// The rule of the door that takes a large file to break. Every other one is broken in
// payload_*_test.cpp, graph_check_test.cpp or check_nodes_test.cpp; two cannot be: more than 2^32
// values or nodes do not fit a flatbuffer, and each row of the node table has a reader.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <span>

#include "schema/payload.h"

namespace switchyard {
namespace {

// Memory that takes none until it is written.
class SparseBytes {
 public:
  explicit SparseBytes(size_t size) : size_(size) {
    base_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  }
  ~SparseBytes() {
    if (base_ != MAP_FAILED) munmap(base_, size_);
  }
  SparseBytes(const SparseBytes&) = delete;
  SparseBytes& operator=(const SparseBytes&) = delete;

  bool is_there() const { return base_ != MAP_FAILED; }
  std::span<const std::byte> bytes() const { return {static_cast<std::byte*>(base_), size_}; }
  template <typename T>
  void Put(size_t at, const T& value) {
    std::memcpy(static_cast<std::byte*>(base_) + at, &value, sizeof(value));
  }

 private:
  size_t size_;
  void* base_;
};

// Offsets in a flatbuffer are signed 32-bit numbers.
TEST(DoorRules, FlatbufferOfTwoGigabytes) {
  constexpr uint32_t kFlatbufferOffset = 32, kFlatbufferBytes = 0x8000'0000;
  constexpr char kMagic[] = {'X', 'H', '0', '0'}, kIdentifier[] = {'X', 'N', '0', '1'};
  SparseBytes payload(size_t{kFlatbufferOffset} + kFlatbufferBytes);
  if (!payload.is_there()) GTEST_SKIP() << "no address space for 2 GB";
  payload.Put(4, kMagic);
  payload.Put(10, kFlatbufferOffset);
  payload.Put(14, kFlatbufferBytes);
  payload.Put(18, kFlatbufferOffset + kFlatbufferBytes);
  payload.Put(kFlatbufferOffset + 4, kIdentifier);
  const auto graph = ReadPayload(payload.bytes(), nullptr);
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, ErrorCode::kDelegateInvalidCompatibility);
  EXPECT_THAT(graph.error().message,
              testing::HasSubstr("the flatbuffer is 2147483648 bytes, expected less than"));
}

}  // namespace
}  // namespace switchyard
