// Payloads made field by field, for what no writer makes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/xnnpack_payload_generated.h"

namespace switchyard::test {

namespace fb = payload_fb;

inline constexpr uint32_t kNone = 0xFFFFFFFF;

struct TensorFields {
  fb::DataType type = fb::DataType::FP32;
  std::vector<uint32_t> dims = {2, 4};
  uint32_t constant = 0;
  uint32_t external_id = kNone;
  uint32_t flags = 0;
  fb::DataType dynamic = fb::DataType::Invalid;
};

// The outer header. `flatbuffer` goes to byte 32, `region` behind it.
inline std::vector<std::byte> WithHeader(std::span<const std::byte> flatbuffer,
                                         std::span<const std::byte> region) {
  std::vector<std::byte> bytes(32);
  const auto put = [&bytes](size_t at, auto number) {
    std::memcpy(bytes.data() + at, &number, sizeof(number));
  };
  std::memcpy(bytes.data() + 4, "XH00", 4);
  const size_t region_offset = 32 + (flatbuffer.size() + 15) / 16 * 16;
  put(8, uint16_t{30});
  put(10, uint32_t{32});
  put(14, static_cast<uint32_t>(flatbuffer.size()));
  put(18, static_cast<uint32_t>(region_offset));
  put(22, uint64_t{region.size()});
  bytes.insert(bytes.end(), flatbuffer.begin(), flatbuffer.end());
  bytes.resize(region_offset);
  bytes.insert(bytes.end(), region.begin(), region.end());
  return bytes;
}

// A payload in the making. Values and nodes are written in the order of the calls.
class Wire {
 public:
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<fb::Value>> values;
  std::vector<flatbuffers::Offset<fb::Node>> nodes;
  std::vector<flatbuffers::Offset<fb::Buffer>> inline_constants;
  std::vector<flatbuffers::Offset<fb::ConstantDataOffset>> constants;
  std::vector<std::byte> region;
  uint32_t num_externs = 0;
  bool write_values = true, write_nodes = true;

  flatbuffers::Offset<fb::TensorValue> Tensor(uint32_t id, const TensorFields& fields) {
    return fb::CreateTensorValue(builder, fields.type, static_cast<uint32_t>(fields.dims.size()),
                                 builder.CreateVector(fields.dims), fields.constant,
                                 fields.external_id, fields.flags, id, fields.dynamic);
  }
  void AddValue(fb::ValueUnion form, flatbuffers::Offset<void> table) {
    values.push_back(fb::CreateValue(builder, form, table));
  }
  void AddTensor(uint32_t id, const TensorFields& fields) {
    AddValue(fb::ValueUnion::TensorValue, Tensor(id, fields).Union());
  }
  void AddQuantized(uint32_t id, const TensorFields& fields, fb::QuantParams form,
                    flatbuffers::Offset<void> parameters) {
    const auto tensor = Tensor(id, fields);
    AddValue(fb::ValueUnion::QuantizedTensorValue,
             fb::CreateQuantizedTensorValue(builder, tensor, form, parameters).Union());
  }
  uint32_t AddInput(uint32_t id, std::vector<uint32_t> dims = {2, 4}) {
    AddTensor(id, {.dims = std::move(dims), .external_id = num_externs++, .flags = 1});
    return id;
  }
  uint32_t AddOutput(uint32_t id, std::vector<uint32_t> dims = {2, 4}) {
    AddTensor(id, {.dims = std::move(dims), .external_id = num_externs++, .flags = 2});
    return id;
  }
  void AddNode(fb::NodeUnion kind, flatbuffers::Offset<void> table,
               flatbuffers::Offset<fb::OutputMinMax> range = 0, uint32_t debug_handle = 65535) {
    nodes.push_back(fb::CreateNode(builder, kind, table, debug_handle, range));
  }
  void AddUnary(fb::NodeUnion kind, uint32_t input, uint32_t output, uint32_t flags = 0) {
    AddNode(kind, fb::CreateUnary(builder, input, output, flags).Union());
  }
  // Constants by index, from 1; the dummy entry comes by itself.
  uint32_t AddRegionConstant(uint64_t offset, uint64_t size) {
    return AddConstant(fb::CreateConstantDataOffset(builder, offset, size));
  }
  uint32_t AddNamedConstant(std::string_view key) {
    const auto name = builder.CreateString(key);
    return AddConstant(fb::CreateConstantDataOffset(builder, ~uint64_t{0}, 0, name));
  }
  uint32_t AddInlineConstant(const std::vector<uint8_t>& bytes) {
    if (inline_constants.empty()) inline_constants.push_back(fb::CreateBuffer(builder));
    inline_constants.push_back(fb::CreateBufferDirect(builder, &bytes));
    return static_cast<uint32_t>(inline_constants.size() - 1);
  }

  std::vector<std::byte> Flatbuffer(const char* identifier = "XN01") {
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fb::Node>>> node_list;
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fb::Value>>> value_list;
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fb::Buffer>>> inline_list;
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fb::ConstantDataOffset>>> list;
    if (write_nodes) node_list = builder.CreateVector(nodes);
    if (write_values) value_list = builder.CreateVector(values);
    if (!inline_constants.empty()) inline_list = builder.CreateVector(inline_constants);
    if (!constants.empty()) list = builder.CreateVector(constants);
    const auto graph =
        fb::CreateGraph(builder, 0, node_list, value_list, num_externs, 0, 0, inline_list, 0, list);
    builder.Finish(graph, identifier);
    const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
    return {bytes.begin(), bytes.end()};
  }
  std::vector<std::byte> Payload() { return WithHeader(Flatbuffer(), region); }

 private:
  uint32_t AddConstant(flatbuffers::Offset<fb::ConstantDataOffset> constant) {
    if (constants.empty()) constants.push_back(fb::CreateConstantDataOffset(builder));
    constants.push_back(constant);
    return static_cast<uint32_t>(constants.size() - 1);
  }
};

// Abs from value 10 to value 20, for tests that add to it.
inline void AddAbs(Wire& wire) {
  wire.AddInput(10);
  wire.AddOutput(20);
  wire.AddUnary(fb::NodeUnion::Abs, 10, 20);
}

}  // namespace switchyard::test
