#include "controlplane/engine/evaluator.h"

#include <string>
#include <utility>

#include "base/hash.h"
#include "expression/fuel.h"

namespace orch::engine {
namespace {

using expression::Outcome;
using expression::Value;

// A view must not outlive its draft.
Outcome Settled(Outcome outcome) {
  const Value* value = std::get_if<Value>(&outcome);
  if (value == nullptr || !value->is_view()) return outcome;
  expression::Fuel fuel{expression::Limits()};
  absl::StatusOr<Value> whole = value->view().Materialise(fuel);
  if (whole.ok()) return *std::move(whole);
  return expression::Error{expression::Error::Code::kLimit, std::string(whole.status().message())};
}

}  // namespace

uint64_t PropertySeed(uint64_t seed, int64_t run, std::string_view property) {
  std::string bytes = std::to_string(seed);
  bytes.push_back('/');
  bytes.append(std::to_string(run)).push_back('/');
  bytes.append(property);
  return StableHash(bytes);
}

expression::EvaluationContext Evaluator::Context(std::string_view property) const {
  expression::EvaluationContext context;
  context.variables = &variables_;
  context.facts = scope_.draft->base().facts(scope_.run);
  context.now = now_;
  context.seed = PropertySeed(seed_, scope_.run, property);
  context.recursive = scope_.environment->recursive_rendering;
  return context;
}

Outcome Evaluator::Text(std::string_view text, std::string_view property) const {
  return scope_.environment->renderer->RenderText(text, Context(property));
}

Outcome Evaluator::Typed(std::string_view text, std::string_view property) const {
  return Settled(scope_.environment->renderer->RenderTyped(text, Context(property)));
}

Outcome Evaluator::Object(const Value& value, std::string_view property) const {
  return Settled(scope_.environment->renderer->RenderObject(value, Context(property)));
}

Outcome Evaluator::Property(const Value& value, const expression::TargetType& target,
                            std::string_view property) const {
  return Settled(scope_.environment->renderer->RenderProperty(value, target, Context(property)));
}

}  // namespace orch::engine
