// What runs where, and why: the answer to "why did this node not run on SME2?". The same report for
// a CPU at hand and for one that is only described. As text: format_report.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cpu/mask.h"
#include "runtime/base/api.h"
#include "runtime/base/data_type.h"
#include "runtime/base/dims.h"
#include "runtime/base/reason.h"
#include "runtime/base/variant.h"
#include "schema/graph.h"

namespace switchyard {

// A row of the table of what stock XNNPACK gets wrong (backend/xnnpack/remedies.h).
struct StockRemedy {
  std::string_view id;
  std::string_view evidence;  // what happens without it
};

// How a stock node runs.
enum class StockForm : uint8_t {
  kSubgraph,  // in an island
  kOperator,  // as a standalone step, through XNNPACK's operator API
  kFused,     // a Convert: its readers quantize for themselves
};
SWITCHYARD_API std::string_view Name(StockForm form);

// The row that runs a node.
struct KernelReport {
  std::string name;
  // Its micro-kernels: for many rows (of a convolution the indirect one), and for one. Empty: none.
  std::string gemm, gemv;
  // How the product is cut at the bounds: rows, columns and depth of a block, and parallel tasks
  // for the threads that the report is for. All 0 where there is nothing to multiply.
  size_t mc = 0, nc = 0, kc = 0, tasks = 0;
};

// A row that was passed over.
struct KernelRejection {
  std::string name;
  Reason reason;
  bool may_be_forced = false;  // option force_kernel would take it
};

struct NodeReport {
  uint32_t id = 0;  // position in the file
  uint32_t debug_handle = kNoDebugHandle;
  std::string op;                      // "FullyConnected"
  std::string part_of;                 // the file's node that it is a part of; mostly empty
  std::vector<AbsorbedNode> absorbed;  // what was fused into it
  std::vector<Dims> shapes;            // inputs, then outputs, at the bounds
  std::vector<DataType> types;         // the same
  size_t num_outputs = 0;
  bool is_judged = false;              // FullyConnected, a convolution, BatchMatrixMultiply
  uint64_t macs = 0;                   // multiply-accumulates at the bounds; 0 of other operators
  std::optional<Variant> variant;      // of eligible nodes
  std::vector<Reason> reasons;         // why it has no variant
  std::optional<KernelReport> kernel;  // none: stock
  std::vector<KernelRejection> rejected;
  // Of stock nodes.
  StockForm stock_form = StockForm::kFused;
  std::vector<size_t> islands;        // that it runs in
  std::vector<StockRemedy> remedies;  // that apply to it
  std::string note;                   // what a reader should know besides
};

struct RouteReport {
  MaskedCpu cpu = CpuFeatures();
  std::vector<NodeReport> nodes;  // in graph order
  size_t num_islands = 0;
  size_t num_lhs_packs = 0;  // PackLhs steps: activations packed once for all their readers
  // Of a loaded delegate only.
  uint64_t packed_weight_bytes = 0;         // that this delegate uses
  uint64_t shared_packed_weight_bytes = 0;  // of these, what another delegate holds, too
  uint64_t mapped_packed_weight_bytes = 0;  // of these, what lies in the file of packed weights

  SWITCHYARD_API size_t NumJudged() const;
  SWITCHYARD_API size_t NumPacked() const;
  SWITCHYARD_API uint64_t Macs() const;
  SWITCHYARD_API uint64_t PackedMacs() const;
};

}  // namespace switchyard
