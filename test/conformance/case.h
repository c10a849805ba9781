// A case: a graph, the inputs of one or more executes, and what is asked of the answers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/tensor.h"
#include "schema/graph.h"
#include "schema/writer.h"
#include "test/conformance/random.h"

namespace switchyard::conformance {

// What a case is about once it is built.
struct Built {
  Graph graph;
  // Of each execute, the inputs in the order of external ids. Shapes may differ between executes,
  // within the bounds that the graph declares.
  std::vector<std::vector<OwnedTensor>> runs;
  WriterOptions writer = {};
};

enum class Data : uint8_t {
  kRounded,  // answers within the reference's bounds
  // The numbers are such that no backend rounds: every bound of the reference is 0 (checked), and
  // the answers must have the same bits.
  kBitwise,
  // Some elements are not documented (NaN among their terms); the others are as above.
  kPartlyFree,
};

struct Case {
  // OPERATOR.VARIANT.WHAT..., lower case, unique: "fc.qp8_f32_qc8w.m1.odd_k.no_bias".
  std::string name;
  // Deterministic: the random numbers follow from the name and the seed.
  std::function<Built(Random& random)> build;
  bool must_pass = false;  // small and telling: also run on every emulated CPU
  Data data = Data::kRounded;
  // The documentation has backends refuse it, at load or at execute, with an error.
  bool refused = false;
};

// "fc" and "qp8_f32_qc8w" of a name.
std::string OperatorOf(const Case& item);
std::string VariantOf(const Case& item);

// Every case of the suite, in the order of the families; names are unique (checked).
Result<std::vector<Case>> AllCases();

// Built from a name's own random numbers.
Built BuildCase(const Case& item, uint64_t seed);

}  // namespace switchyard::conformance
