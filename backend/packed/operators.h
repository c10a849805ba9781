// The operators that run on packed kernels: what each hands to the driver.
#pragma once

#include <memory>

#include "backend/packed/multiply_step.h"
#include "schema/graph.h"

namespace switchyard {

// fully_connected.cpp, convolution.cpp, batch_matrix_multiply.cpp
std::unique_ptr<MultiplyStep> MakeFullyConnected(MultiplyParts parts);
std::unique_ptr<MultiplyStep> MakeConvolution(const Graph& graph, MultiplyParts parts);
std::unique_ptr<MultiplyStep> MakeBatchMatrixMultiply(const Graph& graph, MultiplyParts parts);

}  // namespace switchyard
