#include "partition_rules/constraints.h"

#include "runtime/base/format.h"

namespace switchyard {
namespace {

using Found = Constraint::Finding;

Finding OutputIs(const Subject& subject, DataType expected) {
  const DataType type = subject.output().type;
  if (type == expected) return std::nullopt;
  return Found{std::string(Name(type)), std::string(Name(expected))};
}

}  // namespace

Finding InputIsNotConstant(const Subject& subject) {
  const ValueIndex input = subject.node().inputs[0];
  const Value* value = &subject.graph.values[input];
  if (value->type == DataType::kQDInt8) {
    const auto source = QuantizationSource(subject.graph, subject.index, input);
    if (source) value = &subject.graph.values[*source];
  }
  if (!value->constant) return std::nullopt;
  return Found{Format("value {}, a constant", value->id), "an argument or a computed value"};
}

Finding WeightsAreConstant(const Subject& subject) {
  if (subject.weights().constant) return std::nullopt;
  return Found{Format("value {}, an argument or computed", subject.weights().id),
               "a constant of the payload"};
}

Finding BiasIsConstant(const Subject& subject) {
  const Value* bias = subject.bias();
  if (bias == nullptr || bias->constant) return std::nullopt;
  return Found{Format("value {}, an argument or computed", bias->id),
               "none, or a constant of the payload"};
}

Finding BiasIsFloat(const Subject& subject) {
  const Value* bias = subject.bias();
  if (bias == nullptr || bias->type == DataType::kF32 || bias->type == DataType::kF16) {
    return std::nullopt;
  }
  return Found{std::string(Name(bias->type)), "none, fp32 or fp16"};
}

Finding BiasIsInt32(const Subject& subject) {
  const Value* bias = subject.bias();
  if (bias == nullptr || bias->type == DataType::kQInt32 || bias->type == DataType::kQCInt32 ||
      bias->type == DataType::kInt32) {
    return std::nullopt;
  }
  return Found{std::string(Name(bias->type)), "none, int32, qint32 or qcint32"};
}

Finding OutputIsF32(const Subject& subject) { return OutputIs(subject, DataType::kF32); }
Finding OutputIsF16(const Subject& subject) { return OutputIs(subject, DataType::kF16); }
Finding OutputIsQInt8(const Subject& subject) { return OutputIs(subject, DataType::kQInt8); }

Finding WeightsAreSymmetric(const Subject& subject) {
  const auto* tensor = std::get_if<PerTensorQuantization>(&subject.weights().quantization);
  if (tensor == nullptr || tensor->zero_point == 0) return std::nullopt;
  return Found{std::to_string(tensor->zero_point), "0"};
}

Finding RequantizationScaleIsUsable(const Subject& subject) {
  const auto* input = std::get_if<PerTensorQuantization>(&subject.input().quantization);
  const auto* output = std::get_if<PerTensorQuantization>(&subject.output().quantization);
  if (input == nullptr || output == nullptr) return std::nullopt;
  const std::span<const float> weight_scales = WeightScales(subject.weights().quantization);
  for (size_t i = 0; i < weight_scales.size(); ++i) {
    const float scale = input->scale * weight_scales[i] / output->scale;
    if (!(scale >= 0x1p-32f && scale < 64.0f)) {
      return Found{Format("{} for channel {}", scale, i), "at least 2^-32 and below 64"};
    }
  }
  return std::nullopt;
}

}  // namespace switchyard
