// Results do not depend on the number of threads, nor on how products are cut into tiles for them:
// every variant, on every operator that it serves, gives the same bits with any thread pool. Each
// runs on the best row that this CPU has; a CPU without one skips it. That tiles of the other rows
// agree is the business of the kernels' own tests.

#include <gtest/gtest.h>
#include <pthreadpool.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <format>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/plan/report.h"
#include "backend/switchyard_backend.h"
#include "kernels/micro_kernel.h"
#include "runtime/base/float16.h"
#include "runtime/blob_runner.h"
#include "schema/writer.h"
#include "test/support/graph_builder.h"

namespace switchyard {
namespace {

using enum DataType;

constexpr struct {
  size_t threads;
  int64_t sme_threads;  // 0: the default
} kSettings[] = {{1, 0}, {2, 1}, {3, 2}, {5, 2}, {5, 5}};

struct PoolDeleter {
  void operator()(pthreadpool* pool) const { pthreadpool_destroy(pool); }
};

// What the variants' graphs are made of.
DataType ActivationType(Variant variant) {
  if (variant == Variant::kPf16) return kF16;
  return variant == Variant::kPqs8Qc8w ? kQInt8 : kF32;
}
Quantization InputQuantization(Variant variant) {
  if (variant != Variant::kPqs8Qc8w) return {};
  return PerTensorQuantization{0.05f, 3};
}
Quantization OutputQuantization(Variant variant) {
  if (variant != Variant::kPqs8Qc8w) return {};
  return PerTensorQuantization{0.4f, -5};
}

// Elements of `type`: floats that no two orders of summation add up alike. A plain generator, since
// this is most of the test's time where the CPU is emulated.
std::vector<std::byte> Random(DataType type, size_t count, uint32_t seed) {
  std::vector<std::byte> bytes(count * ElementBits(type) / 8);
  uint32_t state = seed * 2654435761u + 1;
  const auto next = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
  for (size_t i = 0; IsFloat(type) && i < count; ++i) {
    const float real = static_cast<float>(next()) * 0x1p-23f - 1.0f;
    if (type == kF32) {
      std::memcpy(bytes.data() + i * 4, &real, 4);
    } else {
      const uint16_t half = F16FromF32(real);
      std::memcpy(bytes.data() + i * 2, &half, 2);
    }
  }
  if (!IsFloat(type)) {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(next() >> 8);
  }
  return bytes;
}

ValueIndex Weights(test::GraphBuilder& b, Variant variant, const Dims& dims) {
  const size_t count = *dims.NumElements(), channels = dims[0];
  std::vector<float> scales(channels);
  for (size_t i = 0; i < channels; ++i) scales[i] = 0.01f + 0.001f * static_cast<float>(i % 13);
  switch (variant) {
    case Variant::kPf32:
    case Variant::kPf16: {
      const DataType type = ActivationType(variant);
      return b.Constant(type, dims, Random(type, count, 1));
    }
    case Variant::kQp8F32Qc8w:
    case Variant::kPqs8Qc8w:
      return b.Constant(kQCInt8, dims, Random(kQCInt8, count, 2), b.PerChannel(0, scales));
    case Variant::kQp8F32Qb4w: {
      std::vector<uint16_t> block_scales;
      for (size_t i = 0; i < count / 32; ++i) {
        block_scales.push_back(BF16FromF32(scales[i % channels]));
      }
      return b.Constant(kQBInt4, dims, Random(kQBInt4, count, 3), b.PerGroup(0, 32, block_scales));
    }
  }
  return kNoValue;
}

ValueIndex Bias(test::GraphBuilder& b, Variant variant, size_t channels) {
  if (variant != Variant::kPqs8Qc8w) {
    const DataType type = ActivationType(variant);
    return b.Constant(type, {channels}, Random(type, channels, 4));
  }
  std::vector<int32_t> bias(channels);
  for (size_t i = 0; i < channels; ++i) bias[i] = static_cast<int32_t>(i * 37 % 200) - 100;
  return b.Constant(kQCInt32, {channels}, bias, b.PerChannel(0, std::vector(channels, 0.001f)));
}

Graph FullyConnected(Variant variant, size_t m, size_t n, size_t k) {
  test::GraphBuilder b;
  const DataType type = ActivationType(variant);
  ValueIndex x = b.Input(type, {m, k}, InputQuantization(variant));
  const ValueIndex y = b.Output(type, {m, n}, OutputQuantization(variant));
  if (variant == Variant::kQp8F32Qc8w || variant == Variant::kQp8F32Qb4w) {
    const ValueIndex quantized = b.Internal(kQDInt8, {m, k}, PerTokenQuantization{1});
    b.Add(NodeKind::kConvert, {x}, {quantized});
    x = quantized;
  }
  b.Add(NodeKind::kFullyConnected, {x, Weights(b, variant, {n, k}), Bias(b, variant, n)}, {y});
  return b.Build();
}

// 3 x 3, uneven padding, a batch of two.
Graph Convolution(Variant variant, size_t channels, size_t n, uint32_t groups) {
  test::GraphBuilder b;
  const DataType type = ActivationType(variant);
  const ValueIndex x = b.Input(type, {2, 9, 7, channels * groups}, InputQuantization(variant));
  const ValueIndex y = b.Output(type, {2, 9, 6, n * groups}, OutputQuantization(variant));
  b.Add(NodeKind::kConv2d,
        {x, Weights(b, variant, {n * groups, 3, 3, channels}), Bias(b, variant, n * groups)}, {y},
        ConvolutionAttributes{.padding_top = 2,
                              .padding_right = 1,
                              .padding_bottom = 0,
                              .padding_left = 0,
                              .kernel_height = 3,
                              .kernel_width = 3,
                              .group_input_channels = static_cast<uint32_t>(channels),
                              .group_output_channels = static_cast<uint32_t>(n),
                              .groups = groups});
  return b.Build();
}

Graph BatchMatrixMultiply(Variant variant, const Dims& a, const Dims& c, const Dims& output,
                          bool constant) {
  test::GraphBuilder b;
  const DataType type = ActivationType(variant);
  const ValueIndex x = b.Input(type, a);
  const ValueIndex w =
      constant ? b.Constant(type, c, Random(type, *c.NumElements(), 5)) : b.Input(type, c);
  b.Add(NodeKind::kBatchMatrixMultiply, {x, w}, {b.Output(type, output)});
  return b.Build();
}

// The parameter is a variant, or the name of a row.
class PackedThreads : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    for (const MicroKernel& row : KernelTable()) {
      if (row.name != GetParam() && Name(row.variant) != GetParam()) continue;
      if (!HostCpuFeatures().Missing(row.required).IsEmpty()) continue;
      kernel_ = &row;
      return;
    }
    GTEST_SKIP() << "this CPU has no row for it";
  }

  const MicroKernel& kernel() const { return *kernel_; }
  size_t vl() const { return HostCpuFeatures().streaming_vector_bits / 32; }
  size_t m_step() const { return kernel().m_step.At(vl()); }
  size_t n_step() const { return kernel().n_step.At(vl()); }
  size_t gemv_step() const { return kernel().gemv.n_step.At(vl()); }

  // Runs `graph` with every setting on each of `rows` (the first dimension of the only input that
  // is not constant; empty: as it is).
  void Check(const std::string& name, const Graph& graph, const std::vector<size_t>& rows = {}) {
    SCOPED_TRACE(std::format("{} {}", kernel().name, name));
    const auto payload = WritePayload(graph);
    ASSERT_TRUE(payload) << payload.error().ToString();
    const size_t num_runs = std::max<size_t>(1, rows.size());
    std::vector<std::vector<OwnedTensor>> inputs;
    for (size_t i = 0; i < num_runs; ++i) {
      inputs.push_back(Tensors(graph, rows.empty() ? 0 : rows[i]));
    }
    std::vector<std::vector<std::byte>> expected;
    const bool is_sme = kernel().required & FeatureBits({CpuFeature::kSme});
    for (const auto& setting : kSettings) {
      if (!is_sme && setting.sme_threads == 5) continue;
      SCOPED_TRACE(std::format("{} threads, sme_threads {}", setting.threads, setting.sme_threads));
      const std::unique_ptr<pthreadpool, PoolDeleter> pool(pthreadpool_create(setting.threads));
      InitContext context;
      context.services.thread_pool = pool.get();
      context.load_options["force_kernel"] = std::string(kernel().name);
      context.load_options["sme_threads"] = setting.sme_threads;
      auto runner = BlobRunner::Load(SwitchyardBackend(), payload->bytes, context);
      ASSERT_TRUE(runner) << runner.error().ToString();
      ASSERT_EQ(LoadedReport(*runner->handle()).NumPacked(), 1u);
      for (size_t i = 0; i < num_runs; ++i) {
        const std::vector<std::byte> out = Run(*runner, inputs[i]);
        if (expected.size() < num_runs) {
          // Numbers, not one number.
          EXPECT_TRUE(std::ranges::any_of(out, [&](std::byte byte) { return byte != out[0]; }));
          expected.push_back(out);
        } else {
          EXPECT_EQ(out, expected[i]) << (rows.empty() ? 0 : rows[i]) << " rows";
        }
      }
    }
  }

 private:
  const MicroKernel* kernel_ = nullptr;

  // Inputs with data, outputs with zeros, by external id.
  static std::vector<OwnedTensor> Tensors(const Graph& graph, size_t rows) {
    std::vector<OwnedTensor> tensors(graph.num_externals);
    for (const Value& value : graph.values) {
      if (!value.external_id) continue;
      std::vector<size_t> sizes(value.dims.begin(), value.dims.end());
      if (rows != 0) sizes[0] = rows;
      OwnedTensor& tensor = tensors[*value.external_id];
      tensor = OwnedTensor(*ExternalElementType(value.type), sizes);
      if (!value.is_external_input) continue;
      const auto data = Random(value.type, tensor.bytes().size() * 8 / ElementBits(value.type),
                               6 + *value.external_id);
      std::ranges::copy(data, tensor.bytes().begin());
    }
    return tensors;
  }

  static std::vector<std::byte> Run(BlobRunner& runner, std::vector<OwnedTensor> tensors) {
    const Status status = runner.Run(std::span<OwnedTensor>(tensors));
    EXPECT_TRUE(status) << status.error().ToString();
    const auto bytes = tensors.back().bytes();
    return {bytes.begin(), bytes.end()};
  }
};

TEST_P(PackedThreads, FullyConnected) {
  const bool is_int4 = kernel().variant == Variant::kQp8F32Qb4w;
  const size_t k = is_int4 ? 64 : 37;
  const auto check = [&](size_t n, size_t depth, const std::vector<size_t>& rows) {
    const size_t bound = std::ranges::max(rows);
    Check(std::format("n{}.k{}", n, depth), FullyConnected(kernel().variant, bound, n, depth),
          rows);
  };
  if (gemv_step() != 0) check(3 * gemv_step() + 5, k, {1});
  if (kernel().gemv_only) return check(7, k, {1});
  check(7, is_int4 ? 32 : 5, {3});
  check(5 * n_step() + 3, k, {1, m_step() + 1, 3 * m_step() + 3});
}

TEST_P(PackedThreads, Convolution) {
  if (kernel().imatmul.empty()) GTEST_SKIP() << "no indirect convolution";
  const Variant variant = kernel().variant;
  Check("one group", Convolution(variant, 5, 2 * n_step() + 3, 1));
  Check("three groups", Convolution(variant, 3, n_step() + 3, 3));
}

TEST_P(PackedThreads, BatchMatrixMultiply) {
  const Variant variant = kernel().variant;
  if (variant != Variant::kPf32 && variant != Variant::kPf16) GTEST_SKIP() << "no such variant";
  const size_t m = kernel().gemv_only ? 1 : m_step() + 3, n = 2 * n_step() + 5, k = 19;
  const auto check = [&](const Dims& a, const Dims& b, const Dims& output, bool constant) {
    Check(std::format("{} x {}{}", ToString(a), ToString(b), constant ? " constant" : ""),
          BatchMatrixMultiply(variant, a, b, output, constant));
  };
  // Slices that are cut, and slices that go to a worker each, with broadcasts of either operand.
  check({1, m, k}, {1, k, n}, {1, m, n}, false);
  check({1, m, k}, {7, k, n}, {7, m, n}, false);
  check({3, 1, 1, k}, {1, 2, k, n}, {3, 2, 1, n}, false);
  check({2, 1, m, k}, {1, 2, k, 3}, {2, 2, m, 3}, true);
}

// Once, while the weights are packed, waits for another thread to execute.
class ExecutingAllocator : public Allocator {
 public:
  ExecutingAllocator(size_t min_bytes, std::function<Status()> execute)
      : min_bytes_(min_bytes), execute_(std::move(execute)) {}
  ~ExecutingAllocator() override {
    if (done_.valid()) done_.wait();
  }

  void* Allocate(size_t bytes, size_t alignment) override {
    if (bytes >= min_bytes_ && !done_.valid()) {
      done_ = std::async(std::launch::async, execute_);
      has_executed_ = done_.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    }
    return DefaultAllocator().Allocate(bytes, alignment);
  }
  void Free(void* pointer) override { DefaultAllocator().Free(pointer); }

  bool was_asked() const { return done_.valid(); }
  bool has_executed() const { return has_executed_; }

 private:
  const size_t min_bytes_;
  const std::function<Status()> execute_;
  std::future<Status> done_;
  bool has_executed_ = false;
};

// Packing the weights of a large model takes seconds; those who share its workspace do not wait.
TEST_P(PackedThreads, OthersExecuteWhileALoadPacks) {
  const auto load = [](const Graph& graph, Allocator& allocator) {
    InitContext context;
    context.services.allocator = &allocator;
    context.load_options["workspace_sharing_mode"] = int64_t{2};
    context.load_options["weight_cache_enabled"] = false;  // packs into this allocator
    return BlobRunner::Load(SwitchyardBackend(), WritePayload(graph)->bytes, context);
  };
  test::GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {4}), y = b.Output(kF32, {4});
  b.Add(NodeKind::kAbs, {x}, {y});
  auto other = load(b.Build(), DefaultAllocator());
  ASSERT_TRUE(other) << other.error().ToString();
  std::vector<OwnedTensor> tensors(2, OwnedTensor(ElementType::kF32, std::vector<size_t>{4}));

  constexpr size_t kN = 96, kK = 96;
  ExecutingAllocator allocator(kN * kK / 2,
                               [&] { return other->Run(std::span<OwnedTensor>(tensors)); });
  const auto runner = load(FullyConnected(kernel().variant, 1, kN, kK), allocator);
  ASSERT_TRUE(runner) << runner.error().ToString();
  EXPECT_TRUE(allocator.was_asked());
  EXPECT_TRUE(allocator.has_executed());
}

INSTANTIATE_TEST_SUITE_P(Variants, PackedThreads,
                         testing::Values("pf32", "pf32_sme2_gemv", "pf16", "qp8_f32_qc8w",
                                         "pqs8_qc8w", "qp8_f32_qb4w"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace switchyard
