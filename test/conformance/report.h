// What a run of the suite found, as a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "test/conformance/runner.h"

namespace switchyard::conformance {

struct ReportRow {
  std::string name, op, variant;
  bool must_pass = false;
  CaseResult result;
  std::string known_issue;  // its reason; empty: none
};

struct Report {
  std::string program = {}, backend = {}, machine = {}, options = {};
  uint64_t seed = 0;
  std::vector<ReportRow> rows = {};
  double seconds = 0;
};

// JSON, JUnit XML or Markdown by the file's extension. Errors: InvalidArgument (another extension),
// AccessFailed.
Status WriteReport(const Report& report, const std::filesystem::path& path);
// Whether WriteReport knows the extension.
bool IsReportPath(const std::filesystem::path& path);

}  // namespace switchyard::conformance
