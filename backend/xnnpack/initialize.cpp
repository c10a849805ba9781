#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

#include "backend/xnnpack/stock_step.h"
#include "backend/xnnpack/xnnpack_api.h"

namespace switchyard {
namespace {

// XNNPACK reallocates without saying the old size, so every block starts with it. The header is
// as large as the alignment that XNNPACK wants of unaligned blocks at most.
constexpr size_t kHeaderBytes = 64;

std::atomic<size_t> calls_to_our_allocator = 0;

void* Allocate(void* context, size_t size) {
  calls_to_our_allocator.fetch_add(1, std::memory_order_relaxed);
  if (size > SIZE_MAX - kHeaderBytes) return nullptr;
  auto* block = static_cast<std::byte*>(
      static_cast<Allocator*>(context)->Allocate(size + kHeaderBytes, kHeaderBytes));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof(size));
  return block + kHeaderBytes;
}

void Deallocate(void* context, void* pointer) {
  if (pointer == nullptr) return;
  static_cast<Allocator*>(context)->Free(static_cast<std::byte*>(pointer) - kHeaderBytes);
}

void* Reallocate(void* context, void* pointer, size_t size) {
  void* grown = Allocate(context, size);
  if (grown == nullptr || pointer == nullptr) return grown;
  size_t old_size;
  std::memcpy(&old_size, static_cast<std::byte*>(pointer) - kHeaderBytes, sizeof(old_size));
  std::memcpy(grown, pointer, std::min(old_size, size));
  Deallocate(context, pointer);
  return grown;
}

void* AllocateAligned(void* context, size_t alignment, size_t size) {
  calls_to_our_allocator.fetch_add(1, std::memory_order_relaxed);
  return static_cast<Allocator*>(context)->Allocate(size, alignment);
}

void DeallocateAligned(void* context, void* pointer) {
  if (pointer != nullptr) static_cast<Allocator*>(context)->Free(pointer);
}

// XNNPACK keeps the first allocator that it is ever given and does not say which one that was. So
// whether it is ours shows when it allocates.
bool ReachesOurAllocator() {
  const size_t before = calls_to_our_allocator.load();
  xnn_subgraph_t subgraph = nullptr;
  if (xnn_create_subgraph(/*external_value_ids=*/1, /*flags=*/0, &subgraph) == xnn_status_success) {
    xnn_delete_subgraph(subgraph);
  }
  return calls_to_our_allocator.load() != before;
}

struct Initialization {
  xnn_status status;
  bool uses_our_allocator;
};

std::atomic<const Initialization*> initialization = nullptr;
std::once_flag once;

void InitializeOnce(Allocator* allocator) {
  static const xnn_allocator functions = {.context = allocator,
                                          .allocate = &Allocate,
                                          .reallocate = &Reallocate,
                                          .deallocate = &Deallocate,
                                          .aligned_allocate = &AllocateAligned,
                                          .aligned_deallocate = &DeallocateAligned};
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
