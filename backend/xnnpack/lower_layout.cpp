// Operators that move data and do not compute.
#include <algorithm>
#include <array>

#include "backend/xnnpack/lowering.h"

namespace switchyard {
namespace {

constexpr TypeSet kMovableTypes = kFloatTypes | kQuantizedTypes;

using Sizes = std::array<size_t, kMaxRank>;

// XNNPACK takes as many sizes as the value has dimensions; the lists come from the file.
Result<Sizes> ToSizes(const Lowering& lowering, const std::vector<uint32_t>& list, size_t expected,
                      std::string_view what) {
  if (list.size() != expected || expected > kMaxRank) {
    return Fail(ErrorCode::kInvalidProgram, "{}: {} {}, expected {}; export again",
                lowering.DescribeNode(), list.size(), what, expected);
  }
  Sizes sizes{};
  std::ranges::copy(list, sizes.begin());
  return sizes;
}

struct Ends {
  uint32_t input, output;
};
Result<Ends> DefineEnds(Lowering& lowering, TypeSet allowed) {
  SWITCHYARD_TRY(lowering.RequireOneType(allowed));
  SWITCHYARD_TRY(lowering.RequireSameQuantization());
  SWITCHYARD_ASSIGN(const uint32_t input, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  return Ends{input, output};
}

}  // namespace

Status LowerTranspose(Lowering& lowering) {
  const auto& permutation = lowering.attributes<TransposeAttributes>().permutation;
  const size_t rank = lowering.input(0).dims.rank();
  SWITCHYARD_ASSIGN(const Sizes sizes, ToSizes(lowering, permutation, rank, "dimensions permuted"));
  SWITCHYARD_ASSIGN(const Ends ends, DefineEnds(lowering, kMovableTypes));
  if (rank == 0) {
    return lowering.Check(
        xnn_define_copy(lowering.subgraph(), ends.input, ends.output, /*flags=*/0));
  }
  return lowering.Check(xnn_define_static_transpose(lowering.subgraph(), rank, sizes.data(),
                                                    ends.input, ends.output, /*flags=*/0));
}

Status LowerReshape(Lowering& lowering) {
  const auto& shape = lowering.attributes<ReshapeAttributes>().new_shape;
  SWITCHYARD_ASSIGN(const Sizes sizes,
                    ToSizes(lowering, shape, lowering.output().dims.rank(), "sizes of the result"));
  SWITCHYARD_ASSIGN(const Ends ends, DefineEnds(lowering, kMovableTypes | Types(DataType::kInt32)));
  return lowering.Check(xnn_define_static_reshape(lowering.subgraph(), shape.size(), sizes.data(),
                                                  ends.input, ends.output, /*flags=*/0));
}

Status LowerSlice(Lowering& lowering) {
  const auto& slice = lowering.attributes<SliceAttributes>();
  const size_t rank = lowering.input(0).dims.rank();
  SWITCHYARD_ASSIGN(const Sizes offsets, ToSizes(lowering, slice.offsets, rank, "offsets"));
  SWITCHYARD_ASSIGN(const Sizes sizes, ToSizes(lowering, slice.sizes, rank, "sizes"));
  SWITCHYARD_ASSIGN(const Ends ends, DefineEnds(lowering, kMovableTypes));
  return lowering.Check(xnn_define_static_slice(lowering.subgraph(), rank, offsets.data(),
                                                sizes.data(), ends.input, ends.output,
                                                /*flags=*/0));
}

Status LowerPad(Lowering& lowering) {
  const auto& pad = lowering.attributes<PadAttributes>();
  const size_t rank = lowering.input(0).dims.rank();
  SWITCHYARD_ASSIGN(const Sizes pre, ToSizes(lowering, pad.pre_paddings, rank, "paddings before"));
  SWITCHYARD_ASSIGN(const Sizes post, ToSizes(lowering, pad.post_paddings, rank, "paddings after"));
  SWITCHYARD_ASSIGN(const Ends ends, DefineEnds(lowering, kMovableTypes));
  return lowering.Check(xnn_define_static_constant_pad(lowering.subgraph(), pre.data(), post.data(),
                                                       pad.value, ends.input, ends.output,
                                                       /*flags=*/0));
}

Status LowerConcatenate(Lowering& lowering) {
  SWITCHYARD_TRY(lowering.RequireOneType(kMovableTypes));
  SWITCHYARD_TRY(lowering.RequireSameQuantization());
  const Node& node = lowering.node();
  const uint32_t axis = std::get<ConcatenateAttributes>(node.attributes).axis;
  if (axis >= lowering.output().dims.rank()) {
    return Fail(ErrorCode::kInvalidProgram, "{}: axis {}, expected less than {}; export again",
                lowering.DescribeNode(), axis, lowering.output().dims.rank());
  }
  std::array<uint32_t, 5> in{};
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    SWITCHYARD_ASSIGN(in[i], lowering.Input(i));
  }
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  xnn_subgraph_t subgraph = lowering.subgraph();
  const auto at = static_cast<int32_t>(axis);
  switch (node.inputs.size()) {
    case 2:
      return lowering.Check(xnn_define_concatenate2(subgraph, at, in[0], in[1], output, 0));
    case 3:
      return lowering.Check(xnn_define_concatenate3(subgraph, at, in[0], in[1], in[2], output, 0));
    case 4:
      return lowering.Check(
          xnn_define_concatenate4(subgraph, at, in[0], in[1], in[2], in[3], output, 0));
    case 5:
      return lowering.Check(
          xnn_define_concatenate5(subgraph, at, in[0], in[1], in[2], in[3], in[4], output, 0));
    default:
      return lowering.Unsupported("{} inputs, expected two to five", node.inputs.size());
  }
}

Status LowerCopy(Lowering& lowering) {
  SWITCHYARD_ASSIGN(const Ends ends, DefineEnds(lowering, kMovableTypes | Types(DataType::kInt32)));
  return lowering.Check(xnn_define_copy(lowering.subgraph(), ends.input, ends.output, /*flags=*/0));
}

}  // namespace switchyard
