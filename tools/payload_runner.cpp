#include "tools/payload_runner.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "backend/plan/dim_order.h"
#include "backend/plan/layouts.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "tools/run_times.h"
#include "tools/scalar_types.h"

namespace switchyard::tools {

// Not nameless: what has members of these is in a header's class.
namespace payload_runner {

ArrayType ArrayTypeOf(ElementType type) {
  switch (type) {
    case ElementType::kF32:
      return ArrayType::kF32;
    case ElementType::kF16:
      return ArrayType::kF16;
    case ElementType::kBF16:
      return ArrayType::kBF16;
    case ElementType::kInt8:
      return ArrayType::kInt8;
    case ElementType::kUInt8:
      return ArrayType::kUInt8;
    case ElementType::kInt32:
      return ArrayType::kInt32;
    case ElementType::kInt64:
      return ArrayType::kInt64;
  }
  return ArrayType::kF32;
}

// The value of a graph that an argument is, with the .npy type of its elements.
struct External {
  const Value* value = nullptr;  // null: no node reads it, and the payload does not describe it
  ElementType element_type = ElementType::kF32;
  ArrayType array_type = ArrayType::kF32;
};

Outcome<std::vector<External>> Externals(std::string_view object, const Graph& graph) {
  std::vector<External> externals(graph.num_externals);
  for (const Value& value : graph.values) {
    if (!value.external_id) continue;
    std::optional<ElementType> element = ExternalElementType(value.type);
    if (!element) {
      return Fail(ExitCode::kUnsupported, "{}: argument {} is {}, which no host's tensor can be",
                  object, *value.external_id, Describe(value));
    }
    externals[*value.external_id] = {&value, *element, ArrayTypeOf(*element)};
  }
  return externals;
}

Outcome<OwnedTensor> ToTensor(std::string_view object, size_t id, const External& external,
                              const Array& array) {
  if (!Holds(array.type, external.array_type) || array.shape.size() > kMaxRank ||
      !IsWithin(Dims(array.shape), external.value->dims)) {
    return Fail(ExitCode::kUsage,
                "{}: input with external id {} is {}, expected {} {} or less, in the order in "
                "which the payload has its dimensions",
                object, id, Describe(array), ExpectedTypeText(external.array_type),
                ToString(external.value->dims));
  }
  OwnedTensor tensor(external.element_type, array.shape);
  std::ranges::copy(array.data, tensor.bytes().begin());
  return tensor;
}

// An output of a payload: it gets its size from the backend while it runs, so that nothing is
// allocated on the file's word alone, and within what all of them may have together.
class Output {
 public:
  struct Budget {
    uint64_t limit;
    uint64_t used = 0;
  };

  Output(OwnedTensor& tensor, Budget& budget) : tensor_(tensor), budget_(budget) {}

  TensorView View() {
    TensorView view = tensor_.View();
    view.host_tensor = this;
    view.resize = [](TensorView& resized, std::span<const size_t> sizes) -> Status {
      auto& output = *static_cast<Output*>(resized.host_tensor);
      SWITCHYARD_TRY(output.Resize(sizes));
      resized = output.View();
      return {};
    };
    return view;
  }

 private:
  Status Resize(std::span<const size_t> sizes) {
    if (std::ranges::equal(sizes, tensor_.sizes())) return {};
    const uint64_t others = budget_.used - tensor_.bytes().size();
    const uint64_t bytes =
        CheckedProduct(sizes)
            .and_then([&](size_t count) {
              return CheckedMultiply(count, ElementBytes(tensor_.element_type()));
            })
            .value_or(UINT64_MAX);
    const uint64_t total = CheckedAdd(others, bytes).value_or(UINT64_MAX);
    if (total > budget_.limit) {
      return switchyard::Fail(ErrorCode::kMemoryAllocationFailed,
                              "outputs: {} bytes with one of {}, expected at most {}; set "
                              "--max-memory to more, or use smaller inputs",
                              total, ShapeText(sizes), budget_.limit);
    }
    SWITCHYARD_ASSIGN(tensor_, OwnedTensor::Create(tensor_.element_type(), sizes));
    budget_.used = total;
    return {};
  }

  OwnedTensor& tensor_;
  Budget& budget_;
};

// An array is what lies in memory; here with the sizes and the dim order that the graph wants it to
// have there.
TensorView ViewOf(OwnedTensor& tensor, std::span<const uint8_t> dim_order) {
  TensorView view = tensor.View();
  for (size_t i = 0; i < dim_order.size(); ++i) {
    view.dim_order[i] = dim_order[i];
    view.sizes[dim_order[i]] = tensor.sizes()[i];
  }
  return view;
}

bool IsInput(const External& external) {
  return external.value != nullptr && external.value->is_external_input;
}

}  // namespace payload_runner

using namespace payload_runner;

struct PayloadRunner::Impl {
  std::string object;  // for messages
  Graph graph;
  std::vector<External> externals;
  Timeline* timeline;
  std::optional<TimelineTracer> tracer;
  Output::Budget budget;
  std::optional<BlobRunner> runner;
  uint64_t load_nanoseconds = 0;
  // Of the last SetInputs.
  std::vector<OwnedTensor> tensors;
  std::deque<Output> outputs;  // which the views point to
  std::vector<TensorView> views;

  // Nanoseconds since `start`.
  uint64_t Measure(const char* name, uint64_t start) {
    const uint64_t end = Now();
    if (timeline != nullptr) {
      timeline->Add({.name = name, .category = "switchyard", .start = start, .end = end});
    }
    return end - start;
  }
};

PayloadRunner::PayloadRunner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PayloadRunner::PayloadRunner(PayloadRunner&& other) noexcept = default;
PayloadRunner& PayloadRunner::operator=(PayloadRunner&& other) noexcept = default;
PayloadRunner::~PayloadRunner() = default;

Outcome<PayloadRunner> PayloadRunner::Load(ModelFile& model, Backend& backend, uint64_t max_memory,
                                           Timeline* timeline) {
  auto impl = std::make_unique<Impl>();
  impl->object = model.file.path().string();
  Result<Graph> graph = ReadPayload(model.file.bytes(), model.named_data.get());
  if (!graph) return FailWith(impl->object, graph.error());
  impl->graph = *std::move(graph);
  SWITCHYARD_ASSIGN(impl->externals, Externals(impl->object, impl->graph));
  impl->timeline = timeline;
  impl->budget = {.limit = max_memory};
  InitContext context;
  context.named_data = model.named_data.get();
  context.services.thread_pool = HostThreadPool();
  if (timeline != nullptr) context.services.tracer = &impl->tracer.emplace(*timeline);
  const uint64_t start = Now();
  Result<BlobRunner> runner = BlobRunner::Load(backend, model.file.bytes(), context);
  if (!runner) return FailWith(impl->object, runner.error());
  impl->runner.emplace(*std::move(runner));
  impl->load_nanoseconds = impl->Measure("load", start);
  return PayloadRunner(std::move(impl));
}

uint64_t PayloadRunner::load_nanoseconds() const { return impl_->load_nanoseconds; }

Outcome<void> PayloadRunner::SetInputs(std::span<const Array> inputs) {
  const std::vector<External>& externals = impl_->externals;
  const auto wanted = static_cast<size_t>(std::ranges::count_if(externals, IsInput));
  if (inputs.size() != wanted) {
    return Fail(ExitCode::kUsage,
                "{}: takes {} inputs, {} were given; pass one for each that `inspect` lists",
                impl_->object, wanted, inputs.size());
  }
  const Layouts layouts(impl_->graph, /*likely=*/true);
  std::vector<OwnedTensor> tensors;
  std::vector<std::vector<uint8_t>> dim_orders(externals.size());  // empty: the default
  for (size_t id = 0; id < externals.size(); ++id) {
    const External& external = externals[id];
    if (external.value == nullptr) {
      tensors.emplace_back();
    } else if (IsInput(external)) {
      SWITCHYARD_ASSIGN(OwnedTensor tensor, ToTensor(impl_->object, id, external, inputs.front()));
      tensors.push_back(std::move(tensor));
      dim_orders[id] =
          WantedDimOrder(impl_->graph, layouts,
                         static_cast<ValueIndex>(external.value - impl_->graph.values.data()));
      inputs = inputs.subspan(1);
    } else {
      tensors.emplace_back(external.element_type,
                           std::vector<size_t>(external.value->dims.rank(), 0));
    }
  }
  impl_->views.clear();
  impl_->outputs.clear();
  impl_->tensors = std::move(tensors);
  impl_->budget.used = 0;
  for (size_t id = 0; id < externals.size(); ++id) {
    const bool is_output = externals[id].value != nullptr && !IsInput(externals[id]);
    OwnedTensor& tensor = impl_->tensors[id];
    impl_->views.push_back(is_output ? impl_->outputs.emplace_back(tensor, impl_->budget).View()
                                     : ViewOf(tensor, dim_orders[id]));
  }
  return {};
}

Outcome<uint64_t> PayloadRunner::Execute() {
  const uint64_t start = Now();
  if (Status status = impl_->runner->Run(impl_->views); !status) {
    return FailWith(impl_->object, status.error());
  }
  return impl_->Measure("execute", start);
}

std::vector<Array> PayloadRunner::Outputs() const {
  std::vector<Array> outputs;
  for (size_t id = 0; id < impl_->externals.size(); ++id) {
    const External& external = impl_->externals[id];
    if (external.value == nullptr || !external.value->is_external_output) continue;
    const OwnedTensor& tensor = impl_->tensors[id];
    outputs.push_back({external.array_type,
                       {tensor.sizes().begin(), tensor.sizes().end()},
                       {tensor.bytes().begin(), tensor.bytes().end()}});
  }
  return outputs;
}

std::unexpected<Failure> FailWithoutPayloads(const ModelFile& model) {
  return Fail(ExitCode::kUnsupported,
              "{}: is a bare payload; this program runs whole programs (.pte, .bpte) only, "
              "`switchyard run` runs payloads",
              model.file.path().string());
}

Outcome<std::vector<ArrayForm>> PayloadInputs(const ModelFile& model) {
  const std::string object = model.file.path().string();
  const Result<Graph> graph = ReadPayload(model.file.bytes(), model.named_data.get());
  if (!graph) return FailWith(object, graph.error());
  SWITCHYARD_ASSIGN(const std::vector<External> externals, Externals(object, *graph));
  std::vector<ArrayForm> forms;
  for (const External& external : externals) {
    if (!IsInput(external)) continue;
    const Dims& dims = external.value->dims;
    forms.push_back({external.array_type, {dims.begin(), dims.end()}});
  }
  return forms;
}

}  // namespace switchyard::tools
