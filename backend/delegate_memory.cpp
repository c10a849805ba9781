// The part of a delegate that fits it into max_workspace_bytes.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backend/compiled_delegate.h"
#include "backend/plan/arena.h"
#include "backend/plan/shapes.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"

namespace switchyard {

uint64_t CompiledDelegate::Memory::TotalBytes() const {
  return CheckedAdd<uint64_t>(arena.bytes, scratch_bytes).value_or(UINT64_MAX);
}

Result<CompiledDelegate::Memory> CompiledDelegate::PlanUnalignedMemory(
    std::span<const Dims> shapes) {
  const uint64_t limit = options_.max_workspace_bytes;
  Memory memory;
  std::vector<size_t> packed_bytes(plan_.packed_lhs.size());
  uint64_t packed_total = 0;
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].packed == nullptr) continue;
    PackedRunner& runner = *steps_[i].packed;
    runner.Reshape(shapes);
    memory.scratch_bytes = std::max(memory.scratch_bytes, runner.ScratchBytes());
    if (memory.scratch_bytes > limit) {
      return RefuseBytes(Format("{}: the scratch memory of its packed kernel",
                                Describe(graph_, FirstNode(plan_.steps[i]))),
                         memory.scratch_bytes, limit);
    }
    const auto* pack = std::get_if<PackLhsStep>(&plan_.steps[i]);
    if (pack == nullptr) continue;
    const size_t bytes = packed_bytes[pack->packed] = runner.PackedLhsBytes();
    if (bytes > limit) {
      return RefuseBytes(
          Format("{} with dimensions {}, packed,", Describe(graph_.values[pack->source]),
                 ToString(shapes[pack->source])),
          bytes, limit);
    }
    packed_total = CheckedAdd<uint64_t>(packed_total, bytes).value_or(UINT64_MAX);
  }
  packed_total = CheckedAdd<uint64_t>(packed_total, memory.scratch_bytes).value_or(UINT64_MAX);
  SWITCHYARD_TRY(CheckFootprint(graph_, shapes, limit, packed_total));
  SWITCHYARD_ASSIGN(memory.arena, PlanArena(graph_, plan_, shapes, packed_bytes));
  return memory;
}

Result<CompiledDelegate::Memory> CompiledDelegate::PlanMemory(std::span<const Dims> shapes) {
  SWITCHYARD_ASSIGN(Memory memory, PlanUnalignedMemory(shapes));
  const uint64_t total = memory.TotalBytes(), limit = options_.max_workspace_bytes;
  if (total > limit) return RefuseBytes("the arena with scratch memory", total, limit);
  return memory;
}

void CompiledDelegate::GiveUpKernel(Route& route, const std::string& found) {
  if (route.kernel == nullptr) return;
  route.rejected.push_back(
      {route.kernel,
       {ReasonId::kKernelMemory, found, Format("at most {}", options_.max_workspace_bytes)}});
  route.kernel = nullptr;
}

void CompiledDelegate::GiveUpAllKernels(std::span<const Dims> shapes) {
  const Result<Memory> memory = PlanUnalignedMemory(shapes);
  const std::string found =
      memory ? Format("{} bytes for the arena with scratch memory", memory->TotalBytes())
             : memory.error().message;
  for (Route& route : routes_) GiveUpKernel(route, found);
}

void CompiledDelegate::GiveUpLargestKernels(std::span<const Dims> shapes) {
  // Packed rows have memory of their own for each activation, scratch memory is for one step at a
  // time.
  struct Need {
    uint64_t bytes;
    bool is_scratch;
    std::vector<size_t> routes;
  };
  std::vector<Need> needs(plan_.packed_lhs.size());
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].packed == nullptr) continue;
    PackedRunner& runner = *steps_[i].packed;
    runner.Reshape(shapes);
    if (const auto* pack = std::get_if<PackLhsStep>(&plan_.steps[i])) {
      needs[pack->packed].bytes = runner.PackedLhsBytes();
      continue;
    }
    const auto& step = std::get<PackedStep>(plan_.steps[i]);
    if (step.packed_lhs) needs[*step.packed_lhs].routes.push_back(step.route);
    needs.push_back({runner.ScratchBytes(), true, {step.route}});
  }
  std::ranges::stable_sort(needs, std::ranges::greater(), &Need::bytes);
  // What is left without the first `i` needs.
  std::vector<uint64_t> rows_left(needs.size() + 1), scratch_left(needs.size() + 1);
  for (size_t i = needs.size(); i-- > 0;) {
    const auto& [bytes, is_scratch, routes] = needs[i];
    rows_left[i] = CheckedAdd(rows_left[i + 1], is_scratch ? 0 : bytes).value_or(UINT64_MAX);
    scratch_left[i] = std::max(scratch_left[i + 1], is_scratch ? bytes : 0);
  }
  const uint64_t limit = options_.max_workspace_bytes;
  const auto fits = [&](size_t i) {
    const uint64_t left = CheckedAdd(rows_left[i], scratch_left[i]).value_or(UINT64_MAX);
    return CheckFootprint(graph_, shapes, limit, left).has_value();
  };
  const auto counts = std::views::iota(size_t{1}, needs.size() + 1);
  const auto first = std::ranges::partition_point(counts, [&](size_t i) { return !fits(i); });
  const size_t num_given_up = first == counts.end() ? needs.size() : *first;
  for (const Need& need : std::span(needs).first(num_given_up)) {
    const std::string found = Format("{} bytes for its {}", need.bytes,
                                     need.is_scratch ? "scratch memory" : "packed rows");
    for (const size_t route : need.routes) GiveUpKernel(routes_[route], found);
  }
}

}  // namespace switchyard
