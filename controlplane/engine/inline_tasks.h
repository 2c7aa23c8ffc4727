// Inline tasks are done in the engine's own step: they touch their own execution alone.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/engine/evaluator.h"
#include "controlplane/flow/flow.h"
#include "expression/context.h"
#include "expression/value.h"
#include "orch/v1/rows.pb.h"

namespace orch::engine {

// What an inline task did, to be written by the step. Nothing has been changed yet.
struct InlineResult {
  struct Line {
    v1::LogLevel level = v1::INFO;
    std::string text;
    bool tainted = false;
  };
  v1::State state = v1::SUCCESS;  // SUCCESS or FAILED
  std::string error;              // Told when it failed; its last line.
  std::vector<Line> lines;
  expression::Value outputs;                     // A map, or null for none.
  std::optional<std::vector<v1::Label>> labels;  // To replace or to add, by key.
  std::optional<expression::Value> variables;    // All variables, as they become.
};

// An Error fails the run with its message.
using InlineOutcome = std::variant<InlineResult, expression::Need, expression::Error>;

InlineOutcome RunInlineTask(const flow::Task& task, const Evaluator& evaluator);

// The level of that name in upper case; nullopt for any other text.
std::optional<v1::LogLevel> ParseLevel(std::string_view name);

}  // namespace orch::engine
