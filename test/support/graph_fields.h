// The numbers in a graph by name (of a value's scales, three), for tests that change them one by
// one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/graph.h"

namespace switchyard::test {

struct Field {
  std::string_view owner;  // "values", "nodes", or "graph"
  size_t index;            // of the value or node
  std::string_view member;
  std::variant<uint32_t*, int32_t*, size_t*, float*, uint16_t*, bool*, DataType*, NodeKind*> place;

  std::string Name() const;
};

// The fields of `graph`, to be written through. Scales are views of bytes that may belong to
// others, so each value's are copied into `graph` first. Stays valid until the graph changes its
// structure.
std::vector<Field> CollectFields(Graph& graph);

// The lists among a node's attributes (permutation, new shape, ...).
std::vector<std::vector<uint32_t>*> AttributeLists(Node& node);

}  // namespace switchyard::test
