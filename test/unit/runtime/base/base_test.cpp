// Errors, data types, dims, checked arithmetic and data buffers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/checked_math.h"
#include "runtime/base/data_type.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/base/named_data.h"

namespace switchyard {
namespace {

constexpr size_t kMaxSize = std::numeric_limits<size_t>::max();

TEST(RuntimeError, NamesAreTheContracts) {
  // Numbers and names of the host contract, written down a second time on purpose.
  const std::pair<uint32_t, std::string_view> contract[] = {
      {0x01, "Internal"},
      {0x02, "InvalidState"},
      {0x10, "NotSupported"},
      {0x11, "NotImplemented"},
      {0x12, "InvalidArgument"},
      {0x13, "InvalidType"},
      {0x20, "NotFound"},
      {0x21, "MemoryAllocationFailed"},
      {0x22, "AccessFailed"},
      {0x23, "InvalidProgram"},
      {0x24, "InvalidExternalData"},
      {0x25, "OutOfResources"},
      {0x30, "DelegateInvalidCompatibility"},
      {0x31, "DelegateMemoryAllocationFailed"},
      {0x32, "DelegateInvalidHandle"},
  };
  for (const auto& [number, name] : contract) {
    EXPECT_EQ(ErrorCodeName(static_cast<ErrorCode>(number)), name) << std::hex << number;
  }
}

TEST(RuntimeError, ToStringHasNameAndMessage) {
  const Error error{ErrorCode::kInvalidProgram, "value 3: found x"};
  EXPECT_EQ(error.ToString(), "InvalidProgram: value 3: found x");
  // A host may return a code of its own through a resize function.
  const Error foreign{static_cast<ErrorCode>(0x77), "from the host"};
  EXPECT_EQ(foreign.ToString(), "error 0x77: from the host");
}

Result<int> Half(int number) {
  if (number % 2 != 0) return Fail(ErrorCode::kInvalidArgument, "{} is odd", number);
  return number / 2;
}
Result<int> Quarter(int number) {
  SWITCHYARD_ASSIGN(const int half, Half(number));
  SWITCHYARD_ASSIGN(const int quarter, Half(half));
  return quarter;
}
Status IsMultipleOfFour(int number) {
  SWITCHYARD_TRY(Quarter(number));
  return {};
}

TEST(RuntimeError, MacrosReturnTheFirstError) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().message, "3 is odd");
  EXPECT_EQ(Quarter(5).error().message, "5 is odd");
  EXPECT_TRUE(IsMultipleOfFour(12).has_value());
  EXPECT_EQ(IsMultipleOfFour(10).error().code, ErrorCode::kInvalidArgument);
}

TEST(RuntimeDataType, NamesAreUnique) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(DataType::kPF32); ++i) {
    names.insert(Name(static_cast<DataType>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(DataType::kPF32) + 1);
  EXPECT_EQ(Name(DataType::kQBInt4), "qbint4");
  EXPECT_EQ(Name(DataType::kF32), "fp32");
  EXPECT_EQ(Name(static_cast<DataType>(200)), "invalid");
}

TEST(RuntimeDataType, ExternalTypesHaveTheSameSize) {
  for (int i = 0; i <= static_cast<int>(DataType::kPF32); ++i) {
    const auto type = static_cast<DataType>(i);
    if (const auto external = ExternalElementType(type)) {
      EXPECT_EQ(ElementBytes(*external) * 8, ElementBits(type)) << Name(type);
    }
  }
}

TEST(RuntimeDataType, WhatCannotBeExternal) {
  for (DataType type : {DataType::kInvalid, DataType::kQCInt4, DataType::kQBInt4, DataType::kQDInt8,
                        DataType::kQPInt8, DataType::kPF32}) {
    EXPECT_FALSE(ExternalElementType(type).has_value()) << Name(type);
  }
  EXPECT_EQ(ExternalElementType(DataType::kQUInt8), ElementType::kUInt8);
  EXPECT_EQ(ElementBits(DataType::kQCInt4), 4u);
  EXPECT_EQ(ElementBits(DataType::kQPInt8), 0u);
  EXPECT_EQ(ElementBytes(ElementType::kInt64), 8u);
}

TEST(RuntimeDims, ToStringAndElements) {
  EXPECT_EQ(ToString(Dims{2, 3, 4}), "[2, 3, 4]");
  EXPECT_EQ(ToString(Dims{7}), "[7]");
  EXPECT_EQ(ToString(Dims{}), "[]");
  EXPECT_EQ(Dims{}.NumElements(), 1u);
  EXPECT_EQ((Dims{2, 0, 4}.NumElements()), 0u);
  EXPECT_EQ((Dims{2, 3, 4}.back()), 4u);
  EXPECT_EQ((Dims{2, 3, 4}.back(2)), 2u);
  EXPECT_FALSE((Dims{kMaxSize, 2}.NumElements()).has_value());
  EXPECT_NE((Dims{1, 2}), (Dims{1, 2, 1}));
}

TEST(RuntimeCheckedMath, Overflow) {
  EXPECT_EQ(CheckedAdd<uint32_t>(0xFFFFFFFE, 1), 0xFFFFFFFFu);
  EXPECT_FALSE(CheckedAdd<uint32_t>(0xFFFFFFFF, 1).has_value());
  EXPECT_EQ(CheckedMultiply<size_t>(kMaxSize, 1), kMaxSize);
  EXPECT_FALSE(CheckedMultiply<size_t>(kMaxSize / 2 + 1, 2).has_value());
  EXPECT_FALSE(CheckedMultiply<uint8_t>(16, 16).has_value());
  EXPECT_EQ(CeilDivide<size_t>(kMaxSize, 2), kMaxSize / 2 + 1);
  EXPECT_EQ(CheckedRoundUp<size_t>(17, 16), 32u);
  EXPECT_EQ(CheckedRoundUp<size_t>(0, 16), 0u);
  EXPECT_FALSE(CheckedRoundUp<size_t>(kMaxSize - 3, 16).has_value());
}

TEST(RuntimeDataBuffer, OwnerLivesAsLongAsTheBytes) {
  auto owner = std::make_shared<std::vector<std::byte>>(4);
  std::weak_ptr<void> watch = owner;
  DataBuffer buffer(*owner, owner);
  owner.reset();
  DataBuffer moved = std::move(buffer);
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(moved.bytes().size(), 4u);
  EXPECT_TRUE(buffer.bytes().empty());
  moved.Release();
  EXPECT_TRUE(watch.expired());
  EXPECT_TRUE(moved.bytes().empty());
}

}  // namespace
}  // namespace switchyard
