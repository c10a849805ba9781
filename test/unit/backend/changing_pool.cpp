#include "test/unit/backend/changing_pool.h"

#include <dlfcn.h>
#include <pthreadpool.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace switchyard::test {
namespace {

constexpr int kPoison = 0xA5;
constexpr size_t kPoisonBytes = size_t{16} << 10;  // on either side, at least

std::atomic<size_t> wanted_answer = kHonest;
std::atomic<size_t> num_answers = 0;
std::atomic<size_t> num_questions = 0;

bool IsFromXnnpack(const void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname != nullptr &&
         std::string_view(info.dli_fname).contains("XNNPACK");
}

size_t Answer(pthreadpool_t pool) {
  using Function = size_t (*)(pthreadpool_t);
  static const auto real =
      reinterpret_cast<Function>(dlsym(RTLD_NEXT, "pthreadpool_get_threads_count"));
  const size_t threads = real(pool), wanted = wanted_answer.load();
  if (pool == nullptr || wanted == kHonest) return threads;
  if (wanted == kChanging) return 1 + num_answers++ % threads;
  return wanted;
}

}  // namespace

void SetThreadsCount(size_t answer) { wanted_answer = answer; }

size_t NumQuestions() { return num_questions; }

PoisonAllocator::~PoisonAllocator() {
  for (auto& [pointer, block] : blocks_) std::free(block.memory);
}

void* PoisonAllocator::Allocate(size_t bytes, size_t alignment) {
  alignment = std::max<size_t>(alignment, 64);
  const size_t front = (kPoisonBytes + alignment - 1) / alignment * alignment;
  const size_t end = (front + bytes + kPoisonBytes + alignment - 1) / alignment * alignment;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(alignment, end));
  if (memory == nullptr) return nullptr;
  const Block block = {.memory = memory, .begin = front, .bytes = bytes, .end = end};
  std::memset(memory, kPoison, front);
  std::memset(memory + front + bytes, kPoison, end - front - bytes);
  std::lock_guard lock(mutex_);
  allocated_bytes_ += bytes;
  blocks_[memory + front] = block;
  return memory + front;
}

void PoisonAllocator::Free(void* pointer) {
  std::lock_guard lock(mutex_);
  const auto found = blocks_.find(pointer);
  if (found == blocks_.end()) std::abort();
  was_whole_ &= IsWhole(found->second);
  std::free(found->second.memory);
  blocks_.erase(found);
}

bool PoisonAllocator::IsWhole(const Block& block) {
  // Poison throughout: its first byte is, and each is as the one before.
  const auto is_poison = [&](size_t begin, size_t end) {
    const std::byte* bytes = block.memory + begin;
    return std::to_integer<int>(bytes[0]) == kPoison &&
           std::memcmp(bytes, bytes + 1, end - begin - 1) == 0;
  };
  return is_poison(0, block.begin) && is_poison(block.begin + block.bytes, block.end);
}

bool PoisonAllocator::IsWhole() {
  std::lock_guard lock(mutex_);
  return was_whole_ &&
         std::ranges::all_of(blocks_, [](const auto& entry) { return IsWhole(entry.second); });
}

size_t PoisonAllocator::allocated_bytes() {
  std::lock_guard lock(mutex_);
  return allocated_bytes_;
}

}  // namespace switchyard::test

extern "C" __attribute__((visibility("default"))) size_t
pthreadpool_get_threads_count(pthreadpool_t pool) {
  using namespace switchyard::test;
  num_questions += !IsFromXnnpack(__builtin_return_address(0));
  return Answer(pool);
}
