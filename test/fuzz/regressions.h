// What the fuzzers found, for the tests that run it again.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/support/test_data.h"

namespace switchyard::fuzz {

struct Input {
  std::string name;
  std::vector<std::byte> bytes;
};
// The files of regressions/`target`, sorted by name.
inline std::vector<Input> Regressions(std::string_view target) {
  std::vector<Input> inputs;
  const std::filesystem::path folder = std::filesystem::path(SWITCHYARD_FUZZ_REGRESSIONS) / target;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    Result<std::vector<std::byte>> bytes = test::ReadFile(entry.path());
    EXPECT_TRUE(bytes) << bytes.error().ToString();
    if (bytes) inputs.push_back({entry.path().filename().string(), *std::move(bytes)});
  }
  EXPECT_FALSE(inputs.empty()) << folder << " has no files";
  std::ranges::sort(inputs, {}, &Input::name);
  return inputs;
}

inline std::string Hex(std::span<const uint8_t> bytes) {
  std::string hex;
  for (uint8_t byte : bytes) hex += std::format("{:02x}", byte);
  return hex;
}

}  // namespace switchyard::fuzz
