#include "test/support/graph_fields.h"

#include <format>
#include <span>

namespace switchyard::test {
namespace {

// A copy of the scales that belongs to the graph, in place of those it views.
template <typename T>
std::span<T> OwnScales(Graph& graph, std::span<const T>& scales) {
  const std::span<const std::byte> bytes = std::as_bytes(scales);
  std::vector<std::byte>& owned = graph.owned_bytes.emplace_back(bytes.begin(), bytes.end());
  const std::span<T> result(reinterpret_cast<T*>(owned.data()), scales.size());
  scales = result;
  return result;
}

class Collector {
 public:
  explicit Collector(Graph& graph) : graph_(graph) {}

  std::vector<Field> Collect() {
    fields_.push_back({"graph", 0, "num_externals", &graph_.num_externals});
    for (size_t i = 0; i < graph_.values.size(); ++i) AddValue(i, graph_.values[i]);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) AddNode(i, graph_.nodes[i]);
    return std::move(fields_);
  }

 private:
  void AddValue(size_t index, Value& value) {
    const auto add = [&](std::string_view member, auto* place) {
      fields_.push_back({"values", index, member, place});
    };
    add("id", &value.id);
    add("type", &value.type);
    for (size_t i = 0; i < value.dims.rank(); ++i) add("dims", &value.dims[i]);
    if (value.external_id) add("external_id", &*value.external_id);
    add("is_external_input", &value.is_external_input);
    add("is_external_output", &value.is_external_output);
    if (auto* tensor = std::get_if<PerTensorQuantization>(&value.quantization)) {
      add("scale", &tensor->scale);
      add("zero_point", &tensor->zero_point);
    } else if (auto* channel = std::get_if<PerChannelQuantization>(&value.quantization)) {
      add("channel_dim", &channel->channel_dim);
      AddScales(index, OwnScales(graph_, channel->scales));
    } else if (auto* group = std::get_if<PerGroupQuantization>(&value.quantization)) {
      add("channel_dim", &group->channel_dim);
      add("group_size", &group->group_size);
      AddScales(index, OwnScales(graph_, group->scales));
    } else if (auto* token = std::get_if<PerTokenQuantization>(&value.quantization)) {
      add("num_nonbatch_dims", &token->num_nonbatch_dims);
    }
  }

  // The first, the last and the middle one, lest they outnumber everything else.
  template <typename T>
  void AddScales(size_t index, std::span<T> scales) {
    if (scales.empty()) return;
    for (const size_t i : {size_t{0}, scales.size() / 2, scales.size() - 1}) {
      fields_.push_back({"values", index, "scales", &scales[i]});
    }
  }

  void AddNode(size_t index, Node& node) {
    const auto add = [&](std::string_view member, auto* place) {
      fields_.push_back({"nodes", index, member, place});
    };
    add("kind", &node.kind);
    add("debug_handle", &node.debug_handle);
    add("flags", &node.flags);
    add("output_min", &node.output_min);
    add("output_max", &node.output_max);
    for (ValueIndex& input : node.inputs) add("inputs", &input);
    for (ValueIndex& output : node.outputs) add("outputs", &output);
    for (std::vector<uint32_t>* list : AttributeLists(node)) {
      for (uint32_t& number : *list) add("attribute list", &number);
    }
    if (auto* a = std::get_if<ConvolutionAttributes>(&node.attributes)) {
      add("padding_top", &a->padding_top);
      add("padding_right", &a->padding_right);
      add("padding_bottom", &a->padding_bottom);
      add("padding_left", &a->padding_left);
      add("kernel_height", &a->kernel_height);
      add("kernel_width", &a->kernel_width);
      add("stride_height", &a->stride_height);
      add("stride_width", &a->stride_width);
      add("dilation_height", &a->dilation_height);
      add("dilation_width", &a->dilation_width);
      add("group_input_channels", &a->group_input_channels);
      add("group_output_channels", &a->group_output_channels);
      add("groups", &a->groups);
      add("adjustment_height", &a->adjustment_height);
      add("adjustment_width", &a->adjustment_width);
    } else if (auto* p = std::get_if<PoolingAttributes>(&node.attributes)) {
      add("padding_top", &p->padding_top);
      add("padding_right", &p->padding_right);
      add("padding_bottom", &p->padding_bottom);
      add("padding_left", &p->padding_left);
      add("pooling_height", &p->pooling_height);
      add("pooling_width", &p->pooling_width);
      add("stride_height", &p->stride_height);
      add("stride_width", &p->stride_width);
      add("dilation_height", &p->dilation_height);
      add("dilation_width", &p->dilation_width);
    } else if (auto* pad = std::get_if<PadAttributes>(&node.attributes)) {
      add("value", &pad->value);
    } else if (auto* resize = std::get_if<ResizeAttributes>(&node.attributes)) {
      add("new_height", &resize->new_height);
      add("new_width", &resize->new_width);
    } else if (auto* concatenate = std::get_if<ConcatenateAttributes>(&node.attributes)) {
      add("axis", &concatenate->axis);
    } else if (auto* elu = std::get_if<EluAttributes>(&node.attributes)) {
      add("alpha", &elu->alpha);
    } else if (auto* leaky = std::get_if<LeakyReluAttributes>(&node.attributes)) {
      add("negative_slope", &leaky->negative_slope);
    }
  }

  Graph& graph_;
  std::vector<Field> fields_;
};

}  // namespace

std::string Field::Name() const { return std::format("{}[{}].{}", owner, index, member); }

std::vector<Field> CollectFields(Graph& graph) { return Collector(graph).Collect(); }

std::vector<std::vector<uint32_t>*> AttributeLists(Node& node) {
  if (auto* a = std::get_if<TransposeAttributes>(&node.attributes)) return {&a->permutation};
  if (auto* a = std::get_if<ReshapeAttributes>(&node.attributes)) return {&a->new_shape};
  if (auto* a = std::get_if<SliceAttributes>(&node.attributes)) return {&a->offsets, &a->sizes};
  if (auto* a = std::get_if<PadAttributes>(&node.attributes)) {
    return {&a->pre_paddings, &a->post_paddings};
  }
  return {};
}

}  // namespace switchyard::test
