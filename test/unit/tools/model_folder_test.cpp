#include "tools/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/tools/tool_test.h"

namespace switchyard::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ModelFolderTest : public ToolTest {
 protected:
  Outcome<ModelFolder> ReadMeta(const std::string& meta) {
    Write(scratch_ / "model.pte", "");
    Write(scratch_ / "meta.json", meta);
    return ReadModelFolder(scratch_);
  }
};

TEST_F(ModelFolderTest, ReadsARealOne) {
  auto model = ReadModelFolder(Data("conv.fp32.channels_last"));
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->name, "conv.fp32.channels_last");
  EXPECT_EQ(model->tolerance.rtol, 1e-4);
  EXPECT_GT(model->tolerance.atol, 0);
  ASSERT_FALSE(model->cases.empty());
  EXPECT_EQ(model->cases[0].method, "forward");
  EXPECT_THAT(model->cases[0].dim_orders, ElementsAre(ElementsAre(0, 2, 3, 1)));
}

TEST_F(ModelFolderTest, BothFormsOfAProgramAreFound) {
  auto model = ReadModelFolder(Data("file.bundled"));
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->programs.size(), 2U);
}

TEST_F(ModelFolderTest, ExternalDataIsInTheFolder) {
  auto model = ReadModelFolder(Data("file.external_data"));
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_THAT(model->data_files, ElementsAre(Data("file.external_data") / "weights.ptd"));
  auto outside = ReadMeta(
      R"({"rtol":0,"atol":0,"external_data":["../x.ptd"],"cases":[{"method":"f","layouts":[]}]})");
  ASSERT_FALSE(outside.has_value());
  EXPECT_THAT(outside.error().message, HasSubstr("'external_data' has \"../x.ptd\""));
}

TEST_F(ModelFolderTest, RefusesWithWords) {
  struct {
    std::string meta, message;
  } cases[] = {
      {"", "not JSON"},
      {"{\"rtol\": 1", "not JSON"},
      {"[1]", "is array, expected a JSON object"},
      {"{}", "'rtol' is missing, expected number"},
      {R"({"rtol":"1","atol":0,"cases":[]})", "'rtol' is string, expected number"},
      {R"({"rtol":-1,"atol":0,"cases":[{"method":"f","layouts":[]}]})", "a tolerance is negative"},
      {R"({"rtol":0,"atol":0})", "'cases' is missing"},
      {R"({"rtol":0,"atol":0,"cases":[]})", "'cases' is empty"},
      {R"({"rtol":0,"atol":0,"cases":[7]})", "case 0 is number"},
      {R"({"rtol":0,"atol":0,"cases":[{"layouts":[]}]})", "'method' is missing"},
      {R"({"rtol":0,"atol":0,"cases":[{"method":"f","layouts":[[0,0]]}]})", "layout 0 is [0,0]"},
      {R"({"rtol":0,"atol":0,"cases":[{"method":"f","layouts":[[-1]]}]})", "layout 0 is [-1]"},
      {R"({"rtol":0,"atol":0,"cases":[{"method":"f","layouts":["x"]}]})", "layout 0 is \"x\""},
      {std::string(200000, '['), "200000 brackets within each other, expected at most 64"},
      {R"({"rtol":0,"atol":0,"external_data":)" + std::string(100000, '[') +
           std::string(100000, ']') + "}",
       "100001 brackets within each other"},
      {R"({"rtol":0,"atol":0,"cases":[{"method":"f","layouts":[)" + std::string(60, '[') +
           std::string(60, ']') + "]}]}",
       "layout 0 is [[["},
      {R"({"rtol":0,"atol":0,"cases":[{"method":"f","layouts":[")" + std::string(5000, 'x') +
           "\"]}]}",
       "xxx..., expected a permutation"},
      {R"({"rtol":1e400,"atol":0,"cases":[]})", "not JSON"},
      {R"({"rtol":0,"atol":0,"cases":[{"method":"f","layouts":[[99999999999999999999]]}]})",
       "layout 0 is [1e+20]"},
      {R"({"rtol":0,"atol":0,"external_data":["a\u0000b"],"cases":[]})",
       R"('external_data' has "a\u0000b")"},
      {R"({"x":")" + std::string(1 << 20, 'x') + "\"}", "1048584 bytes, expected at most 1048576"},
      {R"({"a":"[[[[)" + std::string(200, '{') + "\\\"[[\"}", "'rtol' is missing"},
  };
  for (const auto& item : cases) {
    auto model = ReadMeta(item.meta);
    ASSERT_FALSE(model.has_value()) << item.meta.substr(0, 80);
    EXPECT_EQ(model.error().exit, ExitCode::kInvalidFile);
    EXPECT_THAT(model.error().message, HasSubstr(item.message));
    EXPECT_THAT(model.error().message, HasSubstr("meta.json"));
  }
}

TEST_F(ModelFolderTest, AFolderWithoutAProgram) {
  Write(scratch_ / "meta.json", R"({"rtol":0,"atol":0,"cases":[{"method":"f","layouts":[]}]})");
  auto model = ReadModelFolder(scratch_);
  ASSERT_FALSE(model.has_value());
  EXPECT_THAT(model.error().message, HasSubstr("there is no model.pte"));
}

TEST_F(ModelFolderTest, FindsFoldersAtAnyDepthOnce) {
  fs::create_directories(scratch_ / "a/b/c");
  Write(scratch_ / "a/b/meta.json", "{}");
  Write(scratch_ / "a/b/c/meta.json", "{}");
  auto folders = FindModelFolders({scratch_, scratch_ / "a/b"});
  ASSERT_TRUE(folders.has_value());
  EXPECT_THAT(*folders, ElementsAre(scratch_ / "a/b", scratch_ / "a/b/c"));
  EXPECT_FALSE(FindModelFolders({scratch_ / "nowhere"}).has_value());
  fs::create_directories(scratch_ / "empty");
  EXPECT_EQ(FindModelFolders({scratch_ / "empty"}).error().exit, ExitCode::kUsage);
}

}  // namespace
}  // namespace switchyard::tools
