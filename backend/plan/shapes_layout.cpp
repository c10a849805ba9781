#include "backend/plan/shape_rules.h"
#include "runtime/base/checked_math.h"

namespace switchyard {

Status ShapeOfTranspose(ShapeContext& context) {
  const auto& permutation = context.Attributes<TransposeAttributes>().permutation;
  SWITCHYARD_TRY(context.ExpectRank(0, permutation.size()));
  ShapeRange dims;
  for (const uint32_t dim : permutation) dims.push_back(context.Input(0)[dim]);
  return context.SetOutput(dims);
}

// A 0 in the new shape stands for what the number of elements leaves.
Status ShapeOfReshape(ShapeContext& context) {
  const auto& new_shape = context.Attributes<ReshapeAttributes>().new_shape;
  const Range elements = context.Input(0).NumElements();
  size_t others = 1;  // fits: CheckGraph has multiplied them
  std::optional<size_t> inferred;
  ShapeRange dims;
  for (const uint32_t size : new_shape) {
    if (size == 0) {
      inferred = dims.rank();
    } else {
      others *= size;
    }
    dims.push_back(Range::Exactly(size));
  }
  std::optional<Range> sizes = Meet(elements, Range::Exactly(others));
  if (inferred) {
    dims.Set(*inferred, Range::Exactly(elements.max / others));
    sizes = Meet({CeilDivide(elements.min, others), SIZE_MAX}, {0, elements.max / others});
  }
  if (!sizes) {
    return context.Refuse("its input has dimensions {}, expected as many elements as in {}",
                          ToString(context.Input(0)), ToString(dims));
  }
  if (inferred) dims.Set(*inferred, *sizes);
  return context.SetOutput(dims);
}

// A size of 0 stands for the whole dimension, which may have no elements. Behind an offset XNNPACK
// copies what is left of it, but reports the whole, so that is refused.
Status ShapeOfSlice(ShapeContext& context) {
  const auto& slice = context.Attributes<SliceAttributes>();
  SWITCHYARD_TRY(context.ExpectRank(0, slice.offsets.size()));
  ShapeRange dims;
  for (size_t i = 0; i < slice.offsets.size(); ++i) {
    const size_t offset = slice.offsets[i], size = slice.sizes[i];
    const bool is_whole = size == 0 && offset == 0;
    if ((size == 0 && !is_whole) || !context.Narrow(0, i, Range::AtLeast(offset + size))) {
      return context.Refuse(
          "{} elements from number {} on of dimension {}, expected at least 1 within {}", size,
          offset, i, ToString(context.Input(0)));
    }
    dims.push_back(is_whole ? context.Input(0)[i] : Range::Exactly(size));
  }
  return context.SetOutput(dims);
}

Status ShapeOfPad(ShapeContext& context) {
  const auto& pad = context.Attributes<PadAttributes>();
  SWITCHYARD_TRY(context.ExpectRank(0, pad.pre_paddings.size()));
  ShapeRange dims;
  for (size_t i = 0; i < context.Input(0).rank(); ++i) {
    const Range size = context.Input(0)[i];
    const size_t padding = size_t{pad.pre_paddings[i]} + pad.post_paddings[i];
    dims.push_back({size.min + padding, size.max + padding});
  }
  return context.SetOutput(dims);
}

// All inputs have what each of them leaves of the sizes of the other dimensions.
Status ShapeOfConcatenate(ShapeContext& context) {
  const size_t axis = context.Attributes<ConcatenateAttributes>().axis;
  const size_t num_inputs = context.node().inputs.size();
  ShapeRange dims = context.Input(0);
  SWITCHYARD_TRY(context.ExpectMinRank(0, axis + 1));
  for (size_t i = 1; i < num_inputs; ++i) {
    const ShapeRange& input = context.Input(i);
    bool fits = input.rank() == dims.rank();
    for (size_t j = 0; fits && j < dims.rank(); ++j) {
      const std::optional<Range> sizes =
          j == axis ? Range{dims.min[j] + input.min[j], dims.max[j] + input.max[j]}
                    : Meet(dims[j], input[j]);
      fits = sizes.has_value();
      if (fits) dims.Set(j, *sizes);
    }
    if (!fits) {
      return context.Refuse(
          "its inputs have dimensions {} and {}, expected equal ones except for "
          "number {}",
          ToString(context.Input(0)), ToString(input), axis);
    }
  }
  for (size_t i = 0; i < num_inputs; ++i) {
    for (size_t j = 0; j < dims.rank(); ++j) {
      if (j != axis) context.Narrow(i, j, dims[j]);
    }
  }
  return context.SetOutput(dims);
}

}  // namespace switchyard
