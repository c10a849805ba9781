// Deep comparison of graphs.
#pragma once

#include <gtest/gtest.h>

#include "schema/graph.h"

namespace switchyard::test {

struct GraphEqualsOptions {
  bool ids = true;            // Value::id
  bool keys = true;           // Constant::key
  bool debug_handles = true;  // Node::debug_handle
};

// Equal values, nodes, externals and constants' bytes, floats bit by bit; the failure names the
// first difference. Says nothing about where bytes are kept.
testing::AssertionResult GraphEquals(const Graph& got, const Graph& expected,
                                     const GraphEqualsOptions& options = {});

// The same graph with nodes and values in an order that only its structure decides: depth first
// from the external outputs, inputs before nodes; what no output depends on is left out. Makes
// graphs that differ in numbering comparable (with `ids` off). Views what `graph` views.
Graph Canonical(const Graph& graph);

}  // namespace switchyard::test
