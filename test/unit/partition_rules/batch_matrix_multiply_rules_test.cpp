#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "partition_rules/rule.h"
#include "test/support/graph_builder.h"
#include "test/unit/partition_rules/rule_cases.h"

namespace switchyard {
namespace {

using test::GraphBuilder;
using test::Ids;
using test::Judge;
using test::VerdictText;
using testing::ElementsAre;
using enum DataType;

struct Product {
  DataType type = kF32;
  Dims a = {2, 3, 5, 7};
  Dims b = {2, 3, 7, 4};
  bool a_is_constant = false;
  bool b_is_constant = false;
  uint32_t flags = 0;
  std::optional<DataType> b_type = std::nullopt;  // `type` unless given
  std::optional<DataType> output = std::nullopt;  // `type` unless given
};

class Build {
 public:
  explicit Build(const Product& product) : product_(product) {}

  Graph operator()() {
    GraphBuilder builder;
    const auto operand = [&](DataType type, const Dims& dims, bool is_constant) {
      if (!is_constant) return builder.Input(type, dims);
      return builder.Constant(type, dims, std::vector<std::byte>(*TensorBytes(type, dims)));
    };
    const ValueIndex a = operand(product_.type, product_.a, product_.a_is_constant);
    const ValueIndex b =
        operand(product_.b_type.value_or(product_.type), product_.b, product_.b_is_constant);
    // The claimed dims are not believed; only the rank counts.
    Dims dims;
    while (dims.rank() < std::max(product_.a.rank(), product_.b.rank())) dims.push_back(1);
    const ValueIndex y = builder.Output(product_.output.value_or(product_.type), dims);
    builder.Add(NodeKind::kBatchMatrixMultiply, {a, b}, {y}).flags = product_.flags;
    return builder.Build();
  }

 private:
  const Product product_;
};

std::string TextOf(const Product& product) {
  const Graph graph = Build(product)();
  return VerdictText(Judge(graph));
}

TEST(BatchMatrixMultiplyRules, pf32) {
  EXPECT_EQ(TextOf({}), "bmm pf32 5x4x7 batch 6 fp32 x fp32 kxn computed -> fp32");
}

TEST(BatchMatrixMultiplyRules, pf16) {
  EXPECT_EQ(TextOf({.type = kF16}), "bmm pf16 5x4x7 batch 6 fp16 x fp16 kxn computed -> fp16");
}

TEST(BatchMatrixMultiplyRules, transposed) {
  EXPECT_EQ(TextOf({.b = {2, 3, 4, 7}, .flags = kFlagTransposeWeights}),
            "bmm pf32 5x4x7 batch 6 fp32 x fp32 nxk computed -> fp32");
}

TEST(BatchMatrixMultiplyRules, constant_b_is_packed_once) {
  EXPECT_EQ(TextOf({.b_is_constant = true}), "bmm pf32 5x4x7 batch 6 fp32 x fp32 kxn -> fp32");
  EXPECT_EQ(
      TextOf({.type = kF16, .b = {4, 7}, .b_is_constant = true, .flags = kFlagTransposeWeights}),
      "bmm pf16 5x4x7 batch 6 fp16 x fp16 nxk -> fp16");
}

TEST(BatchMatrixMultiplyRules, batches_broadcast) {
  EXPECT_EQ(TextOf({.a = {2, 1, 5, 7}, .b = {3, 7, 4}}),
            "bmm pf32 5x4x7 batch 6 fp32 x fp32 kxn computed -> fp32");
  EXPECT_EQ(TextOf({.a = {5, 7}, .b = {8, 7, 4}}),
            "bmm pf32 5x4x7 batch 8 fp32 x fp32 kxn computed -> fp32");
  EXPECT_EQ(TextOf({.a = {5, 7}, .b = {7, 4}}), "bmm pf32 5x4x7 fp32 x fp32 kxn computed -> fp32");
}

TEST(BatchMatrixMultiplyRules, of_a_matrix_with_itself) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {5, 7}), y = b.Output(kF32, {5, 5});
  b.Add(NodeKind::kBatchMatrixMultiply, {x, x}, {y}).flags = kFlagTransposeWeights;
  const Graph graph = b.Build();
  EXPECT_EQ(VerdictText(Judge(graph)), "bmm pf32 5x5x7 fp32 x fp32 nxk computed -> fp32");
}

TEST(BatchMatrixMultiplyRules, refusals) {
  std::vector<test::RefusingCase> cases;
  for (const DataType type : {kF32, kF16}) {
    const Variant variant = type == kF32 ? Variant::kPf32 : Variant::kPf16;
    cases.push_back({variant, ReasonId::kBmmInputConstant,
                     "left operand: value 0, a constant, expected an argument",
                     Build({.type = type, .a_is_constant = true}), ""});
    cases.push_back({variant, ReasonId::kProductOutputType, "type of the output: ",
                     Build({.type = type, .output = type == kF32 ? kF16 : kF32}), ""});
  }
  cases.push_back({std::nullopt, ReasonId::kProductTypes,
                   "fp32 x fp16, expected one of fp32 x fp32, fp16 x fp16; quantize or cast",
                   Build({.b_type = kF16}), ""});
  test::ExpectRefusals(kBatchMatrixMultiplyRules, cases);
}

TEST(BatchMatrixMultiplyRules, all_reasons_at_once) {
  const Graph graph = Build({.a_is_constant = true, .output = kF16})();
  EXPECT_THAT(Ids(Judge(graph)),
              ElementsAre(ReasonId::kBmmInputConstant, ReasonId::kProductOutputType));
}

}  // namespace
}  // namespace switchyard
