#include "backend/xnnpack/prunable_island.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backend/plan/prune.h"
#include "backend/plan/quantize.h"
#include "runtime/aligned_buffer.h"
#include "runtime/base/float16.h"

namespace switchyard {
namespace {

// Writes `count` elements that stand for `number`.
void FillElements(const Value& value, float number, size_t count, std::byte* data) {
  std::array<std::byte, sizeof(float)> element{};
  const size_t size = ElementBits(value.type) / 8;
  if (value.type == DataType::kF32) {
    std::memcpy(element.data(), &number, size);
  } else if (IsFloat(value.type)) {
    const uint16_t bits = value.type == DataType::kF16 ? F16FromF32(number) : BF16FromF32(number);
    std::memcpy(element.data(), &bits, size);
  } else {
    const auto& quantization = std::get<PerTensorQuantization>(value.quantization);
    element[0] = static_cast<std::byte>(Quantize(number, quantization, value.type));
  }
  for (size_t i = 0; i < count; ++i) std::memcpy(data + i * size, element.data(), size);
}

// What runs at one set of shapes.
class PrunedStep {
 public:
  static Result<std::unique_ptr<PrunedStep>> Create(
      const Graph& graph, const IslandStep& step, std::span<const Dims> shapes,
      const std::unordered_map<ValueIndex, const std::byte*>& constants,
      const StockEnvironment& environment) {
    std::unique_ptr<PrunedStep> pruned(new PrunedStep);
    SWITCHYARD_ASSIGN(pruned->part_, PruneIsland(graph, step, shapes));
    const PrunedIsland& part = pruned->part_;
    const size_t num_values = part.values.size();
    pruned->data_.resize(num_values);
    pruned->is_output_.resize(num_values);
    for (size_t i = 0; i < num_values; ++i) {
      pruned->is_output_[i] = std::ranges::find(step.outputs, part.values[i]) != step.outputs.end();
    }
    SWITCHYARD_TRY(pruned->FillInputs(environment));
    if (part.step.nodes.empty()) return pruned;
    ConstantData data{.bytes = std::vector<const std::byte*>(num_values),
                      .is_consumed = std::vector<bool>(num_values, false)};
    for (size_t i = 0; i < num_values; ++i) {
      const auto constant = constants.find(part.values[i]);
      if (constant != constants.end()) data.bytes[i] = constant->second;
    }
    StockEnvironment here = environment;
    here.profile = false;
    SWITCHYARD_ASSIGN(pruned->island_, CreateIsland(part.graph, part.step, data, here));
    SWITCHYARD_TRY(pruned->island_->Reshape(part.shapes, {}));
    return pruned;
  }

  Status Run(const StepData& data) {
    for (size_t i = 0; i < data_.size(); ++i) {
      if (part_.values[i] != kNoValue) data_[i] = data.values[part_.values[i]];
    }
    size_t next_buffer = 0;
    for (const FilledValue& filled : part_.filled) {
      if (!is_output_[filled.value]) {
        data_[filled.value] = buffers_[next_buffer++].data();
        continue;
      }
      const Value& value = part_.graph.values[filled.value];
      if (data_[filled.value] == nullptr) {
        return Fail(ErrorCode::kInvalidArgument, "{}: no data pointer; set one before execute",
                    Describe(value));
      }
      FillElements(value, filled.number, *part_.shapes[filled.value].NumElements(),
                   static_cast<std::byte*>(data_[filled.value]));
    }
    return island_ == nullptr ? Status() : island_->Run({.values = data_});
  }

 private:
  PrunedStep() = default;

  // Those that are outputs, too, are filled where the host wants them.
  Status FillInputs(const StockEnvironment& environment) {
    Allocator& allocator =
        environment.allocator != nullptr ? *environment.allocator : DefaultAllocator();
    for (const FilledValue& filled : part_.filled) {
      if (is_output_[filled.value]) continue;
      const Value& value = part_.graph.values[filled.value];
      const Dims& dims = part_.shapes[filled.value];
      const std::optional<size_t> bytes = TensorBytes(value.type, dims);
      if (!bytes || *bytes > SIZE_MAX - OverReadBytes()) {
        return Fail(ErrorCode::kMemoryAllocationFailed,
                    "{}: dimensions {} do not fit the address space; use smaller inputs",
                    Describe(value), ToString(dims));
      }
      SWITCHYARD_ASSIGN(
          AlignedBuffer buffer,
          AlignedBuffer::Allocate(allocator, *bytes + OverReadBytes(), Describe(value)));
      FillElements(value, filled.number, *dims.NumElements(), buffer.data());
      buffers_.push_back(std::move(buffer));
    }
    return {};
  }

  PrunedIsland part_;
  std::vector<bool> is_output_;         // by value of part_: the host, or another step, reads it
  std::vector<AlignedBuffer> buffers_;  // of the filled values that are no outputs, in their order
  std::vector<void*> data_;             // by value of part_
  std::unique_ptr<StepRunner> island_;  // null where nothing is left to compute
};

class PrunableIsland final : public StepRunner {
 public:
  PrunableIsland(const Graph& graph, IslandStep step, const ConstantData& constants,
                 const StockEnvironment& environment, std::unique_ptr<StepRunner> full)
      : graph_(graph), step_(std::move(step)), environment_(environment), full_(std::move(full)) {
    for (const NodeIndex n : step_.nodes) {
      const Node& node = graph.nodes[n];
      for (const auto* ends : {&node.inputs, &node.outputs}) {
        for (const ValueIndex value : *ends) {
          if (!graph.values[value].constant) {
            values_.push_back(value);
          } else if (!constants.is_consumed[value]) {
            constants_[value] = constants.bytes[value];
          }
        }
      }
    }
    std::ranges::sort(values_);
    values_.erase(std::ranges::unique(values_).begin(), values_.end());
  }

  Status Reshape(std::span<const Dims> shapes, const StepMemory& /*memory*/) override {
    const auto is_empty = [&](ValueIndex value) { return shapes[value].NumElements() == 0; };
    state_ = State::kUnshaped;
    pruned_.reset();
    if (std::ranges::all_of(step_.outputs, is_empty)) {
      state_ = State::kNothing;
    } else if (std::ranges::none_of(values_, is_empty)) {
      SWITCHYARD_TRY(full_->Reshape(shapes, {}));
      state_ = State::kFull;
    } else {
      SWITCHYARD_ASSIGN(pruned_,
                        PrunedStep::Create(graph_, step_, shapes, constants_, environment_));
      state_ = State::kPruned;
    }
    return {};
  }

  Status Run(const StepData& data) override {
    switch (state_) {
      case State::kNothing:
        return {};
      case State::kFull:
        return full_->Run(data);
      case State::kPruned:
        return pruned_->Run(data);
      case State::kUnshaped:
        break;
    }
    return Fail(ErrorCode::kInvalidState, "{}: its island is run before a successful Reshape",
                step_.nodes.empty() ? "no node" : Describe(graph_, step_.nodes.front()));
  }

  std::span<const TimedOperator> operators() const override { return full_->operators(); }
  bool ReadTimes(std::span<uint64_t> microseconds) const override {
    return state_ == State::kFull && full_->ReadTimes(microseconds);
  }

 private:
  enum class State { kUnshaped, kNothing, kFull, kPruned };

  const Graph& graph_;
  const IslandStep step_;
  const StockEnvironment environment_;
  std::unordered_map<ValueIndex, const std::byte*> constants_;  // those that are not consumed
  std::vector<ValueIndex> values_;                              // not constant, in order
  const std::unique_ptr<StepRunner> full_;
  State state_ = State::kUnshaped;
  std::unique_ptr<PrunedStep> pruned_;
};

}  // namespace

std::unique_ptr<StepRunner> MakePrunable(const Graph& graph, IslandStep step,
                                         const ConstantData& constants,
                                         const StockEnvironment& environment,
                                         std::unique_ptr<StepRunner> full) {
  return std::make_unique<PrunableIsland>(graph, std::move(step), constants, environment,
                                          std::move(full));
}

}  // namespace switchyard
