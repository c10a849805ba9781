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
  for (int type = 0; type <= static_cast<int>(ArrayType::kComplex128); ++type) {
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

template <typename T>
std::string BytesOf(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

// What NumPy, ml_dtypes and others write for each type, with its lowest and its highest number.
TEST(Npy, NumbersOfEveryType) {
  const struct {
    const char* descriptor;
    std::string data;
    const char* name;
    double low, high;
  } types[] = {
      {"<f2", BytesOf<uint16_t>({0xFBFF, 0x7BFF}), "float16", -65504, 65504},
      {"<V2", BytesOf<uint16_t>({0xFF7F, 0x4049}), "bfloat16", -0x1.FEp127, 3.140625},
      {"|V2", BytesOf<uint16_t>({0xBF80, 0x0001}), "bfloat16", -1, 0x1p-133},
      {"<f4", BytesOf<float>({-1.5F, 2.5F}), "float32", -1.5, 2.5},
      {"<f8", BytesOf<double>({-1e300, 1e300}), "float64", -1e300, 1e300},
      {"|i1", BytesOf<int8_t>({-128, 127}), "int8", -128, 127},
      {"<i1", BytesOf<int8_t>({-128, 127}), "int8", -128, 127},
      {"<i2", BytesOf<int16_t>({-32768, 32767}), "int16", -32768, 32767},
      {"<i4", BytesOf<int32_t>({INT32_MIN, INT32_MAX}), "int32", INT32_MIN, INT32_MAX},
      {"<i8", BytesOf<int64_t>({INT64_MIN, int64_t{1} << 53}), "int64", -0x1p63, 0x1p53},
      {"|u1", BytesOf<uint8_t>({0, 255}), "uint8", 0, 255},
      {"|V1", BytesOf<uint8_t>({1, 254}), "uint8", 1, 254},
      {"<V1", BytesOf<uint8_t>({1, 254}), "uint8", 1, 254},
      {"<f1", BytesOf<uint8_t>({1, 254}), "uint8", 1, 254},
      {"<u2", BytesOf<uint16_t>({1, 65535}), "uint16", 1, 65535},
      {"<u4", BytesOf<uint32_t>({1, UINT32_MAX}), "uint32", 1, UINT32_MAX},
      {"<u8", BytesOf<uint64_t>({1, uint64_t{1} << 63}), "uint64", 1, 0x1p63},
      {"|b1", BytesOf<uint8_t>({0, 1}), "bool", 0, 1},
  };
  for (const auto& type : types) {
    SCOPED_TRACE(type.descriptor);
    const auto array = ParseNpy("a.npy", Bytes(File(Header(type.descriptor, "(2,)"), type.data)));
    ASSERT_TRUE(array.has_value()) << array.error().message;
    EXPECT_EQ(Name(array->type), type.name);
    ASSERT_EQ(array->NumNumbers(), 2U);
    EXPECT_EQ(array->At(0), type.low);
    EXPECT_EQ(array->At(1), type.high);
  }
}

TEST(Npy, AComplexElementIsTwoNumbers) {
  const auto single = ParseNpy("a.npy", Bytes(File(Header("<c8", "(1,)"), BytesOf({1.5F, -2.0F}))));
  const auto twice = ParseNpy("a.npy", Bytes(File(Header("<c16", "(1,)"), BytesOf({1.5, -2.0}))));
  for (const auto* array : {&single, &twice}) {
    ASSERT_TRUE(array->has_value()) << array->error().message;
    ASSERT_EQ((*array)->NumNumbers(), 2U);
    EXPECT_EQ((*array)->At(0), 1.5);
    EXPECT_EQ((*array)->At(1), -2);
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
        Refused{File(Header("<V4", "(1,)"), "1234"), "element type '<V4', expected one of float16"},
        Refused{File(Header("V2", "(1,)"), "12"), "element type 'V2'"},
        Refused{File(Header("|V2", "(1,)"), "123"), "expected 2 for bfloat16 [1]"},
        Refused{File(Header("", "(1,)"), "1"), "element type ''"},
        Refused{File(Header("<", "(1,)"), "1"), "element type '<'"},
        Refused{File(Header(">V2", "(1,)"), "12"), "element type '>V2'"},
        Refused{File(Header(">i2", "(1,)"), "12"), "element type '>i2'"},
        Refused{File(Header(">u8", "(1,)"), "12345678"), "element type '>u8'"},
        Refused{File(Header("=i4", "(1,)"), "1234"), "element type '=i4'"},
        Refused{File(Header("|b1", "(2,)"), "\x01\x02"), "byte 0x02 as element 1, expected 0 or 1"},
        Refused{File(Header("<c32", "(0,)"), ""), "element type '<c32'"},
        Refused{File(Header(">f4", "(1,)"), "1234"), "element type '>f4'"},
        Refused{File(Header("<c8", "(1,)"), "1234"),
                "has 4 bytes of data, expected 8 for complex64"},
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
