// The door: untrusted payload bytes in, a verified Graph or an Error out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/api.h"
#include "runtime/base/error.h"
#include "runtime/base/named_data.h"
#include "schema/graph.h"

namespace switchyard {

inline constexpr uint32_t kMaxExternals = 4096;

// Where the parts of a payload lie. Both spans are inside the payload's bytes.
struct PayloadLayout {
  bool has_header = false;  // "XH00"; otherwise bare, with inline constants
  std::span<const std::byte> flatbuffer;
  std::span<const std::byte> constant_data;  // empty without a header
  std::string_view identifier;               // "XN00" or "XN01"
};

// Finds the parts. Errors: DelegateInvalidCompatibility (unknown identifier), InvalidArgument (a
// header whose regions are outside the payload, or too short).
SWITCHYARD_API Result<PayloadLayout> ParsePayloadLayout(std::span<const std::byte> payload);

// Reads and checks a payload. The graph views `payload` and what `named_data` returns (held in
// Graph::named_buffers); `named_data` may be null when no constant is named.
// Errors: as ParsePayloadLayout; DelegateInvalidCompatibility (not a flatbuffer of this schema),
// InvalidProgram (a graph that breaks a rule; the message names the object and the rule), NotFound
// (missing named data), NotImplemented (unknown node kind).
SWITCHYARD_API Result<Graph> ReadPayload(std::span<const std::byte> payload,
                                         const NamedDataMap* named_data);

}  // namespace switchyard
