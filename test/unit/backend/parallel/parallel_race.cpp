// Seeded races, each beside its repaired twin: built with ThreadSanitizer, a racy scenario must be
// reported and a clean one must not (exit code 66 and 0). It shows that the marks in
// backend/parallel/ order what pthreadpool orders, and nothing else.
//
// Usage: parallel_race SCENARIO
#include <pthreadpool.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "backend/parallel/parallel.h"

namespace switchyard {
namespace {

constexpr size_t kThreads = 3;

// Waits until `count` tiles have arrived, so that each runs on a thread of its own. Relaxed: it
// orders nothing that the sanitizer would take for synchronization.
void Meet(std::atomic<size_t>& arrived, size_t count) {
  arrived.fetch_add(1, std::memory_order_relaxed);
  while (arrived.load(std::memory_order_relaxed) < count) std::this_thread::yield();
}

// Runs fn(tile) for kThreads tiles on as many threads.
void OnEveryThread(pthreadpool* pool, const std::function<void(size_t)>& fn) {
  std::atomic<size_t> arrived = 0;
  ParallelFor(pool, kThreads, 1, 1, 1, [&](size_t tile, size_t, size_t, size_t) {
    Meet(arrived, kThreads);
    fn(tile);
  });
}

// Two tiles write the same counter, or one counter each.
void Tiles(pthreadpool* pool, bool racy) {
  std::vector<int> counters(kThreads * 16, 0);
  OnEveryThread(pool, [&](size_t tile) { ++counters[racy ? 0 : tile * 16]; });
}

// A tile reads what its neighbour writes in the same section, or wrote in the one before.
void Neighbours(pthreadpool* pool, bool racy) {
  std::vector<int> from(kThreads, 0), to(kThreads, 0);
  const auto write = [&](size_t tile) { from[tile] = static_cast<int>(tile); };
  const auto read = [&](size_t tile) { to[tile] = from[(tile + 1) % kThreads]; };
  if (racy) {
    OnEveryThread(pool, [&](size_t tile) {
      write(tile);
      read(tile);
    });
  } else {
    OnEveryThread(pool, write);
    OnEveryThread(pool, read);
  }
}

// A tile that starts late reads what a tile on another thread, finished long before, wrote in the
// same section. Nothing orders the two; marks that handed over from finished tiles to starting ones
// would hide it. On two threads; `order` counts the tiles as they start.
void Late(pthreadpool* pool, bool racy) {
  std::vector<int> written(2, 0), read(1, 0);
  std::atomic<size_t> order = 0;
  std::atomic<bool> is_read = false;
  ParallelFor(pool, 4, 1, 1, 1, [&](size_t, size_t, size_t, size_t) {
    const size_t mine = order.fetch_add(1, std::memory_order_relaxed);
    const auto wait_for = [&](auto condition) {
      while (!condition()) std::this_thread::yield();
    };
    switch (mine) {
      case 0:  // on one thread
        wait_for([&] { return order.load(std::memory_order_relaxed) >= 2; });
        written[0] = 1;
        break;
      case 1:  // on the other
        wait_for([&] { return order.load(std::memory_order_relaxed) >= 3; });
        break;
      case 2:  // on the first again
        wait_for([&] { return is_read.load(std::memory_order_relaxed); });
        break;
      case 3:  // on the other again
        read[0] = written[racy ? 0 : 1];
        is_read.store(true, std::memory_order_relaxed);
        break;
    }
  });
}

// Races that only memcpy commits: the sanitizer learns of it in another way than of plain accesses.
void Copies(pthreadpool* pool, bool racy) {
  std::vector<uint8_t> source(1024, 1), target(kThreads * 1024);
  OnEveryThread(pool, [&](size_t tile) {
    std::memcpy(target.data() + (racy ? 0 : tile * 1024), source.data(), source.size());
  });
}

// Two threads run foreign sections on one workspace, with or without its lock.
void Workspace(pthreadpool* pool, bool racy) {
  int workspace = 0;
  std::mutex mutex;
  std::atomic<size_t> arrived = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      Meet(arrived, 2);
      std::unique_lock lock(mutex, std::defer_lock);
      if (!racy) lock.lock();
      RunForeign(&workspace, [&] { return pool != nullptr; });
    });
  }
  for (std::thread& thread : threads) thread.join();
}

struct Scenario {
  std::string_view name;
  size_t threads;
  void (*run)(pthreadpool* pool, bool racy);
};
constexpr Scenario kScenarios[] = {{"tiles", kThreads, Tiles},
                                   {"neighbours", kThreads, Neighbours},
                                   {"late", 2, Late},
                                   {"copies", kThreads, Copies},
                                   {"workspace", kThreads, Workspace}};

int Main(std::string_view name) {
  const bool racy = name.ends_with(".racy");
  for (const Scenario& scenario : kScenarios) {
    if (name.substr(0, name.find('.')) != scenario.name) continue;
    pthreadpool* pool = pthreadpool_create(scenario.threads);
    if (pool == nullptr) return 3;
    scenario.run(pool, racy);
    pthreadpool_destroy(pool);
    std::printf("%s: done\n", name.data());
    return 0;
  }
  std::fprintf(stderr, "parallel_race: no scenario '%s'\n", name.data());
  return 2;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: parallel_race SCENARIO.racy|SCENARIO.clean\n");
    return 2;
  }
  return switchyard::Main(argv[1]);
}
