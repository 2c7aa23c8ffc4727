#include "controlplane/flow/task_types.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "controlplane/flow/closest.h"
#include "controlplane/flow/language.h"
#include "expression/json.h"
#include "task_types/task_types.h"

namespace orch::flow {
namespace {

using expression::Value;

constexpr std::string_view kCorePrefix = "io.kestra.plugin.core.";
constexpr std::string_view kPluginPrefix = "io.kestra.plugin.";
constexpr std::string_view kHistoricPrefix = "io.kestra.core.";
constexpr size_t kNameLengthMax = 256;

std::string TextOr(const Value* value, std::string fallback) {
  return value != nullptr && value->is_string() ? value->AsString() : fallback;
}

std::vector<std::string> TextsOf(const Value* value) {
  std::vector<std::string> texts;
  if (value == nullptr || !value->is_list()) return texts;
  for (const Value& item : value->items()) {
    if (item.is_string()) texts.push_back(item.AsString());
  }
  return texts;
}

bool IsTypeName(std::string_view name) {
  if (name.empty() || name.size() > kNameLengthMax) return false;
  bool begins = true;
  for (const char c : name) {
    if (c == '.') {
      if (begins) return false;
      begins = true;
      continue;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (begins || !(c >= '0' && c <= '9'))) return false;
    begins = false;
  }
  return !begins;
}

absl::StatusOr<std::shared_ptr<TaskType>> Parse(std::string_view name, std::string_view json) {
  ORCH_ASSIGN_OR_RETURN(const Value value, expression::ParseJson(json));
  auto type = std::make_shared<TaskType>();
  ORCH_ASSIGN_OR_RETURN(type->schema, Schema::Parse(value));
  type->name = name.empty() ? TextOr(value.Find("$id"), "") : std::string(name);
  if (!IsTypeName(type->name)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "`%s` is no name of a task type; write identifiers with dots between, as `$id`",
        type->name));
  }
  type->json = std::string(json);
  type->title = type->schema.title;
  type->description = type->schema.description;
  type->deprecated = type->schema.deprecated;
  const Value* orch = value.Find("$orch");
  if (orch == nullptr || !orch->is_map()) return type;
  const std::string place = TextOr(orch->Find("place"), "worker");
  if (place == "inline") {
    type->place = Place::kInline;
  } else if (place == "flowable") {
    type->place = Place::kFlowable;
  } else if (place == "system") {
    type->place = Place::kSystem;
  } else if (place != "worker") {
    return absl::InvalidArgumentError(absl::StrFormat(
        "`$orch.place` is `%s`; it must be inline, flowable, system or worker", place));
  }
  type->version = TextOr(orch->Find("version"), "");
  type->title = TextOr(orch->Find("title"), type->title);
  type->description = TextOr(orch->Find("description"), type->description);
  type->aliases = TextsOf(orch->Find("aliases"));
  type->late_fields = TextsOf(orch->Find("lateFields"));
  if (const Value* outputs = orch->Find("outputs"); outputs != nullptr && outputs->is_map()) {
    type->outputs = *outputs;
  }
  return type;
}

}  // namespace

absl::StatusOr<TaskTypes> TaskTypes::BuiltIn() {
  TaskTypes types;
  for (const task_types::EmbeddedSchema& embedded : task_types::EmbeddedSchemas()) {
    auto type = Parse("", embedded.json);
    if (!type.ok()) {
      return absl::InternalError(absl::StrFormat("task_types/%s: %s", std::string(embedded.file),
                                                 std::string(type.status().message())));
    }
    (*type)->built_in = true;
    ORCH_RETURN_IF_ERROR(types.AddParsed(*std::move(type)));
  }
  return types;
}

absl::Status TaskTypes::Add(std::string_view json) { return Add("", json); }

absl::Status TaskTypes::Add(std::string_view name, std::string_view json) {
  ORCH_ASSIGN_OR_RETURN(std::shared_ptr<TaskType> type, Parse(name, json));
  if (type->place != Place::kWorker) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "`%s` claims a place in the control plane; only a built-in type has one", type->name));
  }
  type->name = Canonical(type->name);
  type->late_fields.clear();  // Only built-in types have any.
  const auto taken = [&](std::string_view other) {
    const TaskType* found = Find(other);
    return found != nullptr && found->built_in;
  };
  if (taken(type->name)) {
    return absl::AlreadyExistsError(
        absl::StrFormat("`%s` is built in; give the type another name", type->name));
  }
  std::erase_if(type->aliases, [&](const std::string& alias) {
    return taken(alias) || CanonicalOfAlias(alias).has_value();
  });
  return AddParsed(std::move(type));
}

absl::Status TaskTypes::AddParsed(std::shared_ptr<const TaskType> type) {
  for (const std::string& alias : type->aliases) {
    // The long form of a name is the name.
    if (Canonical(alias) != type->name) aliases_[alias] = type->name;
  }
  types_[type->name] = std::move(type);
  return absl::OkStatus();
}

std::string TaskTypes::Canonical(std::string_view as_written) const {
  if (const auto found = aliases_.find(as_written); found != aliases_.end()) return found->second;
  if (const auto canonical = CanonicalOfAlias(as_written)) return *canonical;
  if (as_written.substr(0, kCorePrefix.size()) == kCorePrefix) {
    as_written.remove_prefix(kCorePrefix.size());
  } else if (as_written.substr(0, kPluginPrefix.size()) == kPluginPrefix) {
    as_written.remove_prefix(kPluginPrefix.size());
    if (const auto found = aliases_.find(as_written); found != aliases_.end()) return found->second;
  }
  return std::string(as_written);
}

const TaskType* TaskTypes::Find(std::string_view as_written) const {
  const auto found = types_.find(Canonical(as_written));
  return found == types_.end() ? nullptr : found->second.get();
}

bool TaskTypes::IsAlias(std::string_view as_written) const {
  return aliases_.find(as_written) != aliases_.end() || CanonicalOfAlias(as_written).has_value();
}

bool TaskTypes::IsCore(std::string_view name) {
  return name.substr(0, kCorePrefix.size()) == kCorePrefix ||
         name.substr(0, kHistoricPrefix.size()) == kHistoricPrefix || IsCoreGroup(name);
}

bool TaskTypes::IsInLanguage(std::string_view canonical) {
  const auto& all = CoreTypes();
  return std::find(all.begin(), all.end(), canonical) != all.end();
}

std::string TaskTypes::Closest(std::string_view as_written) const {
  std::string_view prefix;
  for (const std::string_view candidate : {kCorePrefix, kPluginPrefix}) {
    if (as_written.substr(0, candidate.size()) == candidate) {
      prefix = candidate;
      break;
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, type] : types_) names.push_back(name);
  const std::string_view rest = as_written.substr(prefix.size());
  std::string closest = flow::Closest(rest, names);
  if (closest.empty()) closest = flow::Closest(rest, CoreTypes());
  if (closest.empty() && rest.find('.') != std::string_view::npos) {
    // The group may be wrong and the class right: `core.Log`, `logs.Log`.
    const std::string_view simple = rest.substr(rest.rfind('.'));
    for (const std::string& name : names) {
      if (name.size() > simple.size() &&
          std::string_view(name).substr(name.size() - simple.size()) == simple) {
        closest = name;
        break;
      }
    }
  }
  if (closest.empty()) return "";
  return TaskTypes::IsInLanguage(closest) || prefix == kPluginPrefix ? std::string(prefix) + closest
                                                                     : closest;
}

}  // namespace orch::flow
