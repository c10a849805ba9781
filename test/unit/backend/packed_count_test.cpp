// The library on a pool whose thread count changes from question to question: it asks once, at
// load, and what sizes memory is what cuts it up.
#include <gtest/gtest.h>
#include <pthreadpool.h>

#include <algorithm>
#include <array>
#include <format>
#include <memory>
#include <string>
#include <vector>

#include "backend/plan/report.h"
#include "backend/switchyard_backend.h"
#include "kernels/gemm/row.h"
#include "runtime/blob_runner.h"
#include "schema/writer.h"
#include "test/unit/backend/changing_pool.h"
#include "test/unit/backend/packed_graphs.h"

namespace switchyard {
namespace {

struct PoolDeleter {
  void operator()(pthreadpool* pool) const { pthreadpool_destroy(pool); }
};

// A graph, and the dims of its inputs, by external id, for each execute.
struct Workload {
  std::string name;
  Graph graph;
  std::vector<std::vector<Dims>> executes;
};

std::vector<Workload> Workloads(Variant variant) {
  std::vector<Workload> workloads;
  workloads.push_back({"FullyConnected",
                       test::FullyConnected(variant, 67, 37, 64),
                       {{{67, 64}}, {{1, 64}}, {{33, 64}}, {{5, 64}}}});
  const bool is_float = variant == Variant::kPf32 || variant == Variant::kPf16;
  if (is_float || variant == Variant::kPqs8Qc8w) {
    workloads.push_back({"Convolution",
                         test::Convolution(variant, {4, 23, 19, 5}, 37, 1),
                         {{{4, 23, 19, 5}}, {{1, 3, 4, 5}}, {{3, 9, 7, 5}}, {{2, 23, 19, 5}}}});
  }
  if (is_float) {
    workloads.push_back(
        {"BatchMatrixMultiply",
         test::BatchMatrixMultiply(variant, {7, 19, 13}, {7, 13, 37}, {7, 19, 37}, false),
         {{{7, 19, 13}, {7, 13, 37}}, {{2, 19, 13}, {2, 13, 37}}, {{7, 1, 13}, {7, 13, 5}}}});
  }
  return workloads;
}

// The parameter is a variant, which runs on the best row of this CPU.
class PackedCount : public testing::TestWithParam<std::string> {
 protected:
  void TearDown() override { test::SetThreadsCount(test::kHonest); }

  static Variant variant() {
    for (size_t i = 0; i < kNumVariants; ++i) {
      if (Name(static_cast<Variant>(i)) == GetParam()) return static_cast<Variant>(i);
    }
    return Variant::kPf32;
  }

  // Forced, since it may yield to the stock operator; that of the reference runs on every CPU.
  static std::string BestRow() {
    const auto row = std::ranges::find_if(KernelTable(), [](const KernelRow& kernel) {
      return kernel.variant == variant() && HostCpuFeatures().Missing(kernel.required).IsEmpty();
    });
    return std::string(row->name);
  }

  // What every execute gives, on a pool of three that answers `answer`.
  static std::vector<std::vector<std::byte>> Run(const Workload& workload,
                                                 const std::vector<std::byte>& payload,
                                                 size_t answer) {
    const std::unique_ptr<pthreadpool, PoolDeleter> pool(pthreadpool_create(3));
    test::PoisonAllocator allocator;
    InitContext context;
    context.services.thread_pool = pool.get();
    context.services.allocator = &allocator;
    context.load_options["sme_threads"] = int64_t{3};
    context.load_options["force_kernel"] = BestRow();
    test::SetThreadsCount(answer);
    const size_t before = test::NumQuestions();
    std::vector<std::vector<std::byte>> outputs;
    {
      auto runner = BlobRunner::Load(SwitchyardBackend(), payload, context);
      EXPECT_TRUE(runner) << runner.error().ToString();
      if (!runner) return {};
      EXPECT_EQ(LoadedReport(*runner->handle()).NumPacked(), 1u);
      EXPECT_EQ(test::NumQuestions() - before, 1u) << "at load";
      for (const std::vector<Dims>& dims : workload.executes) {
        std::vector<OwnedTensor> tensors;
        for (const Value& value : workload.graph.values) {
          if (!value.external_id) continue;
          const Dims& shape = value.is_external_input ? dims[*value.external_id] : value.dims;
          tensors.emplace_back(*ExternalElementType(value.type),
                               std::vector<size_t>(shape.begin(), shape.end()));
          if (!value.is_external_input) continue;
          const auto data = test::Random(value.type, *shape.NumElements(), 6 + *value.external_id);
          std::ranges::copy(data, tensors.back().bytes().begin());
        }
        std::vector<TensorView> views;
        for (OwnedTensor& tensor : tensors) views.push_back(tensor.View());
        // Images are channels last, which the sizes of small ones do not show.
        if (TensorView& image = views[0]; image.rank == 4) {
          std::rotate(&image.sizes[1], &image.sizes[3], &image.sizes[4]);
          std::ranges::copy(std::array{0, 2, 3, 1}, image.dim_order.begin());
        }
        const Status status = runner->Run(std::span<TensorView>(views));
        EXPECT_TRUE(status) << status.error().ToString();
        const auto bytes = tensors.back().bytes();
        outputs.emplace_back(bytes.begin(), bytes.end());
        EXPECT_TRUE(allocator.IsWhole()) << "execute " << outputs.size();
      }
      EXPECT_EQ(test::NumQuestions() - before, 1u) << "after " << outputs.size() << " executes";
    }
    EXPECT_TRUE(allocator.IsWhole());
    return outputs;
  }
};

TEST_P(PackedCount, IsAskedOnce) {
  for (const Workload& workload : Workloads(variant())) {
    SCOPED_TRACE(workload.name);
    const auto payload = WritePayload(workload.graph);
    ASSERT_TRUE(payload) << payload.error().ToString();
    const auto expected = Run(workload, payload->bytes, 3);
    // Each load is told another number.
    for (int load = 0; load < 3; ++load) {
      EXPECT_EQ(Run(workload, payload->bytes, test::kChanging), expected) << "load " << load;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, PackedCount,
                         testing::Values("pf32", "pf16", "qp8_f32_qc8w", "pqs8_qc8w",
                                         "qp8_f32_qb4w"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace switchyard
