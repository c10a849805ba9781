// One case on one backend: payload in, answers out, compared with the reference.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "runtime/backend.h"
#include "test/conformance/case.h"

namespace switchyard::conformance {

enum class Outcome : uint8_t {
  kPass,
  kFailNumeric,  // an answer is not within its bound
  kFailStatus,   // an error where none is documented, or none where one is
  kRefusedAsDocumented,
  kNotSupported,  // the backend says that it does not support this
  kCrash,
  kTimeout,
};
inline constexpr Outcome kOutcomes[] = {Outcome::kPass,         Outcome::kFailNumeric,
                                        Outcome::kFailStatus,   Outcome::kRefusedAsDocumented,
                                        Outcome::kNotSupported, Outcome::kCrash,
                                        Outcome::kTimeout};
// "fail_numeric"
std::string_view Name(Outcome outcome);

struct CaseResult {
  Outcome outcome = Outcome::kPass;
  std::string detail = {};  // what went wrong, or why not
  // The worst |answer - reference| / bound over all elements that have a bound above 0.
  double worst = 0;
  uint64_t num_elements = 0, num_exact = 0;  // compared; of these, with bound 0
  double seconds = 0;

  bool passed() const {
    return outcome == Outcome::kPass || outcome == Outcome::kRefusedAsDocumented;
  }
};

// How cases reach a backend.
struct Host {
  Backend* backend;
  pthreadpool* thread_pool = nullptr;
  std::map<std::string, OptionValue> load_options = {};
};

CaseResult RunCase(const Case& item, uint64_t seed, const Host& host);

}  // namespace switchyard::conformance
