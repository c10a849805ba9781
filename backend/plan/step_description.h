// What a trace says of the steps of a plan, made once when a delegate is loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/plan/plan.h"
#include "backend/plan/route.h"
#include "schema/graph.h"

namespace switchyard {

struct StepDescription {
  std::string name = {};         // unique among the steps: "island of 12 nodes from node 3 Add"
  std::string_view route = "";   // kRoutePacked, kRoutePackLhs, or a Name(StockForm)
  std::string_view kernel = "";  // name of a row of the kernel table; "" of stock steps
  // Ids (Node::id) of the nodes that it runs, with those that were fused into them; of a
  // PackLhsStep the Converts that it does, then the nodes that read what it packs. Their debug
  // handles in the same order.
  std::vector<uint32_t> nodes = {}, debug_handles = {};
  std::vector<NodeIndex> computed =
      {};  // the graph's nodes that it computes; none of a PackLhsStep
};

inline constexpr std::string_view kRoutePacked = "packed";
inline constexpr std::string_view kRoutePackLhs = "pack LHS";

// By step. `routes` are those that the plan was made from.
std::vector<StepDescription> DescribeSteps(const Graph& graph, const Plan& plan,
                                           std::span<const Route> routes);

// The ids and debug handles of a node and of those that were fused into it.
void AddNode(const Node& node, std::vector<uint32_t>& ids, std::vector<uint32_t>& debug_handles);

// Tools that group events by name must not add up different ones.
class UniqueNames {
 public:
  // `name`, or where that was there before "NAME (2)" and so on.
  std::string Make(std::string name);

 private:
  std::set<std::string> used_;
};

}  // namespace switchyard
