#include "test/support/mutate.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <format>
#include <limits>
#include <string_view>
#include <utility>
#include <variant>

#include "test/support/graph_fields.h"

namespace switchyard::test {
namespace {

struct Mode {
  std::string_view name;
  WriterOptions options;
};
constexpr Mode kModes[] = {
    {"offset", {}},
    {"offset, XN00", {.legacy_identifier = true}},
    {"offset, inline scales", {.inline_scales = true}},
    {"offset, legacy dynamic quantization", {.legacy_dynamic_quantization = true}},
    {"named", {.constants = ConstantStorage::kNamed}},
    {"bare", {.header = false, .constants = ConstantStorage::kInline}},
    {"bare, inline scales",
     {.header = false, .constants = ConstantStorage::kInline, .inline_scales = true}},
};

constexpr uint32_t kMax = std::numeric_limits<uint32_t>::max();
constexpr uint32_t kEdges[] = {
    0,   1,   2,   3,   4,    5,    7,    8,     31,    32,       33,       64,           127,
    128, 255, 256, 257, 4095, 4096, 4097, 65535, 65536, 1u << 30, kMax / 2, kMax / 2 + 1, kMax - 1,
    kMax};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kFloatEdges[] = {0.0f,
                                 -0.0f,
                                 1.0f,
                                 -1.0f,
                                 1e-30f,
                                 1e30f,
                                 std::numeric_limits<float>::denorm_min(),
                                 std::numeric_limits<float>::min(),
                                 std::numeric_limits<float>::max(),
                                 -std::numeric_limits<float>::max(),
                                 kInfinity,
                                 -kInfinity,
                                 std::numeric_limits<float>::quiet_NaN()};

template <typename T>
void Insert(std::vector<T>& list, size_t at, T element) {
  list.insert(list.begin() + static_cast<ptrdiff_t>(at), std::move(element));
}
template <typename T>
void Erase(std::vector<T>& list, size_t at) {
  list.erase(list.begin() + static_cast<ptrdiff_t>(at));
}

// Bytes of header and flatbuffer.
size_t StructureBytes(const std::vector<std::byte>& bytes) {
  constexpr size_t kConstantOffset = 18;
  if (std::memcmp(bytes.data() + 4, "XH00", 4) != 0) return bytes.size();
  uint32_t constants;
  std::memcpy(&constants, bytes.data() + kConstantOffset, sizeof constants);
  return constants;
}

}  // namespace

Graph ShallowCopy(const Graph& graph) {
  Graph copy;
  copy.values = graph.values;
  copy.nodes = graph.nodes;
  copy.num_externals = graph.num_externals;
  return copy;
}

// SplitMix64.
uint64_t Mutator::Random(uint64_t bound) {
  uint64_t z = state_ += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return (z ^ z >> 31) % bound;
}

std::string Mutator::ChangeField(Graph& graph) {
  const std::vector<Field> fields = CollectFields(graph);
  const Field& field = fields[Random(fields.size())];
  const auto integer = [this](uint32_t was) {
    switch (Random(4)) {
      case 0:
        return was + 1;
      case 1:
        return was - 1;
      default:
        return kEdges[Random(std::size(kEdges))];
    }
  };
  const auto change = [&](auto* number) -> std::string {
    using T = std::remove_pointer_t<decltype(number)>;
    const T was = *number;
    if constexpr (std::is_same_v<T, float>) {
      *number = Random(4) == 0 ? was * 2 : kFloatEdges[Random(std::size(kFloatEdges))];
      return std::format("{} (was {})", *number, was);
    } else if constexpr (std::is_same_v<T, bool>) {
      *number = !was;
      return std::format("{}", *number);
    } else if constexpr (std::is_same_v<T, DataType>) {
      *number = static_cast<DataType>(Random(static_cast<uint64_t>(DataType::kPF32) + 1));
      return std::format("{} (was {})", Name(*number), Name(was));
    } else if constexpr (std::is_same_v<T, NodeKind>) {
      // One beyond the table, too.
      *number = static_cast<NodeKind>(Random(kNumNodeKinds + 2));
      return std::format("{} (was {})", static_cast<int>(*number), static_cast<int>(was));
    } else {
      *number = static_cast<T>(integer(static_cast<uint32_t>(was)));
      return std::format("{} (was {})", *number, was);
    }
  };
  const std::string what = std::visit(change, field.place);
  return std::format("{} = {}", field.Name(), what);
}

std::string Mutator::ChangeStructure(Graph& graph) {
  const size_t v = Random(graph.values.size());
  const size_t n = Random(graph.nodes.size());
  Value& value = graph.values[v];
  Node& node = graph.nodes[n];
  const auto any_value = [&] { return static_cast<ValueIndex>(Random(graph.values.size())); };
  switch (Random(20)) {
    case 0:
      if (value.dims.rank() == kMaxRank) break;
      value.dims.push_back(Random(5));
      return std::format("values[{}].dims: one more", v);
    case 1: {
      if (value.dims.rank() == 0) break;
      value.dims = Dims(value.dims.span().first(value.dims.rank() - 1));
      return std::format("values[{}].dims: one less", v);
    }
    case 2:
      value.constant.reset();
      return std::format("values[{}]: no constant", v);
    case 3:
      value.constant = graph.values[any_value()].constant;
      return std::format("values[{}]: the constant of another", v);
    case 4:
      if (!value.constant || value.constant->bytes.empty()) break;
      value.constant->bytes = value.constant->bytes.first(Random(value.constant->bytes.size()));
      return std::format("values[{}].constant: cut to {} bytes", v, value.constant->bytes.size());
    case 5:
      value.quantization = graph.values[any_value()].quantization;
      return std::format("values[{}]: the quantization of another", v);
    case 6:
      if (auto* q = std::get_if<PerChannelQuantization>(&value.quantization);
          q != nullptr && !q->scales.empty()) {
        q->scales = q->scales.first(Random(q->scales.size()));
        return std::format("values[{}].scales: {}", v, q->scales.size());
      }
      if (auto* q = std::get_if<PerGroupQuantization>(&value.quantization);
          q != nullptr && !q->scales.empty()) {
        q->scales = q->scales.first(Random(q->scales.size()));
        return std::format("values[{}].scales: {}", v, q->scales.size());
      }
      break;
    case 7:
      value.external_id = static_cast<uint32_t>(Random(graph.num_externals + 1));
      return std::format("values[{}].external_id = {}", v, *value.external_id);
    case 8:
      value.external_id.reset();
      return std::format("values[{}]: no external id", v);
    case 9: {
      std::array<Quantization, 3> kinds = {PerTensorQuantization{0.5f, 0}, PerTokenQuantization{1},
                                           std::monostate()};
      value.quantization = kinds[Random(kinds.size())];
      return std::format("values[{}]: quantization {}", v, value.quantization.index());
    }
    case 10:
      if (node.inputs.empty()) break;
      node.inputs[Random(node.inputs.size())] = any_value();
      return std::format("nodes[{}]: another input", n);
    case 11:
      if (node.outputs.empty()) break;
      node.outputs[Random(node.outputs.size())] = any_value();
      return std::format("nodes[{}]: another output", n);
    case 12:
      if (node.inputs.empty()) break;
      Erase(node.inputs, Random(node.inputs.size()));
      return std::format("nodes[{}].inputs: one less", n);
    case 13:
      Insert(node.inputs, Random(node.inputs.size() + 1), any_value());
      return std::format("nodes[{}].inputs: one more", n);
    case 14:
      node.attributes = graph.nodes[Random(graph.nodes.size())].attributes;
      return std::format("nodes[{}]: attributes of another", n);
    case 15:
      std::swap(graph.nodes[n], graph.nodes[Random(graph.nodes.size())]);
      return std::format("nodes[{}]: swapped with another", n);
    case 16:
      Insert(graph.nodes, Random(graph.nodes.size() + 1), Node(node));
      return std::format("nodes[{}]: doubled", n);
    case 17:
      Erase(graph.nodes, n);
      return std::format("nodes[{}]: left out", n);
    case 18:
      Insert(graph.values, Random(graph.values.size() + 1), Value(value));
      return std::format("values[{}]: doubled", v);
    case 19: {
      std::vector<std::vector<uint32_t>*> lists = AttributeLists(node);
      if (lists.empty()) break;
      std::vector<uint32_t>& list = *lists[Random(lists.size())];
      if (list.empty() || Random(2) == 0) {
        list.push_back(static_cast<uint32_t>(Random(4)));
        return std::format("nodes[{}]: an attribute list with one more", n);
      }
      list.pop_back();
      return std::format("nodes[{}]: an attribute list with one less", n);
    }
    default:
      break;
  }
  return ChangeField(graph);
}

std::string Mutator::ChangeBytes(std::vector<std::byte>& bytes) {
  // Mostly before the constants, where damage has consequences.
  const size_t front = Random(8) == 0 ? bytes.size() : StructureBytes(bytes);
  const size_t at = Random(front);
  const size_t word = at / 4 * 4;
  switch (Random(6)) {
    case 0:
      bytes[at] ^= std::byte{1} << static_cast<int>(Random(8));
      return std::format("one bit of byte {}", at);
    case 1:
      bytes[at] = static_cast<std::byte>(Random(256));
      return std::format("byte {} = {}", at, static_cast<int>(bytes[at]));
    case 2:
      bytes.resize(at);
      return std::format("cut to {} bytes", at);
    case 3: {
      const size_t end = std::min(bytes.size(), at + 1 + Random(16));
      bytes.erase(bytes.begin() + static_cast<ptrdiff_t>(at),
                  bytes.begin() + static_cast<ptrdiff_t>(end));
      return std::format("without bytes {} to {}", at, end);
    }
    case 4: {
      const size_t from = Random(front) / 4 * 4;
      const size_t size = std::min({size_t{4}, bytes.size() - from, bytes.size() - word});
      std::memmove(bytes.data() + word, bytes.data() + from, size);
      return std::format("word at {} = word at {}", word, from);
    }
    default: {
      const uint32_t edge = kEdges[Random(std::size(kEdges))];
      std::memcpy(bytes.data() + word, &edge, std::min(sizeof edge, bytes.size() - word));
      return std::format("word at {} = {}", word, edge);
    }
  }
}

Mutant Mutator::Next() {
  Mutant mutant;
  mutant.structural = count_ % 3 != 2;
  while (true) {
    Graph graph = ShallowCopy(graph_);
    std::string what;
    if (mutant.structural) what = Random(2) == 0 ? ChangeField(graph) : ChangeStructure(graph);
    const Mode& mode = kModes[Random(std::size(kModes))];
    Result<Payload> payload = detail::WritePayloadUnchecked(graph, mode.options);
    // What the format cannot hold at all is no mutant.
    if (!payload) continue;
    mutant.payload = *std::move(payload);
    if (!mutant.structural) what = ChangeBytes(mutant.payload.bytes);
    mutant.description = std::format("mutant {}: {}; {}", count_, what, mode.name);
    ++count_;
    return mutant;
  }
}

}  // namespace switchyard::test
