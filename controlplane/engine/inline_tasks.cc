#include "controlplane/engine/inline_tasks.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "controlplane/engine/evaluator.h"
#include "controlplane/engine/variables.h"
#include "expression/json.h"
#include "expression/renderer.h"
#include "expression/text.h"

namespace orch::engine {
namespace {

using expression::Error;
using expression::MapBuilder;
using expression::Need;
using expression::Outcome;
using expression::Value;

Error Fault(std::string message) { return Error{Error::Code::kEval, std::move(message)}; }

// Reads a value out of an outcome, or leaves the function with what stood in its way.
#define ENGINE_VALUE_OR_RETURN(name, ...)                                          \
  Outcome name##_outcome = (__VA_ARGS__);                                          \
  if (auto* need = std::get_if<Need>(&name##_outcome)) return std::move(*need);    \
  if (auto* fault = std::get_if<Error>(&name##_outcome)) return std::move(*fault); \
  const Value name = std::get<Value>(std::move(name##_outcome))

const Value& PropertyOf(const flow::Task& task, std::string_view name) {
  static const Value* const kNull = new Value();
  const Value* value = task.properties.Find(name);
  return value == nullptr ? *kNull : *value;
}

// A property that may be written as any scalar, as text; null stays null.
Outcome TextOf(const flow::Task& task, const Evaluator& evaluator, std::string_view name) {
  const Value& value = PropertyOf(task, name);
  if (value.is_null()) return value;
  if (value.is_string()) return evaluator.Text(value.AsString(), name);
  return Value::String(expression::PrintText(value));
}

bool IsTruthy(const Value& value) {
  return !value.is_null() && expression::Truthy(expression::PrintText(value));
}

using LevelOutcome = std::variant<v1::LogLevel, Need, Error>;
LevelOutcome LevelOf(const flow::Task& task, const Evaluator& evaluator) {
  ENGINE_VALUE_OR_RETURN(level, TextOf(task, evaluator, "level"));
  if (level.is_null()) return v1::INFO;
  const std::optional<v1::LogLevel> parsed = ParseLevel(expression::PrintText(level));
  if (!parsed) return Fault("level must be TRACE, DEBUG, INFO, WARN or ERROR");
  return *parsed;
}

InlineOutcome LogMessages(const flow::Task& task, const Evaluator& evaluator,
                          std::string_view property) {
  LevelOutcome level = LevelOf(task, evaluator);
  if (auto* need = std::get_if<Need>(&level)) return std::move(*need);
  if (auto* fault = std::get_if<Error>(&level)) return std::move(*fault);
  const Value& message = PropertyOf(task, property);
  if (!message.is_string() && !message.is_list()) {
    return Fault(absl::StrCat(std::string(property), " must be a text or a list of texts"));
  }
  const std::vector<Value> messages =
      message.is_list() ? message.items() : std::vector<Value>{message};
  InlineResult result;
  Need needs;
  for (size_t i = 0; i < messages.size(); ++i) {
    Outcome outcome =
        messages[i].is_string()
            ? evaluator.Text(messages[i].AsString(), absl::StrCat(std::string(property), i))
            : Outcome(Value::String(expression::PrintText(messages[i])));
    if (auto* need = std::get_if<Need>(&outcome)) {
      std::move(need->facts.begin(), need->facts.end(), std::back_inserter(needs.facts));
      continue;
    }
    if (auto* fault = std::get_if<Error>(&outcome)) return std::move(*fault);
    const Value& text = std::get<Value>(outcome);
    result.lines.push_back(
        {std::get<v1::LogLevel>(level), expression::PrintText(text), text.AnyTainted()});
  }
  if (!needs.facts.empty()) return needs;
  return result;
}

InlineOutcome Log(const flow::Task& task, const Evaluator& evaluator) {
  return LogMessages(task, evaluator, "message");
}

InlineOutcome Echo(const flow::Task& task, const Evaluator& evaluator) {
  return LogMessages(task, evaluator, "format");
}

InlineOutcome Return(const flow::Task& task, const Evaluator& evaluator) {
  ENGINE_VALUE_OR_RETURN(text, TextOf(task, evaluator, "format"));
  InlineResult result;
  if (text.is_null()) return result;
  MapBuilder outputs;
  outputs.Set("value", text);
  result.outputs = outputs.Build();
  result.lines.push_back({v1::DEBUG, expression::PrintText(text), text.AnyTainted()});
  return result;
}

InlineOutcome OutputValues(const flow::Task& task, const Evaluator& evaluator) {
  ENGINE_VALUE_OR_RETURN(values, evaluator.Object(PropertyOf(task, "values"), "values"));
  if (!values.is_map()) return Fault("values must be a map");
  InlineResult result;
  MapBuilder outputs;
  outputs.Set("values", values);
  result.outputs = outputs.Build();
  return result;
}

InlineOutcome Fail(const flow::Task& task, const Evaluator& evaluator) {
  InlineResult result;
  const bool conditional = !PropertyOf(task, "condition").is_null();
  if (conditional) {
    ENGINE_VALUE_OR_RETURN(condition, TextOf(task, evaluator, "condition"));
    if (!IsTruthy(condition)) return result;
  }
  ENGINE_VALUE_OR_RETURN(message, TextOf(task, evaluator, "errorMessage"));
  if (conditional) result.lines.push_back({v1::ERROR, "Fail on a condition"});
  result.state = v1::FAILED;
  result.error = message.is_null()      ? "Task failure"
                 : message.AnyTainted() ? "******"
                                        : expression::PrintText(message);
  return result;
}

InlineOutcome Assert(const flow::Task& task, const Evaluator& evaluator) {
  const Value& conditions = PropertyOf(task, "conditions");
  if (!conditions.is_list()) return Fault("conditions must be a list");
  InlineResult result;
  Need needs;
  int64_t failed = 0;
  for (size_t i = 0; i < conditions.size(); ++i) {
    const std::string text = expression::PrintText(conditions.items()[i]);
    Outcome outcome = evaluator.Text(text, absl::StrCat("conditions", i));
    if (auto* need = std::get_if<Need>(&outcome)) {
      std::move(need->facts.begin(), need->facts.end(), std::back_inserter(needs.facts));
    } else if (auto* fault = std::get_if<Error>(&outcome)) {
      ++failed;
      result.lines.push_back(
          {v1::ERROR, absl::StrCat("Assertion `", text, "` failed: ", fault->message)});
    } else if (!IsTruthy(std::get<Value>(outcome))) {
      ++failed;
      result.lines.push_back({v1::ERROR, absl::StrCat("Assertion `", text, "` failed!")});
    }
  }
  if (!needs.facts.empty()) return needs;
  MapBuilder outputs;
  outputs.Set("success", Value::Integer(static_cast<int64_t>(conditions.size()) - failed));
  outputs.Set("failed", Value::Integer(failed));
  result.outputs = outputs.Build();
  if (failed == 0) return result;
  ENGINE_VALUE_OR_RETURN(message, TextOf(task, evaluator, "errorMessage"));
  result.state = v1::FAILED;
  result.error = absl::StrFormat("%d assertion(s) failed!", failed);
  if (!message.is_null()) {
    absl::StrAppend(&result.error, "\n",
                    message.AnyTainted() ? "******" : expression::PrintText(message));
  }
  return result;
}

// One label out of its parts, or why it cannot be one.
std::variant<v1::Label, Error> MakeLabel(const Value& key, const Value& value) {
  if (key.AnyTainted() || value.AnyTainted()) return Fault("a label must not hold a secret");
  const bool scalar = value.is_string() || value.is_number() || value.is_bool();
  if (!key.is_string() || key.AsString().empty()) return Fault("a label needs a key");
  if (!scalar || expression::PrintText(value).empty()) {
    return Fault(absl::StrCat("label '", key.AsString(),
                              "' needs a value that is a text, a number or a boolean"));
  }
  if (key.AsString().starts_with("system.")) {
    return Fault(absl::StrCat("label '", key.AsString(),
                              "' is reserved: keys must not begin with 'system.'"));
  }
  v1::Label label;
  label.set_key(key.AsString());
  label.set_value(expression::PrintText(value));
  return label;
}

InlineOutcome Labels(const flow::Task& task, const Evaluator& evaluator) {
  ENGINE_VALUE_OR_RETURN(rendered, evaluator.Object(PropertyOf(task, "labels"), "labels"));
  Value labels = rendered;
  if (labels.is_string()) {
    absl::StatusOr<Value> parsed = expression::ParseJson(labels.AsString());
    if (!parsed.ok() || !parsed->is_map()) {
      return Fault(
          "labels must be a map, a list of key and value, or a text that is a JSON object");
    }
    labels = parsed->TaintedIf(labels.AnyTainted());
  }
  InlineResult result;
  result.labels.emplace();
  const auto add = [&result](const Value& key, const Value& value) -> std::optional<Error> {
    std::variant<v1::Label, Error> label = MakeLabel(key, value);
    if (auto* fault = std::get_if<Error>(&label)) return std::move(*fault);
    result.labels->push_back(std::get<v1::Label>(std::move(label)));
    return std::nullopt;
  };
  if (labels.is_map()) {
    for (const expression::MapEntry& entry : labels.entries()) {
      if (std::optional<Error> fault = add(entry.key, entry.value)) return *fault;
    }
  } else if (labels.is_list()) {
    for (const Value& item : labels.items()) {
      const Value* key = item.Find("key");
      const Value* value = item.Find("value");
      if (std::optional<Error> fault =
              add(key == nullptr ? Value() : *key, value == nullptr ? Value() : *value)) {
        return *fault;
      }
    }
  } else {
    return Fault("labels must be a map, a list of key and value, or a text that is a JSON object");
  }
  return result;
}

// Maps are merged key by key, at every depth; anything else is replaced.
Value DeepMerge(const Value& under, const Value& over) {
  if (!under.is_map() || !over.is_map()) return over;
  MapBuilder map;
  for (const expression::MapEntry& entry : under.entries()) map.Set(entry.key, entry.value);
  for (const expression::MapEntry& entry : over.entries()) {
    const Value* before = under.FindKey(entry.key);
    map.Set(entry.key, before == nullptr ? entry.value : DeepMerge(*before, entry.value));
  }
  return map.Build();
}

InlineOutcome SetVariables(const flow::Task& task, const Evaluator& evaluator) {
  ENGINE_VALUE_OR_RETURN(added, evaluator.Object(PropertyOf(task, "variables"), "variables"));
  if (!added.is_map()) return Fault("variables must be a map");
  if (added.AnyTainted())
    return Fault("variables must not hold a secret: they are stored in clear");
  ENGINE_VALUE_OR_RETURN(overwrite, TextOf(task, evaluator, "overwrite"));
  Value before = VarsOf(evaluator.scope());
  if (!before.is_map()) before = MapBuilder().Build();
  if (!overwrite.is_null() && !IsTruthy(overwrite)) {
    for (const expression::MapEntry& entry : added.entries()) {
      if (before.FindKey(entry.key) != nullptr) {
        return Fault(absl::StrCat("variable '", expression::PrintText(entry.key),
                                  "' is there already; allow overwrite or choose another name"));
      }
    }
  }
  InlineResult result;
  result.variables = DeepMerge(before, added);
  return result;
}

// `map` without the member at `path`; nullopt when there is none.
std::optional<Value> Without(const Value& map, const std::vector<std::string>& path, size_t at) {
  if (!map.is_map()) return std::nullopt;
  const Value* member = map.Find(path[at]);
  if (member == nullptr) return std::nullopt;
  MapBuilder rest;
  for (const expression::MapEntry& entry : map.entries()) {
    const bool is_it = entry.key.is_string() && entry.key.AsString() == path[at];
    if (!is_it) {
      rest.Set(entry.key, entry.value);
    } else if (at + 1 < path.size()) {
      const std::optional<Value> below = Without(*member, path, at + 1);
      if (!below) return std::nullopt;
      rest.Set(entry.key, *below);
    }
  }
  return rest.Build();
}

InlineOutcome UnsetVariables(const flow::Task& task, const Evaluator& evaluator) {
  ENGINE_VALUE_OR_RETURN(
      names, evaluator.Property(PropertyOf(task, "variables"),
                                expression::TargetType::ListOf(expression::TargetType::Of(
                                    expression::TargetType::Kind::kString)),
                                "variables"));
  if (!names.is_list()) return Fault("variables must be a list of names");
  ENGINE_VALUE_OR_RETURN(ignore, TextOf(task, evaluator, "ignoreMissing"));
  Value variables = VarsOf(evaluator.scope());
  for (const Value& name : names.items()) {
    const std::string text = expression::PrintText(name);
    std::optional<Value> rest = Without(variables, absl::StrSplit(text, '.'), 0);
    if (rest) {
      variables = *std::move(rest);
    } else if (!IsTruthy(ignore)) {
      return Fault(
          absl::StrCat("there is no variable '", text, "'; set ignoreMissing to go on without"));
    }
  }
  InlineResult result;
  result.variables = variables.is_map() ? variables : MapBuilder().Build();
  return result;
}

#undef ENGINE_VALUE_OR_RETURN

using Body = InlineOutcome (*)(const flow::Task&, const Evaluator&);
struct InlineType {
  std::string_view name;
  Body body;
};
constexpr InlineType kInlineTypes[] = {
    {"debug.Echo", Echo},
    {"debug.Return", Return},
    {"execution.Assert", Assert},
    {"execution.Fail", Fail},
    {"execution.Labels", Labels},
    {"execution.SetVariables", SetVariables},
    {"execution.UnsetVariables", UnsetVariables},
    {"log.Log", Log},
    {"output.OutputValues", OutputValues},
};

}  // namespace

std::optional<v1::LogLevel> ParseLevel(std::string_view name) {
  if (name == "TRACE") return v1::TRACE;
  if (name == "DEBUG") return v1::DEBUG;
  if (name == "INFO") return v1::INFO;
  if (name == "WARN") return v1::WARN;
  if (name == "ERROR") return v1::ERROR;
  return std::nullopt;
}

InlineOutcome RunInlineTask(const flow::Task& task, const Evaluator& evaluator) {
  for (const InlineType& type : kInlineTypes) {
    if (type.name == task.type) return type.body(task, evaluator);
  }
  return Fault(absl::StrCat("this release cannot run tasks of type '", task.type, "'"));
}

}  // namespace orch::engine
