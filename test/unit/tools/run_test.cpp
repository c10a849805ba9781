#include "tools/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "test/unit/tools/command.h"
#include "tools/compare.h"

namespace switchyard::tools {
namespace {

using testing::HasSubstr;

class RunCommand : public ToolTest {
 protected:
  static std::string Input(const std::string& model) {
    return (Data(model) / "case0/input_0.npy").string();
  }
  static std::string Program(const std::string& model) {
    return (Data(model) / "model.pte").string();
  }
};

TEST_F(RunCommand, WritesTheOutputs) {
  ToolRun run = Switchyard({"run", Program("fc.fp32"), "--input", Input("fc.fp32"), "--output-dir",
                            (scratch_ / "new/folder").string(), "--threads", "2"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("output 0: float32 ["));
  auto got = ReadNpy(scratch_ / "new/folder/output_0.npy");
  auto expected = ReadNpy(Data("fc.fp32") / "case0/expected_0.npy");
  ASSERT_TRUE(got.has_value() && expected.has_value());
  EXPECT_TRUE(Compare(*got, *expected, {.rtol = 1e-4, .atol = 1e-4, .min_cosine = {}}).pass);
}

TEST_F(RunCommand, Json) {
  ToolRun run = Switchyard({"run", Program("fc.fp32"), "--input", Input("fc.fp32"), "--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  auto report = nlohmann::json::parse(run.out);
  EXPECT_EQ(report["outputs"][0]["type"], "float32");
  EXPECT_EQ(report["outputs"][0]["not_finite"], 0);
}

TEST_F(RunCommand, ExternalData) {
  fs::path folder = Data("file.external_data");
  std::vector<std::string> command = {"run", Program("file.external_data"), "--input",
                                      Input("file.external_data")};
  ToolRun without = Switchyard(command);
  EXPECT_THAT(without.code, testing::AnyOf(3, 4)) << without.out;
  EXPECT_THAT(without.err, HasSubstr("model.pte"));
  command.insert(command.end(), {"--data", (folder / "weights.ptd").string()});
  EXPECT_EQ(Switchyard(command).code, 0) << Switchyard(command).err;
}

TEST_F(RunCommand, Methods) {
  std::string program = Program("file.two_methods");
  ToolRun run = Switchyard({"run", program, "--method", "nowhere"});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr("has no method 'nowhere'; it has: "));
}

TEST_F(RunCommand, InputsThatDoNotFitAreUsage) {
  std::string program = Program("fc.fp32");
  ToolRun none = Switchyard({"run", program});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("takes 1 inputs, 0 were given"));

  Array doubles{ArrayType::kF64, {1, 40}, std::vector<std::byte>(320)};
  std::string path = (scratch_ / "doubles.npy").string();
  ASSERT_TRUE(WriteNpy(path, doubles).has_value());
  ToolRun wrong_type = Switchyard({"run", program, "--input", path});
  EXPECT_EQ(wrong_type.code, 2);
  EXPECT_THAT(wrong_type.err, HasSubstr("input 0 is float64 [1, 40], expected float32 ["));
}

TEST_F(RunCommand, UsageErrors) {
  EXPECT_EQ(Switchyard({}).code, 2);
  EXPECT_EQ(Switchyard({"fly"}).code, 2);
  EXPECT_EQ(Switchyard({"run"}).code, 2);
  EXPECT_EQ(Switchyard({"run", Program("fc.fp32"), "--no-such-option"}).code, 2);
  for (const char* command : {"inspect", "extract", "run", "check"}) {
    ToolRun help = Switchyard({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("--"));
  }
  EXPECT_THAT(Switchyard({"--help"}).out, HasSubstr("Exit codes:"));
}

TEST_F(RunCommand, TheOutputFolderCannotBeMade) {
  Write(scratch_ / "file", "x");
  ToolRun run = Switchyard({"run", Program("fc.fp32"), "--input", Input("fc.fp32"), "--output-dir",
                            (scratch_ / "file/folder").string()});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr("cannot be made"));
}

TEST_F(RunCommand, AToolWithoutAPayloadBackendSaysSo) {
  ASSERT_EQ(Switchyard({"extract", Program("fc.fp32"), "--output-dir", scratch_.string()}).code, 0);
  RunOptions options;
  options.file = scratch_ / "forward.0.xnn";
  std::ostringstream out;
  auto outcome = tools::Run(options, nullptr, out);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().exit, ExitCode::kUnsupported);
}

}  // namespace
}  // namespace switchyard::tools
