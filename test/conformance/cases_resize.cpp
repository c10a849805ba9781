// StaticResizeBilinear2D: up, down, aside, in each of the three ways to place pixels.
#include <format>

#include "test/conformance/one_node.h"

namespace switchyard::conformance {
namespace {

constexpr uint32_t kFlagLegacy = 0x4;  // XNNPACK's, of this operator alone

struct Size {
  uint32_t height, width;
};

OneNode Make(const ElementKind& type, const Dims& input, Size size, uint32_t flags,
             Numbers numbers = {}) {
  return {NodeKind::kStaticResizeBilinear2D,
          {{type, input, std::move(numbers)}},
          {{type, {input[0], size.height, size.width, input[3]}}},
          ResizeAttributes{size.height, size.width},
          flags};
}

}  // namespace

void AddResizeCases(Cases& cases) {
  struct Way {
    std::string_view name;
    uint32_t flags;
  };
  const Way ways[] = {{"half_pixels", 0}, {"corners", kFlagAlignCorners}, {"legacy", kFlagLegacy}};
  struct Shape {
    Dims input;
    Size size;
    bool must_pass;
  };
  const Shape shapes[] = {
      {{1, 3, 4, 5}, {6, 8}, true},   {{2, 5, 3, 1}, {7, 8}, true},  {{1, 8, 6, 3}, {4, 3}, true},
      {{1, 7, 9, 19}, {5, 4}, false}, {{1, 1, 1, 6}, {3, 4}, false}, {{1, 4, 5, 33}, {1, 1}, false},
      {{1, 2, 3, 4}, {9, 11}, false}, {{1, 5, 6, 7}, {5, 6}, false},
  };
  for (const Way& way : ways) {
    for (const Shape& shape : shapes) {
      for (const ElementKind& type : {kF32, kF16, kQS8}) {
        AddOneNode(cases,
                   std::format("resize.{}.{}.{}_to_{}x{}", type.name, way.name,
                               DimsName(shape.input), shape.size.height, shape.size.width),
                   Make(type, shape.input, shape.size, way.flags),
                   {.must_pass = shape.must_pass && way.flags != kFlagLegacy});
      }
    }
    AddOneNode(cases, std::format("resize.qu8.{}", way.name),
               Make(kQU8, {1, 3, 4, 5}, {7, 5}, way.flags));
    // Weights of quarters and eighths, small whole numbers.
    AddOneNode(cases, std::format("resize.f32.{}.exact", way.name),
               Make(kF32, {1, 5, 3, 6}, way.flags == kFlagAlignCorners ? Size{9, 9} : Size{10, 12},
                    way.flags, Numbers::Integers(-15, 15)),
               kMustPassBitwise);
    OneNode sequence = Make(kF32, {2, 6, 5, 3}, {7, 9}, way.flags);
    sequence.inputs[0].more_runs = {{1, 6, 5, 3}, {2, 1, 2, 3}, {2, 7, 5, 3}, {2, 6, 5, 3}};
    sequence.inputs[0].dims = {2, 7, 5, 3};
    AddOneNode(cases, std::format("resize.f32.{}.sequence", way.name), sequence);
  }
  OneNode empty = Make(kF32, {2, 3, 4, 5}, {6, 8}, 0);
  empty.inputs[0].more_runs = {{0, 3, 4, 5}, {2, 3, 4, 5}};
  AddOneNode(cases, "resize.f32.zero_batch", empty);
  AddOneNode(cases, "resize.bf16.half_pixels", Make(kBF16, {1, 3, 4, 5}, {6, 8}, 0));
}

}  // namespace switchyard::conformance
