// Strips of qc8w and pqs8 by tiles. A tile holds at most 16 rows of 64 bytes; a product adds 16
// rows of 64 elements (uint8) times 64 elements of 16 columns (int8, four of each column together)
// to 16 x 16 sums. What a tile is, is up to `Tiles`:
//
//   Tiles(scratch)             the task's scratch memory
//   Configure(first, second)   rows of tiles 0, 1, 4 and of tiles 2, 3, 5; 6 and 7 have 16
//   Zero<t>(), Load<t>(from, stride), Multiply<c, a, b>(), Store<t>(to)  (dense, 16 sums a row)
//   Release()
//
// Internal linkage: each file that includes this is compiled for other instructions.
#pragma once

#include "kernels/amx/amx.h"
#include "kernels/x86/strips.h"

namespace switchyard::amx {
namespace {

using x86::IntegerStrip;
using x86::kPanelColumns;

constexpr size_t kTileRows = 16, kTileDepth = 64;
constexpr size_t kSums = kTileRows * kPanelColumns;

// Of the task's scratch memory the first part.
struct Stored {
  int32_t sums[4][kSums];
  // What the tiles are configured for; 0 before the first strip.
  size_t first_rows, second_rows;
};

// How many depths ahead elements are asked for: loading a tile waits for each of its cache lines.
constexpr size_t kPrefetchDepth = kTileDepth;

inline void PrefetchTile(const std::byte* from, size_t stride) {
  for (size_t i = 0; i < kTileRows; ++i) __builtin_prefetch(from + i * stride);
}

// Tiles 0 and 1 are the sums of the first rows with two panels, 2 and 3 those of the second; 4 and
// 5 their elements, 6 and 7 those of the panels.
template <typename Tiles, int kPanels, bool kHasSecond>
inline void MultiplyBlock(Tiles& tiles, const IntegerStrip& strip, const std::byte* const* panels) {
  tiles.template Zero<0>();
  if constexpr (kPanels == 2) tiles.template Zero<1>();
  if constexpr (kHasSecond) tiles.template Zero<2>();
  if constexpr (kHasSecond && kPanels == 2) tiles.template Zero<3>();
  const std::byte* const second = strip.rows + kTileRows * strip.row_bytes;
  for (size_t k = 0; k < strip.depth; k += kTileDepth) {
    const size_t at = k * kPanelColumns, ahead = at + kPrefetchDepth * kPanelColumns;
    tiles.template Load<4>(strip.rows + k, strip.row_bytes);
    PrefetchTile(panels[0] + ahead, kTileDepth);
    tiles.template Load<6>(panels[0] + at, kTileDepth);
    tiles.template Multiply<0, 4, 6>();
    if constexpr (kPanels == 2) {
      PrefetchTile(panels[1] + ahead, kTileDepth);
      tiles.template Load<7>(panels[1] + at, kTileDepth);
      tiles.template Multiply<1, 4, 7>();
    }
    if constexpr (kHasSecond) {
      tiles.template Load<5>(second + k, strip.row_bytes);
      tiles.template Multiply<2, 5, 6>();
      if constexpr (kPanels == 2) tiles.template Multiply<3, 5, 7>();
    }
  }
}

// Sixteen rows at most: four panels at a time, so that no product waits for the one before.
template <typename Tiles>
inline void MultiplyFourPanels(Tiles& tiles, const IntegerStrip& strip,
                               const std::byte* const* panels) {
  tiles.template Zero<0>();
  tiles.template Zero<1>();
  tiles.template Zero<2>();
  tiles.template Zero<3>();
  for (size_t k = 0; k < strip.depth; k += kTileDepth) {
    const size_t at = k * kPanelColumns, ahead = at + kPrefetchDepth * kPanelColumns;
    for (int p = 0; p < 4; ++p) PrefetchTile(panels[p] + ahead, kTileDepth);
    tiles.template Load<4>(strip.rows + k, strip.row_bytes);
    tiles.template Load<6>(panels[0] + at, kTileDepth);
    tiles.template Multiply<0, 4, 6>();
    tiles.template Load<7>(panels[1] + at, kTileDepth);
    tiles.template Multiply<1, 4, 7>();
    tiles.template Load<6>(panels[2] + at, kTileDepth);
    tiles.template Multiply<2, 4, 6>();
    tiles.template Load<7>(panels[3] + at, kTileDepth);
    tiles.template Multiply<3, 4, 7>();
  }
}

// The variants' outputs: kHeaderBytes of a panel before its elements, and
//   StoreRows(sums, rows, panel, strip, first row, first column)
// of 16 sums a row.
template <typename Tiles, typename Variant>
void MultiplyStrip(const IntegerStrip& strip) {
  auto& stored = *reinterpret_cast<Stored*>(strip.scratch);
  Tiles tiles(strip.scratch + sizeof(Stored));
  const size_t first = strip.m < kTileRows ? strip.m : kTileRows, second = strip.m - first;
  // Of one tile of rows, tiles 2 and 3 are more panels.
  const size_t second_rows = second == 0 ? first : second;
  if (stored.first_rows != first || stored.second_rows != second_rows) {
    tiles.Configure(first, second_rows);
    stored.first_rows = first;
    stored.second_rows = second_rows;
  }
  const size_t panels_at_once = second == 0 ? 4 : 2;
  for (size_t n0 = 0; n0 < strip.n;) {
    const size_t left = (strip.n - n0 + kPanelColumns - 1) / kPanelColumns;
    const size_t count = left >= panels_at_once ? panels_at_once : left >= 2 ? 2 : 1;
    const std::byte *panels[4], *elements[4];
    for (size_t p = 0; p < count; ++p) {
      panels[p] = strip.panels + (n0 / kPanelColumns + p) * strip.panel_bytes;
      elements[p] = panels[p] + Variant::kHeaderBytes;
    }
    if (count == 4) {
      MultiplyFourPanels(tiles, strip, elements);
    } else if (count == 2) {
      second == 0 ? MultiplyBlock<Tiles, 2, false>(tiles, strip, elements)
                  : MultiplyBlock<Tiles, 2, true>(tiles, strip, elements);
    } else {
      second == 0 ? MultiplyBlock<Tiles, 1, false>(tiles, strip, elements)
                  : MultiplyBlock<Tiles, 1, true>(tiles, strip, elements);
    }
    tiles.template Store<0>(stored.sums[0]);
    if (count > 1) tiles.template Store<1>(stored.sums[1]);
    if (count == 4 || second != 0) tiles.template Store<2>(stored.sums[2]);
    if (count == 4 || (second != 0 && count > 1)) tiles.template Store<3>(stored.sums[3]);
    for (size_t p = 0; p < count; ++p) {
      const size_t column = n0 + p * kPanelColumns;
      Variant::StoreRows(stored.sums[p], first, panels[p], strip, 0, column);
      if (second != 0) {
        Variant::StoreRows(stored.sums[2 + p], second, panels[p], strip, kTileRows, column);
      }
    }
    n0 += count * kPanelColumns;
  }
}

inline void BeginStored(std::byte* scratch) {
  auto& stored = *reinterpret_cast<Stored*>(scratch);
  stored.first_rows = stored.second_rows = 0;
}

// After the last strip of a task, if there was one.
template <typename Tiles>
void ReleaseTiles(std::byte* scratch) {
  if (reinterpret_cast<const Stored*>(scratch)->first_rows == 0) return;
  Tiles(scratch + sizeof(Stored)).Release();
}

}  // namespace
}  // namespace switchyard::amx
