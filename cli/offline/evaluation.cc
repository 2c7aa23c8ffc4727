#include "cli/offline/evaluation.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/exit_code.h"
#include "cli/offline/fixture_facts.h"
#include "cli/offline/typed_json.h"
#include "expression/json.h"
#include "expression/property.h"
#include "expression/renderer.h"

namespace orch::cli {
namespace {

using expression::Value;

constexpr int kRoundCountMax = 100;  // Of facts that lead to further facts.

// Names of enums that the file's text can be: any word, since no task type is at hand.
expression::TargetType TargetOf(const std::string& name) {
  if (auto type = expression::TargetType::Parse(name)) return *std::move(type);
  if (name == "Level") {
    return expression::TargetType::Enum({"ERROR", "WARN", "INFO", "DEBUG", "TRACE"});
  }
  return expression::TargetType::Of(expression::TargetType::Kind::kString);
}

// What the author wrote: JSON where it is a list or a map, a text otherwise.
Value PropertyValue(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool structure = first != std::string::npos && (text[first] == '[' || text[first] == '{') &&
                         text.compare(first, 2, "{{") != 0 && text.compare(first, 2, "{%") != 0;
  if (structure) {
    if (auto json = expression::ParseJson(text); json.ok()) return *std::move(json);
  }
  return Value::String(text);
}

}  // namespace

absl::StatusOr<ContextFile> ContextFile::Read(std::string_view text) {
  const auto json = expression::ParseJson(text);
  if (!json.ok()) {
    return UsageError(
        absl::StrCat("the context file is no JSON: ", std::string(json.status().message())));
  }
  if (!json->is_map()) return UsageError("the context file holds no JSON object");
  ContextFile file;
  expression::MapBuilder variables;
  for (const expression::MapEntry& entry : json->entries()) {
    const std::string& key = entry.key.AsString();
    if (key == "$config") {
      const Value* recursive = entry.value.Find("recursive");
      file.recursive = recursive != nullptr && recursive->is_bool() && recursive->AsBool();
      continue;
    }
    auto value = FromTypedJson(entry.value);
    if (!value.ok()) return UsageError(std::string(value.status().message()));
    if (key == "$fixtures") {
      file.fixtures = *std::move(value);
    } else if (key.starts_with('$')) {
      return UsageError(absl::StrCat("a context file knows $fixtures and $config, not ", key));
    } else {
      variables.Set(entry.key, *std::move(value));
    }
  }
  file.variables = variables.Build();
  return file;
}

absl::StatusOr<std::variant<Value, expression::Error>> Evaluate(const Evaluation& evaluation,
                                                                const ContextFile& file,
                                                                absl::Time now, uint64_t seed) {
  const expression::MapVariables variables(file.variables);
  FixtureFacts facts(file.fixtures);
  expression::EvaluationContext context;
  context.variables = &variables;
  context.facts = &facts;
  context.now = now;
  context.seed = seed;
  context.recursive = file.recursive;
  context.zone = ProcessZone();

  Value object;
  if (evaluation.mode == EvalMode::kObject) {
    auto json = expression::ParseJson(evaluation.expression);
    if (!json.ok()) {
      return UsageError(absl::StrCat("with --mode object the expression is JSON: ",
                                     std::string(json.status().message())));
    }
    object = *std::move(json);
  } else if (evaluation.mode == EvalMode::kProperty) {
    object = PropertyValue(evaluation.expression);
  }
  const expression::TargetType target = TargetOf(evaluation.target);
  const expression::Renderer renderer;
  for (int round = 0; round < kRoundCountMax; ++round) {
    expression::Outcome outcome;
    switch (evaluation.mode) {
      case EvalMode::kString: outcome = renderer.RenderText(evaluation.expression, context); break;
      case EvalMode::kTyped: outcome = renderer.RenderTyped(evaluation.expression, context); break;
      case EvalMode::kObject: outcome = renderer.RenderObject(object, context); break;
      case EvalMode::kProperty: outcome = renderer.RenderProperty(object, target, context); break;
    }
    if (auto* need = std::get_if<expression::Need>(&outcome)) {
      facts.Fetch(need->facts);
    } else if (auto* error = std::get_if<expression::Error>(&outcome)) {
      return *std::move(error);
    } else {
      return std::get<Value>(std::move(outcome));
    }
  }
  return expression::Error{expression::Error::Code::kLimit, "it asks for facts without end", 0};
}

std::string ProcessZone() {
  std::string zone = absl::LocalTimeZone().name();
  if (zone == "localtime") {
    // TZ is unset: the system's zone, named by where its link leads.
    char target[4096];
    const ssize_t size = readlink("/etc/localtime", target, sizeof(target));
    constexpr std::string_view kFolder = "zoneinfo/";
    const std::string_view path(target, size > 0 ? static_cast<size_t>(size) : 0);
    const size_t at = path.find(kFolder);
    zone = at == std::string_view::npos ? "UTC" : std::string(path.substr(at + kFolder.size()));
  }
  if (zone.starts_with("Etc/")) zone = zone.substr(4);
  return zone.empty() || zone == "UCT" || zone == "Zulu" ? "UTC" : zone;
}

}  // namespace orch::cli
