#include <algorithm>
#include <array>
#include <unordered_set>
#include <variant>

#include "runtime/base/float16.h"
#include "runtime/base/format.h"
#include "schema/payload_writer.h"

namespace switchyard::payload_writer {
namespace {

namespace fb = payload_fb;

// The wire's numbers are not those of DataType.
fb::DataType WireType(DataType type) {
  switch (type) {
    case DataType::kInvalid:
      return fb::DataType::Invalid;
    case DataType::kF32:
      return fb::DataType::FP32;
    case DataType::kF16:
      return fb::DataType::FP16;
    case DataType::kBF16:
      return fb::DataType::BF16;
    case DataType::kInt32:
      return fb::DataType::Int32;
    case DataType::kQInt8:
      return fb::DataType::QInt8;
    case DataType::kQUInt8:
      return fb::DataType::QUInt8;
    case DataType::kQInt32:
      return fb::DataType::QInt32;
    case DataType::kQCInt8:
      return fb::DataType::QCInt8;
    case DataType::kQCInt32:
      return fb::DataType::QCInt32;
    case DataType::kQCInt4:
      return fb::DataType::QCInt4;
    case DataType::kQDInt8:
      return fb::DataType::QDInt8;
    case DataType::kQBInt4:
      return fb::DataType::QBInt4;
    case DataType::kQPInt8:
      return fb::DataType::QPInt8;
    case DataType::kPF32:
      return fb::DataType::PFP32;
  }
  return fb::DataType::Invalid;
}

struct WireQuantization {
  fb::QuantParams type = fb::QuantParams::NONE;
  flatbuffers::Offset<void> table;
};

// Writes the alternatives of Quantization.
struct QuantizationWriter {
  flatbuffers::FlatBufferBuilder& builder;
  const WriterOptions& options;
  ConstantPool& constants;
  std::string_view user;

  using Output = Result<WireQuantization>;

  Output operator()(std::monostate) const { return WireQuantization{}; }
  Output operator()(const PerTensorQuantization& q) const {
    return WireQuantization{fb::QuantParams::PerTensorQuant,
                            fb::CreatePerTensorQuant(builder, q.scale, q.zero_point).Union()};
  }
  Output operator()(const PerTokenQuantization& q) const {
    return WireQuantization{
        fb::QuantParams::PerTokenDynamicQuant,
        fb::CreatePerTokenDynamicQuant(builder, static_cast<int32_t>(q.num_nonbatch_dims)).Union()};
  }
  Output operator()(const PerChannelQuantization& q) const {
    const bool inlined = options.inline_scales;
    uint32_t index = 0;
    if (!inlined) {
      SWITCHYARD_ASSIGN(index, constants.Add(std::as_bytes(q.scales), "", user));
    }
    // An empty vector stands where the scales are in a buffer: older readers dereference it.
    const auto scales = builder.CreateVector(q.scales.data(), inlined ? q.scales.size() : 0);
    return WireQuantization{
        fb::QuantParams::PerChannelQuant,
        fb::CreatePerChannelQuant(builder, scales, static_cast<int32_t>(q.channel_dim), index,
                                  inlined ? 0 : static_cast<uint32_t>(q.scales.size()))
            .Union()};
  }
  Output operator()(const PerGroupQuantization& q) const {
    const bool inlined = options.inline_scales;
    uint32_t index = 0;
    std::vector<float> widened;
    if (inlined) {
      // A reader multiplies by 1.00389105 and truncates. For a bf16 value that product is less than
      // the next bf16 value, so the value itself comes back.
      std::ranges::transform(q.scales, std::back_inserter(widened), F32FromBF16);
    } else {
      SWITCHYARD_ASSIGN(index, constants.Add(std::as_bytes(q.scales), "", user));
    }
    const auto scales = builder.CreateVector(widened);
    return WireQuantization{
        fb::QuantParams::PerChannelGroupQuant,
        fb::CreatePerChannelGroupQuant(builder, scales, static_cast<int32_t>(q.channel_dim),
                                       static_cast<int32_t>(q.group_size), 0, index,
                                       inlined ? 0 : static_cast<uint32_t>(q.scales.size()))
            .Union()};
  }
};

}  // namespace

WireIds::WireIds(const Graph& graph) {
  std::unordered_set<uint32_t> seen;
  bool unique = true;
  for (const Value& value : graph.values) {
    ids_.push_back(value.id);
    unique = unique && value.id != kNoValue && seen.insert(value.id).second;
  }
  if (unique) return;
  for (uint32_t i = 0; i < ids_.size(); ++i) ids_[i] = i;
}

Result<flatbuffers::Offset<fb::Value>> WriteValue(flatbuffers::FlatBufferBuilder& builder,
                                                  const Value& value, const ValueForm& form,
                                                  const WriterOptions& options,
                                                  ConstantPool& constants) {
  constexpr uint32_t kExternalInput = 1;
  constexpr uint32_t kExternalOutput = 2;
  uint32_t constant_index = 0;
  if (value.constant) {
    SWITCHYARD_ASSIGN(constant_index, constants.Add(value.constant->bytes, value.constant->key,
                                                    Format("value {}", value.id)));
  }
  const std::string user = Format("the scales of value {}", value.id);
  SWITCHYARD_ASSIGN(
      const WireQuantization quantization,
      std::visit(QuantizationWriter{builder, options, constants, user}, value.quantization));
  std::array<uint32_t, kMaxRank> sizes{};
  for (size_t i = 0; i < value.dims.rank(); ++i) {
    if (value.dims[i] > std::numeric_limits<uint32_t>::max()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "value {}: size {} in dimension {}, expected at most 2^32 - 1, which is what the "
                  "format holds",
                  value.id, value.dims[i], i);
    }
    sizes[i] = static_cast<uint32_t>(value.dims[i]);
  }
  const auto dims = builder.CreateVector(sizes.data(), value.dims.rank());
  const auto tensor = fb::CreateTensorValue(
      builder, WireType(value.type), static_cast<uint32_t>(value.dims.rank()), dims, constant_index,
      value.external_id.value_or(kNoValue),
      (value.is_external_input ? kExternalInput : 0) |
          (value.is_external_output ? kExternalOutput : 0),
      form.id, form.legacy_dynamic_quantization ? fb::DataType::QInt8 : fb::DataType::Invalid);
  if (quantization.type == fb::QuantParams::NONE) {
    return fb::CreateValue(builder, fb::ValueUnion::TensorValue, tensor.Union());
  }
  const auto quantized =
      fb::CreateQuantizedTensorValue(builder, tensor, quantization.type, quantization.table);
  return fb::CreateValue(builder, fb::ValueUnion::QuantizedTensorValue, quantized.Union());
}

}  // namespace switchyard::payload_writer
