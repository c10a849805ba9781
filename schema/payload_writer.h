// The parts of the payload writer. Internal to schema/.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "flatbuffers/flatbuffers.h"
#include "schema/graph.h"
#include "schema/writer.h"
#include "schema/xnnpack_payload_generated.h"

namespace switchyard::payload_writer {

// Alignment of each constant from the start of its region, and of the flatbuffer's end, in bytes.
inline constexpr size_t kConstantAlignment = 16;

// Wire ids of values, by index into Graph::values.
class WireIds {
 public:
  explicit WireIds(const Graph& graph);
  // What is beyond the graph's values (kNoValue, too) is written as it is.
  uint32_t operator[](ValueIndex index) const { return index < ids_.size() ? ids_[index] : index; }
  void Replace(ValueIndex index, uint32_t id) { ids_[index] = id; }

 private:
  std::vector<uint32_t> ids_;
};

// Collects the constants of a payload where the options want them.
class ConstantPool {
 public:
  ConstantPool(flatbuffers::FlatBufferBuilder& builder, const WriterOptions& options,
               Payload& payload)
      : builder_(builder), options_(options), payload_(payload) {}

  // The index that the wire has for these bytes. Bytes that are there already (the same memory) get
  // the same index. `user` names who asks.
  Result<uint32_t> Add(std::span<const std::byte> bytes, const std::string& key,
                       std::string_view user);

  // The graph's vectors; null offsets where the mode does without one.
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<payload_fb::Buffer>>> Buffers();
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<payload_fb::ConstantDataOffset>>>
  Entries();
  std::vector<std::byte>& region() { return region_; }

 private:
  flatbuffers::FlatBufferBuilder& builder_;
  const WriterOptions& options_;
  Payload& payload_;
  std::map<std::tuple<const std::byte*, size_t, std::string>, uint32_t> known_;
  std::vector<flatbuffers::Offset<payload_fb::Buffer>> buffers_;
  std::vector<flatbuffers::Offset<payload_fb::ConstantDataOffset>> entries_;
  std::vector<std::byte> region_;
};

// How a value is written; the rest is in the value itself.
struct ValueForm {
  uint32_t id;
  // A float input that stands for its own dynamically quantized form, which takes its id.
  bool legacy_dynamic_quantization;
};

Result<flatbuffers::Offset<payload_fb::Value>> WriteValue(flatbuffers::FlatBufferBuilder& builder,
                                                          const Value& value, const ValueForm& form,
                                                          const WriterOptions& options,
                                                          ConstantPool& constants);

flatbuffers::Offset<payload_fb::Node> WriteNode(flatbuffers::FlatBufferBuilder& builder,
                                                const Node& node, const WireIds& ids);

}  // namespace switchyard::payload_writer
