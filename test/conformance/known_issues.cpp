#include "test/conformance/known_issues.h"

#include "test/conformance/machine.h"

namespace switchyard::conformance {
namespace {

constexpr std::string_view kPeer = "switchyard-conformance-executorch";

constexpr KnownIssue kTable[] = {
    {kPeer, "fc.qp8_f32_qc4w.odd_k.*", "", Outcome::kFailNumeric,
     "with an odd number of input channels a row's range takes in the first element of the next"},
    {kPeer, "fc.qp8_f32_qc4w.one_k.*", "", Outcome::kCrash,
     "with one input channel it reads far beyond the weights"},
    {kPeer, "conv.qp8_f32_qc8w.k1x1.*", "", Outcome::kFailNumeric,
     "a pointwise convolution runs as FullyConnected, quantized by pixel; the payload says by "
     "image"},
};

bool MatchesPattern(std::string_view name, std::string_view pattern) {
  size_t n = 0, p = 0, star = std::string_view::npos, retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == name[n] && pattern[p] != '*'))) {
      ++n;
      ++p;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool MatchesAny(std::string_view name, std::string_view patterns) {
  while (true) {
    const size_t colon = patterns.find(':');
    if (MatchesPattern(name, patterns.substr(0, colon))) return true;
    if (colon == std::string_view::npos) return false;
    patterns.remove_prefix(colon + 1);
  }
}

}  // namespace

const KnownIssue* FindKnownIssue(std::string_view program, std::string_view case_name) {
  for (const KnownIssue& issue : kTable) {
    if (issue.program == program && MatchesFilter(case_name, issue.cases) &&
        MachineMatches(issue.machine)) {
      return &issue;
    }
  }
  return nullptr;
}

bool MatchesFilter(std::string_view name, std::string_view filter) {
  const size_t minus = filter.find('-');
  const std::string_view wanted = filter.substr(0, minus);
  if (minus != std::string_view::npos && MatchesAny(name, filter.substr(minus + 1))) return false;
  return wanted.empty() || MatchesAny(name, wanted);
}

}  // namespace switchyard::conformance
