#include "tools/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

namespace switchyard::tools {
namespace {

using testing::HasSubstr;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// A version 1.0 file with this header and data.
std::string File(const std::string& header, const std::string& data, char version = 1) {
  std::string file = "\x93NUMPY";
  file += version;
  file += '\0';
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  if (version > 1) file += std::string(2, '\0');
  return file + header + data;
}

std::string Header(const std::string& descriptor, const std::string& shape,
                   const std::string& fortran = "False") {
  return "{'descr': '" + descriptor + "', 'fortran_order': " + fortran + ", 'shape': " + shape +
         ", }";
}

TEST(Npy, ReadsWhatNumpyWrites) {
  float values[] = {1.5F, -2, 0, 4, 5, 6};
  std::string data(reinterpret_cast<const char*>(values), sizeof(values));
  auto array = ParseNpy("a.npy", Bytes(File(Header("<f4", "(2, 3)") + "      \n", data)));
  ASSERT_TRUE(array.has_value()) << array.error().message;
  EXPECT_EQ(Describe(*array), "float32 [2, 3]");
  EXPECT_EQ(array->At(0), 1.5);
  EXPECT_EQ(array->At(5), 6);
}

TEST(Npy, ReadsVersion2) {
  auto array = ParseNpy("a.npy", Bytes(File(Header("|i1", "(1,)"), "\xFF", 2)));
  ASSERT_TRUE(array.has_value()) << array.error().message;
  EXPECT_EQ(array->At(0), -1);
}

TEST(Npy, RoundTripsEveryTypeAndRank) {
  std::mt19937 random(1);
  for (int type = 0; type <= static_cast<int>(ArrayType::kBool); ++type) {
    for (std::vector<size_t> shape :
         {std::vector<size_t>{}, {5}, {0}, {2, 3}, {4, 0, 2}, {1, 2, 3, 4, 5, 6}}) {
      Array array{static_cast<ArrayType>(type), shape, {}};
      array.data.resize(*ArrayBytes(array.type, shape));
      for (std::byte& byte : array.data) byte = static_cast<std::byte>(random() & 1);
      std::vector<std::byte> file = SerializeNpy(array);
      EXPECT_EQ((file.size() - array.data.size()) % 64, 0U);
      auto back = ParseNpy("a.npy", file);
      ASSERT_TRUE(back.has_value()) << Describe(array) << ": " << back.error().message;
      EXPECT_EQ(Describe(*back), Describe(array));
      EXPECT_EQ(back->data, array.data);
    }
  }
}

struct Refused {
  std::string file;
  std::string message;
};

class NpyRefuses : public testing::TestWithParam<Refused> {};

TEST_P(NpyRefuses, WithWords) {
  auto array = ParseNpy("bad.npy", Bytes(GetParam().file));
  ASSERT_FALSE(array.has_value());
  EXPECT_EQ(array.error().exit, ExitCode::kInvalidFile);
  EXPECT_THAT(array.error().message, HasSubstr("bad.npy"));
  EXPECT_THAT(array.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Npy, NpyRefuses,
    testing::Values(
        Refused{"", "does not start as a .npy file"}, Refused{"NUMPY", "does not start"},
        Refused{std::string("\x93NUMPY\x01\0", 8), "ends after 8 bytes"},
        Refused{File(Header("<f4", "(1,)"), "1234", 9), "format version 9"},
        Refused{std::string("\x93NUMPY\x02\0\xFF\xFF\xFF\xFF", 12), "a header of 4294967295 bytes"},
        Refused{File(Header("<V2", "(1,)"), "12"), "bfloat16"},
        Refused{File(Header(">f4", "(1,)"), "1234"), "element type '>f4'"},
        Refused{File(Header("<c8", "(1,)"), "12345678"), "element type '<c8'"},
        Refused{File(Header("<f4", "(1, 1)", "True"), "1234"), "Fortran order"},
        Refused{File(Header("<f4", "(2,)"), "1234"), "has 4 bytes of data, expected 8"},
        Refused{File(Header("<f4", "(1,)"), "12345"), "has 5 bytes of data, expected 4"},
        Refused{File(Header("<f4", "(4294967296, 4294967296)"), "1234"), "more than memory holds"},
        Refused{File(Header("<f4", "(18446744073709551615,)"), ""), "more than memory holds"},
        Refused{File(Header("<f4", "(99999999999999999999,)"), ""), "has a header that is not"},
        Refused{File(Header("<f4", "(-1,)"), ""), "has a header that is not"},
        Refused{File(Header("<f4", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"), "1234"), "up to 16"},
        Refused{File("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "1234"),
                "has a header that is not"},
        Refused{File("{'descr': '<f4', 'shape': (1,)}", "1234"), "has a header that is not"},
        Refused{File("{'descr': '<f4", "1234"), "has a header that is not"}));

TEST(Npy, EveryTruncationIsRefused) {
  Array array{ArrayType::kF32, {2, 3}, std::vector<std::byte>(24)};
  std::vector<std::byte> file = SerializeNpy(array);
  for (size_t size = 0; size < file.size(); ++size) {
    auto result = ParseNpy("cut.npy", std::span(file).first(size));
    ASSERT_FALSE(result.has_value()) << "cut to " << size;
    EXPECT_EQ(result.error().exit, ExitCode::kInvalidFile);
  }
}

TEST(Npy, MutationsAreReadOrRefused) {
  Array array{ArrayType::kF32, {2, 3}, std::vector<std::byte>(24)};
  const std::vector<std::byte> file = SerializeNpy(array);
  std::mt19937 random(2);
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::byte> mutant = file;
    for (int flips = 0; flips < 3; ++flips) {
      mutant[random() % mutant.size()] = static_cast<std::byte>(random() % 128);
    }
    auto result = ParseNpy("mutant.npy", mutant);
    if (result) {
      EXPECT_EQ(result->data.size(), ArrayBytes(result->type, result->shape));
    }
  }
}

}  // namespace
}  // namespace switchyard::tools
