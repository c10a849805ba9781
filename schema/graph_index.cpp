#include "schema/graph_index.h"

namespace switchyard {

GraphIndex::GraphIndex(const Graph& graph)
    : producer(graph.values.size(), kNoNode), readers(graph.values.size()) {
  for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
    for (ValueIndex value : graph.nodes[n].outputs) producer[value] = n;
    for (ValueIndex value : graph.nodes[n].inputs) {
      if (readers[value].empty() || readers[value].back() != n) readers[value].push_back(n);
    }
  }
}

}  // namespace switchyard
