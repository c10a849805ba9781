// ScaledDotProductAttention, as ExecuTorch 0.2 and 0.3 wrote it: query [batch..., heads, T, C], key
// [batch..., heads, U, C], value [batch..., heads, U, D], scale [C], mask [T, U].
#include <cmath>
#include <format>
#include <limits>
#include <vector>

#include "test/conformance/one_node.h"

namespace switchyard::conformance {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

struct Shape {
  Dims batch;  // heads included
  size_t t, u, c, d;
};

Dims With(Dims dims, size_t rows, size_t columns) {
  dims.push_back(rows);
  dims.push_back(columns);
  return dims;
}

// The exporter fills the scale with one number; the format does not ask for that.
OneNode Make(const ElementKind& type, const Shape& s) {
  const Numbers numbers = Numbers::Reals(-1, 1);
  const auto scale = 1 / std::sqrt(static_cast<float>(s.c));
  return {NodeKind::kScaledDotProductAttention,
          {{type, With(s.batch, s.t, s.c), numbers},
           {type, With(s.batch, s.u, s.c), numbers},
           {type, With(s.batch, s.u, s.d), numbers},
           {type, {s.c}, Numbers::Listed({scale}), Constant::kInPayload},
           {type, {s.t, s.u}, Numbers::Reals(-3, 0)}},
          {{type, With(s.batch, s.t, s.d)}}};
}

// The bounds above, then each of these.
void AddRuns(OneNode& node, const std::vector<Shape>& shapes) {
  for (const Shape& s : shapes) {
    node.inputs[0].more_runs.push_back(With(s.batch, s.t, s.c));
    node.inputs[1].more_runs.push_back(With(s.batch, s.u, s.c));
    node.inputs[2].more_runs.push_back(With(s.batch, s.u, s.d));
    node.inputs[4].more_runs.push_back({s.t, s.u});
  }
}

}  // namespace

void AddAttentionCases(Cases& cases) {
  for (const ElementKind& type : {kF32, kF16}) {
    const auto add = [&](std::string_view what, OneNode node, Expect expect = {}) {
      AddOneNode(cases, std::format("attention.{}.{}", type.name, what), std::move(node), expect);
    };
    add("heads", Make(type, {{2, 3}, 8, 8, 16, 16}), kMustPass);
    add("odd", Make(type, {{1, 3}, 5, 7, 9, 11}), kMustPass);
    add("one", Make(type, {{1, 1}, 1, 1, 1, 1}), kMustPass);
    add("one_query", Make(type, {{2, 2}, 1, 13, 6, 6}), kMustPass);
    add("one_key", Make(type, {{2, 2}, 6, 1, 5, 3}));
    add("wide", Make(type, {{1, 2}, 3, 66, 4, 65}), kMustPass);
    add("deep", Make(type, {{1, 1}, 4, 5, 130, 2}));
    add("long", Make(type, {{1, 2}, 40, 140, 16, 16}));
    add("rank2", Make(type, {{}, 4, 5, 6, 7}));
    add("rank3", Make(type, {{3}, 4, 5, 6, 7}), kMustPass);
    add("rank5", Make(type, {{2, 1, 3}, 4, 5, 6, 7}));

    OneNode computed_scale = Make(type, {{2, 2}, 4, 5, 6, 7});
    computed_scale.inputs[3] = {type, {6}, Numbers::Reals(-1, 1)};
    add("computed_scale", computed_scale, kMustPass);
    OneNode constants = Make(type, {{2, 2}, 4, 5, 6, 7});
    constants.inputs[4].constant = Constant::kInPayload;
    add("constant_mask", constants, kMustPass);
    for (const size_t i : {1, 2, 4}) constants.inputs[i].constant = Constant::kNamed;
    add("constant_key_value", constants);

    // Causal: everything but the first u + 1 keys of a query is out of the question.
    OneNode causal = Make(type, {{1, 2}, 4, 4, 8, 8});
    std::vector<float> mask;
    for (size_t t = 0; t < 4; ++t) {
      for (size_t u = 0; u < 4; ++u) mask.push_back(u <= t ? 0 : kMinusInfinity);
    }
    causal.inputs[4].numbers = Numbers::Listed(std::move(mask));
    causal.inputs[4].constant = Constant::kInPayload;
    add("causal", causal, kMustPass);

    // Key and value of one head, which every head of the query reads.
    OneNode one_head = Make(type, {{2, 3}, 4, 5, 6, 7});
    one_head.inputs[1].dims = {2, 1, 5, 6};
    one_head.inputs[2].dims = {2, 1, 5, 7};
    add("one_key_value_head", one_head);
    one_head.inputs[0].dims = {3, 4, 6};
    one_head.inputs[1].dims = {5, 6};
    one_head.inputs[2].dims = {5, 7};
    one_head.outputs[0].dims = {3, 4, 7};
    add("shared_key_value", one_head);

    OneNode dynamic = Make(type, {{3, 2}, 9, 17, 6, 7});
    AddRuns(
        dynamic,
        {{{3, 2}, 1, 17, 6, 7}, {{3, 2}, 1, 3, 6, 7}, {{1, 2}, 9, 1, 6, 7}, {{3, 2}, 9, 17, 6, 7}});
    add("dynamic", dynamic, kMustPass);

    // A mask of other rows than the query has would give an output of its rows.
    OneNode other_mask = Make(type, {{2, 2}, 4, 5, 6, 7});
    other_mask.inputs[0].dims = {2, 2, 1, 6};
    add("other_mask.refused", other_mask, {.must_pass = true, .refused = true});
  }
}

}  // namespace switchyard::conformance
