// Measurements as text, CSV and JSON.
#pragma once

#include <filesystem>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "test/bench/measure.h"

namespace switchyard::bench {

// One line a measurement, as they come.
class TablePrinter {
 public:
  // `peers` have columns; the header is printed with the first line.
  TablePrinter(std::ostream& out, std::vector<std::string> peers)
      : out_(out), peers_(std::move(peers)) {}
  void Print(const Measurement& measurement);

 private:
  std::ostream& out_;
  const std::vector<std::string> peers_;
  bool has_header_ = false;
};
// The geometric means of each variant and number of threads, of products with one row and with
// more.
void PrintMeans(std::ostream& out, std::span<const Measurement> measurements);

// By the extension: .csv or .json. Errors: InvalidArgument (another extension), AccessFailed.
Status WriteMeasurements(std::span<const Measurement> measurements,
                         const std::filesystem::path& path);

}  // namespace switchyard::bench
