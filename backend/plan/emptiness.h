// Which values of a graph may be without elements while others are not.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "backend/plan/plan.h"
#include "schema/graph.h"

namespace switchyard {

class Emptiness {
 public:
  // The dims of values are those that shape inference has finalized. Takes O(nodes + values), for
  // sets of sources up to a fixed size.
  explicit Emptiness(const Graph& graph);

  // Whether some shapes of the inputs leave a value of the island without elements, and one of its
  // outputs with some. True where that cannot be excluded.
  bool MayMix(const Graph& graph, const IslandStep& step) const;

 private:
  // A set of sources: external inputs, and nodes that make something of nothing. A value is empty
  // if, and only if, one of its sources is.
  using SetId = uint32_t;

  void Follow(const Graph& graph, const Node& node);
  bool MayRevive(const Graph& graph, const Node& node) const;
  uint8_t NonZeroDims(const Graph& graph, const Node& node) const;
  SetId Intern(std::vector<uint32_t> sources);
  SetId Union(SetId a, SetId b);

  std::vector<uint8_t> non_zero_;  // by value: bit i if dimension i is never 0
  std::vector<SetId> sources_;     // by value
  std::vector<bool> is_revived_;   // by value: made by a node that may make something of nothing
  std::vector<std::vector<uint32_t>> sets_;
  std::map<std::vector<uint32_t>, SetId> ids_;
};

}  // namespace switchyard
