// Measurements as text, CSV and JSON.
#pragma once

#include <filesystem>
#include <ostream>
#include <span>
#include <vector>

#include "runtime/base/error.h"
#include "test/bench/measure.h"

namespace switchyard::bench {

void PrintHeader(std::ostream& out);
void PrintLine(std::ostream& out, const Measurement& measurement);
// The geometric means of each variant and number of threads, of products with one row and with
// more.
void PrintMeans(std::ostream& out, std::span<const Measurement> measurements);

// By the extension: .csv or .json. Errors: InvalidArgument (another extension), AccessFailed.
Status WriteMeasurements(std::span<const Measurement> measurements,
                         const std::filesystem::path& path);

}  // namespace switchyard::bench
