// The parts of the payload reader: internal to schema/, the only header that shows flatbuffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/named_data.h"
#include "schema/graph.h"
#include "schema/payload.h"
#include "schema/xnnpack_payload_generated.h"

namespace switchyard {

// Keys are content addresses of about 70 characters; the limit keeps a file from having one long
// key copied for each of its values.
inline constexpr size_t kMaxKeyBytes = 512;

// Finds constants and scales, in whichever of the three places they are. What it returns lives as
// long as the payload, the graph's named buffers and the graph's owned bytes.
class ConstantReader {
 public:
  // All arguments must outlive the reader; `named_data` may be null.
  ConstantReader(const PayloadLayout& layout, const payload_fb::Graph& file,
                 const NamedDataMap* named_data, Graph& graph);

  // All bytes of constant `index`, which must not be 0 (no constant). `value_id` is for messages.
  Result<Constant> Read(uint32_t index, uint32_t value_id);
  Result<std::span<const float>> ReadScales(const payload_fb::PerChannelQuant& quantization,
                                            uint32_t value_id);
  Result<std::span<const uint16_t>> ReadScales(const payload_fb::PerChannelGroupQuant& quantization,
                                               uint32_t value_id);

 private:
  Result<Constant> ReadNamed(const flatbuffers::String& key, uint32_t index, uint32_t value_id);
  Result<Constant> ReadInline(uint32_t index, uint32_t value_id) const;
  template <typename T>
  Result<std::span<const T>> ReadScaleConstant(uint32_t index, uint32_t count, uint32_t value_id);
  Result<std::byte*> NewScales(size_t size, uint32_t value_id);

  const PayloadLayout& layout_;
  const payload_fb::Graph& file_;
  const NamedDataMap* named_data_;
  Graph& graph_;
  std::map<std::string_view, size_t> named_;  // key -> index into graph_.named_buffers
  // Where in graph_.owned_bytes the scales from some place are, copied or converted.
  std::map<std::pair<const void*, size_t>, const std::byte*> owned_scales_;
  size_t owned_scale_budget_;  // bytes that may yet be owned
};

// The file's value ids and where their values are in Graph::values.
class ValueIds {
 public:
  // Value i of the file becomes value i of the graph. Errors: InvalidProgram (an id twice).
  Status Read(const payload_fb::Graph& file);
  std::optional<ValueIndex> Find(uint32_t id) const;

 private:
  std::vector<std::pair<uint32_t, ValueIndex>> sorted_;
};

// Fills Graph::values. Where the file has a value of the oldest dynamic form (`dq_datatype`), the
// graph has what it stands for: an external f32 value, an internal qdint8 value (under the file's
// id) and a Convert between them, in Graph::nodes.
Status ReadValues(const payload_fb::Graph& file, const ValueIds& ids, ConstantReader& constants,
                  Graph& graph);

// Appends the file's nodes to Graph::nodes, in the file's order.
Status ReadNodes(const payload_fb::Graph& file, const ValueIds& ids, Graph& graph);

// The parts of a value's or node's table, or null if it has none.
const payload_fb::TensorValue* TensorOf(const payload_fb::Value& value);

}  // namespace switchyard
