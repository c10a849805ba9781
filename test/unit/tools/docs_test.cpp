// What the documentation quotes from the command is what the command prints.

#include <gtest/gtest.h>

#include <ranges>
#include <string_view>

#include "test/unit/tools/command.h"
#include "tools/tables.h"

namespace switchyard::tools {
namespace {

constexpr std::string_view kBegin = "<!-- switchyard ", kEnd = "<!-- /switchyard -->";

class Docs : public ToolTest {
 protected:
  static fs::path Root() { return fs::path(SWITCHYARD_TEST_DATA).parent_path().parent_path(); }

  static ToolRun Run(std::string_view arguments) {
    std::vector<std::string> words;
    for (const auto word : arguments | std::views::split(' ')) {
      std::string text(std::string_view{word});
      words.push_back(text.starts_with("test/data/") ? (Root() / text).string() : text);
    }
    return Switchyard(words);
  }
};

TEST_F(Docs, QuoteTheCommand) {
  size_t blocks = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(Root() / "docs")) {
    const std::string text = Read(entry.path());
    for (size_t at = text.find(kBegin); at != std::string::npos; at = text.find(kBegin, at)) {
      at += kBegin.size();
      const size_t line_end = text.find(" -->\n", at), end = text.find(kEnd, at);
      ASSERT_NE(line_end, std::string::npos) << entry.path();
      ASSERT_NE(end, std::string::npos) << entry.path();
      const std::string arguments = text.substr(at, line_end - at);
      SCOPED_TRACE(entry.path().filename().string() + ": switchyard " + arguments);
      ToolRun run = Run(arguments);
      EXPECT_EQ(run.code, 0) << run.err;
      if (!arguments.starts_with("tables")) run.out = "```\n" + run.out + "```\n";
      const size_t begin = line_end + 5;
      EXPECT_EQ(text.substr(begin, end - begin), run.out) << "run scripts/docs";
      ++blocks;
    }
  }
  // Every table is documented.
  EXPECT_GE(blocks, TableNames().size());
}

TEST_F(Docs, EveryTableIsOnARoutingPage) {
  const std::string text = Read(Root() / "docs" / "routing.md");
  for (const std::string& name : TableNames()) {
    EXPECT_NE(text.find("<!-- switchyard tables " + name + " -->"), std::string::npos) << name;
  }
}

TEST_F(Docs, TablesByName) {
  const ToolRun kernels = Switchyard({"tables", "kernels"}), all = Switchyard({"tables"});
  EXPECT_EQ(kernels.code, 0) << kernels.err;
  EXPECT_TRUE(kernels.out.starts_with("| kernel | CPU features |")) << kernels.out;
  EXPECT_NE(kernels.out.find("| `pqs8_qc8w_sme` | sme | 2 VL x 2 VL, 4 / 1 | 2 VL x 2 VL |"),
            std::string::npos)
      << kernels.out;
  EXPECT_NE(all.out.find(kernels.out), std::string::npos);
  EXPECT_NE(all.out.find("| `force_kernel` | text | \"\" | global, load | "
                         "`SWITCHYARD_FORCE_KERNEL` |"),
            std::string::npos)
      << all.out;
  const ToolRun unknown = Switchyard({"tables", "kernel"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_NE(unknown.err.find("take one of rules, kernels, reasons, remedies, options"),
            std::string::npos)
      << unknown.err;
}

}  // namespace
}  // namespace switchyard::tools
