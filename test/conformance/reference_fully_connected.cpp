#include "test/conformance/reference_nodes.h"
#include "test/conformance/reference_products.h"

namespace switchyard::conformance::reference {

// Rows are all dimensions but the last; the filter is [N, K], or [K, N] with the transpose flag.
Result<std::vector<Tensor>> FullyConnected(const Call& call) {
  const Tensor& input = *call.inputs[0];
  const Tensor& filter = *call.inputs[1];
  const Tensor* bias = call.inputs.size() > 2 ? call.inputs[2] : nullptr;
  const bool transposed = (call.node.flags & kFlagTransposeWeights) != 0;
  if (input.dims.rank() == 0 || filter.dims.rank() != 2 ||
      filter.dims[transposed ? 0 : 1] != input.dims.back()) {
    return Fail(ErrorCode::kInvalidArgument, "FullyConnected of {} and {}", ToString(input.dims),
                ToString(filter.dims));
  }
  const size_t k = input.dims.back(), n = filter.dims[transposed ? 1 : 0];
  SWITCHYARD_ASSIGN(Products products, Products::Create(input, filter, bias, call.output()));
  Dims dims = input.dims;
  dims[dims.rank() - 1] = n;
  Tensor result = Empty(call.output(), dims);
  const size_t rows = k == 0 ? 0 : input.values.size() / k;
  size_t rows_per_slice = 1;
  for (uint32_t i = 1; i < input.num_nonbatch_dims; ++i) rows_per_slice *= input.dims.back(i);
  std::vector<Term> terms(k);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t i = 0; i < k; ++i) terms[i] = {row * k + i, transposed ? i * n + j : j * k + i};
      products.Finish(terms, j, row / rows_per_slice, OutputRange(call.node), result, row * n + j);
    }
  }
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
