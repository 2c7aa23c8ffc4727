// ResolveInputs turns what a caller supplied into the inputs of an execution.
//
// It is pure and may be called again: when an expression lacks a fact the outcome is Need; fetch
// the facts, put them into the context and call again with the same arguments.
//
// Threads     Safe from many at once.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/flow/flow.h"
#include "expression/context.h"
#include "expression/renderer.h"
#include "expression/value.h"

namespace orch::flow {

// What the caller gave, by input id: a text (a form field, the address of an uploaded file) or any
// other value (JSON). An empty text counts as not given.
using SuppliedInputs = std::map<std::string, expression::Value>;

// One declared input after resolution.
struct ResolvedInput {
  std::string id;
  bool enabled = true;
  bool is_default = false;           // The value is the default, not the caller's.
  expression::Value value;           // Null when disabled, absent or wrong.
  std::vector<std::string> choices;  // What SELECT and MULTISELECT allow.
  std::vector<std::string> errors;   // Complete sentences: "Missing required input:`x`".
};

struct ResolvedInputs {
  std::vector<ResolvedInput> inputs;  // In order of declaration.
  std::vector<std::string> unknown;   // Supplied, not declared: worth a warning.

  // The inputs as the execution stores them: a map, dots of ids made nesting, disabled ones left
  // out.
  expression::Value Values() const;
  // The errors of enabled inputs, in order of declaration; the first one refuses the start.
  std::vector<std::string> Errors() const;
};

using InputsOutcome = std::variant<ResolvedInputs, expression::Need>;

// `context` supplies facts, clock, seed and the variables beside `inputs` (flow, vars, execution,
// …). Conditions and expressions see, of the inputs, only those they depend on.
InputsOutcome ResolveInputs(const std::vector<Input>& inputs, const SuppliedInputs& supplied,
                            const expression::Renderer& renderer,
                            const expression::EvaluationContext& context);

// What a run sees as `inputs`: the stored ones plus the defaults of those that are absent, as they
// are written.
expression::Value WithDefaults(const std::vector<Input>& inputs, const expression::Value& stored);

}  // namespace orch::flow
