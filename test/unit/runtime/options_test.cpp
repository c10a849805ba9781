#include "runtime/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

namespace switchyard {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const OptionRow kTable[] = {
    {.key = "flag",
     .default_value = false,
     .scope = OptionScope::kBoth,
     .min = 0,
     .max = 0,
     .environment = "SWITCHYARD_TEST_FLAG",
     .doc = "A bool."},
    {.key = "mode",
     .default_value = int64_t{1},
     .scope = OptionScope::kGlobal,
     .min = 0,
     .max = 2,
     .environment = "SWITCHYARD_TEST_MODE",
     .doc = "A small integer."},
    {.key = "bytes",
     .default_value = int64_t{4} << 30,
     .scope = OptionScope::kBoth,
     .min = 0,
     .max = std::numeric_limits<int64_t>::max(),
     .environment = "SWITCHYARD_TEST_BYTES",
     .doc = "A wide integer."},
    {.key = "path",
     .default_value = std::string("here"),
     .scope = OptionScope::kLoad,
     .min = 0,
     .max = 0,
     .environment = "",
     .doc = "A string, without a variable."},
};

class RuntimeOptions : public ::testing::Test {
 protected:
  RuntimeOptions() { ClearEnvironment(); }
  ~RuntimeOptions() override { ClearEnvironment(); }

  static OptionMap Defaults() { return OptionMap::FromTable(kTable).value(); }

  static void ExpectBadEnvironment(const char* variable, const char* text, const std::string& key,
                                   const std::string& expected) {
    setenv(variable, text, 1);
    const auto options = OptionMap::FromTable(kTable);
    ASSERT_FALSE(options.has_value()) << variable << "=" << text;
    EXPECT_EQ(options.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(options.error().message,
                AllOf(HasSubstr(variable), HasSubstr("'" + key + "'"),
                      HasSubstr("\"" + std::string(text) + "\""), HasSubstr(expected)));
    unsetenv(variable);
  }

 private:
  static void ClearEnvironment() {
    for (const OptionRow& row : kTable) {
      if (!row.environment.empty()) unsetenv(std::string(row.environment).c_str());
    }
  }
};

TEST_F(RuntimeOptions, Defaults) {
  const OptionMap options = Defaults();
  EXPECT_FALSE(options.GetBool("flag"));
  EXPECT_EQ(options.GetInt("mode"), 1);
  EXPECT_EQ(options.GetInt("bytes"), int64_t{4} << 30);
  EXPECT_EQ(options.GetString("path"), "here");
  EXPECT_EQ(options.Get("mode").value(), OptionValue(int64_t{1}));
}

TEST_F(RuntimeOptions, SetAndGet) {
  OptionMap options = Defaults();
  EXPECT_TRUE(options.Set("flag", true).has_value());
  EXPECT_TRUE(options.Set("mode", int64_t{2}).has_value());
  EXPECT_TRUE(options.Set("path", std::string("there")).has_value());
  EXPECT_TRUE(options.GetBool("flag"));
  EXPECT_EQ(options.GetInt("mode"), 2);
  EXPECT_EQ(options.GetString("path"), "there");
  const OptionMap copy = options;
  ASSERT_TRUE(options.Set("mode", int64_t{0}).has_value());
  EXPECT_EQ(copy.GetInt("mode"), 2);
}

TEST_F(RuntimeOptions, UnknownKeyIsIgnoredWhenSetAndNotFoundWhenRead) {
  OptionMap options = Defaults();
  EXPECT_TRUE(options.Set("no_such_option", int64_t{1}).has_value());
  const auto value = options.Get("no_such_option");
  ASSERT_FALSE(value.has_value());
  EXPECT_EQ(value.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(value.error().message,
              AllOf(HasSubstr("no_such_option"), HasSubstr("flag, mode, bytes, path")));
}

TEST_F(RuntimeOptions, WrongTypesAndRangesAreRefusedAndChangeNothing) {
  OptionMap options = Defaults();
  const struct {
    std::string_view key;
    OptionValue value;
    std::string_view found, expected;
  } cases[] = {
      {"flag", int64_t{1}, "int 1", "a bool"},
      {"flag", std::string("true"), "string \"true\"", "a bool"},
      {"mode", true, "bool true", "an int from 0 to 2"},
      {"mode", int64_t{3}, "int 3", "an int from 0 to 2"},
      {"mode", int64_t{-1}, "int -1", "an int from 0 to 2"},
      {"mode", std::string("1"), "string \"1\"", "an int from 0 to 2"},
      {"bytes", std::string("12x"), "string \"12x\"", "an int from 0 to 9223372036854775807"},
      {"bytes", std::string("-5"), "string \"-5\"", "an int from 0"},
      {"path", int64_t{4}, "int 4", "a string"},
  };
  for (const auto& c : cases) {
    const Status status = options.Set(c.key, c.value);
    ASSERT_FALSE(status.has_value()) << c.key << " " << c.found;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(status.error().message,
                AllOf(HasSubstr(std::string(c.key)), HasSubstr(std::string(c.found)),
                      HasSubstr(std::string(c.expected))));
  }
  EXPECT_FALSE(options.GetBool("flag"));
  EXPECT_EQ(options.GetInt("mode"), 1);
  EXPECT_EQ(options.GetInt("bytes"), int64_t{4} << 30);
  EXPECT_EQ(options.GetString("path"), "here");
}

TEST_F(RuntimeOptions, ATextWithAZeroByteIsRefused) {
  OptionMap options = Defaults();
  const Status status = options.Set("path", std::string("a/b\0c", 5));
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.error().message,
              AllOf(HasSubstr("'path'"), HasSubstr("a zero byte after the 3 characters 'a/b'")));
  EXPECT_EQ(options.GetString("path"), "here");
  EXPECT_FALSE(CheckOptionText(std::string_view("path\0x", 6), true));
}

TEST_F(RuntimeOptions, WideIntegersTakeText) {
  OptionMap options = Defaults();
  EXPECT_TRUE(options.Set("bytes", std::string("8589934592")).has_value());
  EXPECT_EQ(options.GetInt("bytes"), int64_t{8} << 30);
}

TEST_F(RuntimeOptions, ScopeIsEnforcedWhereItIsAsked) {
  OptionMap options = Defaults();
  EXPECT_TRUE(options.Set("mode", int64_t{2}, OptionScope::kGlobal).has_value());
  EXPECT_TRUE(options.Set("path", std::string("x"), OptionScope::kLoad).has_value());
  EXPECT_TRUE(options.Set("flag", true, OptionScope::kLoad).has_value());
  EXPECT_TRUE(options.Set("flag", true, OptionScope::kGlobal).has_value());
  const Status at_load = options.Set("mode", int64_t{0}, OptionScope::kLoad);
  ASSERT_FALSE(at_load.has_value());
  EXPECT_EQ(at_load.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(at_load.error().message, HasSubstr("'mode'"));
  EXPECT_FALSE(options.Set("path", std::string("y"), OptionScope::kGlobal).has_value());
  EXPECT_EQ(options.GetInt("mode"), 2);
  EXPECT_EQ(options.GetString("path"), "x");
}

TEST_F(RuntimeOptions, EnvironmentReplacesDefaults) {
  setenv("SWITCHYARD_TEST_FLAG", "on", 1);
  setenv("SWITCHYARD_TEST_MODE", "2", 1);
  setenv("SWITCHYARD_TEST_BYTES", "17179869184", 1);
  OptionMap options = Defaults();
  EXPECT_TRUE(options.GetBool("flag"));
  EXPECT_EQ(options.GetInt("mode"), 2);
  EXPECT_EQ(options.GetInt("bytes"), int64_t{16} << 30);
  EXPECT_TRUE(options.Set("mode", int64_t{0}).has_value());
  EXPECT_EQ(options.GetInt("mode"), 0);
}

TEST_F(RuntimeOptions, EnvironmentThatDoesNotParseIsAnError) {
  ExpectBadEnvironment("SWITCHYARD_TEST_FLAG", "yes", "flag", "a bool");
  ExpectBadEnvironment("SWITCHYARD_TEST_FLAG", "", "flag", "a bool");
  ExpectBadEnvironment("SWITCHYARD_TEST_MODE", "3", "mode", "an int from 0 to 2");
  ExpectBadEnvironment("SWITCHYARD_TEST_MODE", "1 ", "mode", "an int from 0 to 2");
  ExpectBadEnvironment("SWITCHYARD_TEST_MODE", "", "mode", "an int from 0 to 2");
  ExpectBadEnvironment("SWITCHYARD_TEST_BYTES", "9223372036854775808", "bytes", "an int from 0");
}

}  // namespace
}  // namespace switchyard
