// The rows of an indirect convolution: for each output pixel the input pixels under its window.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>

namespace switchyard {

// Where the taps of every output pixel are, in bytes from the image's first: along each axis by
// itself, since the sum of two is the place. Of a pixel those inside the image come one after the
// other, equally far apart. Views what its owner made for one shape.
struct TapTable {
  // A tap that lies outside the image along this axis.
  static constexpr ptrdiff_t kPadding = std::numeric_limits<ptrdiff_t>::min();

  std::span<const ptrdiff_t> vertical;    // [output height][kernel height]
  std::span<const ptrdiff_t> horizontal;  // [output width][kernel width]
  size_t output_width = 0;
  size_t pixels = 0;  // of one image's output
  size_t kernel_height = 0, kernel_width = 0;
  size_t image_bytes = 0;  // from one input image to the next

  size_t taps() const { return kernel_height * kernel_width; }
};

// Rows [first_row, ...) of a convolution, counted through all images: tap by tap, the elements of
// one group.
struct Taps {
  const TapTable* table = nullptr;
  const std::byte* base = nullptr;     // the group's first channel of the first image
  const std::byte* padding = nullptr;  // what a tap outside the image holds
  size_t first_row = 0;

  // The elements of a tap (ky * kernel width + kx) of row first_row + i.
  const std::byte* At(size_t i, size_t tap) const {
    const size_t row = first_row + i, pixel = row % table->pixels;
    return At(row / table->pixels, pixel / table->output_width, pixel % table->output_width,
              tap / table->kernel_width, tap % table->kernel_width);
  }

  // The taps of row first_row + i in their order, as runs that lie side by side in memory: calls
  // fn(from, first tap, taps) for each; of taps outside the image `from` is null. A tap has
  // `tap_bytes`.
  template <typename Fn>
  void ForEachRun(size_t i, size_t tap_bytes, Fn fn) const {
    const size_t row = first_row + i, pixel = row % table->pixels, width = table->kernel_width;
    const size_t y = pixel / table->output_width, x = pixel % table->output_width;
    const std::byte* const image = base + row / table->pixels * table->image_bytes;
    const ptrdiff_t* const right = table->horizontal.data() + x * width;
    const auto is_beside = [&](size_t kx) {
      return right[kx] == right[kx - 1] + static_cast<ptrdiff_t>(tap_bytes);
    };
    // Of most pixels a row of taps is one run.
    const bool is_whole =
        right[0] != TapTable::kPadding &&
        right[width - 1] == right[0] + static_cast<ptrdiff_t>((width - 1) * tap_bytes);
    const ptrdiff_t* const vertical = table->vertical.data() + y * table->kernel_height;
    // Of an image as wide as the kernel all of them are.
    const size_t below = (table->kernel_height - 1) * width * tap_bytes;
    if (is_whole && vertical[0] != TapTable::kPadding &&
        vertical[table->kernel_height - 1] == vertical[0] + static_cast<ptrdiff_t>(below)) {
      fn(image + vertical[0] + right[0], 0, table->taps());
      return;
    }
    for (size_t ky = 0; ky < table->kernel_height; ++ky) {
      const size_t tap = ky * width;
      const ptrdiff_t down = vertical[ky];
      if (down == TapTable::kPadding) {
        fn(nullptr, tap, width);
      } else if (is_whole) {
        fn(image + down + right[0], tap, width);
      } else {
        for (size_t kx = 0; kx < width;) {
          const bool is_padding = right[kx] == TapTable::kPadding;
          size_t end = kx + 1;
          while (end < width && (is_padding ? right[end] == TapTable::kPadding : is_beside(end))) {
            ++end;
          }
          fn(is_padding ? nullptr : image + down + right[kx], tap + kx, end - kx);
          kx = end;
        }
      }
    }
  }

  // The same for m rows and all taps: pointers[ceil(m / step)][taps][step], of which rows from m on
  // are not written.
  void FillPointers(size_t m, size_t step, const void** pointers) const {
    FillPointers(m, step, 0, table->taps(), pointers);
  }

  // The same for taps [first_tap, first_tap + taps).
  void FillPointers(size_t m, size_t step, size_t first_tap, size_t taps,
                    const void** pointers) const {
    const size_t width = table->kernel_width;
    size_t image = first_row / table->pixels, pixel = first_row % table->pixels;
    size_t y = pixel / table->output_width, x = pixel % table->output_width;
    for (size_t i = 0; i < m; ++i) {
      const void** entry = pointers + i / step * step * taps + i % step;
      const std::byte* const from = base + image * table->image_bytes;
      const ptrdiff_t* const right = table->horizontal.data() + x * width;
      const ptrdiff_t* down = table->vertical.data() + y * table->kernel_height;
      down += first_tap / width;
      for (size_t tap = 0, kx = first_tap % width; tap < taps; kx = 0, ++down) {
        const size_t end = std::min(width, kx + taps - tap);
        tap += end - kx;
        for (; kx < end; ++kx, entry += step) {
          const bool is_padding = *down == TapTable::kPadding || right[kx] == TapTable::kPadding;
          *entry = is_padding ? padding : from + *down + right[kx];
        }
      }
      if (++x < table->output_width) continue;
      x = 0;
      if (++y * table->output_width < table->pixels) continue;
      y = 0;
      ++image;
    }
  }

 private:
  const std::byte* At(size_t image, size_t y, size_t x, size_t ky, size_t kx) const {
    const ptrdiff_t down = table->vertical[y * table->kernel_height + ky];
    const ptrdiff_t right = table->horizontal[x * table->kernel_width + kx];
    if (down == TapTable::kPadding || right == TapTable::kPadding) return padding;
    return base + image * table->image_bytes + down + right;
  }
};

}  // namespace switchyard
