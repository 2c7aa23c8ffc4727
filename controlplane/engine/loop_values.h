// The values of a loop: what the author wrote, made into the texts that its children carry.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "controlplane/engine/evaluator.h"
#include "controlplane/flow/flow.h"
#include "expression/context.h"

namespace orch::engine {

// Distinct texts in order of their first occurrence. Values that are no texts are compact JSON.
using LoopValuesOutcome =
    std::variant<std::vector<std::string>, expression::Need, expression::Error>;

// Evaluates the values of a loop. An error when they are no list, hold null, or an element of another kind
// than text, integer and map; or a secret, since values are stored in clear.
LoopValuesOutcome EvaluateLoopValues(const flow::Task& loop, const Evaluator& evaluator);

}  // namespace orch::engine
