#include "tools/extract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "schema/payload.h"
#include "test/support/test_data.h"
#include "test/unit/tools/command.h"
#include "tools/model_file.h"
#include "tools/model_folder.h"
#include "tools/run.h"

namespace switchyard::tools {
namespace {

using testing::HasSubstr;

class ExtractCommand : public ToolTest {
 protected:
  std::vector<std::string> Command(const ModelFolder& model, const fs::path& to) {
    std::vector<std::string> command = {"extract", model.programs[0].string(), "--output-dir",
                                        to.string()};
    for (const fs::path& data : model.data_files) {
      command.insert(command.end(), {"--data", data.string()});
    }
    return command;
  }
  static std::vector<fs::path> Payloads(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".xnn") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
  }
};

// Zeros of the shape that the payload was made for.
std::vector<Array> Zeros(const Graph& graph) {
  std::vector<Array> inputs;
  for (uint32_t id = 0; id < graph.num_externals; ++id) {
    for (const Value& value : graph.values) {
      if (value.external_id != id || !value.is_external_input) continue;
      ArrayType type = value.type == DataType::kF16     ? ArrayType::kF16
                       : value.type == DataType::kQInt8 ? ArrayType::kInt8
                       : value.type == DataType::kInt32 ? ArrayType::kInt32
                                                        : ArrayType::kF32;
      Array array{type, {value.dims.begin(), value.dims.end()}, {}};
      array.data.resize(ArrayBytes(type, array.shape).value());
      inputs.push_back(std::move(array));
    }
  }
  return inputs;
}

// Every payload of every model in test/data stands alone: it loads and runs; and where the program
// is nothing but one delegate, it answers what the program is expected to.
TEST_F(ExtractCommand, EveryPayloadRuns) {
  auto folders = FindModelFolders({SWITCHYARD_TEST_DATA});
  ASSERT_TRUE(folders.has_value()) << folders.error().message;
  size_t ran = 0, compared = 0;
  for (const fs::path& folder : *folders) {
    SCOPED_TRACE(folder.filename().string());
    auto model = ReadModelFolder(folder);
    ASSERT_TRUE(model.has_value()) << model.error().message;
    if (fs::file_size(model->programs[0]) > test::LargestModel()) continue;
    fs::path to = scratch_ / folder.filename();
    ToolRun extracted = Switchyard(Command(*model, to));
    ASSERT_EQ(extracted.code, 0) << extracted.err;

    auto program = OpenModelFile(model->programs[0], model->data_files);
    ASSERT_TRUE(program.has_value()) << program.error().message;
    const ProgramMethod& method = program->program->methods[0];
    // A delegate may also be handed constants of the program, which a payload's user does not have.
    bool only_a_delegate =
        program->program->methods.size() == 1 && method.delegates.size() == 1 &&
        method.operator_calls.empty() &&
        method.delegates[0].num_arguments == method.inputs.size() + method.outputs.size();
    for (const fs::path& path : Payloads(to)) {
      auto payload = OpenModelFile(path, {});
      ASSERT_TRUE(payload.has_value()) << payload.error().message;
      Result<Graph> graph = ReadPayload(payload->file.bytes(), nullptr);
      ASSERT_TRUE(graph.has_value()) << graph.error().ToString();
      Measurement measurement;
      auto outputs = RunPayload(*payload, SwitchyardBackend(), Zeros(*graph), measurement);
      ASSERT_TRUE(outputs.has_value()) << path << ": " << outputs.error().message;
      ++ran;
      if (!only_a_delegate) continue;
      for (const ModelCase& item : model->cases) {
        std::vector<Array> inputs;
        bool c_order = true;
        for (size_t i = 0; i < item.dim_orders.size(); ++i) {
          auto input = ReadNpy(item.folder / std::format("input_{}.npy", i));
          ASSERT_TRUE(input.has_value()) << input.error().message;
          inputs.push_back(*std::move(input));
          c_order = c_order && std::ranges::is_sorted(item.dim_orders[i]);
        }
        if (!c_order) continue;  // a payload has no dim orders of its own
        auto answers = RunPayload(*payload, SwitchyardBackend(), inputs, measurement);
        ASSERT_TRUE(answers.has_value()) << item.folder << ": " << answers.error().message;
        for (size_t i = 0; i < answers->size(); ++i) {
          auto expected = ReadNpy(item.folder / std::format("expected_{}.npy", i));
          ASSERT_TRUE(expected.has_value()) << expected.error().message;
          // The order of a program's outputs is its own; it is the delegate's in all of these.
          Comparison comparison = Compare((*answers)[i], *expected, model->tolerance);
          EXPECT_TRUE(comparison.pass)
              << item.folder << " output " << i << ": " << comparison.mismatch << " at "
              << comparison.worst_index << ": " << comparison.worst_got << ", expected "
              << comparison.worst_expected;
          ++compared;
        }
      }
    }
  }
  EXPECT_GE(ran, 200U);
  EXPECT_GE(compared, 200U);
}

TEST_F(ExtractCommand, RawKeepsTheBytesAndTheConstants) {
  std::string program = (Data("fc.qd8") / "model.pte").string();
  ToolRun run = Switchyard({"extract", program, "--raw", "--output-dir", scratch_.string()});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(Read(program), HasSubstr(Read(scratch_ / "forward.0.xnn")));
  EXPECT_THAT(run.out, HasSubstr(".bin"));
  // The payload alone lacks its constants; with the folder it runs.
  std::vector<std::string> command = {"run", (scratch_ / "forward.0.xnn").string(), "--input",
                                      (Data("fc.qd8") / "case0/input_0.npy").string()};
  ToolRun alone = Switchyard(command);
  EXPECT_EQ(alone.code, 3);
  EXPECT_THAT(alone.err, HasSubstr("NotFound"));
  command.insert(command.end(), {"--data", scratch_.string()});
  ToolRun with_data = Switchyard(command);
  EXPECT_EQ(with_data.code, 0) << with_data.err;
}

TEST_F(ExtractCommand, InspectTakesWhatItWrites) {
  ASSERT_EQ(Switchyard({"extract", (Data("fc.fp32") / "model.pte").string(), "--output-dir",
                        scratch_.string()})
                .code,
            0);
  ToolRun inspect = Switchyard({"inspect", (scratch_ / "forward.0.xnn").string()});
  EXPECT_EQ(inspect.code, 0) << inspect.err;
  EXPECT_THAT(inspect.out, HasSubstr("(in the payload)"));
  EXPECT_THAT(inspect.out, HasSubstr("FullyConnected"));
}

TEST_F(ExtractCommand, APayloadIsNotAProgram) {
  ASSERT_EQ(Switchyard({"extract", (Data("fc.fp32") / "model.pte").string(), "--output-dir",
                        scratch_.string()})
                .code,
            0);
  ToolRun run = Switchyard({"extract", (scratch_ / "forward.0.xnn").string()});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("is not a program"));
}

}  // namespace
}  // namespace switchyard::tools
