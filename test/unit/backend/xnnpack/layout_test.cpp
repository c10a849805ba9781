// Operators that move data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "test/support/graph_builder.h"
#include "test/unit/backend/xnnpack/stock_runner.h"

namespace switchyard::test {
namespace {

using enum DataType;
using testing::ElementsAre;

const Quantization kQ = PerTensorQuantization{.scale = 0.5f, .zero_point = 4};

// The elements are opaque to these operators: small integers, as each type stores them.
std::vector<std::byte> Stored(DataType type, const std::vector<int>& values) {
  switch (type) {
    case kF32:
      return Tensor::Of<float>({}, std::vector<float>(values.begin(), values.end())).bytes;
    case kF16:
      return Tensor::Of({}, ToF16(std::vector<float>(values.begin(), values.end()))).bytes;
    case kBF16:
      return Tensor::Of({}, ToBF16(std::vector<float>(values.begin(), values.end()))).bytes;
    default:
      return Tensor::Of<int8_t>({}, std::vector<int8_t>(values.begin(), values.end())).bytes;
  }
}
Quantization QuantizationOf(DataType type) {
  return type == kQInt8 || type == kQUInt8 ? kQ : Quantization{};
}
constexpr DataType kMovable[] = {kF32, kF16, kBF16, kQInt8, kQUInt8};

std::vector<int> Iota(size_t count) {
  std::vector<int> values(count);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

// A node of one input of `in` with elements 1, 2, 3, ... must give `expected` in every type.
void ExpectMoves(NodeKind kind, const Dims& in, const Dims& out, const Attributes& attributes,
                 const std::vector<int>& expected) {
  for (const DataType type : kMovable) {
    SCOPED_TRACE(std::format("layout.{}.{}", Info(kind).name, Name(type)));
    GraphBuilder b;
    const ValueIndex x = b.Input(type, in, QuantizationOf(type));
    const ValueIndex y = b.Output(type, out, QuantizationOf(type));
    b.Add(kind, {x}, {y}, attributes);
    const Graph graph = b.Build();
    const auto result =
        RunStock(graph, {Tensor{.dims = in, .bytes = Stored(type, Iota(*in.NumElements()))}});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ((*result)[1].dims, out);
    EXPECT_EQ((*result)[1].bytes, Stored(type, expected));
  }
}

// XNNPACK refuses to order no dimensions.
TEST(StockLayout, TransposeOfAScalar) {
  for (const DataType type : {DataType::kF32, DataType::kF16, DataType::kBF16}) {
    GraphBuilder b;
    const ValueIndex x = b.Input(type, {});
    const ValueIndex y = b.Output(type, {});
    b.Add(NodeKind::kStaticTranspose, {x}, {y}, TransposeAttributes{});
    const Graph graph = b.Build();
    const auto out = RunStock(graph, {FloatTensor(type, {}, {1.5f})});
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(Floats(type, (*out)[1]), std::vector<float>{1.5f}) << Name(type);
  }
}

TEST(StockLayout, Transpose) {
  ExpectMoves(NodeKind::kStaticTranspose, {2, 3}, {3, 2}, TransposeAttributes{{1, 0}},
              {1, 4, 2, 5, 3, 6});
  ExpectMoves(NodeKind::kStaticTranspose, {1, 2, 2, 2}, {1, 2, 2, 2},
              TransposeAttributes{{0, 2, 3, 1}}, {1, 5, 2, 6, 3, 7, 4, 8});
}

TEST(StockLayout, Reshape) {
  ExpectMoves(NodeKind::kStaticReshape, {2, 6}, {3, 4}, ReshapeAttributes{{3, 0}}, Iota(12));
  ExpectMoves(NodeKind::kStaticReshape, {2, 6}, {12}, ReshapeAttributes{{12}}, Iota(12));
}

TEST(StockLayout, Slice) {
  ExpectMoves(NodeKind::kStaticSlice, {3, 4}, {2, 2}, SliceAttributes{{1, 2}, {2, 2}},
              {7, 8, 11, 12});
}

TEST(StockLayout, Copy) { ExpectMoves(NodeKind::kCopy, {2, 3}, {2, 3}, {}, Iota(6)); }

TEST(StockLayout, PadFloat) {
  for (const DataType type : {kF32, kF16, kBF16}) {
    SCOPED_TRACE(Name(type));
    GraphBuilder b;
    const ValueIndex x = b.Input(type, {2, 2});
    const ValueIndex y = b.Output(type, {3, 4});
    b.Add(NodeKind::kStaticConstantPad, {x}, {y}, PadAttributes{{1, 0}, {0, 2}, 7});
    const Graph graph = b.Build();
    const auto out = RunStock(graph, {Tensor{.dims = {2, 2}, .bytes = Stored(type, Iota(4))}});
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ((*out)[1].bytes, Stored(type, {7, 7, 7, 7, 1, 2, 7, 7, 3, 4, 7, 7}));
  }
}

TEST(StockLayout, PadQuantizedByRealValue) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kQInt8, {2}, kQ);
  const ValueIndex y = b.Output(kQInt8, {4}, kQ);
  b.Add(NodeKind::kStaticConstantPad, {x}, {y}, PadAttributes{{1}, {1}, 2.0f});
  const Graph graph = b.Build();
  const auto out = RunStock(graph, {Tensor::Of<int8_t>({2}, {1, 2})});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT((*out)[1].As<int8_t>(), ElementsAre(8, 1, 2, 8));
}

TEST(StockLayout, Concatenate) {
  constexpr NodeKind kKinds[] = {NodeKind::kConcatenate2, NodeKind::kConcatenate3,
                                 NodeKind::kConcatenate4, NodeKind::kConcatenate5};
  for (size_t count = 2; count <= 5; ++count) {
    for (const DataType type : kMovable) {
      SCOPED_TRACE(std::format("layout.concatenate{}.{}", count, Name(type)));
      GraphBuilder b;
      std::vector<ValueIndex> in;
      std::vector<Tensor> tensors;
      for (size_t i = 0; i < count; ++i) {
        in.push_back(b.Input(type, {2, 1}, QuantizationOf(type)));
        const int first = static_cast<int>(10 * i);
        tensors.push_back({.dims = {2, 1}, .bytes = Stored(type, {first, first + 1})});
      }
      const ValueIndex y = b.Output(type, {2, count}, QuantizationOf(type));
      b.Add(kKinds[count - 2], in, {y}, ConcatenateAttributes{.axis = 1});
      const Graph graph = b.Build();
      std::vector<int> expected;
      for (int row = 0; row < 2; ++row) {
        for (size_t i = 0; i < count; ++i) expected.push_back(static_cast<int>(10 * i) + row);
      }
      const auto out = RunStock(graph, tensors);
      ASSERT_TRUE(out) << out.error().message;
      EXPECT_EQ((*out)[count].bytes, Stored(type, expected));
    }
  }
}

TEST(StockLayout, RefusesAnotherQuantizationAfterTheMove) {
  GraphBuilder b;
  const ValueIndex x = b.Input(kQInt8, {2, 3}, kQ);
  const ValueIndex y =
      b.Output(kQInt8, {3, 2}, PerTensorQuantization{.scale = 0.25f, .zero_point = 4});
  b.Add(NodeKind::kStaticTranspose, {x}, {y}, TransposeAttributes{{1, 0}});
  const Graph graph = b.Build();
  const auto runner = StockRunner::Create(graph);
  ASSERT_FALSE(runner);
  EXPECT_EQ(runner.error().code, ErrorCode::kNotSupported);
  EXPECT_THAT(runner.error().message, testing::HasSubstr("scale"));
}

}  // namespace
}  // namespace switchyard::test
