// Strips of pf32 and pf16 for any vector length. Included by the files that are compiled for one;
// each gets a copy of its own by internal linkage: code for AVX-512 must never be linked where AVX2
// is all there is.
//
// A tile is kRows rows and kPanels panels of 16 columns. Its sums stay in registers along the whole
// piece of depth, each the sum in the order of k; a k takes one load for each vector of weights and
// one broadcast for each row.
#pragma once

#include <immintrin.h>

#include "kernels/x86/strips.h"

namespace switchyard::x86 {
namespace {

template <typename Isa, typename Element, int kRows, int kPanels>
inline void AddStretch(const void* const* from, size_t count, const Element* const* panels,
                       size_t k0, typename Isa::Vector (&sums)[kRows][kPanels * Isa::kVectors]) {
  constexpr int kVectors = Isa::kVectors;
  const float* rows[kRows];
  for (int i = 0; i < kRows; ++i) rows[i] = static_cast<const float*>(from[i]);
  const Element* weights[kPanels];
  for (int p = 0; p < kPanels; ++p) weights[p] = panels[p] + k0 * kPanelColumns;
  for (size_t k = 0; k < count; ++k) {
    typename Isa::Vector w[kPanels * kVectors];
    for (int v = 0; v < kPanels * kVectors; ++v) {
      w[v] = Isa::Load(weights[v / kVectors] + k * kPanelColumns + v % kVectors * Isa::kLanes);
    }
    for (int i = 0; i < kRows; ++i) {
      const typename Isa::Vector x = Isa::Broadcast(rows[i] + k);
      for (int v = 0; v < kPanels * kVectors; ++v) {
        sums[i][v] = Isa::MultiplyAdd(x, w[v], sums[i][v]);
      }
    }
  }
}

// `n` columns from the strip's column n0 on.
template <typename Isa, typename Element, int kRows, int kPanels>
inline void FloatTile(const FloatStrip& strip, size_t n0, size_t n) {
  constexpr int kVectors = kPanels * Isa::kVectors;
  const Element* panels[kPanels];
  typename Isa::Vector sums[kRows][kVectors];
  for (int p = 0; p < kPanels; ++p) {
    const std::byte* const panel = strip.panels + (n0 / kPanelColumns + p) * strip.panel_bytes;
    panels[p] = reinterpret_cast<const Element*>(panel + kPanelColumns * sizeof(float));
    for (int v = 0; v < Isa::kVectors; ++v) {
      const auto bias = Isa::Load(reinterpret_cast<const float*>(panel) + v * Isa::kLanes);
      for (int i = 0; i < kRows; ++i) sums[i][p * Isa::kVectors + v] = bias;
    }
  }
  if (strip.sums_in != nullptr) {
    for (int i = 0; i < kRows; ++i) {
      const auto* from = reinterpret_cast<const float*>(strip.sums_in + i * strip.sums_stride) + n0;
      for (int v = 0; v < kVectors; ++v) sums[i][v] = Isa::LoadSome(from, v * Isa::kLanes, n);
    }
  }

  const void* const* rows = strip.rows;
  size_t count = strip.first_count;
  for (size_t k = 0; k < strip.k;) {
    AddStretch<Isa, Element, kRows, kPanels>(rows, count, panels, strip.k0 + k, sums);
    rows += strip.row_step;
    k += count;
    count = strip.count < strip.k - k ? strip.count : strip.k - k;
  }

  if (strip.sums_out != nullptr) {
    for (int i = 0; i < kRows; ++i) {
      auto* to = reinterpret_cast<float*>(strip.sums_out + i * strip.sums_stride) + n0;
      for (int v = 0; v < kVectors; ++v) Isa::StoreSome(sums[i][v], to, v * Isa::kLanes, n);
    }
    return;
  }
  const auto min = Isa::Fill(strip.min), max = Isa::Fill(strip.max);
  for (int i = 0; i < kRows; ++i) {
    auto* to = reinterpret_cast<Element*>(strip.out + i * strip.out_stride) + n0;
    for (int v = 0; v < kVectors; ++v) {
      Isa::StoreSome(Isa::Clamp(sums[i][v], min, max), to, v * Isa::kLanes, n);
    }
  }
}

// The last columns, which may need fewer panels.
template <typename Isa, typename Element, int kRows, int kPanels>
inline void LastFloatTile(const FloatStrip& strip, size_t n0) {
  const size_t n = strip.n - n0;
  if constexpr (kPanels > 1) {
    if (n <= (kPanels - 1) * kPanelColumns) {
      LastFloatTile<Isa, Element, kRows, kPanels - 1>(strip, n0);
      return;
    }
  }
  FloatTile<Isa, Element, kRows, kPanels>(strip, n0, n);
}

template <typename Isa, typename Element, int kRows, int kPanels>
void MultiplyFloatStrip(const FloatStrip& strip) {
  constexpr size_t kColumns = kPanels * kPanelColumns;
  size_t n0 = 0;
  for (; strip.n - n0 > kColumns; n0 += kColumns) {
    FloatTile<Isa, Element, kRows, kPanels>(strip, n0, kColumns);
  }
  LastFloatTile<Isa, Element, kRows, kPanels>(strip, n0);
}

// A single row, as it lies in memory: limited by how fast weights can be read, so the sums of a
// column are several, each of every kParts-th k, to wait for no addition.
template <typename Isa, typename Element>
void MultiplyFloatRow(const FloatStrip& strip) {
  constexpr int kVectors = Isa::kVectors, kParts = 8 / kVectors;
  const auto* const row = static_cast<const Element*>(strip.rows[0]);
  const auto min = Isa::Fill(strip.min), max = Isa::Fill(strip.max);
  const std::byte* panel = strip.panels;
  for (size_t n0 = 0; n0 < strip.n; n0 += kPanelColumns, panel += strip.panel_bytes) {
    typename Isa::Vector sums[kParts][kVectors];
    for (int v = 0; v < kVectors; ++v) {
      sums[0][v] = Isa::Load(reinterpret_cast<const float*>(panel) + v * Isa::kLanes);
      for (int part = 1; part < kParts; ++part) sums[part][v] = Isa::Fill(0);
    }
    const auto* weights = reinterpret_cast<const Element*>(panel + kPanelColumns * sizeof(float));
    const auto add = [&](int part, size_t k) {
      const typename Isa::Vector x = Isa::Broadcast(row + k);
      for (int v = 0; v < kVectors; ++v) {
        const auto w = Isa::Load(weights + k * kPanelColumns + v * Isa::kLanes);
        sums[part][v] = Isa::MultiplyAdd(x, w, sums[part][v]);
      }
    };
    size_t k = 0;
    for (; k + kParts <= strip.k; k += kParts) {
      for (int part = 0; part < kParts; ++part) add(part, k + part);
    }
    for (; k < strip.k; ++k) add(0, k);
    for (int stride = kParts / 2; stride > 0; stride /= 2) {
      for (int part = 0; part < stride; ++part) {
        for (int v = 0; v < kVectors; ++v) {
          sums[part][v] = Isa::Add(sums[part][v], sums[part + stride][v]);
        }
      }
    }
    auto* const to = reinterpret_cast<Element*>(strip.out) + n0;
    for (int v = 0; v < kVectors; ++v) {
      Isa::StoreSome(Isa::Clamp(sums[0][v], min, max), to, v * Isa::kLanes, strip.n - n0);
    }
  }
}

}  // namespace
}  // namespace switchyard::x86
