// Graphs by hand, for tests.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "schema/graph.h"

namespace switchyard::test {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Adds values and nodes to a graph, which keeps the constants' bytes. External ids are given in the
// order of the calls, so declare inputs first, and not among the arguments of one call with
// outputs, whose order is the compiler's. Example:
//
//   GraphBuilder b;
//   const ValueIndex x = b.Input(DataType::kF32, {2, 3});
//   const ValueIndex y = b.Output(DataType::kF32, {2, 3});
//   b.Add(NodeKind::kAbs, {x}, {y});
//   const Graph graph = b.Build();
class GraphBuilder {
 public:
  ValueIndex Internal(DataType type, const Dims& dims, Quantization quantization = {}) {
    const auto index = static_cast<ValueIndex>(graph_.values.size());
    Value value;
    value.id = index;
    value.type = type;
    value.dims = dims;
    value.quantization = quantization;
    graph_.values.push_back(std::move(value));
    return index;
  }
  ValueIndex Input(DataType type, const Dims& dims, Quantization quantization = {}) {
    const ValueIndex index = Internal(type, dims, quantization);
    graph_.values[index].is_external_input = true;
    graph_.values[index].external_id = graph_.num_externals++;
    return index;
  }
  ValueIndex Output(DataType type, const Dims& dims, Quantization quantization = {}) {
    const ValueIndex index = Internal(type, dims, quantization);
    graph_.values[index].is_external_output = true;
    graph_.values[index].external_id = graph_.num_externals++;
    return index;
  }
  // Copies `elements`, whose bytes are the constant's. With a key it is written as named data.
  template <typename T>
  ValueIndex Constant(DataType type, const Dims& dims, const std::vector<T>& elements,
                      Quantization quantization = {}, std::string key = {}) {
    const ValueIndex index = Internal(type, dims, quantization);
    graph_.values[index].constant =
        switchyard::Constant{Keep(std::as_bytes(std::span(elements))), std::move(key)};
    return index;
  }
  // Copies what the quantization views; for per-channel and per-group scales.
  PerChannelQuantization PerChannel(uint32_t channel_dim, const std::vector<float>& scales) {
    const std::span<const std::byte> bytes = Keep(std::as_bytes(std::span(scales)));
    return {channel_dim, {reinterpret_cast<const float*>(bytes.data()), scales.size()}};
  }
  PerGroupQuantization PerGroup(uint32_t channel_dim, uint32_t group_size,
                                const std::vector<uint16_t>& scales) {
    const std::span<const std::byte> bytes = Keep(std::as_bytes(std::span(scales)));
    return {
        channel_dim, group_size, {reinterpret_cast<const uint16_t*>(bytes.data()), scales.size()}};
  }
  // The returned node may be changed (flags, bounds) until the next call.
  Node& Add(NodeKind kind, std::vector<ValueIndex> inputs, std::vector<ValueIndex> outputs,
            Attributes attributes = {}) {
    Node node;
    node.id = static_cast<uint32_t>(graph_.nodes.size());
    node.kind = kind;
    node.inputs = std::move(inputs);
    node.outputs = std::move(outputs);
    node.attributes = std::move(attributes);
    return graph_.nodes.emplace_back(std::move(node));
  }
  // For what the functions above do not offer.
  Graph& graph() { return graph_; }
  Graph Build() { return std::move(graph_); }

 private:
  std::span<const std::byte> Keep(std::span<const std::byte> bytes) {
    return graph_.owned_bytes.emplace_back(bytes.begin(), bytes.end());
  }

  Graph graph_;
};

// The bounds of the inputs, by external id.
inline std::vector<Dims> InputBounds(const Graph& graph) {
  std::vector<Dims> bounds(graph.num_externals);
  for (const Value& value : graph.values) {
    if (value.is_external_input) bounds[*value.external_id] = value.dims;
  }
  return bounds;
}

}  // namespace switchyard::test
