#include "controlplane/flow/outputs.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "controlplane/flow/coercion.h"

namespace orch::flow {

using expression::Value;

OutputsOutcome ResolveOutputs(const std::vector<Output>& outputs,
                              const expression::Renderer& renderer,
                              const expression::EvaluationContext& context) {
  ResolvedOutputs resolved;
  expression::MapBuilder values;
  std::map<std::string, expression::Fact> needed;
  std::optional<expression::Error> failed;
  for (const Output& output : outputs) {
    expression::Outcome outcome = output.value.is_string()
                                      ? renderer.RenderTyped(output.value.AsString(), context)
                                      : renderer.RenderObject(output.value, context);
    if (auto* need = std::get_if<expression::Need>(&outcome)) {
      for (expression::Fact& fact : need->facts) {
        std::string key = fact.Key();
        needed.emplace(std::move(key), std::move(fact));
      }
      continue;
    }
    if (auto* error = std::get_if<expression::Error>(&outcome)) {
      if (!output.required) {
        resolved.warnings.push_back(
            absl::StrFormat("The output `%s` is left out: %s", output.id, error->message));
      } else if (!failed) {
        failed = std::move(*error);
      }
      continue;
    }
    const Value& value = std::get<Value>(outcome);
    const auto fail = [&](std::string_view reason) {
      if (failed) return;
      failed = expression::Error{expression::Error::Code::kEval,
                                 absl::StrFormat("Invalid value for output `%s`. Cause: %s",
                                                 output.id, std::string(reason)),
                                 0};
    };
    if (value.is_null()) {
      const bool may_be_null =
          output.type == "STRING" || output.type == "JSON" || output.type == "YAML";
      if (output.required && !may_be_null) {
        fail("null is no " + output.type);
      } else {
        values.Set(output.id, value);
      }
      continue;
    }
    auto coerced = Coerce(output.type, "", value, InstantStyle::kOutput);
    if (!coerced.ok()) {
      const absl::string_view message = coerced.status().message();
      fail(std::string_view(message.data(), message.size()));
      continue;
    }
    values.Set(output.id, *std::move(coerced));
  }
  // Facts first: with them, an error may come to another end.
  if (!needed.empty()) {
    expression::Need need;
    for (auto& [key, fact] : needed) need.facts.push_back(std::move(fact));
    return need;
  }
  if (failed) return *std::move(failed);
  resolved.values = values.Build();
  return resolved;
}

}  // namespace orch::flow
