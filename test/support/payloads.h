// Payloads that tests write and read back.
#pragma once

#include <utility>

#include "runtime/base/error.h"
#include "schema/payload.h"
#include "schema/program.h"
#include "schema/writer.h"

namespace switchyard::test {

// The named data of a written payload; views `payload`.
inline NamedDataViews NamedDataOf(const Payload& payload) {
  NamedDataViews::Map map;
  for (const auto& [key, bytes] : payload.named_data) map.emplace(key, bytes);
  return NamedDataViews(std::move(map));
}

// Views `payload`.
inline Result<Graph> Read(const Payload& payload) {
  const NamedDataViews named_data = NamedDataOf(payload);
  return ReadPayload(payload.bytes, &named_data);
}

}  // namespace switchyard::test
