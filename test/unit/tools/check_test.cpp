#include "tools/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "test/unit/tools/command.h"
#include "tools/npy.h"

namespace switchyard::tools {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class CheckCommand : public ToolTest {
 protected:
  // Replaces element 3 of the first expected output by a value that no tolerance covers.
  static void Spoil(const fs::path& folder) {
    fs::path path = folder / "case0/expected_0.npy";
    auto array = ReadNpy(path);
    ASSERT_TRUE(array.has_value());
    float value = 1e6F;
    std::memcpy(&array->data[3 * sizeof(float)], &value, sizeof(value));
    ASSERT_TRUE(WriteNpy(path, *array).has_value());
  }
};

TEST_F(CheckCommand, PassesARightModel) {
  ToolRun run = Switchyard({"check", Data("fc.fp32").string()});
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("pass fc.fp32 case0"));
  EXPECT_THAT(run.out, HasSubstr(" 0 failed (1 of 1 models pass)"));
}

TEST_F(CheckCommand, AWrongAnswerIsCode1AndNamesTheElement) {
  fs::path folder = CopyOf("fc.fp32");
  Spoil(folder);
  ToolRun run = Switchyard({"check", folder.string()});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, HasSubstr("FAIL fc.fp32 case0"));
  EXPECT_THAT(run.out, HasSubstr("worst at output 0 [0, 3]: got "));
  EXPECT_THAT(run.out, HasSubstr("expected 1000000"));
  EXPECT_THAT(run.out, HasSubstr("pass fc.fp32 case1"));
  EXPECT_THAT(run.out, HasSubstr(" 1 failed"));
}

TEST_F(CheckCommand, AWrongTypeOrShapeIsCode1) {
  fs::path folder = CopyOf("fc.fp32");
  Array other{ArrayType::kF64, {1, 2}, std::vector<std::byte>(16)};
  ASSERT_TRUE(WriteNpy(folder / "case0/expected_0.npy", other).has_value());
  ToolRun run = Switchyard({"check", folder.string()});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, HasSubstr("expected float64 [1, 2]"));
}

TEST_F(CheckCommand, OneBadModelDoesNotHideTheOthers) {
  CopyOf("fc.fp32");
  fs::path broken = CopyOf("fc.fp32.relu");
  Write(broken / "model.pte", Read(broken / "model.pte").substr(0, 100));
  ToolRun run = Switchyard({"check", scratch_.string()});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.out, HasSubstr("pass fc.fp32 case0"));
  EXPECT_THAT(run.out, HasSubstr("FAIL fc.fp32.relu case0"));
  EXPECT_THAT(run.out, HasSubstr("(1 of 2 models pass)"));
  // A wrong answer outweighs a file that cannot be read.
  Spoil(scratch_ / "fc.fp32");
  EXPECT_EQ(Switchyard({"check", scratch_.string()}).code, 1);
}

TEST_F(CheckCommand, FiltersAreGlobsAndRepeat) {
  std::string data = SWITCHYARD_TEST_DATA;
  ToolRun run = Switchyard({"check", "--filter", "fc.qd8", "--filter", "op.ab?.*", data});
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("(2 of 2 models pass)"));
  EXPECT_THAT(run.out, HasSubstr("op.abs.fp32"));
  EXPECT_EQ(Switchyard({"check", data, "--filter", "nothing*"}).code, 2);
}

TEST_F(CheckCommand, JsonForMachines) {
  ToolRun run = Switchyard({"check", Data("digits_mlp_pf32").string(), "--json"});
  ASSERT_EQ(run.code, 0) << run.out << run.err;
  json report = json::parse(run.out);
  EXPECT_EQ(report["passed"], 2);
  EXPECT_EQ(report["failed"], 0);
  ASSERT_EQ(report["cases"].size(), 2U);
  const json& item = report["cases"][1];
  EXPECT_EQ(item["model"], "digits_mlp_pf32");
  EXPECT_EQ(item["case"], "case1");
  EXPECT_EQ(item["pass"], true);
  EXPECT_EQ(item["accuracy"]["total"], 360);
  EXPECT_EQ(item["accuracy"]["correct"], 345);
  EXPECT_LE(item["outputs"][0]["max_abs_error"].get<double>(), 0.01);
}

TEST_F(CheckCommand, AccuracyTable) {
  ToolRun run = Switchyard({"check", Data("digits_mlp_pf32").string()});
  EXPECT_THAT(run.out, HasSubstr("accuracy of"));
  EXPECT_THAT(run.out, HasSubstr("360 images"));
  EXPECT_THAT(Switchyard({"check", Data("fc.fp32").string()}).out, Not(HasSubstr("accuracy of")));
}

TEST_F(CheckCommand, Layouts) {
  EXPECT_EQ(Switchyard({"check", Data("conv.fp32.channels_last").string()}).code, 0);
}

TEST_F(CheckCommand, BothFormsOfAProgram) {
  ToolRun run = Switchyard({"check", Data("file.bundled").string()});
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("pass file.bundled case0"));
  EXPECT_THAT(run.out, HasSubstr("pass file.bundled model.bpte case0"));
}

TEST_F(CheckCommand, ThreadsAreANumber) {
  EXPECT_EQ(Switchyard({"check", Data("fc.fp32").string(), "--threads", "1"}).code, 0);
  EXPECT_EQ(Switchyard({"check", Data("fc.fp32").string(), "--threads", "0"}).code, 2);
  EXPECT_EQ(Switchyard({"check", Data("fc.fp32").string(), "--threads", "x"}).code, 2);
}

}  // namespace
}  // namespace switchyard::tools
