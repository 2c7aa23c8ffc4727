#include "controlplane/flow/graph.h"

#include <algorithm>
#include <unordered_map>

namespace orch::flow {

std::vector<std::string> OnCycles(
    const std::vector<std::pair<std::string, std::vector<std::string>>>& nodes) {
  const int count = static_cast<int>(nodes.size());
  std::unordered_map<std::string, int> index_of;
  for (int i = 0; i < count; ++i) index_of.emplace(nodes[i].first, i);
  std::vector<std::vector<int>> edges(count);
  std::vector<bool> on_cycle(count, false);
  for (int i = 0; i < count; ++i) {
    for (const std::string& name : nodes[i].second) {
      const auto found = index_of.find(name);
      if (found == index_of.end()) continue;
      edges[i].push_back(found->second);
      if (found->second == i) on_cycle[i] = true;
    }
  }
  // Tarjan's strongly connected components, with a stack of its own.
  struct Visit {
    int node;
    size_t next_edge = 0;
  };
  std::vector<int> order(count, -1), low(count, 0);
  std::vector<bool> open(count, false);
  std::vector<int> component;
  int next_order = 0;
  for (int root = 0; root < count; ++root) {
    if (order[root] >= 0) continue;
    std::vector<Visit> visits = {{root}};
    while (!visits.empty()) {
      const int node = visits.back().node;
      if (order[node] < 0) {
        order[node] = low[node] = next_order++;
        open[node] = true;
        component.push_back(node);
      }
      if (visits.back().next_edge < edges[node].size()) {
        const int next = edges[node][visits.back().next_edge++];
        if (order[next] < 0) {
          visits.push_back({next});
        } else if (open[next]) {
          low[node] = std::min(low[node], order[next]);
        }
        continue;
      }
      visits.pop_back();
      if (!visits.empty()) {
        const int parent = visits.back().node;
        low[parent] = std::min(low[parent], low[node]);
      }
      if (low[node] != order[node]) continue;
      const auto from = std::find(component.rbegin(), component.rend(), node).base() - 1;
      const bool several = component.end() - from > 1;
      for (auto member = from; member != component.end(); ++member) {
        open[*member] = false;
        if (several) on_cycle[*member] = true;
      }
      component.erase(from, component.end());
    }
  }
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    if (on_cycle[i]) names.push_back(nodes[i].first);
  }
  return names;
}

}  // namespace orch::flow
