#include "backend/xnnpack/spaced_pooling.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "backend/parallel/parallel.h"
#include "backend/plan/quantize.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/float16.h"

namespace switchyard {
namespace {

// Integers, as F32Elements has floats.
template <typename T>
struct IntegerElements {
  using Bits = T;
  static float Load(T element) { return element; }
  static T Store(float number) { return static_cast<T>(number); }
};

class SpacedPooling final : public StepRunner {
 public:
  SpacedPooling(const Graph& graph, const StockOperatorStep& step,
                const StockEnvironment& environment)
      : name_(Describe(graph, step.node)),
        input_(step.input),
        output_(step.output),
        indices_(graph.nodes[step.node].kind == NodeKind::kArgMaxPooling2d
                     ? graph.nodes[step.node].outputs[1]
                     : kNoValue),
        type_(graph.values[step.input].type),
        pool_(std::get<PoolingAttributes>(graph.nodes[step.node].attributes)),
        is_same_((graph.nodes[step.node].flags & kFlagTensorFlowSamePadding) != 0),
        min_(graph.nodes[step.node].output_min),
        max_(graph.nodes[step.node].output_max),
        thread_pool_(environment.thread_pool) {
    const auto* quantization =
        std::get_if<PerTensorQuantization>(&graph.values[step.output].quantization);
    if (quantization == nullptr) return;
    min_ = static_cast<float>(Quantize(min_, *quantization, type_));
    max_ = static_cast<float>(Quantize(max_, *quantization, type_));
  }

  Status Reshape(std::span<const Dims> shapes, const StepMemory& /*memory*/) override {
    from_ = shapes[input_];
    to_ = shapes[output_];
    top_ = pool_.padding_top;
    left_ = pool_.padding_left;
    if (is_same_) {
      top_ = SamePadding(from_[1], to_[1], pool_.stride_height, pool_.pooling_height,
                         pool_.dilation_height);
      left_ = SamePadding(from_[2], to_[2], pool_.stride_width, pool_.pooling_width,
                          pool_.dilation_width);
    }
    is_shaped_ = true;
    return {};
  }

  Status Run(const StepData& data) override {
    if (!is_shaped_) {
      return Fail(ErrorCode::kInvalidState, "{}: run before a successful Reshape", name_);
    }
    if (to_.NumElements() == 0) return {};
    const void* from = data.values[input_];
    void* to = data.values[output_];
    int32_t* indices = nullptr;
    if (indices_ != kNoValue) indices = static_cast<int32_t*>(data.values[indices_]);
    if (from == nullptr || to == nullptr || (indices_ != kNoValue && indices == nullptr)) {
      return Fail(ErrorCode::kInvalidArgument, "{}: no data pointer; set one before execute",
                  name_);
    }
    switch (type_) {
      case DataType::kF32:
        RunAs<F32Elements>(from, to, indices);
        return {};
      case DataType::kF16:
        RunAs<F16Elements>(from, to, indices);
        return {};
      case DataType::kBF16:
        RunAs<BF16Elements>(from, to, indices);
        return {};
      case DataType::kQInt8:
        RunAs<IntegerElements<int8_t>>(from, to, indices);
        return {};
      default:
        RunAs<IntegerElements<uint8_t>>(from, to, indices);
        return {};
    }
  }

 private:
  // What TensorFlow's SAME padding puts before the first element: half of what is missing.
  static size_t SamePadding(size_t input, size_t output, size_t stride, size_t size,
                            size_t dilation) {
    const size_t covered = (output - 1) * stride + (size - 1) * dilation + 1;
    return covered > input ? (covered - input) / 2 : 0;
  }

  template <typename Type>
  void RunAs(const void* from, void* to, int32_t* indices) const {
    ParallelFor(thread_pool_, to_[0], to_[1], 1, 1, [&](size_t image, size_t y, size_t, size_t) {
      const size_t row = (image * to_[1] + y) * to_[2] * to_[3];
      PoolRow<Type>(static_cast<const Type::Bits*>(from) + image * from_[1] * from_[2] * from_[3],
                    y, static_cast<Type::Bits*>(to) + row,
                    indices == nullptr ? nullptr : indices + row);
    });
  }

  // `indices` may be null.
  template <typename Type>
  void PoolRow(const Type::Bits* image, size_t y, Type::Bits* to, int32_t* indices) const {
    const Taps rows =
        TapsOf(y, from_[1], top_, pool_.stride_height, pool_.pooling_height, pool_.dilation_height);
    for (size_t x = 0; x < to_[2]; ++x) {
      const Taps columns =
          TapsOf(x, from_[2], left_, pool_.stride_width, pool_.pooling_width, pool_.dilation_width);
      for (size_t c = 0; c < to_[3]; ++c) {
        const Largest largest = LargestOf<Type>(image + c, rows, columns);
        *to++ = Type::Store(std::clamp(largest.number, min_, max_));
        if (indices != nullptr) *indices++ = static_cast<int32_t>(largest.tap);
      }
    }
  }

  // The elements of a window along one axis that lie in the input: a file's window may be far
  // larger. `skipped` come before them.
  struct Taps {
    size_t skipped, first, step, count;
  };
  static Taps TapsOf(size_t output, size_t input, size_t padding, size_t stride, size_t size,
                     size_t dilation) {
    const size_t start = output * stride;
    const size_t skipped = start < padding ? CeilDivide(padding - start, dilation) : 0;
    const size_t first = start + skipped * dilation - padding;
    if (skipped >= size || first >= input) {
      return {.skipped = 0, .first = 0, .step = 1, .count = 0};
    }
    return {.skipped = skipped,
            .first = first,
            .step = dilation,
            .count = std::min(size - skipped, (input - first - 1) / dilation + 1)};
  }

  // The first NaN, or else the first of the largest, in the order in which XNNPACK numbers the taps
  // of a window: down its columns.
  struct Largest {
    float number = -std::numeric_limits<float>::infinity();
    size_t tap = 0;
  };
  template <typename Type>
  Largest LargestOf(const Type::Bits* channel, const Taps& rows, const Taps& columns) const {
    Largest largest;
    bool is_first = true;
    for (size_t j = 0; j < columns.count; ++j) {
      for (size_t i = 0; i < rows.count; ++i) {
        const size_t pixel =
            (rows.first + i * rows.step) * from_[2] + columns.first + j * columns.step;
        const float number = Type::Load(channel[pixel * from_[3]]);
        if (!is_first && number <= largest.number) continue;
        is_first = false;
        largest = {.number = number,
                   .tap = (columns.skipped + j) * pool_.pooling_height + rows.skipped + i};
        if (std::isnan(number)) return largest;
      }
    }
    return largest;
  }

  const std::string name_;
  const ValueIndex input_, output_, indices_;
  const DataType type_;
  const PoolingAttributes pool_;
  const bool is_same_;
  float min_, max_;  // quantized for int8
  pthreadpool* const thread_pool_;

  bool is_shaped_ = false;
  Dims from_, to_;  // NHWC
  size_t top_ = 0, left_ = 0;
};

}  // namespace

Result<std::unique_ptr<StepRunner>> CreateSpacedPooling(const Graph& graph,
                                                        const StockOperatorStep& step,
                                                        const StockEnvironment& environment) {
  const Node& node = graph.nodes[step.node];
  const Value& input = graph.values[step.input];
  const Value& output = graph.values[step.output];
  const auto* from = std::get_if<PerTensorQuantization>(&input.quantization);
  const auto* to = std::get_if<PerTensorQuantization>(&output.quantization);
  const bool is_float = IsFloat(input.type);
  const bool is_int8 = input.type == DataType::kQInt8 || input.type == DataType::kQUInt8;
  if (input.type != output.type || (!is_float && !is_int8) ||
      (is_int8 && node.kind == NodeKind::kAvgPooling2d)) {
    return Fail(ErrorCode::kNotSupported,
                "{}: types {} -> {}, expected one type for both, {}; insert Converts",
                Describe(graph, step.node), Name(input.type), Name(output.type),
                node.kind == NodeKind::kAvgPooling2d ? "a float" : "a float or int8");
  }
  if (is_int8 && (from == nullptr || to == nullptr || from->scale != to->scale ||
                  from->zero_point != to->zero_point)) {
    return Fail(ErrorCode::kNotSupported,
                "{}: its input has another scale or zero point than its output, expected the same, "
                "since elements are copied; insert a Convert",
                Describe(graph, step.node));
  }
  if (node.kind == NodeKind::kArgMaxPooling2d) {
    const Value& indices = graph.values[node.outputs[1]];
    const auto& pool = std::get<PoolingAttributes>(node.attributes);
    const uint64_t size = uint64_t{pool.pooling_height} * pool.pooling_width;
    if (!is_float || indices.type != DataType::kInt32 ||
        size > uint64_t{std::numeric_limits<int32_t>::max()}) {
      return Fail(ErrorCode::kNotSupported,
                  "{}: types {} -> {}, {}, and a pool of {} x {}, expected a float for both, int32 "
                  "for the indices, and less than 2^31 elements; export it so",
                  Describe(graph, step.node), Name(input.type), Name(output.type),
                  Name(indices.type), pool.pooling_height, pool.pooling_width);
    }
  }
  return std::make_unique<SpacedPooling>(graph, step, environment);
}

}  // namespace switchyard
