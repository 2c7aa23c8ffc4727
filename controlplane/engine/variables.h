// RunVariables are the names that an expression of a run, or of an execution, can see.
//
// `outputs` and `tasks` are views: a path such as `outputs.task[value].field` follows the tree of the
// flow from loop to loop, a look-up for each step, however many runs there are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/engine/decide.h"
#include "controlplane/engine/draft.h"
#include "controlplane/flow/flow.h"
#include "expression/context.h"
#include "expression/value.h"

namespace orch::engine {

// Everything a look-up needs. Pointers outlive the evaluation.
struct Scope {
  const Draft* draft = nullptr;
  const flow::Flow* flow = nullptr;
  const Environment* environment = nullptr;
  int64_t run = -1;         // -1: of the execution.
  bool open_sealed = true;  // Whether sealed values are opened, or shown as they are stored.
  // Names of its own, seen first: a map.
  expression::Value extra;
};

class RunVariables : public expression::Variables {
 public:
  explicit RunVariables(Scope scope) : scope_(std::move(scope)) {}
  std::optional<expression::Value> Find(std::string_view name) const override;
  std::vector<std::string> Names() const override;

 private:
  Scope scope_;
};

// What a run left, as expressions see it: its outputs, opened and tainted where they were sealed, `{}` when
// it left none.
expression::Value OutputsOf(const Scope& scope, const v1::TaskRun& run);

// The execution's variables: the flow's as the execution changed them. Null when there are none.
expression::Value VarsOf(const Scope& scope);

}  // namespace orch::engine
