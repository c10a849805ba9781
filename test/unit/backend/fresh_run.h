// Executes whose shapes change, compared with executes that have seen no other shapes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/host_services.h"
#include "runtime/options.h"
#include "schema/graph.h"
#include "schema/writer.h"

namespace switchyard::test {

// The inputs' dims of one execute, by external id.
using InputDims = std::vector<Dims>;

// Memory that is never the same twice: each block is filled with another byte, and once more when
// it is freed, and comes back late. An answer that depends on what nobody has written, or on what
// is freed, is another one each time.
Allocator& PoisonedAllocator();

struct FreshResult {
  std::optional<Error> refused = {};  // why the payload does not load
  size_t num_ran = 0;                 // executes that gave an answer
  std::string wrong = {};             // what differs; empty where nothing does
};

// Loads a payload once and executes it with each of `runs`. After each, a delegate loaded for this
// one execute gets the same inputs, with other bytes behind its tensors: both have to refuse with
// the same words, or to give the same sizes and the same bits, and to write nothing outside of the
// outputs. XNNPACK is not instrumented, so that the tensors' ends are guarded. `graph`: what was
// written; `seed` decides the inputs' numbers.
FreshResult CompareWithFresh(const Payload& payload, const Graph& graph,
                             std::span<const InputDims> runs, uint64_t seed,
                             const std::map<std::string, OptionValue>& options = {});

// For every size that the bounds have: executes in which it becomes smaller, larger and 0, wherever
// it stands, with the bounds in between. Dimensions that have to agree have the same bound, so that
// they change together, and of others that happen to be equal it is as good a test.
std::vector<InputDims> EachDimensionAlone(const Graph& graph);

}  // namespace switchyard::test
