#include "tools/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "schema/writer.h"
#include "test/support/graph_builder.h"
#include "test/unit/tools/command.h"
#include "tools/compare.h"

namespace switchyard::tools {
namespace {

using testing::HasSubstr;
using testing::Not;

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

TEST_F(RunCommand, TimesOfRepeatedRuns) {
  std::vector<std::string> command = {"run", Program("fc.fp32"), "--input", Input("fc.fp32")};
  EXPECT_THAT(Switchyard(command).out, Not(HasSubstr(" ms")));
  command.insert(command.end(), {"--repeat", "5"});
  EXPECT_THAT(Switchyard(command).out,
              testing::MatchesRegex("load [0-9.]+ ms; 5 runs: first [0-9.]+ ms, median [0-9.]+ ms, "
                                    "minimum [0-9.]+ ms\noutput 0: float32 .*\n"));
  command.emplace_back("--json");
  const auto times = nlohmann::json::parse(Switchyard(command).out)["times"];
  EXPECT_EQ(times["runs"], 5);
  EXPECT_GT(times["load_ms"], 0.0);
  EXPECT_GT(times["minimum_ms"], 0.0);
  EXPECT_GE(times["first_ms"], times["minimum_ms"]);
  EXPECT_GE(times["median_ms"], times["minimum_ms"]);
}

TEST(RunTimes, FirstMedianMinimum) {
  RunTimesSummary summary =
      Summarize({.load = 7'000'000, .runs = {9'000'000, 1'000'000, 3'000'000}});
  EXPECT_EQ(summary.load, 7);
  EXPECT_EQ(summary.first, 9);
  EXPECT_EQ(summary.median, 3);
  EXPECT_EQ(summary.p99, 9);
  EXPECT_EQ(summary.minimum, 1);
  summary = Summarize({.load = 0, .runs = {4'000'000, 1'000'000, 2'000'000, 8'000'000}});
  EXPECT_EQ(summary.median, 3);
  std::vector<uint64_t> runs;
  for (uint64_t i = 1; i <= 200; ++i) runs.push_back(1'000'000 * i);
  EXPECT_EQ(Summarize({.load = 0, .runs = runs}).p99, 198);  // two are longer
  EXPECT_EQ(TimesText({.load = 1'234'567, .runs = {2'000'000, 1'000'000}}),
            "load 1.235 ms; 2 runs: first 2.000 ms, median 1.500 ms, minimum 1.000 ms");
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

// The runtime takes data as they are, so whoever gives them has to have them in the program's
// order.
TEST_F(RunCommand, GivesInputsInTheProgramsOrder) {
  const std::string model = "conv.fp32.channels_last";
  ToolRun run = Switchyard(
      {"run", Program(model), "--input", Input(model), "--output-dir", scratch_.string()});
  ASSERT_EQ(run.code, 0) << run.err;
  auto got = ReadNpy(scratch_ / "output_0.npy");
  auto expected = ReadNpy(Data(model) / "case0/expected_0.npy");
  ASSERT_TRUE(got.has_value() && expected.has_value());
  const Comparison comparison = Compare(*got, *expected, {1e-4, 1e-4, {}});
  EXPECT_TRUE(comparison.pass) << comparison.mismatch;
}

class RunPayloadCommand : public RunCommand {
 protected:
  // Paths of a payload, and of an input with the numbers from 0 on.
  std::string PayloadOf(const Graph& graph) {
    const Result<Payload> payload = WritePayload(graph);
    EXPECT_TRUE(payload) << payload.error().ToString();
    Write(scratch_ / "payload.xnn",
          {reinterpret_cast<const char*>(payload->bytes.data()), payload->bytes.size()});
    return (scratch_ / "payload.xnn").string();
  }
  std::string Numbers(const Dims& shape) {
    std::vector<float> numbers(*shape.NumElements());
    std::iota(numbers.begin(), numbers.end(), 0.0f);
    const auto bytes = std::as_bytes(std::span(numbers));
    const std::string path = (scratch_ / "x.npy").string();
    EXPECT_TRUE(WriteNpy(
        path, {ArrayType::kF32, {shape.begin(), shape.end()}, {bytes.begin(), bytes.end()}}));
    return path;
  }
};

// A payload has its dimensions as they lie in memory, and takes inputs so, cubes too.
TEST_F(RunPayloadCommand, Images) {
  test::GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {1, 2, 2, 2});
  const ValueIndex y = b.Output(DataType::kF32, {1, 1, 2, 2});
  PoolingAttributes pooling;
  pooling.pooling_height = 2;
  b.Add(NodeKind::kMaxPooling2d, {x}, {y}, pooling);
  const std::string payload = PayloadOf(b.Build());
  ToolRun run = Switchyard({"run", payload, "--input", Numbers({1, 2, 2, 2}), "--repeat", "2"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr(" ms; 2 runs: first "));
  EXPECT_THAT(run.out, HasSubstr("output 0: float32 [1, 1, 2, 2]  min 4  max 7  mean 5.5"));

  run = Switchyard({"run", payload, "--input", Numbers({1, 3, 2, 2})});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr("is float32 [1, 3, 2, 2], expected float32 [1, 2, 2, 2] or less"));
}

TEST_F(RunPayloadCommand, EmptyOutput) {
  test::GraphBuilder b;
  const ValueIndex x = b.Input(DataType::kF32, {2, 3});
  const ValueIndex y = b.Output(DataType::kF32, {2, 3});
  b.Add(NodeKind::kAbs, {x}, {y});
  const std::string payload = PayloadOf(b.Build());
  ToolRun run = Switchyard({"run", payload, "--input", Numbers({0, 3})});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "output 0: float32 [0, 3] (empty)\n");

  run = Switchyard({"run", payload, "--input", Numbers({0, 3}), "--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  const auto output = nlohmann::json::parse(run.out)["outputs"][0];
  EXPECT_TRUE(output["min"].is_null() && output["max"].is_null() && output["mean"].is_null());
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
