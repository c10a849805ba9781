// Runs a PackedGemm over whole matrices in several ways, on guarded buffers, for the tests of all
// providers.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/cpu/features.h"
#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"
#include "test/support/gemm_reference.h"
#include "test/support/guarded_buffer.h"

namespace switchyard::test {

// One product, and what varies around it.
struct GemmCase {
  size_t m = 1, n = 1, k = 1;
  size_t taps = 0, channels = 0;  // of an indirect convolution: k = taps * channels
  bool kxn = false, bias = false, clamp = false;
  bool integer = false;  // values for which every sum is exact
  bool gaps = false;     // rows of activations and output further apart than they are long
  size_t block_length = 0;

  // For failure messages.
  std::string ToString() const;
};

// Shapes around every edge of the row's tiles, with seeded variations. Includes m, n, k = 1.
std::vector<GemmCase> GemmCases(const KernelRow& kernel);
// The same for its GEMV (m is 1) and its indirect convolution.
std::vector<GemmCase> GemvCases(const KernelRow& kernel);
std::vector<GemmCase> IndirectCases(const KernelRow& kernel);

// Names of the table's rows of a variant, for test parameters.
std::vector<std::string> RowNames(Variant variant);
const KernelRow& FindKernel(std::string_view name);
std::string ParameterName(const testing::TestParamInfo<std::string>& info);

// VL of this machine in 32-bit lanes, 0 without SME.
size_t HostVl();
// What this CPU or build lacks for the row; empty if nothing.
std::string WhatIsMissing(const KernelRow& kernel);

// Skips a test on a CPU that has not the row's features.
#define SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel)                           \
  if (const std::string missing = WhatIsMissing(kernel); !missing.empty()) \
  GTEST_SKIP() << (kernel).name << " needs " << missing

// A product with its operands as they lie in memory.
struct GemmRun {
  const KernelRow& row;
  const PackedGemm& gemm;
  const GemmCase& shape;
  RhsSource rhs;
  // Dense rows of k elements. Of an indirect convolution: every row has taps * channels elements,
  // and is read through pointers.
  const std::byte* lhs;
  size_t lhs_element_bytes;
  size_t output_element_bytes;
  OutputStage stage;
  // Of an indirect convolution: which (row, tap) is padding, and `channels` elements of it.
  const Matrix<uint8_t>* is_padding = nullptr;
  const std::byte* padding = nullptr;

  // Dense outputs. kTiles packs and runs the smallest blocks that the steps allow, and cuts sums in
  // depth where the row can, kWhole makes one call for each stage; kGemv needs m == 1.
  enum class Mode { kWhole, kTiles, kGemv, kGemvTiles };
  std::vector<std::byte> Run(Mode mode) const;

  // The packed right-hand side, packed at once or one n_step at a time.
  GuardedBuffer PackRhs(bool in_slices) const;
  GuardedBuffer PackLhs(bool in_blocks) const;
  GuardedBuffer PackGemvRow() const;

 private:
  // What memory of tasks there is, begun.
  GuardedBuffer Scratch() const;
  std::vector<ptrdiff_t> TapOffsets() const;
};

// Which taps of a pixel are inside an image, from the first to before the last: often all, and
// sometimes none.
std::pair<size_t, size_t> TapsInside(std::mt19937& random, size_t taps);

// Values for tests: integers of at most `limit`, or reals between -1 and 1.
float RandomValue(std::mt19937& random, bool integer, int limit);

}  // namespace switchyard::test
