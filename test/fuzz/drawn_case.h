// Bytes as a valid graph of products, with data: what the differential fuzzer runs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "test/conformance/case.h"

namespace switchyard::fuzz {

// Any bytes give a case; where they end, zeros follow. Its name says what was drawn:
// "fc.pf32.exact m3 k17 n5 kxn relu". One or more FullyConnected nodes in a chain or side by side,
// a Conv2d, or a BatchMatrixMultiply, executed up to three times with shapes within the bounds.
conformance::Case DrawCase(std::span<const uint8_t> bytes);

// Draws, loads and runs with the CPU's packed kernels, with those of the reference, and without.
// Nothing, or what is wrong: a status that is not success, or answers beyond the bounds of the
// conformance suite's reference.
std::optional<std::string> CheckDrawn(std::span<const uint8_t> bytes);

}  // namespace switchyard::fuzz
