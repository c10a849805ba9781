// A thread pool that answers what it likes when it is asked for its number of threads, as some
// versions of pthreadpool do while they run a section of few items. The program that links
// changing_pool.cpp has a pthreadpool_get_threads_count of its own, which libXNNPACK binds to, too.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>

#include "runtime/host_services.h"

namespace switchyard::test {

inline constexpr size_t kHonest = 0;
inline constexpr size_t kChanging = ~size_t{0};

// From now on, pools answer `answer`: a number, what is true (kHonest), or another number than the
// last time, from 1 to what is true (kChanging). Null is always one thread.
void SetThreadsCount(size_t answer);

// How often the program's own code, libXNNPACK excepted, has asked.
size_t NumQuestions();

// Poisons what lies before and behind its blocks, and sees who touches it.
class PoisonAllocator : public Allocator {
 public:
  ~PoisonAllocator() override;
  void* Allocate(size_t bytes, size_t alignment) override;
  void Free(void* pointer) override;

  // Whether all poison, also that of freed blocks, is or was whole.
  bool IsWhole();
  size_t allocated_bytes();  // in all blocks so far

 private:
  struct Block {
    std::byte* memory;
    size_t begin, bytes, end;  // of the block in the memory, and the memory's end
  };
  static bool IsWhole(const Block& block);

  std::mutex mutex_;
  std::map<void*, Block> blocks_;
  bool was_whole_ = true;
  size_t allocated_bytes_ = 0;
};

}  // namespace switchyard::test
