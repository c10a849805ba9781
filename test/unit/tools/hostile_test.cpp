// Damaged files through the command line: an exit code and words, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "test/unit/tools/command.h"

namespace switchyard::tools {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

class HostileFiles : public ToolTest {
 protected:
  std::string program_ = Read(Data("fc.fp32") / "model.pte");
  std::string input_ = (Data("fc.fp32") / "case0/input_0.npy").string();

  ToolRun Inspect(const std::string& bytes) {
    Write(scratch_ / "hostile.pte", bytes);
    return Switchyard({"inspect", (scratch_ / "hostile.pte").string()});
  }
};

TEST_F(HostileFiles, TruncatedProgramsAreCode3) {
  for (size_t size = 0; size < program_.size(); size += 61) {
    ToolRun run = Inspect(program_.substr(0, size));
    // Bytes that nothing refers to may be missing at the very end.
    if (run.code == 0 && program_.size() - size < 128) continue;
    EXPECT_EQ(run.code, 3) << "cut to " << size << " of " << program_.size();
    EXPECT_THAT(run.err + run.out, HasSubstr("hostile.pte"));
  }
}

TEST_F(HostileFiles, ATruncatedProgramIsNotRun) {
  Write(scratch_ / "cut.pte", program_.substr(0, program_.size() / 2));
  ToolRun run = Switchyard({"run", (scratch_ / "cut.pte").string(), "--input", input_});
  EXPECT_EQ(run.code, 3) << run.out;
  EXPECT_THAT(run.err, HasSubstr("cut.pte"));
}

TEST_F(HostileFiles, MutatedProgramsAreInspectedOrRefused) {
  std::mt19937 random(3);
  size_t refused = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string mutant = program_;
    for (int flips = 0; flips < 2; ++flips) {
      mutant[random() % mutant.size()] = static_cast<char>(random() % 256);
    }
    ToolRun run = Inspect(mutant);
    EXPECT_THAT(run.code, AnyOf(0, 3, 4));
    refused += run.code != 0;
  }
  EXPECT_GT(refused, 0U);
}

TEST_F(HostileFiles, NotAFileAndNotAModel) {
  EXPECT_EQ(Inspect("").code, 3);
  EXPECT_EQ(Inspect("hello").code, 3);
  EXPECT_EQ(Inspect(std::string(1000, 'x')).code, 3);
  ToolRun missing = Switchyard({"inspect", (scratch_ / "missing.pte").string()});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("cannot be opened: No such file"));
  EXPECT_EQ(Switchyard({"inspect", scratch_.string()}).code, 3);
}

TEST_F(HostileFiles, ATruncatedTensorIsCode3) {
  fs::path folder = CopyOf("fc.fp32");
  fs::path input = folder / "case0/input_0.npy";
  Write(input, Read(input).substr(0, 100));
  ToolRun run = Switchyard({"check", folder.string()});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.out, HasSubstr("input_0.npy: "));
  run = Switchyard({"run", (folder / "model.pte").string(), "--input", input.string()});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("write it anew with numpy.save"));
}

TEST_F(HostileFiles, TruncatedMetadataIsCode3) {
  fs::path folder = CopyOf("fc.fp32");
  std::string meta = Read(folder / "meta.json");
  Write(folder / "meta.json", meta.substr(0, meta.size() / 2));
  ToolRun run = Switchyard({"check", folder.string()});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.out, HasSubstr("meta.json: is not JSON"));
}

TEST_F(HostileFiles, DamagedExternalDataIsCode3) {
  fs::path folder = CopyOf("file.external_data");
  std::string data = Read(folder / "weights.ptd");
  for (size_t size : {size_t{0}, size_t{10}, data.size() / 2, data.size() - 4}) {
    Write(folder / "weights.ptd", data.substr(0, size));
    ToolRun run = Switchyard({"check", folder.string()});
    EXPECT_EQ(run.code, 3) << "cut to " << size << ": " << run.out;
  }
}

TEST_F(HostileFiles, NamesDoNotReachTheTerminalAsControlCharacters) {
  std::string program = program_;
  size_t at = 0;
  while ((at = program.find("forward", at)) != std::string::npos) program[at] = '\x1b';
  ToolRun run = Inspect(program);
  EXPECT_THAT(run.out + run.err, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace switchyard::tools
