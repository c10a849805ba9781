#include "schema/graph_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "schema/broken.h"
#include "schema/check_nodes.h"
#include "schema/graph_index.h"
#include "schema/payload.h"

namespace switchyard {
namespace {

// Smaller groups have no kernel anywhere (XNNPACK's XNN_MIN_BLOCKSIZE).
constexpr uint32_t kMinGroupSize = 32;

// --- Quantization -------------------------------------------------------------------------------

// Also the names in messages; the order is that of Quantization's alternatives.
constexpr std::string_view kQuantizationNames[] = {"no", "per-tensor", "per-channel", "blockwise",
                                                   "dynamic"};
static_assert(std::size(kQuantizationNames) == std::variant_size_v<Quantization>);

// Index of the alternative of Quantization that values of a type have.
size_t QuantizationOf(DataType type) {
  switch (type) {
    case DataType::kQInt8:
    case DataType::kQUInt8:
    case DataType::kQInt32:
      return 1;
    case DataType::kQCInt8:
    case DataType::kQCInt32:
    case DataType::kQCInt4:
      return 2;
    case DataType::kQBInt4:
      return 3;
    case DataType::kQDInt8:
      return 4;
    default:
      return 0;
  }
}

bool IsUsableScale(float scale) { return std::isnormal(scale) && scale > 0; }
// Positive, neither zero nor subnormal nor infinite nor NaN.
bool IsUsableScale(uint16_t bf16) { return bf16 >= 0x0080 && bf16 < 0x7F80; }

float AsFloat(float scale) { return scale; }
float AsFloat(uint16_t bf16) { return std::bit_cast<float>(uint32_t{bf16} << 16); }

struct ZeroPointRange {
  int32_t min, max;
};

ZeroPointRange ZeroPoints(DataType type) {
  if (type == DataType::kQInt8) return {-128, 127};
  if (type == DataType::kQUInt8) return {0, 255};
  return {0, 0};
}

Status CheckQuantization(const Value& value, const PerTensorQuantization& quantization) {
  const ZeroPointRange range = ZeroPoints(value.type);
  if (quantization.zero_point < range.min || quantization.zero_point > range.max) {
    return Broken("{}: zero point {}, expected {} to {}", Describe(value), quantization.zero_point,
                  range.min, range.max);
  }
  if (!IsUsableScale(quantization.scale)) {
    return Broken("{}: scale {}, expected a positive, finite, normal number", Describe(value),
                  quantization.scale);
  }
  return {};
}

// Scales of the other two forms are looked at by CheckScales, all together.
Status CheckQuantization(const Value& value, const PerChannelQuantization& quantization) {
  if (quantization.channel_dim >= value.dims.rank()) {
    return Broken("{}: quantized along dimension {}, expected one of its {}", Describe(value),
                  static_cast<int32_t>(quantization.channel_dim), value.dims.rank());
  }
  if (quantization.scales.size() != value.dims[quantization.channel_dim]) {
    return Broken("{}: {} scales, expected one for each of the {} channels of dimension {}",
                  Describe(value), quantization.scales.size(), value.dims[quantization.channel_dim],
                  quantization.channel_dim);
  }
  return {};
}

Status CheckQuantization(const Value& value, const PerGroupQuantization& quantization) {
  if (value.dims.rank() != 2 || quantization.channel_dim != 0) {
    return Broken(
        "{}: {} dimensions, quantized blockwise along dimension {}, expected 2 and dimension 0",
        Describe(value), value.dims.rank(), static_cast<int32_t>(quantization.channel_dim));
  }
  const size_t input_channels = value.dims[1];
  if (quantization.group_size < kMinGroupSize || input_channels % quantization.group_size != 0) {
    return Broken("{}: group size {}, expected at least {} and a divisor of the {} input channels",
                  Describe(value), static_cast<int32_t>(quantization.group_size), kMinGroupSize,
                  input_channels);
  }
  // Fits: it is less than the number of elements, which does.
  const size_t count = value.dims[0] * (input_channels / quantization.group_size);
  if (quantization.scales.size() != count) {
    return Broken("{}: {} scales, expected {} for groups of {}", Describe(value),
                  quantization.scales.size(), count, quantization.group_size);
  }
  return {};
}

Status CheckQuantization(const Value& value, const PerTokenQuantization& quantization) {
  if (quantization.num_nonbatch_dims == 0 || quantization.num_nonbatch_dims > value.dims.rank()) {
    return Broken("{}: quantized dynamically over the last {} dimensions, expected 1 to {}",
                  Describe(value), static_cast<int32_t>(quantization.num_nonbatch_dims),
                  value.dims.rank());
  }
  if (value.constant) {
    return Broken("{}: quantized dynamically, but a constant; expected a computed value",
                  Describe(value));
  }
  return {};
}

Status CheckQuantization(const Value&, std::monostate) { return {}; }

// One value's scales, in a list that is sorted by address.
template <typename T>
struct ScaleList {
  std::span<const T> scales;
  ValueIndex value;
};

// Values may share scales, or parts of them; each scale is looked at once however many do, so that
// the time is linear in the bytes of the file.
template <typename T>
Status CheckScales(const Graph& graph, std::vector<ScaleList<T>>& lists) {
  std::ranges::sort(lists, std::ranges::less(),
                    [](const ScaleList<T>& list) { return list.scales.data(); });
  const T* checked_until = nullptr;
  for (const ScaleList<T>& list : lists) {
    const T* const begin = list.scales.data();
    const T* const end = begin + list.scales.size();
    const T* scale = std::max(begin, checked_until, std::less<>());
    for (; std::less<>()(scale, end); ++scale) {
      if (IsUsableScale(*scale)) continue;
      return Broken("{}: scale {} is {}, expected a positive, finite, normal number",
                    Describe(graph.values[list.value]), scale - begin, AsFloat(*scale));
    }
    checked_until = scale;
  }
  return {};
}

Status CheckAllScales(const Graph& graph) {
  std::vector<ScaleList<float>> channel_scales;
  std::vector<ScaleList<uint16_t>> group_scales;
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    const Quantization& quantization = graph.values[i].quantization;
    if (const auto* per_channel = std::get_if<PerChannelQuantization>(&quantization)) {
      channel_scales.push_back({per_channel->scales, i});
    } else if (const auto* per_group = std::get_if<PerGroupQuantization>(&quantization)) {
      group_scales.push_back({per_group->scales, i});
    }
  }
  SWITCHYARD_TRY(CheckScales(graph, channel_scales));
  return CheckScales(graph, group_scales);
}

// --- Values -------------------------------------------------------------------------------------

Status CheckConstant(const Value& value, size_t needed) {
  if (value.is_external_input || value.is_external_output) {
    return Broken("{}: both a constant and external, expected one of them", Describe(value));
  }
  if (needed == 0) {
    return Broken("{}: a constant without elements, expected some", Describe(value));
  }
  if (value.constant->bytes.size() != needed) {
    return Broken("{}: {} bytes of data, expected {} for its type and dimensions", Describe(value),
                  value.constant->bytes.size(), needed);
  }
  return {};
}

Status CheckExternal(const Graph& graph, const Value& value, std::vector<bool>& seen) {
  const bool is_external = value.is_external_input || value.is_external_output;
  if (value.is_external_input && value.is_external_output) {
    return Broken("{}: both an external input and an external output, expected one of them",
                  Describe(value));
  }
  if (is_external != value.external_id.has_value()) {
    return Broken("{}: {}external, {} external id, expected both or none", Describe(value),
                  is_external ? "" : "not ", is_external ? "without an" : "but with an");
  }
  if (!is_external) return {};
  if (*value.external_id >= graph.num_externals) {
    return Broken("{}: external id {}, expected less than the number of arguments, {}",
                  Describe(value), *value.external_id, graph.num_externals);
  }
  if (seen[*value.external_id]) {
    return Broken("{}: external id {}, which another value has too; expected each once",
                  Describe(value), *value.external_id);
  }
  seen[*value.external_id] = true;
  if (!ExternalElementType(value.type)) {
    return Broken("{}: external, expected a type that a host's tensor can have", Describe(value));
  }
  return {};
}

Status CheckValue(const Graph& graph, const Value& value, std::vector<bool>& externals) {
  if (ElementBits(value.type) == 0) {
    return Broken("{}: this type has no layout in memory, expected a plain or quantized type",
                  Describe(value));
  }
  const std::optional<size_t> bytes = TensorBytes(value.type, value.dims);
  // A limit on the elements too, so that no product of some dimensions overflows.
  if (!bytes || !value.dims.NumElements()) {
    return Broken("{}: more bytes than a memory address can count, expected smaller dimensions",
                  Describe(value));
  }
  const size_t expected = QuantizationOf(value.type);
  if (value.quantization.index() != expected) {
    return Broken("{}: {} quantization parameters, expected {} ones", Describe(value),
                  kQuantizationNames[value.quantization.index()], kQuantizationNames[expected]);
  }
  SWITCHYARD_TRY(CheckExternal(graph, value, externals));
  if (value.constant) SWITCHYARD_TRY(CheckConstant(value, *bytes));
  return std::visit(
      [&value](const auto& quantization) { return CheckQuantization(value, quantization); },
      value.quantization);
}

// --- Producers and order ------------------------------------------------------------------------

// By value, the node that writes it.
Result<std::vector<NodeIndex>> UniqueProducers(const Graph& graph) {
  std::vector<NodeIndex> producers(graph.values.size(), kNoNode);
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (const ValueIndex output : node.outputs) {
      const Value& value = graph.values[output];
      if (value.constant || value.is_external_input) {
        return Broken("{}: writes {}, which is {}, expected an internal value or an output",
                      Describe(graph, i), Describe(value),
                      value.constant ? "a constant" : "an external input");
      }
      if (producers[output] != kNoNode) {
        return Broken("{}: writes {}, which {} writes too; expected one producer",
                      Describe(graph, i), Describe(value), Describe(graph, producers[output]));
      }
      if (value.type == DataType::kQDInt8 && node.kind != NodeKind::kConvert) {
        return Broken("{}: writes {}, expected only a Convert to quantize dynamically",
                      Describe(graph, i), Describe(value));
      }
      producers[output] = i;
    }
  }
  return producers;
}

Status CheckOrder(const Graph& graph, const std::vector<NodeIndex>& producers) {
  const auto is_given = [&graph](ValueIndex i) {
    return graph.values[i].constant || graph.values[i].is_external_input;
  };
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueIndex input : graph.nodes[i].inputs) {
      if (is_given(input)) continue;
      if (producers[input] == kNoNode) {
        return Broken("{}: reads {}, which no node writes; expected a producer", Describe(graph, i),
                      Describe(graph.values[input]));
      }
      if (producers[input] >= i) {
        return Broken("{}: reads {}, which {} writes; expected the producer first",
                      Describe(graph, i), Describe(graph.values[input]),
                      Describe(graph, producers[input]));
      }
    }
  }
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].is_external_output && producers[i] == kNoNode) {
      return Broken("{}: an external output that no node writes, expected a producer",
                    Describe(graph.values[i]));
    }
  }
  return {};
}

}  // namespace

Status CheckGraph(const Graph& graph) {
  if (graph.num_externals > kMaxExternals) {
    return Broken("graph: {} arguments, expected at most {}", graph.num_externals, kMaxExternals);
  }
  // Both are counted with 32 bits, the last number meaning none.
  if (graph.values.size() >= kNoValue || graph.nodes.size() >= kNoNode) {
    return Broken("graph: {} values and {} nodes, expected less than {} of each",
                  graph.values.size(), graph.nodes.size(), kNoValue);
  }
  std::vector<bool> externals(graph.num_externals);
  for (const Value& value : graph.values) SWITCHYARD_TRY(CheckValue(graph, value, externals));
  SWITCHYARD_TRY(CheckAllScales(graph));
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) SWITCHYARD_TRY(CheckNodeForm(graph, i));
  SWITCHYARD_ASSIGN(const std::vector<NodeIndex> producers, UniqueProducers(graph));
  SWITCHYARD_TRY(CheckOrder(graph, producers));
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) SWITCHYARD_TRY(CheckNodeAttributes(graph, i));
  return {};
}

}  // namespace switchyard
