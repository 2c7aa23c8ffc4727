// What a flow that was read looks like.
#include "controlplane/flow/flow.h"

#include "controlplane/flow/document.h"
#include "controlplane/flow/reader.h"
#include "expression/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::flow {
namespace {

using testing::ElementsAre;

std::shared_ptr<const Flow> Read(std::string_view yaml) {
  static const auto* const types = new TaskTypes(*TaskTypes::BuiltIn());
  ReadOptions options;
  options.features = EngineFeatures::All();
  options.revision = 3;
  const ReadResult result = ReadFlow(yaml, *types, options);
  for (const Complaint& complaint : result.complaints) {
    if (complaint.severity == Severity::kError) ADD_FAILURE() << ComplaintText(complaint);
  }
  return result.flow;
}

constexpr char kFlow[] = R"(
id: main
namespace: acme.team
description: A flow
labels: {team: data, tier: 1}
variables: {day: null, limits: {most: 3}}
concurrency: {limit: 2, behavior: CANCEL}
retry: {type: constant, interval: PT5S}
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: ["a", 1, {k: v}]
    concurrencyLimit: 4
    disabled: true
    tasks:
      - id: choose
        type: flow.If
        condition: "{{ taskrun.value == 'a' }}"
        then:
          - {id: yes, type: log.Log, message: [1, two], allowFailure: true, allowWarning: false}
        else:
          - {id: no, type: debug.Return, format: 1.10, runIf: true, timeout: 90}
  - id: graph
    type: flow.Dag
    tasks:
      - task: {id: first, type: debug.Return}
      - {task: {id: second, type: acme.Do, text: 1.10}, dependsOn: [first]}
  - id: switch
    type: flow.Switch
    value: "{{ inputs.x }}"
    cases:
      1: [{id: one, type: debug.Return}]
      defaults: [{id: named, type: debug.Return}]
    defaults: [{id: other, type: debug.Return, workerGroup: {key: edge, fallback: FAIL}}]
errors:
  - id: alarm
    type: io.kestra.core.tasks.log.Log
    message: failed
    retry: {type: exponential, interval: PT1S, maxInterval: PT9S, maxAttempt: 4, behavior: CREATE_NEW_EXECUTION}
)";

TEST(Flow, TasksAreNumberedInReadingOrderAndKnowTheirParents) {
  const auto flow = Read(kFlow);
  ASSERT_NE(flow, nullptr);
  std::vector<std::string> ids, parents;
  for (const Task* task : flow->tasks_by_index) {
    ids.push_back(task->id);
    parents.push_back(task->parent < 0 ? "-" : flow->tasks_by_index[task->parent]->id);
    EXPECT_EQ(flow->tasks_by_index[task->index], task);
    EXPECT_EQ(flow->FindTask(task->id), task);
  }
  EXPECT_THAT(ids, ElementsAre("each", "choose", "yes", "no", "graph", "first", "second", "switch",
                               "one", "named", "other", "alarm"));
  EXPECT_THAT(parents, ElementsAre("-", "each", "choose", "choose", "-", "graph", "graph", "-",
                                   "switch", "switch", "switch", "-"));
  EXPECT_EQ(flow->FindTask("nobody"), nullptr);
}

TEST(Flow, BasePropertiesAreReadAndTheTypesOwnAreKept) {
  const auto flow = Read(kFlow);
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(flow->revision, 3);
  EXPECT_THAT(flow->labels, ElementsAre(testing::Pair("team", "data"), testing::Pair("tier", "1")));
  EXPECT_EQ(flow->concurrency->limit, 2);
  EXPECT_EQ(flow->concurrency->behavior, Concurrency::Behavior::kCancel);
  EXPECT_EQ(flow->retry->interval, absl::Seconds(5));
  EXPECT_EQ(expression::ToJson(flow->variables, expression::NullPolicy::kKeep),
            R"({"day":null,"limits":{"most":3}})");

  const Task& each = *flow->FindTask("each");
  EXPECT_EQ(each.type, "flow.ForEach");
  EXPECT_EQ(each.type_as_written, "io.kestra.plugin.core.flow.ForEach");
  EXPECT_EQ(each.flowable, Flowable::kForEach);
  EXPECT_EQ(each.concurrency, 4);
  EXPECT_EQ(expression::ToJson(each.properties),
            R"({"values":["a",1,{"k":"v"}],"concurrencyLimit":4})");
  EXPECT_EQ(
      expression::ToJson(each.as_written),
      R"({"id":"each","type":"io.kestra.plugin.core.flow.ForEach","values":["a",1,{"k":"v"}],)"
      R"("concurrencyLimit":4,"disabled":true})");

  const Task& yes = *flow->FindTask("yes");
  EXPECT_FALSE(yes.disabled);
  EXPECT_TRUE(yes.disabled_above);
  EXPECT_TRUE(yes.allow_failure);
  EXPECT_EQ(yes.place, Place::kInline);
  EXPECT_EQ(expression::ToJson(yes.properties), R"({"message":["1","two"]})");
  EXPECT_EQ(expression::ToJson(yes.as_written),
            R"({"id":"yes","type":"log.Log","message":["1","two"],"allowFailure":true})");

  const Task& no = *flow->FindTask("no");
  EXPECT_EQ(no.run_if, "true");
  EXPECT_EQ(no.timeout, "90");
  EXPECT_EQ(expression::ToJson(no.properties), R"({"format":"1.10"})");

  const Task& second = *flow->FindTask("second");
  EXPECT_EQ(second.place, Place::kWorker);
  EXPECT_EQ(expression::ToJson(second.properties), R"({"text":1.1})");

  const Task& alarm = *flow->FindTask("alarm");
  EXPECT_EQ(alarm.type, "log.Log");
  EXPECT_EQ(alarm.type_as_written, "io.kestra.core.tasks.log.Log");
  EXPECT_EQ(alarm.retry->kind, Retry::Kind::kExponential);
  EXPECT_EQ(alarm.retry->interval_max, absl::Seconds(9));
  EXPECT_EQ(alarm.retry->attempt_count_max, 4);
  EXPECT_EQ(alarm.retry->behavior, Retry::Behavior::kCreateNewExecution);
  EXPECT_EQ(flow->FindTask("other")->worker_group->key, "edge");
  EXPECT_EQ(flow->FindTask("other")->worker_group->fallback, WorkerGroup::Fallback::kFail);
}

TEST(Flow, BranchesHaveNames) {
  const auto flow = Read(kFlow);
  ASSERT_NE(flow, nullptr);
  const Task& choose = *flow->FindTask("choose");
  EXPECT_EQ((*choose.FindBranch("then"))[0]->id, "yes");
  EXPECT_EQ((*choose.FindBranch("else"))[0]->id, "no");
  EXPECT_EQ(choose.FindBranch("tasks"), nullptr);

  const Task& graph = *flow->FindTask("graph");
  EXPECT_EQ(graph.FindBranch("tasks")->size(), 2u);
  EXPECT_THAT(graph.depends_on, ElementsAre(testing::Pair("second", ElementsAre("first"))));

  const Task& choice = *flow->FindTask("switch");
  EXPECT_EQ((*choice.FindBranch("1"))[0]->id, "one");
  // A case may be called like the list for values without one.
  EXPECT_EQ((*choice.FindBranch("defaults"))[0]->id, "named");
  ASSERT_EQ(choice.defaults_branch, 2);
  EXPECT_EQ(choice.branches[2].tasks[0]->id, "other");
}

TEST(Flow, JsonShowsWhatWasWritten) {
  const auto flow = Read(
      "id: f\nrevision: 7\nnamespace: a\ndisabled: false\ndescription: d\nlabels: {k: "
      "v}\nvariables: {n: null}\n"
      "pluginDefaults: [{type: debug., values: {format: x}}]\n"
      "tasks:\n- {id: t, type: debug.Return, disabled: false, allowFailure: true, timeout: "
      "null}\n");
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(
      FlowJson(*flow, /*deleted=*/false, "text"),
      R"({"id":"f","namespace":"a","revision":3,"description":"d","disabled":false,"deleted":false,)"
      R"("labels":[{"key":"k","value":"v"}],"variables":{"n":null},)"
      R"("pluginDefaults":[{"type":"debug.","values":{"format":"x"}}],)"
      R"("tasks":[{"id":"t","type":"debug.Return","allowFailure":true}],"source":"text"})");
}

}  // namespace
}  // namespace orch::flow
