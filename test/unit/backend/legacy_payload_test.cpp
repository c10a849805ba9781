// Every form that payloads have had on the wire, executed: each made from a real model of each
// mode, and each answers bit by bit what the model's own payload does.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <format>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backend/switchyard_backend.h"
#include "runtime/base/float16.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/payloads.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

struct Form {
  const char* name;
  WriterOptions options;
};
constexpr Form kForms[] = {
    {"offset", {}},
    {"offset.xn00", {.legacy_identifier = true}},
    {"offset.inline_scales", {.inline_scales = true}},
    {"offset.legacy_dynamic", {.legacy_dynamic_quantization = true}},
    {"offset.all_legacy",
     {.legacy_identifier = true, .inline_scales = true, .legacy_dynamic_quantization = true}},
    {"named", {.constants = ConstantStorage::kNamed}},
    {"named.inline_scales", {.constants = ConstantStorage::kNamed, .inline_scales = true}},
    {"named.bare", {.header = false, .constants = ConstantStorage::kNamed, .inline_scales = true}},
    {"inline", {.header = false, .constants = ConstantStorage::kInline}},
    {"inline.xn00",
     {.header = false, .legacy_identifier = true, .constants = ConstantStorage::kInline}},
    {"inline.all_legacy",
     {.header = false,
      .legacy_identifier = true,
      .constants = ConstantStorage::kInline,
      .inline_scales = true,
      .legacy_dynamic_quantization = true}},
};

// Models by mode: at least one with a bias, and one of each operator that the mode packs.
constexpr const char* kModels[] = {
    "fc.fp32",          "fc.fp32.transposed",
    "conv.fp32.3x3",    "bmm.fp32.constant",
    "op.prelu.fp32",    "attention.fp32",
    "fc.fp16",          "conv.fp16.3x3",
    "fc.qs8",           "conv.qs8.3x3",
    "op.add.qs8",       "fc.qs8t",
    "conv.qs8t.3x3",    "fc.qd8",
    "fc.qd8.rank3",     "qkv.qd8",
    "conv.qd8.3x3",     "attention.qd8",
    "fc.qd8_4",         "fc.qb4w_32",
    "fc.qb4w_32.bias",  "fc.qb4w_128",
    "attention.qb4_32",
};

// Numbers in [-1, 1), the same for every form.
void Fill(OwnedTensor& tensor, uint64_t seed) {
  uint64_t state = seed + 1;
  const size_t element = ElementBytes(tensor.element_type());
  for (size_t at = 0; at < tensor.bytes().size(); at += element) {
    state = state * 6364136223846793005 + 1442695040888963407;
    const float number = static_cast<float>(static_cast<int32_t>(state >> 32)) * 0x1p-31f;
    uint64_t bits = state >> 32;
    if (tensor.element_type() == ElementType::kF32) bits = std::bit_cast<uint32_t>(number);
    if (tensor.element_type() == ElementType::kF16) bits = F16FromF32(number);
    std::memcpy(tensor.bytes().data() + at, &bits, element);
  }
}

// The outputs, by external id; nothing and a failed test when it does not run.
std::optional<std::vector<OwnedTensor>> RunPayload(const Graph& graph,
                                                   std::span<const std::byte> payload,
                                                   const NamedDataMap& named_data) {
  InitContext context;
  context.named_data = &named_data;
  auto runner = BlobRunner::Load(SwitchyardBackend(), payload, context);
  if (!runner) {
    ADD_FAILURE() << "load: " << runner.error().ToString();
    return std::nullopt;
  }
  std::vector<OwnedTensor> tensors(graph.num_externals);
  for (const Value& value : graph.values) {
    if (!value.external_id) continue;
    OwnedTensor& tensor = tensors[*value.external_id];
    tensor = OwnedTensor(*ExternalElementType(value.type), value.dims.span());
    if (value.is_external_input) Fill(tensor, *value.external_id);
  }
  const Status status = runner->Run(tensors);
  if (!status) {
    ADD_FAILURE() << "run: " << status.error().ToString();
    return std::nullopt;
  }
  std::vector<OwnedTensor> outputs;
  for (const Value& value : graph.values) {
    if (value.is_external_output) outputs.push_back(std::move(tensors[*value.external_id]));
  }
  return outputs;
}

bool SameBits(const OwnedTensor& a, const OwnedTensor& b) {
  return std::ranges::equal(a.sizes(), b.sizes()) && std::ranges::equal(a.bytes(), b.bytes());
}

// An answer that says something: not all of its bytes are equal, and its floats are finite.
bool IsMeaningful(const OwnedTensor& output) {
  const std::set<std::byte> bytes(output.bytes().begin(), output.bytes().end());
  if (output.element_type() == ElementType::kF32) {
    for (size_t i = 0; i < output.bytes().size() / sizeof(float); ++i) {
      if (!std::isfinite(output.data<float>()[i])) return false;
    }
  }
  return bytes.size() > 1;
}

bool Has(const Payload& payload, size_t offset, std::string_view tag) {
  return payload.bytes.size() >= offset + tag.size() &&
         std::memcmp(payload.bytes.data() + offset, tag.data(), tag.size()) == 0;
}

// That the bytes are in the form that was asked for.
void ExpectForm(const Graph& graph, const WriterOptions& options, const Payload& payload) {
  constexpr size_t kFlatbuffer = 32, kIdentifier = 4;
  EXPECT_EQ(Has(payload, kIdentifier, "XH00"), options.header);
  EXPECT_TRUE(Has(payload, (options.header ? kFlatbuffer : 0) + kIdentifier,
                  options.legacy_identifier ? "XN00" : "XN01"));
  const bool has_constants =
      std::ranges::any_of(graph.values, [](const Value& v) { return v.constant.has_value(); });
  EXPECT_EQ(!payload.named_data.empty(),
            has_constants && options.constants == ConstantStorage::kNamed);
}

class LegacyPayload : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, LegacyPayload, testing::ValuesIn(kModels), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace(name, '.', '_');
  return name;
});

TEST_P(LegacyPayload, RunsBitwiseEqual) {
  const test::Model model = test::LoadTestModel(GetParam());
  ASSERT_FALSE(model.payloads.empty());
  for (const test::ModelPayload& original : model.payloads) {
    SCOPED_TRACE(original.name);
    const auto graph = ReadPayload(original.bytes, model.named_data.get());
    ASSERT_TRUE(graph) << graph.error().ToString();
    const auto expected = RunPayload(*graph, original.bytes, *model.named_data);
    ASSERT_TRUE(expected);
    ASSERT_FALSE(expected->empty());
    for (const OwnedTensor& output : *expected) EXPECT_TRUE(IsMeaningful(output));

    for (const Form& form : kForms) {
      SCOPED_TRACE(form.name);
      const auto payload = WritePayload(*graph, form.options);
      // Scales have no key, and a bare payload has no other place for them.
      ASSERT_TRUE(payload) << payload.error().ToString();
      ExpectForm(*graph, form.options, *payload);
      const auto got = RunPayload(*graph, payload->bytes, test::NamedDataOf(*payload));
      ASSERT_TRUE(got);
      ASSERT_EQ(got->size(), expected->size());
      for (size_t i = 0; i < got->size(); ++i)
        EXPECT_TRUE(SameBits((*got)[i], (*expected)[i])) << i;
    }
  }
}

// The oldest dynamic form is another one: the layer's input says that it is to be quantized, and no
// Convert is written. The quantized scales inside the flatbuffer are another place for them.
TEST(LegacyPayloadForms, DifferWhereTheyShould) {
  const auto bytes = [](const char* name, const WriterOptions& options) {
    const test::Model model = test::LoadTestModel(name);
    const auto graph = ReadPayload(model.payloads.at(0).bytes, model.named_data.get());
    EXPECT_TRUE(graph);
    const auto payload = WritePayload(*graph, options);
    EXPECT_TRUE(payload);
    return payload->bytes;
  };
  for (const char* name : {"fc.qd8", "fc.qd8_4", "fc.qb4w_32"}) {
    SCOPED_TRACE(name);
    EXPECT_NE(bytes(name, {}), bytes(name, {.legacy_dynamic_quantization = true}));
    EXPECT_NE(bytes(name, {}), bytes(name, {.inline_scales = true}));
  }
  for (const char* name : {"fc.qs8", "conv.qs8.3x3"}) {
    SCOPED_TRACE(name);
    EXPECT_NE(bytes(name, {}), bytes(name, {.inline_scales = true}));
  }
}

// A payload that ExecuTorch 0.3 wrote, and PyTorch's answer: a node that newer ones write as parts.
TEST(LegacyPayloadNodes, ScaledDotProductAttention) {
  const std::filesystem::path folder = "payloads/sdpa_f32";
  const auto payload = test::ReadFile(SWITCHYARD_TEST_DATA / folder / "forward.0.xnn");
  ASSERT_TRUE(payload) << payload.error().ToString();
  auto runner = BlobRunner::Load(SwitchyardBackend(), *payload);
  ASSERT_TRUE(runner) << runner.error().ToString();
  constexpr size_t kTokens[] = {2, 3, 8, 16}, kMask[] = {8, 8};
  std::vector<OwnedTensor> tensors;
  for (size_t i = 0; i < 4; ++i) {
    const auto numbers = test::ReadTestFloats(folder / std::format("case0/input_{}.npy", i));
    OwnedTensor& tensor = tensors.emplace_back(
        ElementType::kF32, i < 3 ? std::span<const size_t>(kTokens) : std::span(kMask));
    ASSERT_EQ(tensor.bytes().size(), numbers.size() * sizeof(float));
    std::memcpy(tensor.bytes().data(), numbers.data(), tensor.bytes().size());
  }
  tensors.emplace_back(ElementType::kF32, kTokens);
  const Status status = runner->Run(tensors);
  ASSERT_TRUE(status) << status.error().ToString();
  const auto expected = test::ReadTestFloats(folder / "case0/expected_0.npy");
  ASSERT_EQ(tensors[4].bytes().size(), expected.size() * sizeof(float));
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(tensors[4].data<float>()[i], expected[i], 1e-5) << i;
  }
}

}  // namespace
}  // namespace switchyard
