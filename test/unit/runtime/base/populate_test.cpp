#include "runtime/base/populate.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <vector>

namespace switchyard {
namespace {

constexpr size_t kBytes = size_t{1} << 20;

class Pages {
 public:
  Pages()
      : data_(static_cast<std::byte*>(
            mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    EXPECT_NE(data_, MAP_FAILED);
  }
  ~Pages() { munmap(data_, kBytes); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  std::span<std::byte> bytes() const { return {data_, kBytes}; }
  size_t NumResident() const {
    std::vector<unsigned char> pages(kBytes / static_cast<size_t>(sysconf(_SC_PAGESIZE)));
    EXPECT_EQ(mincore(data_, kBytes, pages.data()), 0);
    size_t count = 0;
    for (const unsigned char page : pages) count += page & 1;
    return count;
  }
  size_t num() const { return kBytes / static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

 private:
  std::byte* const data_;
};

TEST(Populate, GivesEveryPageThatLiesInsideAndNoOther) {
  const Pages probe;
  if (madvise(probe.bytes().data(), kBytes, 23 /* MADV_POPULATE_WRITE */) != 0) {
    GTEST_SKIP() << "Linux, or the emulator, does not populate memory";
  }
  const Pages whole, inside, small;
  EXPECT_EQ(whole.NumResident(), 0u);
  Populate(whole.bytes());
  EXPECT_EQ(whole.NumResident(), whole.num());
  // Half of a page at each end is somebody else's.
  Populate(inside.bytes().subspan(100, kBytes - 200));
  EXPECT_EQ(inside.NumResident(), inside.num() - 2);
  Populate(small.bytes().first(1000));
  EXPECT_EQ(small.NumResident(), 0u);
}

TEST(Populate, ChangesNothing) {
  std::vector<std::byte> bytes(kBytes);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  const std::vector<std::byte> before = bytes;
  errno = 77;
  for (const size_t offset : {0, 1, 63, 4095}) Populate(std::span(bytes).subspan(offset));
  Populate({});
  // What cannot be written stays so: the faults tell, later.
  const Pages pages;
  ASSERT_EQ(mprotect(pages.bytes().data(), kBytes, PROT_READ), 0);
  Populate(pages.bytes());
  EXPECT_EQ(errno, 77);
  EXPECT_EQ(bytes, before);
}

}  // namespace
}  // namespace switchyard
