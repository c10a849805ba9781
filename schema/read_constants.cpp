// Constants and scales: from the named data, from the payload's constant region, or from inside the
// flatbuffer.
#include <bit>
#include <cstring>
#include <string>

#include "runtime/base/checked_math.h"
#include "schema/broken.h"
#include "schema/payload_reader.h"

namespace switchyard {
namespace {

// What runtimes before v0.7 did with fp32 group scales: nearly rounding to nearest, by truncation.
uint16_t LegacyGroupScale(float scale) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(scale * 1.00389105f) >> 16);
}

}  // namespace

ConstantReader::ConstantReader(const PayloadLayout& layout, const payload_fb::Graph& file,
                               const NamedDataMap* named_data, Graph& graph)
    : layout_(layout),
      file_(file),
      named_data_(named_data),
      graph_(graph),
      owned_scale_budget_(layout.flatbuffer.size() + layout.constant_data.size()) {}

Result<Constant> ConstantReader::Read(uint32_t index, uint32_t value_id) {
  const auto* entries = file_.constant_data();
  const payload_fb::ConstantDataOffset* entry =
      entries != nullptr && index < entries->size() ? entries->Get(index) : nullptr;
  if (entry != nullptr && entry->named_key() != nullptr) {
    return ReadNamed(*entry->named_key(), index, value_id);
  }
  if (!layout_.has_header) return ReadInline(index, value_id);
  if (entry == nullptr) {
    return Broken("value {}: its data is constant {}, expected one of the payload's {} constants",
                  value_id, index, entries == nullptr ? 0 : entries->size());
  }
  const size_t region = layout_.constant_data.size();
  if (entry->offset() > region || entry->size() > region - entry->offset()) {
    return Broken(
        "value {}: its data is constant {}, {} bytes at offset {}, expected it inside the constant "
        "region of {} bytes",
        value_id, index, entry->size(), entry->offset(), region);
  }
  return Constant{.bytes = layout_.constant_data.subspan(entry->offset(), entry->size()),
                  .key = {}};
}

Result<Constant> ConstantReader::ReadNamed(const flatbuffers::String& key, uint32_t index,
                                           uint32_t value_id) {
  const std::string_view name = key.string_view();
  if (name.size() > kMaxKeyBytes) {
    return Broken("value {}: the key of constant {} has {} characters, expected at most {}",
                  value_id, index, name.size(), kMaxKeyBytes);
  }
  auto found = named_.find(name);
  if (found == named_.end()) {
    if (named_data_ == nullptr) {
      return Fail(ErrorCode::kNotFound,
                  "value {}: its data is named \"{}\" and the host gave no named data, expected "
                  "some; load the program together with its external data file",
                  value_id, name);
    }
    Result<DataBuffer> buffer = named_data_->Get(name);
    if (!buffer) {
      return Fail(buffer.error().code,
                  "value {}: its data is named \"{}\", expected it in the host's named data: {}; "
                  "load the program together with its external data file",
                  value_id, name, buffer.error().message);
    }
    owned_scale_budget_ += buffer->bytes().size();
    found = named_.emplace(name, graph_.named_buffers.size()).first;
    graph_.named_buffers.push_back(*std::move(buffer));
  }
  return Constant{.bytes = graph_.named_buffers[found->second].bytes(), .key = std::string(name)};
}

// Without a header there is no constant region, so an entry without a key means nothing there.
Result<Constant> ConstantReader::ReadInline(uint32_t index, uint32_t value_id) const {
  const auto* buffers = file_.constant_buffer();
  if (buffers == nullptr || index >= buffers->size()) {
    return Broken(
        "value {}: its data is constant {}, expected one of the {} constants inside the flatbuffer "
        "(or a key, or a payload with a header and a constant region)",
        value_id, index, buffers == nullptr ? 0 : buffers->size());
  }
  const auto* storage = buffers->Get(index)->storage();
  if (storage == nullptr) {
    return Broken("value {}: constant {} inside the flatbuffer has no bytes, expected some",
                  value_id, index);
  }
  return Constant{.bytes = std::as_bytes(std::span(storage->data(), storage->size())), .key = {}};
}

// Scales that cannot be viewed where they are. Each place is copied once, and places do not overlap
// in what a writer makes; so more than all there is to copy from is an attempt to make us allocate.
Result<std::byte*> ConstantReader::NewScales(size_t size, uint32_t value_id) {
  if (size > owned_scale_budget_) {
    return Broken(
        "value {}: its {} bytes of scales overlap those of other values, expected scales "
        "of its own",
        value_id, size);
  }
  owned_scale_budget_ -= size;
  return graph_.owned_bytes.emplace_back(size).data();
}

template <typename T>
Result<std::span<const T>> ConstantReader::ReadScaleConstant(uint32_t index, uint32_t count,
                                                             uint32_t value_id) {
  SWITCHYARD_ASSIGN(const Constant constant, Read(index, value_id));
  const std::span<const std::byte> bytes = constant.bytes;
  if (bytes.size() != uint64_t{count} * sizeof(T)) {
    return Broken("value {}: its scales are {} bytes, expected {} for {} scales of {} bytes",
                  value_id, bytes.size(), uint64_t{count} * sizeof(T), count, sizeof(T));
  }
  const std::byte* data = bytes.data();
  if (!bytes.empty() && reinterpret_cast<uintptr_t>(data) % alignof(T) != 0) {
    const std::byte*& owned = owned_scales_[{bytes.data(), bytes.size()}];
    if (owned == nullptr) {
      SWITCHYARD_ASSIGN(std::byte * copy, NewScales(bytes.size(), value_id));
      std::memcpy(copy, bytes.data(), bytes.size());
      owned = copy;
    }
    data = owned;
  }
  return std::span(reinterpret_cast<const T*>(data), count);
}

Result<std::span<const float>> ConstantReader::ReadScales(
    const payload_fb::PerChannelQuant& quantization, uint32_t value_id) {
  if (quantization.scale_buffer_idx() != 0) {
    return ReadScaleConstant<float>(quantization.scale_buffer_idx(), quantization.num_scales(),
                                    value_id);
  }
  const auto* scales = quantization.scale();
  if (scales == nullptr) {
    return Broken("value {}: per-channel quantization has no scales, expected a constant or a list",
                  value_id);
  }
  return std::span(scales->data(), scales->size());
}

Result<std::span<const uint16_t>> ConstantReader::ReadScales(
    const payload_fb::PerChannelGroupQuant& quantization, uint32_t value_id) {
  if (quantization.scale_buffer_idx() != 0) {
    return ReadScaleConstant<uint16_t>(quantization.scale_buffer_idx(), quantization.num_scales(),
                                       value_id);
  }
  const auto* scales = quantization.scale();
  if (scales == nullptr || scales->size() == 0) {
    const auto* bf16 = quantization.scale_bf16();
    if (bf16 == nullptr) {
      return Broken("value {}: blockwise quantization has no scales, expected a constant or a list",
                    value_id);
    }
    return std::span(bf16->data(), bf16->size());
  }
  const size_t count = scales->size();
  const std::byte*& owned = owned_scales_[{scales->data(), count}];
  if (owned == nullptr) {
    SWITCHYARD_ASSIGN(std::byte * converted, NewScales(count * sizeof(uint16_t), value_id));
    for (size_t i = 0; i < count; ++i) {
      const uint16_t scale = LegacyGroupScale(scales->Get(static_cast<uint32_t>(i)));
      std::memcpy(converted + i * sizeof(scale), &scale, sizeof(scale));
    }
    owned = converted;
  }
  return std::span(reinterpret_cast<const uint16_t*>(owned), count);
}

}  // namespace switchyard
