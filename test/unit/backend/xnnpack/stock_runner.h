// Runs graphs on the stock steps alone, as the backend does: plan, constants, steps, shapes,
// memory.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "backend/plan/plan.h"
#include "backend/xnnpack/stock_step.h"
#include "kernels/cpu/features.h"
#include "kernels/cpu/mask.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "schema/graph.h"
#include "test/support/graph_builder.h"

namespace switchyard::test {

struct Tensor {
  Dims dims;
  std::vector<std::byte> bytes;

  template <typename T>
  static Tensor Of(const Dims& dims, const std::vector<T>& elements) {
    Tensor tensor{.dims = dims, .bytes = std::vector<std::byte>(elements.size() * sizeof(T))};
    if (!elements.empty()) std::memcpy(tensor.bytes.data(), elements.data(), tensor.bytes.size());
    return tensor;
  }
  template <typename T>
  std::vector<T> As() const {
    std::vector<T> elements(bytes.size() / sizeof(T));
    if (!elements.empty()) std::memcpy(elements.data(), bytes.data(), bytes.size());
    return elements;
  }
};

// f16 and bf16 tensors are bits; these convert.
std::vector<uint16_t> ToF16(const std::vector<float>& values);
std::vector<uint16_t> ToBF16(const std::vector<float>& values);
std::vector<float> FromF16(const std::vector<uint16_t>& bits);
std::vector<float> FromBF16(const std::vector<uint16_t>& bits);

// The same by type: f32, f16 or bf16.
Tensor FloatTensor(DataType type, const Dims& dims, const std::vector<float>& values);
std::vector<float> Floats(DataType type, const Tensor& tensor);
ValueIndex FloatConstant(GraphBuilder& builder, DataType type, const Dims& dims,
                         const std::vector<float>& values);

// `count` values in [-1, 1) that f16 and bf16 hold exactly, the same for the same seed.
std::vector<float> RandomValues(size_t count, uint32_t seed);

struct RunnerOptions {
  MaskedCpu cpu = HostCpuFeatures();
  bool use_remedies = true;
  size_t num_threads = 1;
  std::shared_ptr<XnnpackWorkspace> workspace = nullptr;  // null: its own
};

class StockRunner {
 public:
  // `graph` must outlive the runner.
  static Result<std::unique_ptr<StockRunner>> Create(const Graph& graph,
                                                     const RunnerOptions& options = {});
  ~StockRunner();

  // `inputs` by external id, outputs likewise.
  Result<std::vector<Tensor>> Run(const std::vector<Tensor>& inputs);

  const Plan& plan() const { return plan_; }

 private:
  explicit StockRunner(const Graph& graph) : graph_(graph) {}

  const Graph& graph_;
  Plan plan_;
  pthreadpool* pool_ = nullptr;
  std::vector<std::vector<std::byte>> kept_;
  std::vector<const std::byte*> constant_data_;
  std::vector<std::unique_ptr<StepRunner>> steps_;
};

// One run; a failure to create, or to run, is an error.
Result<std::vector<Tensor>> RunStock(const Graph& graph, const std::vector<Tensor>& inputs,
                                     const RunnerOptions& options = {});

}  // namespace switchyard::test
