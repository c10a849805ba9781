// Cases that are known to fail, with the reason. A case that is listed and passes all the same
// fails the suite: the list is not to outlive its reasons.
#pragma once

#include <optional>
#include <string_view>

#include "test/conformance/runner.h"

namespace switchyard::conformance {

struct KnownIssue {
  std::string_view program;  // of the suite: what it was linked with
  std::string_view cases;    // a pattern as --filter takes it
  std::string_view machine;  // as MachineMatches takes it
  // What is seen; nothing where it is another failure each time.
  std::optional<Outcome> outcome;
  std::string_view reason;
  bool may_pass = false;  // what decides it is not the suite's
};

// The issue that a case of `program` has on this machine, or null.
const KnownIssue* FindKnownIssue(std::string_view program, std::string_view case_name);

// Whether `name` matches one of the patterns in `filter`, which are separated by ':' and may have
// '*' and '?'; patterns after a '-' take names away, as GoogleTest's filters do. The empty filter
// matches everything.
bool MatchesFilter(std::string_view name, std::string_view filter);

}  // namespace switchyard::conformance
