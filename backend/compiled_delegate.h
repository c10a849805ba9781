// One loaded payload: its graph, its plan, the steps that run it, and the memory they need.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "backend/arguments.h"
#include "backend/options.h"
#include "backend/packed/runner.h"
#include "backend/packed/weights_cache.h"
#include "backend/plan/arena.h"
#include "backend/plan/plan.h"
#include "backend/plan/report.h"
#include "backend/plan/route.h"
#include "backend/switchyard_backend.h"
#include "backend/trace.h"
#include "backend/workspace.h"
#include "backend/xnnpack/stock_step.h"
#include "kernels/cpu_mask.h"
#include "runtime/aligned_buffer.h"
#include "runtime/backend.h"
#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

class CompiledDelegate : public DelegateHandle {
 public:
  // Verifies and compiles `payload`, whose bytes may go afterwards, as may the named data: weights
  // have been packed, and the constants that packing does not consume have been copied.
  static Result<std::unique_ptr<CompiledDelegate>> Create(const InitContext& context,
                                                          std::span<const std::byte> payload,
                                                          const LoadOptions& options,
                                                          std::shared_ptr<Workspace> workspace,
                                                          WeightsCache& weights);
  ~CompiledDelegate() override;

  // What runs where, and why.
  const RouteReport& report() const { return report_; }

  const HostArguments& arguments() const { return *arguments_; }

  // See Backend::Execute. Calls for one delegate are serialized. Throws std::bad_alloc where the
  // heap has no memory; after that, and after XNNPACK had none, every call is InvalidState.
  Status Execute(const ExecuteContext& context, std::span<TensorView> arguments);

 private:
  CompiledDelegate(const InitContext& context, const LoadOptions& options,
                   std::shared_ptr<Workspace> workspace);

  // What runs a step: one of the two is set.
  struct Runner {
    std::unique_ptr<StockStep> stock;
    std::unique_ptr<PackedRunner> packed;
  };

  Status Compile(WeightsCache& weights);
  // The constants' bytes by value, those that outlive init in kept_constants_, the others as they
  // are or, misaligned, in `temporary`.
  Result<ConstantData> PrepareConstants(std::vector<AlignedBuffer>& temporary);
  // With XNNPACK's over-read slack.
  Result<AlignedBuffer> CopyOf(std::span<const std::byte> bytes, const Value& value) const;
  // The bytes that its readers want: the file's, but for what fills up rows of int4.
  Result<AlignedBuffer> CopyOfConstant(const Value& value) const;
  template <typename T>
  Status KeepScales(std::span<const T>& scales, const Value& value);
  // Makes a constant one that outlives init, with its scales.
  Status KeepConstant(ValueIndex index, ConstantData& constants);
  // What islands may have to pack once more, where only some of their values are empty.
  Status KeepWeightsOfMixedIslands(ConstantData& constants);
  // The plan of the routes, and what runs it.
  Status CreateSteps(ConstantData& constants, const PackedEnvironment& packed_environment);
  void DestroySteps();  // holding the workspace's lock
  // What runs a step of their kind; null for other steps.
  Result<std::unique_ptr<PackedRunner>> CreatePacked(
      const Step& step, std::span<const std::byte* const> constant_data,
      const PackedEnvironment& environment) const;
  Result<std::unique_ptr<StockStep>> CreateStock(const Step& step, const ConstantData& constants,
                                                 const StockEnvironment& environment) const;
  void ReportWeights();

  // Of a step of XNNPACK's, which does not say what is left when it runs out of memory.
  Status NoteFailure(Status status);
  // What Execute does while it holds both locks.
  Status ExecuteAlone(Tracer* tracer, TraceClock& clock, std::span<TensorView> arguments);

  // delegate_memory.cpp
  struct Memory {
    ArenaLayout arena;
    size_t scratch_bytes = 0;

    uint64_t TotalBytes() const;
  };
  // Memory at these shapes (by value), checked against max_workspace_bytes: the graph's values,
  // XNNPACK's scratch memory, packed activations, the packed steps' scratch memory. Allocates none
  // of it.
  Result<Memory> PlanMemory(std::span<const Dims> shapes);
  // The same, but for the check of what alignment adds.
  Result<Memory> PlanUnalignedMemory(std::span<const Dims> shapes);
  // Turn routes to the stock operator, since memory does not fit: of steps_ those that need most of
  // it at these shapes, until the rest fits, or all of them.
  void GiveUpLargestKernels(std::span<const Dims> shapes);
  void GiveUpAllKernels(std::span<const Dims> shapes);
  void GiveUpKernel(Route& route, const std::string& found);

  // Makes everything fit new_external_dims_; does nothing when they are those of the last call.
  Status Reshape();
  Status Grow(AlignedBuffer& buffer, size_t bytes, std::string_view purpose);
  // What traces say of steps_.
  void MakeTrace();
  Status RunSteps(Tracer* tracer);

  const HostServices services_;
  const LoadOptions options_;
  const bool is_traced_;                // at load; one that is traced later makes its trace then
  const bool has_exported_dim_orders_;  // as in InitContext
  const std::shared_ptr<Workspace> workspace_;
  std::shared_ptr<PackedStore> packed_store_;  // null without packed_cache_path

  Graph graph_;
  std::optional<HostArguments> arguments_;  // of graph_, once it is compiled
  Plan plan_;
  MaskedCpu cpu_ = CpuFeatures();
  std::vector<Route> routes_;
  std::vector<Runner> steps_;        // as plan_.steps
  std::optional<TraceTable> trace_;  // of steps_, once there is a tracer
  RouteReport report_;
  std::vector<AlignedBuffer> kept_constants_;

  std::mutex mutex_;  // for everything below
  // An execute ran out of memory where nobody can say what it has left half done: the steps are
  // gone.
  bool is_broken_ = false;
  bool is_shaped_ = false;
  // By external id: of this execute, of the last successful Reshape.
  std::vector<Dims> new_external_dims_, external_dims_;
  std::vector<Dims> shapes_;  // by value
  AlignedBuffer arena_, scratch_;
  std::vector<std::byte*> packed_lhs_;  // as plan_.packed_lhs, in the arena
  std::vector<void*> data_;             // by value, what the steps run on
};

}  // namespace switchyard
