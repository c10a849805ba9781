#include "backend/xnnpack/per_image.h"

#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace switchyard {
namespace {

// Values of the graph of one image, in this order; a bias may be missing.
enum : ValueIndex { kInput, kConverted, kOutput, kFilter, kBias };

class PerImage final : public StepRunner {
 public:
  // `values`: which values of the whole graph those of the one image are.
  PerImage(std::unique_ptr<const Graph> one, std::vector<ValueIndex> values,
           std::unique_ptr<StepRunner> island)
      : sides_{{{kInput, one->values[kInput].type}, {kOutput, one->values[kOutput].type}}},
        values_(std::move(values)),
        one_(std::move(one)),
        island_(std::move(island)) {}

  Status Reshape(std::span<const Dims> shapes, const StepMemory& /*memory*/) override {
    images_ = shapes[values_[kInput]][0];
    std::vector<Dims> of_one;
    for (const ValueIndex value : values_) of_one.push_back(shapes[value]);
    of_one[kConverted][0] = 1;
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
    return island_->Reshape(of_one, {});
  }

  Status Run(const StepData& data) override {
    data_.clear();
    for (const ValueIndex value : values_) data_.push_back(data.values[value]);
    for (size_t i = 0; i < images_; ++i) {
      SWITCHYARD_TRY(island_->Run({.values = data_}));
      for (const Side& side : sides_) {
        void*& image = data_[side.value];
        image = static_cast<std::byte*>(image) + side.image_bytes;
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

  std::array<Side, 2> sides_;
  const std::vector<ValueIndex> values_;
  const std::unique_ptr<const Graph> one_;  // the island's
  const std::unique_ptr<StepRunner> island_;
  size_t images_ = 0;
  std::vector<void*> data_;
};

}  // namespace

Result<std::unique_ptr<StepRunner>> CreatePerImage(const Graph& graph,
                                                   const StockOperatorStep& step,
                                                   const ConstantData& constants,
                                                   const StockEnvironment& environment) {
  const Node& node = graph.nodes[step.node];
  std::vector<ValueIndex> values = {step.input, node.inputs[0], step.output};
  values.insert(values.end(), node.inputs.begin() + 1, node.inputs.end());
  // A graph of its own, of one image, so that XNNPACK never sees another batch.
  auto graph_of_one = std::make_unique<Graph>();
  Graph& one = *graph_of_one;
  ConstantData weights;
  for (const ValueIndex value : values) {
    one.values.push_back(graph.values[value]);
    weights.bytes.push_back(constants.bytes[value]);
  }
  for (const ValueIndex value : {kInput, kConverted, kOutput}) {
    Value& side = one.values[value];
    if (side.dims.rank() != 4 || step.input == node.inputs[0]) {
      return Fail(ErrorCode::kNotSupported,
                  "{}: {}, expected images (NHWC) that a Convert quantizes; export again",
                  Describe(graph, step.node), Describe(side));
    }
    side.dims[0] = 1;
    side.constant.reset();
    side.is_external_input = value == kInput;
    side.is_external_output = value == kOutput;
    side.external_id.reset();
    if (value != kConverted) side.external_id = one.num_externals++;
    weights.bytes[value] = nullptr;
  }
  Node convert;
  convert.id = node.id;
  convert.kind = NodeKind::kConvert;
  convert.inputs = {kInput};
  convert.outputs = {kConverted};
  one.nodes = {convert, node};
  one.nodes[1].inputs = {kConverted, kFilter};
  if (node.inputs.size() > 2) one.nodes[1].inputs.push_back(kBias);
  one.nodes[1].outputs = {kOutput};
  weights.is_consumed = ConsumedByPacking(one);
  const IslandStep island{.nodes = {0, 1}, .inputs = {kInput}, .outputs = {kOutput}};
  StockEnvironment one_environment = environment;
  // The times would be those of the last image only.
  one_environment.profile = false;
  SWITCHYARD_ASSIGN(auto created, CreateIsland(one, island, weights, one_environment));
  return std::make_unique<PerImage>(std::move(graph_of_one), std::move(values), std::move(created));
}

}  // namespace switchyard
