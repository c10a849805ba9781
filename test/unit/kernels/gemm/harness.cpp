#include "test/unit/kernels/gemm/harness.h"

#include <algorithm>
#include <cstring>
#include <format>
#include <initializer_list>
#include <set>

#include "kernels/cpu/amx_permission.h"
#include "test/support/emulation.h"

namespace switchyard::test {
namespace {

constexpr size_t kGapBytes = 12;

// Which pairs of a width and a height are tried: all; where the CPU is emulated a third of them,
// each width and height with several of the other, and of rows with different names other pairs.
class Pairs {
 public:
  explicit Pairs(std::mt19937& random) : first_(Stride() == 1 ? 0 : random() % 3) {}
  bool Take(size_t i, size_t j) const { return Stride() == 1 || (i + j + first_) % 3 == 0; }

 private:
  size_t first_;
};

// 1, and the neighbourhoods of one and two steps.
std::vector<size_t> Around(size_t step, std::initializer_list<size_t> more) {
  std::set<size_t> sizes(more);
  for (size_t size : {size_t{1}, step - 1, step, step + 1, 2 * step + 1}) {
    if (size > 0) sizes.insert(size);
  }
  return {sizes.begin(), sizes.end()};
}

constexpr size_t kDepths[] = {1, 2, 3, 7, 31, 32, 33, 64, 97};

void Vary(std::mt19937& random, const KernelRow& kernel, GemmCase& shape) {
  const uint32_t bits = random();
  shape.kxn = bits & 1;
  shape.bias = bits >> 1 & 1;
  shape.clamp = bits >> 2 & 1;
  shape.integer = bits >> 3 & 1;
  shape.gaps = bits >> 4 & 1;
  if (kernel.variant == Variant::kQp8F32Qb4w) {
    constexpr size_t kBlockLengths[] = {32, 64, 96};
    shape.block_length = kBlockLengths[bits >> 5 & 1 ? 0 : bits % 3];
    shape.k = (1 + shape.k % 3) * shape.block_length;
  }
}

std::mt19937 Random(const KernelRow& kernel, uint32_t seed) {
  // Not std::hash: the same cases everywhere.
  for (char c : kernel.name) seed = seed * 31 + static_cast<unsigned char>(c);
  return std::mt19937(seed);
}

}  // namespace

std::string GemmCase::ToString() const {
  return std::format("m{}.n{}.k{}.taps{}.channels{}.bl{}.{}{}{}{}{}", m, n, k, taps, channels,
                     block_length, kxn ? "kxn" : "nxk", bias ? ".bias" : "", clamp ? ".clamp" : "",
                     integer ? ".integer" : "", gaps ? ".gaps" : "");
}

std::vector<GemmCase> GemmCases(const KernelRow& kernel) {
  std::mt19937 random = Random(kernel, 1);
  std::vector<GemmCase> cases;
  const size_t vl = HostVl();
  size_t next_depth = 0;
  const auto add = [&](size_t m, size_t n, size_t k) {
    GemmCase shape{.m = m, .n = n, .k = k};
    Vary(random, kernel, shape);
    cases.push_back(shape);
  };
  const Pairs pairs(random);
  const std::vector<size_t> heights = Around(kernel.m_step.At(vl), {2, 7});
  const std::vector<size_t> widths = Around(kernel.n_step.At(vl), {5});
  for (size_t i = 0; i < heights.size(); ++i) {
    for (size_t j = 0; j < widths.size(); ++j) {
      if (!pairs.Take(i, j)) continue;
      add(heights[i], widths[j], kDepths[next_depth++ % std::size(kDepths)]);
    }
  }
  for (size_t k : kDepths) {
    add(3, 6, k);
    add(1, 1, k);
  }
  return cases;
}

std::vector<GemmCase> GemvCases(const KernelRow& kernel) {
  std::mt19937 random = Random(kernel, 2);
  std::vector<GemmCase> cases;
  const size_t vl = HostVl();
  std::set<size_t> widths;
  for (size_t n : Around(kernel.gemv.n_step.At(vl), {5})) widths.insert(n);
  for (size_t n : Around(kernel.n_step.At(vl), {})) widths.insert(n);
  size_t next_depth = 0;
  const auto add = [&](size_t n, size_t k) {
    GemmCase shape{.m = 1, .n = n, .k = k};
    Vary(random, kernel, shape);
    cases.push_back(shape);
  };
  for (size_t n : widths) {
    for (int i = 0; i < 2; ++i) add(n, kDepths[next_depth++ % std::size(kDepths)]);
  }
  for (size_t k : kDepths) add(6, k);
  return cases;
}

std::vector<GemmCase> IndirectCases(const KernelRow& kernel) {
  std::mt19937 random = Random(kernel, 3);
  std::vector<GemmCase> cases;
  const size_t vl = HostVl();
  constexpr size_t kTaps[] = {1, 4, 9};
  constexpr size_t kChannels[] = {1, 3, 8, 33};
  const Pairs pairs(random);
  size_t next_window = 0;
  const std::vector<size_t> heights = Around(kernel.m_step.At(vl), {2});
  const std::vector<size_t> widths = Around(kernel.n_step.At(vl), {5});
  for (size_t i = 0; i < heights.size(); ++i) {
    for (size_t j = 0; j < widths.size(); ++j) {
      if (!pairs.Take(i, j)) continue;
      GemmCase shape{.m = heights[i],
                     .n = widths[j],
                     .taps = kTaps[next_window % 3],
                     .channels = kChannels[next_window / 3 % 4]};
      shape.k = shape.taps * shape.channels;
      ++next_window;
      Vary(random, kernel, shape);
      cases.push_back(shape);
    }
  }
  for (size_t taps : kTaps) {
    for (size_t channels : kChannels) {
      GemmCase shape{.m = 3, .n = 2, .k = taps * channels, .taps = taps, .channels = channels};
      Vary(random, kernel, shape);
      cases.push_back(shape);
    }
  }
  return cases;
}

std::vector<std::string> RowNames(Variant variant) {
  std::vector<std::string> names;
  for (const KernelRow& kernel : KernelTable()) {
    if (kernel.variant == variant) names.emplace_back(kernel.name);
  }
  return names;
}

const KernelRow& FindKernel(std::string_view name) {
  return *std::ranges::find(KernelTable(), name, &KernelRow::name);
}

std::string ParameterName(const testing::TestParamInfo<std::string>& info) { return info.param; }

size_t HostVl() { return HostCpuFeatures().streaming_vector_bits / 32; }

std::string WhatIsMissing(const KernelRow& kernel) {
  const CpuFeatures missing = HostCpuFeatures().Missing(kernel.required);
  if (!missing.IsEmpty()) return missing.ToString() + ", which this CPU lacks";
  if (!kernel.is_built || PackerVersion(kernel).empty()) return "a build with its tier";
  if (kernel.tier == Tier::kAmx && !RequestAmxPermission()) return "a system that permits tiles";
  return {};
}

std::pair<size_t, size_t> TapsInside(std::mt19937& random, size_t taps) {
  const size_t first = random() % 3 == 0 ? random() % (taps + 1) : 0;
  const size_t last = random() % 3 == 0 ? random() % (taps + 1) : taps;
  return {std::min(first, last), std::max(first, last)};
}

GuardedBuffer GemmRun::PackRhs(bool in_slices) const {
  const PackedLayout& layout = gemm.layout();
  GuardedBuffer packed(layout.RhsBytes());
  if (in_slices) {
    const size_t step = layout.n_step();
    for (size_t slice = (shape.n + step - 1) / step; slice-- > 0;) {
      gemm.PackRhs(rhs, slice * step, std::min(step, shape.n - slice * step),
                   packed.data() + layout.RhsOffset(slice * step));
    }
  } else {
    gemm.PackRhs(rhs, 0, shape.n, packed.data());
  }
  EXPECT_TRUE(packed.FrontIsIntact());
  return packed;
}

GuardedBuffer GemmRun::Scratch() const {
  GuardedBuffer scratch(std::max<size_t>(1, gemm.layout().TaskScratchBytes(shape.m)));
  gemm.BeginTask(scratch.data());
  return scratch;
}

// One output row of m pixels, whose window is one row of taps: some of them are padding.
std::vector<ptrdiff_t> GemmRun::TapOffsets() const {
  std::vector<ptrdiff_t> offsets;
  for (size_t i = 0; i < shape.m; ++i) {
    for (size_t tap = 0; tap < shape.taps; ++tap) {
      const size_t element = (i * shape.taps + tap) * shape.channels;
      offsets.push_back((*is_padding)(i, tap) != 0
                            ? TapTable::kPadding
                            : static_cast<ptrdiff_t>(element * lhs_element_bytes));
    }
  }
  return offsets;
}

namespace {

constexpr ptrdiff_t kNoOffset[] = {0};

TapTable TableOf(const GemmCase& shape, const std::vector<ptrdiff_t>& offsets) {
  return {.vertical = kNoOffset,
          .horizontal = offsets,
          .output_width = shape.m,
          .pixels = shape.m,
          .kernel_height = 1,
          .kernel_width = shape.taps};
}

}  // namespace

GuardedBuffer GemmRun::PackLhs(bool in_blocks) const {
  const PackedLayout& layout = gemm.layout();
  GuardedBuffer packed(layout.LhsBytes(shape.m));
  GuardedBuffer scratch = Scratch();
  const size_t row_bytes = shape.k * lhs_element_bytes;
  const size_t step = layout.m_step();
  const size_t block = in_blocks ? step : shape.m;
  const size_t blocks = (shape.m + block - 1) / block;

  if (is_padding == nullptr) {
    const size_t stride = row_bytes + (shape.gaps ? kGapBytes : 0);
    GuardedBuffer rows((shape.m - 1) * stride + row_bytes);
    for (size_t i = 0; i < shape.m; ++i) {
      std::memcpy(rows.data() + i * stride, lhs + i * row_bytes, row_bytes);
    }
    for (size_t b = blocks; b-- > 0;) {
      const size_t m0 = b * block;
      gemm.PackRows({.base = rows.data() + m0 * stride, .stride = stride},
                    std::min(block, shape.m - m0), scratch.data(),
                    packed.data() + layout.LhsOffset(m0));
    }
  } else {
    GuardedBuffer image(shape.m * row_bytes);
    std::memcpy(image.data(), lhs, image.size());
    GuardedBuffer pad(shape.channels * lhs_element_bytes);
    std::memcpy(pad.data(), padding, pad.size());
    const std::vector<ptrdiff_t> offsets = TapOffsets();
    const TapTable table = TableOf(shape, offsets);
    for (size_t b = blocks; b-- > 0;) {
      const size_t m0 = b * block;
      const Taps taps{
          .table = &table, .base = image.data(), .padding = pad.data(), .first_row = m0};
      gemm.PackTaps(taps, std::min(block, shape.m - m0), scratch.data(),
                    packed.data() + layout.LhsOffset(m0));
    }
  }
  EXPECT_TRUE(packed.FrontIsIntact());
  EXPECT_TRUE(scratch.FrontIsIntact());
  return packed;
}

GuardedBuffer GemmRun::PackGemvRow() const {
  GuardedBuffer packed(gemm.layout().lhs_row_bytes());
  GuardedBuffer scratch = Scratch();
  GuardedBuffer raw(shape.k * lhs_element_bytes);
  std::memcpy(raw.data(), lhs, raw.size());
  gemm.PackGemvRow(raw.data(), scratch.data(), packed.data());
  EXPECT_TRUE(packed.FrontIsIntact());
  return packed;
}

std::vector<std::byte> GemmRun::Run(Mode mode) const {
  const PackedLayout& layout = gemm.layout();
  const bool in_tiles = mode == Mode::kTiles || mode == Mode::kGemvTiles;
  const bool is_gemv = mode == Mode::kGemv || mode == Mode::kGemvTiles;
  const GuardedBuffer rhs_packed = PackRhs(in_tiles);
  const size_t row_bytes = shape.n * output_element_bytes;
  const size_t stride = row_bytes + (shape.gaps ? kGapBytes : 0);
  GuardedBuffer out((shape.m - 1) * stride + row_bytes);
  GuardedBuffer scratch = Scratch();

  // Every form of the left-hand side, of which the row reads one.
  const bool is_raw = (is_gemv ? row.gemv.lhs : row.lhs) == LhsForm::kRaw;
  const size_t lhs_row_bytes = shape.k * lhs_element_bytes;
  const size_t lhs_stride = lhs_row_bytes + (shape.gaps && !is_gemv ? kGapBytes : 0);
  GuardedBuffer raw(is_raw ? (shape.m - 1) * lhs_stride + lhs_row_bytes : 1);
  GuardedBuffer packed(1), image(1), pad(1);
  std::vector<ptrdiff_t> offsets;
  TapTable table;
  if (!is_raw) {
    packed = is_gemv ? PackGemvRow() : PackLhs(in_tiles);
  } else if (is_padding == nullptr) {
    for (size_t i = 0; i < shape.m; ++i) {
      std::memcpy(raw.data() + i * lhs_stride, lhs + i * lhs_row_bytes, lhs_row_bytes);
    }
  } else {
    image = GuardedBuffer(shape.m * lhs_row_bytes);
    std::memcpy(image.data(), lhs, image.size());
    pad = GuardedBuffer(shape.channels * lhs_element_bytes);
    std::memcpy(pad.data(), padding, pad.size());
    offsets = TapOffsets();
    table = TableOf(shape, offsets);
  }
  const auto lhs_at = [&](size_t m0) -> Lhs {
    if (!is_raw) return PackedRows{packed.data() + (is_gemv ? 0 : layout.LhsOffset(m0))};
    if (is_padding != nullptr) {
      return Taps{.table = &table, .base = image.data(), .padding = pad.data(), .first_row = m0};
    }
    return RawRows{.base = raw.data() + m0 * lhs_stride, .stride = lhs_stride};
  };

  const size_t m_step = in_tiles && !is_gemv ? layout.m_step() : shape.m;
  const size_t n_step = !in_tiles ? shape.n : is_gemv ? layout.gemv_n_step() : layout.n_step();
  const bool in_pieces = in_tiles && !is_gemv && row.k_block != 0;
  const size_t k_step = in_pieces ? row.k_block : shape.k;
  for (size_t m0 = 0; m0 < shape.m; m0 += m_step) {
    for (size_t n0 = 0; n0 < shape.n; n0 += n_step) {
      GemmBlock block{.lhs = lhs_at(m0),
                      .rhs = rhs_packed.data(),
                      .m = std::min(m_step, shape.m - m0),
                      .n0 = n0,
                      .n = std::min(n_step, shape.n - n0),
                      .out = out.data() + m0 * stride + n0 * output_element_bytes,
                      .out_stride = stride,
                      .scratch = scratch.data()};
      GuardedBuffer sums(block.m * block.n * kSumBytes);
      block.sums = sums.data();
      block.sums_stride = block.n * kSumBytes;
      for (block.k0 = 0; block.k0 < shape.k; block.k0 += k_step) {
        block.k = std::min(k_step, shape.k - block.k0);
        if (is_gemv) {
          gemm.Gemv(block, stage);
        } else {
          gemm.Gemm(block, stage);
        }
      }
      EXPECT_TRUE(sums.FrontIsIntact());
    }
  }
  gemm.EndTask(scratch.data());
  EXPECT_TRUE(scratch.FrontIsIntact());

  EXPECT_TRUE(out.FrontIsIntact());
  std::vector<std::byte> dense(shape.m * row_bytes);
  for (size_t i = 0; i < shape.m; ++i) {
    std::memcpy(dense.data() + i * row_bytes, out.data() + i * stride, row_bytes);
    const size_t gap_end = i + 1 < shape.m ? stride : row_bytes;
    for (size_t b = row_bytes; b < gap_end; ++b) {
      EXPECT_EQ(out.data()[i * stride + b], std::byte{GuardedBuffer::kFill})
          << "written between rows " << i << " and " << i + 1;
    }
  }
  return dense;
}

float RandomValue(std::mt19937& random, bool integer, int limit) {
  if (integer) {
    return static_cast<float>(std::uniform_int_distribution(-limit, limit)(random));
  }
  return std::uniform_real_distribution(-1.0f, 1.0f)(random);
}

}  // namespace switchyard::test
