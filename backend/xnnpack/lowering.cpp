#include "backend/xnnpack/lowering.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "backend/plan/quantize.h"
#include "backend/xnnpack/remedies.h"
#include "schema/node_kinds.h"

namespace switchyard {
namespace {

using enum NodeKind;

constexpr LowerFunction kLowerings[] = {
#define SWITCHYARD_NODE_KIND(kind, min_inputs, max_inputs, num_outputs, attributes, flags, shape, \
                             lowering, ...)                                                       \
  &Lower##lowering,
#include "schema/node_kinds.inc"
#undef SWITCHYARD_NODE_KIND
};

}  // namespace

float ScaleOf(const Value& value) {
  const auto* quantized = std::get_if<PerTensorQuantization>(&value.quantization);
  return quantized == nullptr ? 1.0f : quantized->scale;
}

Status LowerDecomposed(Lowering& lowering) {
  return Fail(ErrorCode::kInternal, "{}: the graph has not been decomposed; call DecomposeGraph",
              lowering.DescribeNode());
}

Lowering::Lowering(const Graph& graph, const ConstantData& constants,
                   const StockEnvironment& environment, xnn_subgraph_t subgraph)
    : graph_(graph), constants_(constants), environment_(environment), subgraph_(subgraph) {}

Status Lowering::AddExternal(ValueIndex index, bool is_output) {
  const Value& value = graph_.values[index];
  const bool is_widened = value.type == DataType::kBF16 && environment_.use_remedies;
  const Form form = is_widened ? kF32 : kNative;
  const auto external_id = static_cast<uint32_t>(externals_.size());
  const uint32_t flags = is_output ? XNN_VALUE_FLAG_EXTERNAL_OUTPUT : XNN_VALUE_FLAG_EXTERNAL_INPUT;
  SWITCHYARD_ASSIGN(const uint32_t id, Declare(index, form, external_id, flags));
  ids_[index].is_computed[form] = !is_output;
  externals_.push_back(
      {.id = id, .value = index, .is_output = is_output, .is_widened = is_widened});
  return {};
}

Status Lowering::AddScratch(ValueIndex index) {
  SWITCHYARD_TRY(AddExternal(index, /*is_output=*/true));
  externals_.back().is_scratch = true;
  return {};
}

Status Lowering::AddNode(NodeIndex index) {
  node_ = index;
  if (const Remedy* row =
          use_remedies() ? FindRemedy(RemedyAction::kRefuse, graph_, node(), cpu()) : nullptr) {
    return Unsupported(
        "XNNPACK cannot run it on this CPU: {} ({}), expected another type of weights, or a CPU "
        "that row {} of the remedies is not about; export it for this CPU",
        row->evidence, DescribeTypes(), row->id);
  }
  ChooseForm();
  SWITCHYARD_TRY(kLowerings[static_cast<size_t>(node().kind) - 1](*this));
  if (node().kind == kArgMaxPooling2d) {
    // XNNPACK does not propagate the shape of the indices.
    for (SubgraphExternal& external : externals_) {
      if (external.value == node().outputs[1]) external.is_shape_given = true;
    }
  }
  return {};
}

void Lowering::ChooseForm() {
  computes_in_f32_ = environment_.use_remedies &&
                     FindRemedy(RemedyAction::kComputeInF32, graph_, node(), cpu()) != nullptr;
  if (computes_in_f32_ || !Info(node().kind).moves_data) return;
  // Moving what has been computed in f32 as f32 saves a conversion there and one back.
  const Ids& ids = ids_[node().inputs[0]];
  computes_in_f32_ = ids.is_computed[kF32] && !ids.is_computed[kNative];
}

Status Lowering::Finish() {
  for (const SubgraphExternal& external : externals_) {
    if (!external.is_output) continue;
    // A conversion is its work.
    if (const NodeIndex producer = ids_[external.value].producer; producer != kNoNode) {
      node_ = producer;
    }
    SWITCHYARD_TRY(Read(external.value, external.is_widened ? kF32 : kNative));
  }
  return {};
}

Lowering::Form Lowering::FormOf(const Value& value) const {
  const bool is_narrow = value.type == DataType::kF16 || value.type == DataType::kBF16;
  return computes_in_f32_ && is_narrow ? kF32 : kNative;
}

DataType Lowering::TypeOf(const Value& value) const {
  return FormOf(value) == kF32 ? DataType::kF32 : value.type;
}

Result<uint32_t> Lowering::Read(ValueIndex index, Form form) {
  const Value& value = graph_.values[index];
  if (value.constant) {
    return DefineConstant(index, form == kF32 ? DataType::kF32 : value.type);
  }
  Ids& ids = ids_[index];
  if (ids.is_computed[form]) return ids.id[form];
  const Form other = form == kF32 ? kNative : kF32;
  if (!ids.is_computed[other]) {
    return Fail(ErrorCode::kInternal, "{}: used before it is computed; the plan's order is wrong",
                Describe(value));
  }
  SWITCHYARD_TRY(Declare(index, form, XNN_INVALID_VALUE_ID, /*flags=*/0));
  SWITCHYARD_TRY(Convert(ids.id[other], ids.id[form]));
  ids.is_computed[form] = true;
  return ids.id[form];
}

Result<uint32_t> Lowering::Declare(ValueIndex index, Form form, uint32_t external_id,
                                   uint32_t flags) {
  uint32_t& id = ids_[index].id[form];
  if (id != XNN_INVALID_VALUE_ID) return id;
  const Value& value = graph_.values[index];
  // The sizes come with the first reshape. XNNPACK would allocate what is said here.
  Dims ones;
  while (ones.rank() < value.dims.rank()) ones.push_back(1);
  SWITCHYARD_ASSIGN(id, Define(value, form == kF32 ? DataType::kF32 : value.type, ones,
                               /*data=*/nullptr, external_id, flags));
  return id;
}

Result<uint32_t> Lowering::Input(size_t i) {
  const ValueIndex index = node().inputs[i];
  return Read(index, FormOf(graph_.values[index]));
}

Result<uint32_t> Lowering::Output(size_t i) {
  const ValueIndex index = node().outputs[i];
  const Form form = FormOf(graph_.values[index]);
  SWITCHYARD_TRY(Declare(index, form, XNN_INVALID_VALUE_ID, /*flags=*/0));
  ids_[index].is_computed[form] = true;
  ids_[index].producer = node_;
  return ids_[index].id[form];
}

Result<uint32_t> Lowering::Weights(size_t i, DataType type) {
  if (i >= node().inputs.size()) return XNN_INVALID_VALUE_ID;
  if (!input(i).constant) return Input(i);
  return DefineConstant(node().inputs[i], type);
}

Result<uint32_t> Lowering::Intermediate(const Value& like, size_t rank) {
  Dims ones;
  while (ones.rank() < rank) ones.push_back(1);
  return Define(like, TypeOf(like), ones, /*data=*/nullptr, XNN_INVALID_VALUE_ID, /*flags=*/0);
}

Status Lowering::Convert(uint32_t from, uint32_t to) {
  return Check(
      xnn_define_unary(subgraph_, xnn_unary_convert, /*params=*/nullptr, from, to, /*flags=*/0));
}

Status Lowering::RequireOneType(TypeSet allowed) const {
  const DataType type = TypeOf(output());
  bool is_one = (Types(type) & allowed) != 0;
  for (size_t i = 0; i < node().inputs.size(); ++i) is_one &= TypeOf(input(i)) == type;
  for (size_t i = 0; i < node().outputs.size(); ++i) is_one &= TypeOf(output(i)) == type;
  if (is_one) return {};
  std::string names;
  for (unsigned i = 0; i < 32; ++i) {
    if ((allowed >> i & 1) == 0) continue;
    if (!names.empty()) names += ", ";
    names += Name(static_cast<DataType>(i));
  }
  return Unsupported("types {}, expected one type for all, of {}; insert Converts", DescribeTypes(),
                     names);
}

Status Lowering::RequireSameQuantization() const {
  const auto* expected = std::get_if<PerTensorQuantization>(&output().quantization);
  if (expected == nullptr) return {};
  for (size_t i = 0; i < node().inputs.size(); ++i) {
    const auto* found = std::get_if<PerTensorQuantization>(&input(i).quantization);
    if (found != nullptr && found->scale == expected->scale &&
        found->zero_point == expected->zero_point) {
      continue;
    }
    return Unsupported(
        "input {} has another scale or zero point than the output (scale {}, zero point {}), which "
        "are copied; insert a Convert",
        i, expected->scale, expected->zero_point);
  }
  return {};
}

Status Lowering::RequireRange(bool may_be_empty) const {
  const float min = node().output_min, max = node().output_max;
  if (!(min < max || (may_be_empty && min == max))) {
    return Unsupported("output range [{}, {}], expected a lower bound below the upper one", min,
                       max);
  }
  const auto* quantized = std::get_if<PerTensorQuantization>(&output().quantization);
  if (may_be_empty || quantized == nullptr || (Types(output().type) & kQuantizedTypes) == 0) {
    return {};
  }
  if (Quantize(min, *quantized, output().type) < Quantize(max, *quantized, output().type))
    return {};
  return Unsupported(
      "output range [{}, {}] holds one number of scale {} and zero point {}, expected two at "
      "least; widen the range",
      min, max, quantized->scale, quantized->zero_point);
}

Status Lowering::RequireScaleRatio(std::string_view what, float ratio, float min,
                                   float limit) const {
  if (ratio >= min && ratio < limit) return {};
  return Unsupported("{} is {}, expected {} to {}; export it with scales closer to each other",
                     what, ratio, min, limit);
}

std::string Lowering::DescribeTypes() const {
  std::string text;
  for (size_t i = 0; i < node().inputs.size(); ++i) {
    if (i > 0) text += ", ";
    text += Name(TypeOf(input(i)));
  }
  text += " -> ";
  for (size_t i = 0; i < node().outputs.size(); ++i) {
    if (i > 0) text += ", ";
    text += Name(TypeOf(output(i)));
  }
  return text;
}

std::string Lowering::DescribeNode() const { return Describe(graph_, node_); }

Status Lowering::Check(xnn_status status, size_t num_operators) {
  if (status == xnn_status_success) {
    operators_.insert(operators_.end(), num_operators, node_);
    return {};
  }
  return Fail(
      ToErrorCode(status),
      "{}: XNNPACK refuses it ({}; types {}), expected types and attributes that its operator "
      "takes; export the node in another form",
      DescribeNode(), Name(status), DescribeTypes());
}

}  // namespace switchyard
