// Elementwise operators of two inputs: broadcasting, ranges, constants, types.
#include <format>
#include <string>
#include <utility>

#include "test/conformance/one_node.h"

namespace switchyard::conformance {
namespace {

using enum NodeKind;

struct Operator {
  std::string_view name;
  NodeKind kind;
  bool has_range;
  double low_b, high_b;  // of the second operand
};
constexpr Operator kOperators[] = {
    {"add", kAdd, true, -4, 4},      {"sub", kSubtract, true, -4, 4},
    {"mul", kMultiply, true, -4, 4}, {"div", kDiv, true, 0.25, 4},
    {"min", kMinimum, false, -4, 4}, {"max", kMaximum, false, -4, 4},
    {"prelu", kPReLU, false, -1, 1},
};

struct OperandShapes {
  std::string_view name;
  Dims a, b, output;
  bool must_pass = false;
};
const OperandShapes kOperandShapes[] = {
    {"scalar", {}, {}, {}, false},
    {"rank1.67", {67}, {67}, {67}, true},
    {"rank4", {2, 3, 5, 7}, {2, 3, 5, 7}, {2, 3, 5, 7}, true},
    {"rank6", {2, 1, 3, 2, 1, 5}, {2, 1, 3, 2, 1, 5}, {2, 1, 3, 2, 1, 5}, false},
    // prelu's slopes broadcast to its input; so do these.
    {"broadcast.last", {2, 3, 19}, {19}, {2, 3, 19}, true},
    {"broadcast.one", {3, 19}, {1}, {3, 19}, true},
    {"broadcast.ones", {3, 19}, {1, 1}, {3, 19}, false},
    {"broadcast.with_scalar", {3, 19}, {}, {3, 19}, false},
    {"broadcast.column", {3, 5, 7}, {3, 5, 1}, {3, 5, 7}, true},
    {"broadcast.middle", {2, 3, 4, 5}, {1, 3, 1, 5}, {2, 3, 4, 5}, false},
    {"broadcast.outer", {4, 3, 5}, {4, 1, 1}, {4, 3, 5}, false},
    {"broadcast.rank6", {2, 3, 2, 3, 2, 3}, {3, 1, 3, 1, 3}, {2, 3, 2, 3, 2, 3}, false},
};
// Not for prelu.
const OperandShapes kBothWays[] = {
    {"broadcast.first_last", {19}, {2, 3, 19}, {2, 3, 19}, true},
    {"broadcast.first_one", {1}, {3, 19}, {3, 19}, false},
    {"broadcast.first_scalar", {}, {3, 19}, {3, 19}, false},
    {"broadcast.outer_product", {7, 1}, {1, 9}, {7, 9}, true},
    {"broadcast.crosswise", {2, 1, 4, 1}, {1, 3, 1, 5}, {2, 3, 4, 5}, true},
    {"broadcast.rank1_rank6", {3}, {2, 1, 2, 1, 2, 3}, {2, 1, 2, 1, 2, 3}, false},
};

OneNode Make(const Operator& op, const ElementKind& type, const OperandShapes& shape) {
  return {op.kind,
          {{type, shape.a}, {type, shape.b, Numbers::Reals(op.low_b, op.high_b)}},
          {{type, shape.output}}};
}

// The quantizations of the two inputs and the output differ.
OneNode MakeInt8(const Operator& op, const ElementKind& type, const OperandShapes& shape) {
  const int shift = type.type == DataType::kQInt8 ? 0 : 128;
  OneNode node{
      op.kind,
      {{WithQuantization(type, 0.037f, shift - 11), shape.a, Numbers::Reals(-5, 5)},
       {WithQuantization(type, 0.021f, shift + 5), shape.b, Numbers::Reals(op.low_b, op.high_b)}},
      {{WithQuantization(type, 0.053f, shift + 3), shape.output}}};
  return node;
}

void AddShapes(Cases& cases, const Operator& op) {
  auto add = [&](const OperandShapes& shape) {
    AddOneNode(cases, std::format("{}.f32.{}", op.name, shape.name), Make(op, kF32, shape),
               {.must_pass = shape.must_pass});
  };
  for (const OperandShapes& shape : kOperandShapes) add(shape);
  if (op.kind != kPReLU) {
    for (const OperandShapes& shape : kBothWays) add(shape);
  }
}

void AddTypes(Cases& cases, const Operator& op) {
  for (size_t i : {1, 2, 4, 6, 8}) {
    const OperandShapes& shape = kOperandShapes[i];
    AddOneNode(cases, std::format("{}.f16.{}", op.name, shape.name), Make(op, kF16, shape),
               {.must_pass = i != 6});
    AddOneNode(cases, std::format("{}.qs8.{}", op.name, shape.name), MakeInt8(op, kQS8, shape),
               {.must_pass = shape.must_pass});
  }
  AddOneNode(cases, std::format("{}.bf16.rank4", op.name), Make(op, kBF16, kOperandShapes[2]));
  AddOneNode(cases, std::format("{}.qu8.rank4", op.name), MakeInt8(op, kQU8, kOperandShapes[2]));
}

void AddData(Cases& cases, const Operator& op) {
  const OperandShapes& shape = kOperandShapes[4];
  auto name = [&](std::string_view what) { return std::format("{}.{}", op.name, what); };
  // Small whole numbers: sums and products are exact in every type; so are quotients by powers of
  // two.
  for (const ElementKind& type : {kF32, kF16}) {
    OneNode node = Make(op, type, shape);
    node.inputs[0].numbers = Numbers::Integers(-31, 31);
    node.inputs[1].numbers =
        op.kind == kDiv ? Numbers::Listed({1, -2, 4, 0.5f}) : Numbers::Integers(-31, 31);
    AddOneNode(cases, name(std::format("{}.exact", type.name)), node, kMustPassBitwise);
  }
  for (const ElementKind& type : {kF32, kF16}) {
    OneNode constant = Make(op, type, shape);
    constant.inputs[1].constant = Constant::kNamed;
    AddOneNode(cases, name(std::format("{}.constant", type.name)), constant, kMustPass);
    constant.inputs[1].constant = Constant::kInPayload;
    AddOneNode(cases, name(std::format("{}.constant_in_payload", type.name)), constant);
  }
  OneNode sequence = Make(op, kF32, {"", {4, 6, 9}, {4, 6, 9}, {4, 6, 9}});
  sequence.inputs[0].more_runs = {{1, 6, 9}, {4, 6, 9}, {2, 1, 9}, {4, 6, 9}};
  sequence.inputs[1].more_runs = {{1, 6, 9}, {1, 1, 9}, {2, 1, 1}, {4, 6, 9}};
  AddOneNode(cases, name("f32.sequence"), sequence);
  OneNode empty = Make(op, kF32, {"", {3, 5}, {5}, {3, 5}});
  empty.inputs[0].more_runs = {{0, 5}, {3, 5}};
  AddOneNode(cases, name("f32.zero_batch"), empty);
  OneNode infinite = Make(op, kF32, shape);
  infinite.inputs[0].numbers = Numbers::Listed({kInfinity, 1, -kInfinity, 2, 3e38f});
  infinite.inputs[1].numbers = Numbers::Listed({2, 0.5f, 1, 0.25f, 0.5f});
  AddOneNode(cases, name("f32.infinity"), infinite);
  OneNode bad = Make(op, kF32, shape);
  bad.inputs[0].numbers = Numbers::Listed({std::numeric_limits<float>::quiet_NaN(), 1, 2, 3});
  AddOneNode(cases, name("f32.nan_among_numbers"), bad, {.data = Data::kPartlyFree});
  OneNode wrong = Make(op, kF32, {"", {3, 5}, {4}, {3, 5}});
  AddOneNode(cases, name("f32.dims_do_not_broadcast"), wrong, {.refused = true});
}

void AddRanges(Cases& cases, const Operator& op) {
  const std::pair<std::string_view, std::pair<float, float>> ranges[] = {
      {"relu", {0, kInfinity}}, {"below", {-kInfinity, 1.25f}}, {"both", {-0.6f, 1.1f}}};
  for (const auto& [name, range] : ranges) {
    for (const ElementKind& type : {kF32, kF16, kQS8}) {
      const OperandShapes& shape = kOperandShapes[4];
      OneNode node =
          type.type == DataType::kQInt8 ? MakeInt8(op, type, shape) : Make(op, type, shape);
      node.min = range.first;
      node.max = range.second;
      AddOneNode(cases, std::format("{}.{}.range_{}", op.name, type.name, name), node,
                 {.must_pass = name == "relu" || name == "both"});
    }
  }
}

}  // namespace

void AddBinaryCases(Cases& cases) {
  for (const Operator& op : kOperators) {
    AddShapes(cases, op);
    AddTypes(cases, op);
    AddData(cases, op);
    if (op.has_range) AddRanges(cases, op);
  }
  const OperandShapes& shape = kOperandShapes[1];
  OneNode zeros = Make(kOperators[3], kF32, shape);
  zeros.inputs[1].numbers = Numbers::Listed({0, 2});
  zeros.inputs[0].numbers = Numbers::Listed({1, 3});
  AddOneNode(cases, "div.f32.by_zero", zeros);
  // One slope for all, over vectors and their tails.
  for (size_t n : {1, 8, 16, 17, 20, 31, 32, 47, 55, 63, 64, 67}) {
    AddOneNode(cases, std::format("prelu.f16.one_slope.n{}", n),
               Make(kOperators[6], kF16, {"", {n}, {1}, {n}}), kMustPass);
  }
  // Ends of the scales that int8 sums and products take; saturation at both ends.
  for (size_t i : {0, 1, 2}) {
    const Operator& op = kOperators[i];
    for (const auto& [name, scale] :
         {std::pair{"saturated", 0.004f}, std::pair{"coarse", 3.0f}, std::pair{"equal", 0.037f}}) {
      OneNode node = MakeInt8(op, kQS8, shape);
      node.outputs[0].kind = WithQuantization(kQS8, scale, -7);
      AddOneNode(cases, std::format("{}.qs8.output_{}", op.name, name), node, kMustPass);
    }
    for (int zero_point : {-128, 127}) {
      OneNode node = MakeInt8(op, kQS8, shape);
      node.inputs[0].kind = WithQuantization(kQS8, 0.02f, zero_point);
      node.inputs[1].kind = WithQuantization(kQS8, 0.03f, -zero_point - 1);
      node.outputs[0].kind = WithQuantization(kQS8, 0.05f, zero_point);
      AddOneNode(cases,
                 std::format("{}.qs8.zero_points_{}", op.name, zero_point < 0 ? "low" : "high"),
                 node, kMustPass);
    }
  }
}

}  // namespace switchyard::conformance
