// Steps that XNNPACK runs: islands (subgraphs) and single operators.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/plan/plan.h"
#include "backend/plan/report.h"
#include "backend/plan/step_runner.h"
#include "kernels/cpu/mask.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/host_services.h"
#include "schema/graph.h"

// XNNPACK's; xnn_workspace_t is a pointer to it.
struct xnn_workspace;

namespace switchyard {

// XNNPACK's scratch memory, which the islands of one delegate (or of several) share. Whoever runs
// an island on it holds the lock of its owner.
class XnnpackWorkspace {
 public:
  static Result<std::shared_ptr<XnnpackWorkspace>> Create();
  ~XnnpackWorkspace();
  XnnpackWorkspace(const XnnpackWorkspace&) = delete;
  XnnpackWorkspace& operator=(const XnnpackWorkspace&) = delete;

  xnn_workspace* get() const { return workspace_; }

 private:
  XnnpackWorkspace() = default;
  xnn_workspace* workspace_ = nullptr;
};

// Initialises XNNPACK once for the process, with `allocator` (null: the C library's heap) if nobody
// did it before. Thread-safe. Errors: NotSupported (XNNPACK does not run on this CPU),
// MemoryAllocationFailed.
Status InitializeXnnpack(Allocator* allocator);
// Whether the process's XNNPACK allocates through the allocator that we gave it.
bool XnnpackUsesOurAllocator();

struct StockEnvironment {
  MaskedCpu cpu;
  pthreadpool* thread_pool;  // null: the calling thread
  std::shared_ptr<XnnpackWorkspace> workspace;
  Allocator* allocator = nullptr;  // of the steps' own buffers; null: the default one
  bool profile = false;            // islands time their operators
  bool use_remedies = true;        // off: stock as it is, for the tests of the remedies
};

// The constants of a graph, by ValueIndex.
struct ConstantData {
  std::vector<const std::byte*> bytes;  // aligned, with XNN_EXTRA_BYTES of slack; null: no constant
  std::vector<bool> is_consumed;        // ConsumedByPacking
};

// The bytes of consumed constants are read during this call only; the others, and the graph, must
// outlive the step. What an island has consumed it cannot compute again where some of its values
// are empty and others are not (Emptiness::MayMix).
// Takes time by the size of the step, not of the graph. Errors: NotSupported or NotImplemented
// naming the node that XNNPACK cannot run, Internal for what it refuses without a reason.
Result<std::unique_ptr<StepRunner>> CreateIsland(const Graph& graph, const IslandStep& step,
                                                 const ConstantData& constants,
                                                 const StockEnvironment& environment);
Result<std::unique_ptr<StepRunner>> CreateStockOperator(const Graph& graph,
                                                        const StockOperatorStep& step,
                                                        const ConstantData& constants,
                                                        const StockEnvironment& environment);

// Which nodes the remedies table sends to standalone steps on this CPU (by NodeIndex). It goes by
// the dims of the graph's values: FinalizeShapes comes first where they are a file's.
std::vector<bool> NodesWithStandaloneStep(const Graph& graph, const MaskedCpu& cpu);
// The rows of that table that apply to each node where it is stock (by NodeIndex).
std::vector<std::vector<StockRemedy>> StockRemedies(const Graph& graph, const MaskedCpu& cpu);

// By value: whether every reader of a constant copies it while the step is created.
std::vector<bool> ConsumedByPacking(const Graph& graph);

// XNNPACK's over-read slack, in bytes.
size_t OverReadBytes();

}  // namespace switchyard
