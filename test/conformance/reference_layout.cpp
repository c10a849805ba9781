// Operators that move data: every element keeps its bits. StaticTranspose has a file of its own.
#include <cmath>

#include "test/conformance/reference_nodes.h"

namespace switchyard::conformance::reference {
namespace {

// Of element `index` of `dims`.
Dims Position(const Dims& dims, size_t index) {
  Dims position = dims;
  for (size_t d = dims.rank(); d-- > 0; index /= dims[d]) position[d] = index % dims[d];
  return position;
}
size_t IndexOf(const Dims& dims, const Dims& position) {
  size_t index = 0;
  for (size_t d = 0; d < dims.rank(); ++d) index = index * dims[d] + position[d];
  return index;
}

Error WrongRank(const Call& call) {
  return Fail(ErrorCode::kInvalidArgument, "{} of {}: a number for each dimension is expected",
              Info(call.node.kind).name, ToString(call.inputs[0]->dims))
      .error();
}

}  // namespace

Result<std::vector<Tensor>> Copy(const Call& call) {
  Tensor result = Empty(call.output(), call.inputs[0]->dims);
  for (size_t i = 0; i < result.values.size(); ++i) CopyElement(*call.inputs[0], i, result, i);
  return std::vector{std::move(result)};
}

// A 0 in the new shape is what the number of elements leaves.
Result<std::vector<Tensor>> StaticReshape(const Call& call) {
  const Tensor& input = *call.inputs[0];
  const auto& shape = std::get<ReshapeAttributes>(call.node.attributes).new_shape;
  Dims dims;
  size_t known = 1;
  for (uint32_t size : shape) {
    dims.push_back(size);
    if (size != 0) known *= size;
  }
  for (size_t d = 0; d < dims.rank(); ++d) {
    if (dims[d] == 0) dims[d] = input.values.size() / known;
  }
  Tensor result = Empty(call.output(), dims);
  if (result.values.size() != input.values.size()) {
    return Fail(ErrorCode::kInvalidArgument, "{} reshaped to {}", ToString(input.dims),
                ToString(dims));
  }
  for (size_t i = 0; i < result.values.size(); ++i) CopyElement(input, i, result, i);
  return std::vector{std::move(result)};
}

// A size of 0 at offset 0 is the whole dimension.
Result<std::vector<Tensor>> StaticSlice(const Call& call) {
  const Tensor& input = *call.inputs[0];
  const auto& slice = std::get<SliceAttributes>(call.node.attributes);
  if (slice.offsets.size() != input.dims.rank() || slice.sizes.size() != input.dims.rank()) {
    return std::unexpected(WrongRank(call));
  }
  Dims dims;
  for (size_t d = 0; d < input.dims.rank(); ++d) {
    dims.push_back(slice.sizes[d] == 0 ? input.dims[d] : slice.sizes[d]);
    if (slice.offsets[d] + dims[d] > input.dims[d]) {
      return Fail(ErrorCode::kInvalidArgument, "a slice beyond dimension {} of {}", d,
                  ToString(input.dims));
    }
  }
  Tensor result = Empty(call.output(), dims);
  for (size_t i = 0; i < result.values.size(); ++i) {
    Dims position = Position(dims, i);
    for (size_t d = 0; d < dims.rank(); ++d) position[d] += slice.offsets[d];
    CopyElement(input, IndexOf(input.dims, position), result, i);
  }
  return std::vector{std::move(result)};
}

// What is not input has the value, rounded to the output's type.
Result<std::vector<Tensor>> StaticConstantPad(const Call& call) {
  const Tensor& input = *call.inputs[0];
  const auto& pad = std::get<PadAttributes>(call.node.attributes);
  if (pad.pre_paddings.size() != input.dims.rank() ||
      pad.post_paddings.size() != input.dims.rank()) {
    return std::unexpected(WrongRank(call));
  }
  Dims dims = input.dims;
  for (size_t d = 0; d < dims.rank(); ++d) dims[d] += pad.pre_paddings[d] + pad.post_paddings[d];
  Tensor result = Empty(call.output(), dims);
  for (size_t i = 0; i < result.values.size(); ++i) {
    Dims position = Position(dims, i);
    bool inside = true;
    for (size_t d = 0; d < dims.rank(); ++d) {
      position[d] -= pad.pre_paddings[d];  // wraps to something large before the input
      inside = inside && position[d] < input.dims[d];
    }
    if (inside) {
      CopyElement(input, IndexOf(input.dims, position), result, i);
    } else {
      Store(result, i, pad.value, 0);
    }
  }
  return std::vector{std::move(result)};
}

Result<std::vector<Tensor>> Concatenate(const Call& call) {
  const size_t axis = std::get<ConcatenateAttributes>(call.node.attributes).axis;
  Dims dims = call.inputs[0]->dims;
  if (axis >= dims.rank()) {
    return Fail(ErrorCode::kInvalidArgument, "concatenation along {} of {}", axis, ToString(dims));
  }
  dims[axis] = 0;
  for (const Tensor* input : call.inputs) dims[axis] += input->dims[axis];
  Tensor result = Empty(call.output(), dims);
  size_t begin = 0;
  for (const Tensor* input : call.inputs) {
    for (size_t i = 0; i < input->values.size(); ++i) {
      Dims position = Position(input->dims, i);
      position[axis] += begin;
      CopyElement(*input, i, result, IndexOf(dims, position));
    }
    begin += input->dims[axis];
  }
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
