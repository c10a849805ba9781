// Convert between types. Conversions to dynamic quantization are part of the products that read
// them.
#include <format>
#include <limits>

#include "test/conformance/one_node.h"

namespace switchyard::conformance {
namespace {

OneNode Make(const ElementKind& from, const ElementKind& to, Numbers numbers,
             const Dims& dims = {3, 43}) {
  return {NodeKind::kConvert, {{from, dims, std::move(numbers)}}, {{to, dims}}};
}

}  // namespace

void AddConvertCases(Cases& cases) {
  auto add = [&](std::string_view name, OneNode node, Expect expect = {}) {
    AddOneNode(cases, std::format("convert.{}", name), std::move(node), expect);
  };
  const Numbers reals = Numbers::Reals(-6, 6);
  // Halfway cases go to the even half; 65520 is the first number beyond them.
  add("f32_f16.random", Make(kF32, kF16, reals), kMustPass);
  add("f32_f16.halfway",
      Make(kF32, kF16, Numbers::Listed({1.00048828125f, 1.00146484375f, 2049, 2051, -2049})),
      kMustPass);
  add("f32_f16.ends",
      Make(kF32, kF16,
           Numbers::Listed({65504, -65504, 65519, 65520, 1e10f, kInfinity, -kInfinity})),
      kMustPass);
  add("f32_f16.subnormal", Make(kF32, kF16, Numbers::Listed({6e-5f, -3e-5f, 6e-8f, 3e-8f, 1e-9f})));
  add("f16_f32.random", Make(kF16, kF32, reals), kMustPassBitwise);
  add("f16_f32.ends", Make(kF16, kF32, Numbers::Listed({65504, -65504, kInfinity, -kInfinity, 0})),
      kMustPassBitwise);
  add("f32_f32", Make(kF32, kF32, reals), kBitwise);
  add("f16_f16", Make(kF16, kF16, reals), kBitwise);
  add("bf16_f32", Make(kBF16, kF32, reals), kBitwise);
  add("f32_bf16", Make(kF32, kBF16, reals));
  for (const ElementKind& type : {kQS8, kQU8}) {
    const bool is_signed = type.type == DataType::kQInt8;
    add(std::format("f32_{}.random", type.name), Make(kF32, type, reals), {.must_pass = is_signed});
    add(std::format("f32_{}.saturated", type.name),
        Make(kF32, type, Numbers::Listed({-100, 100, 1e9f, -1e9f, 0})), {.must_pass = is_signed});
    add(std::format("{}_f32.random", type.name), Make(type, kF32, reals), {.must_pass = is_signed});
    add(std::format("f16_{}.random", type.name), Make(kF16, type, reals));
    add(std::format("{}_f16.random", type.name), Make(type, kF16, reals));
    for (float scale : {0.037f, 0.021f, 0.11f, 0.9f}) {
      add(std::format("{}_{}.scale_{}", type.name, type.name, static_cast<int>(scale * 1000)),
          Make(type, WithQuantization(type, scale, is_signed ? 5 : 100), reals),
          {.must_pass = is_signed});
    }
  }
  add("int32_f32", Make(kInt32, kF32, Numbers::Integers(-1e9, 1e9)));
  add("f32_int32", Make(kF32, kInt32, Numbers::Integers(-1e6, 1e6)), kBitwise);
  // A scale of a sixteenth: halfway between steps goes to the even one, all else is exact.
  add("f32_qs8.halfway",
      Make(kF32, kQS8Exact, Numbers::Listed({0.03125f, 0.09375f, -0.03125f, -0.09375f, 0.15625f})),
      kMustPassBitwise);
  add("f32_qs8.exact", Make(kF32, kQS8Exact, Numbers::Integers(-7, 7)), kMustPassBitwise);
  add("qs8_f32.exact", Make(kQS8Exact, kF32, reals), kMustPassBitwise);
  add("f32_qs8.zero_point_low", Make(kF32, WithQuantization(kQS8, 0.05f, -128), reals), kMustPass);
  add("f32_qs8.zero_point_high", Make(kF32, WithQuantization(kQS8, 0.05f, 127), reals), kMustPass);
  add("f32_qs8.infinity", Make(kF32, kQS8, Numbers::Listed({kInfinity, -kInfinity, 1})));
  for (const Dims& dims : {Dims{}, Dims{1}, Dims{67}, Dims{2, 3, 5, 7}, Dims{1, 2, 1, 3, 2, 5}}) {
    add(std::format("f32_qs8.{}", DimsName(dims)), Make(kF32, kQS8, reals, dims));
    add(std::format("qs8_f32.{}", DimsName(dims)), Make(kQS8, kF32, reals, dims));
    add(std::format("f32_f16.{}", DimsName(dims)), Make(kF32, kF16, reals, dims));
    add(std::format("f16_f32.{}", DimsName(dims)), Make(kF16, kF32, reals, dims));
  }
  OneNode sequence = Make(kF32, kQS8, reals, {4, 33});
  sequence.inputs[0].more_runs = {{1, 1}, {3, 33}, {0, 33}, {4, 33}};
  add("f32_qs8.sequence_and_zero_batch", sequence);
}

}  // namespace switchyard::conformance
