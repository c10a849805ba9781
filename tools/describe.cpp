#include "tools/describe.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <variant>

#include "runtime/base/format.h"
#include "tools/scalar_types.h"

namespace switchyard::tools {
namespace {

using nlohmann::ordered_json;

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

ordered_json DescribeQuantization(const Quantization& quantization) {
  return std::visit(
      Overloaded{
          [](std::monostate) { return ordered_json(); },
          [](const PerTensorQuantization& q) {
            return ordered_json{
                {"kind", "per tensor"}, {"scale", q.scale}, {"zero_point", q.zero_point}};
          },
          [](const PerChannelQuantization& q) {
            ordered_json json = {
                {"kind", "per channel"}, {"dim", q.channel_dim}, {"scales", q.scales.size()}};
            if (!q.scales.empty()) {
              auto [min, max] = std::ranges::minmax(q.scales);
              json["min_scale"] = min;
              json["max_scale"] = max;
            }
            return json;
          },
          [](const PerGroupQuantization& q) {
            return ordered_json{{"kind", "per group"},
                                {"dim", q.channel_dim},
                                {"group_size", q.group_size},
                                {"scales", q.scales.size()}};
          },
          [](const PerTokenQuantization& q) {
            return ordered_json{{"kind", "per token"}, {"nonbatch_dims", q.num_nonbatch_dims}};
          },
      },
      quantization);
}

ordered_json DescribeAttributes(const Attributes& attributes) {
  return std::visit(
      Overloaded{
          [](std::monostate) { return ordered_json(); },
          [](const ConvolutionAttributes& a) {
            ordered_json json = {
                {"kernel", {a.kernel_height, a.kernel_width}},
                {"stride", {a.stride_height, a.stride_width}},
                {"padding", {a.padding_top, a.padding_right, a.padding_bottom, a.padding_left}},
                {"dilation", {a.dilation_height, a.dilation_width}},
                {"groups", a.groups},
                {"group_channels", {a.group_input_channels, a.group_output_channels}}};
            if (a.adjustment_height != 0 || a.adjustment_width != 0) {
              json["adjustment"] = {a.adjustment_height, a.adjustment_width};
            }
            return json;
          },
          [](const PoolingAttributes& a) {
            return ordered_json{
                {"window", {a.pooling_height, a.pooling_width}},
                {"stride", {a.stride_height, a.stride_width}},
                {"padding", {a.padding_top, a.padding_right, a.padding_bottom, a.padding_left}},
                {"dilation", {a.dilation_height, a.dilation_width}}};
          },
          [](const TransposeAttributes& a) { return ordered_json{{"permutation", a.permutation}}; },
          [](const ReshapeAttributes& a) { return ordered_json{{"shape", a.new_shape}}; },
          [](const SliceAttributes& a) {
            return ordered_json{{"offsets", a.offsets}, {"sizes", a.sizes}};
          },
          [](const PadAttributes& a) {
            return ordered_json{
                {"before", a.pre_paddings}, {"after", a.post_paddings}, {"value", a.value}};
          },
          [](const ResizeAttributes& a) {
            return ordered_json{{"size", {a.new_height, a.new_width}}};
          },
          [](const ConcatenateAttributes& a) { return ordered_json{{"axis", a.axis}}; },
          [](const EluAttributes& a) { return ordered_json{{"alpha", a.alpha}}; },
          [](const LeakyReluAttributes& a) {
            return ordered_json{{"negative_slope", a.negative_slope}};
          },
      },
      attributes);
}

// JSON has no infinities: an open end of a range is null.
ordered_json RangeEnd(float value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json();
}

std::string Role(const Value& value) {
  if (value.constant) return "constant";
  if (value.is_external_input) return Format("input {}", value.external_id.value_or(0));
  if (value.is_external_output) return Format("output {}", value.external_id.value_or(0));
  return "internal";
}

ordered_json DescribeValue(const Value& value) {
  ordered_json json = {
      {"id", value.id},
      {"type", Name(value.type)},
      {"shape", ordered_json(std::vector<size_t>(value.dims.begin(), value.dims.end()))},
      {"role", Role(value)}};
  if (ordered_json q = DescribeQuantization(value.quantization); !q.is_null()) {
    json["quantization"] = std::move(q);
  }
  if (value.constant) {
    json["constant"]["bytes"] = value.constant->bytes.size();
    if (!value.constant->key.empty()) json["constant"]["key"] = value.constant->key;
  }
  return json;
}

ordered_json Ids(const Graph& graph, const std::vector<ValueIndex>& indices) {
  ordered_json ids = ordered_json::array();
  for (ValueIndex index : indices) ids.push_back(graph.values[index].id);
  return ids;
}

ordered_json DescribeNode(const Graph& graph, const Node& node) {
  ordered_json json = {{"kind", Info(node.kind).name},
                       {"inputs", Ids(graph, node.inputs)},
                       {"outputs", Ids(graph, node.outputs)}};
  if (ordered_json attributes = DescribeAttributes(node.attributes); !attributes.is_null()) {
    json["attributes"] = std::move(attributes);
  }
  if (node.flags != 0) json["flags"] = node.flags;
  if (std::isfinite(node.output_min) || std::isfinite(node.output_max)) {
    json["range"] = {RangeEnd(node.output_min), RangeEnd(node.output_max)};
  }
  if (node.debug_handle != kNoDebugHandle) json["debug_handle"] = node.debug_handle;
  return json;
}

ordered_json DescribeArguments(const ProgramMethod& method, const std::vector<int32_t>& values) {
  ordered_json list = ordered_json::array();
  for (int32_t value : values) {
    ordered_json json = {{"value", value}};
    auto found = method.tensors.find(value);
    if (found == method.tensors.end()) {
      json["type"] = "not a tensor";
    } else {
      json["type"] = ScalarTypeName(found->second.scalar_type);
      json["shape"] = found->second.sizes;
      json["dim_order"] = ordered_json(
          std::vector<int>(found->second.dim_order.begin(), found->second.dim_order.end()));
    }
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace

ordered_json DescribePayload(const PayloadLayout& layout, const Graph& graph) {
  ordered_json values = ordered_json::array();
  size_t inputs = 0, outputs = 0, constants = 0, constant_bytes = 0;
  for (const Value& value : graph.values) {
    values.push_back(DescribeValue(value));
    inputs += value.is_external_input;
    outputs += value.is_external_output;
    if (!value.constant) continue;
    ++constants;
    constant_bytes += value.constant->bytes.size();
  }
  ordered_json nodes = ordered_json::array();
  std::map<std::string, size_t> kinds;
  for (const Node& node : graph.nodes) {
    nodes.push_back(DescribeNode(graph, node));
    ++kinds[std::string(Info(node.kind).name)];
  }
  return {{"header", layout.has_header ? "XH00" : "none"},
          {"identifier", layout.identifier},
          {"flatbuffer_bytes", layout.flatbuffer.size()},
          {"constant_region_bytes", layout.constant_data.size()},
          {"values", std::move(values)},
          {"nodes", std::move(nodes)},
          {"totals",
           {{"values", graph.values.size()},
            {"nodes", graph.nodes.size()},
            {"arguments", graph.num_externals},
            {"inputs", inputs},
            {"outputs", outputs},
            {"constants", constants},
            {"constant_bytes", constant_bytes},
            {"kinds", kinds}}}};
}

ordered_json DescribeMethod(const ProgramMethod& method) {
  ordered_json delegates = ordered_json::array();
  for (const ProgramDelegate& delegate : method.delegates) {
    delegates.push_back({{"backend", delegate.id},
                         {"bytes", delegate.payload.size()},
                         {"stored", delegate.in_segment ? "segment" : "inline"},
                         {"arguments", delegate.num_arguments}});
  }
  ordered_json operators = ordered_json::object();
  for (const auto& [name, calls] : method.operator_calls) operators[name] = calls;
  return {{"name", method.name},
          {"inputs", DescribeArguments(method, method.inputs)},
          {"outputs", DescribeArguments(method, method.outputs)},
          {"values", method.num_values},
          {"operators", std::move(operators)},
          {"delegates", std::move(delegates)}};
}

}  // namespace switchyard::tools
