// Which kernel runs a problem on a CPU, and why not the others. Pure: no system call, no
// instruction of a feature, the same answer on every host.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernels/cpu/mask.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"
#include "runtime/base/reason.h"

namespace switchyard {

struct RejectedKernel {
  const KernelRow* kernel;
  Reason reason;
};

struct Selection {
  const KernelRow* chosen = nullptr;     // null: no row serves; the stock operator runs the node
  std::vector<RejectedKernel> rejected;  // the rows of the problem's variant that were passed over
};

// Every row of the problem's variant is either chosen or rejected, with the first reason found: it
// cannot run the problem, or it yields to the stock operator there, or another one is preferred.
// `forced` is the name of a row, or of a tier (the first of its rows), that is chosen wherever it
// can run; empty: none.
Selection Select(std::span<const KernelRow> rows, const GemmProblem& problem, const MaskedCpu& cpu,
                 std::string_view forced = {});

bool IsForced(const KernelRow& row, std::string_view forced);

// Whether option force_kernel would take a row that was rejected for this reason.
constexpr bool MayBeForced(ReasonId reason) {
  return reason == ReasonId::kKernelYields || reason == ReasonId::kKernelPreferred;
}

}  // namespace switchyard
