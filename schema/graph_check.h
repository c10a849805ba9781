// The rules that every Graph keeps, wherever it comes from: the payload reader ends with this
// check, and so does whoever builds a Graph by hand and hands it to a backend.
#pragma once

#include "runtime/base/error.h"
#include "schema/graph.h"

namespace switchyard {

// Checks index ranges, arity, unique producers, order (producers before readers), externals,
// quantization parameters (counts, finite and normal scales, zero points), sizes of constants and
// attributes. Errors: InvalidProgram.
Status CheckGraph(const Graph& graph);

}  // namespace switchyard
