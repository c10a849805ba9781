// Where stock XNNPACK (Debian's 20241108) is wrong or refuses, and what is done about it. One
// table: lowering, the plan and the tests read the same rows.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/cpu/mask.h"
#include "schema/graph.h"

namespace switchyard {

enum class RemedyAction : uint8_t {
  // The node computes in f32; f16 and bf16 values are converted where they enter and leave.
  kComputeInF32,
  // The node runs outside islands (StockOperatorStep): a FullyConnected through XNNPACK's operator
  // API, a convolution image by image, a pooling in plain C++.
  kStandaloneStep,
  // The node runs outside islands, as one that is made anew when its channels change, unless they
  // cannot (FindFixedChannels).
  kRenewedStep,
  // The node runs outside islands, on the calling thread alone.
  kOneThread,
  // A FullyConnected whose weights are computed runs as a matrix multiplication in the island.
  kMatrixMultiply,
  // Constant filters and biases are widened to f32 while the step is created.
  kWidenWeights,
  // A constant int4 filter is widened to int8 while the step is created: the same products and
  // sums.
  kWidenInt4,
  // Nothing serves: the node is refused before XNNPACK would crash on it.
  kRefuse,
};

struct Remedy {
  std::string_view id;
  RemedyAction action;
  bool (*cpu)(const MaskedCpu& cpu);
  bool (*node)(const Graph& graph, const Node& node);  // operator, types and shape
  std::string_view evidence;                           // what stock does without it
};

std::span<const Remedy> RemedyTable();

// The first row with this action that applies; null if none does.
const Remedy* FindRemedy(RemedyAction action, const Graph& graph, const Node& node,
                         const MaskedCpu& cpu);

// NEON adds f16 products up in f16, x86-64 in f32. A sum of K products has a relative error bound
// of K * 2^-11 then: at this depth 1/16 of the sum of their magnitudes, which is what real models'
// tolerances no longer take.
inline constexpr uint64_t kMaxF16Depth = 128;

// Whether inputs[i] of the node is a filter or a bias.
bool IsWeight(const Node& node, size_t i);

}  // namespace switchyard
