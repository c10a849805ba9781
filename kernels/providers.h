// Who has kernels. A provider is a folder: its rows, metadata on every host, and its functions.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "kernels/cpu/features.h"
#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"

namespace switchyard {

struct Provider {
  std::span<const KernelRow> rows;  // best first within a variant
  // Null where the provider is not built for this machine. See MakePackedGemm (packed_gemm.h).
  std::unique_ptr<PackedGemm> (*make)(const KernelRow& row, const GemmProblem& problem,
                                      const CpuFeatures& cpu);
  std::string_view (*version)();
};

}  // namespace switchyard
