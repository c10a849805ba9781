// The allocator that XNNPACK gets from us, and what is known of its answers.
#pragma once

#include <xnnpack.h>

#include <cstddef>

#include "runtime/host_services.h"

namespace switchyard {

// Functions over `allocator`, which must live as long as the process.
xnn_allocator XnnpackAllocator(Allocator& allocator);
// How often XNNPACK has called any such function.
size_t NumXnnpackAllocations();

// Watches what XNNPACK allocates on the calling thread, from its construction to its destruction.
// XNNPACK does not always say that it was refused memory: it may succeed without an operator, or
// follow a null pointer. Where XNNPACK has another allocator than ours nothing is seen.
class AllocationWatch {
 public:
  AllocationWatch();
  ~AllocationWatch();
  AllocationWatch(const AllocationWatch&) = delete;
  AllocationWatch& operator=(const AllocationWatch&) = delete;

  // The status of a call: out_of_memory if any allocation since the construction was refused. What
  // the call has made or changed is of no more use then, other than to be deleted.
  xnn_status Judge(xnn_status status) const;
  void NoteRefusal() { was_refused_ = true; }

 private:
  bool was_refused_ = false;
};

// What xnn_reshape_runtime may allocate without a look at the answer, in bytes at most, for a
// subgraph of so many values and operators.
size_t ReserveBytes(size_t num_values, size_t num_operators);

// xnn_reshape_runtime that survives a heap without memory. XNNPACK checks its allocations, but not
// those of its memory planner and one of convolutions. Where the heap has nothing these come from
// `reserve_bytes` of `allocator`'s, taken beforehand; then, or where even those cannot be had, the
// status is out_of_memory. Where XNNPACK has another allocator than ours the bytes go back to the
// heap before the call, which makes it likely, but not sure, that XNNPACK finds them there.
// `allocator` must live as long as the runtime.
xnn_status ReshapeWithReserve(Allocator& allocator, size_t reserve_bytes, xnn_runtime_t runtime);

}  // namespace switchyard
