#include "backend/xnnpack/per_image.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace switchyard {
namespace {

class PerImage final : public StockStep {
 public:
  // `converted`: the value between the Convert and the convolution.
  PerImage(const Graph& graph, const StockOperatorStep& step, ValueIndex converted,
           std::unique_ptr<StockStep> island)
      : sides_{{{step.input, graph.values[step.input].type},
                {step.output, graph.values[step.output].type}}},
        converted_(converted),
        island_(std::move(island)) {}

  Status Reshape(std::span<const Dims> shapes) override {
    images_ = shapes[sides_[0].value][0];
    std::vector<Dims> of_one(shapes.begin(), shapes.end());
    of_one[converted_][0] = 1;
    for (Side& side : sides_) {
      Dims& dims = of_one[side.value];
      dims[0] = 1;
      const std::optional<size_t> bytes = TensorBytes(side.type, dims);
      if (!bytes) {
        return Fail(ErrorCode::kMemoryAllocationFailed,
                    "an image {} does not fit the address space; use smaller inputs",
                    ToString(dims));
      }
      side.image_bytes = *bytes;
    }
    return island_->Reshape(of_one);
  }

  Status Run(std::span<void* const> data) override {
    data_.assign(data.begin(), data.end());
    for (size_t i = 0; i < images_; ++i) {
      SWITCHYARD_TRY(island_->Run(data_));
      for (const Side& side : sides_) {
        void*& image = data_[side.value];
        if (image != nullptr) image = static_cast<std::byte*>(image) + side.image_bytes;
      }
    }
    return {};
  }

 private:
  struct Side {
    ValueIndex value;
    DataType type;
    size_t image_bytes = 0;
  };

  std::array<Side, 2> sides_;  // input and output
  const ValueIndex converted_;
  const std::unique_ptr<StockStep> island_;
  size_t images_ = 0;
  std::vector<void*> data_;
};

}  // namespace

Result<std::unique_ptr<StockStep>> CreatePerImage(const Graph& graph, const StockOperatorStep& step,
                                                  std::span<const std::byte* const> constant_data,
                                                  const StockEnvironment& environment) {
  const Node& node = graph.nodes[step.node];
  const ValueIndex converted = node.inputs[0];
  const auto convert =
      std::ranges::find_if(graph.nodes, [&](const Node& n) { return n.outputs[0] == converted; });
  // Bounds of one image, too: XNNPACK is never to see another batch.
  Graph one;
  one.values = graph.values;
  one.nodes = graph.nodes;
  one.num_externals = graph.num_externals;
  for (const ValueIndex value : {step.input, converted, step.output}) {
    Value& side = one.values[value];
    if (side.dims.rank() != 4 || convert == graph.nodes.end()) {
      return Fail(ErrorCode::kNotSupported,
                  "{}: {}, expected images (NHWC) that a Convert quantizes; export again",
                  Describe(graph, step.node), Describe(side));
    }
    side.dims[0] = 1;
  }
  const auto convert_index = static_cast<NodeIndex>(convert - graph.nodes.begin());
  const IslandStep island{
      .nodes = {convert_index, step.node}, .inputs = {step.input}, .outputs = {step.output}};
  SWITCHYARD_ASSIGN(auto created, CreateIsland(one, island, constant_data, environment));
  return std::make_unique<PerImage>(graph, step, converted, std::move(created));
}

}  // namespace switchyard
