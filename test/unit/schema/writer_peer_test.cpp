// What the writer writes, ExecuTorch's own XNNPACK backend runs: each real payload, rewritten in
// each mode, answers bit by bit what the original does. The judge of the wire format that is not
// ours.
#include <executorch/runtime/backend/interface.h>
#include <executorch/runtime/core/evalue.h>
#include <executorch/runtime/core/exec_aten/exec_aten.h>
#include <executorch/runtime/platform/runtime.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <numeric>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/base/float16.h"
#include "schema/payload.h"
#include "schema/writer.h"
#include "test/support/payloads.h"
#include "test/support/test_data.h"

namespace switchyard {
namespace {

namespace et = executorch::runtime;
using executorch::aten::ScalarType;
using executorch::aten::Tensor;
using executorch::aten::TensorImpl;

// Ours as the host's.
class HostNamedData final : public et::NamedDataMap {
 public:
  explicit HostNamedData(const switchyard::NamedDataMap& map) : map_(map) {}
  et::Result<et::FreeableBuffer> get_data(std::string_view key) const override {
    const auto buffer = map_.Get(key);
    if (!buffer) return et::Error::NotFound;
    return et::FreeableBuffer(buffer->bytes().data(), buffer->bytes().size(), nullptr);
  }
  et::Result<const et::TensorLayout> get_tensor_layout(std::string_view) const override {
    return et::Error::NotFound;
  }
  et::Error load_data_into(std::string_view, void*, size_t) const override {
    return et::Error::NotImplemented;
  }
  et::Result<uint32_t> get_num_keys() const override { return et::Error::NotImplemented; }
  et::Result<const char*> get_key(uint32_t) const override { return et::Error::NotImplemented; }

 private:
  const switchyard::NamedDataMap& map_;
};

// One argument of execute(): a tensor of its value's full dims. Inputs hold values in [0.1, 1.1).
class Argument {
 public:
  explicit Argument(const Value& value) {
    // XNNPACK may read a little beyond an input's end.
    constexpr size_t kSlack = 64;
    size_ = TensorBytes(value.type, value.dims).value();
    data_.resize(size_ + kSlack);
    if (value.is_external_input) Fill(value);
    for (size_t i = 0; i < value.dims.rank(); ++i) {
      sizes_.push_back(static_cast<int32_t>(value.dims[i]));
      dim_order_.push_back(static_cast<uint8_t>(i));
      strides_.push_back(std::accumulate(
          value.dims.begin() + i + 1, value.dims.end(), 1,
          [](int32_t product, size_t size) { return product * static_cast<int32_t>(size); }));
    }
    impl_ = std::make_unique<TensorImpl>(
        value.type == DataType::kF16 ? ScalarType::Half : ScalarType::Float,
        static_cast<ssize_t>(sizes_.size()), sizes_.data(), data_.data(), dim_order_.data(),
        strides_.data(), et::TensorShapeDynamism::DYNAMIC_BOUND);
    value_ = et::EValue(Tensor(impl_.get()));
  }
  et::EValue* value() { return &value_; }
  std::vector<std::byte> bytes() const {
    return {data_.begin(), data_.begin() + static_cast<ptrdiff_t>(size_)};
  }

 private:
  void Fill(const Value& value) {
    uint32_t state = *value.external_id + 1;
    const size_t element = value.type == DataType::kF16 ? 2 : 4;
    for (size_t at = 0; at + element <= size_; at += element) {
      state = state * 1664525 + 1013904223;
      const float number = 0.1f + static_cast<float>(state >> 8) * 0x1p-24f;
      const uint16_t half = F16FromF32(number);
      std::memcpy(
          data_.data() + at,
          element == 2 ? static_cast<const void*>(&half) : static_cast<const void*>(&number),
          element);
    }
  }

  size_t size_;
  std::vector<std::byte> data_;
  std::vector<int32_t> sizes_, strides_;
  std::vector<uint8_t> dim_order_;
  std::unique_ptr<TensorImpl> impl_;
  et::EValue value_;
};

class WriterPeer : public testing::Test {
 protected:
  static void SetUpTestSuite() { et::runtime_init(); }

  // The outputs of `payload`, whose graph is `graph`; nothing and a failure if it does not run.
  std::optional<std::vector<std::vector<std::byte>>> Run(const Graph& graph,
                                                         std::span<const std::byte> payload,
                                                         const NamedDataMap& named_data) {
    et::BackendInterface* backend = et::get_backend_class("XnnpackBackend");
    if (backend == nullptr) {
      ADD_FAILURE() << "the peer is not registered";
      return std::nullopt;
    }
    et::MemoryAllocator allocator(static_cast<uint32_t>(arena_.size()), arena_.data());
    const HostNamedData host_data(named_data);
    et::BackendInitContext init_context(&allocator, nullptr, "forward", &host_data);
    et::FreeableBuffer buffer(payload.data(), payload.size(), nullptr);
    const auto handle = backend->init(init_context, &buffer, {});
    if (!handle.ok()) {
      ADD_FAILURE() << "init: error " << static_cast<uint32_t>(handle.error());
      return std::nullopt;
    }
    std::vector<std::unique_ptr<Argument>> arguments(graph.num_externals);
    for (const Value& value : graph.values) {
      if (value.external_id) arguments[*value.external_id] = std::make_unique<Argument>(value);
    }
    et::EValue unused;
    std::vector<et::EValue*> pointers;
    for (const auto& argument : arguments) {
      pointers.push_back(argument == nullptr ? &unused : argument->value());
    }
    et::BackendExecutionContext context;
    const et::Error error =
        backend->execute(context, *handle, et::Span<et::EValue*>(pointers.data(), pointers.size()));
    backend->destroy(*handle);
    if (error != et::Error::Ok) {
      ADD_FAILURE() << "execute: error " << static_cast<uint32_t>(error);
      return std::nullopt;
    }
    std::vector<std::vector<std::byte>> outputs;
    for (const Value& value : graph.values) {
      if (value.is_external_output) outputs.push_back(arguments[*value.external_id]->bytes());
    }
    return outputs;
  }

  // Where the backend puts its executors; payloads are far smaller than this.
  std::vector<uint8_t> arena_ = std::vector<uint8_t>(1 << 20);
};

TEST_F(WriterPeer, RunsEveryMode) {
  const WriterOptions modes[] = {
      {},
      {.legacy_identifier = true},
      {.constants = ConstantStorage::kNamed},
      {.inline_scales = true},
      {.legacy_dynamic_quantization = true},
      {.header = false, .constants = ConstantStorage::kInline},
      {.header = false,
       .legacy_identifier = true,
       .constants = ConstantStorage::kInline,
       .inline_scales = true},
  };
  size_t payloads = 0;
  for (const auto& folder : test::ModelFolders()) {
    const auto model = test::LoadModel(folder);
    ASSERT_TRUE(model) << model.error().ToString();
    for (const test::ModelPayload& original : model->payloads) {
      SCOPED_TRACE(original.name);
      const auto graph = ReadPayload(original.bytes, model->named_data.get());
      ASSERT_TRUE(graph) << graph.error().ToString();
      const auto expected = Run(*graph, original.bytes, *model->named_data);
      ASSERT_TRUE(expected);
      for (size_t mode = 0; mode < std::size(modes); ++mode) {
        SCOPED_TRACE(mode);
        const auto written = WritePayload(*graph, modes[mode]);
        ASSERT_TRUE(written) << written.error().ToString();
        const auto got = Run(*graph, written->bytes, test::NamedDataOf(*written));
        ASSERT_TRUE(got);
        EXPECT_TRUE(*got == *expected);
      }
      ++payloads;
    }
  }
  EXPECT_GE(payloads, 200u);
}

}  // namespace
}  // namespace switchyard
