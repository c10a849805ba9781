// The rows of an indirect convolution: for each output pixel the input pixels under its window.
#pragma once

#include <cstddef>
#include <limits>
#include <span>

namespace switchyard {

// Where the taps of every output pixel are, in bytes from the image's first: along each axis by
// itself, since the sum of two is the place. Views what its owner made for one shape.
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

  // The same for m rows and all taps: pointers[ceil(m / step)][taps][step], of which rows from m on
  // are not written.
  void FillPointers(size_t m, size_t step, const void** pointers) const {
    size_t image = first_row / table->pixels, pixel = first_row % table->pixels;
    size_t y = pixel / table->output_width, x = pixel % table->output_width;
    for (size_t i = 0; i < m; ++i) {
      const void** entry = pointers + i / step * step * table->taps() + i % step;
      for (size_t ky = 0; ky < table->kernel_height; ++ky) {
        for (size_t kx = 0; kx < table->kernel_width; ++kx, entry += step) {
          *entry = At(image, y, x, ky, kx);
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
