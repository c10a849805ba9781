// Which kernel runs a problem on a CPU, and why not the others. Pure: no system call, no
// instruction of a feature, the same answer on every host.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernels/cpu/features.h"
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

// Every row of the problem's variant is either chosen or rejected, with the first reason found;
// rows that would have served are rejected as less preferred. `forced` is the name of a row that is
// chosen if it serves, before all others; empty: none.
Selection Select(std::span<const KernelRow> table, const GemmProblem& problem,
                 const CpuFeatures& cpu, std::string_view forced = {});

}  // namespace switchyard
