// A node's constants in the form that packing takes them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/problem.h"
#include "schema/graph.h"

namespace switchyard {

// The constants' bytes by ValueIndex; null for other values.
using ConstantBytes = std::span<const std::byte* const>;

// Weights, bias and factors of one FullyConnected or Conv2d node. Views the constants; owns what
// had to be converted.
class NodeWeights {
 public:
  NodeWeights(const Graph& graph, const Node& node, const GemmProblem& problem,
              ConstantBytes constant_data);

  // Of group `group` (0 for all but grouped convolutions).
  RhsSource Group(size_t group) const;
  // See WeightsKey; empty when the weights have no content address.
  std::string Key(const KernelRow& kernel, size_t group) const;

 private:
  const GemmProblem& problem_;
  std::string weights_key_;
  const std::byte* weights_;
  size_t weights_group_bytes_;
  std::vector<float> bias_f32_;
  std::vector<_Float16> bias_f16_;
  const int32_t* bias_int32_ = nullptr;
  std::vector<float> factors_;
  const float* scales_ = nullptr;
  const uint16_t* block_scales_ = nullptr;
  int32_t lhs_zero_point_ = 0;
};

// What tells packed weights apart from all others: their content address and everything that
// packing depends on. `part` is the group or batch slice.
std::string WeightsKey(std::string_view content, const KernelRow& kernel,
                       const GemmProblem& problem, size_t part);

// The node's bounds as its variant's output stage wants them.
OutputStage NodeOutputStage(const Graph& graph, const Node& node);

}  // namespace switchyard
