// The answers of a product against the conformance suite's reference, at a sample of its elements.

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "test/bench/product.h"
#include "test/conformance/reference.h"

namespace switchyard::bench {
namespace {

namespace reference = conformance::reference;

// How many rows of a FullyConnected, and channels, are looked at.
constexpr size_t kRows = 12, kChannels = 48, kConvolutionChannels = 12;

// `count` of `size` indices, evenly spread from the first to the last.
std::vector<size_t> Sample(size_t size, size_t count) {
  std::vector<size_t> indices;
  count = std::min(size, count);
  for (size_t i = 0; i < count; ++i)
    indices.push_back(count > 1 ? i * (size - 1) / (count - 1) : 0);
  return indices;
}

// A part of a product: its graph with fewer channels, and which of the answers those are.
class Part {
 public:
  Part(const Product& product, std::vector<size_t> rows, std::vector<size_t> channels)
      : rows_(std::move(rows)), channels_(std::move(channels)) {
    graph_.values = product.graph.values;
    graph_.nodes = product.graph.nodes;
    graph_.num_externals = product.graph.num_externals;
    Node& node = graph_.nodes.back();
    for (size_t i = 1; i < node.inputs.size(); ++i) Cut(graph_.values[node.inputs[i]]);
    Value& output = graph_.values[node.outputs[0]];
    output.dims[output.dims.rank() - 1] = channels_.size();
    if (auto* convolution = std::get_if<ConvolutionAttributes>(&node.attributes)) {
      convolution->group_output_channels =
          static_cast<uint32_t>(channels_.size()) / convolution->groups;
    } else {
      for (Value& value : graph_.values) {
        if (!value.constant) value.dims[0] = rows_.size();
      }
    }
  }

  const Graph& graph() const { return graph_; }

  OwnedTensor Input(const OwnedTensor& input) const {
    if (IsConvolution()) return input;
    return Gather(input, rows_, {});
  }
  OwnedTensor Output(const OwnedTensor& output) const { return Gather(output, rows_, channels_); }

 private:
  bool IsConvolution() const { return graph_.nodes.back().kind == NodeKind::kConv2d; }

  // The slices of `bytes`, of which there are `num_slices`, that belong to the channels.
  std::span<const std::byte> Keep(std::span<const std::byte> bytes, size_t num_slices) {
    const size_t slice = bytes.size() / num_slices;
    std::vector<std::byte>& kept = graph_.owned_bytes.emplace_back();
    for (const size_t channel : channels_) {
      const auto part = bytes.subspan(channel * slice, slice);
      kept.insert(kept.end(), part.begin(), part.end());
    }
    return kept;
  }
  template <typename T>
  std::span<const T> KeepScales(std::span<const T> scales, size_t num_slices) {
    const std::span<const std::byte> kept = Keep(std::as_bytes(scales), num_slices);
    return {reinterpret_cast<const T*>(kept.data()), kept.size() / sizeof(T)};
  }
  // A filter or a bias: its outermost dimension is the channels.
  void Cut(Value& value) {
    const size_t n = value.dims[0];
    value.dims[0] = channels_.size();
    value.constant->bytes = Keep(value.constant->bytes, n);
    if (auto* channels = std::get_if<PerChannelQuantization>(&value.quantization)) {
      channels->scales = KeepScales(channels->scales, n);
    } else if (auto* groups = std::get_if<PerGroupQuantization>(&value.quantization)) {
      groups->scales = KeepScales(groups->scales, n);
    }
  }

  // Rows, all of them of a convolution, and channels; all if there are none.
  OwnedTensor Gather(const OwnedTensor& from, std::span<const size_t> rows,
                     std::span<const size_t> channels) const {
    std::vector<size_t> sizes(from.sizes().begin(), from.sizes().end());
    const size_t element = ElementBytes(from.element_type()), width = sizes.back();
    if (!IsConvolution()) sizes[0] = rows.size();
    if (!channels.empty()) sizes.back() = channels.size();
    OwnedTensor to(from.element_type(), sizes);
    const size_t num_rows = to.bytes().size() / (sizes.back() * element);
    for (size_t i = 0; i < num_rows; ++i) {
      const std::byte* row =
          from.bytes().data() + (IsConvolution() ? i : rows[i]) * width * element;
      std::byte* out = to.bytes().data() + i * sizes.back() * element;
      for (size_t j = 0; j < sizes.back(); ++j) {
        std::memcpy(out + j * element, row + (channels.empty() ? j : channels[j]) * element,
                    element);
      }
    }
    return to;
  }

  const std::vector<size_t> rows_, channels_;
  Graph graph_;
};

}  // namespace

Status CheckOutput(const Product& product, const OwnedTensor& output) {
  const Shape& shape = product.shape;
  const size_t channels = shape.n * shape.groups;
  // The channels of a group stay together.
  const size_t count = shape.groups > 1       ? channels
                       : shape.is_convolution ? kConvolutionChannels
                                              : kChannels;
  const Part part(product, Sample(shape.m, kRows), Sample(channels, count));
  SWITCHYARD_ASSIGN(reference::Tensor input,
                    reference::FromHost(part.graph().values[0], part.Input(product.input)));
  SWITCHYARD_ASSIGN(const std::vector<reference::Tensor> expected,
                    reference::Evaluate(part.graph(), {&input, 1}));
  const reference::Difference difference =
      reference::Compare(expected.front(), part.Output(output));
  if (difference.pass) return {};
  return Fail(
      ErrorCode::kInternal,
      "{}: {} of {} sampled answers are wrong, the worst {} where {} is expected within {}; "
      "see what switchyard-conformance says of this CPU",
      product.name(), difference.num_wrong, expected.front().values.size(), difference.got,
      difference.expected, difference.bound);
}

}  // namespace switchyard::bench
