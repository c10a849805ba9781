// Elementwise operators of one input: ranks, tails of vectors, corners of the functions, types.
#include <format>
#include <string>
#include <utility>

#include "test/conformance/one_node.h"

namespace switchyard::conformance {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Operator {
  std::string_view name;
  NodeKind kind;
  double low, high;  // arguments that are documented
  // Whether results are arguments with at most the sign changed or digits cut: nothing is rounded.
  bool exact = false;
  std::vector<float> corners = {};  // within the documented arguments
  double f16_low = low, f16_high = high;
  Attributes attributes = {};
};

const std::vector<Operator>& Operators() {
  using enum NodeKind;
  static const std::vector<Operator> operators = {
      {"abs", kAbs, -100, 100, true, {-0.0f, 0, -kInfinity, kInfinity, 65504, -65504}},
      {"neg", kNegate, -100, 100, true, {-0.0f, 0, -kInfinity, kInfinity, 65504, -65504}},
      {"floor",
       kFloor,
       -100,
       100,
       true,
       {-0.0f, 0, -0.5f, 0.5f, 2.5f, -2.5f, -1e-4f, 8388607.5f, 2147483648.0f, -3e9f, kInfinity,
        -kInfinity}},
      {"ceil",
       kCeiling,
       -100,
       100,
       true,
       {-0.0f, 0, -0.5f, 0.5f, 2.5f, -2.5f, 1e-4f, 8388607.5f, 2147483648.0f, -3e9f, kInfinity,
        -kInfinity}},
      {"square",
       kSquare,
       -16,
       16,
       false,
       {0, -0.0f, 1, -255, 256, 0.015625f, kInfinity, -kInfinity}},
      {"sqrt", kSquareRoot, 0.001, 10, false, {0, 1, 4, 2.25f, 65025, 0.25f, 9}},
      {"rsqrt", kReciprocalSquareRoot, 0.001, 10, false, {1, 4, 2.25f, 0.25f, 9, 64, 16384}},
      {"exp", kExp, -10, 10, false, {0, -0.0f, 1, -1, 0.5f, 10, -10, 9.70406f}},
      {"log", kLog, 0.001, 1000, false, {1, 0.5f, 2, 1000, 1.0009765625f, 0.99951171875f}},
      {"sigmoid", kSigmoid, -25, 25, false, {0, -0.0f, 1, -1, 20, -20, 25, -25, 1e-3f}},
      {"tanh", kTanh, -10, 10, false, {0, -0.0f, 1, -1, 5, -5, 4.99f, 1e-3f, -1e-3f}, -5, 5},
      {"gelu", kGelu, -10, 10, false, {0, -0.0f, 1, -1, 10, -10, 3, -3, -0.75f}},
      {"elu",
       kELU,
       -20,
       20,
       false,
       {0, -0.0f, 1, -1, 5, -5, -9, 9, -1e-3f},
       -9,
       9,
       EluAttributes{1.0f}},
      {"hardswish", kHardswish, -4, 4, false, {0, -0.0f, 3, -3, 2.5f, -2.5f, 4, -4, 6, -6}},
      {"leaky_relu",
       kLeakyReLU,
       -100,
       100,
       false,
       {0, -0.0f, 1, -1, kInfinity, -kInfinity, 65504, -65504},
       -100,
       100,
       LeakyReluAttributes{0.01f}},
      {"sin", kSin, -10, 10, false, {0, -0.0f, 1, -1, 3.140625f, -3.140625f, 1.5703125f, 10, -10}},
      {"cos", kCos, -10, 10, false, {0, -0.0f, 1, -1, 3.140625f, -3.140625f, 1.5703125f, 10, -10}},
      {"clamp", kClamp, -100, 100, true, {0, -0.0f, 3, -2, 1e30f, -kInfinity, kInfinity}},
  };
  return operators;
}

OneNode Make(const Operator& op, const ElementKind& kind, const Dims& dims, Numbers numbers) {
  OneNode node{op.kind, {{kind, dims, std::move(numbers)}}, {{kind, dims}}, op.attributes};
  if (op.kind == NodeKind::kClamp) {
    node.min = -2;
    node.max = 3;
  }
  return node;
}

void AddShapes(Cases& cases, const Operator& op) {
  const Numbers reals = Numbers::Reals(op.low, op.high);
  const Data data = op.exact ? Data::kBitwise : Data::kRounded;
  auto add = [&](std::string what, const Dims& dims, bool must_pass) {
    AddOneNode(cases, std::format("{}.f32.{}", op.name, what), Make(op, kF32, dims, reals),
               {.must_pass = must_pass, .data = data});
  };
  add("scalar", {}, false);
  add("rank1.1", {1}, false);
  add("rank1.67", {67}, true);
  add("rank2.3x17", {3, 17}, false);
  add("rank4.2x3x5x7", {2, 3, 5, 7}, true);
  add("rank6", {2, 1, 3, 2, 1, 5}, false);
  OneNode sequence = Make(op, kF32, {4, 33}, reals);
  sequence.inputs[0].more_runs = {{1, 1}, {3, 33}, {4, 32}, {4, 33}};
  AddOneNode(cases, std::format("{}.f32.sequence", op.name), sequence, {.data = data});
  AddOneNode(cases, std::format("{}.f32.corners", op.name),
             Make(op, kF32, {op.corners.size(), 3}, Numbers::Listed(op.corners)), {true, data});
}

void AddTypes(Cases& cases, const Operator& op) {
  const Data data = op.exact ? Data::kBitwise : Data::kRounded;
  const Numbers halfs = Numbers::Reals(op.f16_low, op.f16_high);
  AddOneNode(cases, std::format("{}.f16.rank1.67", op.name), Make(op, kF16, {67}, halfs),
             {true, data});
  AddOneNode(cases, std::format("{}.f16.rank4.2x3x5x7", op.name),
             Make(op, kF16, {2, 3, 5, 7}, halfs), {false, data});
  AddOneNode(cases, std::format("{}.bf16.rank2.5x13", op.name), Make(op, kBF16, {5, 13}, halfs),
             {false, data});
  // Results of any size: to the output's range, one step is a rounding of reals.
  const Numbers all = Numbers::Reals(op.low > 0 ? 0.1 : -10, 10);
  for (const ElementKind& type : {kQS8, kQU8}) {
    OneNode node = Make(op, type, {3, 43}, all);
    if (op.kind != NodeKind::kClamp) {
      node.outputs[0].kind = WithQuantization(type, 0.051f, type.type == DataType::kQInt8 ? 7 : 99);
    }
    AddOneNode(cases, std::format("{}.{}.rank2.3x43", op.name, type.name), node,
               {type.type == DataType::kQInt8, Data::kRounded});
  }
}

}  // namespace

void AddUnaryCases(Cases& cases) {
  for (const Operator& op : Operators()) {
    AddShapes(cases, op);
    AddTypes(cases, op);
  }
  // NaN comes through what only changes a sign; elsewhere it is not documented, and its neighbours
  // are what they are.
  for (const char* name : {"abs", "neg", "square", "floor", "ceil", "sqrt", "sigmoid", "exp"}) {
    for (const Operator& op : Operators()) {
      if (op.name != name) continue;
      AddOneNode(cases, std::format("{}.f32.nan_among_numbers", name),
                 Make(op, kF32, {35}, Numbers::Listed({kNan, 1, 2, 0.5f, 3, 4, 0.25f})),
                 {.data = Data::kPartlyFree});
    }
  }
  using enum NodeKind;
  const Dims dims{2, 19};
  auto add = [&](std::string name, OneNode node, Expect expect) {
    AddOneNode(cases, std::move(name), std::move(node), expect);
  };
  auto unary = [&](NodeKind kind, const ElementKind& type, Numbers numbers,
                   Attributes attributes = {}) {
    return OneNode{kind, {{type, dims, std::move(numbers)}}, {{type, dims}}, std::move(attributes)};
  };
  // Beyond the arguments that tests of approximations usually see.
  add("exp.f32.overflow", unary(kExp, kF32, Numbers::Listed({88.7f, 89, 100, 1e30f, kInfinity})),
      {});
  add("exp.f32.underflow", unary(kExp, kF32, Numbers::Listed({-87, -88, -104, -1e30f, -kInfinity})),
      {});
  add("exp.f16.overflow", unary(kExp, kF16, Numbers::Listed({11, 11.2f, 12, 100, kInfinity})), {});
  add("sigmoid.f32.saturated",
      unary(kSigmoid, kF32, Numbers::Listed({-90, -125, 90, 125, 17, -17, kInfinity, -kInfinity})),
      kMustPass);
  add("sigmoid.f16.saturated", unary(kSigmoid, kF16, Numbers::Listed({-18, -25, 18, 25, 9, -9})),
      kMustPass);
  add("tanh.f32.saturated",
      unary(kTanh, kF32, Numbers::Listed({-9, 9, 20, -20, 1e30f, kInfinity, -kInfinity})),
      kMustPass);
  add("tanh.f32.small", unary(kTanh, kF32, Numbers::Reals(-1e-3, 1e-3)), {});
  add("gelu.f32.small", unary(kGelu, kF32, Numbers::Reals(-1e-3, 1e-3)), {});
  add("sin.f32.small", unary(kSin, kF32, Numbers::Reals(-1e-3, 1e-3)), {});
  add("sqrt.f32.infinity", unary(kSquareRoot, kF32, Numbers::Listed({kInfinity, 4})), {});
  // Subnormal numbers may count as 0.
  for (const Operator& op : Operators()) {
    if (op.kind == kLog || op.kind == kReciprocalSquareRoot) continue;
    add(std::format("{}.f32.subnormal", op.name),
        Make(op, kF32, dims, Numbers::Listed({1e-40f, 1, 1e-45f, 1.1e-38f})), {});
  }
  add("sqrt.f32.wide", unary(kSquareRoot, kF32, Numbers::Listed({1e-30f, 1e30f, 1e10f, 3})), {});
  add("rsqrt.f32.wide",
      unary(kReciprocalSquareRoot, kF32, Numbers::Listed({1e-30f, 1e30f, 1e10f, 3})), {});
  add("square.f32.overflow", unary(kSquare, kF32, Numbers::Listed({1e20f, -1e20f, 3e38f})),
      kBitwise);
  add("square.f32.integers", unary(kSquare, kF32, Numbers::Integers(-4095, 4095)),
      kMustPassBitwise);
  add("square.f16.integers", unary(kSquare, kF16, Numbers::Integers(-45, 45)), kMustPassBitwise);
  add("sin.f32.large", unary(kSin, kF32, Numbers::Reals(-300, 300)), {});
  add("cos.f32.large", unary(kCos, kF32, Numbers::Reals(-300, 300)), {});
  // Slopes and alphas.
  for (float alpha : {0.5f, 2.0f}) {
    add(std::format("elu.f32.alpha_{}", alpha == 2 ? "2" : "half"),
        unary(kELU, kF32, Numbers::Reals(-20, 5), EluAttributes{alpha}), {});
    add(std::format("elu.f16.alpha_{}", alpha == 2 ? "2" : "half"),
        unary(kELU, kF16, Numbers::Reals(-9, 5), EluAttributes{alpha}), {});
  }
  const std::pair<const char*, float> slopes[] = {
      {"zero", 0}, {"half", 0.5f}, {"negative", -0.25f}, {"above_one", 1.5f}};
  for (const auto& [name, slope] : slopes) {
    const LeakyReluAttributes attributes{slope};
    add(std::format("leaky_relu.f32.slope_{}", name),
        unary(kLeakyReLU, kF32, Numbers::Integers(-999, 999), attributes), kMustPassBitwise);
    add(std::format("leaky_relu.f16.slope_{}", name),
        unary(kLeakyReLU, kF16, Numbers::Reals(-9, 9), attributes), {});
    if (slope == 0) continue;
    add(std::format("leaky_relu.qs8.slope_{}", name),
        unary(kLeakyReLU, kQS8, Numbers::Reals(-5, 5), attributes), {});
  }
  // Clamps: one side, a point, quantized ends that are no steps.
  auto clamp = [&](const ElementKind& type, float min, float max, Numbers numbers) {
    OneNode node = unary(kClamp, type, std::move(numbers));
    node.min = min;
    node.max = max;
    return node;
  };
  add("clamp.f32.relu", clamp(kF32, 0, kInfinity, Numbers::Reals(-9, 9)), kMustPassBitwise);
  add("clamp.f32.below", clamp(kF32, -kInfinity, 1.5f, Numbers::Reals(-9, 9)), kMustPassBitwise);
  add("clamp.f16.relu", clamp(kF16, 0, kInfinity, Numbers::Reals(-9, 9)), kMustPassBitwise);
  add("clamp.f16.relu6", clamp(kF16, 0, 6, Numbers::Reals(-9, 9)), kMustPassBitwise);
  add("clamp.f16.ends_are_no_halfs", clamp(kF16, -0.1f, 0.1f, Numbers::Reals(-1, 1)), kBitwise);
  add("clamp.qs8.relu", clamp(kQS8, 0, kInfinity, Numbers::Reals(-9, 9)), kMustPass);
  add("clamp.qs8.ends_between_steps", clamp(kQS8Exact, -1.04f, 2.07f, Numbers::Reals(-9, 9)),
      kMustPass);
  add("clamp.qu8.relu6", clamp(kQU8, 0, 6, Numbers::Reals(-9, 9)), {});
  // An empty batch is an empty result.
  for (const Operator& op : Operators()) {
    if (op.name != "abs" && op.name != "exp" && op.name != "clamp") continue;
    OneNode node = Make(op, kF32, {3, 5}, Numbers::Reals(1, 2));
    node.inputs[0].more_runs = {{0, 5}, {3, 5}};
    add(std::format("{}.f32.zero_batch", op.name), node, {});
  }
}

}  // namespace switchyard::conformance
