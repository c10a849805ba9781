// Values without elements beside others that have some: what is empty makes nothing, and everything
// else is as it would be alone.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <format>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "backend/plan/decompose.h"
#include "backend/plan/shapes.h"
#include "backend/switchyard_backend.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/emulation.h"
#include "test/support/graph_builder.h"
#include "test/support/node_operands.h"
#include "test/support/payloads.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

using enum DataType;
using test::GraphBuilder;

using Bytes = std::vector<std::byte>;

// Small integers as floats, others any number of their type.
OwnedTensor Filled(ElementType type, const Dims& dims, uint32_t seed) {
  OwnedTensor tensor(type, dims.span());
  for (size_t i = 0; i < tensor.bytes().size(); ++i) {
    tensor.bytes()[i] = static_cast<std::byte>((i * 37 + seed * 11) % 251);
  }
  if (type == ElementType::kF32) {
    for (size_t i = 0; i < *dims.NumElements(); ++i) {
      tensor.data<float>()[i] = static_cast<float>((i * 7 + seed) % 23) - 11;
    }
  } else if (type == ElementType::kF16) {
    for (size_t i = 0; i < *dims.NumElements(); ++i) {
      tensor.data<uint16_t>()[i] = static_cast<uint16_t>(0x3C00 + (i * 7 + seed) % 23 * 64);
    }
  }
  return tensor;
}

// One delegate and the graph that it is of.
class Delegate {
 public:
  // A null map: the graph's own named data.
  static std::optional<Delegate> Load(const Graph& graph) {
    auto payload = WritePayload(graph);
    EXPECT_TRUE(payload) << payload.error().ToString();
    if (!payload) return std::nullopt;
    const NamedDataViews named_data = test::NamedDataOf(*payload);
    InitContext context;
    context.named_data = &named_data;
    auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes, context);
    // What the delegate needs, it has copied.
    std::ranges::fill(payload->bytes, std::byte{0xA5});
    if (!runner) return std::nullopt;
    return Delegate(graph, *std::move(runner));
  }

  // By external id; `inputs` are the dims of the inputs in the order of their ids.
  std::vector<Bytes> Run(const std::vector<Dims>& inputs) {
    std::vector<OwnedTensor> tensors(graph_->num_externals);
    std::vector<bool> is_output(graph_->num_externals);
    for (const Value& value : graph_->values) {
      if (!value.external_id) continue;
      const uint32_t id = *value.external_id;
      is_output[id] = value.is_external_output;
      const Dims ones(std::vector<size_t>(value.dims.rank(), 1));
      tensors[id] = Filled(*ExternalElementType(value.type),
                           value.is_external_output ? ones : inputs[id], id);
    }
    const Status status = runner_.Run(tensors);
    EXPECT_TRUE(status) << status.error().ToString();
    std::vector<Bytes> outputs(tensors.size());
    for (size_t i = 0; i < tensors.size() && status; ++i) {
      if (is_output[i]) outputs[i].assign(tensors[i].bytes().begin(), tensors[i].bytes().end());
    }
    return outputs;
  }

 private:
  Delegate(const Graph& graph, BlobRunner runner) : graph_(&graph), runner_(std::move(runner)) {}
  const Graph* graph_;
  BlobRunner runner_;
};

// A graph, by external id the bounds of its inputs, and where its outputs are.
struct Part {
  Graph graph;
  std::vector<Dims> inputs;
  std::vector<uint32_t> outputs;
};

Part Describe(Graph graph) {
  Part part{.graph = std::move(graph), .inputs = {}, .outputs = {}};
  part.inputs.resize(part.graph.num_externals);
  for (const Value& value : part.graph.values) {
    if (value.is_external_input) part.inputs[*value.external_id] = value.dims;
    if (value.is_external_output) part.outputs.push_back(*value.external_id);
  }
  return part;
}

constexpr Dims kOtherDims = {3, 5};

// w -> Clamp -> Sigmoid -> z.
void AddOther(Graph& graph) {
  const auto add = [&](std::optional<uint32_t> id, bool is_input) {
    Value value;
    value.id = static_cast<uint32_t>(graph.values.size()) + 10000;
    value.type = kF32;
    value.dims = kOtherDims;
    value.external_id = id;
    value.is_external_input = id && is_input;
    value.is_external_output = id && !is_input;
    graph.values.push_back(value);
    return static_cast<ValueIndex>(graph.values.size() - 1);
  };
  const ValueIndex w = add(graph.num_externals++, true);
  const ValueIndex clamped = add(std::nullopt, true);
  const ValueIndex z = add(graph.num_externals++, false);
  for (const auto& [kind, from, to] :
       {std::tuple(NodeKind::kClamp, w, clamped), std::tuple(NodeKind::kSigmoid, clamped, z)}) {
    Node node;
    node.id = static_cast<uint32_t>(graph.nodes.size()) + 10000;
    node.kind = kind;
    if (kind == NodeKind::kClamp) node.output_max = 2;
    node.inputs = {from};
    node.outputs = {to};
    graph.nodes.push_back(std::move(node));
  }
}

// Runs `alone`, and the same with another output beside it, through shapes of which some are empty:
// each answer must be that of a fresh delegate that has nothing else to do. `make` gives the graph.
template <typename Make>
void ExpectUndisturbed(const Make& make, size_t& num_mixed) {
  const Part alone = Describe(make());
  Graph parts = make();
  DecomposeGraph(parts);
  Graph both = make();
  const uint32_t w = both.num_externals, z = w + 1;
  AddOther(both);
  Graph other;
  AddOther(other);
  auto delegate = Delegate::Load(both);
  if (!delegate) return;  // a type that this kind has not

  std::vector<std::vector<Dims>> shapes;
  for (size_t dim = 0; dim < kMaxRank; ++dim) {
    std::vector<Dims> all = alone.inputs, first = alone.inputs;
    bool is_first = true;
    for (size_t i = 0; i < all.size(); ++i) {
      if (dim >= all[i].rank()) continue;
      all[i][dim] = 0;
      if (std::exchange(is_first, false)) first[i][dim] = 0;
    }
    for (const auto& candidate : {all, first}) {
      if (candidate != alone.inputs && InferShapes(parts, candidate)) {
        shapes.push_back(candidate);
      }
    }
  }
  shapes.push_back(alone.inputs);
  const auto expect = [&](const std::vector<Dims>& inputs, const Dims& other_dims) {
    std::string trace;
    for (const Dims& dims : inputs) trace += ToString(dims);
    SCOPED_TRACE(std::format("inputs {}, other {}", trace, ToString(other_dims)));
    std::vector<Dims> with_other = inputs;
    with_other.push_back(other_dims);
    with_other.emplace_back();
    const std::vector<Bytes> found = delegate->Run(with_other);
    auto fresh = Delegate::Load(alone.graph);
    auto fresh_other = Delegate::Load(other);
    ASSERT_TRUE(fresh && fresh_other);
    const std::vector<Bytes> expected = fresh->Run(inputs);
    for (const uint32_t id : alone.outputs) EXPECT_EQ(found[id], expected[id]) << "output " << id;
    // The data of w depends on its id.
    std::vector<OwnedTensor> tensors(2);
    tensors[0] = Filled(ElementType::kF32, other_dims, w);
    tensors[1] = OwnedTensor(ElementType::kF32, other_dims.span());
    auto payload = WritePayload(other);
    ASSERT_TRUE(payload);
    auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes);
    ASSERT_TRUE(runner && runner->Run(tensors));
    EXPECT_EQ(found[z], Bytes(tensors[1].bytes().begin(), tensors[1].bytes().end()));
  };
  static size_t num_pairs = 0;  // over all graphs, so that each gets other ones of them
  for (const std::vector<Dims>& inputs : shapes) {
    bool ran = false;
    for (const Dims& other_dims : {kOtherDims, Dims{0, 5}, Dims{2, 0}, Dims{2, 3}}) {
      if (num_pairs++ % test::Stride() != 0) continue;
      ran = true;
      expect(inputs, other_dims);
      if (testing::Test::HasFailure()) return;
      num_mixed += inputs != alone.inputs || other_dims.NumElements() == 0;
    }
    if (ran) expect(alone.inputs, kOtherDims);
  }
}

// --- Every kind ---------------------------------------------------------------------------------

class EmptyKinds : public testing::TestWithParam<NodeKind> {};

std::vector<NodeKind> AllKinds() {
  std::vector<NodeKind> kinds;
  for (const NodeKindInfo& info : NodeKindTable()) {
    kinds.push_back(info.kind);
  }
  return kinds;
}
INSTANTIATE_TEST_SUITE_P(, EmptyKinds, testing::ValuesIn(AllKinds()),
                         [](const auto& info) { return std::string(Info(info.param).name); });

Quantization QuantizationOf(DataType type) {
  if (type == kQInt8) return PerTensorQuantization{0.5f, -3};
  if (type == kQInt32) return PerTensorQuantization{0.25f, 0};
  return {};
}

Graph OneNode(NodeKind kind, DataType type, bool constants) {
  GraphBuilder b;
  const NodeKindInfo& info = Info(kind);
  const test::Operands operands = test::OperandsOf(kind);
  std::vector<ValueIndex> inputs = {b.Input(type, operands.input, QuantizationOf(type))};
  while (inputs.size() < info.min_inputs && operands.constants.empty()) {
    inputs.push_back(b.Input(type, operands.input, QuantizationOf(type)));
  }
  for (size_t i = 0; i < operands.constants.size(); ++i) {
    const DataType of = i == 1 && type == kQInt8 ? kQInt32 : type;
    if (!constants) {
      inputs.push_back(b.Input(of, operands.constants[i], QuantizationOf(of)));
      continue;
    }
    std::vector<uint8_t> bytes(*TensorBytes(of, operands.constants[i]));
    const OwnedTensor numbers = Filled(
        type == kQInt8 ? ElementType::kInt8 : *ExternalElementType(of),
        type == kQInt8 ? Dims{bytes.size()} : operands.constants[i], static_cast<uint32_t>(i));
    std::memcpy(bytes.data(), numbers.bytes().data(), bytes.size());
    inputs.push_back(b.Constant(of, operands.constants[i], bytes, QuantizationOf(of)));
  }
  const Dims ones(std::vector<size_t>(operands.output_rank, 1));
  // Further nodes on both sides of the border between what is empty and what is not.
  const bool has_more = kind != NodeKind::kArgMaxPooling2d && type != kQInt8;
  const ValueIndex result = has_more ? b.Internal(type, ones) : kNoValue;
  std::vector<ValueIndex> outputs = {b.Output(type, ones, QuantizationOf(type))};
  if (info.num_outputs == 2) outputs.push_back(b.Output(kInt32, {2, 2, 2, 4}));
  const uint32_t flags = kind == NodeKind::kGlobalAvgPooling2d ? kFlagKeepDims : 0;
  if (has_more) {
    b.Add(kind, inputs, {result}, operands.attributes).flags = flags;
    b.Add(NodeKind::kHardswish, {result}, outputs);
  } else {
    b.Add(kind, inputs, outputs, operands.attributes).flags = flags;
  }
  return b.Build();
}

TEST_P(EmptyKinds, BesideOthers) {
  size_t num_mixed = 0;
  for (const DataType type : {kF32, kF16, kQInt8}) {
    for (const bool constants : {true, false}) {
      if (!constants && test::OperandsOf(GetParam()).constants.empty()) continue;
      SCOPED_TRACE(std::format("{}.{}.{}", Info(GetParam()).name, Name(type),
                               constants ? "constants" : "computed"));
      ExpectUndisturbed([&] { return OneNode(GetParam(), type, constants); }, num_mixed);
      if (HasFailure()) return;
    }
  }
  if (test::Stride() == 1) EXPECT_GT(num_mixed, 0u);  // of few, each may be left out
}

// --- Every scheme of weights --------------------------------------------------------------------

TEST(EmptyValues, RealWeightsBesideOthers) {
  size_t num_mixed = 0;
  for (const std::filesystem::path& folder : test::ModelFolders()) {
    const auto model = test::LoadModel(folder);
    if (!model || model->file.size() > 20'000) continue;
    for (const test::ModelPayload& payload : model->payloads) {
      SCOPED_TRACE(payload.name);
      ExpectUndisturbed(
          [&] {
            auto graph = ReadPayload(payload.bytes, model->named_data.get());
            EXPECT_TRUE(graph) << graph.error().ToString();
            return *std::move(graph);
          },
          num_mixed);
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(num_mixed, 100u);
}

// --- Something of nothing -----------------------------------------------------------------------

std::vector<float> Floats(const Bytes& bytes) {
  std::vector<float> floats(bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(floats.data(), bytes.data(), bytes.size());
  return floats;
}

std::vector<float> RunOnce(const Graph& graph, const std::vector<Dims>& inputs) {
  auto delegate = Delegate::Load(graph);
  EXPECT_TRUE(delegate);
  if (!delegate) return {};
  return Floats(delegate->Run(inputs).back());
}

// The input with this id.
std::vector<float> InputData(const Dims& dims, uint32_t id) {
  const OwnedTensor tensor = Filled(ElementType::kF32, dims, id);
  return std::vector<float>(tensor.data<float>(), tensor.data<float>() + *dims.NumElements());
}

TEST(EmptyValues, ConcatenationIsOfTheOthers) {
  GraphBuilder b;
  const ValueIndex p = b.Input(kF32, {4, 3}), q = b.Input(kF32, {4, 3}), r = b.Input(kF32, {4, 3});
  const ValueIndex y = b.Output(kF32, {12, 3});
  b.Add(NodeKind::kConcatenate3, {p, q, r}, {y}, ConcatenateAttributes{0});
  const Graph graph = b.Build();
  std::vector<float> expected = InputData({2, 3}, 2);
  EXPECT_EQ(RunOnce(graph, {{0, 3}, {0, 3}, {2, 3}}), expected);
  const std::vector<float> first = InputData({1, 3}, 0);
  expected.insert(expected.begin(), first.begin(), first.end());
  EXPECT_EQ(RunOnce(graph, {{1, 3}, {0, 3}, {2, 3}}), expected);
  EXPECT_EQ(RunOnce(graph, {{0, 3}, {0, 3}, {0, 3}}), std::vector<float>());
}

TEST(EmptyValues, PaddingIsAllThatThereIs) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {2, 3});
  const ValueIndex padded = b.Internal(kF32, {2, 3});
  const ValueIndex y = b.Output(kF32, {2, 3});
  b.Add(NodeKind::kStaticConstantPad, {x}, {padded}, PadAttributes{{1, 0}, {1, 0}, 2.5f});
  b.Add(NodeKind::kNegate, {padded}, {y});
  EXPECT_EQ(RunOnce(b.Build(), {{0, 3}}), std::vector<float>(6, -2.5f));
}

TEST(EmptyValues, MeanOfNothingIsNotANumber) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {2, 4, 5, 2});
  const ValueIndex y = b.Output(kF32, {2, 2});
  b.Add(NodeKind::kGlobalAvgPooling2d, {x}, {y});
  const Graph graph = b.Build();
  for (const Dims& dims : {Dims{2, 0, 5, 2}, Dims{2, 4, 0, 2}}) {
    const std::vector<float> found = RunOnce(graph, {dims});
    ASSERT_EQ(found.size(), 4u);
    for (const float number : found) EXPECT_TRUE(std::isnan(number));
  }
}

TEST(EmptyValues, SumOfNoProductsIsZeroOrTheBias) {
  for (const bool transposed : {false, true}) {
    GraphBuilder product;
    const ValueIndex a = product.Input(kF32, {2, 3, 4});
    const ValueIndex m =
        transposed ? product.Input(kF32, {2, 5, 4}) : product.Input(kF32, {2, 4, 5});
    const ValueIndex c = product.Output(kF32, {2, 3, 5});
    product.Add(NodeKind::kBatchMatrixMultiply, {a, m}, {c}).flags =
        transposed ? kFlagTransposeWeights : 0;
    EXPECT_EQ(RunOnce(product.Build(), {{2, 3, 0}, transposed ? Dims{2, 5, 0} : Dims{2, 0, 5}}),
              std::vector<float>(30, 0.0f));

    GraphBuilder layer;
    const ValueIndex x = layer.Input(kF32, {2, 3});
    const ValueIndex w = transposed ? layer.Input(kF32, {3, 4}) : layer.Input(kF32, {4, 3});
    const ValueIndex y = layer.Output(kF32, {2, 4});
    Node& node =
        layer.Add(NodeKind::kFullyConnected,
                  {x, w, layer.Constant(kF32, {4}, std::vector<float>{1, -2, 3, -4})}, {y});
    node.flags = transposed ? kFlagTransposeWeights : 0;
    node.output_min = -3;
    EXPECT_EQ(RunOnce(layer.Build(), {{2, 0}, transposed ? Dims{0, 4} : Dims{4, 0}}),
              (std::vector<float>{1, -2, 3, -3, 1, -2, 3, -3}));
  }
}

// What is made of nothing is read by nodes with weights, in the same island.
TEST(EmptyValues, WeightsReadWhatIsMadeOfNothing) {
  GraphBuilder b;
  const ValueIndex p = b.Input(kF32, {1, 4, 5, 2}), q = b.Input(kF32, {1, 4, 5, 2});
  const ValueIndex joined = b.Internal(kF32, {1, 8, 5, 2});
  const ValueIndex y = b.Output(kF32, {1, 7, 4, 2});
  b.Add(NodeKind::kConcatenate2, {p, q}, {joined}, ConcatenateAttributes{1});
  b.Add(NodeKind::kDepthwiseConv2d,
        {joined, b.Constant(kF32, {1, 2, 2, 2}, std::vector<float>(8, 1.0f))}, {y},
        ConvolutionAttributes{.kernel_height = 2, .kernel_width = 2, .groups = 2});
  const Graph graph = b.Build();
  auto delegate = Delegate::Load(graph);
  ASSERT_TRUE(delegate);
  const std::vector<float> image = InputData({1, 3, 5, 2}, 1);
  std::vector<float> expected;
  for (size_t i = 0; i < 2 * 4 * 2; ++i) {
    const size_t at = (i / 8) * 10 + i % 8;
    expected.push_back(image[at] + image[at + 2] + image[at + 10] + image[at + 12]);
  }
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Floats(delegate->Run({{1, 0, 5, 2}, {1, 3, 5, 2}}).back()), expected);
    EXPECT_EQ(delegate->Run({{1, 4, 5, 2}, {1, 4, 5, 2}}).back().size(), 7 * 4 * 2 * sizeof(float));
  }
}

}  // namespace
}  // namespace switchyard
