// What is multiplied: shapes as text, from files that benchmarks and tests share.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"

namespace switchyard::bench {

// A FullyConnected of [m, k] and [n, k], or a Conv2d of one image with square windows, whose
// product has a row for each output pixel.
struct Shape {
  std::string name;            // as it was written
  size_t m = 0, n = 0, k = 0;  // of the product; of a Conv2d of one group
  bool is_convolution = false;
  size_t height = 0, width = 0, channels = 0;  // of the input
  size_t output_channels = 0;
  size_t kernel = 1, stride = 1, padding = 0, groups = 1;

  double macs() const { return double(m) * double(n) * double(k) * double(groups); }
};

//   MxNxK                                     a FullyConnected: "128x768x3072"
//   HxWxC:O[kKERNEL][sSTRIDE][pPADDING][gGROUPS]  a Conv2d of C to O channels: "56x56x64:128k3s2"
// Without them KERNEL, STRIDE and GROUPS are 1 and PADDING is half of KERNEL, rounded down. Errors:
// InvalidArgument for any other text, and for sizes that make no output or more than 2^40 products.
Result<Shape> ParseShape(std::string_view text);

// One shape a line; what follows '#' is a comment. Errors: AccessFailed, InvalidArgument (naming
// the line), also for a file without shapes.
Result<std::vector<Shape>> ReadShapes(const std::filesystem::path& path);

}  // namespace switchyard::bench
