// Every element type that a tensor of a program can have, through the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "test/unit/tools/command.h"
#include "test/unit/tools/identity_generated.h"
#include "tools/npy.h"
#include "tools/scalar_types.h"

namespace switchyard::tools {
namespace {

using testing::HasSubstr;

constexpr int8_t kShort = 2, kHalfComplex = 8, kBool = 11, kQInt8 = 12, kBFloat16 = 15,
                 kUInt16 = 27, kNumScalarTypes = 30;

constexpr size_t kRows = 2, kColumns = 3;

// A program whose output is its input, [kRows, kColumns].
std::string IdentityProgram(int8_t scalar_type) {
  namespace fb = identity_fb;
  flatbuffers::FlatBufferBuilder builder;
  const int32_t sizes[] = {kRows, kColumns};
  const uint8_t dim_order[] = {0, 1};
  const auto tensor = fb::CreateTensor(builder, scalar_type, 0, builder.CreateVector(sizes, 2),
                                       builder.CreateVector(dim_order, 2), false, 0,
                                       fb::CreateAllocationDetails(builder, 1, 0, 0));
  const auto value = fb::CreateValue(builder, fb::ValueUnion::Tensor, tensor.Union());
  const std::vector<int32_t> first = {0};
  const std::vector<flatbuffers::Offset<fb::Instruction>> nothing;
  const auto chain = fb::CreateChainDirect(builder, &first, &first, &nothing);
  const std::vector values = {value};
  const std::vector chains = {chain};
  const std::vector<flatbuffers::Offset<fb::Unused>> none;
  const std::vector<int64_t> memory = {0, 1024};
  const std::vector plans = {
      fb::CreateExecutionPlanDirect(builder, "forward", fb::CreateUnused(builder), &values, &first,
                                    &first, &chains, &none, &none, &memory)};
  const std::vector<uint64_t> offsets = {0};
  const std::vector segments = {fb::CreateDataSegment(builder, 0, 0)};
  builder.Finish(fb::CreateProgramDirect(builder, 0, &plans, nullptr, nullptr, &segments,
                                         fb::CreateSubsegmentOffsetsDirect(builder, 0, &offsets)),
                 fb::ProgramIdentifier());
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

// With any bits that the type can have.
Array RandomArray(ArrayType type, uint32_t seed) {
  Array array{type, {kRows, kColumns}, {}};
  array.data.resize(*ArrayBytes(type, array.shape));
  std::mt19937 random(seed);
  for (std::byte& byte : array.data) {
    byte = static_cast<std::byte>(type == ArrayType::kBool ? random() & 1 : random());
  }
  return array;
}

class ElementTypes : public ToolTest {
 protected:
  std::string ProgramOf(int8_t scalar_type) {
    const fs::path path = scratch_ / "model.pte";
    Write(path, IdentityProgram(scalar_type));
    return path.string();
  }
  std::string FileOf(const Array& array, const fs::path& name = "input.npy") {
    EXPECT_TRUE(WriteNpy(scratch_ / name, array).has_value());
    return (scratch_ / name).string();
  }
};

TEST_F(ElementTypes, AreReadAndWrittenBack) {
  for (int8_t type = 0; type < kNumScalarTypes; ++type) {
    SCOPED_TRACE(ScalarTypeName(type));
    const std::string program = ProgramOf(type);
    const std::optional<ArrayType> stored = ArrayTypeOf(type);
    EXPECT_EQ(stored.has_value(), type != kHalfComplex);
    const Array input =
        RandomArray(stored.value_or(ArrayType::kF32), 7 + static_cast<uint32_t>(type));
    const ToolRun run =
        Switchyard({"run", program, "--input", FileOf(input), "--output-dir", scratch_.string()});
    if (!stored) {
      EXPECT_EQ(run.code, 4);
      EXPECT_THAT(run.err, HasSubstr("input 0 is a tensor of complex32"));
      continue;
    }
    ASSERT_EQ(run.code, 0) << run.err;
    const auto output = ReadNpy(scratch_ / "output_0.npy");
    ASSERT_TRUE(output.has_value()) << output.error().message;
    EXPECT_EQ(Describe(*output), Describe(input));
    EXPECT_EQ(output->data, input.data);
    EXPECT_THAT(Switchyard({"inspect", program}).out,
                HasSubstr("input 0  " + ScalarTypeName(type) + " [2, 3]"));
  }
}

TEST_F(ElementTypes, AreChecked) {
  fs::create_directories(scratch_ / "case0");
  Write(
      scratch_ / "meta.json",
      R"({"name": "same", "rtol": 0, "atol": 0, "cases": [{"method": "forward", "layouts": [[0, 1]]}]})");
  for (int8_t type = 0; type < kNumScalarTypes; ++type) {
    if (!ArrayTypeOf(type)) continue;
    SCOPED_TRACE(ScalarTypeName(type));
    ProgramOf(type);
    Array array = RandomArray(*ArrayTypeOf(type), 107 + static_cast<uint32_t>(type));
    FileOf(array, "case0/input_0.npy");
    FileOf(array, "case0/expected_0.npy");
    ToolRun run = Switchyard({"check", scratch_.string()});
    EXPECT_EQ(run.code, 0) << run.out << run.err;
    array.data[0] ^= std::byte{1};
    FileOf(array, "case0/expected_0.npy");
    run = Switchyard({"check", scratch_.string()});
    EXPECT_EQ(run.code, 1) << run.out << run.err;
  }
}

// NumPy has no bfloat16: what has been loaded and saved without ml_dtypes is raw bytes, and what
// has been looked at as integers is uint16.
TEST_F(ElementTypes, BFloat16ByItsBits) {
  const std::string program = ProgramOf(kBFloat16);
  Array bits{ArrayType::kUInt16, {kRows, kColumns}, {}};
  for (uint16_t value : {0x3F80, 0x4000, 0xC040, 0x0000, 0x7F80, 0x3E80}) {
    bits.data.push_back(static_cast<std::byte>(value & 0xFF));
    bits.data.push_back(static_cast<std::byte>(value >> 8));
  }
  ToolRun run =
      Switchyard({"run", program, "--input", FileOf(bits), "--output-dir", scratch_.string()});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out,
              HasSubstr("output 0: bfloat16 [2, 3]  min -3  max 2  mean 0.05  1 not finite"));
  EXPECT_THAT(Read(scratch_ / "output_0.npy"), HasSubstr("'descr': '<V2'"));

  fs::create_directories(scratch_ / "case0");
  Write(scratch_ / "meta.json",
        R"({"rtol": 0, "atol": 0, "cases": [{"method": "forward", "layouts": [[0, 1]]}]})");
  FileOf(bits, "case0/input_0.npy");
  FileOf(bits, "case0/expected_0.npy");
  run = Switchyard({"check", scratch_.string()});
  EXPECT_EQ(run.code, 0) << run.out;
  // The other way round they are other numbers.
  bits.type = ArrayType::kBF16;
  run = Switchyard({"run", ProgramOf(kUInt16), "--input", FileOf(bits)});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr("input 0 is bfloat16 [2, 3], expected uint16 [2, 3]"));
}

TEST_F(ElementTypes, AWrongOneNamesTheTensors) {
  for (int8_t type = 0; type < kNumScalarTypes; ++type) {
    const std::optional<ArrayType> stored = ArrayTypeOf(type);
    if (!stored) continue;
    SCOPED_TRACE(ScalarTypeName(type));
    const Array wrong =
        RandomArray(*stored == ArrayType::kF64 ? ArrayType::kInt64 : ArrayType::kF64, 1);
    const ToolRun run = Switchyard({"run", ProgramOf(type), "--input", FileOf(wrong)});
    EXPECT_EQ(run.code, 2) << run.out;
    EXPECT_THAT(run.err,
                HasSubstr("input 0 is " + Describe(wrong) + ", expected " + ScalarTypeName(type)));
  }
  const Array floats = RandomArray(ArrayType::kF32, 1);
  EXPECT_THAT(Switchyard({"run", ProgramOf(kBFloat16), "--input", FileOf(floats)}).err,
              HasSubstr("expected bfloat16 ('<V2' of ml_dtypes, or its bits as uint16) [2, 3]"));
  EXPECT_THAT(Switchyard({"run", ProgramOf(kQInt8), "--input", FileOf(floats)}).err,
              HasSubstr("expected qint8 (its bits as int8) [2, 3]"));
}

TEST_F(ElementTypes, AFileThatCannotBeReadNamesTheTensors) {
  std::string file = Read(FileOf(RandomArray(ArrayType::kInt16, 1)));
  file.replace(file.find("<i2"), 3, ">i2");
  Write(scratch_ / "big.npy", file);
  ToolRun run = Switchyard({"run", ProgramOf(kShort), "--input", (scratch_ / "big.npy").string()});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("has element type '>i2', expected one of float16, bfloat16"));
  EXPECT_THAT(run.err, HasSubstr("; input 0 of method forward is int16 [2, 3]"));

  Array values = RandomArray(ArrayType::kBool, 1);
  values.data[4] = std::byte{0x80};
  run = Switchyard({"run", ProgramOf(kBool), "--input", FileOf(values)});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("has byte 0x80 as element 4, expected 0 or 1 for bool"));
}

TEST_F(ElementTypes, ANumberThatStandsForNone) {
  const std::string input = FileOf(RandomArray(ArrayType::kF32, 1));
  for (int8_t type : {int8_t{kNumScalarTypes}, int8_t{31}, int8_t{77}, int8_t{127}, int8_t{-1}}) {
    SCOPED_TRACE(static_cast<int>(type));
    const std::string program = ProgramOf(type);
    EXPECT_EQ(ScalarTypeName(type), std::format("scalar type {}", type));
    EXPECT_THAT(Switchyard({"inspect", program}).out, HasSubstr(ScalarTypeName(type)));
    const ToolRun run = Switchyard({"run", program, "--input", input});
    EXPECT_THAT(run.code, testing::AnyOf(3, 4)) << run.out;
    EXPECT_THAT(run.err, HasSubstr("model.pte"));
  }
}

}  // namespace
}  // namespace switchyard::tools
