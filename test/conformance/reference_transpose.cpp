#include "test/conformance/reference_nodes.h"

namespace switchyard::conformance::reference {

Result<std::vector<Tensor>> StaticTranspose(const Call& call) {
  const Tensor& input = *call.inputs[0];
  const auto& permutation = std::get<TransposeAttributes>(call.node.attributes).permutation;
  if (permutation.size() != input.dims.rank()) {
    return Fail(ErrorCode::kInvalidArgument, "a permutation of {} dimensions for {}",
                permutation.size(), ToString(input.dims));
  }
  Dims dims, strides = input.dims;
  size_t stride = 1;
  for (size_t i = input.dims.rank(); i-- > 0; stride *= input.dims[i]) strides[i] = stride;
  for (uint32_t from : permutation) dims.push_back(input.dims[from]);
  Tensor result = Empty(call.output(), dims);
  for (size_t i = 0; i < result.values.size(); ++i) {
    size_t rest = i, from = 0;
    for (size_t d = dims.rank(); d-- > 0; rest /= dims[d]) {
      from += rest % dims[d] * strides[permutation[d]];
    }
    CopyElement(input, from, result, i);
  }
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
