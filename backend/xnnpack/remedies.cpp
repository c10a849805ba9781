#include "backend/xnnpack/remedies.h"

#include <algorithm>
#include <vector>

#include "backend/xnnpack/fixed_channels.h"
#include "backend/xnnpack/stock_step.h"

namespace switchyard {
namespace {

using enum DataType;

bool IsConvolution(const Node& node) {
  return node.kind == NodeKind::kConv2d || node.kind == NodeKind::kDepthwiseConv2d ||
         node.kind == NodeKind::kConvTranspose2d;
}
bool IsFullyConnected(const Node& node) { return node.kind == NodeKind::kFullyConnected; }
bool IsMatrixMultiply(const Node& node) { return node.kind == NodeKind::kBatchMatrixMultiply; }

// Whether `predicate` holds for the type of any value that is neither filter nor bias.
template <typename Predicate>
bool AnyActivation(const Graph& graph, const Node& node, Predicate predicate) {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (!IsWeight(node, i) && predicate(graph.values[node.inputs[i]].type)) return true;
  }
  return std::ranges::any_of(
      node.outputs, [&](ValueIndex output) { return predicate(graph.values[output].type); });
}

bool InputIs(const Graph& graph, const Node& node, DataType type) {
  return graph.values[node.inputs[0]].type == type;
}
bool FilterIs(const Graph& graph, const Node& node, DataType type) {
  return graph.values[node.inputs[1]].type == type;
}
bool HasConstantWeights(const Graph& graph, const Node& node) {
  return std::ranges::all_of(std::span(node.inputs).subspan(1), [&](ValueIndex input) {
    return graph.values[input].constant.has_value();
  });
}

// The matrix product that a node computes, for each group: N output channels from sums of K
// products. Zero for other nodes and for dims of an unexpected rank.
struct Product {
  uint64_t n = 0, k = 0;
};
Product ProductOf(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 2) return {};
  const Dims& b = graph.values[node.inputs[1]].dims;
  const bool transposed = (node.flags & kFlagTransposeWeights) != 0;
  if (IsFullyConnected(node) && b.rank() == 2) {
    return transposed ? Product{.n = b[1], .k = b[0]} : Product{.n = b[0], .k = b[1]};
  }
  if (IsMatrixMultiply(node) && b.rank() >= 2) {
    return transposed ? Product{.n = b.back(1), .k = b.back(0)}
                      : Product{.n = b.back(0), .k = b.back(1)};
  }
  if (IsConvolution(node) && b.rank() == 4) {
    const auto& attributes = std::get<ConvolutionAttributes>(node.attributes);
    const bool is_depthwise = node.kind == NodeKind::kDepthwiseConv2d;
    return {.n = attributes.group_output_channels, .k = b[1] * b[2] * (is_depthwise ? 1 : b[3])};
  }
  return {};
}

bool AnyCpu(const MaskedCpu&) { return true; }
bool HasAvx512Fp16(const MaskedCpu& cpu) { return cpu.host.Has(CpuFeature::kAvx512Fp16); }
bool HasAmxInt8(const MaskedCpu& cpu) { return cpu.host.Has(CpuFeature::kAmxInt8); }
bool HasAvx512Vnni(const MaskedCpu& cpu) { return cpu.host.Has(CpuFeature::kAvx512Vnni); }
bool IsX86(const MaskedCpu& cpu) { return !cpu.host.Has(CpuFeature::kNeon); }
bool IsX86WithoutAvx2(const MaskedCpu& cpu) {
  return IsX86(cpu) && !cpu.host.Has(CpuFeature::kAvx2);
}
bool HasNeonFp16(const MaskedCpu& cpu) { return cpu.host.Has(CpuFeature::kNeonFp16); }
bool HasNoF16(const MaskedCpu& cpu) {
  return !cpu.host.Has(cpu.host.Has(CpuFeature::kNeon) ? CpuFeature::kNeonFp16 : CpuFeature::kAvx2);
}
bool HasSme2(const MaskedCpu& cpu) { return cpu.host.Has(CpuFeature::kSme2); }
bool HasLongSme2(const MaskedCpu& cpu) {
  return HasSme2(cpu) && cpu.host.streaming_vector_bits > 512;
}
bool HasMaskedSme2(const MaskedCpu& cpu) {
  return HasSme2(cpu) && !cpu.allowed.Has(CpuFeature::kSme2);
}

bool IsBF16(const Graph& graph, const Node& node) {
  return AnyActivation(graph, node, [](DataType type) { return type == kBF16; });
}
bool IsWideF16Product(const Graph& graph, const Node& node) {
  return ProductOf(graph, node).n >= 64 && InputIs(graph, node, kF16);
}
bool IsDeepF16Product(const Graph& graph, const Node& node) {
  return ProductOf(graph, node).k >= kMaxF16Depth && InputIs(graph, node, kF16);
}
bool IsF16Arithmetic(const Graph& graph, const Node& node) {
  // XNNPACK moves f16 on every CPU.
  if (Info(node.kind).moves_data) return false;
  if (!AnyActivation(graph, node, [](DataType type) { return type == kF16; })) return false;
  // The plain conversions are instructions of the base architecture.
  return node.kind != NodeKind::kConvert || !IsFloat(graph.values[node.inputs[0]].type) ||
         !IsFloat(graph.values[node.outputs[0]].type);
}
bool MixesFloats(const Graph& graph, const Node& node) {
  if (node.kind == NodeKind::kConvert) return false;
  DataType first = kInvalid;
  return AnyActivation(graph, node, [&](DataType type) {
    if (!IsFloat(type)) return false;
    if (first == kInvalid) first = type;
    return type != first;
  });
}
bool IsPReluOfOneSlopeInF16(const Graph& graph, const Node& node) {
  if (node.kind != NodeKind::kPReLU || !InputIs(graph, node, kF16)) return false;
  const Dims& slopes = graph.values[node.inputs[1]].dims;
  return slopes.rank() == 0 || slopes.back() == 1;
}
bool HasComputedF16Weights(const Graph& graph, const Node& node) {
  return IsFullyConnected(node) && InputIs(graph, node, kF16) && !HasConstantWeights(graph, node);
}
bool IsDynamicConvertOfF16(const Graph& graph, const Node& node) {
  return node.kind == NodeKind::kConvert && InputIs(graph, node, kF16) &&
         graph.values[node.outputs[0]].type == kQDInt8;
}
bool HasOtherFloatWeights(const Graph& graph, const Node& node) {
  if (!IsFullyConnected(node) && !IsConvolution(node)) return false;
  const DataType input = graph.values[node.inputs[0]].type;
  bool all_like_input = IsFullyConnected(node) && input == kF16;
  bool all_f32 = true;
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const DataType type = graph.values[node.inputs[i]].type;
    if (!IsFloat(type)) continue;
    all_like_input &= type == input;
    all_f32 &= type == kF32;
  }
  return !all_f32 && !all_like_input;
}
bool IsBlockwiseInt4(const Graph& graph, const Node& node) {
  return IsFullyConnected(node) && FilterIs(graph, node, kQBInt4);
}
bool IsChannelInt4OfDynamicInput(const Graph& graph, const Node& node) {
  return IsFullyConnected(node) && InputIs(graph, node, kQDInt8) &&
         FilterIs(graph, node, kQCInt4) && ProductOf(graph, node).k > 60;
}
// Where it does not hold, an island's convolutions have one image at most, and with it one set of
// quantization parameters. XNNPACK makes room for more only when their values' bytes grow.
bool IsDynamicConvolutionOfBatches(const Graph& graph, const Node& node) {
  if (!IsConvolution(node) || !InputIs(graph, node, kQDInt8)) return false;
  const Dims& images = graph.values[node.inputs[0]].dims;
  return images.rank() == 4 && images[0] > 1 && HasConstantWeights(graph, node);
}
bool ComputesF32(const Graph& graph, const Node& node) {
  return IsFullyConnected(node) && IsFloat(graph.values[node.inputs[0]].type) &&
         IsFloat(graph.values[node.outputs[0]].type);
}
bool IsSpacedPool(const Graph&, const Node& node) {
  const auto* pool = std::get_if<PoolingAttributes>(&node.attributes);
  if (pool == nullptr) return false;
  const bool is_of_one = pool->pooling_height == 1 && pool->pooling_width == 1;
  if (node.kind == NodeKind::kArgMaxPooling2d) {
    return is_of_one || (node.flags & kFlagTensorFlowSamePadding) != 0 ||
           (pool->padding_top | pool->padding_right | pool->padding_bottom | pool->padding_left) !=
               0;
  }
  return (node.kind == NodeKind::kMaxPooling2d || is_of_one) &&
         (pool->stride_height > pool->pooling_height || pool->stride_width > pool->pooling_width);
}
bool IsArgMaxOfF16(const Graph& graph, const Node& node) {
  return node.kind == NodeKind::kArgMaxPooling2d && InputIs(graph, node, kF16) &&
         !IsSpacedPool(graph, node);
}
bool PoolsByThread(const Graph& graph, const Node& node) {
  if (node.kind != NodeKind::kAvgPooling2d && node.kind != NodeKind::kArgMaxPooling2d) return false;
  if (IsSpacedPool(graph, node)) return false;
  const auto& attributes = std::get<PoolingAttributes>(node.attributes);
  return uint64_t{attributes.pooling_height} * attributes.pooling_width > 9;
}
bool IsFloatFullyConnected(const Graph& graph, const Node& node) {
  return ComputesF32(graph, node) && IsFloat(graph.values[node.inputs[1]].type) &&
         HasConstantWeights(graph, node);
}
// Whether its product is one of f32 in an island; that of f16 knows no SME.
bool IsF32FullyConnected(const Graph& graph, const Node& node) {
  return IsFloatFullyConnected(graph, node) &&
         (!InputIs(graph, node, kF16) || MixesFloats(graph, node) || IsDeepF16Product(graph, node));
}
bool HasQuantizedWeightsOnly(const Graph& graph, const Node& node) {
  return ComputesF32(graph, node) &&
         (FilterIs(graph, node, kQCInt8) || FilterIs(graph, node, kQCInt4));
}
bool HasComputedWeights(const Graph& graph, const Node& node) {
  return ComputesF32(graph, node) && !HasConstantWeights(graph, node);
}
bool HasComputedTransposedFilter(const Graph& graph, const Node& node) {
  return ComputesF32(graph, node) && (node.flags & kFlagTransposeWeights) != 0 &&
         !graph.values[node.inputs[1]].constant;
}
bool KeepsIndirection(const Graph&, const Node& node) {
  return node.kind == NodeKind::kMaxPooling2d || node.kind == NodeKind::kStaticResizeBilinear2D;
}

using enum RemedyAction;

constexpr Remedy kRemedies[] = {
    {"f16.avx512fp16.n64", kComputeInF32, &HasAvx512Fp16, &IsWideF16Product,
     "the 64-column AVX512-FP16 micro-kernels permute columns: M = 1, K = 4, N = 64 gives y[1] = "
     "32, N = 63 is right"},
    {"f16.no_arithmetic", kComputeInF32, &HasNoF16, &IsF16Arithmetic,
     "every f16 operator is refused with status 5 on cortex-a53"},
    {"f16.neon.deep", kComputeInF32, &HasNeonFp16, &IsDeepF16Product,
     "f16 sums in f16: mobilenet_v2_050_pf16 leaves its tolerance on cortex-a76, neoverse-n2, max"},
    {"bf16", kComputeInF32, &AnyCpu, &IsBF16, "every bf16 operator is refused with status 4"},
    {"float.mixed", kComputeInF32, &AnyCpu, &MixesFloats,
     "operators whose inputs and outputs are of different float types are refused with status 2"},
    {"f16.argmax", kComputeInF32, &AnyCpu, &IsArgMaxOfF16, "there is argmax pooling for f32 only"},
    {"f16.avx512fp16.prelu", kComputeInF32, &HasAvx512Fp16, &IsPReluOfOneSlopeInF16,
     "one slope for a row: of a row of N elements those from the 16th on after the last multiple "
     "of "
     "32 are wrong; N = 31 is, N = 32 is right"},
    {"f16.computed_weights", kComputeInF32, &AnyCpu, &HasComputedF16Weights,
     "a filter that is not constant may be f32 only"},
    {"f16.dynamic", kComputeInF32, &AnyCpu, &IsDynamicConvertOfF16,
     "dynamic quantization multiplies by an f16: of a row whose range is below 255 / 65504 = 0.004 "
     "that is infinite"},
    {"weights.float", kWidenWeights, &AnyCpu, &HasOtherFloatWeights,
     "f32 x f16, f16 x f16 with f32 bias, f16 x f32 with f16 bias are refused with status 2; f16 "
     "convolutions take f32 weights only"},
    {"qc4w.amx", kWidenInt4, &HasAmxInt8, &IsChannelInt4OfDynamicInput,
     "the AMX micro-kernels give other numbers each time as soon as K, rounded up to a multiple of "
     "4, reaches 64, a whole tile row"},
    {"qb4w.avx512vnni", kStandaloneStep, &HasAvx512Vnni, &IsBlockwiseInt4,
     "a 14-row micro-kernel reads quantization parameters beyond the 10 that subgraphs pad: the "
     "last row is wrong when M > 1 and M mod 14 is 1, 2 or 3"},
    {"qb4w.no_avx2", kRefuse, &IsX86WithoutAvx2, &IsBlockwiseInt4,
     "the int4 micro-kernels for x86-64 without AVX2 read their weights misaligned, and crash"},
    {"qd8.convolution.batch", kStandaloneStep, &AnyCpu, &IsDynamicConvolutionOfBatches,
     "reshaping a dynamically quantized convolution frees as many buffers as the new batch has "
     "images, not the old: batches 1, then 2 free what was never allocated"},
    {"pooling.by_thread", kOneThread, &AnyCpu, &PoolsByThread,
     "windows of more than 9 pixels are summed in memory with a part for each thread that the pool "
     "told of when shapes were set, and a thread takes the part of its number: where the pool told "
     "of two and runs three, the third writes behind it"},
    {"pool.spaced", kStandaloneStep, &AnyCpu, &IsSpacedPool,
     "max pooling refuses strides above its window, and every pooling a window of one element; "
     "argmax pooling repeats the pixels at the edge as padding, and gives the places of the "
     "copies"},
    {"f32.sme2.long_vectors", kStandaloneStep, &HasLongSme2, &IsFloatFullyConnected,
     "the SME2 path of subgraphs asserts that its tile fits XNN_MAX_MR: above 512 bits it does "
     "not"},
    {"f32.sme2.masked", kStandaloneStep, &HasMaskedSme2, &IsF32FullyConnected,
     "subgraphs take their SME2 path although a mask takes SME2 away: XNNPACK detects the CPU by "
     "itself"},
    {"f32.sme2.quantized_weights", kStandaloneStep, &HasSme2, &HasQuantizedWeightsOnly,
     "subgraphs pack the input for SME2 although no operator takes it with quantized weights"},
    {"f32.sme2.computed_weights", kMatrixMultiply, &HasSme2, &HasComputedWeights,
     "subgraphs pack the input for SME2, and the operator for computed weights reads it as plain"},
    {"f32.computed_weights.kxn", kMatrixMultiply, &IsX86, &HasComputedTransposedFilter,
     "with a computed filter of [input channels, output channels] the answers are wrong once there "
     "are fewer input channels than before"},
    {"indirection.channels", kRenewedStep, &AnyCpu, &KeepsIndirection,
     "the addresses of a window's pixels are kept while height and width stay: with fewer channels "
     "it reads out of bounds, with more the wrong ones"},
};

bool LeavesIslands(RemedyAction action) {
  return action == kStandaloneStep || action == kOneThread || action == kRenewedStep;
}

// Which rows apply to the nodes of a graph.
class ApplyingRemedies {
 public:
  ApplyingRemedies(const Graph& graph, const MaskedCpu& cpu)
      : graph_(graph), cpu_(cpu), has_fixed_channels_(FindFixedChannels(graph)) {}

  bool Has(const Remedy& remedy, const Node& node) const {
    return remedy.cpu(cpu_) && remedy.node(graph_, node) &&
           (remedy.action != kRenewedStep || !has_fixed_channels_[node.inputs[0]]);
  }

 private:
  const Graph& graph_;
  const MaskedCpu& cpu_;
  const std::vector<bool> has_fixed_channels_;  // by value
};

}  // namespace

std::span<const Remedy> RemedyTable() { return kRemedies; }

const Remedy* FindRemedy(RemedyAction action, const Graph& graph, const Node& node,
                         const MaskedCpu& cpu) {
  for (const Remedy& remedy : kRemedies) {
    if (remedy.action == action && remedy.cpu(cpu) && remedy.node(graph, node)) return &remedy;
  }
  return nullptr;
}

bool IsWeight(const Node& node, size_t i) {
  return i > 0 && (IsFullyConnected(node) || IsConvolution(node));
}

std::vector<bool> NodesWithStandaloneStep(const Graph& graph, const MaskedCpu& cpu) {
  const ApplyingRemedies applying(graph, cpu);
  std::vector<bool> standalone(graph.nodes.size());
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    standalone[i] = std::ranges::any_of(kRemedies, [&](const Remedy& remedy) {
      return LeavesIslands(remedy.action) && applying.Has(remedy, graph.nodes[i]);
    });
  }
  return standalone;
}

std::vector<std::vector<StockRemedy>> StockRemedies(const Graph& graph, const MaskedCpu& cpu) {
  const ApplyingRemedies applying(graph, cpu);
  std::vector<std::vector<StockRemedy>> remedies(graph.nodes.size());
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    for (const Remedy& remedy : kRemedies) {
      if (!applying.Has(remedy, graph.nodes[i])) continue;
      remedies[i].push_back({remedy.id, remedy.evidence});
    }
  }
  return remedies;
}

std::vector<bool> ConsumedByPacking(const Graph& graph) {
  std::vector<bool> is_consumed(graph.values.size());
  std::vector<bool> is_kept(graph.values.size());
  for (const Node& node : graph.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      // With computed weights XNNPACK packs at every run.
      const bool consumes = IsWeight(node, i) && HasConstantWeights(graph, node);
      (consumes ? is_consumed : is_kept)[node.inputs[i]] = true;
    }
  }
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    is_consumed[i] = is_consumed[i] && !is_kept[i];
  }
  return is_consumed;
}

}  // namespace switchyard
