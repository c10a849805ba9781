// Copies of the library in one process: each in a shared library of its own, as in two plugins, and
// one in this program.
#include "runtime/process_claim.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "test/unit/runtime/process_claim_copy.h"

namespace switchyard {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kFiles[] = {SWITCHYARD_TEST_COPY_1, SWITCHYARD_TEST_COPY_2};

class Copy {
 public:
  explicit Copy(const char* file) : library_(dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
    EXPECT_NE(library_, nullptr) << dlerror();
    if (library_ == nullptr) return;
    claim_ = reinterpret_cast<decltype(claim_)>(dlsym(library_, "switchyard_test_claim"));
    EXPECT_NE(claim_, nullptr) << dlerror();
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  ~Copy() { EXPECT_EQ(dlclose(library_), 0); }

  std::string Claim() const {
    std::string error;
    claim_(&error);
    return error;
  }

 private:
  void* library_;
  decltype(&switchyard_test_claim) claim_ = nullptr;
};

TEST(ProcessClaim, FirstCopyInUseStaysInCharge) {
  // This program's own copy is there as well, and does not count.
  const Copy first(kFiles[0]), second(kFiles[1]);
  EXPECT_EQ(first.Claim(), "");
  EXPECT_EQ(first.Claim(), "");
  EXPECT_THAT(second.Claim(),
              AllOf(HasSubstr("InvalidState"), HasSubstr(kFiles[0]), HasSubstr(kFiles[1]),
                    HasSubstr(SWITCHYARD_VERSION), HasSubstr("link or load only one")));
  EXPECT_EQ(first.Claim(), "");
}

TEST(ProcessClaim, GoesWithItsCopy) {
  const Copy second(kFiles[1]);
  {
    const Copy first(kFiles[0]);
    EXPECT_EQ(first.Claim(), "");
    EXPECT_NE(second.Claim(), "");
  }
  EXPECT_EQ(second.Claim(), "");
  const Copy first(kFiles[0]);
  EXPECT_NE(first.Claim(), "");
}

TEST(ProcessClaim, OneOfManyAtOnce) {
  for (int round = 0; round < 50; ++round) {
    const Copy first(kFiles[0]), second(kFiles[1]);
    std::array<std::atomic<int>, 2> claims{};
    std::atomic<bool> go = false;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, which = i % 2] {
        while (!go) std::this_thread::yield();
        claims[which] += (which == 0 ? first : second).Claim().empty();
      });
    }
    go = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(claims[0] + claims[1], 2) << "round " << round;
    EXPECT_EQ(claims[0] * claims[1], 0) << "round " << round;
  }
}

// Runs last: a program is never unloaded.
TEST(ProcessClaim, ProgramIsNamed) {
  ASSERT_TRUE(ClaimProcess().has_value());
  const Copy copy(kFiles[0]);
  EXPECT_THAT(copy.Claim(), HasSubstr("process_claim_test"));
}

}  // namespace
}  // namespace switchyard
