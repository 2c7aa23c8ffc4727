#include "controlplane/flow/task_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "controlplane/flow/duration.h"
#include "controlplane/flow/language.h"
#include "controlplane/flow/schema_check.h"

namespace orch::flow {
namespace {

using expression::Value;

constexpr size_t kTaskIdLengthMax = 256;

bool IsBase(std::string_view name) {
  const auto& names = BaseProperties();
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Types that stand in other places of a flow than its lists of tasks.
bool IsNoTask(std::string_view canonical) {
  const std::string_view group = canonical.substr(0, canonical.find('.'));
  return (group == "trigger" && canonical != "trigger.Toggle") || group == "condition" ||
         group == "runner" || canonical == "http.Trigger";
}

Flowable FlowableOf(std::string_view canonical) {
  static constexpr std::pair<std::string_view, Flowable> kFlowables[] = {
      {"flow.Sequential", Flowable::kSequential},
      {"flow.Parallel", Flowable::kParallel},
      {"flow.If", Flowable::kIf},
      {"flow.ForEach", Flowable::kForEach},
      {"flow.EachSequential", Flowable::kForEach},
      {"flow.EachParallel", Flowable::kForEach},
      {"flow.Switch", Flowable::kSwitch},
      {"flow.Dag", Flowable::kDag},
      {"flow.AllowFailure", Flowable::kAllowFailure},
      {"flow.Sleep", Flowable::kSleep}};
  for (const auto& [name, flowable] : kFlowables) {
    if (name == canonical) return flowable;
  }
  return Flowable::kNone;
}

// A base property at its default says nothing: the API's JSON leaves it out.
bool IsDefault(const YamlEntry& entry) {
  if (entry.value->is_null()) return true;
  static constexpr std::string_view kFalse[] = {"disabled", "allowFailure", "allowWarning",
                                                "logToFile"};
  return std::find(std::begin(kFalse), std::end(kFalse), entry.key) != std::end(kFalse) &&
         entry.value->kind == YamlNode::Kind::kBool && entry.value->text[0] != 't' &&
         entry.value->text[0] != 'T';
}

const YamlNode& AsAuthored(const YamlNode& node) {
  return node.before_injection != nullptr ? *node.before_injection : node;
}

}  // namespace

const std::vector<std::string>& BaseProperties() {
  static const auto* const names = new std::vector<std::string>{
      "id",        "type",        "version",        "description",  "disabled",     "runIf",
      "when",      "retry",       "timeout",        "allowFailure", "allowWarning", "logLevel",
      "logToFile", "workerGroup", "workerSelector", "taskCache",    "assets",       "worker"};
  return *names;
}

TaskList TaskReader::ReadList(const YamlNode& list, const std::string& path, int parent,
                              bool disabled_above) {
  TaskList tasks;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const YamlNode& node = *list.items[i];
    const std::string item_path = ItemPath(path, i);
    if (!node.is_map()) {
      reading_->Fatal(node.mark, item_path,
                      node.is_null()
                          ? "must not be null"
                          : absl::StrFormat("must be a task (a map), not %s", node.KindName()));
      continue;
    }
    tasks.push_back(ReadTask(node, item_path, parent, disabled_above));
  }
  return tasks;
}

std::unique_ptr<Task> TaskReader::ReadTask(const YamlNode& node, const std::string& path,
                                           int parent, bool disabled_above) {
  auto task = std::make_unique<Task>();
  task->mark = node.mark;
  task->parent = parent;
  task->index = static_cast<int>(flow_->tasks_by_index.size());
  flow_->tasks_by_index.push_back(task.get());

  const YamlEntry* id = node.Find("id");
  const bool has_label = id != nullptr && id->value->is_scalar() && !id->value->text.empty();
  const std::string label = has_label ? id->value->text.substr(0, kTaskIdLengthMax) : path;
  Fields fields(reading_, node, path, label);
  if (!fields.Id("id", kTaskIdPattern, kTaskIdLengthMax, &task->id) && task->id.empty()) {
    reading_->MakeFatal();
  }
  task->disabled = fields.Flag("disabled", false);
  task->disabled_above = disabled_above || task->disabled;
  const TaskType* type = nullptr;
  ReadType(node, &fields, label, task.get(), &type);
  ReadBase(&fields, path, task.get());
  ReadProperties(node, path, label, type, &fields, task.get());
  if (type != nullptr) {
    ReadLists(node, path, *type, task.get());
    if (task->place == Place::kFlowable) CheckFlowable(node, &fields, task.get());
  }
  return task;
}

void TaskReader::ReadType(const YamlNode& node, Fields* fields, const std::string& label,
                          Task* task, const TaskType** type) {
  const YamlNode* written = fields->Take("type");
  if (written == nullptr) {
    reading_->Fatal(node.mark, fields->PathOf("type"), "Invalid type: null");
    reading_->Error(node.mark, label, "missing type id property 'type'");
    return;
  }
  task->type_as_written = fields->Text("type");
  if (task->type_as_written.empty()) {
    reading_->Fatal(written->mark, fields->PathOf("type"), "Invalid type: must not be blank");
    return;
  }
  task->type = reading_->types.Canonical(task->type_as_written);
  *type = reading_->types.Find(task->type_as_written);
  if (*type == nullptr || IsNoTask(task->type)) {
    *type = nullptr;
    return RefuseUnknownType(*written, fields->PathOf("type"), *task);
  }
  task->place = (*type)->place;
  task->flowable = FlowableOf(task->type);
  if (task->place == Place::kFlowable && !task->disabled_above &&
      !reading_->options.features.flowables.contains(task->type)) {
    reading_->Fatal(written->mark, fields->PathOf("type"),
                    absl::StrFormat("`%s` cannot be run by this release yet", task->type));
  }
  if ((*type)->deprecated) {
    reading_->Add(Severity::kDeprecation, written->mark, label,
                  absl::StrFormat("`%s` is deprecated", task->type_as_written));
  }
  if (reading_->types.IsAlias(task->type_as_written)) {
    reading_->Add(
        Severity::kInfo, written->mark, label,
        absl::StrFormat("`%s` is an older name of `%s`", task->type_as_written, task->type));
  }
}

void TaskReader::RefuseUnknownType(const YamlNode& node, const std::string& path,
                                   const Task& task) {
  if (IsNoTask(task.type) && TaskTypes::IsInLanguage(task.type)) {
    return reading_->Fatal(node.mark, path,
                           absl::StrFormat("Invalid type: %s is no task", task.type_as_written));
  }
  if (TaskTypes::IsInLanguage(task.type)) {
    if (task.disabled_above) return;
    const std::string message =
        absl::StrFormat("`%s` cannot be run by this release yet", task.type);
    if (task.type.compare(0, 5, "flow.") == 0) return reading_->Fatal(node.mark, path, message);
    return reading_->Error(node.mark, path, message);
  }
  const std::string closest =
      reading_->may_suggest() ? reading_->types.Closest(task.type_as_written) : "";
  const std::string hint = closest.empty() ? "" : absl::StrFormat("; did you mean `%s`?", closest);
  if (TaskTypes::IsCore(task.type) || TaskTypes::IsCore(task.type_as_written)) {
    return reading_->Error(node.mark, path, "Invalid type: " + task.type_as_written + hint);
  }
  reading_->Add(reading_->options.strict ? Severity::kError : Severity::kWarning, node.mark, path,
                absl::StrFormat("no worker has brought `%s` yet; its properties are unchecked%s",
                                task.type, hint));
}

void TaskReader::ReadBase(Fields* fields, const std::string& path, Task* task) {
  const EngineFeatures& features = reading_->options.features;
  task->version = fields->Text("version");
  task->description = fields->Text("description");
  task->run_if = fields->Text("runIf");
  const std::string when = fields->Text("when");
  if (task->run_if.empty()) {
    task->run_if = when;
  } else if (!when.empty()) {
    reading_->Error(fields->KeyMarkOf("when"), fields->PathOf("when"),
                    "`when` and `runIf` mean the same; write one of them");
  }
  task->timeout = fields->Text("timeout");
  if (!task->timeout.empty() && !HoldsExpression(task->timeout) && !ParseDuration(task->timeout)) {
    reading_->Warn(fields->MarkOf("timeout"), fields->PathOf("timeout"),
                   absl::StrFormat("`%s` is no duration; the task will fail when it runs",
                                   task->timeout.substr(0, 100)));
  }
  task->allow_failure = fields->Flag("allowFailure", false);
  task->allow_warning = fields->Flag("allowWarning", false);
  task->log_level = fields->Word("logLevel", {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"});
  task->log_to_file = fields->Flag("logToFile", false);
  if (const YamlNode* retry = fields->Map("retry")) {
    task->retry = ReadRetry(reading_, *retry, path + ".retry", !task->disabled_above);
  }
  if (const YamlNode* group = fields->Map("workerGroup")) {
    task->worker_group =
        ReadWorkerGroup(reading_, *group, path + ".workerGroup", !task->disabled_above);
  }
  if (const YamlNode* worker = fields->Map("worker")) {
    Fields policy(reading_, *worker, path + ".worker", path + ".worker");
    task->restart_never =
        policy.Word("restartStrategy",
                    {"IMMEDIATELY", "AFTER_TERMINATION_GRACE_PERIOD", "NEVER"}) == "NEVER";
    policy.Done();
  }
  fields->Map("workerSelector");
  fields->Map("taskCache");
  fields->Take("assets");
  if (task->disabled_above) return;
  const auto refuse = [&](bool built, const char* name) {
    const YamlEntry* entry = fields->Entry(name);
    if (!built && entry != nullptr && !entry->value->is_null()) {
      reading_->NotYet(entry->key_mark, fields->PathOf(name), name);
    }
  };
  refuse(features.retry, "retry");
  refuse(features.worker_group, "workerGroup");
  refuse(features.worker_selector, "workerSelector");
  refuse(features.task_cache, "taskCache");
  if (task->log_to_file) refuse(features.log_to_file, "logToFile");
}

void TaskReader::ReadProperties(const YamlNode& node, const std::string& path,
                                const std::string& label, const TaskType* type, Fields* fields,
                                Task* task) {
  expression::MapBuilder properties;
  for (const YamlEntry& entry : node.entries) {
    if (IsBase(entry.key)) continue;
    const Schema* schema = type == nullptr ? nullptr : type->schema.Find(entry.key);
    if (schema == nullptr) {
      if (type == nullptr || type->schema.additional) {
        fields->Take(entry.key);
        properties.Set(entry.key, ToValue(*entry.value));
      }
      continue;
    }
    fields->Take(entry.key);
    if (schema->deprecated) {
      reading_->Add(Severity::kDeprecation, entry.key_mark, fields->PathOf(entry.key),
                    absl::StrFormat("`%s` is deprecated", entry.key));
    }
    if (schema->IsTaskList() || entry.value->is_null()) continue;
    CheckNode(*entry.value, *schema, fields->PathOf(entry.key), reading_->complaints());
    properties.Set(entry.key, ToValue(*entry.value, *schema));
  }
  if (type != nullptr) {
    for (const auto& [name, schema] : type->schema.properties) fields->Take(name);
    for (const std::string& name : type->schema.required) {
      const Schema* schema = type->schema.Find(name);
      if (schema != nullptr && !schema->IsTaskList() && fields->Take(name) == nullptr) {
        reading_->Error(fields->MarkOf(name), fields->PathOf(name), "must not be null");
      }
    }
  }
  fields->Done();
  task->properties = properties.Build();

  expression::MapBuilder as_written;
  for (const YamlEntry& entry : AsAuthored(node).entries) {
    const Schema* schema = type == nullptr ? nullptr : type->schema.Find(entry.key);
    if ((schema != nullptr && schema->IsTaskList()) || IsDefault(entry)) continue;
    as_written.Set(entry.key,
                   schema == nullptr ? ToValue(*entry.value) : ToValue(*entry.value, *schema));
    if (entry.key != "id" && entry.key != "type" && entry.key != "description") {
      reading_->CheckExpressions(*entry.value, label + "." + entry.key);
    }
  }
  task->as_written = as_written.Build();
}

}  // namespace orch::flow
