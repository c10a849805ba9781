// The functions of the node kinds, for the table in reference.cpp.
#pragma once

#include "test/conformance/reference.h"

namespace switchyard::conformance::reference {

Result<std::vector<Tensor>> FullyConnected(const Call& call);
Result<std::vector<Tensor>> Conv2d(const Call& call);
Result<std::vector<Tensor>> DepthwiseConv2d(const Call& call);
Result<std::vector<Tensor>> ConvTranspose2d(const Call& call);
Result<std::vector<Tensor>> BatchMatrixMultiply(const Call& call);
Result<std::vector<Tensor>> Convert(const Call& call);
Result<std::vector<Tensor>> StaticTranspose(const Call& call);

}  // namespace switchyard::conformance::reference
