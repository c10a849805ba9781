// One product to measure: its payload, its data, and how its answers are checked.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/base/error.h"
#include "runtime/base/variant.h"
#include "runtime/tensor.h"
#include "schema/graph.h"
#include "schema/writer.h"
#include "test/bench/shape.h"

namespace switchyard::bench {

struct Product {
  Shape shape;
  Variant variant;
  Graph graph;  // one FullyConnected or Conv2d; a Convert before it where rows are quantized
  OwnedTensor input;

  std::string name() const;  // "fc.pf32.128x768x3072"
  const Node& node() const { return graph.nodes.back(); }
  const Value& value(ValueIndex index) const { return graph.values[index]; }
  const Value& weights() const { return value(node().inputs[1]); }
  const Value& bias() const { return value(node().inputs[2]); }
  const Value& output() const { return value(node().outputs[0]); }
  bool is_dynamic() const { return graph.nodes.size() > 1; }
};

// Whether the variant has such a product: convolutions have no quantization by rows, int4 comes in
// whole blocks.
bool Exists(Variant variant, const Shape& shape, size_t block_length);

// With a bias, and numbers that follow from the name alone. `block_length` is that of int4 weights.
Product MakeProduct(Variant variant, const Shape& shape, size_t block_length);

// The same as a payload, its constants named, as exporters write them.
Result<Payload> WriteProduct(const Product& product);
// The same with a second node that reads the same rows and weights. Rows are then packed, and
// quantized, in a step of their own, so that the products can be timed without it.
Result<Payload> WriteTwice(Product& product);

// Whether `output` is right, by the reference of the conformance suite and within its bounds, at
// some rows and channels of a FullyConnected, at some channels of a Conv2d. Errors: Internal,
// naming the worst element.
Status CheckOutput(const Product& product, const OwnedTensor& output);

}  // namespace switchyard::bench
