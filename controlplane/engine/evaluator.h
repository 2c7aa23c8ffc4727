// Evaluator renders the texts of one run, or of the execution, as of a draft.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "controlplane/engine/variables.h"
#include "expression/context.h"
#include "expression/property.h"
#include "expression/renderer.h"

namespace orch::engine {

// The same (seed, run, property) gives the same chance, whatever else a step evaluates.
uint64_t PropertySeed(uint64_t seed, int64_t run, std::string_view property);

class Evaluator {
 public:
  Evaluator(Scope scope, absl::Time now, uint64_t seed)
      : scope_(std::move(scope)), variables_(scope_), now_(now), seed_(seed) {}
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  const Scope& scope() const { return scope_; }
  expression::EvaluationContext Context(std::string_view property) const;

  // As the renderer's functions of these names; a view among the results is materialised.
  expression::Outcome Text(std::string_view text, std::string_view property) const;
  expression::Outcome Typed(std::string_view text, std::string_view property) const;
  expression::Outcome Object(const expression::Value& value, std::string_view property) const;
  expression::Outcome Property(const expression::Value& value, const expression::TargetType& target,
                               std::string_view property) const;

 private:
  Scope scope_;
  RunVariables variables_;
  absl::Time now_;
  uint64_t seed_;
};

}  // namespace orch::engine
