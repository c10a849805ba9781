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
#include "kernels/gemm/row.h"
#include "runtime/blob_runner.h"
#include "schema/writer.h"
#include "test/support/graph_builder.h"
#include "test/unit/backend/packed_graphs.h"

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

// The parameter is a variant, or the name of a row.
class PackedThreads : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    for (const KernelRow& row : KernelTable()) {
      if (row.name != GetParam() && Name(row.variant) != GetParam()) continue;
      if (!HostCpuFeatures().Missing(row.required).IsEmpty()) continue;
      kernel_ = &row;
      return;
    }
    GTEST_SKIP() << "this CPU has no row for it";
  }

  const KernelRow& kernel() const { return *kernel_; }
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
      const RouteReport& report = LoadedReport(*runner->handle());
      ASSERT_EQ(report.NumPacked(), report.NumJudged());
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
  const KernelRow* kernel_ = nullptr;

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
      const auto data = test::Random(
          value.type, tensor.bytes().size() * 8 / ElementBits(value.type), 6 + *value.external_id);
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
    Check(std::format("n{}.k{}", n, depth), test::FullyConnected(kernel().variant, bound, n, depth),
          rows);
  };
  if (gemv_step() != 0) check(3 * gemv_step() + 5, k, {1});
  if (kernel().gemv_only) return check(7, k, {1});
  check(7, is_int4 ? 32 : 5, {3});
  check(5 * n_step() + 3, k, {1, m_step() + 1, 3 * m_step() + 3});
}

// Two that read one activation: its rows are packed once, by a step of all threads.
TEST_P(PackedThreads, SharedPack) {
  const bool is_int4 = kernel().variant == Variant::kQp8F32Qb4w;
  if (kernel().gemv_only || kernel().lhs == LhsForm::kRaw) GTEST_SKIP() << "nothing to share";
  const std::vector<size_t> rows = {1, m_step() + 1, 5 * m_step() + 3};
  Check("two readers",
        test::FullyConnected(kernel().variant, rows.back(), n_step() + 3, is_int4 ? 64 : 37, 2),
        rows);
}

TEST_P(PackedThreads, Convolution) {
  if (kernel().imatmul.empty()) GTEST_SKIP() << "no indirect convolution";
  const Variant variant = kernel().variant;
  Check("one group", test::Convolution(variant, {2, 9, 7, 5}, 2 * n_step() + 3, 1));
  Check("three groups", test::Convolution(variant, {2, 9, 7, 3}, n_step() + 3, 3));
}

TEST_P(PackedThreads, BatchMatrixMultiply) {
  const Variant variant = kernel().variant;
  if (variant != Variant::kPf32 && variant != Variant::kPf16) GTEST_SKIP() << "no such variant";
  const size_t m = kernel().gemv_only ? 1 : m_step() + 3, n = 2 * n_step() + 5, k = 19;
  const auto check = [&](const Dims& a, const Dims& b, const Dims& output, bool constant) {
    Check(std::format("{} x {}{}", ToString(a), ToString(b), constant ? " constant" : ""),
          test::BatchMatrixMultiply(variant, a, b, output, constant));
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
  const auto load = [](const Graph& graph, Allocator& allocator, std::string force_kernel) {
    InitContext context;
    context.services.allocator = &allocator;
    context.load_options["workspace_sharing_mode"] = int64_t{2};
    context.load_options["weight_cache_enabled"] = false;  // packs into this allocator
    context.load_options["force_kernel"] = std::move(force_kernel);
    return BlobRunner::Load(SwitchyardBackend(), WritePayload(graph)->bytes, context);
  };
  test::GraphBuilder b;
  const ValueIndex x = b.Input(kF32, {4}), y = b.Output(kF32, {4});
  b.Add(NodeKind::kAbs, {x}, {y});
  auto other = load(b.Build(), DefaultAllocator(), "");
  ASSERT_TRUE(other) << other.error().ToString();
  std::vector<OwnedTensor> tensors(2, OwnedTensor(ElementType::kF32, std::vector<size_t>{4}));

  constexpr size_t kN = 96, kK = 96;
  ExecutingAllocator allocator(kN * kK / 2,
                               [&] { return other->Run(std::span<OwnedTensor>(tensors)); });
  const auto runner = load(test::FullyConnected(kernel().variant, 1, kN, kK), allocator,
                           std::string(kernel().name));
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
