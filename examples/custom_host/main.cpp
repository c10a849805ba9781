// A host that brings its own allocator, logger and thread pool, and sets an option of a load.
#include <pthreadpool.h>
#include <switchyard/backend/plan/format_report.h>
#include <switchyard/backend/switchyard_backend.h>
#include <switchyard/runtime/blob_runner.h>
#include <switchyard/runtime/registry.h>
#include <switchyard/schema/payload.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

using switchyard::ElementType;
using switchyard::OwnedTensor;

namespace {

// Counts what is allocated and not freed yet.
class CountingAllocator final : public switchyard::Allocator {
 public:
  void* Allocate(size_t bytes, size_t alignment) override {
    alignment = std::max(alignment, sizeof(void*));
    void* pointer = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (pointer != nullptr) ++live_, ++total_;
    return pointer;
  }
  void Free(void* pointer) override {
    if (pointer != nullptr) --live_;
    std::free(pointer);
  }
  int live() const { return live_; }
  int total() const { return total_; }

 private:
  std::atomic<int> live_ = 0, total_ = 0;  // threads allocate at the same time
};

class StderrLogger final : public switchyard::Logger {
 public:
  void Log(switchyard::LogLevel level, std::string_view message) override {
    constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
    std::fprintf(stderr, "[%s] %.*s\n", kNames[static_cast<size_t>(level)],
                 static_cast<int>(message.size()), message.data());
  }
};

int Fail(const char* what, const switchyard::Error& error) {
  std::fprintf(stderr, "%s: %s\n", what, error.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s PAYLOAD\nRuns it on inputs of ones.\n", argv[0]);
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    std::fprintf(stderr, "%s: cannot be read\n", argv[1]);
    return 3;
  }
  const auto payload = std::as_bytes(std::span(bytes));

  // They outlive the runner, which is destroyed first.
  static CountingAllocator allocator;
  StderrLogger logger;
  const std::unique_ptr<pthreadpool, void (*)(pthreadpool_t)> pool(pthreadpool_create(2),
                                                                   pthreadpool_destroy);
  switchyard::InitContext context;
  context.services = {
      .allocator = &allocator, .logger = &logger, .thread_pool = pool.get(), .tracer = nullptr};
  context.load_options["max_workspace_bytes"] = int64_t{64} << 20;

  const auto backend = switchyard::FindBackend(switchyard::kBackendName);
  if (!backend) return Fail(argv[0], backend.error());
  const auto graph = switchyard::ReadPayload(payload, nullptr);
  if (!graph) return Fail(argv[1], graph.error());
  const int before = allocator.live();
  {
    auto runner = switchyard::BlobRunner::Load(**backend, payload, context);
    if (!runner) return Fail(argv[1], runner.error());
    std::vector<OwnedTensor> arguments(graph->num_externals);
    for (const switchyard::Value& value : graph->values) {
      const auto type = switchyard::ExternalElementType(value.type);
      if (!value.external_id || !type) continue;
      auto tensor = OwnedTensor::Create(*type, value.dims.span());
      if (!tensor) return Fail(argv[1], tensor.error());
      if (value.is_external_input && *type == ElementType::kF32) {
        std::fill_n(tensor->data<float>(), tensor->bytes().size() / sizeof(float), 1.0f);
      }
      arguments[*value.external_id] = *std::move(tensor);
    }
    const auto status = runner->Run(arguments);
    if (!status) return Fail(argv[1], status.error());
    std::printf("%s\n", switchyard::FormatReport(switchyard::LoadedReport(*runner->handle()),
                                                 /*all_nodes=*/true)
                            .c_str());
    std::printf("ran on %zu threads with %d allocations of the host's\n",
                pthreadpool_get_threads_count(pool.get()), allocator.total());
  }
  // XNNPACK keeps what it allocated for the process.
  std::printf("%d allocations are left of %d\n", allocator.live() - before, allocator.total());
  return 0;
}
