// What a tracer gets from delegates of real models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <format>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "backend/options.h"
#include "backend/plan/step_description.h"
#include "backend/switchyard_backend.h"
#include "runtime/blob_runner.h"
#include "schema/payload.h"
#include "test/support/test_data.h"

namespace {
thread_local size_t num_allocations = 0;
}  // namespace

// The sanitizers have operators of their own.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kCountsAllocations = false;
#else
constexpr bool kCountsAllocations = true;
void* operator new(size_t size) {
  ++num_allocations;
  if (void* pointer = std::malloc(size == 0 ? 1 : size)) return pointer;
  std::abort();
}
void operator delete(void* pointer) noexcept { std::free(pointer); }
void operator delete(void* pointer, size_t) noexcept { std::free(pointer); }
#endif

namespace switchyard {
namespace {

using testing::HasSubstr;

// Its clock ticks in quarters of microseconds that start with a reading, so that a unit shows.
class RecordingTracer final : public Tracer {
 public:
  struct Recorded {
    TraceKind kind;
    std::string name, route, kernel, micro_kernel;
    std::vector<uint32_t> nodes, debug_handles;
    uint64_t start, end, macs;
  };

  uint64_t Now() override {
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                 std::chrono::nanoseconds(250));
  }
  uint64_t FromNanoseconds(uint64_t nanoseconds) override { return nanoseconds / 250; }
  void Event(const TraceEvent& event) override {
    for (std::string_view text : {event.name, event.route, event.kernel, event.micro_kernel}) {
      ASSERT_NE(text.data(), nullptr);
      EXPECT_EQ(text.data()[text.size()], '\0');
    }
    events.push_back({event.kind,
                      std::string(event.name),
                      std::string(event.route),
                      std::string(event.kernel),
                      std::string(event.micro_kernel),
                      {event.nodes.begin(), event.nodes.end()},
                      {event.debug_handles.begin(), event.debug_handles.end()},
                      event.start,
                      event.end,
                      event.macs});
  }

  std::vector<Recorded> events;
};

class CountingTracer final : public Tracer {
 public:
  uint64_t Now() override { return ++now_; }
  void Event(const TraceEvent&) override { ++count; }
  size_t count = 0;

 private:
  uint64_t now_ = 0;
};

struct Loaded {
  Graph graph;
  std::unique_ptr<BlobRunner> runner;
  std::vector<OwnedTensor> tensors;
};

Loaded Load(const test::Model& model, const test::ModelPayload& payload, bool is_traced,
            std::map<std::string, OptionValue> options = {}) {
  auto graph = ReadPayload(payload.bytes, model.named_data.get());
  EXPECT_TRUE(graph) << graph.error().ToString();
  InitContext context;
  context.named_data = model.named_data.get();
  context.is_traced = is_traced;
  context.load_options = std::move(options);
  auto runner = BlobRunner::Load(SwitchyardBackend(), payload.bytes, context);
  EXPECT_TRUE(runner) << runner.error().ToString();
  Loaded loaded{.graph = *std::move(graph),
                .runner = std::make_unique<BlobRunner>(*std::move(runner)),
                .tensors = {}};
  loaded.tensors.resize(loaded.graph.num_externals);
  for (const Value& value : loaded.graph.values) {
    if (!value.external_id) continue;
    loaded.tensors[*value.external_id] =
        OwnedTensor(*ExternalElementType(value.type), value.dims.span());
  }
  return loaded;
}

std::vector<RecordingTracer::Recorded> Trace(Loaded& loaded) {
  RecordingTracer tracer;
  const Status status = loaded.runner->Run(loaded.tensors, {.tracer = &tracer});
  EXPECT_TRUE(status) << status.error().ToString();
  return tracer.events;
}

TEST(Trace, OfEveryRealModel) {
  size_t num_operators = 0, num_packed = 0, num_payloads = 0;
  for (const auto& folder : test::ModelFolders()) {
    const auto model =
        test::LoadModel(folder, exists(folder / "model.pte") ? "model.pte" : "model.bpte");
    ASSERT_TRUE(model) << model.error().ToString();
    if (model->file.size() > test::LargestModel()) continue;
    for (const test::ModelPayload& payload : model->payloads) {
      SCOPED_TRACE(payload.name);
      Loaded loaded = Load(*model, payload, /*is_traced=*/true);
      const auto events = Trace(loaded);
      ASSERT_GE(events.size(), 3u);
      EXPECT_EQ(events[0].kind, TraceKind::kWait);
      EXPECT_EQ(events[1].kind, TraceKind::kPrepare);
      std::set<std::string> names;
      std::set<uint32_t> by_steps, by_operators;
      uint64_t end = events[0].start, operator_end = 0;
      uint64_t macs = 0, macs_of_stock = 0, macs_of_operators = 0;
      const RecordingTracer::Recorded* step = nullptr;
      for (const auto& event : events) {
        SCOPED_TRACE(event.name);
        EXPECT_TRUE(names.insert(event.name).second);
        EXPECT_EQ(event.nodes.size(), event.debug_handles.size());
        EXPECT_LE(event.start, event.end);
        if (event.kind == TraceKind::kOperator) {
          ASSERT_NE(step, nullptr);
          EXPECT_GE(event.start, operator_end);
          EXPECT_LE(event.end, step->end);
          EXPECT_THAT(event.kernel, HasSubstr(" ("));  // "Copy (NC, X32)"
          EXPECT_FALSE(event.nodes.empty()) << "XNNPACK fused something that FuseGraph did not";
          by_operators.insert(event.nodes.begin(), event.nodes.end());
          operator_end = event.end;
          macs_of_operators += event.macs;
          ++num_operators;
          continue;
        }
        EXPECT_GE(event.start, end);
        end = event.end;
        if (event.kind != TraceKind::kStep) continue;
        step = &event;
        operator_end = event.start;
        by_steps.insert(event.nodes.begin(), event.nodes.end());
        macs += event.macs;
        if (event.route == kRoutePackLhs) EXPECT_EQ(event.macs, 0u);
        if (event.route == Name(StockForm::kSubgraph)) {
          macs_of_stock += event.macs;
          continue;
        }
        by_operators.insert(event.nodes.begin(), event.nodes.end());
        EXPECT_EQ(event.route == kRoutePacked, !event.micro_kernel.empty());
        num_packed += event.route == kRoutePacked;
      }
      std::set<uint32_t> expected;
      for (const Node& node : loaded.graph.nodes) expected.insert(node.id);
      EXPECT_EQ(by_steps, expected);
      EXPECT_EQ(macs, LoadedReport(*loaded.runner->handle()).Macs());  // it runs at the bounds
      EXPECT_EQ(macs_of_operators, macs_of_stock);
      EXPECT_EQ(by_operators, expected);
      EXPECT_EQ(Trace(loaded).size(), events.size());
      ++num_payloads;
    }
  }
  EXPECT_GT(num_payloads, 100u);
  EXPECT_GT(num_operators + num_packed, 200u);
}

TEST(Trace, OperatorsAreTimedWhereSomebodyAskedBefore) {
  const test::Model model = test::LoadTestModel("conv.fp32.chain");
  const std::map<std::string, OptionValue> stock = {{"packed_kernels", false}};
  const auto count = [&](bool is_traced, std::map<std::string, OptionValue> options) {
    Loaded loaded = Load(model, model.payloads[0], is_traced, std::move(options));
    size_t operators = 0;
    for (const auto& event : Trace(loaded)) operators += event.kind == TraceKind::kOperator;
    return operators;
  };
  EXPECT_GE(count(true, stock), 3u);
  EXPECT_EQ(count(false, stock), 0u);
  auto off = stock;
  off.emplace(kOptionProfileOperators, false);
  EXPECT_EQ(count(true, off), 0u);
}

TEST(Trace, OperatorsAreNamedAfterTheirNodes) {
  const test::Model model = test::LoadTestModel("qkv.qd8");
  Loaded loaded = Load(model, model.payloads[0], true, {{"packed_kernels", false}});
  const auto events = Trace(loaded);
  ASSERT_EQ(events.size(), 7u);
  EXPECT_EQ(events[2].name, "island of 4 nodes from node 0 Convert");
  EXPECT_THAT(events[3].name, HasSubstr("node 0 Convert: Convert (NC, F32, QD8)"));
  for (size_t i = 4; i < 7; ++i) {
    EXPECT_THAT(events[i].name, HasSubstr(std::format("node {} FullyConnected: Fully Connected "
                                                      "(NC, QD8, F32, QC8W)",
                                                      i - 3)));
    EXPECT_THAT(events[i].nodes, testing::ElementsAre(i - 3));
    EXPECT_THAT(events[i].debug_handles,
                testing::ElementsAre(loaded.graph.nodes[i - 3].debug_handle));
  }
}

// The micro-kernel is that of the run: a row is a GEMV where the kernel has one.
TEST(Trace, PackedStepsNameWhatRan) {
  const test::Model model = test::LoadTestModel("qkv.fp32");
  Loaded loaded = Load(model, model.payloads[0], true);
  for (const auto& event : Trace(loaded)) {
    if (event.route != kRoutePacked) continue;
    const auto row = std::ranges::find(KernelTable(), event.kernel, &KernelRow::name);
    ASSERT_NE(row, KernelTable().end()) << event.kernel;
    EXPECT_THAT(event.micro_kernel, testing::AnyOf(row->gemm, row->gemv.name));
  }
}

// No more than an execute without a tracer, while the shapes stay.
TEST(Trace, AllocatesNothing) {
  if (!kCountsAllocations) GTEST_SKIP() << "allocations are the sanitizer's";
  struct Case {
    const char* model;
    bool is_packed;  // by the rows that every CPU has
  };
  for (const Case& c :
       {Case{"qkv.qd8", false}, Case{"conv.fp32.chain", false}, Case{"bmm.fp32.matmul4", false},
        Case{"qkv.qd8", true}, Case{"conv.fp32.chain", true}, Case{"bmm.fp32.matmul4", true}}) {
    SCOPED_TRACE(std::format("{} {}", c.model, c.is_packed ? "packed" : "as the CPU has it"));
    const test::Model model = test::LoadTestModel(c.model);
    std::map<std::string, OptionValue> options;
    if (c.is_packed) options["force_kernel"] = std::string("reference");
    Loaded loaded = Load(model, model.payloads[0], true, options);
    std::vector<TensorView> views;
    for (OwnedTensor& tensor : loaded.tensors) views.push_back(tensor.View());
    CountingTracer tracer;
    const auto allocations = [&](Tracer* used) {
      const size_t before = num_allocations;
      EXPECT_TRUE(loaded.runner->Run(std::span(views), {.tracer = used}));
      return num_allocations - before;
    };
    allocations(&tracer);  // the first run plans memory
    ASSERT_GE(tracer.count, 3u);
    EXPECT_EQ(allocations(&tracer), 0u);
    EXPECT_EQ(allocations(nullptr), 0u);
  }
}

TEST(Trace, AfterAFailedExecuteTheNextIsTraced) {
  const test::Model model = test::LoadTestModel("fc.fp32");
  Loaded loaded = Load(model, model.payloads[0], true);
  RecordingTracer tracer;
  std::vector<OwnedTensor> none(loaded.tensors.size());
  EXPECT_FALSE(loaded.runner->Run(none, {.tracer = &tracer}));
  EXPECT_EQ(tracer.events.size(), 1u);  // the wait
  EXPECT_GE(Trace(loaded).size(), 3u);
}

}  // namespace
}  // namespace switchyard
