// Cases of the three convolutions.
#pragma once

#include <limits>
#include <string_view>
#include <vector>

#include "test/conformance/case.h"
#include "test/conformance/operands.h"

namespace switchyard::conformance {

struct ConvolutionSpec {
  Format format;
  Style style = Style::kRandom;
  NodeKind kind = NodeKind::kConv2d;
  ConvolutionAttributes attributes = {};
  uint32_t flags = 0;
  size_t batch = 1, height = 1, width = 1;  // bounds
  bool bias = true;
  // In units of the output's spread.
  float min = -std::numeric_limits<float>::infinity();
  float max = std::numeric_limits<float>::infinity();
  std::vector<Dims> runs = {};  // inputs of the executes, NHWC; empty: one, of the bounds
};

// "OPERATOR.FORMAT.WHAT.STYLE"
Case ConvolutionCase(std::string_view op, std::string_view what, const ConvolutionSpec& spec,
                     bool must_pass);

}  // namespace switchyard::conformance
