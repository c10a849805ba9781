#include "backend/arguments.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "backend/plan/dim_order.h"

namespace switchyard {
namespace {

// XNNPACK's indices (argmax) are int32; a host that declares them int64 gets them widened in place,
// last element first.
void WidenInt32ToInt64(void* data, size_t count) {
  auto* bytes = static_cast<std::byte*>(data);
  for (size_t i = count; i-- > 0;) {
    int32_t narrow;
    std::memcpy(&narrow, bytes + i * sizeof(int32_t), sizeof(narrow));
    const int64_t wide = narrow;
    std::memcpy(bytes + i * sizeof(int64_t), &wide, sizeof(wide));
  }
}

Status CheckElementType(const Value& value, const TensorView& tensor) {
  const std::optional<ElementType> expected = ExternalElementType(value.type);
  if (expected == tensor.element_type) return {};
  if (value.is_external_output && expected == ElementType::kInt32 &&
      tensor.element_type == ElementType::kInt64) {
    return {};
  }
  return Fail(ErrorCode::kInvalidType, "argument {}: element type {}, expected {}; convert it",
              *value.external_id, Name(tensor.element_type),
              expected ? Name(*expected) : std::string_view("none"));
}

Status CheckStorage(const Value& value, const TensorView& tensor) {
  const std::optional<size_t> needed = tensor.NumBytes();
  if (!needed || *needed > tensor.capacity_bytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "argument {}: {} bytes of storage, its sizes need {}; give it a larger buffer",
                *value.external_id, tensor.capacity_bytes,
                needed ? std::to_string(*needed) : std::string("more than can be addressed"));
  }
  if (*needed > 0 && tensor.data == nullptr) {
    return Fail(ErrorCode::kInvalidArgument, "argument {}: no data pointer; set one before execute",
                *value.external_id);
  }
  return {};
}

}  // namespace

HostArguments::HostArguments(const Graph& graph, bool has_exported_dim_orders)
    : graph_(graph), layouts_(graph, /*likely=*/!has_exported_dim_orders) {
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].is_external_input) inputs_.push_back(i);
    if (graph.values[i].is_external_output) outputs_.push_back(i);
  }
}

Argument HostArguments::Describe(size_t index) const {
  Argument argument;
  for (const auto* values : {&inputs_, &outputs_}) {
    for (ValueIndex i : *values) {
      const Value& value = graph_.values[i];
      if (*value.external_id != index) continue;
      argument.is_output = value.is_external_output;
      TensorView& form = argument.form;
      form.element_type = ExternalElementType(value.type).value_or(ElementType::kF32);
      form.rank = value.dims.rank();
      const std::vector<uint8_t> order =
          argument.is_output ? DefaultDimOrder(form.rank) : WantedDimOrder(graph_, layouts_, i);
      for (size_t j = 0; j < form.rank; ++j) {
        form.dim_order[j] = order[j];
        form.sizes[order[j]] = value.dims[j];
      }
    }
  }
  return argument;
}

Status HostArguments::BindInputs(std::span<const TensorView> arguments, std::span<Dims> dims,
                                 std::span<void*> data) const {
  if (arguments.size() < size()) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "execute: {} arguments, the payload has {} (inputs, then outputs); pass all of them",
        arguments.size(), size());
  }
  ArgumentOrders orders(graph_, layouts_, arguments);
  for (const ValueIndex i : inputs_) {
    const Value& value = graph_.values[i];
    const TensorView& tensor = arguments[*value.external_id];
    if (tensor.error != nullptr) return std::unexpected(*tensor.error);
    SWITCHYARD_ASSIGN(dims[*value.external_id], orders.PhysicalDims(i));
    SWITCHYARD_TRY(CheckElementType(value, tensor));
    SWITCHYARD_TRY(CheckStorage(value, tensor));
    data[i] = tensor.data;
  }
  return {};
}

Status HostArguments::BindOutputs(std::span<TensorView> arguments, std::span<const Dims> shapes,
                                  std::span<void*> data) const {
  for (const ValueIndex i : outputs_) {
    const Value& value = graph_.values[i];
    TensorView& tensor = arguments[*value.external_id];
    if (tensor.error != nullptr) return std::unexpected(*tensor.error);
    SWITCHYARD_ASSIGN(const Dims sizes, LogicalSizes(value, shapes[i], tensor));
    if (!std::ranges::equal(sizes.span(), std::span(tensor.sizes).first(tensor.rank))) {
      if (tensor.resize == nullptr) {
        return Fail(ErrorCode::kNotSupported,
                    "argument {}: the output's sizes are to become {}, but the tensor is static; "
                    "pass one that can be resized",
                    *value.external_id, ToString(sizes));
      }
      SWITCHYARD_TRY(tensor.resize(tensor, sizes.span()));
    }
    SWITCHYARD_TRY(CheckElementType(value, tensor));
    SWITCHYARD_TRY(CheckStorage(value, tensor));
    data[i] = tensor.data;
  }
  return {};
}

void HostArguments::WidenOutputs(std::span<const TensorView> arguments,
                                 std::span<const Dims> shapes) const {
  for (const ValueIndex i : outputs_) {
    const TensorView& tensor = arguments[*graph_.values[i].external_id];
    if (tensor.element_type == ElementType::kInt64) {
      WidenInt32ToInt64(tensor.data, *shapes[i].NumElements());
    }
  }
}

}  // namespace switchyard
