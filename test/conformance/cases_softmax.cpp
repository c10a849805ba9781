// Softmax along the last dimension: lengths, ranges of the inputs, types.
#include <format>

#include "test/conformance/one_node.h"

namespace switchyard::conformance {
namespace {

OneNode Make(const ElementKind& type, const Dims& dims, Numbers numbers) {
  return {NodeKind::kSoftmax, {{type, dims, std::move(numbers)}}, {{type, dims}}};
}

}  // namespace

void AddSoftmaxCases(Cases& cases) {
  for (const ElementKind& type : {kF32, kF16}) {
    auto add = [&](std::string_view what, const Dims& dims, Numbers numbers, bool must_pass) {
      AddOneNode(cases, std::format("softmax.{}.{}", type.name, what),
                 Make(type, dims, std::move(numbers)), {.must_pass = must_pass});
    };
    for (size_t n : {1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 65, 100}) {
      add(std::format("n{}", n), {3, n}, Numbers::Reals(-5, 5), n % 2 == 1);
    }
    add("rank1", {19}, Numbers::Reals(-5, 5), true);
    add("rank4", {2, 3, 5, 7}, Numbers::Reals(-5, 5), true);
    add("rank6", {1, 2, 1, 3, 2, 9}, Numbers::Reals(-5, 5), false);
    // One number far above the others takes all; equal ones share.
    add("one_takes_all", {4, 9}, Numbers::Listed({0, 0, 60, 0, 0}), true);
    add("equal", {3, 16}, Numbers::Listed({2.5f}), true);
    // What exp alone would overflow for, or underflow.
    add("large", {3, 13}, Numbers::Reals(900, 920), true);
    add("small", {3, 13}, Numbers::Reals(-920, -900), false);
    add("wide", {3, 13}, Numbers::Reals(-120, 120), false);
    OneNode sequence = Make(type, {4, 6, 21}, Numbers::Reals(-5, 5));
    sequence.inputs[0].more_runs = {{1, 6, 21}, {4, 1, 5}, {3, 6, 20}, {4, 6, 21}};
    AddOneNode(cases, std::format("softmax.{}.sequence", type.name), sequence);
  }
  AddOneNode(cases, "softmax.f32.n1023", Make(kF32, {2, 1023}, Numbers::Reals(-5, 5)));
  AddOneNode(cases, "softmax.bf16.rank2", Make(kBF16, {3, 17}, Numbers::Reals(-5, 5)));
  OneNode empty = Make(kF32, {3, 5}, Numbers::Reals(-5, 5));
  empty.inputs[0].more_runs = {{0, 5}, {3, 5}};
  AddOneNode(cases, "softmax.f32.zero_batch", empty);
  // A mask's infinities: no probability.
  AddOneNode(cases, "softmax.f32.minus_infinity",
             Make(kF32, {3, 8}, Numbers::Listed({-std::numeric_limits<float>::infinity(), 1, 2})));
}

}  // namespace switchyard::conformance
