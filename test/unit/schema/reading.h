// What the tests of the payload reader share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "schema/payload.h"
#include "test/unit/schema/wire.h"

namespace switchyard::test {

template <typename T>
std::vector<std::byte> Bytes(const std::vector<T>& elements) {
  const auto bytes = std::as_bytes(std::span(elements));
  return {bytes.begin(), bytes.end()};
}

inline void ExpectRefusal(std::span<const std::byte> payload, const char* message,
                          const NamedDataMap* named_data = nullptr,
                          ErrorCode code = ErrorCode::kInvalidProgram) {
  const Result<Graph> graph = ReadPayload(payload, named_data);
  ASSERT_FALSE(graph) << "passes; expected: " << message;
  EXPECT_EQ(graph.error().code, code) << graph.error().ToString();
  EXPECT_THAT(graph.error().message, testing::HasSubstr(message));
}
inline void ExpectRefusal(Wire& wire, const char* message) {
  ExpectRefusal(wire.Payload(), message);
}

// The graph keeps the payload that it views.
inline Graph ExpectGraph(std::vector<std::byte> payload, const NamedDataMap* named_data = nullptr) {
  Result<Graph> graph = ReadPayload(payload, named_data);
  if (!graph) {
    ADD_FAILURE() << graph.error().ToString();
    return {};
  }
  graph->owned_bytes.push_back(std::move(payload));
  return *std::move(graph);
}

}  // namespace switchyard::test
