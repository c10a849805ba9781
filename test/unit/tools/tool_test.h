// A command line run inside the test, with a scratch folder.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace switchyard::tools {

namespace fs = std::filesystem;

struct ToolRun {
  int code;
  std::string out;
  std::string err;
};

class ToolTest : public testing::Test {
 protected:
  void SetUp() override {
    const testing::TestInfo* info = testing::UnitTest::GetInstance()->current_test_info();
    scratch_ = fs::path(testing::TempDir()) /
               (std::string("switchyard.") + info->test_suite_name() + "." + info->name());
    fs::remove_all(scratch_);
    fs::create_directories(scratch_);
  }
  void TearDown() override { fs::remove_all(scratch_); }

  static fs::path Data(const std::string& model) { return fs::path(SWITCHYARD_TEST_DATA) / model; }

  // A copy of a model's folder that the test may damage.
  fs::path CopyOf(const std::string& model) {
    fs::copy(Data(model), scratch_ / model, fs::copy_options::recursive);
    return scratch_ / model;
  }

  static std::string Read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void Write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  fs::path scratch_;
};

}  // namespace switchyard::tools
