#include "controlplane/flow/trigger_reader.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "controlplane/flow/flow_rules.h"

namespace orch::flow {
namespace {

constexpr size_t kTriggerIdLengthMax = 256;
constexpr size_t kWebhookKeyLengthMax = 256;

bool IsMap(Reading* reading, const YamlNode& node, const std::string& path) {
  if (node.is_map()) return true;
  reading->Error(node.mark, path, absl::StrFormat("must be a map, not %s", node.KindName()));
  return false;
}

// The properties of the core's triggers; nullptr for a type that is none of them.
const std::vector<const char*>* PropertiesOf(std::string_view canonical) {
  static const auto* const common = new std::vector<const char*>{"description",
                                                                 "conditions",
                                                                 "when",
                                                                 "labels",
                                                                 "inputs",
                                                                 "stopAfter",
                                                                 "logLevel",
                                                                 "minLogLevel",
                                                                 "logToFile",
                                                                 "workerGroup",
                                                                 "workerSelector",
                                                                 "version",
                                                                 "failOnTriggerError",
                                                                 "allowConcurrent",
                                                                 "assets"};
  static const auto* const by_type =
      new std::map<std::string, std::vector<const char*>, std::less<>>{
          {"trigger.Schedule",
           {"cron", "withSeconds", "timezone", "scheduleConditions", "lateMaximumDelay",
            "recoverMissedSchedules", "backfill"}},
          {"trigger.ScheduleOnDates", {"dates", "timezone", "recoverMissedSchedules"}},
          {"trigger.Flow",
           {"states", "preconditions", "dependsOn", "window", "multipleConditions"}},
          {"trigger.Webhook",
           {"key", "wait", "returnOutputs", "responseContentType", "responseCode"}},
      };
  static const auto* const all = [] {
    auto* merged = new std::map<std::string, std::vector<const char*>, std::less<>>(*by_type);
    for (auto& [type, names] : *merged) names.insert(names.end(), common->begin(), common->end());
    return merged;
  }();
  const auto found = all->find(canonical);
  return found == all->end() ? nullptr : &found->second;
}

void ReadTriggerType(Reading* reading, Fields* fields, const YamlNode& node,
                     const std::string& path) {
  const YamlNode* written = fields->Take("type");
  if (written == nullptr) {
    reading->Error(node.mark, path + ".type", "Invalid type: null");
    return;
  }
  const std::string type = fields->Text("type");
  const std::string canonical = reading->types.Canonical(type);
  const bool in_language = TaskTypes::IsInLanguage(canonical);
  if (!in_language && TaskTypes::IsCore(canonical)) {
    const std::string closest = reading->may_suggest() ? reading->types.Closest(type) : "";
    reading->Error(
        written->mark, path + ".type",
        "Invalid type: " + type + (closest.empty() ? "" : "; did you mean `" + closest + "`?"));
  } else if (!in_language && reading->types.Find(type) == nullptr) {
    reading->Add(
        reading->options.strict ? Severity::kError : Severity::kWarning, written->mark,
        path + ".type",
        absl::StrFormat("no worker has brought `%s` yet; its properties are unchecked", canonical));
  }
  if (reading->types.IsAlias(type)) {
    reading->Add(Severity::kInfo, written->mark, path,
                 absl::StrFormat("`%s` is an older name of `%s`", type, canonical));
  }
  if (canonical == "trigger.Webhook") {
    const std::string key = fields->Text("key");
    if (fields->Take("key") == nullptr) {
      reading->Error(node.mark, path + ".key", "must not be null");
    } else if (key.size() > kWebhookKeyLengthMax) {
      reading->Error(fields->MarkOf("key"), path + ".key",
                     absl::StrFormat("size must be between 0 and %d", kWebhookKeyLengthMax));
    }
    if (const YamlNode* conditions = fields->List("conditions")) {
      for (const YamlNode* condition : conditions->items) {
        const YamlEntry* kind = condition->is_map() ? condition->Find("type") : nullptr;
        if (kind == nullptr ||
            reading->types.Canonical(kind->value->text) != "condition.MultipleCondition") {
          continue;
        }
        reading->Error(kind->value->mark, path + ".conditions",
                       "a webhook has one call at a time: conditions of type MultipleCondition are "
                       "not supported");
      }
    }
  }
  if (canonical == "trigger.Schedule") {
    if (fields->Take("cron") == nullptr) {
      reading->Error(node.mark, path + ".cron", "must not be null");
    }
    fields->Word("recoverMissedSchedules", {"ALL", "LAST", "NONE"});
  }
  if (const auto* names = PropertiesOf(canonical)) {
    for (const char* name : *names) fields->Take(name);
    fields->Done();
  }
}

}  // namespace

void ReadTriggers(Reading* reading, const YamlNode& list) {
  for (size_t i = 0; i < list.items.size(); ++i) {
    const YamlNode& node = *list.items[i];
    const std::string path = ItemPath("triggers", i);
    if (!IsMap(reading, node, path)) continue;
    Fields fields(reading, node, path, path);
    std::string id;
    fields.Id("id", kTaskIdPattern, kTriggerIdLengthMax, &id);
    const bool disabled = fields.Flag("disabled", false);
    ReadTriggerType(reading, &fields, node, path);
    if (!reading->options.features.triggers && !disabled) {
      reading->NotYet(node.mark, path, "triggers");
    }
  }
}

void ReadSlas(Reading* reading, const YamlNode& list) {
  for (size_t i = 0; i < list.items.size(); ++i) {
    const YamlNode& node = *list.items[i];
    const std::string path = ItemPath("sla", i);
    if (!IsMap(reading, node, path)) continue;
    Fields fields(reading, node, path, path);
    if (fields.Text("id").empty())
      reading->Error(fields.MarkOf("id"), path + ".id", "must not be empty");
    const auto required = [&](const char* name) {
      if (fields.Take(name) == nullptr)
        reading->Error(node.mark, path + "." + name, "must not be null");
    };
    required("type");
    required("behavior");
    const std::string type = fields.Word("type", {"MAX_DURATION", "EXECUTION_ASSERTION"});
    fields.Word("behavior", {"FAIL", "CANCEL", "NONE"});
    if (type == "MAX_DURATION") {
      required("duration");
      fields.Duration("duration");
    } else {
      fields.Take("duration");
    }
    if (type == "EXECUTION_ASSERTION") required("assert");
    if (const YamlNode* expression = fields.Take("assert")) {
      reading->CheckExpressions(*expression, path + ".assert");
    }
    if (const YamlNode* labels = fields.Take("labels"))
      ReadLabels(reading, *labels, path + ".labels");
    fields.Done();
  }
}

void ReadChecks(Reading* reading, const YamlNode& list) {
  for (size_t i = 0; i < list.items.size(); ++i) {
    const YamlNode& node = *list.items[i];
    const std::string path = ItemPath("checks", i);
    if (!IsMap(reading, node, path)) continue;
    Fields fields(reading, node, path, path);
    const YamlNode* condition = fields.Take("condition");
    const YamlNode* when = fields.Take("when");
    if (condition == nullptr && when == nullptr) {
      reading->Error(node.mark, path + ".condition", "must not be null");
    }
    for (const YamlNode* expression : {condition, when}) {
      if (expression != nullptr) reading->CheckExpressions(*expression, path + ".condition");
    }
    if (fields.Text("message").empty()) {
      reading->Error(fields.MarkOf("message"), path + ".message", "must not be empty");
    }
    fields.Word("style", {"ERROR", "SUCCESS", "WARNING", "INFO"});
    fields.Word("behavior", {"BLOCK_EXECUTION", "FAIL_EXECUTION", "CREATE_EXECUTION"});
    fields.Done();
  }
}

}  // namespace orch::flow
