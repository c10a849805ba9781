// Any bytes as a payload: read, loaded and run as a host would, with a limit on memory.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <span>

#include "schema/payload.h"
#include "test/fuzz/known_data.h"
#include "test/support/mutate.h"
#include "test/unit/backend/hostile_run.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace switchyard::fuzz {
namespace {

const KnownData& Constants() {
  static const KnownData kConstants;
  return kConstants;
}

}  // namespace
}  // namespace switchyard::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  testing::InitGoogleTest(argc, *argv);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace switchyard;
  test::RunHostile(std::as_bytes(std::span(data, size)), &fuzz::Constants(), size);
  // Printed already.
  if (testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed()) std::abort();
  return 0;
}

// Bytes alone seldom make a graph that is wrong in one place only: every other mutant changes the
// graph and is written anew.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace switchyard;
  if (seed % 2 == 0) {
    const auto graph = ReadPayload(std::as_bytes(std::span(data, size)), &fuzz::Constants());
    if (graph && !graph->values.empty() && !graph->nodes.empty()) {
      const test::Mutant mutant = test::Mutator(*graph, seed).Next();
      const std::vector<std::byte>& bytes = mutant.payload.bytes;
      if (bytes.size() <= max_size) {
        std::memcpy(data, bytes.data(), bytes.size());
        return bytes.size();
      }
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
