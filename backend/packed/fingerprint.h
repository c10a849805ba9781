// What tells packed weights apart, whatever a file says about them.
#pragma once

#include <cstddef>
#include <span>

#include "backend/packed/digest.h"
#include "kernels/cpu/features.h"
#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"

struct pthreadpool;

namespace switchyard {

// A digest of digests of pieces, which the threads of `thread_pool` share; the same for any number
// of them.
Digest ParallelDigest(std::span<const std::byte> bytes, pthreadpool* thread_pool);

// Of all that the packed bytes of `source` follow from: its own bytes, the row, the problem, the
// vector length if the row depends on it, and the version of the packing code. `problem` has the n
// and k of `source`.
Digest Fingerprint(const KernelRow& kernel, const GemmProblem& problem, const CpuFeatures& cpu,
                   const RhsSource& source, pthreadpool* thread_pool);

}  // namespace switchyard
