#include "backend/xnnpack/fixed_channels.h"

#include <algorithm>
#include <span>

namespace switchyard {
namespace {

class FixedChannels {
 public:
  explicit FixedChannels(const Graph& graph) : graph_(graph), is_fixed_(graph.values.size()) {}

  std::vector<bool> Find() {
    for (ValueIndex i = 0; i < graph_.values.size(); ++i) {
      is_fixed_[i] = graph_.values[i].constant.has_value();
    }
    for (const Node& node : graph_.nodes) {
      const bool is_fixed = FixesChannels(node);
      for (const ValueIndex output : node.outputs) is_fixed_[output] = is_fixed;
    }
    return std::move(is_fixed_);
  }

 private:
  bool AllAreFixed(std::span<const ValueIndex> values) const {
    return std::ranges::all_of(values, [&](ValueIndex i) { return is_fixed_[i]; });
  }
  // Dimensions that agree with a fixed one do not change, unless it is 1 and they broadcast it.
  bool AreFixedTogether(std::span<const ValueIndex> values) const {
    return AllAreFixed(values) || std::ranges::any_of(values, [&](ValueIndex i) {
             const Dims& dims = graph_.values[i].dims;
             return is_fixed_[i] && dims.rank() > 0 && dims.back() > 1;
           });
  }

  bool FixesChannels(const Node& node) const {
    const bool of_input = is_fixed_[node.inputs[0]];
    switch (Info(node.kind).attributes) {
      case AttributeKind::kConvolution:
        return true;
      case AttributeKind::kTranspose: {
        const auto& permutation = std::get<TransposeAttributes>(node.attributes).permutation;
        return of_input && !permutation.empty() && permutation.back() == permutation.size() - 1;
      }
      case AttributeKind::kReshape: {
        const auto& shape = std::get<ReshapeAttributes>(node.attributes).new_shape;
        return !shape.empty() && shape.back() != 0;
      }
      case AttributeKind::kSlice: {
        const auto& sizes = std::get<SliceAttributes>(node.attributes).sizes;
        return of_input || (!sizes.empty() && sizes.back() != 0);
      }
      case AttributeKind::kConcatenate: {
        const size_t axis = std::get<ConcatenateAttributes>(node.attributes).axis;
        const bool is_last = axis + 1 == graph_.values[node.inputs[0]].dims.rank();
        return is_last ? AllAreFixed(node.inputs) : AreFixedTogether(node.inputs);
      }
      default:
        break;
    }
    switch (node.kind) {
      case NodeKind::kFullyConnected:
      case NodeKind::kBatchMatrixMultiply:
        return graph_.values[node.inputs[1]].constant.has_value();
      case NodeKind::kScaledDotProductAttention:
        return false;
      default:
        // Elementwise nodes, and those that work on images.
        return AreFixedTogether(node.inputs);
    }
  }

  const Graph& graph_;
  std::vector<bool> is_fixed_;
};

}  // namespace

std::vector<bool> FindFixedChannels(const Graph& graph) { return FixedChannels(graph).Find(); }

}  // namespace switchyard
