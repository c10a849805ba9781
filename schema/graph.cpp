#include "schema/graph.h"

#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"

namespace switchyard {

std::string Describe(const Graph& graph, NodeIndex node) {
  const uint32_t id = graph.nodes[node].id;
  const NodeKind kind = graph.nodes[node].kind;
  if (kind == NodeKind::kNone || static_cast<size_t>(kind) > kNumNodeKinds) {
    return Format("node {} (kind {})", id, static_cast<int>(kind));
  }
  const NodeKind whole = graph.nodes[node].part_of;
  if (whole == NodeKind::kNone) return Format("node {} {}", id, Info(kind).name);
  return Format("node {} {} of {}", id, Info(kind).name, Info(whole).name);
}

std::string Describe(const Value& value) {
  return Format("value {} ({} {})", value.id, Name(value.type), ToString(value.dims));
}

std::span<const float> WeightScales(const Quantization& weights) {
  if (const auto* tensor = std::get_if<PerTensorQuantization>(&weights)) {
    return {&tensor->scale, 1};
  }
  return std::get<PerChannelQuantization>(weights).scales;
}

std::optional<size_t> TensorBytes(DataType type, const Dims& dims) {
  const size_t bits = ElementBits(type);
  if (bits == 0) return std::nullopt;
  if (bits % 8 == 0) {
    const std::optional<size_t> elements = dims.NumElements();
    return elements ? CheckedMultiply<size_t>(*elements, bits / 8) : std::nullopt;
  }
  // Two elements to a byte; every row starts a byte of its own.
  Dims bytes = dims;
  if (bytes.rank() == 0) return 1;
  bytes[bytes.rank() - 1] = CeilDivide<size_t>(dims.back(), 2);
  return bytes.NumElements();
}

}  // namespace switchyard
