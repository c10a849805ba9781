// A Graph back to payload bytes, so that tests, tools and users make payloads without Python.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/api.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

enum class ConstantStorage {
  kOffset,  // in the payload's own constant region (needs the header)
  kNamed,   // by key, in Payload::named_data; constants without a key go to the constant region
  kInline,  // inside the flatbuffer (bare payloads)
};

struct WriterOptions {
  bool header = true;              // "XH00"; without it constants must be inline or named
  bool legacy_identifier = false;  // "XN00" instead of "XN01"
  ConstantStorage constants = ConstantStorage::kOffset;
  bool inline_scales = false;  // fp32 scales in the flatbuffer, as before v0.7; group scales are
                               // written so that the reader's conversion gives the same bf16
  bool legacy_dynamic_quantization = false;  // a Convert of an external f32 input to qdint8 becomes
                                             // the `dq_datatype` form
};

struct Payload {
  std::vector<std::byte> bytes;
  std::map<std::string, std::vector<std::byte>> named_data;  // kNamed only
};

// The payload that ReadPayload turns into the same graph. Values keep their ids when these are
// unique, and are numbered by their index otherwise. Scales have no key, so that under kNamed they
// go to the constant region, too. Errors: InvalidArgument when the options contradict each other or
// the graph breaks CheckGraph, when two constants give one key to different bytes, or when the
// flatbuffer would pass its limit of 2 GB.
SWITCHYARD_API Result<Payload> WritePayload(const Graph& graph, const WriterOptions& options = {});

namespace detail {

// WritePayload without CheckGraph, so that tests can make payloads that the reader has to refuse.
// Writes any graph, however broken, whose views are readable: an index of a value that is not there
// is written as it is, a missing one as "no tensor", attributes of another kind as their defaults.
Result<Payload> WritePayloadUnchecked(const Graph& graph, const WriterOptions& options = {});

}  // namespace detail

}  // namespace switchyard
