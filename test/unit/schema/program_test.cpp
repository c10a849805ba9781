#include "schema/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "test/support/test_data.h"

namespace switchyard {
namespace {

using test::LoadModel;
using test::Model;
using test::ModelFolders;
using test::Put;
using test::ReadFile;
using testing::HasSubstr;

std::string ReadText(const std::filesystem::path& path) {
  const auto bytes = ReadFile(path);
  if (!bytes) {
    ADD_FAILURE() << bytes.error().ToString();
    return {};
  }
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

// The value of a number and of a list of strings in a meta.json.
size_t NumberIn(const std::string& json, const std::string& key) {
  const size_t at = json.find("\"" + key + "\": ");
  if (at == std::string::npos) {
    ADD_FAILURE() << key << " is not in meta.json";
    return 0;
  }
  return std::stoul(json.substr(at + key.size() + 4));
}
std::set<std::string> StringsIn(const std::string& json, const std::string& key) {
  std::set<std::string> result;
  const size_t begin = json.find("\"" + key + "\": [") + key.size() + 4;
  const size_t end = json.find(']', begin);
  for (size_t quote = json.find('"', begin); quote < end; quote = json.find('"', quote)) {
    const size_t close = json.find('"', quote + 1);
    result.insert(json.substr(quote + 1, close - quote - 1));
    quote = close + 1;
  }
  return result;
}

std::vector<std::byte> TestFile(const std::string& name) {
  auto bytes = ReadFile(std::filesystem::path(SWITCHYARD_TEST_DATA) / name);
  EXPECT_TRUE(bytes) << bytes.error().ToString();
  return bytes ? *std::move(bytes) : std::vector<std::byte>();
}

void ExpectInvalid(std::span<const std::byte> file, const std::string& part) {
  const auto program = ReadProgram(file);
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().code, ErrorCode::kInvalidProgram);
  EXPECT_THAT(program.error().message, HasSubstr(part));
}

TEST(Program, RealModels) {
  const auto folders = ModelFolders();
  ASSERT_GE(folders.size(), 200u);
  for (const auto& folder : folders) {
    SCOPED_TRACE(folder.string());
    const auto model = LoadModel(folder);
    ASSERT_TRUE(model) << model.error().ToString();
    const std::string meta = ReadText(folder / "meta.json");
    EXPECT_EQ(model->payloads.size(), NumberIn(meta, "delegates"));
    std::set<std::string> operators;
    for (const ProgramMethod& method : model->program.methods) {
      EXPECT_FALSE(method.outputs.empty());
      for (const auto& [name, calls] : method.operator_calls) operators.insert(name);
      for (const ProgramDelegate& delegate : method.delegates) {
        EXPECT_GE(delegate.num_arguments, 2u);
        EXPECT_EQ(std::memcmp(delegate.payload.data() + 4, "XH00", 4), 0);
      }
    }
    EXPECT_EQ(operators, StringsIn(meta, "host_operators"));
  }
}

TEST(Program, Tensors) {
  const Model model = test::LoadTestModel("conv.fp32.channels_last");
  ASSERT_EQ(model.program.methods.size(), 1u);
  const ProgramMethod& method = model.program.methods[0];
  ASSERT_EQ(method.inputs.size(), 1u);
  const ProgramTensor& input = method.tensors.at(method.inputs[0]);
  constexpr int8_t kFloat = 6;
  EXPECT_EQ(input.scalar_type, kFloat);
  EXPECT_EQ(input.sizes.size(), 4u);
  EXPECT_EQ(input.dim_order, (std::vector<uint8_t>{0, 2, 3, 1}));
  EXPECT_FALSE(input.is_constant);
}

TEST(Program, SeveralMethods) {
  const Model model = test::LoadTestModel("file.two_methods");
  std::set<std::string> names;
  for (const ProgramMethod& method : model.program.methods) names.insert(method.name);
  EXPECT_EQ(names, (std::set<std::string>{"encode", "decode"}));
  EXPECT_EQ(model.payloads.size(), 2u);
}

TEST(Program, Bundled) {
  for (const char* name : {"file.bundled", "file.bundled.qs8"}) {
    const auto plain = LoadModel(std::filesystem::path(SWITCHYARD_TEST_DATA) / name);
    const auto bundled =
        LoadModel(std::filesystem::path(SWITCHYARD_TEST_DATA) / name, "model.bpte");
    ASSERT_TRUE(plain && bundled);
    EXPECT_FALSE(plain->program.bundled);
    EXPECT_TRUE(bundled->program.bundled);
    EXPECT_TRUE(std::ranges::equal(bundled->program.bytes, plain->file));
    ASSERT_EQ(bundled->payloads.size(), 1u);
    EXPECT_TRUE(std::ranges::equal(bundled->payloads[0].bytes, plain->payloads[0].bytes));
    // Views into the file that was given, not into a copy.
    EXPECT_GE(bundled->payloads[0].bytes.data(), bundled->file.data());
    EXPECT_LE(bundled->payloads[0].bytes.data() + bundled->payloads[0].bytes.size(),
              bundled->file.data() + bundled->file.size());
  }
}

TEST(Program, InlineDelegate) {
  const Model in_flatbuffer = test::LoadTestModel("file.inline_delegate");
  ASSERT_EQ(in_flatbuffer.payloads.size(), 1u);
  EXPECT_FALSE(in_flatbuffer.program.methods[0].delegates[0].in_segment);
  EXPECT_TRUE(test::LoadTestModel("fc.fp32").program.methods[0].delegates[0].in_segment);
}

// A misaligned file is read as well, and still viewed.
TEST(Program, AnyAlignment) {
  for (const char* name :
       {"fc.fp32/model.pte", "file.inline_delegate/model.pte", "file.bundled/model.bpte"}) {
    const std::vector<std::byte> file = TestFile(name);
    const auto expected = ReadProgram(file);
    ASSERT_TRUE(expected);
    for (size_t shift = 1; shift < 8; ++shift) {
      std::vector<std::byte> shifted(shift);
      shifted.insert(shifted.end(), file.begin(), file.end());
      const auto got = ReadProgram(std::span(shifted).subspan(shift));
      ASSERT_TRUE(got) << got.error().ToString();
      const auto payload = got->methods[0].delegates[0].payload;
      EXPECT_TRUE(std::ranges::equal(payload, expected->methods[0].delegates[0].payload));
      EXPECT_GE(payload.data(), shifted.data());
      EXPECT_LE(payload.data() + payload.size(), shifted.data() + shifted.size());
    }
  }
}

TEST(Program, ShortHeader) {
  std::vector<std::byte> file = TestFile("fc.fp32/model.pte");
  Put<uint32_t>(file, 12, 24);
  const auto program = ReadProgram(file);
  ASSERT_TRUE(program) << program.error().ToString();
  const Model expected = test::LoadTestModel("fc.fp32");
  EXPECT_TRUE(
      std::ranges::equal(program->methods[0].delegates[0].payload, expected.payloads[0].bytes));
}

TEST(Program, HeaderErrors) {
  const std::vector<std::byte> file = TestFile("fc.fp32/model.pte");
  const auto expect = [&file](size_t offset, auto number, const std::string& part) {
    std::vector<std::byte> changed = file;
    Put(changed, offset, number);
    ExpectInvalid(changed, part);
  };
  expect(12, uint32_t{23}, "extended header of 23 bytes");
  expect(12, uint32_t{0xFFFFFFFF}, "extended header of 4294967295 bytes");
  expect(16, uint64_t{file.size() + 1}, "truncated or damaged");
  expect(24, uint64_t{file.size() + 1}, "truncated or damaged");
  expect(32, ~uint64_t{0}, "truncated or damaged");
  expect(24, uint64_t{0}, "after the segment base");  // no segments at all
  expect(32, uint64_t{0}, "after the segment base");
  expect(16, uint64_t{8}, "not a well-formed flatbuffer");
  expect(4, uint32_t{0x31315445}, "without the identifier ET12");
  expect(0, uint32_t{0xFFFFFFF0}, "not a well-formed flatbuffer");
}

TEST(Program, NotAProgram) {
  EXPECT_FALSE(LooksLikeProgram({}));
  const Model model = test::LoadTestModel("fc.fp32");
  EXPECT_TRUE(LooksLikeProgram(model.file));
  EXPECT_TRUE(LooksLikeProgram(TestFile("file.bundled/model.bpte")));
  EXPECT_FALSE(LooksLikeProgram(model.payloads[0].bytes));
  ExpectInvalid(model.payloads[0].bytes, "without the identifier");
  ExpectInvalid({}, "0 bytes without the identifier");
}

// Every truncation, in a buffer of exactly that size, so that a sanitizer sees what lies beyond it.
TEST(Program, Truncations) {
  for (const char* name :
       {"fc.fp32/model.pte", "file.inline_delegate/model.pte", "file.bundled/model.bpte"}) {
    const std::vector<std::byte> file = TestFile(name);
    const size_t step = file.size() > 8192 ? 16 : 1;
    size_t read = 0;
    for (size_t size = 0; size < file.size(); size += step) {
      const std::vector<std::byte> part(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
      const auto program = ReadProgram(part);
      if (program) {
        ++read;
      } else {
        EXPECT_EQ(program.error().code, ErrorCode::kInvalidProgram);
      }
    }
    // Only what a bundle has after its program may be missing.
    if (std::string_view(name).ends_with(".pte")) {
      EXPECT_EQ(read, 0u) << name;
    }
  }
}

// Every aligned 4-byte field of a file with an edge value.
TEST(Program, EdgeValues) {
  for (const char* name : {"file.several_delegates/model.pte", "file.inline_delegate/model.pte",
                           "file.bundled/model.bpte"}) {
    const std::vector<std::byte> file = TestFile(name);
    size_t refused = 0;
    for (size_t offset = 0; offset + 4 <= file.size(); offset += 4) {
      for (const uint32_t edge : {0u, 1u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
        std::vector<std::byte> changed = file;
        Put(changed, offset, edge);
        const auto program = ReadProgram(changed);
        if (program) continue;
        ++refused;
        EXPECT_EQ(program.error().code, ErrorCode::kInvalidProgram);
        EXPECT_FALSE(program.error().message.empty());
      }
    }
    EXPECT_GT(refused, 100u) << name;
  }
}

TEST(ExternalData, RealFile) {
  const std::vector<std::byte> file = TestFile("file.external_data/weights.ptd");
  const auto data = ReadExternalData(file);
  ASSERT_TRUE(data) << data.error().ToString();
  EXPECT_FALSE(data->empty());
  for (const auto& [key, bytes] : *data) {
    EXPECT_EQ(key.size(), 64u);  // a SHA-256 in hex
    EXPECT_FALSE(bytes.empty());
  }
}

TEST(ExternalData, TruncationsAndEdgeValues) {
  const std::vector<std::byte> file = TestFile("file.external_data/weights.ptd");
  for (size_t size = 0; size < file.size(); ++size) {
    const std::vector<std::byte> part(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    const auto data = ReadExternalData(part);
    ASSERT_FALSE(data) << size;
    EXPECT_EQ(data.error().code, ErrorCode::kInvalidExternalData);
  }
  size_t refused = 0;
  for (size_t offset = 0; offset + 4 <= file.size(); offset += 4) {
    for (const uint32_t edge : {0u, 1u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
      std::vector<std::byte> changed = file;
      Put(changed, offset, edge);
      const auto data = ReadExternalData(changed);
      if (data) continue;
      ++refused;
      EXPECT_EQ(data.error().code, ErrorCode::kInvalidExternalData);
    }
  }
  EXPECT_GT(refused, 50u);
}

TEST(NamedDataViews, MergeAndGet) {
  const std::vector<std::byte> a(3, std::byte{1}), same(3, std::byte{1}), other(3, std::byte{2});
  NamedDataViews views({{"a", a}});
  EXPECT_TRUE(views.Merge({{"a", same}, {"b", other}}));
  ASSERT_TRUE(views.Get("b"));
  EXPECT_EQ(views.Get("b")->bytes().data(), other.data());
  // A conflict changes nothing.
  const Status conflict = views.Merge({{"a", other}, {"c", other}});
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().code, ErrorCode::kInvalidExternalData);
  EXPECT_THAT(conflict.error().message, HasSubstr("named data 'a'"));
  const auto missing = views.Get("c");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace switchyard
