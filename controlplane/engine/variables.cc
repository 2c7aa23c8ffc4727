#include "controlplane/engine/variables.h"

#include <algorithm>
#include <utility>

#include "controlplane/engine/path_view.h"
#include "controlplane/engine/sealed.h"
#include "controlplane/flow/inputs.h"
#include "expression/json.h"

namespace orch::engine {
namespace {

using expression::MapBuilder;
using expression::MapOrder;
using expression::Value;

Value StateName(v1::State state) { return Value::String(v1::State_Name(state)); }

Value FlowMap(const flow::Flow& flow) {
  MapBuilder map;
  map.Set("id", Value::String(flow.id));
  map.Set("namespace", Value::String(flow.namespace_));
  if (flow.revision > 0) map.Set("revision", Value::Integer(flow.revision));
  if (!flow.tenant.empty()) map.Set("tenantId", Value::String(flow.tenant));
  return map.Build();
}

Value ExecutionMap(const v1::ExecutionHead& head) {
  MapBuilder map;
  map.Set("id", Value::String(head.id()));
  const int64_t begun = head.history_size() > 0 && head.history_count() <= head.history_size()
                            ? head.history(0).micros()
                            : head.created_micros();
  map.Set("startDate", Value::Instant(absl::FromUnixMicros(begun)));
  if (!head.original_id().empty()) map.Set("originalId", Value::String(head.original_id()));
  // A task that runs sees RUNNING, whatever brought the execution there.
  map.Set("state", StateName(IsTerminal(head.state()) ? head.state() : v1::RUNNING));
  return map.Build();
}

Value TaskMap(const flow::Task& task) {
  MapBuilder map;
  map.Set("id", Value::String(task.id));
  map.Set("type", Value::String(task.type_as_written.empty() ? task.type : task.type_as_written));
  return map.Build();
}

Value TaskRunMap(const v1::TaskRun& run) {
  MapBuilder map;
  map.Set("id", Value::String(RunId(run.execution_id(), run.number())));
  if (run.history_size() > 0) {
    map.Set("startDate", Value::Instant(absl::FromUnixMicros(run.history(0).micros())));
  }
  const int previous = run.attempt_count() - (run.has_lease() ? 1 : 0);
  map.Set("attemptsCount", Value::Integer(std::max(previous, 0)));
  if (run.parent() >= 0) {
    map.Set("parentId", Value::String(RunId(run.execution_id(), run.parent())));
  }
  if (run.has_value()) map.Set("value", Value::String(run.value()));
  if (run.iteration() >= 0) map.Set("iteration", Value::Integer(run.iteration()));
  return map.Build();
}

// Enclosing runs, nearest first; those with neither value nor outputs are left out.
std::vector<Value> Parents(const Scope& scope, const v1::TaskRun& run) {
  std::vector<Value> parents;
  for (const v1::TaskRun* above = scope.draft->FindRun(run.parent()); above != nullptr;
       above = scope.draft->FindRun(above->parent())) {
    MapBuilder map;
    if (above->has_value()) {
      MapBuilder taskrun;
      taskrun.Set("value", Value::String(above->value()));
      map.Set("taskrun", taskrun.Build());
    }
    if (above->has_outputs() || above->outputs_apart())
      map.Set("outputs", OutputsOf(scope, *above));
    if (map.size() > 0) parents.push_back(map.Build());
  }
  return parents;
}

// Labels as a map, dots of keys made nesting: `labels.system.correlationId`.
struct LabelTree {
  std::vector<std::pair<std::string, LabelTree>> children;
  std::optional<std::string> text;

  LabelTree& Child(std::string_view key) {
    for (auto& [name, child] : children) {
      if (name == key) return child;
    }
    return children.emplace_back(std::string(key), LabelTree()).second;
  }
  Value Build() const {
    if (children.empty()) return Value::String(text.value_or(""));
    MapBuilder map;
    for (const auto& [name, child] : children) map.Set(name, child.Build());
    return map.Build();
  }
};

std::optional<Value> Labels(const v1::ExecutionPayload& payload) {
  if (payload.labels().empty()) return std::nullopt;
  LabelTree root;
  for (const v1::Label& label : payload.labels()) {
    LabelTree* node = &root;
    std::string_view key = label.key();
    while (true) {
      const size_t dot = key.find('.');
      node = &node->Child(key.substr(0, dot));
      if (dot == std::string_view::npos) break;
      key.remove_prefix(dot + 1);
    }
    node->text = label.value();
  }
  return root.Build();
}

Value DecodedInputs(const Scope& scope) {
  if (!scope.draft->payload_changed()) return scope.draft->base().inputs();
  const std::string& json = scope.draft->payload().inputs().utf8();
  if (json.empty()) return Value();
  absl::StatusOr<Value> value = expression::ParseJson(json);
  return value.ok() ? *std::move(value) : Value();
}

std::optional<Value> Inputs(const Scope& scope) {
  Value stored = DecodedInputs(scope);
  if (scope.open_sealed) {
    for (const flow::Input& input : scope.flow->inputs) {
      if (input.type != "SECRET") continue;
      stored = OpenEnvelopes(stored, scope.environment->sealer);
      break;
    }
  }
  Value all = flow::WithDefaults(scope.flow->inputs, stored);
  if (!all.is_map() || all.size() == 0) return std::nullopt;
  return all;
}

std::optional<Value> IfNotNull(Value value) {
  if (value.is_null()) return std::nullopt;
  return value;
}

}  // namespace

Value OutputsOf(const Scope& scope, const v1::TaskRun& run) {
  const std::string* json = nullptr;
  if (run.outputs_apart()) {
    const v1::TaskRunPayload* row =
        scope.draft->FindRunPayload(run.number(), v1::TaskRunPayload::OUTPUTS);
    if (row != nullptr) json = &row->body().utf8();
  } else if (run.has_outputs()) {
    json = &run.outputs().utf8();
  }
  if (json == nullptr || json->empty()) return MapBuilder().Build();
  absl::StatusOr<Value> value = expression::ParseJson(*json);
  if (!value.ok()) return MapBuilder().Build();
  if (scope.open_sealed && MayHoldEnvelope(*json)) {
    return OpenEnvelopes(*value, scope.environment->sealer);
  }
  return *std::move(value);
}

Value VarsOf(const Scope& scope) {
  if (!scope.draft->payload_changed()) {
    const Value& stored = scope.draft->base().variables();
    return stored.is_null() ? scope.flow->variables : stored;
  }
  const std::string& json = scope.draft->payload().variables().utf8();
  if (json.empty()) return scope.flow->variables;
  absl::StatusOr<Value> value = expression::ParseJson(json);
  return value.ok() ? *std::move(value) : Value();
}

std::optional<Value> RunVariables::Find(std::string_view name) const {
  if (const Value* extra = scope_.extra.Find(name)) return *extra;
  const v1::TaskRun* run = scope_.draft->FindRun(scope_.run);
  const flow::Task* task = run == nullptr ? nullptr : scope_.flow->FindTask(run->task_id());
  if (name == "flow") return FlowMap(*scope_.flow);
  if (name == "execution") return ExecutionMap(scope_.draft->head());
  if (name == "task") return task == nullptr ? std::nullopt : std::optional(TaskMap(*task));
  if (name == "taskrun") return run == nullptr ? std::nullopt : std::optional(TaskRunMap(*run));
  if (name == "parents") {
    return run == nullptr ? std::nullopt : std::optional(Value::List(Parents(scope_, *run)));
  }
  if (name == "parent") {
    if (run == nullptr) return std::nullopt;
    std::vector<Value> parents = Parents(scope_, *run);
    return parents.empty() ? std::nullopt : std::optional(std::move(parents.front()));
  }
  if (name == "inputs") return Inputs(scope_);
  if (name == "outputs" || name == "tasks") {
    if (scope_.draft->run_count() == 0) return std::nullopt;
    return Value::OfView(
        RunsView(scope_, name == "outputs" ? LeafKind::kOutputs : LeafKind::kState));
  }
  if (name == "trigger") {
    return scope_.draft->head().has_trigger() ? IfNotNull(scope_.draft->base().trigger_variables())
                                              : std::nullopt;
  }
  if (name == "labels") return Labels(scope_.draft->payload());
  if (name == "envs") return scope_.environment->envs;
  if (name == "globals") return scope_.environment->globals;
  const Value vars = VarsOf(scope_);
  if (name == "vars") {
    return vars.is_map() && vars.size() > 0 ? std::optional(vars) : std::nullopt;
  }
  if (const Value* variable = vars.Find(name)) return *variable;
  return std::nullopt;
}

std::vector<std::string> RunVariables::Names() const {
  std::vector<std::string> names;
  for (const std::string_view name :
       {"envs", "globals", "flow", "vars", "inputs", "execution", "task", "taskrun", "parents",
        "parent", "outputs", "tasks", "trigger", "labels"}) {
    if (Find(name)) names.emplace_back(name);
  }
  const Value vars = VarsOf(scope_);
  if (vars.is_map()) {
    for (const expression::MapEntry& entry : vars.entries()) {
      if (entry.key.is_string() &&
          std::find(names.begin(), names.end(), entry.key.AsString()) == names.end()) {
        names.push_back(entry.key.AsString());
      }
    }
  }
  return names;
}

}  // namespace orch::engine
