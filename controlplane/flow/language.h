// The names of the language's core: which types it has, and the older names of each.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orch::flow {

// Every core type (tasks, triggers, conditions, runners) by canonical name, whether or not this
// release can run it.
const std::vector<std::string>& CoreTypes();

// The canonical name behind an older one; nullopt for a name that is no alias.
std::optional<std::string> CanonicalOfAlias(std::string_view as_written);

// Whether canonical names that begin like this one are the core's own.
bool IsCoreGroup(std::string_view canonical);

}  // namespace orch::flow
