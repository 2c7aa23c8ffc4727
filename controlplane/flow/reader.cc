#include "controlplane/flow/reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "controlplane/flow/flow_rules.h"
#include "controlplane/flow/input_reader.h"
#include "controlplane/flow/plugin_defaults.h"
#include "controlplane/flow/reading.h"
#include "controlplane/flow/task_reader.h"
#include "controlplane/flow/trigger_reader.h"

namespace orch::flow {
namespace {

using expression::Value;

constexpr size_t kFlowIdLengthMax = 100;
constexpr size_t kNamespaceLengthMax = 150;
constexpr size_t kComplaintCountMax = 1'000;

const char* const kReservedIds[] = {"pause",      "resume", "force-run", "change-status", "kill",
                                    "executions", "search", "source",    "disable",       "enable"};

// A value as the API's JSON shows it: nulls and base properties at their default are left out of
// everything that has an id and a type.
Value Shown(const YamlNode& node) {
  if (node.is_list()) {
    std::vector<Value> items;
    items.reserve(node.items.size());
    for (const YamlNode* item : node.items) items.push_back(Shown(*item));
    return Value::List(std::move(items));
  }
  if (!node.is_map()) return ToValue(node);
  const bool is_object = node.Find("type") != nullptr;
  expression::MapBuilder map;
  for (const YamlEntry& entry : node.entries) {
    const YamlNode& value = *entry.value;
    if (is_object && value.is_null()) continue;
    const bool says_nothing = entry.key == "disabled" || entry.key == "allowFailure" ||
                              entry.key == "allowWarning" || entry.key == "logToFile";
    if (is_object && says_nothing && value.kind == YamlNode::Kind::kBool &&
        !ToValue(value).AsBool()) {
      continue;
    }
    map.Set(entry.key, Shown(value));
  }
  return map.Build();
}

class FlowReader {
 public:
  FlowReader(Reading* reading, Flow* flow)
      : reading_(reading), flow_(flow), tasks_(reading, flow) {}

  void Read(const YamlNode& root) {
    Fields fields(reading_, root, "", "");
    ReadNames(&fields);
    ReadTasks(&fields);
    ReadValues(&fields);
    RefuseUnbuilt(&fields);
    fields.Done();
    const YamlNode& authored = root.before_injection != nullptr ? *root.before_injection : root;
    CheckFlowRules(reading_, *flow_, authored);
    flow_->document = DocumentOf(authored);
    for (const Task* task : flow_->tasks_by_index) flow_->tasks_by_id.emplace(task->id, task);
  }

 private:
  void ReadNames(Fields* fields) {
    if (!fields->Id("id", kFlowIdPattern, kFlowIdLengthMax, &flow_->id) && flow_->id.empty()) {
      reading_->MakeFatal();
    }
    if (!fields->Id("namespace", kNamespacePattern, kNamespaceLengthMax, &flow_->namespace_) &&
        flow_->namespace_.empty()) {
      reading_->MakeFatal();
    }
    if (std::find(std::begin(kReservedIds), std::end(kReservedIds), flow_->id) !=
        std::end(kReservedIds)) {
      reading_->Warn(fields->MarkOf("id"), "id",
                     absl::StrFormat("`%s` is a reserved word; start this flow by POST "
                                     "/executions/trigger/%s/%s",
                                     flow_->id, flow_->namespace_, flow_->id));
    }
    fields->Take("tenantId");
    fields->Integer("revision");
    flow_->description = fields->Text("description");
    flow_->disabled = fields->Flag("disabled", false);
    fields->Flag("deleted", false);
    fields->Flag("draft", false);
    fields->Take("pluginDefaults");
    fields->Take("taskDefaults");
    for (const char* name : {"pluginDefaults", "taskDefaults"}) {
      if (const YamlEntry* section = fields->Entry(name)) {
        reading_->CheckExpressions(*section->value, name);
      }
    }
    if (fields->Entry("taskDefaults") != nullptr) {
      reading_->Add(Severity::kDeprecation, fields->KeyMarkOf("taskDefaults"), "taskDefaults",
                    "`taskDefaults` is an older name of `pluginDefaults`");
    }
  }

  void ReadTasks(Fields* fields) {
    const EngineFeatures& features = reading_->options.features;
    const YamlNode* tasks = fields->Take("tasks");
    if (tasks != nullptr && !tasks->is_list()) {
      reading_->Fatal(tasks->mark, "tasks",
                      absl::StrFormat("must be a list of tasks, not %s", tasks->KindName()));
    } else if (tasks == nullptr || tasks->items.empty()) {
      reading_->Fatal(fields->MarkOf("tasks"), "tasks", "must not be empty");
    } else {
      flow_->tasks = tasks_.ReadList(*tasks, "tasks", -1, false);
    }
    const auto branch = [&](const char* name, bool built, TaskList* into) {
      const YamlNode* list = fields->List(name);
      if (list == nullptr) return;
      *into = tasks_.ReadList(*list, name, -1, false);
      if (!built && !into->empty()) reading_->NotYet(fields->KeyMarkOf(name), name, name);
    };
    branch("errors", features.errors, &flow_->errors);
    branch("finally", features.finally, &flow_->finally);
    branch("afterExecution", features.after_execution, &flow_->after_execution);
    ReadListeners(fields);
  }

  void ReadListeners(Fields* fields) {
    const YamlNode* list = fields->List("listeners");
    if (list == nullptr || list->items.empty()) return;
    reading_->Add(Severity::kDeprecation, fields->KeyMarkOf("listeners"), "listeners",
                  "`listeners` are deprecated; use `afterExecution`");
    if (!reading_->options.features.listeners) {
      reading_->NotYet(fields->KeyMarkOf("listeners"), "listeners", "listeners");
    }
    for (size_t i = 0; i < list->items.size(); ++i) {
      const YamlNode& node = *list->items[i];
      const std::string path = ItemPath("listeners", i);
      if (!node.is_map()) {
        reading_->Fatal(node.mark, path, absl::StrFormat("must be a map, not %s", node.KindName()));
        continue;
      }
      Fields listener(reading_, node, path, path);
      Listener& read = flow_->listeners.emplace_back();
      read.description = listener.Text("description");
      if (const YamlNode* conditions = listener.List("conditions"))
        read.conditions = ToValue(*conditions);
      const YamlNode* tasks = listener.List("tasks");
      if (tasks == nullptr || tasks->items.empty()) {
        reading_->Error(listener.MarkOf("tasks"), path + ".tasks", "must not be empty");
      } else {
        read.tasks = tasks_.ReadList(*tasks, path + ".tasks", -1, false);
      }
      listener.Done();
    }
  }

  void ReadValues(Fields* fields) {
    if (const YamlNode* labels = fields->Take("labels"))
      flow_->labels = ReadLabels(reading_, *labels, "labels");
    if (const YamlNode* variables = fields->Map("variables"))
      flow_->variables = ToValue(*variables);
    if (const YamlNode* inputs = fields->List("inputs")) {
      flow_->inputs = ReadInputs(reading_, *inputs, "inputs");
    }
    if (const YamlNode* outputs = fields->List("outputs"))
      flow_->outputs = ReadOutputs(reading_, *outputs);
    if (const YamlNode* retry = fields->Map("retry"))
      flow_->retry = ReadRetry(reading_, *retry, "retry", /*runs=*/true);
    if (const YamlNode* group = fields->Map("workerGroup")) {
      flow_->worker_group = ReadWorkerGroup(reading_, *group, "workerGroup", /*runs=*/true);
    }
    if (const YamlNode* node = fields->Map("concurrency")) ReadConcurrency(*node);
    if (const YamlNode* list = fields->List("triggers")) ReadTriggers(reading_, *list);
    if (const YamlNode* list = fields->List("sla")) ReadSlas(reading_, *list);
    if (const YamlNode* list = fields->List("checks")) ReadChecks(reading_, *list);
    fields->List("quotas");
    fields->Map("workerSelector");
  }

  void ReadConcurrency(const YamlNode& node) {
    Fields fields(reading_, node, "concurrency", "concurrency");
    Concurrency concurrency;
    const bool written = fields.Take("limit") != nullptr;
    const auto limit = fields.Integer("limit");
    if (!written || (limit && *limit < 1)) {
      reading_->Error(fields.MarkOf("limit"), "concurrency.limit",
                      "must be greater than or equal to 1");
    }
    concurrency.limit = static_cast<int>(std::clamp<int64_t>(limit.value_or(1), 1, 1'000'000'000));
    const std::string behavior = fields.Word("behavior", {"QUEUE", "CANCEL", "FAIL"});
    concurrency.behavior = behavior == "CANCEL" ? Concurrency::Behavior::kCancel
                           : behavior == "FAIL" ? Concurrency::Behavior::kFail
                                                : Concurrency::Behavior::kQueue;
    fields.Done();
    flow_->concurrency = concurrency;
  }

  // What a lenient or a careless reader would drop without a word.
  void RefuseUnbuilt(Fields* fields) {
    const EngineFeatures& features = reading_->options.features;
    const auto refuse = [&](const char* name, bool built) {
      const YamlNode* node = fields->Take(name);
      if (built || node == nullptr) return;
      if (node->is_list() ? node->items.empty() : node->entries.empty()) return;
      reading_->NotYet(fields->KeyMarkOf(name), name, name);
    };
    refuse("retry", features.retry);
    refuse("concurrency", features.concurrency);
    refuse("sla", features.sla);
    refuse("checks", features.checks);
    refuse("quotas", features.quotas);
    refuse("workerGroup", features.worker_group);
    refuse("workerSelector", features.worker_selector);
  }

  // The document as the API's JSON shows it.
  Value DocumentOf(const YamlNode& root) const {
    expression::MapBuilder map;
    for (const YamlEntry& entry : root.entries) {
      const std::string& key = entry.key;
      if (entry.value->is_null() || key == "tenantId" || key == "revision" || key == "disabled" ||
          key == "deleted") {
        continue;
      }
      if (key != "labels") {
        // Maps of values are shown as they are, nulls included.
        map.Set(key, key == "variables" ? ToValue(*entry.value) : Shown(*entry.value));
        continue;
      }
      std::vector<Value> labels;
      for (const auto& [name, value] : flow_->labels) {
        expression::MapBuilder label;
        label.Set("key", Value::String(name)).Set("value", Value::String(value));
        labels.push_back(label.Build());
      }
      map.Set(key, Value::List(std::move(labels)));
    }
    return map.Build();
  }

  Reading* reading_;
  Flow* flow_;
  TaskReader tasks_;
};

std::string TopLevelText(const YamlNode& root, const char* name) {
  const YamlEntry* entry = root.is_map() ? root.Find(name) : nullptr;
  return entry != nullptr && entry->value->is_scalar() ? entry->value->text : "";
}

void SortAndBound(std::vector<Complaint>* complaints) {
  std::stable_sort(
      complaints->begin(), complaints->end(), [](const Complaint& a, const Complaint& b) {
        return std::pair(a.mark.line, a.mark.column) < std::pair(b.mark.line, b.mark.column);
      });
  // An alias or a default that is wrong is wrong everywhere: once is enough.
  complaints->erase(std::unique(complaints->begin(), complaints->end(),
                                [](const Complaint& a, const Complaint& b) {
                                  return a.mark.line == b.mark.line &&
                                         a.mark.column == b.mark.column && a.path == b.path &&
                                         a.message == b.message;
                                }),
                    complaints->end());
  if (complaints->size() <= kComplaintCountMax) return;
  // Errors are what must not get lost.
  std::stable_partition(complaints->begin(), complaints->end(),
                        [](const Complaint& c) { return c.severity == Severity::kError; });
  const size_t more = complaints->size() - kComplaintCountMax;
  const Severity severity = (*complaints)[kComplaintCountMax].severity;
  complaints->resize(kComplaintCountMax);
  complaints->push_back({severity, {}, "", absl::StrFormat("and %d more complaints", more)});
}

}  // namespace

EngineFeatures EngineFeatures::All() {
  EngineFeatures all;
  all.errors = all.finally = all.after_execution = all.listeners = true;
  all.retry = all.retry_by_new_execution = all.worker_group_fallback = true;
  all.concurrency = all.triggers = all.sla = all.checks = all.quotas = true;
  all.task_cache = all.log_to_file = all.worker_group = all.worker_selector = true;
  return all;
}

ReadResult ReadFlow(std::string_view yaml, const TaskTypes& types, const ReadOptions& options) {
  ReadResult result;
  const auto document = YamlDocument::Read(yaml, options.limits, &result.complaints);
  if (document == nullptr) {
    SortAndBound(&result.complaints);
    return result;
  }
  Reading reading(types, options, *document, &result.complaints);
  result.id = TopLevelText(document->root(), "id");
  result.namespace_ = TopLevelText(document->root(), "namespace");
  auto flow = std::make_shared<Flow>();
  if (!document->root().is_map()) {
    reading.Fatal(document->root().mark, "",
                  absl::StrFormat("a flow must be a map, not %s", document->root().KindName()));
  } else {
    const YamlNode* root = InjectDefaults(&reading, document.get());
    flow->tenant = options.tenant;
    flow->revision = options.revision;
    FlowReader(&reading, flow.get()).Read(*root);
  }
  SortAndBound(&result.complaints);
  if (options.lenient && !reading.fatal()) {
    for (Complaint& complaint : result.complaints) {
      if (complaint.severity == Severity::kError) complaint.severity = Severity::kWarning;
    }
  }
  if (!AnyError(result.complaints)) result.flow = std::move(flow);
  return result;
}

}  // namespace orch::flow
