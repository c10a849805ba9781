// Graphs of nodes that each variant's packed kernels serve, with numbers that no two orders of
// summation add up alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/dims.h"
#include "runtime/base/variant.h"
#include "schema/graph.h"

namespace switchyard::test {

// `count` elements of `type`, the same for the same seed. A plain generator, since this is most of
// the tests' time where the CPU is emulated.
std::vector<std::byte> Random(DataType type, size_t count, uint32_t seed);

// [m, k] -> [m, n], with a bias; int8 rows are quantized by a Convert before it. `readers` of the
// same activation have an output each.
Graph FullyConnected(Variant variant, size_t m, size_t n, size_t k, size_t readers = 1);

// 3 x 3, uneven padding: `images` [N, H, W, channels of a group] -> [N, H, W - 1, n * groups].
Graph Convolution(Variant variant, const Dims& images, size_t n, uint32_t groups);

// `a` x `c` -> `output`, each [..., rows, columns]; `c` is an input or a constant.
Graph BatchMatrixMultiply(Variant variant, const Dims& a, const Dims& c, const Dims& output,
                          bool constant);

}  // namespace switchyard::test
