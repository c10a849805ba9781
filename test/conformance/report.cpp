#include "test/conformance/report.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

namespace switchyard::conformance {
namespace {

std::string ToJson(const Report& report) {
  nlohmann::ordered_json cases = nlohmann::ordered_json::array();
  for (const ReportRow& row : report.rows) {
    nlohmann::ordered_json item{{"name", row.name},
                                {"operator", row.op},
                                {"variant", row.variant},
                                {"must_pass", row.must_pass},
                                {"outcome", Name(row.result.outcome)},
                                {"elements", row.result.num_elements},
                                {"exact_elements", row.result.num_exact},
                                {"seconds", row.result.seconds}};
    // Infinity: an element whose bound is 0 differs.
    if (std::isfinite(row.result.worst)) item["worst_error_in_bounds"] = row.result.worst;
    if (!row.result.detail.empty()) item["detail"] = row.result.detail;
    if (!row.known_issue.empty()) item["known_issue"] = row.known_issue;
    cases.push_back(std::move(item));
  }
  const nlohmann::ordered_json json{{"program", report.program}, {"backend", report.backend},
                                    {"machine", report.machine}, {"options", report.options},
                                    {"seed", report.seed},       {"seconds", report.seconds},
                                    {"cases", std::move(cases)}};
  return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string XmlText(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

std::string ToXml(const Report& report) {
  std::string cases;
  size_t failures = 0, skipped = 0;
  for (const ReportRow& row : report.rows) {
    const bool skip = !row.known_issue.empty() || row.result.outcome == Outcome::kNotSupported;
    cases += std::format("  <testcase classname=\"{}.{}\" name=\"{}\" time=\"{:.4f}\"", row.op,
                         row.variant, XmlText(row.name), row.result.seconds);
    if (row.result.passed() && !skip) {
      cases += "/>\n";
      continue;
    }
    ++(skip ? skipped : failures);
    cases += std::format(">\n    <{0} message=\"{1}: {2}\"/>\n  </testcase>\n",
                         skip ? "skipped" : "failure", Name(row.result.outcome),
                         XmlText(row.known_issue.empty() ? row.result.detail : row.known_issue));
  }
  return std::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" "
      "failures=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n{}</testsuite>\n",
      XmlText(report.program), report.rows.size(), failures, skipped, report.seconds, cases);
}

std::string ToMarkdown(const Report& report) {
  struct Line {
    size_t run = 0, passed = 0;
    double worst = 0;
  };
  std::map<std::pair<std::string, std::string>, Line> lines;
  std::string others;
  for (const ReportRow& row : report.rows) {
    Line& line = lines[{row.op, row.variant}];
    ++line.run;
    if (row.result.passed()) {
      ++line.passed;
      line.worst = std::max(line.worst, row.result.worst);
      continue;
    }
    others += std::format("- `{}`: {}: {}\n", row.name, Name(row.result.outcome),
                          row.known_issue.empty() ? row.result.detail : row.known_issue);
  }
  std::string text = std::format("# {}\n\nBackend {} on {}; seed {}; {:.1f} s.\n\n", report.program,
                                 report.backend, report.machine, report.seed, report.seconds);
  text += "| operator | variant | run | passed | worst error in bounds |\n|---|---|---|---|---|\n";
  for (const auto& [key, line] : lines) {
    text += std::format("| {} | {} | {} | {} | {:.3f} |\n", key.first, key.second, line.run,
                        line.passed, line.worst);
  }
  if (!others.empty()) text += "\nNot passed:\n\n" + others;
  return text;
}

}  // namespace

bool IsReportPath(const std::filesystem::path& path) {
  const std::filesystem::path extension = path.extension();
  return extension == ".json" || extension == ".xml" || extension == ".md";
}

Status WriteReport(const Report& report, const std::filesystem::path& path) {
  if (!IsReportPath(path)) {
    return Fail(ErrorCode::kInvalidArgument,
                "report '{}': expected a name that ends in .json, .xml or .md", path.string());
  }
  const std::filesystem::path extension = path.extension();
  std::ofstream file(path, std::ios::binary);
  file << (extension == ".json"  ? ToJson(report)
           : extension == ".xml" ? ToXml(report)
                                 : ToMarkdown(report));
  file.close();
  if (!file) return Fail(ErrorCode::kAccessFailed, "cannot write report '{}'", path.string());
  return {};
}

}  // namespace switchyard::conformance
