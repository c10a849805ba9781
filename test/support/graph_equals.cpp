#include "test/support/graph_equals.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <format>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace switchyard::test {
namespace {

// Nothing, or the first difference.
using Difference = std::optional<std::string>;

template <typename T>
Difference Compare(std::string_view what, const T& got, const T& expected) {
  if (got == expected) return std::nullopt;
  return std::format("{}: got {}, expected {}", what, got, expected);
}

Difference Compare(std::string_view what, float got, float expected) {
  if (std::bit_cast<uint32_t>(got) == std::bit_cast<uint32_t>(expected)) return std::nullopt;
  return std::format("{}: got {}, expected {}", what, got, expected);
}

template <typename T>
Difference CompareLists(std::string_view what, std::span<const T> got,
                        std::span<const T> expected) {
  if (got.size() != expected.size()) {
    return std::format("{}: got {} elements, expected {}", what, got.size(), expected.size());
  }
  // Bit by bit, at any alignment.
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::memcmp(got.data() + i, expected.data() + i, sizeof(T)) != 0) {
      return std::format("{}: element {} of {} differs", what, i, got.size());
    }
  }
  return std::nullopt;
}

template <typename T>
Difference CompareLists(std::string_view what, const std::vector<T>& got,
                        const std::vector<T>& expected) {
  return CompareLists(what, std::span<const T>(got), std::span<const T>(expected));
}

Difference CompareQuantization(const Quantization& got, const Quantization& expected) {
  if (auto d = Compare("kind of quantization", got.index(), expected.index())) return d;
  if (const auto* a = std::get_if<PerTensorQuantization>(&got)) {
    const auto& b = std::get<PerTensorQuantization>(expected);
    if (auto d = Compare("scale", a->scale, b.scale)) return d;
    return Compare("zero point", a->zero_point, b.zero_point);
  }
  if (const auto* a = std::get_if<PerChannelQuantization>(&got)) {
    const auto& b = std::get<PerChannelQuantization>(expected);
    if (auto d = Compare("channel dim", a->channel_dim, b.channel_dim)) return d;
    return CompareLists("scales", a->scales, b.scales);
  }
  if (const auto* a = std::get_if<PerGroupQuantization>(&got)) {
    const auto& b = std::get<PerGroupQuantization>(expected);
    if (auto d = Compare("channel dim", a->channel_dim, b.channel_dim)) return d;
    if (auto d = Compare("group size", a->group_size, b.group_size)) return d;
    return CompareLists("scales", a->scales, b.scales);
  }
  if (const auto* a = std::get_if<PerTokenQuantization>(&got)) {
    return Compare("non-batch dims", a->num_nonbatch_dims,
                   std::get<PerTokenQuantization>(expected).num_nonbatch_dims);
  }
  return std::nullopt;
}

Difference CompareValue(const Value& got, const Value& expected,
                        const GraphEqualsOptions& options) {
  if (options.ids) {
    if (auto d = Compare("id", got.id, expected.id)) return d;
  }
  if (auto d = Compare("type", Name(got.type), Name(expected.type))) return d;
  if (auto d = Compare("dims", ToString(got.dims), ToString(expected.dims))) return d;
  if (auto d = CompareQuantization(got.quantization, expected.quantization)) return d;
  if (auto d = Compare("has a constant", got.constant.has_value(), expected.constant.has_value())) {
    return d;
  }
  if (got.constant) {
    if (auto d = CompareLists("constant bytes", got.constant->bytes, expected.constant->bytes)) {
      return d;
    }
    if (options.keys) {
      if (auto d = Compare("key", got.constant->key, expected.constant->key)) return d;
    }
  }
  const auto external = [](const Value& value) {
    return value.external_id ? std::to_string(*value.external_id) : std::string("none");
  };
  if (auto d = Compare("external id", external(got), external(expected))) return d;
  if (auto d = Compare("is an input", got.is_external_input, expected.is_external_input)) return d;
  return Compare("is an output", got.is_external_output, expected.is_external_output);
}

// One alternative of Attributes against the same of another node.
struct AttributesComparison {
  const Attributes& other;

  template <typename T>
  const T& Expected() const {
    return std::get<T>(other);
  }
  Difference operator()(std::monostate) const { return std::nullopt; }
  Difference operator()(const ConvolutionAttributes& a) const { return Numbers(a); }
  Difference operator()(const PoolingAttributes& a) const { return Numbers(a); }
  Difference operator()(const ResizeAttributes& a) const { return Numbers(a); }
  Difference operator()(const ConcatenateAttributes& a) const { return Numbers(a); }
  Difference operator()(const EluAttributes& a) const {
    return Compare("alpha", a.alpha, Expected<EluAttributes>().alpha);
  }
  Difference operator()(const LeakyReluAttributes& a) const {
    return Compare("slope", a.negative_slope, Expected<LeakyReluAttributes>().negative_slope);
  }
  Difference operator()(const TransposeAttributes& a) const {
    return CompareLists("permutation", a.permutation, Expected<TransposeAttributes>().permutation);
  }
  Difference operator()(const ReshapeAttributes& a) const {
    return CompareLists("new shape", a.new_shape, Expected<ReshapeAttributes>().new_shape);
  }
  Difference operator()(const SliceAttributes& a) const {
    if (auto d = CompareLists("offsets", a.offsets, Expected<SliceAttributes>().offsets)) return d;
    return CompareLists("sizes", a.sizes, Expected<SliceAttributes>().sizes);
  }
  Difference operator()(const PadAttributes& a) const {
    const auto& b = Expected<PadAttributes>();
    if (auto d = CompareLists("pre paddings", a.pre_paddings, b.pre_paddings)) return d;
    if (auto d = CompareLists("post paddings", a.post_paddings, b.post_paddings)) return d;
    return Compare("padding value", a.value, b.value);
  }

  // Structs of nothing but uint32_t.
  template <typename T>
  Difference Numbers(const T& a) const {
    using Array = std::array<uint32_t, sizeof(T) / sizeof(uint32_t)>;
    const auto got = std::bit_cast<Array>(a);
    const auto expected = std::bit_cast<Array>(Expected<T>());
    return CompareLists("attributes", std::span<const uint32_t>(got),
                        std::span<const uint32_t>(expected));
  }
};

Difference CompareNode(const Node& got, const Node& expected, const GraphEqualsOptions& options) {
  if (auto d = Compare("kind", static_cast<int>(got.kind), static_cast<int>(expected.kind)))
    return d;
  if (options.debug_handles) {
    if (auto d = Compare("debug handle", got.debug_handle, expected.debug_handle)) return d;
  }
  if (auto d = Compare("flags", got.flags, expected.flags)) return d;
  if (auto d = Compare("output min", got.output_min, expected.output_min)) return d;
  if (auto d = Compare("output max", got.output_max, expected.output_max)) return d;
  if (auto d = CompareLists("inputs", got.inputs, expected.inputs)) return d;
  if (auto d = CompareLists("outputs", got.outputs, expected.outputs)) return d;
  if (auto d = Compare("kind of attributes", got.attributes.index(), expected.attributes.index())) {
    return d;
  }
  return std::visit(AttributesComparison{expected.attributes}, got.attributes);
}

// The order of Canonical: what is visited first comes first. Without recursion, since graphs may be
// as deep as they have nodes.
class Renumbering {
 public:
  explicit Renumbering(const Graph& graph) : graph_(graph), producer_(graph.values.size()) {
    for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
      for (const ValueIndex output : graph.nodes[i].outputs) producer_[output] = i;
    }
  }

  void Visit(ValueIndex root) {
    std::vector<ValueIndex> stack = {root};
    while (!stack.empty()) {
      const ValueIndex value = stack.back();
      const std::optional<NodeIndex> producer = producer_[value];
      const auto waiting = [this](ValueIndex input) { return !new_index_.contains(input); };
      if (!waiting(value)) {
        stack.pop_back();
      } else if (producer && std::ranges::any_of(graph_.nodes[*producer].inputs, waiting)) {
        stack.push_back(*std::ranges::find_if(graph_.nodes[*producer].inputs, waiting));
      } else {
        if (producer) {
          nodes_.push_back(*producer);
          for (const ValueIndex output : graph_.nodes[*producer].outputs) Number(output);
        } else {
          Number(value);
        }
        stack.pop_back();
      }
    }
  }

  Graph Apply() const {
    Graph result;
    result.num_externals = graph_.num_externals;
    for (const ValueIndex value : values_) result.values.push_back(graph_.values[value]);
    for (const NodeIndex index : nodes_) {
      Node node = graph_.nodes[index];
      for (ValueIndex& input : node.inputs) input = new_index_.at(input);
      for (ValueIndex& output : node.outputs) output = new_index_.at(output);
      result.nodes.push_back(std::move(node));
    }
    return result;
  }

 private:
  void Number(ValueIndex value) {
    new_index_.emplace(value, static_cast<ValueIndex>(values_.size()));
    values_.push_back(value);
  }

  const Graph& graph_;
  std::vector<std::optional<NodeIndex>> producer_;
  std::map<ValueIndex, ValueIndex> new_index_;
  std::vector<ValueIndex> values_;
  std::vector<NodeIndex> nodes_;
};

}  // namespace

testing::AssertionResult GraphEquals(const Graph& got, const Graph& expected,
                                     const GraphEqualsOptions& options) {
  const auto different = [](std::string_view where, const std::string& difference) {
    return testing::AssertionFailure() << where << difference;
  };
  if (auto d = Compare("externals", got.num_externals, expected.num_externals)) {
    return different("", *d);
  }
  if (auto d = Compare("values", got.values.size(), expected.values.size())) {
    return different("number of ", *d);
  }
  if (auto d = Compare("nodes", got.nodes.size(), expected.nodes.size())) {
    return different("number of ", *d);
  }
  for (ValueIndex i = 0; i < got.values.size(); ++i) {
    if (auto d = CompareValue(got.values[i], expected.values[i], options)) {
      return different(std::format("values[{}]: ", i), *d);
    }
  }
  for (NodeIndex i = 0; i < got.nodes.size(); ++i) {
    if (auto d = CompareNode(got.nodes[i], expected.nodes[i], options)) {
      return different(Describe(expected, i) + ": ", *d);
    }
  }
  return testing::AssertionSuccess();
}

Graph Canonical(const Graph& graph) {
  std::map<uint32_t, ValueIndex> outputs;
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].is_external_output) outputs.emplace(*graph.values[i].external_id, i);
  }
  Renumbering renumbering(graph);
  for (const auto& [external_id, value] : outputs) renumbering.Visit(value);
  return renumbering.Apply();
}

}  // namespace switchyard::test
