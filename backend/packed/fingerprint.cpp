#include "backend/packed/fingerprint.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "backend/parallel/parallel.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/data_type.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

// To be raised by whoever changes what our own code makes of weights before the provider packs
// them: what is on users' disks is then packed again.
constexpr int kPackingVersion = 1;

constexpr size_t kPieceBytes = size_t{1} << 20;

size_t WeightBytes(const GemmProblem& problem) {
  const size_t rows = problem.rhs_is_kxn ? problem.k : problem.n;
  const size_t row_elements = problem.rhs_is_kxn ? problem.n : problem.k;
  return rows * CeilDivide(row_elements * ElementBits(problem.rhs_type), size_t{8});
}

}  // namespace

Digest ParallelDigest(std::span<const std::byte> bytes, pthreadpool* thread_pool) {
  std::vector<Digest> pieces(CeilDivide(bytes.size(), kPieceBytes));
  ParallelFor(thread_pool, pieces.size(), 1, 1, 1, [&](size_t i, size_t, size_t, size_t) {
    const size_t start = i * kPieceBytes;
    pieces[i] = DigestOf(bytes.subspan(start, std::min(kPieceBytes, bytes.size() - start)));
  });
  return DigestOf(std::as_bytes(std::span(pieces)));
}

Digest Fingerprint(const KernelRow& kernel, const GemmProblem& problem, const CpuFeatures& cpu,
                   const RhsSource& source, pthreadpool* thread_pool) {
  const size_t vl = kernel.IsScalable() ? cpu.streaming_vector_bits / 32 : 0;
  const std::string parameters = Format(
      "packing {} {}; row {}, vl {}, nr {}, kr {}, sr {}; op {}, {}, n {}, k {} ({} x {}), kxn {}, "
      "block {}, zero point {}",
      kPackingVersion, PackerVersion(kernel), kernel.name, vl, kernel.nr.At(vl), kernel.kr,
      kernel.sr, static_cast<int>(problem.op), Name(problem.rhs_type), problem.n, problem.k,
      problem.taps, problem.channels_per_tap, problem.rhs_is_kxn, problem.block_length,
      source.lhs_zero_point);
  Hasher hasher;
  const auto add = [&](const void* data, size_t size) {
    const std::span bytes(static_cast<const std::byte*>(data), data == nullptr ? 0 : size);
    hasher.AddValue(uint64_t{bytes.size()});
    hasher.AddValue(ParallelDigest(bytes, thread_pool));
  };
  const size_t bias_bytes = problem.variant == Variant::kPf16 ? 2 : 4;
  const size_t blocks = problem.block_length == 0 ? 0 : problem.k / problem.block_length;
  add(parameters.data(), parameters.size());
  add(source.weights, WeightBytes(problem));
  add(source.bias, problem.n * bias_bytes);
  add(source.scales, problem.n * sizeof(float));
  add(source.block_scales, problem.n * blocks * sizeof(uint16_t));
  return hasher.Finish();
}

}  // namespace switchyard
