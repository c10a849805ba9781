#include <algorithm>
#include <array>

#include "schema/broken.h"
#include "schema/payload_reader.h"

namespace switchyard {
namespace {

// By the wire's number, which is not XNNPACK's.
constexpr std::array kWireTypes = {
    DataType::kInvalid, DataType::kF32,    DataType::kF16,     DataType::kQInt8,  DataType::kQUInt8,
    DataType::kQInt32,  DataType::kQCInt8, DataType::kQCInt32, DataType::kQCInt4, DataType::kQDInt8,
    DataType::kQBInt4,  DataType::kQPInt8, DataType::kInt32,   DataType::kPF32,   DataType::kBF16,
};
static_assert(kWireTypes[static_cast<size_t>(payload_fb::DataType::BF16)] == DataType::kBF16);
static_assert(kWireTypes.size() == static_cast<size_t>(payload_fb::DataType::MAX) + 1);

constexpr uint32_t kFlagExternalInput = 1;
constexpr uint32_t kFlagExternalOutput = 2;

Result<DataType> ReadType(payload_fb::DataType wire, uint32_t id) {
  const auto number = static_cast<int32_t>(wire);
  if (number <= 0 || static_cast<size_t>(number) >= kWireTypes.size()) {
    return Broken("value {}: data type {}, expected one of 1 to {}", id, number,
                  kWireTypes.size() - 1);
  }
  return kWireTypes[static_cast<size_t>(number)];
}

Result<Dims> ReadDims(const payload_fb::TensorValue& tensor) {
  const auto* sizes = tensor.dims();
  const size_t rank = sizes == nullptr ? 0 : sizes->size();
  if (rank != tensor.num_dims()) {
    return Broken("value {}: {} dimensions in the list, expected the {} that it says it has",
                  tensor.id_out(), rank, tensor.num_dims());
  }
  if (rank > kMaxRank) {
    return Broken("value {}: {} dimensions, expected at most {}", tensor.id_out(), rank, kMaxRank);
  }
  Dims dims;
  for (uint32_t i = 0; i < rank; ++i) dims.push_back(sizes->Get(i));
  return dims;
}

Result<Quantization> ReadQuantization(const payload_fb::QuantizedTensorValue& value, uint32_t id,
                                      ConstantReader& constants) {
  if (value.quant_params() == nullptr) {
    return Broken("value {}: a quantized value without parameters, expected some", id);
  }
  switch (value.quant_params_type()) {
    case payload_fb::QuantParams::PerTensorQuant: {
      const auto& wire = *value.quant_params_as_PerTensorQuant();
      return PerTensorQuantization{.scale = wire.scale(), .zero_point = wire.zero_point()};
    }
    case payload_fb::QuantParams::PerChannelQuant: {
      const auto& wire = *value.quant_params_as_PerChannelQuant();
      SWITCHYARD_ASSIGN(const std::span<const float> scales, constants.ReadScales(wire, id));
      return PerChannelQuantization{.channel_dim = static_cast<uint32_t>(wire.channel_dim()),
                                    .scales = scales};
    }
    case payload_fb::QuantParams::PerChannelGroupQuant: {
      const auto& wire = *value.quant_params_as_PerChannelGroupQuant();
      SWITCHYARD_ASSIGN(const std::span<const uint16_t> scales, constants.ReadScales(wire, id));
      return PerGroupQuantization{.channel_dim = static_cast<uint32_t>(wire.channel_dim()),
                                  .group_size = static_cast<uint32_t>(wire.group_size()),
                                  .scales = scales};
    }
    case payload_fb::QuantParams::PerTokenDynamicQuant: {
      const auto& wire = *value.quant_params_as_PerTokenDynamicQuant();
      return PerTokenQuantization{.num_nonbatch_dims =
                                      static_cast<uint32_t>(wire.num_nonbatch_dims())};
    }
    case payload_fb::QuantParams::NONE:
      break;
  }
  return Broken("value {}: quantization form {}, expected one of 1 to {}", id,
                static_cast<int>(value.quant_params_type()),
                static_cast<int>(payload_fb::QuantParams::MAX));
}

Result<Value> ReadValue(const payload_fb::Value& wire, ConstantReader& constants) {
  const payload_fb::TensorValue& tensor = *TensorOf(wire);
  Value value;
  value.id = tensor.id_out();
  SWITCHYARD_ASSIGN(value.type, ReadType(tensor.datatype(), value.id));
  SWITCHYARD_ASSIGN(value.dims, ReadDims(tensor));
  if (const auto* quantized = wire.xvalue_union_as_QuantizedTensorValue()) {
    SWITCHYARD_ASSIGN(value.quantization, ReadQuantization(*quantized, value.id, constants));
  }
  if (tensor.flags() != 0 && tensor.flags() != kFlagExternalInput &&
      tensor.flags() != kFlagExternalOutput) {
    return Broken("value {}: flags {:#x}, expected 0 (internal), 1 (input) or 2 (output)", value.id,
                  tensor.flags());
  }
  value.is_external_input = tensor.flags() == kFlagExternalInput;
  value.is_external_output = tensor.flags() == kFlagExternalOutput;
  if (tensor.external_id() != kNoValue) value.external_id = tensor.external_id();
  if (tensor.constant_buffer_idx() != 0) {
    SWITCHYARD_ASSIGN(Constant constant, constants.Read(tensor.constant_buffer_idx(), value.id));
    // Writers may pad a constant; too few bytes are for CheckGraph to refuse.
    const std::optional<size_t> needed = TensorBytes(value.type, value.dims);
    if (needed && *needed < constant.bytes.size()) constant.bytes = constant.bytes.first(*needed);
    value.constant = std::move(constant);
  }
  return value;
}

// The external value that the oldest dynamic form implies: `value` is what the file has, and
// becomes the quantized value that the nodes refer to.
Result<Value> SplitDynamic(Value& value, payload_fb::DataType quantized_type, uint32_t external) {
  if (quantized_type != payload_fb::DataType::QInt8) {
    return Broken("value {}: dynamically quantized to data type {}, expected {} (qint8)", value.id,
                  static_cast<int>(quantized_type), static_cast<int>(payload_fb::DataType::QInt8));
  }
  if (value.type != DataType::kF32 || value.constant || !value.is_external_input) {
    return Broken("value {}: a dynamically quantized {}{}{}, expected an external fp32 input",
                  value.id, value.is_external_input ? "external " : "", Name(value.type),
                  value.constant ? " constant" : "");
  }
  Value input = value;
  input.id = external;
  value.type = DataType::kQDInt8;
  value.quantization = PerTokenQuantization{.num_nonbatch_dims = 1};
  value.external_id.reset();
  value.is_external_input = false;
  return input;
}

}  // namespace

const payload_fb::TensorValue* TensorOf(const payload_fb::Value& value) {
  if (const auto* quantized = value.xvalue_union_as_QuantizedTensorValue()) {
    return quantized->tensor_value();
  }
  return value.xvalue_union_as_TensorValue();
}

Status ValueIds::Read(const payload_fb::Graph& file) {
  const auto& values = *file.xvalues();
  sorted_.reserve(values.size());
  for (uint32_t i = 0; i < values.size(); ++i) {
    const payload_fb::TensorValue* tensor = TensorOf(*values.Get(i));
    if (tensor == nullptr) {
      return Broken(
          "value at place {}: no tensor in a value of form {}, expected one in form 1 or 2", i,
          static_cast<int>(values.Get(i)->xvalue_union_type()));
    }
    if (tensor->id_out() == kNoValue) {
      return Broken("value at place {}: id {:#x}, which means \"no value\", expected another", i,
                    kNoValue);
    }
    sorted_.emplace_back(tensor->id_out(), i);
  }
  std::ranges::sort(sorted_);
  const auto twice =
      std::ranges::adjacent_find(sorted_, {}, [](const auto& pair) { return pair.first; });
  if (twice != sorted_.end()) {
    return Broken(
        "value {}: the values at places {} and {} both have this id, expected each id once",
        twice->first, twice->second, std::next(twice)->second);
  }
  return {};
}

std::optional<ValueIndex> ValueIds::Find(uint32_t id) const {
  const auto found = std::ranges::lower_bound(sorted_, std::pair{id, ValueIndex{0}});
  if (found == sorted_.end() || found->first != id) return std::nullopt;
  return found->second;
}

Status ReadValues(const payload_fb::Graph& file, const ValueIds& ids, ConstantReader& constants,
                  Graph& graph) {
  std::vector<Value> external_inputs;  // they follow the file's own values
  uint32_t unused_id = 0;
  for (const payload_fb::Value* wire : *file.xvalues()) {
    SWITCHYARD_ASSIGN(Value value, ReadValue(*wire, constants));
    const payload_fb::DataType dynamic = TensorOf(*wire)->dq_datatype();
    if (dynamic != payload_fb::DataType::Invalid) {
      while (ids.Find(unused_id)) ++unused_id;
      SWITCHYARD_ASSIGN(Value input, SplitDynamic(value, dynamic, unused_id++));
      external_inputs.push_back(std::move(input));
      const auto first_input = static_cast<ValueIndex>(file.xvalues()->size());
      Node convert;
      convert.kind = NodeKind::kConvert;
      convert.inputs = {first_input + static_cast<ValueIndex>(external_inputs.size() - 1)};
      convert.outputs = {static_cast<ValueIndex>(graph.values.size())};
      graph.nodes.push_back(std::move(convert));
    }
    graph.values.push_back(std::move(value));
  }
  std::ranges::move(external_inputs, std::back_inserter(graph.values));
  return {};
}

}  // namespace switchyard
