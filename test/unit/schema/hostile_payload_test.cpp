// Payloads that nobody should have written: the reader answers with an error or a graph that keeps
// the rules, and does nothing else. Runs under the sanitizers, too.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/graph_equals.h"
#include "test/support/mutate.h"
#include "test/support/payloads.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

using test::Put;

// Small ones of every family.
constexpr const char* kModels[] = {"fc.fp32",
                                   "fc.qs8",
                                   "fc.qd8",
                                   "fc.qd8_4",
                                   "fc.qb4w_32.bias",
                                   "conv.qs8.3x3",
                                   "conv.fp16.1x1",
                                   "conv.fp32.depthwise",
                                   "conv.fp32.transposed.3x3",
                                   "bmm.fp32",
                                   "op.cat3.fp32",
                                   "op.pad.fp32",
                                   "op.slice.fp32",
                                   "op.prelu.fp32",
                                   "op.max_pool.fp32",
                                   "op.upsample.fp32",
                                   "op.view.fp32",
                                   "op.leaky_relu.fp32",
                                   "qkv.fp32",
                                   "op.permute.fp16"};
constexpr size_t kMutants = 20000;

// Reads bytes that an earlier test may have damaged; a graph that comes out must be one that can be
// written and read again. Returns the error's code, or nothing for a graph.
std::optional<ErrorCode> ReadHostile(const Payload& payload) {
  const auto graph = test::Read(payload);
  if (!graph) {
    EXPECT_FALSE(graph.error().message.empty());
    return graph.error().code;
  }
  const auto written = WritePayload(*graph);
  EXPECT_TRUE(written) << written.error().ToString();
  if (written) {
    const auto again = test::Read(*written);
    EXPECT_TRUE(again) << again.error().ToString();
    if (again) {
      EXPECT_TRUE(test::GraphEquals(*again, *graph, {.keys = false}));
    }
  }
  return std::nullopt;
}

struct RealGraph {
  test::Model model;
  Graph graph;  // of its first payload
};
RealGraph LoadGraph(const char* name) {
  RealGraph result{test::LoadTestModel(name), {}};
  if (result.model.payloads.empty()) {
    ADD_FAILURE() << name << " has no payload";
    return result;
  }
  auto graph = ReadPayload(result.model.payloads[0].bytes, result.model.named_data.get());
  EXPECT_TRUE(graph) << name << ": " << graph.error().ToString();
  if (graph) result.graph = *std::move(graph);
  return result;
}

Payload SmallPayload(const char* name, const WriterOptions& options = {}) {
  const RealGraph real = LoadGraph(name);
  auto payload = WritePayload(real.graph, options);
  EXPECT_TRUE(payload) << payload.error().ToString();
  return payload ? *std::move(payload) : Payload{};
}

TEST(HostilePayload, Truncations) {
  for (const char* name : {"op.prelu.fp32", "fc.qd8"}) {
    for (const bool header : {true, false}) {
      const Payload whole = SmallPayload(
          name, {.header = header,
                 .constants = header ? ConstantStorage::kOffset : ConstantStorage::kInline});
      ASSERT_FALSE(whole.bytes.empty());
      ASSERT_FALSE(ReadHostile(whole));
      size_t graphs = 0;
      for (size_t size = 0; size < whole.bytes.size(); ++size) {
        const Payload part{
            {whole.bytes.begin(), whole.bytes.begin() + static_cast<ptrdiff_t>(size)}, {}};
        graphs += !ReadHostile(part);
      }
      EXPECT_EQ(graphs, 0u) << name << (header ? " with" : " without") << " header";
    }
  }
}

// At any address.
TEST(HostilePayload, Misaligned) {
  const Payload whole = SmallPayload("fc.qb4w_32.bias");
  for (size_t shift = 1; shift < 16; ++shift) {
    std::vector<std::byte> shifted(shift);
    shifted.insert(shifted.end(), whole.bytes.begin(), whole.bytes.end());
    const auto graph = ReadPayload(std::span(shifted).subspan(shift), nullptr);
    ASSERT_TRUE(graph) << graph.error().ToString();
    const auto straight = test::Read(whole);
    ASSERT_TRUE(straight);
    EXPECT_TRUE(test::GraphEquals(*graph, *straight));
  }
}

// Every 4-byte field that begins in the header, aligned or not, and every field's own width.
TEST(HostilePayload, HeaderFields) {
  const Payload whole = SmallPayload("fc.fp32");
  size_t refused = 0;
  for (size_t offset = 0; offset <= 28; ++offset) {
    for (const uint32_t edge : {0u, 1u, 0xFFFFFFFFu}) {
      Payload changed = whole;
      Put(changed.bytes, offset, edge);
      refused += ReadHostile(changed).has_value();
    }
  }
  EXPECT_GT(refused, 30u);
  const auto expect_refused = [&whole](size_t offset, auto number) {
    Payload changed = whole;
    Put(changed.bytes, offset, number);
    EXPECT_TRUE(ReadHostile(changed)) << "header offset " << offset << " = " << number;
  };
  const auto size = static_cast<uint32_t>(whole.bytes.size());
  for (const uint32_t edge : {size - 1, size, size + 1, 0xFFFFFFFFu}) {
    expect_refused(10, edge);  // offset of the flatbuffer
    expect_refused(14, edge);  // its size
    expect_refused(18, edge);  // offset of the constant region
    expect_refused(22, uint64_t{edge});
    expect_refused(22, ~uint64_t{0} - edge);  // its size
  }
}

// Twenty thousand mutants, two thirds of them structural.
TEST(HostilePayload, Mutants) {
  size_t structural = 0, graphs = 0, structural_graphs = 0;
  std::map<ErrorCode, size_t> refused;
  for (size_t m = 0; m < std::size(kModels); ++m) {
    const RealGraph real = LoadGraph(kModels[m]);
    ASSERT_FALSE(real.graph.values.empty()) << kModels[m];
    test::Mutator mutator(real.graph, /*seed=*/m + 1);
    for (size_t i = 0; i < kMutants / std::size(kModels); ++i) {
      const test::Mutant mutant = mutator.Next();
      SCOPED_TRACE(testing::Message()
                   << kModels[m] << ", seed " << m + 1 << ", " << mutant.description);
      structural += mutant.structural;
      const std::optional<ErrorCode> code = ReadHostile(mutant.payload);
      if (code) {
        ++refused[*code];
      } else {
        ++graphs;
        structural_graphs += mutant.structural;
      }
      if (HasFailure()) return;
    }
  }
  EXPECT_GE(structural, kMutants / 2);
  // Neither the door nor the mutations are trivial.
  EXPECT_GT(graphs, kMutants / 50);
  EXPECT_GT(structural_graphs, kMutants / 100);
  EXPECT_GT(refused[ErrorCode::kInvalidProgram], kMutants / 4);
  EXPECT_GT(refused[ErrorCode::kDelegateInvalidCompatibility], 0u);
  EXPECT_GT(refused[ErrorCode::kInvalidArgument], 0u);
  EXPECT_GT(refused[ErrorCode::kNotImplemented], 0u);
  for (const auto& [code, count] : refused) {
    RecordProperty(std::string(ErrorCodeName(code)), std::to_string(count));
    EXPECT_TRUE(code == ErrorCode::kInvalidProgram || code == ErrorCode::kInvalidArgument ||
                code == ErrorCode::kDelegateInvalidCompatibility ||
                code == ErrorCode::kNotImplemented || code == ErrorCode::kNotFound)
        << ErrorCodeName(code);
  }
  RecordProperty("graphs", std::to_string(graphs));
}

// The same seed, the same mutants: a reproducer line means something.
TEST(HostilePayload, MutantsAreReproducible) {
  const RealGraph real = LoadGraph("fc.qd8");
  test::Mutator a(real.graph, 5), b(real.graph, 5), c(real.graph, 6);
  size_t different = 0;
  for (int i = 0; i < 50; ++i) {
    const test::Mutant one = a.Next(), same = b.Next(), other = c.Next();
    EXPECT_EQ(one.payload.bytes, same.payload.bytes);
    EXPECT_EQ(one.description, same.description);
    different += one.payload.bytes != other.payload.bytes;
  }
  EXPECT_GT(different, 25u);
}

}  // namespace
}  // namespace switchyard
