#include "tools/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace switchyard::tools {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Array Floats(const std::vector<float>& values, std::vector<size_t> shape = {}) {
  Array array{ArrayType::kF32, std::move(shape), std::vector<std::byte>(values.size() * 4)};
  if (array.shape.empty()) array.shape = {values.size()};
  if (!values.empty()) std::memcpy(array.data.data(), values.data(), array.data.size());
  return array;
}

TEST(Compare, TheToleranceIsAbsolutePlusRelative) {
  Tolerance tolerance{.rtol = 0.1, .atol = 1, .min_cosine = {}};
  EXPECT_TRUE(Compare(Floats({111.9F}), Floats({100}), tolerance).pass == false);
  EXPECT_TRUE(Compare(Floats({110.9F}), Floats({100}), tolerance).pass);
  EXPECT_TRUE(Compare(Floats({-89.2F}), Floats({-100}), tolerance).pass);
  EXPECT_FALSE(Compare(Floats({-88.8F}), Floats({-100}), tolerance).pass);
}

TEST(Compare, NamesTheElementThatIsWorstForItsTolerance) {
  // The last differs most, but is well inside its tolerance.
  Comparison result = Compare(Floats({1, 2, 3, 1004}, {2, 2}), Floats({1, 2, 3.5F, 1000}, {2, 2}),
                              {.rtol = 0.01, .atol = 0.1, .min_cosine = {}});
  EXPECT_FALSE(result.pass);
  EXPECT_EQ(result.worst_index, "[1, 0]");
  EXPECT_EQ(result.worst_got, 3);
  EXPECT_EQ(result.worst_expected, 3.5);
  EXPECT_EQ(result.max_abs_error, 4);
}

TEST(Compare, NaNsAndInfinities) {
  Tolerance wide{.rtol = 1, .atol = 1e30, .min_cosine = {}};
  EXPECT_TRUE(Compare(Floats({kNaN, kInf, -kInf}), Floats({kNaN, kInf, -kInf}), wide).pass);
  EXPECT_FALSE(Compare(Floats({kNaN}), Floats({0}), wide).pass);
  EXPECT_FALSE(Compare(Floats({0}), Floats({kNaN}), wide).pass);
  EXPECT_FALSE(Compare(Floats({kInf}), Floats({-kInf}), wide).pass);
  EXPECT_FALSE(Compare(Floats({0}), Floats({kInf}), wide).pass);
  EXPECT_TRUE(std::isinf(Compare(Floats({1, kNaN}), Floats({1, 1}), wide).max_abs_error));
  EXPECT_EQ(Compare(Floats({1, kNaN}), Floats({1, 1}), wide).worst, 1U);
}

TEST(Compare, ZeroToleranceWantsEquality) {
  EXPECT_TRUE(Compare(Floats({1, 0}), Floats({1, -0.0F}), {}).pass);
  EXPECT_FALSE(Compare(Floats({1, 1e-30F}), Floats({1, 0}), {}).pass);
}

TEST(Compare, TypesAndShapesMustBeEqual) {
  Array doubles{ArrayType::kF64, {1}, std::vector<std::byte>(8)};
  EXPECT_EQ(Compare(doubles, Floats({0}), {}).mismatch, "float64 [1], expected float32 [1]");
  EXPECT_EQ(Compare(Floats({0, 0}, {2, 1}), Floats({0, 0}), {}).mismatch,
            "float32 [2, 1], expected float32 [2]");
  EXPECT_FALSE(Compare(doubles, Floats({0}), {}).pass);
}

TEST(Compare, CosineIsWantedToo) {
  Tolerance tolerance{.rtol = 0, .atol = 10, .min_cosine = 0.9};
  Comparison orthogonal = Compare(Floats({1, 0}), Floats({0, 1}), tolerance);
  EXPECT_FALSE(orthogonal.pass);
  EXPECT_EQ(orthogonal.cosine, 0);
  EXPECT_TRUE(Compare(Floats({2, 2}), Floats({1, 1}), tolerance).pass);
  EXPECT_TRUE(Compare(Floats({0, 0}), Floats({0, 0}), tolerance).pass);
  // An answer of zeros has no direction.
  EXPECT_FALSE(Compare(Floats({0, 0}), Floats({1, 1}), tolerance).pass);
}

// Integers that a double rounds to one number are still not equal.
TEST(Compare, WideIntegersAreExact) {
  const auto array = [](ArrayType type, uint64_t value) {
    Array result{type, {1}, std::vector<std::byte>(8)};
    std::memcpy(result.data.data(), &value, 8);
    return result;
  };
  for (ArrayType type : {ArrayType::kInt64, ArrayType::kUInt64}) {
    for (uint64_t value :
         {uint64_t{1} << 53, (uint64_t{1} << 62) + 4, uint64_t{1} << 63, uint64_t{0}}) {
      EXPECT_TRUE(Compare(array(type, value), array(type, value), {}).pass);
      const Comparison one_off = Compare(array(type, value + 1), array(type, value), {});
      EXPECT_FALSE(one_off.pass);
      EXPECT_EQ(one_off.max_abs_error, 1);
      EXPECT_TRUE(Compare(array(type, value + 1), array(type, value), {0, 1, {}}).pass);
    }
  }
  EXPECT_EQ(
      Compare(array(ArrayType::kInt64, uint64_t{1} << 63), array(ArrayType::kInt64, INT64_MAX), {})
          .max_abs_error,
      0x1p64);
}

TEST(Compare, PartsOfComplexNumbers) {
  Array numbers = Floats({1, 2, 3, 4}, {2});
  numbers.type = ArrayType::kComplex64;
  Array others = Floats({1, 2, 3, 4.5F}, {2});
  others.type = ArrayType::kComplex64;
  EXPECT_TRUE(Compare(numbers, numbers, {}).pass);
  const Comparison comparison = Compare(others, numbers, {});
  EXPECT_FALSE(comparison.pass);
  EXPECT_EQ(comparison.worst_index, "[1]");
  EXPECT_EQ(comparison.max_abs_error, 0.5);
}

TEST(Compare, EmptyTensors) {
  Comparison result = Compare(Floats({}, {0, 2}), Floats({}, {0, 2}), {});
  EXPECT_TRUE(result.pass);
  EXPECT_EQ(result.max_abs_error, 0);
}

}  // namespace
}  // namespace switchyard::tools
