#include "controlplane/flow/language.h"

#include <algorithm>
#include <map>
#include <set>

namespace orch::flow {
namespace {

// Conditions whose older names end in `Condition`.
const char* const kPlainConditions[] = {"DateTimeBetween",
                                        "DayWeek",
                                        "DayWeekInMonth",
                                        "ExecutionFlow",
                                        "ExecutionLabels",
                                        "ExecutionNamespace",
                                        "ExecutionOutputs",
                                        "ExecutionStatus",
                                        "HasRetryAttempt",
                                        "Not",
                                        "Or",
                                        "PublicHoliday",
                                        "TimeBetween",
                                        "Weekend"};

const char* const kCoreTypes[] = {"log.Log",
                                  "log.Fetch",
                                  "log.PurgeLogs",
                                  "debug.Echo",
                                  "debug.Return",
                                  "execution.Count",
                                  "execution.Fail",
                                  "execution.Labels",
                                  "execution.PurgeExecutions",
                                  "execution.Resume",
                                  "execution.Exit",
                                  "execution.Assert",
                                  "execution.SetVariables",
                                  "execution.UnsetVariables",
                                  "execution.Kill",
                                  "http.Request",
                                  "http.Download",
                                  "http.Trigger",
                                  "http.SseRequest",
                                  "kv.Set",
                                  "kv.Get",
                                  "kv.GetKeys",
                                  "kv.Delete",
                                  "kv.PurgeKV",
                                  "kv.Put",
                                  "metric.Publish",
                                  "namespace.UploadFiles",
                                  "namespace.DownloadFiles",
                                  "namespace.DeleteFiles",
                                  "namespace.PurgeFiles",
                                  "output.OutputValues",
                                  "state.Get",
                                  "state.Set",
                                  "state.Delete",
                                  "storage.Concat",
                                  "storage.DeduplicateItems",
                                  "storage.Delete",
                                  "storage.FilterItems",
                                  "storage.LocalFiles",
                                  "storage.PurgeCurrentExecutionFiles",
                                  "storage.Reverse",
                                  "storage.Size",
                                  "storage.Split",
                                  "storage.Write",
                                  "templating.TemplatedTask",
                                  "trigger.Toggle",
                                  "flow.AllowFailure",
                                  "flow.Dag",
                                  "flow.EachParallel",
                                  "flow.EachSequential",
                                  "flow.ForEach",
                                  "flow.ForEachItem",
                                  "flow.If",
                                  "flow.LoopUntil",
                                  "flow.Loop",
                                  "flow.Parallel",
                                  "flow.Pause",
                                  "flow.Sequential",
                                  "flow.Sleep",
                                  "flow.Subflow",
                                  "flow.Switch",
                                  "flow.Template",
                                  "flow.WorkingDirectory",
                                  "trigger.Flow",
                                  "trigger.Schedule",
                                  "trigger.ScheduleOnDates",
                                  "trigger.Webhook",
                                  "condition.Expression",
                                  "condition.FlowCondition",
                                  "condition.FlowNamespaceCondition",
                                  "condition.MultipleCondition",
                                  "runner.Process"};

// Older names that no rule below covers.
const std::pair<const char*, const char*> kAliases[] = {
    {"io.kestra.core.tasks.log.Log", "log.Log"},
    {"io.kestra.core.tasks.log.Fetch", "log.Fetch"},
    {"io.kestra.core.tasks.debugs.Echo", "debug.Echo"},
    {"io.kestra.core.tasks.debugs.Return", "debug.Return"},
    {"io.kestra.core.tasks.executions.Counts", "execution.Count"},
    {"io.kestra.plugin.core.execution.Counts", "execution.Count"},
    {"io.kestra.core.tasks.executions.Fail", "execution.Fail"},
    {"io.kestra.core.tasks.executions.Labels", "execution.Labels"},
    {"io.kestra.core.tasks.storages.Purge", "execution.PurgeExecutions"},
    {"io.kestra.plugin.core.storage.Purge", "execution.PurgeExecutions"},
    {"io.kestra.plugin.fs.http.Request", "http.Request"},
    {"io.kestra.plugin.fs.http.Download", "http.Download"},
    {"io.kestra.plugin.fs.http.Trigger", "http.Trigger"},
    {"io.kestra.core.tasks.states.Get", "state.Get"},
    {"io.kestra.core.tasks.states.Set", "state.Set"},
    {"io.kestra.core.tasks.states.Delete", "state.Delete"},
    {"io.kestra.core.tasks.storages.PurgeExecution", "storage.PurgeCurrentExecutionFiles"},
    {"io.kestra.plugin.core.storage.PurgeExecution", "storage.PurgeCurrentExecutionFiles"},
    {"io.kestra.core.tasks.templating.TemplatedTask", "templating.TemplatedTask"},
    {"io.kestra.core.tasks.trigger.Toggle", "trigger.Toggle"},
    {"io.kestra.core.tasks.flows.Flow", "flow.Subflow"},
    {"io.kestra.plugin.core.flow.Flow", "flow.Subflow"},
    {"io.kestra.core.tasks.flows.Worker", "flow.WorkingDirectory"},
    {"io.kestra.plugin.core.flow.Worker", "flow.WorkingDirectory"},
    {"io.kestra.plugin.core.flow.WaitFor", "flow.LoopUntil"},
    {"io.kestra.core.models.conditions.types.VariableCondition", "condition.Expression"},
    {"io.kestra.plugin.core.condition.VariableCondition", "condition.Expression"},
    {"io.kestra.plugin.core.condition.ExpressionCondition", "condition.Expression"},
    {"io.kestra.core.models.conditions.types.FlowCondition", "condition.FlowCondition"},
    {"io.kestra.core.models.conditions.types.FlowNamespaceCondition",
     "condition.FlowNamespaceCondition"},
    {"io.kestra.core.models.conditions.types.MultipleCondition", "condition.MultipleCondition"},
    {"io.kestra.plugin.core.runner.ProcessTaskRunner", "runner.Process"},
    {"io.kestra.core.models.tasks.runners.types.ProcessTaskRunner", "runner.Process"},
    {"io.kestra.plugin.scripts.runner.docker.DockerTaskRunner", "scripts.runner.docker.Docker"},
    {"io.kestra.plugin.kubernetes.runner.Kubernetes", "ee.kubernetes.runner.Kubernetes"},
    {"io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner", "ee.kubernetes.runner.Kubernetes"},
};

// `old prefix` + X -> `group.` + X for each of these X.
struct Moved {
  const char* prefix;
  const char* group;
  std::vector<const char*> names;
};
const Moved kMoved[] = {
    {"io.kestra.core.tasks.flows.",
     "flow.",
     {"AllowFailure", "Dag", "EachParallel", "EachSequential", "ForEachItem", "If", "Parallel",
      "Pause", "Sequential", "Switch", "Template", "Subflow", "WorkingDirectory"}},
    {"io.kestra.core.tasks.storages.",
     "storage.",
     {"Concat", "DeduplicateItems", "Delete", "FilterItems", "LocalFiles", "Reverse", "Size",
      "Split"}},
    {"io.kestra.core.models.triggers.types.", "trigger.", {"Schedule", "Flow", "Webhook"}},
};

std::map<std::string, std::string, std::less<>> MakeAliases() {
  std::map<std::string, std::string, std::less<>> aliases;
  for (const auto& [older, canonical] : kAliases) aliases.emplace(older, canonical);
  for (const Moved& moved : kMoved) {
    for (const char* name : moved.names) {
      aliases.emplace(std::string(moved.prefix) + name, std::string(moved.group) + name);
    }
  }
  for (const char* name : kPlainConditions) {
    const std::string canonical = std::string("condition.") + name;
    for (const char* prefix :
         {"io.kestra.core.models.conditions.types.", "io.kestra.plugin.core.condition."}) {
      aliases.emplace(std::string(prefix) + name + "Condition", canonical);
    }
  }
  return aliases;
}

}  // namespace

const std::vector<std::string>& CoreTypes() {
  static const auto* const types = [] {
    auto* all = new std::vector<std::string>(std::begin(kCoreTypes), std::end(kCoreTypes));
    for (const char* name : kPlainConditions) all->push_back(std::string("condition.") + name);
    return all;
  }();
  return *types;
}

std::optional<std::string> CanonicalOfAlias(std::string_view as_written) {
  static const auto* const aliases = new auto(MakeAliases());
  const auto found = aliases->find(as_written);
  if (found == aliases->end()) return std::nullopt;
  return found->second;
}

bool IsCoreGroup(std::string_view canonical) {
  static const auto* const groups = [] {
    auto* all = new std::set<std::string, std::less<>>;
    for (const std::string& type : CoreTypes()) all->insert(type.substr(0, type.find('.')));
    return all;
  }();
  const size_t dot = canonical.find('.');
  return dot != std::string_view::npos && canonical.find('.', dot + 1) == std::string_view::npos &&
         groups->contains(canonical.substr(0, dot));
}

}  // namespace orch::flow
