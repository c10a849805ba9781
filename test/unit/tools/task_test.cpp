#include "tools/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

namespace switchyard::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPitchTask =
    "pitch: argmax of output 0 times 20 cents + 1997.379 cents above 10 Hz; inputs are tones";

fs::path CaseFolder(const char* model, const char* item) {
  return fs::path(SWITCHYARD_TEST_DATA) / model / item;
}

TEST(Task, NamesOfNotes) {
  EXPECT_EQ(NoteName(440), "A4");
  EXPECT_EQ(NoteName(261.63), "C4");
  EXPECT_EQ(NoteName(246.94), "B3");
  EXPECT_EQ(NoteName(155.6), "D#3");
  EXPECT_EQ(NoteName(16.35), "C0");
  EXPECT_EQ(NoteName(8.18), "C-1");
  EXPECT_EQ(NoteName(452.8), "A4");  // 50 cents above A4 is 452.893 Hz
  EXPECT_EQ(NoteName(453.0), "A#4");
  EXPECT_EQ(NoteName(0), "?");
  EXPECT_EQ(NoteName(NAN), "?");
}

TEST(Task, DigitsAreCountedOverTheWholeTestSetOnly) {
  auto expected = ReadNpy(CaseFolder("digits_mlp_pf32", "case1") / "expected_0.npy");
  ASSERT_TRUE(expected.has_value()) << expected.error().message;
  auto result = JudgeTask("digits: argmax", CaseFolder("digits_mlp_pf32", "case1"), *expected);
  ASSERT_TRUE(result.has_value() && result->has_value());
  EXPECT_EQ((*result)->total, 360U);
  EXPECT_EQ((*result)->correct, 345U);

  // Zeros say "0" for every image; a tenth of them are.
  Array zeros = *expected;
  std::ranges::fill(zeros.data, std::byte{0});
  result = JudgeTask("digits: argmax", CaseFolder("digits_mlp_pf32", "case1"), zeros);
  ASSERT_TRUE(result.has_value() && result->has_value());
  EXPECT_LT((*result)->accuracy(), 0.2);

  Array one_image{ArrayType::kF32, {1, 10}, std::vector<std::byte>(40)};
  result = JudgeTask("digits: argmax", CaseFolder("digits_mlp_pf32", "case0"), one_image);
  ASSERT_TRUE(result.has_value());
  EXPECT_FALSE(result->has_value());
}

TEST(Task, PitchesAreNotes) {
  fs::path folder = CaseFolder("crepe_tiny_pqs8_qc8w", "case0");
  auto expected = ReadNpy(folder / "expected_0.npy");
  ASSERT_TRUE(expected.has_value()) << expected.error().message;
  auto result = JudgeTask(kPitchTask, folder, *expected);
  ASSERT_TRUE(result.has_value() && result->has_value());
  EXPECT_EQ((*result)->correct, 6U);
  EXPECT_THAT((*result)->details, testing::Contains(testing::HasSubstr("440.00 Hz (A4): heard")));

  auto bad_scale = JudgeTask("pitch: somehow", folder, *expected);
  ASSERT_FALSE(bad_scale.has_value());
  EXPECT_EQ(bad_scale.error().exit, ExitCode::kInvalidFile);
}

TEST(Task, LabelsThatDoNotFitTheOutput) {
  fs::path folder = CaseFolder("crepe_tiny_pqs8_qc8w", "case0");
  Array output{ArrayType::kF32, {4, 360}, std::vector<std::byte>(4 * 360 * 4)};
  auto result = JudgeTask(kPitchTask, folder, output);
  ASSERT_FALSE(result.has_value());
  EXPECT_THAT(result.error().message, testing::HasSubstr("has 6 labels"));
}

TEST(Task, ModelsWithoutOne) {
  Array output{ArrayType::kF32, {1}, std::vector<std::byte>(4)};
  auto result = JudgeTask("", CaseFolder("fc.fp32", "case0"), output);
  ASSERT_TRUE(result.has_value());
  EXPECT_FALSE(result->has_value());
}

}  // namespace
}  // namespace switchyard::tools
