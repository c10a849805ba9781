// Which libraries the thread pool and cpuinfo come from. Built three times: linked as the build's
// targets do it, and wrong in two ways.

#include "backend/doors/libraries.h"

#include <gtest/gtest.h>

#include <string>

#include "kernels/cpu/features.h"

namespace switchyard {
namespace {

#if defined(SWITCHYARD_WRONG_PTHREADPOOL)

TEST(Libraries, MixedPthreadpoolIsRefusedNamingBoth) {
  const Status status = CheckLibraries();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidState);
  EXPECT_NE(status.error().message.find("libpthreadpool.so"), std::string::npos);
  EXPECT_NE(status.error().message.find("pthreadpool_create_v2 from"), std::string::npos)
      << status.error().message;
}

#elif defined(SWITCHYARD_WRONG_CPUINFO)

// On x86-64 both lay their features out in the same way, today.
TEST(Libraries, ForeignCpuinfoIsRefusedWhereItDiffers) {
  const Status status = CheckLibraries();
#if defined(__aarch64__)
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidState);
  EXPECT_NE(status.error().message.find("libexecutorch_threadpool.so"), std::string::npos)
      << status.error().message;
#else
  EXPECT_TRUE(status) << status.error().ToString();
#endif
}

#else

TEST(Libraries, AreTheRightOnes) {
  const Status status = CheckLibraries();
  EXPECT_TRUE(status) << status.error().ToString();
}

#endif

}  // namespace
}  // namespace switchyard
