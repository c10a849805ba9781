// One loaded payload: everything that stays as it is from execute to execute. LoadDelegate makes
// it; nobody changes it afterwards.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "backend/options.h"
#include "backend/packed/weights_cache.h"
#include "backend/plan/packed_memory.h"
#include "backend/plan/plan.h"
#include "backend/plan/report.h"
#include "backend/plan/route.h"
#include "backend/plan/step_runner.h"
#include "backend/workspace.h"
#include "kernels/cpu/mask.h"
#include "runtime/aligned_buffer.h"
#include "runtime/host_services.h"
#include "schema/graph.h"

namespace switchyard {

// Steps refer to what is here: it does not move.
struct LoadedModel {
  LoadedModel(const HostServices& host_services, LoadOptions load_options, bool traced,
              std::shared_ptr<Workspace> shared_workspace)
      : services(host_services),
        options(std::move(load_options)),
        is_traced(traced),
        workspace(std::move(shared_workspace)) {}
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;
  ~LoadedModel() {
    std::lock_guard lock(workspace->mutex);
    DestroySteps();
  }

  // Holding the workspace's lock.
  void DestroySteps() {
    // XNNPACK takes the islands' runtimes off the workspace, and looks for each from the newest on.
    while (!steps.empty()) steps.pop_back();
  }

  PackedHost packed_host() const { return {cpu.allowed, workers}; }

  const HostServices services;
  const LoadOptions options;
  const bool is_traced;  // at load
  const std::shared_ptr<Workspace> workspace;
  std::shared_ptr<PackedStore> packed_store;  // null without packed_cache_path

  Graph graph;  // without the bytes of constants
  MaskedCpu cpu = CpuFeatures();
  WorkerCounts workers;
  std::vector<Route> routes;
  Plan plan;
  std::vector<AlignedBuffer> kept_constants;
  std::vector<void*> constant_data;                // by value: of kept constants, else null
  std::vector<std::unique_ptr<StepRunner>> steps;  // as plan.steps
  RouteReport report;
};

}  // namespace switchyard
