#include "backend/plan/emptiness.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

namespace switchyard {
namespace {

constexpr uint32_t kNoSources = 0, kAnySources = 1;
// A larger set becomes kAnySources, which is equal to no other.
constexpr size_t kMaxSources = 64;

constexpr uint8_t All(size_t rank) { return static_cast<uint8_t>((1u << rank) - 1); }
constexpr uint8_t Bit(size_t dim) { return static_cast<uint8_t>(1u << dim); }

// Height, width and channels, which the rules of windows and images want to be there.
constexpr uint8_t kImage = Bit(1) | Bit(2) | Bit(3);

bool ReadsImages(const Node& node) {
  return std::holds_alternative<ConvolutionAttributes>(node.attributes) ||
         std::holds_alternative<PoolingAttributes>(node.attributes) ||
         std::holds_alternative<ResizeAttributes>(node.attributes);
}

bool Has(uint8_t mask, size_t dim) { return (mask & Bit(dim)) != 0; }

}  // namespace

Emptiness::Emptiness(const Graph& graph)
    : non_zero_(graph.values.size(), 0),
      sources_(graph.values.size(), kNoSources),
      is_revived_(graph.values.size(), false) {
  sets_ = {{}, {}};
  ids_[{}] = kNoSources;
  for (const Node& node : graph.nodes) {
    // What reads an external input tells about it.
    const ValueIndex input = node.inputs[0];
    if (!graph.values[input].is_external_input) continue;
    if (ReadsImages(node)) non_zero_[input] |= kImage;
    if (node.kind == NodeKind::kFullyConnected && graph.values[node.inputs[1]].constant) {
      non_zero_[input] |= Bit(graph.values[input].dims.rank() - 1);
    }
  }
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (value.constant) non_zero_[i] = All(value.dims.rank());
    if (value.is_external_input && non_zero_[i] != All(value.dims.rank()))
      sources_[i] = Intern({i});
  }
  for (const Node& node : graph.nodes) Follow(graph, node);
}

void Emptiness::Follow(const Graph& graph, const Node& node) {
  const bool is_revived = MayRevive(graph, node);
  SetId sources = kNoSources;
  for (const ValueIndex input : node.inputs) sources = Union(sources, sources_[input]);
  const uint8_t non_zero = NonZeroDims(graph, node);
  for (const ValueIndex output : node.outputs) {
    non_zero_[output] = non_zero;
    is_revived_[output] = is_revived;
    sources_[output] = sources;
    if (is_revived) sources_[output] = Intern({output});
    if (non_zero == All(graph.values[output].dims.rank())) sources_[output] = kNoSources;
  }
}

// The kinds whose output may have elements although an input has none.
bool Emptiness::MayRevive(const Graph& graph, const Node& node) const {
  const uint8_t input = non_zero_[node.inputs[0]];
  const auto rank = [&](size_t i) { return graph.values[node.inputs[i]].dims.rank(); };
  const bool transposed = (node.flags & kFlagTransposeWeights) != 0;
  if (const auto* concatenate = std::get_if<ConcatenateAttributes>(&node.attributes)) {
    return !std::ranges::all_of(
        node.inputs, [&](ValueIndex value) { return Has(non_zero_[value], concatenate->axis); });
  }
  if (const auto* pad = std::get_if<PadAttributes>(&node.attributes)) {
    for (size_t i = 0; i < pad->pre_paddings.size(); ++i) {
      const bool is_padded = pad->pre_paddings[i] != 0 || pad->post_paddings[i] != 0;
      if (is_padded && !Has(input, i)) return true;
    }
    return false;
  }
  switch (node.kind) {
    case NodeKind::kGlobalAvgPooling2d:
      return !Has(input, 1) || !Has(input, 2);
    case NodeKind::kFullyConnected:
      return !Has(input, rank(0) - 1) && !Has(non_zero_[node.inputs[1]], transposed ? 0 : 1);
    case NodeKind::kBatchMatrixMultiply:
      return !Has(input, rank(0) - 1) &&
             !Has(non_zero_[node.inputs[1]], rank(1) - (transposed ? 1 : 2));
    default:
      return false;
  }
}

uint8_t Emptiness::NonZeroDims(const Graph& graph, const Node& node) const {
  const size_t rank = graph.values[node.outputs[0]].dims.rank();
  const auto mask = [&](size_t i) { return non_zero_[node.inputs[i]]; };
  const auto rank_of = [&](size_t i) { return graph.values[node.inputs[i]].dims.rank(); };
  // Dimension `i` from the right of an input; missing ones count as 1.
  const auto from_right = [&](size_t input, size_t i) {
    return i >= rank_of(input) || Has(mask(input), rank_of(input) - 1 - i);
  };
  const bool transposed = (node.flags & kFlagTransposeWeights) != 0;
  uint8_t result = 0;
  const auto set = [&](size_t dim, bool is_non_zero) {
    if (is_non_zero) result |= Bit(dim);
  };
  if (ReadsImages(node)) return static_cast<uint8_t>(mask(0) | kImage);
  if (const auto* transpose = std::get_if<TransposeAttributes>(&node.attributes)) {
    for (size_t i = 0; i < rank; ++i) set(i, Has(mask(0), transpose->permutation[i]));
    return result;
  }
  if (const auto* reshape = std::get_if<ReshapeAttributes>(&node.attributes)) {
    for (size_t i = 0; i < rank; ++i) {
      set(i, reshape->new_shape[i] != 0 || mask(0) == All(rank_of(0)));
    }
    return result;
  }
  if (const auto* slice = std::get_if<SliceAttributes>(&node.attributes)) {
    for (size_t i = 0; i < rank; ++i) set(i, slice->sizes[i] != 0 || Has(mask(0), i));
    return result;
  }
  if (const auto* pad = std::get_if<PadAttributes>(&node.attributes)) {
    for (size_t i = 0; i < rank; ++i) {
      set(i, pad->pre_paddings[i] != 0 || pad->post_paddings[i] != 0 || Has(mask(0), i));
    }
    return result;
  }
  if (std::holds_alternative<ConcatenateAttributes>(node.attributes)) {
    for (size_t i = 0; i < node.inputs.size(); ++i) result |= mask(i);
    return result;
  }
  switch (node.kind) {
    case NodeKind::kFullyConnected:
      set(rank - 1, Has(mask(1), transposed ? 1 : 0));
      return static_cast<uint8_t>(result | (mask(0) & All(rank - 1)));
    case NodeKind::kBatchMatrixMultiply:
      set(rank - 1, from_right(1, transposed ? 1 : 0));
      set(rank - 2, from_right(0, 1));
      for (size_t i = 2; i < rank; ++i) set(rank - 1 - i, from_right(0, i) && from_right(1, i));
      return result;
    case NodeKind::kGlobalAvgPooling2d:
      set(0, Has(mask(0), 0));
      set(rank - 1, Has(mask(0), 3));
      return static_cast<uint8_t>(result | (All(rank - 1) & ~Bit(0)));
    default:
      for (size_t i = 0; i < rank; ++i) {
        bool is_non_zero = true;
        for (size_t input = 0; input < node.inputs.size(); ++input) {
          is_non_zero &= from_right(input, i);
        }
        set(rank - 1 - i, is_non_zero);
      }
      return result;
  }
}

Emptiness::SetId Emptiness::Intern(std::vector<uint32_t> sources) {
  if (sources.size() > kMaxSources) return kAnySources;
  const auto [entry, is_new] = ids_.try_emplace(std::move(sources), sets_.size());
  if (is_new) sets_.push_back(entry->first);
  return entry->second;
}

Emptiness::SetId Emptiness::Union(SetId a, SetId b) {
  if (a == b || b == kNoSources) return a;
  if (a == kNoSources) return b;
  if (a == kAnySources || b == kAnySources) return kAnySources;
  std::vector<uint32_t> both;
  std::ranges::set_union(sets_[a], sets_[b], std::back_inserter(both));
  return Intern(std::move(both));
}

bool Emptiness::MayMix(const Graph& graph, const IslandStep& step) const {
  for (const ValueIndex output : step.outputs) {
    if (step.outputs.size() > 1 && sources_[output] == kAnySources) return true;
    if (sources_[output] != sources_[step.outputs[0]]) return true;
  }
  return std::ranges::any_of(step.nodes,
                             [&](NodeIndex n) { return is_revived_[graph.nodes[n].outputs[0]]; });
}

}  // namespace switchyard
