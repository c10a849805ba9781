#include "test/unit/backend/fresh_run.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <format>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "backend/switchyard_backend.h"
#include "backend/xnnpack/stock_step.h"
#include "runtime/blob_runner.h"
#include "test/support/graph_builder.h"
#include "test/support/guarded_tensor.h"
#include "test/support/payloads.h"
#include "test/support/random_numbers.h"

namespace switchyard::test {
namespace {

constexpr size_t kMaxTensorBytes = size_t{4} << 20;

class Poisoned final : public Allocator {
 public:
  ~Poisoned() override {
    for (void* block : freed_) DefaultAllocator().Free(block);
  }

  void* Allocate(size_t bytes, size_t alignment) override {
    void* block = DefaultAllocator().Allocate(bytes, alignment);
    if (block == nullptr) return nullptr;
    const std::lock_guard lock(mutex_);
    sizes_[block] = bytes;
    Fill(block, bytes);
    return block;
  }
  void Free(void* pointer) override {
    if (pointer == nullptr) return;
    const std::lock_guard lock(mutex_);
    const auto block = sizes_.extract(pointer);
    Fill(pointer, block.mapped());
    freed_.push_back(pointer);
    freed_bytes_.push_back(block.mapped());
    total_freed_ += block.mapped();
    while (total_freed_ > kMaxFreedBytes) {
      DefaultAllocator().Free(freed_.front());
      total_freed_ -= freed_bytes_.front();
      freed_.pop_front();
      freed_bytes_.pop_front();
    }
  }

 private:
  static constexpr size_t kMaxFreedBytes = size_t{4} << 20;

  // Odd steps, so that all bytes come: NaN, huge and tiny numbers.
  void Fill(void* block, size_t bytes) { std::memset(block, fill_ += 0x35, bytes); }

  std::mutex mutex_;
  uint8_t fill_ = 0x7F;
  std::unordered_map<void*, size_t> sizes_;
  std::deque<void*> freed_;
  std::deque<size_t> freed_bytes_;
  size_t total_freed_ = 0;
};

// What one execute gives.
struct Answer {
  Status status;
  std::vector<Dims> dims = {};  // of the outputs
  std::vector<std::vector<std::byte>> outputs = {};
  bool borders_are_intact = true;
};

class Delegate {
 public:
  static Result<Delegate> Load(const Payload& payload, const Graph& graph,
                               std::map<std::string, OptionValue> options, unsigned char behind) {
    const NamedDataViews named_data = NamedDataOf(payload);
    InitContext context;
    context.services.allocator = &PoisonedAllocator();
    context.named_data = &named_data;
    context.load_options = std::move(options);
    SWITCHYARD_ASSIGN(BlobRunner runner,
                      BlobRunner::Load(SwitchyardBackend(), payload.bytes, context));
    return Delegate(graph, std::move(runner), behind);
  }

  Answer Execute(const InputDims& inputs, uint64_t seed) {
    std::vector<GuardedTensor> tensors(graph_.num_externals);
    std::vector<const Value*> values(graph_.num_externals);
    for (const Value& value : graph_.values) {
      if (!value.external_id) continue;
      const uint32_t id = *value.external_id;
      values[id] = &value;
      const ElementType type = *ExternalElementType(value.type);
      // Outputs begin with one element.
      const Dims ones(std::vector<size_t>(value.dims.rank(), 1));
      auto tensor = GuardedTensor::Create(
          type, value.is_external_input ? inputs[id] : ones,
          {.slack_bytes = OverReadBytes(), .fill = behind_, .max_bytes = kMaxTensorBytes});
      if (!tensor) {
        return {.status = Fail(ErrorCode::kOutOfResources, "more than the test hands over")};
      }
      tensors[id] = *std::move(tensor);
      if (value.is_external_input)
        FillNumbers(tensors[id].bytes(), type, seed + id, /*special=*/false);
    }
    std::vector<TensorView> views;
    for (size_t id = 0; id < tensors.size(); ++id) {
      TensorView view = tensors[id].View();
      if (values[id] != nullptr && values[id]->is_external_input) {
        // The data lie as the graph has them; the host's sizes are in the order that it wants.
        view.dim_order = LoadedArgument(*runner_.handle(), id).form.dim_order;
        for (size_t i = 0; i < view.rank; ++i) view.sizes[view.dim_order[i]] = inputs[id][i];
      }
      views.push_back(view);
    }
    Answer answer{.status = runner_.Run(std::span(views))};
    for (size_t id = 0; id < tensors.size(); ++id) {
      answer.borders_are_intact &= tensors[id].BordersAreIntact();
      if (!answer.status || values[id] == nullptr || values[id]->is_external_input) continue;
      answer.dims.emplace_back(std::span(views[id].sizes).first(views[id].rank));
      const std::span<std::byte> bytes = tensors[id].bytes();
      answer.outputs.emplace_back(bytes.begin(), bytes.end());
    }
    return answer;
  }

 private:
  Delegate(const Graph& graph, BlobRunner runner, unsigned char behind)
      : graph_(graph), runner_(std::move(runner)), behind_(behind) {}

  const Graph& graph_;
  BlobRunner runner_;
  unsigned char behind_;
};

// Nothing, or how the answers differ.
std::string Difference(const Answer& used, const Answer& fresh) {
  if (!used.borders_are_intact || !fresh.borders_are_intact) return "wrote outside of the tensors";
  if (used.status.has_value() != fresh.status.has_value()) {
    const bool is_used = !used.status.has_value();
    return std::format("{} refuses what the other runs: {}", is_used ? "it" : "a fresh delegate",
                       (is_used ? used : fresh).status.error().ToString());
  }
  if (!used.status) {
    const std::string here = used.status.error().ToString();
    const std::string there = fresh.status.error().ToString();
    return here == there ? "" : std::format("says \"{}\", a fresh delegate \"{}\"", here, there);
  }
  for (size_t i = 0; i < used.outputs.size(); ++i) {
    if (used.dims[i] != fresh.dims[i]) {
      return std::format("output {}: sizes {}, of a fresh delegate {}", i, ToString(used.dims[i]),
                         ToString(fresh.dims[i]));
    }
    const auto [at, other] = std::ranges::mismatch(used.outputs[i], fresh.outputs[i]);
    if (at == used.outputs[i].end()) continue;
    return std::format("output {} of {}: byte {} of {} is another than a fresh delegate's", i,
                       ToString(used.dims[i]), at - used.outputs[i].begin(),
                       used.outputs[i].size());
  }
  return {};
}

}  // namespace

Allocator& PoisonedAllocator() {
  static Poisoned allocator;
  return allocator;
}

FreshResult CompareWithFresh(const Payload& payload, const Graph& graph,
                             std::span<const InputDims> runs, uint64_t seed,
                             const std::map<std::string, OptionValue>& options) {
  FreshResult result;
  auto used = Delegate::Load(payload, graph, options, 0xFF);
  if (!used) {
    result.refused = used.error();
    return result;
  }
  // Nor does it share XNNPACK's memory.
  auto alone = options;
  alone["workspace_sharing_mode"] = int64_t{0};
  std::string seen;
  for (const InputDims& run : runs) {
    seen += seen.empty() ? "" : ", ";
    for (const Dims& dims : run) seen += ToString(dims);
    const Answer answer = used->Execute(run, seed);
    result.num_ran += answer.status.has_value();
    auto fresh = Delegate::Load(payload, graph, alone, 0x7B);
    result.wrong = fresh ? Difference(answer, fresh->Execute(run, seed)) : fresh.error().ToString();
    if (result.wrong.empty()) continue;
    result.wrong = std::format("executes {}: {}", seen, result.wrong);
    return result;
  }
  return result;
}

std::vector<InputDims> EachDimensionAlone(const Graph& graph) {
  const InputDims bounds = InputBounds(graph);
  std::set<size_t> sizes;
  for (const Dims& dims : bounds) sizes.insert(dims.begin(), dims.end());
  std::vector<InputDims> runs = {bounds};
  for (const size_t size : sizes) {
    for (const size_t smaller : std::set<size_t>{0, 1, size / 2, size - 1}) {
      if (smaller >= size) continue;
      InputDims changed = bounds;
      for (Dims& dims : changed) {
        for (size_t i = 0; i < dims.rank(); ++i) {
          if (dims[i] == size) dims[i] = smaller;
        }
      }
      runs.insert(runs.end(), {changed, bounds});
    }
  }
  return runs;
}

}  // namespace switchyard::test
