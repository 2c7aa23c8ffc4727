#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "controlplane/flow/duration.h"
#include "controlplane/system/system_worker.h"
#include "expression/json.h"

namespace orch::system {

using expression::Value;

namespace {

std::string TextOf(const Value& config, std::string_view name) {
  const Value* value = config.Find(name);
  return value != nullptr && value->is_string() ? value->AsString() : std::string();
}

bool FlagOf(const Value& config, std::string_view name, bool otherwise) {
  const Value* value = config.Find(name);
  if (value == nullptr) return otherwise;
  if (value->is_bool()) return value->AsBool();
  return value->is_string() ? value->AsString() == "true" : otherwise;
}

struct Task {
  const v1::Assign& assign;
  Value config;
  std::string tenant;
  std::string namespace_;
  std::string key;
};

absl::StatusOr<Value> SetKey(const Task& task, catalog::KeyValues& keys) {
  const Value* value = task.config.Find("value");
  catalog::KvSet set;
  if (value != nullptr) set.value = *value;
  set.type = TextOf(task.config, "kvType");
  set.overwrite = FlagOf(task.config, "overwrite", true);
  set.description = TextOf(task.config, "kvDescription");
  set.attempt = task.assign.token().attempt();
  if (const Value* ttl = task.config.Find("ttl"); ttl != nullptr && !ttl->is_null()) {
    if (ttl->kind() == expression::Kind::kDuration) {
      set.ttl = ttl->AsDuration();
    } else if (ttl->is_string()) {
      set.ttl = flow::ParseDuration(ttl->AsString());
      if (!set.ttl.has_value()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "`ttl` is '", ttl->AsString(), "'; write a duration such as PT1H or seconds"));
      }
    } else if (ttl->is_number()) {
      set.ttl = absl::Seconds(ttl->AsDouble());
    }
  }
  ORCH_RETURN_IF_ERROR(keys.Set(task.tenant, task.namespace_, task.key, set).status());
  return Value();
}

absl::StatusOr<Value> GetKey(const Task& task, catalog::KeyValues& keys) {
  ORCH_ASSIGN_OR_RETURN(const std::optional<catalog::KvEntry> entry,
                        keys.Get(task.tenant, task.namespace_, task.key));
  if (!entry.has_value()) {
    if (!FlagOf(task.config, "errorOnMissing", false)) return expression::MapBuilder().Build();
    return absl::NotFoundError(absl::StrCat("No value found for key '", task.key,
                                            "' in namespace '", task.namespace_,
                                            "'; set it first, or leave errorOnMissing out"));
  }
  return expression::MapBuilder().Set("value", catalog::KvPlain(entry->value)).Build();
}

absl::StatusOr<Value> DeleteKey(const Task& task, catalog::KeyValues& keys) {
  ORCH_ASSIGN_OR_RETURN(const bool deleted, keys.Delete(task.tenant, task.namespace_, task.key,
                                                        task.assign.token().attempt()));
  if (!deleted && FlagOf(task.config, "errorOnMissing", false)) {
    return absl::NotFoundError(absl::StrCat("No value found for key '", task.key,
                                            "' in namespace '", task.namespace_, "'"));
  }
  return expression::MapBuilder().Set("deleted", Value::Bool(deleted)).Build();
}

absl::StatusOr<Value> Run(const v1::Assign& assign, catalog::KeyValues& keys) {
  ORCH_ASSIGN_OR_RETURN(Value config, expression::ParseJson(assign.config().utf8()));
  const v1::TaskRunSubject& subject = assign.subject().task_run();
  Task task{assign, std::move(config), subject.tenant(), subject.namespace_(), ""};
  if (const std::string ns = TextOf(task.config, "namespace"); !ns.empty()) task.namespace_ = ns;
  task.key = TextOf(task.config, "key");
  if (task.key.empty()) {
    return absl::InvalidArgumentError("`key` is empty; give the key's name");
  }
  if (assign.type() == "kv.Set") return SetKey(task, keys);
  if (assign.type() == "kv.Get") return GetKey(task, keys);
  if (assign.type() == "kv.Delete") return DeleteKey(task, keys);
  return absl::UnimplementedError(
      absl::StrCat("the system worker does not run `", assign.type(), "`"));
}

}  // namespace

v1::Result RunSystemTask(const v1::Assign& assign, catalog::KeyValues& keys) {
  v1::Result result;
  *result.mutable_token() = assign.token();
  *result.mutable_subject() = assign.subject();
  const absl::StatusOr<Value> outputs = Run(assign, keys);
  if (!outputs.ok()) {
    result.set_state(v1::FAILED);
    result.mutable_error()->set_code(absl::StatusCodeToString(outputs.status().code()));
    result.mutable_error()->set_message(std::string(outputs.status().message()));
    return result;
  }
  result.set_state(v1::SUCCESS);
  if (outputs->is_map()) {
    result.mutable_outputs()->set_utf8(expression::ToJson(*outputs, expression::NullPolicy::kKeep));
  }
  return result;
}

}  // namespace orch::system
