#include <atomic>
#include <mutex>

#include "backend/xnnpack/allocator.h"
#include "backend/xnnpack/stock_step.h"
#include "backend/xnnpack/xnnpack_api.h"

namespace switchyard {
namespace {

// XNNPACK keeps the first allocator that it is ever given and does not say which one that was. So
// whether it is ours shows when it allocates.
bool ReachesOurAllocator() {
  const size_t before = NumXnnpackAllocations();
  xnn_subgraph_t subgraph = nullptr;
  if (xnn_create_subgraph(/*external_value_ids=*/1, /*flags=*/0, &subgraph) == xnn_status_success) {
    xnn_delete_subgraph(subgraph);
  }
  return NumXnnpackAllocations() != before;
}

struct Initialization {
  xnn_status status;
  bool uses_our_allocator;
};

std::atomic<const Initialization*> initialization = nullptr;
std::once_flag once;

void InitializeOnce(Allocator* allocator) {
  static xnn_allocator functions;  // which XNNPACK may keep by its address
  if (allocator != nullptr) functions = XnnpackAllocator(*allocator);
  const xnn_status status = xnn_initialize(allocator != nullptr ? &functions : nullptr);
  static const Initialization result = {
      .status = status,
      .uses_our_allocator = status == xnn_status_success && ReachesOurAllocator()};
  initialization = &result;
}

}  // namespace

Status InitializeXnnpack(Allocator* allocator) {
  std::call_once(once, [&] { InitializeOnce(allocator); });
  const xnn_status status = initialization.load()->status;
  switch (status) {
    case xnn_status_success:
      return {};
    case xnn_status_out_of_memory:
      return Fail(ErrorCode::kMemoryAllocationFailed,
                  "XNNPACK: out of memory while it initialised; free memory and start again");
    default:
      return Fail(ErrorCode::kNotSupported,
                  "XNNPACK: does not run on this CPU ({}); it needs SSE2 or NEON at least",
                  Name(status));
  }
}

bool XnnpackUsesOurAllocator() {
  const Initialization* result = initialization.load();
  return result != nullptr && result->uses_our_allocator;
}

}  // namespace switchyard
