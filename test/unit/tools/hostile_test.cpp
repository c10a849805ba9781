// Damaged files through the command line: an exit code and words, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "test/support/emulation.h"
#include "test/unit/tools/command.h"
#include "tools/file.h"

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
  for (size_t size = 0; size < program_.size(); size += 61 * test::Stride()) {
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
  for (size_t i = 0; i < 1000 / test::Stride(); ++i) {
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

// ExecuTorch would allocate what the plan says, and fill it.
TEST_F(HostileFiles, APlanOf17GigabytesIsRefused) {
  constexpr int64_t kHuge = int64_t{17} << 30;
  size_t refused = 0;
  // The sizes of a plan's buffers: a vector of two, of which the first is reserved and 0.
  for (size_t at = 4; at + 16 <= program_.size(); at += 4) {
    uint32_t count;
    int64_t sizes[2];
    std::memcpy(&count, program_.data() + at - 4, sizeof count);
    std::memcpy(sizes, program_.data() + at, sizeof sizes);
    if (count != 2 || sizes[0] != 0 || sizes[1] <= 0 || sizes[1] > 100000) continue;
    std::string huge = program_;
    std::memcpy(huge.data() + at + 8, &kHuge, sizeof kHuge);
    Write(scratch_ / "huge.pte", huge);
    ToolRun run = Switchyard({"run", (scratch_ / "huge.pte").string(), "--input", input_});
    if (run.code == 0) continue;
    EXPECT_EQ(run.code, 4) << run.err;
    EXPECT_THAT(run.err, HasSubstr("its plan takes 18253611008 bytes of memory, expected at most "
                                   "4294967296; set --max-memory to more"));
    ++refused;
  }
  EXPECT_EQ(refused, 1U);
  ToolRun small = Switchyard({"check", Data("fc.fp32").string(), "--max-memory", "10"});
  EXPECT_EQ(small.code, 4);
  EXPECT_THAT(small.out, HasSubstr("expected at most 10"));
}

TEST_F(HostileFiles, OutputsOfAPayloadAreLimited) {
  ASSERT_EQ(Switchyard({"extract", (Data("fc.fp32") / "model.pte").string(), "--output-dir",
                        scratch_.string()})
                .code,
            0);
  std::vector<std::string> command = {"run", (scratch_ / "forward.0.xnn").string(), "--input",
                                      input_, "--max-memory"};
  command.push_back("75");
  ToolRun run = Switchyard(command);
  EXPECT_EQ(run.code, 4) << run.out;
  EXPECT_THAT(run.err, HasSubstr("outputs: 76 bytes with one of [1, 19], expected at most 75; set "
                                 "--max-memory to more"));
  command.back() = "76";
  EXPECT_EQ(Switchyard(command).code, 0);
}

TEST_F(HostileFiles, NestedMetadataIsCode3) {
  fs::path folder = CopyOf("fc.fp32");
  Write(folder / "meta.json", std::string(200000, '[') + std::string(200000, ']'));
  ToolRun run = Switchyard({"check", folder.string()});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.out, HasSubstr("meta.json: 200000 brackets within each other"));
}

TEST_F(HostileFiles, APathWithAZeroByteIsRefused) {
  auto file = MappedFile::Open(fs::path(input_ + std::string("\0x", 2)));
  ASSERT_FALSE(file.has_value());
  EXPECT_THAT(file.error().message, HasSubstr("input_0.npy?x: has a zero byte"));
  const fs::path path = scratch_ / std::string("a\0b", 3);
  EXPECT_FALSE(WriteFile(path, {}).has_value());
  EXPECT_FALSE(fs::exists(scratch_ / "a"));
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
