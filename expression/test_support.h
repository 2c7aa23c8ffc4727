#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "expression/context.h"
#include "expression/json.h"
#include "expression/renderer.h"
#include "expression/text.h"
#include "gtest/gtest.h"

namespace orch::expression {

// What the tests of this room share: a world of variables and facts to evaluate in.
class World : public Facts {
 public:
  explicit World(std::string_view variables_json = "{}")
      : variables_(ParseJson(variables_json).value()) {
    context.variables = &variables_;
    context.facts = this;
    context.now = absl::FromUnixSeconds(1'780'000'000);
    context.seed = 42;
  }

  void SetVariables(Value map) { variables_ = MapVariables(std::move(map)); }
  void Tell(const Fact& fact, absl::StatusOr<Value> answer) {
    known_.insert_or_assign(fact.Key(), std::move(answer));
  }
  const absl::StatusOr<Value>* Find(const Fact& fact) const override {
    const auto found = known_.find(fact.Key());
    return found == known_.end() ? nullptr : &found->second;
  }

  Outcome Text(std::string_view text) const { return renderer.RenderText(text, context); }
  Outcome Typed(std::string_view text) const { return renderer.RenderTyped(text, context); }

  EvaluationContext context;
  Renderer renderer;

 private:
  MapVariables variables_;
  absl::flat_hash_map<std::string, absl::StatusOr<Value>> known_;
};

// An outcome on one line: the text of the value, "code: message", or the keys of what it needs.
inline std::string Shown(const Outcome& outcome) {
  if (const auto* error = std::get_if<Error>(&outcome)) {
    return std::string(CodeName(error->code)) + ": " + error->message;
  }
  if (const auto* need = std::get_if<Need>(&outcome)) {
    std::string text = "need:";
    for (const Fact& fact : need->facts) text += " " + fact.Key();
    return text;
  }
  return PrintText(std::get<Value>(outcome));
}

inline Value ValueOf(const Outcome& outcome) {
  const auto* value = std::get_if<Value>(&outcome);
  EXPECT_NE(value, nullptr) << Shown(outcome);
  return value == nullptr ? Value() : *value;
}

// "value", "need", or the code of the error.
inline std::string Verdict(const Outcome& outcome) {
  if (std::holds_alternative<Value>(outcome)) return "value";
  if (std::holds_alternative<Need>(outcome)) return "need";
  return std::string(CodeName(std::get<Error>(outcome).code));
}

}  // namespace orch::expression
