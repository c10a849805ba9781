#include "backend/plan/arena.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

struct Lifetime {
  size_t first = 0, last = 0;  // steps
};

// By position in Plan::intermediates; then those of Plan::packed_lhs.
std::vector<Lifetime> FindLifetimes(const Graph& graph, const Plan& plan) {
  constexpr uint32_t kNone = 0xFFFFFFFF;
  std::vector<uint32_t> place(graph.values.size(), kNone);
  for (uint32_t i = 0; i < plan.intermediates.size(); ++i) place[plan.intermediates[i]] = i;

  std::vector<Lifetime> lifetimes(plan.intermediates.size());
  const auto made = [&](ValueIndex value, size_t step) {
    if (place[value] != kNone) lifetimes[place[value]] = {step, step};
  };
  const auto read = [&](ValueIndex value, size_t step) {
    if (place[value] != kNone) lifetimes[place[value]].last = step;
  };
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    if (const auto* island = std::get_if<IslandStep>(&plan.steps[s])) {
      for (const ValueIndex value : island->inputs) read(value, s);
      for (const ValueIndex value : island->outputs) made(value, s);
    } else if (const auto* pack = std::get_if<PackLhsStep>(&plan.steps[s])) {
      read(pack->source, s);
    } else if (const auto* packed = std::get_if<PackedStep>(&plan.steps[s])) {
      for (const ValueIndex value : packed->inputs) read(value, s);
      made(packed->output, s);
    } else {
      const auto& own = std::get<StockOperatorStep>(plan.steps[s]);
      read(own.input, s);
      for (const ValueIndex value : graph.nodes[own.node].inputs) read(value, s);
      for (const ValueIndex value : graph.nodes[own.node].outputs) made(value, s);
    }
  }
  for (const PackedLhs& packed : plan.packed_lhs) {
    lifetimes.push_back({packed.first_step, packed.last_step});
  }
  return lifetimes;
}

// The free parts of an arena that grows at its end. Everything takes O(log n).
class FreeList {
 public:
  // The smallest free part that fits, or the end.
  size_t Take(size_t size) {
    size_t offset = end_;
    const auto best = by_size_.lower_bound({size, 0});
    if (best != by_size_.end()) {
      offset = best->second;
      const size_t available = best->first;
      Erase(by_offset_.find(offset));
      if (available > size) Insert(offset + size, available - size);
      return offset;
    }
    if (!by_offset_.empty()) {
      const auto last = std::prev(by_offset_.end());
      if (last->first + last->second == end_) {
        offset = last->first;
        Erase(last);
      }
    }
    end_ = offset + size;
    return offset;
  }

  // Gives back a part, which joins with its neighbours.
  void Give(size_t offset, size_t size) {
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && offset + size == next->first) {
      size += next->second;
      next = Erase(next);
    }
    if (next != by_offset_.begin()) {
      const auto previous = std::prev(next);
      if (previous->first + previous->second == offset) {
        offset = previous->first;
        size += previous->second;
        Erase(previous);
      }
    }
    Insert(offset, size);
  }

  size_t end() const { return end_; }

 private:
  using ByOffset = std::map<size_t, size_t>;  // offset to size

  void Insert(size_t offset, size_t size) {
    by_offset_.emplace(offset, size);
    by_size_.emplace(size, offset);
  }
  ByOffset::iterator Erase(ByOffset::iterator part) {
    by_size_.erase({part->second, part->first});
    return by_offset_.erase(part);
  }

  ByOffset by_offset_;
  std::set<std::pair<size_t, size_t>> by_size_;  // size, offset
  size_t end_ = 0;
};

}  // namespace

Result<ArenaLayout> PlanArena(const Graph& graph, const Plan& plan, std::span<const Dims> shapes,
                              std::span<const size_t> packed_bytes) {
  const size_t num_values = plan.intermediates.size();
  const size_t count = num_values + packed_bytes.size();
  std::vector<size_t> sizes(count);
  size_t total = 0;
  for (size_t i = 0; i < num_values; ++i) {
    const ValueIndex value = plan.intermediates[i];
    std::optional<size_t> size = TensorBytes(graph.values[value].type, shapes[value]);
    if (size) size = CheckedAdd(*size, kArenaSlackBytes);
    if (size) size = CheckedRoundUp(*size, kArenaAlignment);
    const std::optional<size_t> sum = size ? CheckedAdd(total, *size) : std::nullopt;
    if (!sum) {
      return Fail(ErrorCode::kMemoryAllocationFailed,
                  "{} with dimensions {}: no address space for it beside {} other bytes; use "
                  "smaller inputs",
                  Describe(graph.values[value]), ToString(shapes[value]), total);
    }
    sizes[i] = *size;
    total = *sum;
  }

  for (size_t i = num_values; i < count; ++i) {
    const std::optional<size_t> size =
        CheckedRoundUp(packed_bytes[i - num_values], kArenaAlignment);
    const std::optional<size_t> sum = size ? CheckedAdd(total, *size) : std::nullopt;
    if (!sum) {
      return Fail(ErrorCode::kMemoryAllocationFailed,
                  "packed rows of {}: no address space for {} bytes; use smaller inputs",
                  Describe(graph.values[plan.packed_lhs[i - num_values].source]),
                  packed_bytes[i - num_values]);
    }
    sizes[i] = *size;
    total = *sum;
  }

  const std::vector<Lifetime> lifetimes = FindLifetimes(graph, plan);
  std::vector<std::vector<size_t>> starts(plan.steps.size()), ends(plan.steps.size());
  for (size_t i = 0; i < count; ++i) {
    starts[lifetimes[i].first].push_back(i);
    ends[lifetimes[i].last].push_back(i);
  }

  ArenaLayout layout;
  std::vector<size_t> offsets(count);
  FreeList free;
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    std::ranges::stable_sort(starts[s], std::ranges::greater(), [&](size_t i) { return sizes[i]; });
    for (const size_t i : starts[s]) offsets[i] = free.Take(sizes[i]);
    for (const size_t i : ends[s]) free.Give(offsets[i], sizes[i]);
  }
  layout.bytes = free.end();
  layout.packed_offsets.assign(offsets.begin() + static_cast<ptrdiff_t>(num_values), offsets.end());
  offsets.resize(num_values);
  layout.offsets = std::move(offsets);
  return layout;
}

}  // namespace switchyard
