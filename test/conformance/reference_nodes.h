// The functions of the node kinds, for the table in reference.cpp.
#pragma once

#include "test/conformance/reference.h"

namespace switchyard::conformance::reference {

Result<std::vector<Tensor>> FullyConnected(const Call& call);
Result<std::vector<Tensor>> Conv2d(const Call& call);
Result<std::vector<Tensor>> DepthwiseConv2d(const Call& call);
Result<std::vector<Tensor>> ConvTranspose2d(const Call& call);
Result<std::vector<Tensor>> BatchMatrixMultiply(const Call& call);
Result<std::vector<Tensor>> ScaledDotProductAttention(const Call& call);
Result<std::vector<Tensor>> Convert(const Call& call);
Result<std::vector<Tensor>> StaticTranspose(const Call& call);
Result<std::vector<Tensor>> Unary(const Call& call);
Result<std::vector<Tensor>> Binary(const Call& call);
Result<std::vector<Tensor>> Softmax(const Call& call);
Result<std::vector<Tensor>> AveragePooling(const Call& call);
Result<std::vector<Tensor>> MaxPooling(const Call& call);  // ArgMaxPooling2d, too
Result<std::vector<Tensor>> GlobalAveragePooling(const Call& call);
Result<std::vector<Tensor>> ResizeBilinear(const Call& call);
Result<std::vector<Tensor>> Copy(const Call& call);
Result<std::vector<Tensor>> StaticReshape(const Call& call);
Result<std::vector<Tensor>> StaticSlice(const Call& call);
Result<std::vector<Tensor>> StaticConstantPad(const Call& call);
Result<std::vector<Tensor>> Concatenate(const Call& call);

}  // namespace switchyard::conformance::reference
