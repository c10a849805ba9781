#include "test/bench/decoder.h"

#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <utility>

#include "runtime/base/float16.h"
#include "runtime/base/format.h"
#include "test/bench/clock.h"
#include "test/conformance/random.h"
#include "test/support/graph_builder.h"
#include "test/support/payloads.h"

namespace switchyard::bench {
namespace {

constexpr uint64_t kSeed = 1;
constexpr uint32_t kBlock = 32;

class Layers {
 public:
  Layers(const DecoderSize& size, size_t rows) : size_(size), rows_(rows) {}

  Graph Build() {
    const Dims dims{rows_, size_.width};
    ValueIndex x = b_.Input(DataType::kF32, dims);
    const ValueIndex y = b_.Output(DataType::kF32, dims);
    for (size_t i = 0; i < size_.layers; ++i) {
      layer_ = i;
      const ValueIndex attended = Value(dims);
      b_.Add(NodeKind::kAdd, {x, Attention(Normalized(x, "attention_norm"))}, {attended});
      const ValueIndex next = i + 1 == size_.layers ? y : Value(dims);
      b_.Add(NodeKind::kAdd, {attended, FeedForward(Normalized(attended, "feed_forward_norm"))},
             {next});
      x = next;
    }
    return b_.Build();
  }

 private:
  ValueIndex Value(const Dims& dims) { return b_.Internal(DataType::kF32, dims); }
  ValueIndex Compute(NodeKind kind, std::vector<ValueIndex> inputs, const Dims& dims,
                     Attributes attributes = {}, uint32_t flags = 0) {
    const ValueIndex value = Value(dims);
    b_.Add(kind, std::move(inputs), {value}, std::move(attributes)).flags = flags;
    return value;
  }
  std::string Key(std::string_view name) const { return Format("layer{}.{}", layer_, name); }

  ValueIndex Normalized(ValueIndex x, std::string_view name) {
    const std::string key = Key(name);
    conformance::Random random(key, kSeed);
    const ValueIndex gain =
        b_.Constant(DataType::kF32, {size_.width}, random.Reals(size_.width, 0.5, 1.5), {}, key);
    return Compute(NodeKind::kMultiply, {x, gain}, {rows_, size_.width});
  }

  ValueIndex Quantized(ValueIndex x, size_t width) {
    const ValueIndex to = b_.Internal(DataType::kQDInt8, {rows_, width}, PerTokenQuantization{1});
    b_.Add(NodeKind::kConvert, {x}, {to});
    return to;
  }

  // To `n` columns from `k`. Uniform int4 deviate by 4.6 from their mean: what comes out deviates
  // as what goes in.
  ValueIndex Product(ValueIndex quantized, size_t k, size_t n, std::string_view name) {
    const std::string key = Key(name);
    conformance::Random random(key, kSeed);
    std::vector<uint64_t> nibbles(n * k / 16);
    for (uint64_t& sixteen : nibbles) sixteen = random.Next();
    const auto scale = static_cast<float>(1 / (4.6 * std::sqrt(double(k))));
    const std::vector<uint16_t> scales(n * k / kBlock, BF16FromF32(scale));
    const ValueIndex weights =
        b_.Constant(DataType::kQBInt4, {n, k}, nibbles, b_.PerGroup(0, kBlock, scales), key);
    return Compute(NodeKind::kFullyConnected, {quantized, weights}, {rows_, n});
  }

  // [rows, heads * head] to [kv heads, rows of the heads that share one, head].
  ValueIndex ByHead(ValueIndex x, size_t shared) {
    const size_t groups = size_.key_value_heads, head = size_.head_width;
    const ValueIndex split = Compute(NodeKind::kStaticReshape, {x}, {rows_, groups, shared, head},
                                     Reshape({rows_, groups, shared, head}));
    const ValueIndex turned =
        Compute(NodeKind::kStaticTranspose, {split}, {groups, shared, rows_, head},
                TransposeAttributes{{1, 2, 0, 3}});
    return Compute(NodeKind::kStaticReshape, {turned}, {groups, shared * rows_, head},
                   Reshape({groups, shared * rows_, head}));
  }
  static ReshapeAttributes Reshape(const Dims& dims) { return {{dims.begin(), dims.end()}}; }

  ValueIndex Attention(ValueIndex x) {
    const size_t groups = size_.key_value_heads, head = size_.head_width;
    const size_t shared = size_.heads / groups, queries = shared * rows_;
    const ValueIndex quantized = Quantized(x, size_.width);
    const ValueIndex q =
        ByHead(Product(quantized, size_.width, size_.heads * head, "query"), shared);
    const ValueIndex k = ByHead(Product(quantized, size_.width, groups * head, "key"), 1);
    const ValueIndex v = ByHead(Product(quantized, size_.width, groups * head, "value"), 1);
    const Dims scores{groups, queries, rows_};
    const ValueIndex raw =
        Compute(NodeKind::kBatchMatrixMultiply, {q, k}, scores, {}, kFlagTransposeWeights);
    const ValueIndex root =
        b_.Constant(DataType::kF32, {1}, std::vector{1 / std::sqrt(static_cast<float>(head))}, {},
                    Key("scale"));
    const ValueIndex scaled = Compute(NodeKind::kMultiply, {raw, root}, scores);
    const ValueIndex weights = Compute(NodeKind::kSoftmax, {scaled}, scores);
    const ValueIndex mixed =
        Compute(NodeKind::kBatchMatrixMultiply, {weights, v}, {groups, queries, head});
    const ValueIndex split =
        Compute(NodeKind::kStaticReshape, {mixed}, {groups, shared, rows_, head},
                Reshape({groups, shared, rows_, head}));
    const ValueIndex turned =
        Compute(NodeKind::kStaticTranspose, {split}, {rows_, groups, shared, head},
                TransposeAttributes{{2, 0, 1, 3}});
    const size_t width = size_.heads * head;
    const ValueIndex joined =
        Compute(NodeKind::kStaticReshape, {turned}, {rows_, width}, Reshape({rows_, width}));
    return Product(Quantized(joined, width), width, size_.width, "output");
  }

  ValueIndex FeedForward(ValueIndex x) {
    const Dims wide{rows_, size_.feed_forward};
    const ValueIndex quantized = Quantized(x, size_.width);
    const ValueIndex gate = Product(quantized, size_.width, size_.feed_forward, "gate");
    const ValueIndex up = Product(quantized, size_.width, size_.feed_forward, "up");
    const ValueIndex sigmoid = Compute(NodeKind::kSigmoid, {gate}, wide);
    const ValueIndex open = Compute(NodeKind::kMultiply, {gate, sigmoid}, wide);
    const ValueIndex inner = Compute(NodeKind::kMultiply, {open, up}, wide);
    return Product(Quantized(inner, size_.feed_forward), size_.feed_forward, size_.width, "down");
  }

  const DecoderSize& size_;
  const size_t rows_;
  size_t layer_ = 0;
  test::GraphBuilder b_;
};

// A line of /proc/self/status, in bytes.
uint64_t StatusBytes(std::string_view name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size())) * 1024;
  }
  return 0;
}

}  // namespace

Graph MakeDecoder(const DecoderSize& size, size_t rows) { return Layers(size, rows).Build(); }

Result<DecoderPayloads> WriteDecoder(const DecoderSize& size) {
  DecoderPayloads payloads;
  const WriterOptions named = {.constants = ConstantStorage::kNamed};
  {
    const Graph graph = MakeDecoder(size, size.prompt);
    for (const Value& value : graph.values) {
      if (value.type != DataType::kQBInt4) continue;
      payloads.weight_bytes += value.constant->bytes.size();
      payloads.weight_bytes += std::get<PerGroupQuantization>(value.quantization).scales.size() * 2;
    }
    SWITCHYARD_ASSIGN(payloads.prefill, WritePayload(graph, named));
  }
  SWITCHYARD_ASSIGN(payloads.decode, WritePayload(MakeDecoder(size, 1), named));
  return payloads;
}

Result<Decoder::Loaded> Decoder::LoadMethod(Backend& backend, InitContext context,
                                            const Payload& payload, size_t rows, size_t width) {
  const NamedDataViews named_data = test::NamedDataOf(payload);
  context.named_data = &named_data;
  SWITCHYARD_ASSIGN(BlobRunner runner, BlobRunner::Load(backend, payload.bytes, context));
  Loaded loaded = {.runner = std::move(runner), .arguments = {}, .views = {}};
  const std::vector<size_t> sizes = {rows, width};
  conformance::Random random("input", kSeed);
  OwnedTensor& input = loaded.arguments.emplace_back(ElementType::kF32, sizes);
  std::ranges::copy(random.Reals(rows * width, -1, 1), input.data<float>());
  loaded.arguments.emplace_back(ElementType::kF32, sizes);
  for (OwnedTensor& argument : loaded.arguments) loaded.views.push_back(argument.View());
  return loaded;
}

Result<std::unique_ptr<Decoder>> Decoder::Load(Backend& backend, const InitContext& context,
                                               const DecoderSize& size,
                                               const DecoderPayloads& payloads) {
  auto decoder = std::make_unique<Decoder>();
  InitContext of_model = context;
  of_model.model = decoder.get();
  const uint64_t start = Nanoseconds();
  for (const auto& [payload, rows] :
       {std::pair(&payloads.prefill, size.prompt), std::pair(&payloads.decode, size_t{1})}) {
    SWITCHYARD_ASSIGN(Loaded loaded, LoadMethod(backend, of_model, *payload, rows, size.width));
    decoder->methods_.push_back(std::move(loaded));
  }
  decoder->load_seconds_ = SecondsSince(start);
  return decoder;
}

Result<double> Decoder::Run(Method method) {
  Loaded& loaded = methods_[static_cast<size_t>(method)];
  return Time([&] { return loaded.runner.Run(loaded.views); });
}

PeakMemory::PeakMemory() {
  malloc_trim(0);                               // what was freed is not to serve unseen
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins anew
  before_ = StatusBytes("VmRSS:");
}

uint64_t PeakMemory::Added() const {
  const uint64_t peak = StatusBytes("VmHWM:");
  return peak > before_ ? peak - before_ : 0;
}

}  // namespace switchyard::bench
