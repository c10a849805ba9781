// Answers against expected ones.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "tools/npy.h"

namespace switchyard::tools {

// An element passes when |got - expected| <= atol + rtol * |expected|.
struct Tolerance {
  double rtol = 0;
  double atol = 0;
  std::optional<double> min_cosine;  // of the flattened arrays
};

struct Comparison {
  bool pass = false;
  std::string mismatch;      // types or shapes differ; nothing below is set then
  double max_abs_error = 0;  // infinite where only one of the two is NaN
  // The element that uses up most of its tolerance.
  size_t worst = 0;         // flattened, in C order
  std::string worst_index;  // "[1, 3]"
  double worst_got = 0, worst_expected = 0;
  double worst_tolerance = 0;
  std::optional<double> cosine;  // only when Tolerance::min_cosine is set
};

// Equal infinities are equal; a NaN equals a NaN and nothing else.
Comparison Compare(const Array& got, const Array& expected, const Tolerance& tolerance);

}  // namespace switchyard::tools
