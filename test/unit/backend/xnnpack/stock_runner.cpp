#include "test/unit/backend/xnnpack/stock_runner.h"

#include <pthreadpool.h>

#include <algorithm>
#include <random>
#include <variant>

#include "backend/plan/shapes.h"

namespace switchyard::test {
namespace {

constexpr size_t kSlack = 64;

template <typename To, typename From, typename Convert>
std::vector<To> Map(const std::vector<From>& from, Convert convert) {
  std::vector<To> to(from.size());
  std::ranges::transform(from, to.begin(), convert);
  return to;
}

}  // namespace

std::vector<uint16_t> ToF16(const std::vector<float>& values) {
  return Map<uint16_t>(values, &F16FromF32);
}
std::vector<uint16_t> ToBF16(const std::vector<float>& values) {
  return Map<uint16_t>(values, &BF16FromF32);
}
std::vector<float> FromF16(const std::vector<uint16_t>& bits) {
  return Map<float>(bits, &F32FromF16);
}
std::vector<float> FromBF16(const std::vector<uint16_t>& bits) {
  return Map<float>(bits, &F32FromBF16);
}

Tensor FloatTensor(DataType type, const Dims& dims, const std::vector<float>& values) {
  if (type == DataType::kF32) return Tensor::Of(dims, values);
  return Tensor::Of(dims, type == DataType::kF16 ? ToF16(values) : ToBF16(values));
}

std::vector<float> Floats(DataType type, const Tensor& tensor) {
  if (type == DataType::kF32) return tensor.As<float>();
  return type == DataType::kF16 ? FromF16(tensor.As<uint16_t>()) : FromBF16(tensor.As<uint16_t>());
}

ValueIndex FloatConstant(GraphBuilder& builder, DataType type, const Dims& dims,
                         const std::vector<float>& values) {
  if (type == DataType::kF32) return builder.Constant(type, dims, values);
  return builder.Constant(type, dims, type == DataType::kF16 ? ToF16(values) : ToBF16(values));
}

std::vector<float> RandomValues(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<float> values(count);
  // 64ths: seven bits, which every float type holds.
  for (float& value : values) value = (static_cast<float>(generator() % 128) - 64.0f) / 64.0f;
  return values;
}

Result<std::unique_ptr<StockRunner>> StockRunner::Create(const Graph& graph,
                                                         const RunnerOptions& options) {
  SWITCHYARD_TRY(InitializeXnnpack(&DefaultAllocator()));
  std::unique_ptr<StockRunner> runner(new StockRunner(graph));
  if (options.num_threads > 1) runner->pool_ = pthreadpool_create(options.num_threads);
  std::vector<bool> own(graph.nodes.size());
  if (options.use_remedies) own = NodesWithStandaloneStep(graph, options.cpu);
  runner->plan_ = MakePlan(graph, own);

  // Consumed constants go when the steps have been created, as in the backend.
  std::vector<std::vector<std::byte>> consumed;
  ConstantData during_creation{
      .bytes = std::vector<const std::byte*>(graph.values.size(), nullptr),
      .is_consumed = ConsumedByPacking(graph),
  };
  runner->constant_data_.assign(graph.values.size(), nullptr);
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (!value.constant) continue;
    std::vector<std::byte> copy(value.constant->bytes.begin(), value.constant->bytes.end());
    copy.resize(copy.size() + kSlack);
    during_creation.bytes[i] = copy.data();
    const bool is_consumed = during_creation.is_consumed[i];
    if (!is_consumed) runner->constant_data_[i] = copy.data();
    (is_consumed ? consumed : runner->kept_).push_back(std::move(copy));
  }
  StockEnvironment environment{.cpu = options.cpu,
                               .thread_pool = runner->pool_,
                               .workspace = options.workspace,
                               .use_remedies = options.use_remedies};
  if (environment.workspace == nullptr) {
    SWITCHYARD_ASSIGN(environment.workspace, XnnpackWorkspace::Create());
  }
  for (const Step& step : runner->plan_.steps) {
    std::unique_ptr<StepRunner> created;
    if (const auto* island = std::get_if<IslandStep>(&step)) {
      SWITCHYARD_ASSIGN(created, CreateIsland(graph, *island, during_creation, environment));
    } else {
      SWITCHYARD_ASSIGN(created, CreateStockOperator(graph, std::get<StockOperatorStep>(step),
                                                     during_creation, environment));
    }
    runner->steps_.push_back(std::move(created));
  }
  for (auto& bytes : consumed) std::ranges::fill(bytes, std::byte{0xAA});
  return runner;
}

StockRunner::~StockRunner() {
  steps_.clear();
  if (pool_ != nullptr) pthreadpool_destroy(pool_);
}

Result<std::vector<Tensor>> StockRunner::Run(const std::vector<Tensor>& inputs) {
  std::vector<Dims> external_dims(graph_.num_externals);
  for (size_t i = 0; i < inputs.size(); ++i) external_dims[i] = inputs[i].dims;
  SWITCHYARD_ASSIGN(const std::vector<Dims> shapes, InferShapes(graph_, external_dims));
  for (const auto& step : steps_) SWITCHYARD_TRY(step->Reshape(shapes, {}));

  std::vector<std::vector<std::byte>> memory(graph_.values.size());
  std::vector<void*> data(graph_.values.size(), nullptr);
  for (ValueIndex i = 0; i < graph_.values.size(); ++i) {
    const Value& value = graph_.values[i];
    if (value.constant) {
      data[i] = const_cast<std::byte*>(constant_data_[i]);
      continue;
    }
    // What XNNPACK does not write is seen.
    memory[i].assign(TensorBytes(value.type, shapes[i]).value_or(0) + kSlack, std::byte{0x7F});
    data[i] = memory[i].data();
    if (value.is_external_input) {
      const std::vector<std::byte>& bytes = inputs[*value.external_id].bytes;
      if (bytes.size() + kSlack != memory[i].size()) {
        return Fail(ErrorCode::kInvalidArgument, "test: input {} has {} bytes, expected {}",
                    *value.external_id, bytes.size(), memory[i].size() - kSlack);
      }
      std::ranges::copy(bytes, memory[i].begin());
    }
  }
  for (const auto& step : steps_) SWITCHYARD_TRY(step->Run({.values = data}));

  std::vector<Tensor> tensors(graph_.num_externals);
  for (ValueIndex i = 0; i < graph_.values.size(); ++i) {
    const Value& value = graph_.values[i];
    if (!value.external_id) continue;
    memory[i].resize(memory[i].size() - kSlack);
    tensors[*value.external_id] = {.dims = shapes[i], .bytes = std::move(memory[i])};
  }
  return tensors;
}

Result<std::vector<Tensor>> RunStock(const Graph& graph, const std::vector<Tensor>& inputs,
                                     const RunnerOptions& options) {
  SWITCHYARD_ASSIGN(const std::unique_ptr<StockRunner> runner, StockRunner::Create(graph, options));
  return runner->Run(inputs);
}

}  // namespace switchyard::test
