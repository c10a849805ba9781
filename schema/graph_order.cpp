#include "schema/graph_order.h"

#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "schema/graph_index.h"

namespace switchyard {
namespace {

// By value, the node that writes it; of several, the first (CheckGraph refuses the others).
std::vector<NodeIndex> Producers(const Graph& graph) {
  std::vector<NodeIndex> producers(graph.values.size(), kNoNode);
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueIndex output : graph.nodes[i].outputs) {
      if (producers[output] == kNoNode) producers[output] = i;
    }
  }
  return producers;
}

bool IsSorted(const Graph& graph, const std::vector<NodeIndex>& producers) {
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueIndex input : graph.nodes[i].inputs) {
      if (producers[input] != kNoNode && producers[input] >= i) return false;
    }
  }
  return true;
}

// A node on a cycle: `pending` counts, for each node, the inputs that never became ready; following
// such inputs backwards from any node with one must run into a cycle.
NodeIndex NodeOnCycle(const Graph& graph, const std::vector<NodeIndex>& producers,
                      const std::vector<uint32_t>& pending) {
  NodeIndex node = 0;
  while (pending[node] == 0) ++node;
  std::vector<bool> seen(graph.nodes.size());
  while (!seen[node]) {
    seen[node] = true;
    for (const ValueIndex input : graph.nodes[node].inputs) {
      const NodeIndex producer = producers[input];
      if (producer != kNoNode && pending[producer] != 0) {
        node = producer;
        break;
      }
    }
  }
  return node;
}

}  // namespace

Status SortNodes(Graph& graph) {
  const std::vector<NodeIndex> producers = Producers(graph);
  if (IsSorted(graph, producers)) return {};

  std::vector<uint32_t> pending(graph.nodes.size());
  std::vector<std::pair<NodeIndex, NodeIndex>> edges;  // producer, reader; once for each input
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueIndex input : graph.nodes[i].inputs) {
      if (producers[input] == kNoNode) continue;
      edges.emplace_back(producers[input], i);
      ++pending[i];
    }
  }
  std::vector<size_t> first_edge(graph.nodes.size() + 1);
  for (const auto& [producer, reader] : edges) ++first_edge[producer + 1];
  for (size_t i = 1; i < first_edge.size(); ++i) first_edge[i] += first_edge[i - 1];
  std::vector<NodeIndex> readers(edges.size());
  std::vector<size_t> next_edge = first_edge;
  for (const auto& [producer, reader] : edges) readers[next_edge[producer]++] = reader;

  std::priority_queue<NodeIndex, std::vector<NodeIndex>, std::greater<>> ready;
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    if (pending[i] == 0) ready.push(i);
  }
  std::vector<Node> sorted;
  sorted.reserve(graph.nodes.size());
  std::vector<NodeIndex> order;
  while (!ready.empty()) {
    const NodeIndex node = ready.top();
    ready.pop();
    order.push_back(node);
    for (size_t edge = first_edge[node]; edge < first_edge[node + 1]; ++edge) {
      if (--pending[readers[edge]] == 0) ready.push(readers[edge]);
    }
  }
  if (order.size() != graph.nodes.size()) {
    return Fail(ErrorCode::kInvalidProgram,
                "{}: its output is needed to compute its own input, expected a graph without "
                "cycles; the file is damaged, export it again",
                Describe(graph, NodeOnCycle(graph, producers, pending)));
  }
  for (const NodeIndex node : order) sorted.push_back(std::move(graph.nodes[node]));
  graph.nodes = std::move(sorted);
  return {};
}

}  // namespace switchyard
