// Steps that run packed kernels.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "backend/packed/weights_cache.h"
#include "backend/plan/packed_memory.h"
#include "backend/plan/route.h"
#include "kernels/cpu/features.h"
#include "kernels/gemm/packed_gemm.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/host_services.h"
#include "schema/graph.h"

struct pthreadpool;

namespace switchyard {

struct PackedEnvironment {
  const CpuFeatures& cpu;    // outlives the steps, as do pool and allocator
  pthreadpool* thread_pool;  // null: the calling thread
  WorkerCounts workers;
  Allocator& allocator;
  Logger& logger;
  WeightsCache& weights;
  bool share_weights;         // with others of the process, and through the store
  PackedStore* packed_store;  // null: none
};

}  // namespace switchyard
