// Cycles among things that depend on each other.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace orch::flow {

// The nodes that can reach themselves, in the order of `nodes`. An edge leads from a name to the
// names that it needs; names that are no nodes lead nowhere. Linear in nodes and edges, no
// recursion.
std::vector<std::string> OnCycles(
    const std::vector<std::pair<std::string, std::vector<std::string>>>& nodes);

}  // namespace orch::flow
