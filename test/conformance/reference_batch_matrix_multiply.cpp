#include "test/conformance/reference_nodes.h"
#include "test/conformance/reference_products.h"

namespace switchyard::conformance::reference {

// A is [batch..., M, K], B is [batch..., K, N], or [batch..., N, K] with the transpose flag. Batch
// dimensions are aligned at the end and broadcast.
Result<std::vector<Tensor>> BatchMatrixMultiply(const Call& call) {
  const Tensor& a = *call.inputs[0];
  const Tensor& b = *call.inputs[1];
  const bool transposed = (call.node.flags & kFlagTransposeWeights) != 0;
  if (a.dims.rank() < 2 || b.dims.rank() < 2 || b.dims.back(transposed ? 0 : 1) != a.dims.back()) {
    return Fail(ErrorCode::kInvalidArgument, "BatchMatrixMultiply of {} and {}", ToString(a.dims),
                ToString(b.dims));
  }
  const size_t m = a.dims.back(1), k = a.dims.back(), n = b.dims.back(transposed ? 1 : 0);
  const size_t rank = std::max(a.dims.rank(), b.dims.rank());
  auto size_at = [rank](const Dims& dims, size_t i) {  // of the dims with ones in front
    return i + dims.rank() < rank ? 1 : dims[i + dims.rank() - rank];
  };
  Dims dims;
  size_t batches = 1;
  for (size_t i = 0; i + 2 < rank; ++i) {
    const size_t sa = size_at(a.dims, i), sb = size_at(b.dims, i);
    if (sa != sb && sa != 1 && sb != 1) {
      return Fail(ErrorCode::kInvalidArgument, "BatchMatrixMultiply of {} and {}", ToString(a.dims),
                  ToString(b.dims));
    }
    dims.push_back(sa == 1 ? sb : sa);
    batches *= dims.back();
  }
  dims.push_back(m);
  dims.push_back(n);
  auto slice_of = [&](const Tensor& tensor, size_t batch) {
    size_t slice = 0, step = 1;
    for (size_t i = rank - 2; i-- > 0;) {
      const size_t position = batch % dims[i], size = size_at(tensor.dims, i);
      batch /= dims[i];
      if (size != 1) slice += position * step;
      step *= size;
    }
    return slice;
  };
  SWITCHYARD_ASSIGN(Products products, Products::Create(a, b, nullptr, call.output()));
  Tensor result = Empty(call.output(), dims);
  std::vector<Term> terms(k);
  size_t index = 0;
  for (size_t batch = 0; batch < batches; ++batch) {
    const size_t a0 = slice_of(a, batch) * m * k, b0 = slice_of(b, batch) * k * n;
    for (size_t row = 0; row < m; ++row) {
      for (size_t j = 0; j < n; ++j, ++index) {
        for (size_t i = 0; i < k; ++i) {
          terms[i] = {a0 + row * k + i, b0 + (transposed ? j * k + i : i * n + j)};
        }
        products.Finish(terms, j, row, OutputRange(call.node), result, index);
      }
    }
  }
  return std::vector{std::move(result)};
}

}  // namespace switchyard::conformance::reference
