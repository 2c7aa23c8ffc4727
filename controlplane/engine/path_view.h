// Views over what the runs of an execution left: `outputs` and `tasks` of expressions.
#pragma once

#include <memory>

#include "controlplane/engine/variables.h"
#include "expression/value.h"

namespace orch::engine {

// What stands at the end of a path: a run's outputs, or {state}.
enum class LeafKind { kOutputs, kState };

// All tasks by id; below a task inside loops, a level for each enclosing loop's value. The view keeps
// `scope`, whose pointers must outlive every value taken from it.
std::shared_ptr<const expression::View> RunsView(const Scope& scope, LeafKind kind);

// Whether runs of `task` carry a loop value of their own: they are children of a loop's main list.
bool CarriesValue(const flow::Flow& flow, const flow::Task& task);

}  // namespace orch::engine
