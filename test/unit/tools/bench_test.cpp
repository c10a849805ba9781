#include "tools/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "test/unit/tools/command.h"
#include "tools/scalar_types.h"

namespace switchyard::tools {
namespace {

using nlohmann::json;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

class BenchCommand : public ToolTest {
 protected:
  // As short as it can be: nothing here is about how long something takes.
  static ToolRun Bench(const fs::path& file, std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"bench", file.string(), "--seconds", "0", "--rounds", "2"});
    return Switchyard(options);
  }
  static json BenchJson(const fs::path& file, std::vector<std::string> options = {}) {
    options.emplace_back("--json");
    const ToolRun run = Bench(file, std::move(options));
    EXPECT_EQ(run.code, 0) << run.err;
    json report = json::parse(run.out, nullptr, false);
    EXPECT_TRUE(report.is_object()) << run.out;
    return report;
  }
  static void ExpectRatio(const json& ratio) {
    EXPECT_GT(ratio["lowest"], 0.0);
    EXPECT_GE(ratio["median"], ratio["lowest"]);
    EXPECT_GE(ratio["highest"], ratio["median"]);
  }
};

TEST_F(BenchCommand, Json) {
  const json report = BenchJson(Data("fc.fp32") / "model.pte", {"--threads", "1,2"});
  EXPECT_EQ(report["version"], 1);
  EXPECT_EQ(report["method"], "forward");
  EXPECT_EQ(report["inputs_from"], "made up");
  EXPECT_EQ(report["rounds"], 2);
  ASSERT_EQ(report["threads"].size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const json& threads = report["threads"][i];
    EXPECT_EQ(threads["threads"], i + 1);
    EXPECT_EQ(threads["load_ms"]["cold"].is_number(), i == 0);  // only once in a process
    EXPECT_GT(threads["load_ms"]["warm"], 0.0);
    EXPECT_GE(threads["runs"]["count"], 5);
    EXPECT_GE(threads["runs"]["p99_ms"], threads["runs"]["median_ms"]);
    EXPECT_GE(threads["runs"]["median_ms"], threads["runs"]["minimum_ms"]);
    EXPECT_GE(threads["runs"]["first_ms"], threads["runs"]["minimum_ms"]);
    EXPECT_TRUE(threads["judged"].is_boolean());
    EXPECT_GT(threads["macs"], 0);
    EXPECT_GT(threads["gflops"], 0.0);
    EXPECT_GT(threads["peak_memory_bytes"], 1 << 20);
    EXPECT_TRUE(threads["peer"].is_null());
    uint64_t macs = 0;
    double share = 0;
    for (const json& row : threads["rows"]) {
      macs += row["macs"].get<uint64_t>();
      share += row["share"].get<double>();
      EXPECT_GE(row["time_us"], 0.0);
      EXPECT_EQ(row["gflops"].is_number(), row["macs"] > 0 && row["time_us"] > 0) << row;
    }
    EXPECT_EQ(threads["macs"], macs);
    EXPECT_NEAR(share, 1, 1e-9);
  }
}

TEST_F(BenchCommand, PackedAgainstStock) {
  // Rows of the activations' own shapes, a Convert that packing does, readers that share it.
  const json report = BenchJson(Data("qkv.qd8"), {"--threads", "1", "--force-kernel", "reference"});
  const json& threads = report["threads"][0];
  EXPECT_EQ(threads["packed_nodes"], 3);
  size_t packs = 0;
  for (const json& row : threads["rows"]) {
    packs += row["route"] == "pack LHS";
    if (row["route"] != "packed") continue;
    EXPECT_THAT(row["kernel"].get<std::string>(), HasSubstr("reference"));
    EXPECT_GT(row["macs"], 0);
  }
  EXPECT_EQ(packs, 1u);
  const json& stock = threads["stock"];
  ASSERT_TRUE(stock.is_object());
  ExpectRatio(stock["speedup"]);
  ExpectRatio(stock["stock_over_itself"]);
  for (const char* side : {"packed", "stock"}) {
    EXPECT_GT(stock[side]["load_ms"], 0.0) << side;
    EXPECT_GT(stock[side]["run_ms"], 0.0) << side;
  }
  const double s = stock["s"], r = stock["r"];
  EXPECT_GT(s, 0);
  EXPECT_LE(s, 1);
  EXPECT_GT(r, 0);
  EXPECT_DOUBLE_EQ(stock["bound"], 0.9 / (1 - s + s / r));
  EXPECT_EQ(stock["reaches_bound"].is_boolean(), stock["judged"].get<bool>());
  EXPECT_TRUE(stock["rest"].is_array());
  for (const json& rest : stock["rest"]) EXPECT_GT(rest["time_us"], 0.0);
  // The options are what they were.
  EXPECT_EQ(SwitchyardBackend().GetOption("force_kernel"), OptionValue(std::string()));
  EXPECT_EQ(SwitchyardBackend().GetOption("packed_kernels"), OptionValue(true));
}

TEST_F(BenchCommand, NothingToCompareWhereNothingIsPacked) {
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--cpu", "stock"}, {"--cpu", "stock", "--threads", "1"}}) {
    const json report = BenchJson(Data("fc.fp32"), options);
    ASSERT_EQ(report["threads"].size(), 1u);
    EXPECT_EQ(report["threads"][0]["packed_nodes"], 0);
    EXPECT_TRUE(report["threads"][0]["stock"].is_null());
  }
}

TEST_F(BenchCommand, Text) {
  const ToolRun run = Bench(Data("fc.fp32"), {"--threads", "2,1", "--force-kernel", "reference"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  for (const char* text :
       {"fc.fp32, method forward\n", "inputs: case", "\ncpu: ", "\n2 threads\n", "load     cold ",
        "\n1 thread\n  load     warm ", "  runs     first ", "  memory   peak ",
        "kernel or operator", "reference_gemm_f32", "  packed   ", "stock against itself ",
        "\nsummary 2 threads: ", "\nsummary 1 thread: ", "times the speed of stock\n"}) {
    EXPECT_THAT(run.out, HasSubstr(text));
  }
  // Where XNNPACK runs the product with its conversions, there is no time of its own.
  if (run.out.contains("XNNPACK has fused packed nodes")) return;
  for (const char* text : {"s = ", "bound 0.9 / (1 - s + s/r)", "us are not in packed nodes"}) {
    EXPECT_THAT(run.out, HasSubstr(text));
  }
}

TEST_F(BenchCommand, InputsOfAFolder) {
  const json last = BenchJson(Data("digits_mlp_pf32")),
             first = BenchJson(Data("digits_mlp_pf32"), {"--case", "0"});
  EXPECT_EQ(first["inputs_from"], "case0");
  EXPECT_NE(last["inputs_from"], "case0");
  EXPECT_NE(last["inputs"], first["inputs"]);
  // The multiply-accumulates are those of the inputs, not of the bounds.
  EXPECT_NE(last["threads"][0]["macs"], first["threads"][0]["macs"]);
}

TEST_F(BenchCommand, BarePayloadsAndFiles) {
  const fs::path program = Data("qkv.fp32") / "model.pte";
  ASSERT_EQ(Switchyard({"extract", program.string(), "--output-dir", scratch_.string()}).code, 0);
  const fs::path payload = scratch_ / "forward.0.xnn";
  json report = BenchJson(payload, {"--force-kernel", "reference"});
  EXPECT_TRUE(report["method"].is_null());
  EXPECT_EQ(report["inputs_from"], "made up");
  EXPECT_EQ(report["threads"][0]["packed_nodes"], 3);
  // Null where XNNPACK runs packed nodes together with others.
  const json& share = report["threads"][0]["stock"]["s"];
  EXPECT_TRUE(share.is_number() || share.is_null()) << share;
  report = BenchJson(payload, {"--input", (Data("qkv.fp32") / "case0/input_0.npy").string()});
  EXPECT_EQ(report["inputs_from"], "files");
  EXPECT_EQ(BenchJson(Data("file.external_data") / "model.pte",
                      {"--data", (Data("file.external_data") / "weights.ptd").string()})["method"],
            "forward");
}

TEST_F(BenchCommand, WhatIsWrong) {
  const fs::path folder = Data("fc.fp32"), program = folder / "model.pte";
  Write(scratch_ / "empty", "");
  Write(scratch_ / "text", "not a model, but long enough for a header");
  struct {
    fs::path file;
    std::vector<std::string> options;
    int code;
    std::string says;
  } const cases[] = {
      {program, {"--threads", "0"}, 2, "--threads"},
      {program, {"--threads", "1025"}, 2, "--threads"},
      {program, {"--threads", "1,x"}, 2, "--threads"},
      {program, {"--threads", "-1"}, 2, "--threads"},
      {program, {"--rounds", "0"}, 2, "--rounds"},
      {program, {"--rounds", "1001"}, 2, "--rounds"},
      {program, {"--seconds", "-1"}, 2, "--seconds"},
      {program, {"--seconds", "nan"}, 2, "--seconds"},
      {program, {"--seconds", "inf"}, 2, "--seconds"},
      {program, {"--case", "0"}, 2, "--case is for"},
      {program, {"--method", "nowhere"}, 2, "nowhere"},
      {program, {"--max-memory", "1"}, 4, "set --max-memory to more"},
      {program, {"--force-kernel", "warp"}, 2, "--force-kernel warp: is no kernel"},
      {program, {"--cpu", "z80"}, 2, "z80"},
      {program, {"--input", (folder / "meta.json").string()}, 3, "meta.json"},
      {folder, {"--case", "99"}, 2, "--case is 99"},
      {folder, {"--case", "-1"}, 2, "--case"},
      {folder, {"--method", "forward"}, 2, "leave out --method"},
      {folder, {"--input", "x.npy"}, 2, "leave out --input"},
      {folder, {"--data", "x.ptd"}, 2, "leave out --data"},
      {scratch_, {}, 3, "meta.json"},
      {scratch_ / "nothing", {}, 3, "cannot be opened"},
      {scratch_ / "empty", {}, 3, "empty"},
      {scratch_ / "text", {}, 3, "text"},
      {scratch_ / "text", {"--method", "forward"}, 2, "leave out --method"},
  };
  for (const auto& wrong : cases) {
    std::vector<std::string> command = {"bench", wrong.file.string(), "--seconds", "0"};
    command.insert(command.end(), {"--rounds", "1"});
    // An option is given once.
    for (const char* option : {"--seconds", "--rounds"}) {
      if (wrong.options.empty() || wrong.options[0] != option) continue;
      const auto at = std::ranges::find(command, option);
      command.erase(at, at + 2);
    }
    command.insert(command.end(), wrong.options.begin(), wrong.options.end());
    SCOPED_TRACE(testing::PrintToString(command));
    const ToolRun run = Switchyard(command);
    EXPECT_EQ(run.code, wrong.code) << run.err;
    EXPECT_THAT(run.err, HasSubstr(wrong.says));
    // What a wrong option has set is taken back.
    EXPECT_EQ(SwitchyardBackend().GetOption("force_kernel"), OptionValue(std::string()));
    EXPECT_EQ(SwitchyardBackend().GetOption("cpu_features"), OptionValue(std::string("host")));
  }
}

#ifdef SWITCHYARD_PROGRAM
TEST_F(BenchCommand, PeerTakesTurns) {
  for (const bool is_payload : {false, true}) {
    fs::path file = Data("fc.fp32");
    if (is_payload) {
      ASSERT_EQ(
          Switchyard({"extract", (file / "model.pte").string(), "--output-dir", scratch_.string()})
              .code,
          0);
      file = scratch_ / "forward.0.xnn";
    }
    const json report = BenchJson(file, {"--peer", "--threads", "1,2"});
    for (const json& threads : report["threads"]) {
      const json& peer = threads["peer"];
      ASSERT_TRUE(peer.is_object());
      ExpectRatio(peer["time_over_peer"]);
      ExpectRatio(peer["start_load_run_ms"]["ours_over_peer"]);
      EXPECT_TRUE(peer["judged"].is_boolean());
      for (const char* side : {"ours", "peer"}) {
        EXPECT_GT(peer[side]["load_ms"], 0.0) << side;
        EXPECT_GT(peer[side]["run_ms"], 0.0) << side;
        EXPECT_GT(peer["start_load_run_ms"][side], 0.0) << side;
        EXPECT_GT(peer["peak_memory_bytes"][side], 1 << 20) << side;
      }
    }
  }
}

TEST_F(BenchCommand, PeersThatAreNone) {
  const auto peer = [](const std::string& program) {
    return Bench(Data("fc.fp32"), {"--threads", "1", "--peer", "--peer-program", program});
  };
  ToolRun run = peer("/no/such/peer");
  EXPECT_EQ(run.code, 4);
  EXPECT_THAT(run.err, HasSubstr("/no/such/peer: cannot be started"));
  // It takes other arguments.
  run = peer("/bin/cat");
  EXPECT_EQ(run.code, 4);
  EXPECT_THAT(run.err, HasSubstr("cat: it ended with exit code 1, expected an answer"));
}
#endif

TEST(MadeUpInputs, AreTheSameEverywhere) {
  for (int8_t type = 0; type < 30; ++type) {
    const std::optional<ArrayType> array_type = ArrayTypeOf(type);
    if (!array_type) continue;
    SCOPED_TRACE(Name(*array_type));
    const Array array = MakeUpArray({*array_type, {3, 50}}, 4);
    EXPECT_EQ(array.data.size(), 150 * ElementBytes(*array_type));
    EXPECT_EQ(MakeUpArray({*array_type, {3, 50}}, 4).data, array.data);
    EXPECT_NE(MakeUpArray({*array_type, {3, 50}}, 5).data, array.data);
    const bool is_byte = *array_type == ArrayType::kInt8 || *array_type == ArrayType::kUInt8;
    double least = 0, most = 0;
    for (size_t i = 0; i < array.NumNumbers(); ++i) {
      least = std::min(least, array.At(i));
      most = std::max(most, array.At(i));
    }
    EXPECT_GE(least, is_byte ? -128 : -1);
    EXPECT_LE(most, is_byte ? 255 : 1);
    EXPECT_GT(most, is_byte ? 100 : 0.9);
  }
  const Array floats = MakeUpArray({ArrayType::kF32, {2}}, 0);
  EXPECT_FLOAT_EQ(floats.At(0), static_cast<float>(2357136044u >> 8) / 0x800000 - 1);
  EXPECT_TRUE(MakeUpArray({ArrayType::kF32, {2, 0}}, 0).data.empty());
}

}  // namespace
}  // namespace switchyard::tools
