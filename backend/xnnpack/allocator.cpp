#include "backend/xnnpack/allocator.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "backend/xnnpack/stock_step.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/populate.h"

namespace switchyard {

namespace {

// XNNPACK reallocates without saying the old size, so every block starts with a header, which is as
// large as the alignment that XNNPACK wants of unaligned blocks at most.
constexpr size_t kHeaderBytes = 64;

// Memory for one call, at whose start this stands. Blocks that XNNPACK keeps may outlive the call:
// the last one takes it along.
struct Reserve {
  Allocator& allocator;
  std::span<std::byte> left;
  size_t num_blocks;  // not given back, and the call while it lasts

  std::byte* Take(size_t bytes) {
    const std::optional<size_t> rounded = CheckedRoundUp(bytes, kHeaderBytes);
    if (!rounded || *rounded > left.size()) return nullptr;
    std::byte* const block = left.data();
    left = left.subspan(*rounded);
    ++num_blocks;
    return block;
  }
  void GiveBack() {
    if (--num_blocks == 0) allocator.Free(this);
  }
};
static_assert(sizeof(Reserve) <= kHeaderBytes);

struct Header {
  size_t size;
  Reserve* reserve;  // null: the host's
};

// XNNPACK reallocates to blocks this small without looking at the answer, where it lists the zero
// buffers of a dynamically quantized convolution of one image. (One of more runs image by image.)
constexpr size_t kUncheckedBytes = 64;

constinit thread_local AllocationWatch* current_watch = nullptr;
constinit thread_local Reserve* current_reserve = nullptr;
std::atomic<size_t> num_allocations = 0;

// Null where the host has none. XNNPACK's frames know no exceptions.
std::byte* FromHost(void* context, size_t bytes, size_t alignment) noexcept {
  num_allocations.fetch_add(1, std::memory_order_relaxed);
  void* block = nullptr;
  try {
    block = static_cast<Allocator*>(context)->Allocate(bytes, alignment);
  } catch (...) {
  }
  if (block == nullptr && current_watch != nullptr) current_watch->NoteRefusal();
  return static_cast<std::byte*>(block);
}

void* NewBlock(void* context, size_t size, bool is_unchecked) {
  if (size > SIZE_MAX - kHeaderBytes) return nullptr;
  Header header{.size = size, .reserve = nullptr};
  std::byte* block = FromHost(context, size + kHeaderBytes, kHeaderBytes);
  if (block == nullptr && is_unchecked && current_reserve != nullptr) {
    block = current_reserve->Take(size + kHeaderBytes);
    header.reserve = current_reserve;
  }
  if (block == nullptr) return nullptr;
  std::memcpy(block, &header, sizeof(header));
  return block + kHeaderBytes;
}

// While the memory planner works; elsewhere there is no reserve.
void* Allocate(void* context, size_t size) { return NewBlock(context, size, true); }

Header HeaderOf(void* pointer) {
  Header header;
  std::memcpy(&header, static_cast<std::byte*>(pointer) - kHeaderBytes, sizeof(header));
  return header;
}

void Deallocate(void* context, void* pointer) {
  if (pointer == nullptr) return;
  if (Reserve* const owner = HeaderOf(pointer).reserve) return owner->GiveBack();
  static_cast<Allocator*>(context)->Free(static_cast<std::byte*>(pointer) - kHeaderBytes);
}

void* Reallocate(void* context, void* pointer, size_t size) {
  void* const grown = NewBlock(context, size, size <= kUncheckedBytes);
  if (grown == nullptr || pointer == nullptr) return grown;
  std::memcpy(grown, pointer, std::min(HeaderOf(pointer).size, size));
  Deallocate(context, pointer);
  return grown;
}

void* AllocateAligned(void* context, size_t alignment, size_t size) {
  std::byte* const block = FromHost(context, size, alignment);
  // Packed weights, and what a reshape needs: XNNPACK writes the whole of it.
  if (block != nullptr) Populate({block, size});
  return block;
}

void DeallocateAligned(void* context, void* pointer) {
  if (pointer != nullptr) static_cast<Allocator*>(context)->Free(pointer);
}

}  // namespace

xnn_allocator XnnpackAllocator(Allocator& allocator) {
  return {.context = &allocator,
          .allocate = &Allocate,
          .reallocate = &Reallocate,
          .deallocate = &Deallocate,
          .aligned_allocate = &AllocateAligned,
          .aligned_deallocate = &DeallocateAligned};
}

size_t NumXnnpackAllocations() { return num_allocations.load(std::memory_order_relaxed); }

AllocationWatch::AllocationWatch() { current_watch = this; }

AllocationWatch::~AllocationWatch() { current_watch = nullptr; }

xnn_status AllocationWatch::Judge(xnn_status status) const {
  return was_refused_ ? xnn_status_out_of_memory : status;
}

size_t ReserveBytes(size_t num_values, size_t num_operators) {
  // Of the planner: a record of 48 bytes, a pointer and a block of 16 for each value and for each
  // operator, in three blocks. Defining an operator may add one that packs its input, and a value
  // between. And a small block for each operator, before it.
  constexpr size_t kPlanned = 72, kBlocks = 3;
  return kHeaderBytes + kPlanned * (num_values + 4 * num_operators) + kBlocks * 2 * kHeaderBytes +
         num_operators * (kUncheckedBytes + kHeaderBytes);
}

xnn_status ReshapeWithReserve(Allocator& allocator, size_t reserve_bytes, xnn_runtime_t runtime) {
  void* const memory = allocator.Allocate(reserve_bytes, kHeaderBytes);
  if (memory == nullptr) return xnn_status_out_of_memory;
  if (!XnnpackUsesOurAllocator()) {
    allocator.Free(memory);
    return xnn_reshape_runtime(runtime);
  }
  const std::span bytes(static_cast<std::byte*>(memory), reserve_bytes);
  current_reserve = new (memory)
      Reserve{.allocator = allocator, .left = bytes.subspan(kHeaderBytes), .num_blocks = 1};
  const AllocationWatch reshaping;
  const xnn_status status = reshaping.Judge(xnn_reshape_runtime(runtime));
  std::exchange(current_reserve, nullptr)->GiveBack();
  return status;
}

}  // namespace switchyard
