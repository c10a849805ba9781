// A shared library that holds a copy of the library, as far as the claim goes.
#include "test/unit/runtime/process_claim_copy.h"

#include "runtime/process_claim.h"

void switchyard_test_claim(std::string* error) {
  const switchyard::Status status = switchyard::ClaimProcess();
  *error = status ? "" : status.error().ToString();
}
