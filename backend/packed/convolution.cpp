// A Conv2d through indirection, NHWC: a slice for each group, whose rows are the output pixels of
// all images, read tap by tap.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "backend/packed/operators.h"
#include "runtime/aligned_buffer.h"

namespace switchyard {
namespace {

class Convolution final : public MultiplyStep {
 public:
  Convolution(const ConvolutionAttributes& attributes, int32_t lhs_zero_point, Allocator& allocator,
              MultiplyParts parts)
      : MultiplyStep(std::move(parts)),
        attributes_(attributes),
        allocator_(allocator),
        // Zero; of int8 the zero point, since packing took it off for every tap.
        padding_(problem().channels_per_tap * lhs_element_bytes(),
                 static_cast<std::byte>(lhs_zero_point)) {}

  Status PackWeights(const Graph& graph, ConstantBytes constants,
                     const PackedEnvironment& environment) override {
    return AddNodeWeights(graph, constants, environment);
  }

 private:
  struct Axis {
    size_t output, input, kernel, stride, dilation, padding;
    size_t bytes;  // from one input element along the axis to the next
  };
  static void FillOffsets(const Axis& axis, ptrdiff_t* offset) {
    for (size_t out = 0; out < axis.output; ++out) {
      for (size_t tap = 0; tap < axis.kernel; ++tap) {
        // Unsigned: above or left of the image wraps to a large number.
        const size_t in = out * axis.stride + tap * axis.dilation - axis.padding;
        *offset++ = in < axis.input ? static_cast<ptrdiff_t>(in * axis.bytes) : TapTable::kPadding;
      }
    }
  }

  // The offsets of the taps, made here and not in each execute.
  Status SetShapes(std::span<const Dims> shapes) override {
    if (table_bytes() > offsets_.size()) {
      offsets_ = AlignedBuffer();
      SWITCHYARD_ASSIGN(offsets_,
                        AlignedBuffer::Allocate(allocator_, table_bytes(), "offsets of the taps"));
    }
    if (table_bytes() == 0) return {};
    const Dims& input = shapes[step().inputs[0]];
    const Dims& output = shapes[step().output];
    const ConvolutionAttributes& a = attributes_;
    const size_t row_bytes = input[2] * input[3] * lhs_element_bytes();
    auto* const vertical = reinterpret_cast<ptrdiff_t*>(offsets_.data());
    const size_t vertical_size = output[1] * a.kernel_height;
    auto* const horizontal = vertical + vertical_size;
    FillOffsets({.output = output[1],
                 .input = input[1],
                 .kernel = a.kernel_height,
                 .stride = a.stride_height,
                 .dilation = a.dilation_height,
                 .padding = a.padding_top,
                 .bytes = row_bytes},
                vertical);
    FillOffsets({.output = output[2],
                 .input = input[2],
                 .kernel = a.kernel_width,
                 .stride = a.stride_width,
                 .dilation = a.dilation_width,
                 .padding = a.padding_left,
                 .bytes = input[3] * lhs_element_bytes()},
                horizontal);
    table_ = {.vertical = {vertical, vertical_size},
              .horizontal = {horizontal, output[2] * a.kernel_width},
              .output_width = output[2],
              .pixels = output[1] * output[2],
              .kernel_height = a.kernel_height,
              .kernel_width = a.kernel_width,
              .image_bytes = input[1] * row_bytes};
    return {};
  }

  Slice SliceAt(size_t group, const StepData& data) const override {
    const auto* input = static_cast<const std::byte*>(data.values[step().inputs[0]]);
    auto* output = static_cast<std::byte*>(data.values[step().output]);
    return {.lhs = input + group * problem().channels_per_tap * lhs_element_bytes(),
            .rhs = group,
            .out = output + group * problem().n * output_element_bytes()};
  }

  Taps TapsAt(const std::byte* base, size_t first_row) const override {
    return {.table = &table_, .base = base, .padding = padding_.data(), .first_row = first_row};
  }

  const ConvolutionAttributes attributes_;
  Allocator& allocator_;
  const std::vector<std::byte> padding_;  // what a pixel outside the image holds

  // Of the last Reshape.
  AlignedBuffer offsets_;
  TapTable table_;  // in offsets_
};

}  // namespace

std::unique_ptr<MultiplyStep> MakeConvolution(const Graph& graph, MultiplyParts parts) {
  const Node& node = graph.nodes[parts.step.node];
  const auto* quantization =
      std::get_if<PerTensorQuantization>(&graph.values[node.inputs[0]].quantization);
  return std::make_unique<Convolution>(std::get<ConvolutionAttributes>(node.attributes),
                                       quantization == nullptr ? 0 : quantization->zero_point,
                                       parts.environment.allocator, std::move(parts));
}

}  // namespace switchyard
