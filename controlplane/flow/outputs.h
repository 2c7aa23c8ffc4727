// ResolveOutputs turns the declared outputs of a flow into values, once its execution has ended.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "controlplane/flow/flow.h"
#include "expression/context.h"
#include "expression/renderer.h"
#include "expression/value.h"

namespace orch::flow {

struct ResolvedOutputs {
  expression::Value values;           // A map in order of declaration; ids with dots stay flat.
  std::vector<std::string> warnings;  // Optional outputs that could not be rendered, left out.
};

// An error's message is complete, without "Failed to render output values: ".
using OutputsOutcome = std::variant<ResolvedOutputs, expression::Need, expression::Error>;

// Pure; after Need, fetch the facts and call again with the same arguments.
OutputsOutcome ResolveOutputs(const std::vector<Output>& outputs,
                              const expression::Renderer& renderer,
                              const expression::EvaluationContext& context);

}  // namespace orch::flow
