// `run --trace` and `run --etdump`: what a reader of these files finds in them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "test/unit/tools/command.h"
#include "test/unit/tools/etdump_generated.h"
#include "tools/npy.h"

namespace switchyard::tools {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// A span, in nanoseconds since the first.
struct Span {
  std::string name, category;
  int64_t start, end;
  json args;
};

class RunTrace : public ToolTest {
 protected:
  // Runs a model of test/data on its first inputs.
  ToolRun Run(const std::string& model, std::vector<std::string> more) {
    std::vector<std::string> command = {"run", (Data(model) / "model.pte").string()};
    for (size_t i = 0;; ++i) {
      const fs::path input = Data(model) / std::format("case0/input_{}.npy", i);
      if (!exists(input)) break;
      command.insert(command.end(), {"--input", input.string()});
    }
    command.insert(command.end(), more.begin(), more.end());
    return Switchyard(command);
  }

  std::string Path(const char* name) const { return (scratch_ / name).string(); }

  // The spans of a trace, in its order, which must nest.
  std::vector<Span> ReadSpans(const std::string& path, json* metadata = nullptr) {
    const json trace = json::parse(Read(path), nullptr, /*allow_exceptions=*/false);
    EXPECT_TRUE(trace.is_object() && trace["traceEvents"].is_array());
    std::vector<Span> spans;
    for (const json& event : trace["traceEvents"]) {
      if (event["ph"] == "M") {
        if (metadata != nullptr) (*metadata)[event["name"].get<std::string>()] = event["args"];
        continue;
      }
      EXPECT_EQ(event["ph"], "X");
      EXPECT_EQ(event["pid"], 1);
      EXPECT_EQ(event["tid"], 1);
      const auto start = std::llround(event["ts"].get<double>() * 1000);
      const auto length = std::llround(event["dur"].get<double>() * 1000);
      EXPECT_GE(length, 0);
      spans.push_back({event["name"], event["cat"], start, start + length, event["args"]});
    }
    std::vector<Span> open;
    int64_t last_start = 0;
    for (const Span& span : spans) {
      EXPECT_GE(span.start, last_start) << span.name;
      last_start = span.start;
      while (!open.empty() && open.back().end <= span.start) open.pop_back();
      if (!open.empty()) EXPECT_LE(span.end, open.back().end) << span.name;
      open.push_back(span);
    }
    return spans;
  }

  static size_t Count(const std::vector<Span>& spans, std::string_view name) {
    return std::ranges::count(spans, name, &Span::name);
  }
};

TEST_F(RunTrace, OfAProgramWithSeveralDelegates) {
  const std::string path = Path("trace.json");
  const ToolRun run =
      Run("file.several_delegates", {"--trace", path, "--repeat", "3", "--threads", "1"});
  ASSERT_EQ(run.code, 0) << run.err;
  json metadata;
  const std::vector<Span> spans = ReadSpans(path, &metadata);
  EXPECT_EQ(metadata["thread_name"]["name"], "method forward");
  EXPECT_THAT(metadata["process_name"]["name"].get<std::string>(), HasSubstr("model.pte"));
  EXPECT_EQ(Count(spans, "Program::load_method"), 1u);
  EXPECT_EQ(Count(spans, "Method::execute"), 3u);
  EXPECT_EQ(Count(spans, "DELEGATE_CALL"), 9u);
  std::map<int, std::set<std::string>> steps_by_delegate;
  size_t num_steps = 0, num_operators = 0;
  for (const Span& span : spans) {
    if (span.category == "operator") ++num_operators;
    if (span.category != "step") continue;
    ++num_steps;
    EXPECT_TRUE(span.args["nodes"].is_array() && !span.args["nodes"].empty());
    EXPECT_EQ(span.args["debug_handles"].size(), span.args["nodes"].size());
    EXPECT_TRUE(span.args["route"].is_string());
    steps_by_delegate[span.args["delegate"].get<int>()].insert(span.name);
  }
  // The sigmoid runs in an island on every CPU.
  EXPECT_EQ(num_steps % 3, 0u);
  EXPECT_GE(num_steps, 9u);
  EXPECT_GE(num_operators, 3u);
  ASSERT_EQ(steps_by_delegate.size(), 3u);
  EXPECT_THAT(steps_by_delegate[2], testing::ElementsAre("node 0 Sigmoid"));
}

TEST_F(RunTrace, OfABarePayload) {
  const fs::path program = Data("qkv.fp32") / "model.pte";
  ASSERT_EQ(Switchyard({"extract", program.string(), "--output-dir", scratch_.string()}).code, 0);
  const std::string payload = Path("forward.0.xnn"), path = Path("trace.json");
  const std::string input = (Data("qkv.fp32") / "case0/input_0.npy").string();
  const ToolRun run =
      Switchyard({"run", payload, "--input", input, "--trace", path, "--repeat", "2"});
  ASSERT_EQ(run.code, 0) << run.err;
  json metadata;
  const std::vector<Span> spans = ReadSpans(path, &metadata);
  EXPECT_EQ(metadata["thread_name"]["name"], "payload");
  EXPECT_EQ(Count(spans, "load"), 1u);
  EXPECT_EQ(Count(spans, "execute"), 2u);
  EXPECT_EQ(Count(spans, "prepare"), 2u);
  std::set<int> nodes;
  for (const Span& span : spans) {
    if (span.category != "step") continue;
    for (const json& node : span.args["nodes"]) nodes.insert(node.get<int>());
  }
  EXPECT_THAT(nodes, testing::ElementsAre(0, 1, 2));

  const ToolRun etdump =
      Switchyard({"run", payload, "--input", input, "--etdump", Path("payload.etdp")});
  EXPECT_EQ(etdump.code, 2);
  EXPECT_THAT(etdump.err, HasSubstr("leave out --etdump"));
}

TEST_F(RunTrace, EtdumpHasOurStepsByName) {
  const std::string etdump_path = Path("model.etdp"), trace_path = Path("trace.json");
  const ToolRun run = Run("file.several_delegates", {"--etdump", etdump_path, "--trace", trace_path,
                                                     "--repeat", "2", "--output-dir", Path("out")});
  ASSERT_EQ(run.code, 0) << run.err;
  const std::string bytes = Read(etdump_path);
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  ASSERT_TRUE(etdump::VerifySizePrefixedETDumpBuffer(verifier));
  const auto* dump = etdump::GetSizePrefixedETDump(bytes.data());
  ASSERT_NE(dump->run_data(), nullptr);

  size_t num_executes = 0;
  std::vector<std::string> dumped;  // the delegates' events, in their order
  for (const auto* block : *dump->run_data()) {
    std::set<std::pair<int, std::string>> names;
    bool is_execute = false;
    for (const auto* event : *block->events()) {
      const auto* profile = event->profile_event();
      if (profile == nullptr) continue;
      EXPECT_LE(profile->start_time(), profile->end_time());
      if (profile->name() != nullptr && profile->name()->str() == "Method::execute") {
        is_execute = true;
      }
      if (profile->delegate_debug_id_str() == nullptr) continue;
      const std::string name = profile->delegate_debug_id_str()->str();
      // The Inspector takes events of one instruction and one name for the same.
      EXPECT_TRUE(names.insert({profile->instruction_id(), name}).second) << name;
      const auto* metadata = profile->delegate_debug_metadata();
      ASSERT_NE(metadata, nullptr) << name;
      const json parsed = json::parse(metadata->begin(), metadata->end(), nullptr, false);
      ASSERT_TRUE(parsed.is_object()) << name;
      EXPECT_EQ(parsed["kind"] == "step", parsed.contains("route") && parsed["kind"] != "operator");
      dumped.push_back(name);
    }
    num_executes += is_execute;
  }
  EXPECT_EQ(num_executes, 2u);
  EXPECT_THAT(dumped, testing::Contains("node 0 Sigmoid").Times(2));

  // Both files tell the same.
  std::multiset<std::string> traced;
  for (const Span& span : ReadSpans(trace_path)) {
    if (span.category != "executorch") traced.insert(span.name);
  }
  EXPECT_EQ(traced, std::multiset<std::string>(dumped.begin(), dumped.end()));

  // And the outputs are those of an untraced run.
  ASSERT_EQ(Run("file.several_delegates", {"--output-dir", Path("untraced")}).code, 0);
  EXPECT_EQ(Read(scratch_ / "out/output_0.npy"), Read(scratch_ / "untraced/output_0.npy"));
}

TEST_F(RunTrace, FilesThatCannotBeWritten) {
  for (const char* option : {"--trace", "--etdump"}) {
    const ToolRun run = Run("fc.fp32", {option, Path("no/such/folder/file")});
    EXPECT_EQ(run.code, 2) << option;
    EXPECT_THAT(run.err, HasSubstr("no/such/folder/file"));
  }
  EXPECT_EQ(Run("fc.fp32", {"--repeat", "0"}).code, 2);
}

}  // namespace
}  // namespace switchyard::tools
