// One loaded payload: its graph, its plan, the steps that run it, and the memory they need.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/aligned_buffer.h"
#include "backend/options.h"
#include "backend/plan/plan.h"
#include "backend/workspace.h"
#include "backend/xnnpack/stock_step.h"
#include "kernels/cpu_features.h"
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
                                                          const CpuFeatures& cpu,
                                                          std::shared_ptr<Workspace> workspace);
  ~CompiledDelegate() override;

  // See Backend::Execute. Calls for one delegate are serialized.
  Status Execute(const ExecuteContext& context, std::span<TensorView> arguments);

 private:
  CompiledDelegate(const InitContext& context, const LoadOptions& options,
                   std::shared_ptr<Workspace> workspace);

  Status Compile(const CpuFeatures& cpu);
  // The constants' bytes by value, those that outlive init in kept_constants_, the others as they
  // are or, misaligned, in `temporary`.
  Result<std::vector<const std::byte*>> PrepareConstants(std::vector<AlignedBuffer>& temporary);
  Status CreateSteps(std::span<const std::byte* const> constant_data, const CpuFeatures& cpu);

  Result<std::vector<Dims>> ReadInputDims(std::span<TensorView> arguments) const;
  // Makes everything fit the inputs' dims; does nothing when they are those of the last call.
  Status Reshape(std::vector<Dims> external_dims);
  Status ResizeOutputs(std::span<TensorView> arguments) const;
  Status BindArguments(std::span<TensorView> arguments);
  Status RunSteps(Tracer* tracer);

  const HostServices services_;
  const LoadOptions options_;
  const std::shared_ptr<Workspace> workspace_;

  Graph graph_;
  Plan plan_;
  std::vector<std::unique_ptr<StockStep>> steps_;  // as plan_.steps
  std::vector<AlignedBuffer> kept_constants_;
  std::vector<ValueIndex> external_inputs_, external_outputs_;

  std::mutex mutex_;  // for everything below
  bool is_shaped_ = false;
  std::vector<Dims> external_dims_;  // by external id, of the last successful Reshape
  std::vector<Dims> shapes_;         // by value
  AlignedBuffer arena_;
  std::vector<void*> data_;          // by value, what the steps run on
};

}  // namespace switchyard
