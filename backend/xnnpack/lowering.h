// One XNNPACK subgraph in the making: which of its values stands for which value of our graph, and
// what the lower_*.cpp files, one for each operator family, need to add their nodes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "backend/xnnpack/stock_step.h"
#include "backend/xnnpack/xnnpack_api.h"
#include "runtime/aligned_buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/format.h"
#include "schema/graph.h"

namespace switchyard {

// A value that crosses the subgraph's border.
struct SubgraphExternal {
  uint32_t id;  // XNNPACK's
  ValueIndex value;
  bool is_output;
  // The subgraph sees it as f32, in a buffer of the island; the graph's type is bf16.
  bool is_widened = false;
  // Nobody reads it, but XNNPACK wants a place to write it to: a buffer of the island.
  bool is_scratch = false;
  // XNNPACK does not propagate its shape: it has to be told.
  bool is_shape_given = false;
};

// Of the input's scale to the output's where int8 becomes int8: 2^-8 to 2^7, both included.
inline constexpr float kMinConvertRatio = 0x1p-8f;
inline constexpr float kConvertRatioLimit = 0x1.000002p+7f;

// The scale of a value that is quantized per tensor; 1 of others.
float ScaleOf(const Value& value);

// What a set of types is made of: bits by DataType.
using TypeSet = uint32_t;
constexpr TypeSet Types(auto... types) {
  return ((TypeSet{1} << static_cast<unsigned>(types)) | ...);
}
inline constexpr TypeSet kFloatTypes = Types(DataType::kF32, DataType::kF16);
inline constexpr TypeSet kQuantizedTypes = Types(DataType::kQInt8, DataType::kQUInt8);

class Lowering {
 public:
  // `constants` as for CreateIsland; all must outlive the lowering.
  Lowering(const Graph& graph, const ConstantData& constants, const StockEnvironment& environment,
           xnn_subgraph_t subgraph);

  // ---- For island.cpp ----

  // In the order of the external ids that the subgraph has reserved.
  Status AddExternal(ValueIndex value, bool is_output);
  // For an output of a node that has no reader but must have a place.
  Status AddScratch(ValueIndex value);
  // Nodes in graph order.
  Status AddNode(NodeIndex node);
  // Converts the outputs that nodes have computed in f32 to their own types.
  Status Finish();

  const std::vector<SubgraphExternal>& externals() const { return externals_; }
  // The node that each of XNNPACK's operators is for, in the order of their definition.
  const std::vector<NodeIndex>& operators() const { return operators_; }
  size_t num_values() const { return num_values_; }  // of the subgraph, so far
  // Converted constants that must live as long as the runtime.
  std::vector<AlignedBuffer> TakeKeptConstants() { return std::move(kept_constants_); }

  // ---- For the lower_*.cpp files: about the node that is being added ----

  xnn_subgraph_t subgraph() const { return subgraph_; }
  const Graph& graph() const { return graph_; }
  const Node& node() const { return graph_.nodes[node_]; }
  // The node's, of the type that its kind has.
  template <typename Attributes>
  const Attributes& attributes() const {
    return std::get<Attributes>(node().attributes);
  }
  const MaskedCpu& cpu() const { return environment_.cpu; }
  bool use_remedies() const { return environment_.use_remedies; }
  const Value& input(size_t i) const { return graph_.values[node().inputs[i]]; }
  const Value& output(size_t i = 0) const { return graph_.values[node().outputs[i]]; }

  // The type in which the node sees a value: f32 for float values when it computes in f32.
  DataType TypeOf(const Value& value) const;

  // XNNPACK's id of an input, in the type in which the node sees it. May add conversions, so ids of
  // all inputs must be had before the node itself is defined.
  Result<uint32_t> Input(size_t i);
  // XNNPACK's id of an output.
  Result<uint32_t> Output(size_t i = 0);
  // A constant filter or bias with its elements converted to `type`, which must be its own type,
  // f32 for floats or int8 for int4; no value (XNN_INVALID_VALUE_ID) when the node has no such
  // input.
  Result<uint32_t> Weights(size_t i, DataType type);
  // A new value between two XNNPACK nodes, of the type (and quantization) of `like`.
  Result<uint32_t> Intermediate(const Value& like, size_t rank);

  // All inputs and outputs must be seen in one type, which is among `allowed`.
  Status RequireOneType(TypeSet allowed) const;
  // Values that are copied, not computed, keep scale and zero point.
  Status RequireSameQuantization() const;
  // The output range must be one that XNNPACK takes: min < max, or min <= max. With may_be_empty
  // unset a quantized output's range must hold more than one of its numbers.
  Status RequireRange(bool may_be_empty) const;
  // XNNPACK's fixed-point arithmetic holds ratios of scales from `min` to less than `limit`, and
  // asserts that it gets no others. `what` names the ratio.
  Status RequireScaleRatio(std::string_view what, float ratio, float min, float limit) const;

  // "node 3 Conv2d: types f32, f16 -> f32"; for messages.
  std::string DescribeTypes() const;
  std::string DescribeNode() const;
  template <typename... Args>
  std::unexpected<Error> Unsupported(std::format_string<Args...> format, Args&&... args) const {
    return Fail(ErrorCode::kNotSupported, "{}: {}", DescribeNode(),
                Format(format, std::forward<Args>(args)...));
  }
  // Takes what an xnn_define_* has answered: an error, or so many operators.
  Status Check(xnn_status status, size_t num_operators = 1);

 private:
  enum Form : uint8_t { kNative, kF32 };
  struct Ids {
    std::array<uint32_t, 2> id = {XNN_INVALID_VALUE_ID, XNN_INVALID_VALUE_ID};  // by Form
    std::array<bool, 2> is_computed = {false, false};
    NodeIndex producer = kNoNode;
  };

  Form FormOf(const Value& value) const;
  void ChooseForm();
  Result<uint32_t> Read(ValueIndex index, Form form);
  // Declares the value, without a producer yet.
  Result<uint32_t> Declare(ValueIndex index, Form form, uint32_t external_id, uint32_t flags);
  // values.cpp
  Result<uint32_t> Define(const Value& value, DataType type, const Dims& dims, const void* data,
                          uint32_t external_id, uint32_t flags);
  Result<uint32_t> DefineConstant(ValueIndex index, DataType type);
  Status Convert(uint32_t from, uint32_t to);

  const Graph& graph_;
  const ConstantData& constants_;
  const StockEnvironment& environment_;
  const xnn_subgraph_t subgraph_;

  std::unordered_map<ValueIndex, Ids> ids_;  // of the values that nodes have asked for
  std::vector<SubgraphExternal> externals_;
  std::vector<NodeIndex> operators_;
  size_t num_values_ = 0;
  std::vector<AlignedBuffer> kept_constants_;
  // Read until the runtime is created, which packs them.
  std::vector<AlignedBuffer> temporary_constants_;

  NodeIndex node_ = 0;
  bool computes_in_f32_ = false;
};

// One function for each operator family (lower_*.cpp), named by column `lowering` of the node
// kinds.
using LowerFunction = Status (*)(Lowering& lowering);
Status LowerFullyConnected(Lowering& lowering);
Status LowerConvolution(Lowering& lowering);
Status LowerDepthwiseConvolution(Lowering& lowering);
Status LowerTransposedConvolution(Lowering& lowering);
Status LowerBatchMatrixMultiply(Lowering& lowering);
Status LowerAveragePooling(Lowering& lowering);
Status LowerMaxPooling(Lowering& lowering);
Status LowerArgMaxPooling(Lowering& lowering);
Status LowerGlobalAveragePooling(Lowering& lowering);
Status LowerUnary(Lowering& lowering);
Status LowerBinary(Lowering& lowering);
Status LowerConvert(Lowering& lowering);
Status LowerSoftmax(Lowering& lowering);
Status LowerResizeBilinear(Lowering& lowering);
Status LowerTranspose(Lowering& lowering);
Status LowerReshape(Lowering& lowering);
Status LowerSlice(Lowering& lowering);
Status LowerPad(Lowering& lowering);
Status LowerConcatenate(Lowering& lowering);
Status LowerCopy(Lowering& lowering);
// Of a kind that DecomposeGraph leaves none of: Internal.
Status LowerDecomposed(Lowering& lowering);

}  // namespace switchyard
