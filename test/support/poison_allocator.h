// An allocator that fills what it hands out, so that whoever reads what it has not written computes
// with numbers that show: NaN, the largest and the smallest integers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>

#include "runtime/host_services.h"

namespace switchyard::test {

// Each byte is NaN of f16, and of f32 NaN or near the largest number (0xFF, 0x7F), or the smallest
// int8 (0x80); as int4 0, 7, 8, 15.
inline constexpr unsigned char kPoisons[] = {0xFF, 0x7F, 0x80};

class PoisonAllocator final : public Allocator {
 public:
  // XNNPACK keeps the first allocator that a process gives to it: there is one, for ever.
  static PoisonAllocator& Get() {
    static auto& allocator = *new PoisonAllocator;
    return allocator;
  }
  // Of what is allocated from here on.
  void set_poison(unsigned char poison) { poison_ = poison; }

  void* Allocate(size_t bytes, size_t alignment) override {
    void* memory = DefaultAllocator().Allocate(bytes, alignment);
    if (memory != nullptr) std::memset(memory, poison_, bytes);
    return memory;
  }
  void Free(void* pointer) override { DefaultAllocator().Free(pointer); }

 private:
  std::atomic<unsigned char> poison_ = kPoisons[0];
};

}  // namespace switchyard::test
