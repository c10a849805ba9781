// The families of cases; each is one file, and a row of the table in case.cpp.
#pragma once

#include <limits>
#include <vector>

#include "test/conformance/case.h"

namespace switchyard::conformance {

using Cases = std::vector<Case>;

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

void AddFullyConnectedCases(Cases& cases);
void AddConv2dCases(Cases& cases);
void AddConvolutionCases(Cases& cases);
void AddBatchMatrixMultiplyCases(Cases& cases);
void AddAttentionCases(Cases& cases);
void AddSequenceCases(Cases& cases);
void AddExportedCases(Cases& cases);
void AddUnaryCases(Cases& cases);
void AddBinaryCases(Cases& cases);
void AddSoftmaxCases(Cases& cases);
void AddPoolingCases(Cases& cases);
void AddResizeCases(Cases& cases);
void AddLayoutCases(Cases& cases);
void AddConvertCases(Cases& cases);
void AddRefusedCases(Cases& cases);

}  // namespace switchyard::conformance
