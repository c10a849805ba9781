#include "backend/plan/shape_rules.h"
#include "runtime/base/checked_math.h"

namespace switchyard {

Status ShapeOfTranspose(ShapeContext& context) {
  const auto& permutation = context.Attributes<TransposeAttributes>().permutation;
  SWITCHYARD_TRY(context.ExpectRank(0, permutation.size()));
  Dims dims;
  for (const uint32_t dim : permutation) dims.push_back(context.Input(0)[dim]);
  return context.SetOutput(dims);
}

// A 0 in the new shape stands for what the number of elements leaves.
Status ShapeOfReshape(ShapeContext& context) {
  const auto& new_shape = context.Attributes<ReshapeAttributes>().new_shape;
  const Dims& input = context.Input(0);
  // Both fit: the input is a value, and CheckGraph has multiplied the others.
  const size_t elements = *input.NumElements();
  size_t others = 1;
  std::optional<size_t> inferred;
  Dims dims;
  for (const uint32_t size : new_shape) {
    if (size == 0) {
      inferred = dims.rank();
    } else {
      others *= size;
    }
    dims.push_back(size);
  }
  if (inferred) dims[*inferred] = elements / others;
  if (dims.NumElements() != elements) {
    return context.Refuse("its input has dimensions {}, expected as many elements as in {}",
                          ToString(input), ToString(dims));
  }
  return context.SetOutput(dims);
}

// A size of 0 stands for the whole dimension. Behind an offset XNNPACK copies what is left of it,
// but reports the whole, so that is refused.
Status ShapeOfSlice(ShapeContext& context) {
  const auto& slice = context.Attributes<SliceAttributes>();
  const Dims& input = context.Input(0);
  SWITCHYARD_TRY(context.ExpectRank(0, slice.offsets.size()));
  Dims dims;
  for (size_t i = 0; i < input.rank(); ++i) {
    const size_t offset = slice.offsets[i];
    const size_t size = slice.sizes[i] == 0 && offset == 0 ? input[i] : slice.sizes[i];
    if (size == 0 || offset + size > input[i]) {
      return context.Refuse(
          "{} elements from number {} on of dimension {}, expected at least 1 within {}", size,
          offset, i, ToString(input));
    }
    dims.push_back(size);
  }
  return context.SetOutput(dims);
}

Status ShapeOfPad(ShapeContext& context) {
  const auto& pad = context.Attributes<PadAttributes>();
  const Dims& input = context.Input(0);
  SWITCHYARD_TRY(context.ExpectRank(0, pad.pre_paddings.size()));
  if (input.NumElements() == 0) {
    return context.Refuse("its input has dimensions {}, expected at least 1 in each",
                          ToString(input));
  }
  Dims dims;
  for (size_t i = 0; i < input.rank(); ++i) {
    dims.push_back(input[i] + pad.pre_paddings[i] + pad.post_paddings[i]);
  }
  return context.SetOutput(dims);
}

Status ShapeOfConcatenate(ShapeContext& context) {
  const size_t axis = context.Attributes<ConcatenateAttributes>().axis;
  Dims dims = context.Input(0);
  SWITCHYARD_TRY(context.ExpectMinRank(0, axis + 1));
  for (size_t i = 1; i < context.node().inputs.size(); ++i) {
    const Dims& input = context.Input(i);
    Dims others = input;
    if (axis < others.rank()) others[axis] = dims[axis];
    if (others != dims) {
      return context.Refuse(
          "its inputs have dimensions {} and {}, expected equal ones except for "
          "number {}",
          ToString(context.Input(0)), ToString(input), axis);
    }
    dims[axis] += input[axis];
  }
  return context.SetOutput(dims);
}

}  // namespace switchyard
