// Cases as files, for another implementation of the operators.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "test/conformance/case.h"

namespace switchyard::conformance {

// For each case a folder of its name: `payload.bin` (with its constants), for each execute K
// `runK/input_I.npy`, `runK/expected_J.npy` and `runK/bound_J.npy` (float64: what the answer may be
// off by, infinite where it is free), and `case.json`, which names all of these. Errors:
// AccessFailed; those of the reference.
Status ExportCases(std::span<const Case> cases, uint64_t seed, const std::filesystem::path& folder);

}  // namespace switchyard::conformance
