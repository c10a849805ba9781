#include "runtime/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "runtime/host_services.h"

namespace switchyard {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kMaxSize = std::numeric_limits<size_t>::max();

bool IsAligned(const void* pointer, size_t alignment) {
  return reinterpret_cast<uintptr_t>(pointer) % alignment == 0;
}

TEST(RuntimeTensorView, DimOrder) {
  TensorView view;
  EXPECT_TRUE(view.HasDefaultDimOrder());
  view.rank = 3;
  view.dim_order = {0, 1, 2};
  EXPECT_TRUE(view.HasDefaultDimOrder());
  view.dim_order = {0, 2, 1};
  EXPECT_FALSE(view.HasDefaultDimOrder());
}

TEST(RuntimeTensorView, BytesAreCheckedForOverflow) {
  TensorView view;
  view.element_type = ElementType::kF16;
  EXPECT_EQ(view.NumBytes(), 2u);
  view.rank = 2;
  view.sizes = {3, 5};
  EXPECT_EQ(view.NumBytes(), 30u);
  view.sizes = {kMaxSize / 2, 1};
  EXPECT_EQ(view.NumBytes(), kMaxSize - 1);
  view.sizes = {kMaxSize / 2 + 1, 1};
  EXPECT_FALSE(view.NumBytes().has_value());
  view.sizes = {kMaxSize, 2};
  EXPECT_FALSE(view.NumBytes().has_value());
}

TEST(RuntimeOwnedTensor, IsZeroAndAlignedWithReadableSlack) {
  for (size_t size : {size_t{1}, size_t{3}, size_t{16}, size_t{1000}}) {
    OwnedTensor tensor(ElementType::kInt8, std::vector<size_t>{size});
    EXPECT_EQ(tensor.bytes().size(), size);
    EXPECT_TRUE(IsAligned(tensor.data<void>(), OwnedTensor::kAlignment)) << size;
    // Under AddressSanitizer this also shows that the slack belongs to the allocation.
    const std::span with_slack(tensor.data<uint8_t>(), size + OwnedTensor::kSlackBytes);
    EXPECT_THAT(with_slack, Each(0)) << size;
  }
}

TEST(RuntimeOwnedTensor, ScalarAndEmpty) {
  OwnedTensor scalar(ElementType::kF32, {});
  EXPECT_EQ(scalar.bytes().size(), 4u);
  OwnedTensor empty(ElementType::kF32, std::vector<size_t>{2, 0, 3});
  EXPECT_EQ(empty.bytes().size(), 0u);
  EXPECT_THAT(empty.sizes(), ElementsAre(2, 0, 3));
  OwnedTensor none;
  EXPECT_EQ(none.View().NumBytes(), 0u);
}

TEST(RuntimeOwnedTensor, CopiesAreIndependent) {
  OwnedTensor original(ElementType::kInt32, std::vector<size_t>{2});
  original.data<int32_t>()[1] = 7;
  OwnedTensor copy = original;
  copy.data<int32_t>()[1] = 8;
  EXPECT_EQ(original.data<int32_t>()[1], 7);
  original = copy;
  EXPECT_EQ(original.data<int32_t>()[1], 8);
  EXPECT_NE(original.data<int32_t>(), copy.data<int32_t>());
  EXPECT_EQ(copy.element_type(), ElementType::kInt32);
}

TEST(RuntimeOwnedTensor, ResizesThroughItsView) {
  OwnedTensor tensor(ElementType::kF32, std::vector<size_t>{2, 3});
  TensorView view = tensor.View();
  EXPECT_TRUE(view.HasDefaultDimOrder());
  EXPECT_EQ(view.capacity_bytes, 24u);
  const std::vector<size_t> larger = {40, 3};
  ASSERT_TRUE(view.resize(view, larger).has_value());
  EXPECT_EQ(view.data, tensor.data<void>());
  EXPECT_EQ(view.capacity_bytes, 480u);
  EXPECT_EQ(view.sizes[0], 40u);
  EXPECT_THAT(tensor.sizes(), ElementsAre(40, 3));
  EXPECT_EQ(tensor.bytes().size(), 480u);
  EXPECT_TRUE(IsAligned(tensor.data<void>(), OwnedTensor::kAlignment));
}

TEST(RuntimeOwnedTensor, RefusedResizeChangesNothing) {
  OwnedTensor tensor(ElementType::kF32, std::vector<size_t>{2, 3});
  TensorView view = tensor.View();
  const Status rank = view.resize(view, std::vector<size_t>{6});
  ASSERT_FALSE(rank.has_value());
  EXPECT_EQ(rank.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(rank.error().message, HasSubstr("rank 1, expected its own rank 2"));
  for (const std::vector<size_t>& sizes :
       {std::vector<size_t>{kMaxSize, 3}, {kMaxSize / 4, 1}, {kMaxSize / 8, 1}}) {
    const Status size = view.resize(view, sizes);
    ASSERT_FALSE(size.has_value());
    EXPECT_EQ(size.error().code, ErrorCode::kMemoryAllocationFailed);
  }
  EXPECT_THAT(tensor.sizes(), ElementsAre(2, 3));
  EXPECT_EQ(view.sizes[0], 2u);
  EXPECT_EQ(tensor.bytes().size(), 24u);
}

TEST(RuntimeOwnedTensor, CreateChecksWhatComesFromAFile) {
  EXPECT_TRUE(OwnedTensor::Create(ElementType::kF32, std::vector<size_t>{4}).has_value());
  const auto high_rank = OwnedTensor::Create(ElementType::kF32, std::vector<size_t>(17, 1));
  ASSERT_FALSE(high_rank.has_value());
  EXPECT_EQ(high_rank.error().code, ErrorCode::kInvalidArgument);
  const auto huge = OwnedTensor::Create(ElementType::kF32, std::vector<size_t>{kMaxSize, 2});
  ASSERT_FALSE(huge.has_value());
  EXPECT_EQ(huge.error().code, ErrorCode::kMemoryAllocationFailed);
  // The constructor has no way to say so, and leaves a tensor that every backend refuses or skips.
  OwnedTensor unmade(ElementType::kF32, std::vector<size_t>{kMaxSize, 2});
  EXPECT_THAT(unmade.sizes(), ElementsAre(0));
  EXPECT_EQ(unmade.bytes().size(), 0u);
}

TEST(RuntimeHostServices, DefaultsAreExplicit) {
  const HostServices services = DefaultHostServices();
  EXPECT_EQ(services.allocator, &DefaultAllocator());
  EXPECT_EQ(services.logger, &NullLogger());
  EXPECT_EQ(services.thread_pool, nullptr);
  EXPECT_EQ(services.tracer, nullptr);
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  services.logger->Log(LogLevel::kError, "dropped");
  EXPECT_EQ(testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr(), "");
}

TEST(RuntimeHostServices, DefaultAllocatorAligns) {
  Allocator& allocator = DefaultAllocator();
  for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    for (size_t bytes : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{65}}) {
      void* memory = allocator.Allocate(bytes, alignment);
      ASSERT_NE(memory, nullptr) << bytes << " aligned to " << alignment;
      EXPECT_TRUE(IsAligned(memory, alignment)) << bytes << " aligned to " << alignment;
      allocator.Free(memory);
    }
  }
  allocator.Free(nullptr);
  EXPECT_EQ(allocator.Allocate(16, 0), nullptr);
  EXPECT_EQ(allocator.Allocate(16, 48), nullptr);
  EXPECT_EQ(allocator.Allocate(kMaxSize - 8, 64), nullptr);
}

}  // namespace
}  // namespace switchyard
