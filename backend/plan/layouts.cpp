#include "backend/plan/layouts.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace switchyard {
namespace {

// What a kind of node does with layouts.
enum class LayoutRole : uint8_t {
  kElements,   // the same for each element, wherever it lies
  kDims,       // names dimensions by their numbers, in one layout or the other
  kImages,     // its first input and its outputs are in channels last
  kRows,       // its inputs and outputs are in the default order
  kTranspose,  // by its permutation
};

constexpr LayoutRole kRoles[] = {
#define SWITCHYARD_NODE_KIND(kind, min_inputs, max_inputs, num_outputs, attributes, flags, shape, \
                             lowering, layout, ...)                                               \
  LayoutRole::k##layout,
#include "schema/node_kinds.inc"
#undef SWITCHYARD_NODE_KIND
};

LayoutRole RoleOf(const Node& node) { return kRoles[static_cast<size_t>(node.kind) - 1]; }

// The exporter's two transposes; kOther is the model's own.
enum class Permutation : uint8_t { kToChannelsLast, kFromChannelsLast, kOther };

Permutation PermutationOf(const Node& node) {
  constexpr uint32_t kTo[] = {0, 2, 3, 1};
  constexpr uint32_t kFrom[] = {0, 3, 1, 2};
  const auto& permutation = std::get<TransposeAttributes>(node.attributes).permutation;
  if (std::ranges::equal(permutation, kTo)) return Permutation::kToChannelsLast;
  if (std::ranges::equal(permutation, kFrom)) return Permutation::kFromChannelsLast;
  return Permutation::kOther;
}

bool WritesTheLayoutItReads(const Node& node) {
  switch (RoleOf(node)) {
    case LayoutRole::kElements:
    case LayoutRole::kDims:
      return true;
    case LayoutRole::kTranspose:
      return PermutationOf(node) == Permutation::kOther;
    default:
      return false;
  }
}

// Whether an operand is combined with each element in the same way, wherever that lies: a single
// number, or a computed value of the same dims.
bool IsFreeOfDims(const Value& operand, const Value& output) {
  return operand.dims.NumElements() == 1 || (!operand.constant && operand.dims == output.dims);
}

// The union-find structure's root of a value; halves the path to it.
uint32_t FindRoot(std::vector<uint32_t>& parents, uint32_t value) {
  while (parents[value] != value) value = parents[value] = parents[parents[value]];
  return value;
}

}  // namespace

Layouts::Layouts(const Graph& graph, bool likely) {
  JoinValues(graph);
  AddEvidence(graph, likely);
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (!value.is_external_input && !value.is_external_output) continue;
    if (claims_[groups_[i]] == LayoutClaims{kNobody, kNobody}) open_externals_.push_back(i);
  }
}

void Layouts::JoinValues(const Graph& graph) {
  std::vector<uint32_t> parents(graph.values.size());
  std::iota(parents.begin(), parents.end(), 0);
  for (const Node& node : graph.nodes) {
    if (!WritesTheLayoutItReads(node)) continue;
    const ValueIndex output = node.outputs[0];
    for (const ValueIndex input : node.inputs) {
      const Value& value = graph.values[input];
      // One of lower rank that is spread over the others is in no layout.
      if (value.constant || value.dims.rank() != graph.values[output].dims.rank()) continue;
      parents[FindRoot(parents, input)] = FindRoot(parents, output);
    }
  }
  groups_.assign(graph.values.size(), kNoGroup);
  uint32_t num_groups = 0;
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].constant) continue;
    uint32_t& group = groups_[FindRoot(parents, i)];
    if (group == kNoGroup) group = num_groups++;
    groups_[i] = group;
  }
  claims_.assign(num_groups, {kNobody, kNobody});
  is_one_of_the_two_.assign(num_groups, false);
}

void Layouts::AddEvidence(const Graph& graph, bool likely) {
  std::vector<std::pair<uint32_t, Layout>> evidence;
  std::vector<std::pair<uint32_t, uint32_t>> transposes;  // by 0, 2, 3, 1: groups read and written
  for (const Node& node : graph.nodes) {
    const LayoutRole role = RoleOf(node);
    std::vector<ValueIndex> values = node.outputs;
    const size_t num_inputs = role == LayoutRole::kImages ? 1 : node.inputs.size();
    values.insert(values.end(), node.inputs.begin(), node.inputs.begin() + num_inputs);
    const Value& output = graph.values[node.outputs[0]];
    const bool is_free =
        role == LayoutRole::kElements && std::ranges::all_of(node.inputs, [&](ValueIndex input) {
          return IsFreeOfDims(graph.values[input], output);
        });
    for (const ValueIndex value : values) {
      const uint32_t group = groups_[value];
      if (group == kNoGroup) continue;
      if (!is_free) is_one_of_the_two_[group] = true;
      const bool is_image = role == LayoutRole::kImages && graph.values[value].dims.rank() == 4;
      if (is_image) evidence.emplace_back(group, Layout::kChannelsLast);
      if (role == LayoutRole::kRows) evidence.emplace_back(group, Layout::kDefault);
    }
    if (role != LayoutRole::kTranspose) continue;
    const uint32_t read = groups_[node.inputs[0]], written = groups_[node.outputs[0]];
    const Permutation permutation = PermutationOf(node);
    if (permutation == Permutation::kOther || read == kNoGroup) continue;
    const bool is_to = permutation == Permutation::kToChannelsLast;
    // The exporter's, or both sides are in one layout.
    implications_.push_back({read, is_to ? Layout::kChannelsLast : Layout::kDefault, written});
    implications_.push_back({written, is_to ? Layout::kDefault : Layout::kChannelsLast, read});
    if (is_to && likely) transposes.emplace_back(read, written);
  }
  std::ranges::sort(implications_, {}, &Implication::from);

  // What is proven first, so that it does not depend on the order of nodes whether a group that the
  // graph says something of gets more.
  std::vector<LayoutClaims> claims = claims_;
  for (const auto& [group, layout] : evidence) Claim(group, layout, kTheGraph, claims);
  // What is likely, unless something shows otherwise.
  std::erase_if(transposes, [&](const auto& transpose) {
    const LayoutClaims& read = claims[transpose.first];
    const LayoutClaims& written = claims[transpose.second];
    return read != LayoutClaims{kNobody, kNobody} ||
           written[std::to_underlying(Layout::kChannelsLast)] == kNobody;
  });
  for (const auto& [read, written] : transposes) Claim(read, Layout::kDefault, kTheGraph, claims);
  claims_ = std::move(claims);
}

void Layouts::Claim(uint32_t group, Layout layout, uint32_t who,
                    std::vector<LayoutClaims>& claims) const {
  std::vector<uint32_t> added;
  const auto add = [&](uint32_t to) {
    uint32_t& claim = claims[to][std::to_underlying(layout)];
    if (claim != kNobody || claims_[to] != LayoutClaims{kNobody, kNobody}) return;
    claim = who;
    added.push_back(to);
  };
  add(group);
  while (!added.empty()) {
    const uint32_t from = added.back();
    added.pop_back();
    for (const Implication& implication :
         std::ranges::equal_range(implications_, from, {}, &Implication::from)) {
      if (implication.layout == layout) add(implication.to);
    }
  }
}

}  // namespace switchyard
