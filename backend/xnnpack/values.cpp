// Values of the graph as values of a subgraph, in all forms of quantization.
#include <algorithm>
#include <optional>
#include <variant>

#include "backend/xnnpack/float_conversion.h"
#include "backend/xnnpack/lowering.h"

namespace switchyard {
namespace {

std::unexpected<Error> Refuse(const Value& value, std::string_view found,
                              std::string_view expected) {
  return Fail(ErrorCode::kNotSupported, "{}: {}, expected {}; export it in that form",
              Describe(value), found, expected);
}

Status CheckChannels(const Value& value, const PerChannelQuantization& quantization) {
  const size_t dim = quantization.channel_dim;
  if (dim < value.dims.rank() && quantization.scales.size() == value.dims[dim]) return {};
  return Fail(ErrorCode::kInvalidProgram,
              "{}: {} scales for dimension {}, expected one for each of its elements; export again",
              Describe(value), quantization.scales.size(), dim);
}

Status CheckGroups(const Value& value, const PerGroupQuantization& quantization) {
  const size_t group = quantization.group_size;
  if (value.dims.rank() == 2 && quantization.channel_dim == 0 && group > 0 && group % 32 == 0 &&
      value.dims[1] % group == 0 &&
      quantization.scales.size() == value.dims[0] * (value.dims[1] / group)) {
    return {};
  }
  return Fail(ErrorCode::kNotSupported,
              "{}: groups of {} and {} scales, expected two dimensions, groups along the second "
              "that are a multiple of 32 and divide it, one scale for each; export with "
              "group_size=32",
              Describe(value), group, quantization.scales.size());
}

// A float constant as f32, or one of int4 with a scale per channel as int8, with XNNPACK's
// over-read slack.
Result<AlignedBuffer> Widened(const Value& value, const void* data, DataType type,
                              Allocator& allocator) {
  const std::optional<size_t> count = value.dims.NumElements();
  if (count && IsFloat(value.type) && type == DataType::kF32) {
    return WidenedCopy(value.type, data, *count, allocator, Describe(value));
  }
  if (!count || value.dims.rank() == 0 || value.type != DataType::kQCInt4 ||
      type != DataType::kQCInt8) {
    return Refuse(value, "a type that cannot be widened", Name(type));
  }
  SWITCHYARD_ASSIGN(AlignedBuffer copy,
                    AlignedBuffer::Allocate(allocator, *count + OverReadBytes(), Describe(value)));
  const auto* nibbles = static_cast<const uint8_t*>(data);
  auto* to = reinterpret_cast<int8_t*>(copy.data());
  const size_t columns = value.dims.back(), row_bytes = (columns + 1) / 2;
  for (size_t i = 0; i < *count; ++i) {
    const size_t row = i / columns, column = i % columns;
    const int nibble = nibbles[row * row_bytes + column / 2] >> (column % 2 * 4) & 15;
    to[i] = static_cast<int8_t>(nibble - WeightZeroPoint(value.type));
  }
  std::ranges::fill(std::span(copy.data() + *count, OverReadBytes()), std::byte{0});
  return copy;
}

}  // namespace

Result<uint32_t> Lowering::Define(const Value& value, DataType type, const Dims& dims,
                                  const void* data, uint32_t external_id, uint32_t flags) {
  uint32_t id = XNN_INVALID_VALUE_ID;
  xnn_status status = xnn_status_unsupported_parameter;
  switch (type) {
    case DataType::kF32:
    case DataType::kF16:
    case DataType::kBF16:
    case DataType::kInt32:
      status = xnn_define_tensor_value(subgraph_, ToXnn(type), dims.rank(), dims.data(), data,
                                       external_id, flags, &id);
      break;
    case DataType::kQInt8:
    case DataType::kQUInt8:
    case DataType::kQInt32: {
      const auto* tensor = std::get_if<PerTensorQuantization>(&value.quantization);
      if (tensor == nullptr) return Refuse(value, "no scale", "one scale for the tensor");
      status = xnn_define_quantized_tensor_value(subgraph_, ToXnn(type), tensor->zero_point,
                                                 tensor->scale, dims.rank(), dims.data(), data,
                                                 external_id, flags, &id);
      break;
    }
    case DataType::kQCInt8:
    case DataType::kQCInt32:
    case DataType::kQCInt4: {
      const auto* channels = std::get_if<PerChannelQuantization>(&value.quantization);
      if (channels == nullptr || data == nullptr) {
        return Refuse(value, "not a constant with a scale per channel", "one");
      }
      SWITCHYARD_TRY(CheckChannels(value, *channels));
      status = xnn_define_channelwise_quantized_tensor_value_v2(
          subgraph_, ToXnn(type), WeightZeroPoint(type), channels->scales.data(), dims.rank(),
          channels->channel_dim, dims.data(), data, external_id, flags, &id);
      break;
    }
    case DataType::kQBInt4: {
      const auto* groups = std::get_if<PerGroupQuantization>(&value.quantization);
      if (groups == nullptr || data == nullptr) {
        return Refuse(value, "not a constant with a scale per group", "one");
      }
      SWITCHYARD_TRY(CheckGroups(value, *groups));
      status = xnn_define_blockwise_quantized_tensor_value(
          subgraph_, ToXnn(type), WeightZeroPoint(type), groups->scales.data(), dims.rank(),
          groups->channel_dim, groups->group_size, dims.data(), data, external_id, flags, &id);
      break;
    }
    case DataType::kQDInt8: {
      const auto* token = std::get_if<PerTokenQuantization>(&value.quantization);
      if (token == nullptr || data != nullptr || flags != 0 ||
          token->num_nonbatch_dims > dims.rank()) {
        return Refuse(value, "not a computed value with parameters per slice",
                      "one that is neither constant nor external");
      }
      status = xnn_define_dynamically_quantized_tensor_value(subgraph_, ToXnn(type), dims.rank(),
                                                             token->num_nonbatch_dims, dims.data(),
                                                             external_id, flags, &id);
      break;
    }
    case DataType::kInvalid:
    case DataType::kQPInt8:
    case DataType::kPF32:
      return Refuse(value, "a type without a plain layout", "a plain one");
  }
  if (status != xnn_status_success) {
    return Fail(ToErrorCode(status),
                "{}: XNNPACK refuses it ({}), expected a type, dimensions and quantization that it "
                "takes; export the value in another form",
                Describe(value), Name(status));
  }
  ++num_values_;
  return id;
}

Result<uint32_t> Lowering::DefineConstant(ValueIndex index, DataType type) {
  const Value& value = graph_.values[index];
  uint32_t& id = ids_[index].id[type == value.type ? kNative : kF32];
  if (id != XNN_INVALID_VALUE_ID) return id;
  const void* data = constants_.bytes[index];
  if (data == nullptr) {
    return Fail(ErrorCode::kInternal, "{}: its bytes are missing; pass all constants",
                Describe(value));
  }
  if (type != value.type) {
    Allocator& allocator =
        environment_.allocator != nullptr ? *environment_.allocator : DefaultAllocator();
    SWITCHYARD_ASSIGN(AlignedBuffer copy, Widened(value, data, type, allocator));
    data = copy.data();
    (constants_.is_consumed[index] ? temporary_constants_ : kept_constants_)
        .push_back(std::move(copy));
  }
  SWITCHYARD_ASSIGN(id, Define(value, type, value.dims, data, XNN_INVALID_VALUE_ID, /*flags=*/0));
  return id;
}

}  // namespace switchyard
