#include "backend/packed/rhs_source.h"

#include <cstring>
#include <span>

#include "backend/plan/quantize.h"
#include "runtime/base/data_type.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

// f32 or f16 elements as T.
template <typename T>
std::vector<T> ConvertFloats(DataType type, const std::byte* data, size_t count) {
  std::vector<T> converted(count);
  for (size_t i = 0; i < count; ++i) {
    if (type == DataType::kF16) {
      _Float16 element;
      std::memcpy(&element, data + i * sizeof(element), sizeof(element));
      converted[i] = static_cast<T>(element);
    } else {
      float element;
      std::memcpy(&element, data + i * sizeof(element), sizeof(element));
      converted[i] = static_cast<T>(element);
    }
  }
  return converted;
}

}  // namespace

NodeWeights::NodeWeights(const Graph& graph, const Node& node, const GemmProblem& problem,
                         ConstantBytes constant_data)
    : problem_(problem) {
  const Value& weights = graph.values[node.inputs[1]];
  weights_key_ = weights.constant->key;
  weights_ = constant_data[node.inputs[1]];
  weights_group_bytes_ = weights.constant->bytes.size() / problem.groups;

  const size_t channels = problem.n * problem.groups;
  if (node.inputs.size() > 2) {
    const Value& bias = graph.values[node.inputs[2]];
    const std::byte* data = constant_data[node.inputs[2]];
    switch (problem.variant) {
      case Variant::kPf16:
        bias_f16_ = ConvertFloats<_Float16>(bias.type, data, channels);
        break;
      case Variant::kPqs8Qc8w:
        bias_int32_ = reinterpret_cast<const int32_t*>(data);
        break;
      default:
        bias_f32_ = ConvertFloats<float>(bias.type, data, channels);
    }
  }
  if (problem.variant == Variant::kPqs8Qc8w) {
    const auto& input = std::get<PerTensorQuantization>(graph.values[node.inputs[0]].quantization);
    const auto& output =
        std::get<PerTensorQuantization>(graph.values[node.outputs[0]].quantization);
    lhs_zero_point_ = input.zero_point;
    const std::span<const float> weight_scales = WeightScales(weights.quantization);
    factors_.resize(channels);
    // In XNNPACK's order, so that both round alike.
    for (size_t i = 0; i < channels; ++i) {
      factors_[i] = input.scale * weight_scales[weight_scales.size() > 1 ? i : 0] / output.scale;
    }
    scales_ = factors_.data();
  } else if (const auto* per_channel = std::get_if<PerChannelQuantization>(&weights.quantization)) {
    scales_ = per_channel->scales.data();
  } else if (const auto* per_group = std::get_if<PerGroupQuantization>(&weights.quantization)) {
    block_scales_ = per_group->scales.data();
  }
}

RhsSource NodeWeights::Group(size_t group) const {
  const size_t channel = group * problem_.n;
  RhsSource source;
  source.weights = weights_ + group * weights_group_bytes_;
  if (!bias_f32_.empty()) source.bias = bias_f32_.data() + channel;
  if (!bias_f16_.empty()) source.bias = bias_f16_.data() + channel;
  if (bias_int32_ != nullptr) source.bias = bias_int32_ + channel;
  if (scales_ != nullptr) source.scales = scales_ + channel;
  source.block_scales = block_scales_;
  source.lhs_zero_point = lhs_zero_point_;
  return source;
}

std::string NodeWeights::Key(const KernelRow& kernel, size_t group) const {
  return weights_key_.empty() ? std::string() : WeightsKey(weights_key_, kernel, problem_, group);
}

std::string WeightsKey(std::string_view content, const KernelRow& kernel,
                       const GemmProblem& problem, size_t part) {
  return Format("{} {} {} {}x{}x{} {} {} {}", content, kernel.name, Name(problem.rhs_type),
                problem.n, problem.taps, problem.k, problem.rhs_is_kxn, problem.block_length, part);
}

OutputStage NodeOutputStage(const Graph& graph, const Node& node) {
  OutputStage stage;
  stage.min = node.output_min;
  stage.max = node.output_max;
  const Value& output = graph.values[node.outputs[0]];
  if (const auto* quantization = std::get_if<PerTensorQuantization>(&output.quantization)) {
    stage.quantized_min = Quantize(node.output_min, *quantization, output.type);
    stage.quantized_max = Quantize(node.output_max, *quantization, output.type);
    stage.quantized_zero_point = quantization->zero_point;
  }
  return stage;
}

}  // namespace switchyard
