#include "controlplane/flow/reader.h"

#include "controlplane/flow/reader_test_support.h"
#include "expression/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::flow {
namespace {

using testing::ElementsAre;

TEST(Reader, NamesOfAFlowFollowTheirPatterns) {
  CheckAll({
      {"all is well", Yaml(kOneTask), {}},
      {"dots and dashes", "id: a.b-c_1\nnamespace: x.y-z_1\n" + std::string(kOneTask), {}},
      {"a number is a name", "id: 1\nnamespace: a\n" + std::string(kOneTask), {}},
      {"no id",
       "namespace: a\n" + std::string(kOneTask),
       {"error line 1, column 1: id: must not be null"}},
      {"blank id",
       "id: ''\nnamespace: a\n" + std::string(kOneTask),
       {"error line 1, column 5: id: must not be blank"}},
      {"a bad id and a bad namespace",
       "id: my flow\nnamespace: A\n" + std::string(kOneTask),
       {"error line 1, column 5: id: must match \"^[a-zA-Z0-9][a-zA-Z0-9._-]*\"",
        "error line 2, column 12: namespace: must match \"^[a-z0-9][a-z0-9._-]*\""}},
      {"an id that is too long",
       "id: " + std::string(101, 'a') + "\nnamespace: a\n" + kOneTask,
       {"error line 1, column 5: id: size must be between 1 and 100"}},
      {"a reserved id",
       "id: pause\nnamespace: a\n" + std::string(kOneTask),
       {"warning line 1, column 5: id: `pause` is a reserved word; start this flow by POST "
        "/executions/trigger/a/pause"}},
      {"no tasks", "id: f\nnamespace: a\n", {"error line 1, column 1: tasks: must not be empty"}},
      {"tasks: []", Yaml("tasks: []\n"), {"error line 3, column 8: tasks: must not be empty"}},
      {"tasks as a map",
       Yaml("tasks:\n  id: a\n"),
       {"error line 4, column 3: tasks: must be a list of tasks, not a map"}},
      {"an unknown property",
       Yaml("descriptoin: x\n") + kOneTask,
       {"error line 3, column 1: descriptoin: Unrecognized field \"descriptoin\"; did you mean "
        "`description`?"}},
      {"disabled as a text",
       Yaml("disabled: perhaps\n") + kOneTask,
       {"error line 3, column 11: disabled: must be `true` or `false`, not a text"}},
      {"a list instead of a flow",
       "- a\n",
       {"error line 1, column 1: a flow must be a map, not a list"}},
  });
}

TEST(Reader, TasksAreChecked) {
  CheckAll({
      {"no type",
       Yaml("tasks:\n- {id: a}\n"),
       {"error line 4, column 3: a.type: Invalid type: null",
        "error line 4, column 3: a: missing type id property 'type'"}},
      {"no id",
       Yaml("tasks:\n- {type: debug.Return}\n"),
       {"error line 4, column 3: tasks[0].id: must not be null"}},
      {"a dot in an id",
       Yaml("tasks:\n- {id: a.b, type: debug.Return}\n"),
       {"error line 4, column 8: a.b.id: must match \"^[a-zA-Z0-9][a-zA-Z0-9_-]*\""}},
      {"a null task", Yaml("tasks:\n- \n"), {"error line 5, column 1: tasks[0]: must not be null"}},
      {"an unknown core type, long",
       Yaml("tasks:\n- {id: a, type: io.kestra.plugin.core.log.Logg}\n"),
       {"error line 4, column 17: a.type: Invalid type: io.kestra.plugin.core.log.Logg; did you "
        "mean "
        "`io.kestra.plugin.core.log.Log`?"}},
      {"an unknown core type, short",
       Yaml("tasks:\n- {id: a, type: debug.Retrun}\n"),
       {"error line 4, column 17: a.type: Invalid type: debug.Retrun; did you mean "
        "`debug.Return`?"}},
      {"case matters",
       Yaml("tasks:\n- {id: a, type: log.log, message: m}\n"),
       {"error line 4, column 17: a.type: Invalid type: log.log; did you mean `log.Log`?"}},
      {"a type that nobody has brought",
       Yaml("tasks:\n- {id: a, type: io.kestra.plugin.acme.Do, x: 1}\n"),
       {"warning line 4, column 17: a.type: no worker has brought `acme.Do` yet; its properties "
        "are "
        "unchecked"}},
      {"a trigger as a task",
       Yaml("tasks:\n- {id: a, type: io.kestra.plugin.core.trigger.Schedule}\n"),
       {"error line 4, column 17: a.type: Invalid type: io.kestra.plugin.core.trigger.Schedule is "
        "no task"}},
      {"an older name",
       Yaml("tasks:\n- {id: a, type: io.kestra.core.tasks.log.Log, message: m}\n"),
       {"info line 4, column 17: a: `io.kestra.core.tasks.log.Log` is an older name of `log.Log`"}},
      {"a deprecated type",
       Yaml("tasks:\n- {id: a, type: debug.Echo, format: m}\n"),
       {"deprecation line 4, column 17: a: `debug.Echo` is deprecated"}},
      {"a core type that this release lacks",
       Yaml("tasks:\n- {id: a, type: http.Request, uri: x}\n"),
       {"error line 4, column 17: a.type: `http.Request` cannot be run by this release yet"}},
      {"... even disabled it is read",
       Yaml("tasks:\n- {id: a, type: http.Request, uri: x, disabled: true}\n"),
       {}},
      {"an unknown property",
       Yaml("tasks:\n- id: a\n  type: log.Log\n  mesage: x\n  message: y\n"),
       {"error line 6, column 3: a.mesage: Unrecognized field \"mesage\"; did you mean "
        "`message`?"}},
      {"a required property",
       Yaml("tasks:\n- {id: a, type: kv.Set, value: x}\n"),
       {"error line 4, column 3: a.key: must not be null"}},
      {"a wrong kind",
       Yaml("tasks:\n- {id: a, type: log.Log, message: {a: b}}\n"),
       {"error line 4, column 35: a.message: must be a text or a list, not a map"}},
      {"a wrong kind inside",
       Yaml("tasks:\n- {id: a, type: log.Log, message: [x, [y]]}\n"),
       {"error line 4, column 39: a.message[1]: must be a text, not a list"}},
      {"an expression fits any dynamic property",
       Yaml("tasks:\n- {id: a, type: kv.Set, key: k, value: v, overwrite: '{{ inputs.x }}', ttl: "
            "'{{ 1 }}'}\n"),
       {}},
      {"a word that only the run would refuse",
       Yaml("tasks:\n- {id: a, type: log.Log, message: m, level: INF}\n"),
       {"warning line 4, column 45: a.level: `INF` is none of TRACE, DEBUG, INFO, WARN, ERROR; did "
        "you mean "
        "`INFO`?; the task will fail when it runs"}},
      {"a bad timeout",
       Yaml("tasks:\n- {id: a, type: debug.Return, timeout: abc}\n"),
       {"warning line 4, column 40: a.timeout: `abc` is no duration; the task will fail when it "
        "runs"}},
      {"when and runIf",
       Yaml("tasks:\n- {id: a, type: debug.Return, runIf: x, when: y}\n"),
       {"error line 4, column 41: a.when: `when` and `runIf` mean the same; write one of them"}},
      {"a bad log level",
       Yaml("tasks:\n- {id: a, type: debug.Return, logLevel: LOUD}\n"),
       {"error line 4, column 41: a.logLevel: `LOUD` is none of TRACE, DEBUG, INFO, WARN, ERROR"}},
      {"a group without a key",
       Yaml("tasks:\n- {id: a, type: debug.Return, workerGroup: {fallback: FAIL}}\n"),
       {"error line 4, column 44: tasks[0].workerGroup.key: must not be blank"}},
  });
}

TEST(Reader, AStrictReaderRefusesTypesThatNobodyHasBrought) {
  ReadOptions options = Everything();
  options.strict = true;
  CheckAll(
      {{"",
        Yaml("tasks:\n- {id: a, type: acme.Do}\n"),
        {"error line 4, column 17: a.type: no worker has brought `acme.Do` yet; its properties are "
         "unchecked"}}},
      options);
}

TEST(Reader, FlowablesNeedTheirTasks) {
  const std::string child = "[{id: t, type: debug.Return}]";
  CheckAll({
      {"Sequential",
       Yaml("tasks: [{id: a, type: flow.Sequential}]\n"),
       {"error line 3, column 9: a.tasks: The 'tasks' property cannot be empty"}},
      {"AllowFailure",
       Yaml("tasks: [{id: a, type: flow.AllowFailure, tasks: []}]\n"),
       {"error line 3, column 49: a.tasks: The 'tasks' property cannot be empty"}},
      {"Parallel without",
       Yaml("tasks: [{id: a, type: flow.Parallel}]\n"),
       {"error line 3, column 9: a.tasks: must not be empty",
        "error line 3, column 9: a.tasks: must not be null"}},
      {"Parallel of nothing",
       Yaml("tasks: [{id: a, type: flow.Parallel, tasks: []}]\n"),
       {"error line 3, column 45: a.tasks: must not be empty"}},
      {"a negative limit",
       Yaml("tasks: [{id: a, type: flow.Parallel, concurrent: -1, tasks: " + child + "}]\n"),
       {"warning line 3, column 50: a.concurrent: a negative number means the same as 0: no "
        "limit"}},
      {"a limit that is rendered",
       Yaml("tasks: [{id: a, type: flow.Parallel, concurrent: '{{ 2 }}', tasks: " + child + "}]\n"),
       {"error line 3, column 50: a.concurrent: must be an integer, not an expression"}},
      {"ForEach without values",
       Yaml("tasks: [{id: a, type: flow.ForEach, tasks: " + child + "}]\n"),
       {"error line 3, column 9: a.values: must not be null"}},
      {"ForEach with a negative limit",
       Yaml("tasks: [{id: a, type: flow.ForEach, values: [x], concurrencyLimit: -1, tasks: " +
            child + "}]\n"),
       {"error line 3, column 68: a.concurrencyLimit: must be greater than or equal to 0"}},
      {"If without then",
       Yaml("tasks: [{id: a, type: flow.If, condition: x}]\n"),
       {"error line 3, column 9: a.then: must not be empty"}},
      {"If without condition",
       Yaml("tasks: [{id: a, type: flow.If, then: " + child + "}]\n"),
       {"warning line 3, column 9: a.condition: an absent condition is false: `then` never runs"}},
      {"an empty else",
       Yaml("tasks: [{id: a, type: flow.If, condition: true, else: [], then: " + child + "}]\n"),
       {}},
      {"Switch of nothing",
       Yaml("tasks: [{id: a, type: flow.Switch, value: x, cases: {}}]\n"),
       {"error line 3, column 9: a: No task defined, neither `cases` nor `defaults` have any "
        "tasks"}},
      {"Switch without value",
       Yaml("tasks: [{id: a, type: flow.Switch, defaults: " + child + "}]\n"),
       {"error line 3, column 9: a.value: must not be null"}},
      {"Sleep without duration",
       Yaml("tasks: [{id: a, type: flow.Sleep}]\n"),
       {"error line 3, column 9: a.duration: must not be null"}},
      {"Dag of nothing",
       Yaml("tasks: [{id: a, type: flow.Dag}]\n"),
       {"error line 3, column 9: a.tasks: must not be empty: no task defined"}},
      {"Dag with an unknown dependency",
       Yaml("tasks:\n- id: d\n  type: flow.Dag\n  tasks:\n"
            "  - task: {id: one, type: debug.Return}\n"
            "  - {task: {id: two, type: debug.Return}, dependsOn: [oen]}\n"),
       {"error line 8, column 12: d: Not existing task id in dependency: oen; did you mean "
        "`one`?"}},
      {"Dag with a cycle",
       Yaml("tasks:\n- id: d\n  type: flow.Dag\n  tasks:\n"
            "  - {task: {id: a, type: debug.Return}, dependsOn: [b]}\n"
            "  - {task: {id: b, type: debug.Return}, dependsOn: [a]}\n"
            "  - {task: {id: c, type: debug.Return}, dependsOn: [a]}\n"),
       {"error line 7, column 12: d: Cyclic dependency detected: a, b"}},
  });
}

TEST(Reader, RetriesAreChecked) {
  const auto task = [](const std::string& retry) {
    return Yaml("tasks: [{id: t, type: debug.Return, retry: " + retry + "}]\n");
  };
  const std::string at = "error line 3, column ";
  CheckAll({
      {"constant", task("{type: constant, interval: PT1S, maxAttempts: 3, maxDuration: PT1H}"), {}},
      {"exponential",
       task("{type: exponential, interval: 1, maxInterval: 5, delayFactor: 1.5}"),
       {}},
      {"random",
       task("{type: random, minInterval: PT1S, maxInterval: PT2S, warningOnRetry: true}"),
       {}},
      {"no type", task("{interval: PT1S}"), {at + "44: tasks[0].retry.type: must not be null"}},
      {"a type that is none",
       task("{type: linear, interval: PT1S}"),
       {at + "51: tasks[0].retry.type: `linear` is none of constant, exponential, random"}},
      {"no interval",
       task("{type: constant}"),
       {at + "44: tasks[0].retry.interval: must not be null"}},
      {"a bad interval",
       task("{type: constant, interval: soon}"),
       {at + "71: tasks[0].retry.interval: `soon` is no duration; write `PT30S`, `P1D` or a number "
             "of seconds"}},
      {"no attempt",
       task("{type: constant, interval: PT1S, maxAttempts: 0}"),
       {at + "90: tasks[0].retry.maxAttempts: must be greater than or equal to 1"}},
      {"longer than all",
       task("{type: constant, interval: PT5S, maxDuration: PT5S}"),
       {at + "71: tasks[0].retry.interval: 'interval' must be less than 'maxDuration'"}},
      {"not growing",
       task("{type: exponential, interval: PT5S, maxInterval: PT1S}"),
       {at + "74: tasks[0].retry.interval: 'interval' must be less than 'maxInterval'"}},
      {"random backwards",
       task("{type: random, minInterval: PT5S, maxInterval: PT1S}"),
       {at + "72: tasks[0].retry.minInterval: 'minInterval' must be less than 'maxInterval'"}},
      {"a behaviour that is none",
       task("{type: constant, interval: PT1S, behavior: NOPE}"),
       {at +
        "87: tasks[0].retry.behavior: `NOPE` is none of RETRY_FAILED_TASK, CREATE_NEW_EXECUTION"}},
      {"an unknown field",
       task("{type: constant, interval: PT1S, maxInterval: PT2S}"),
       {at + "77: tasks[0].retry.maxInterval: Unrecognized field \"maxInterval\""}},
  });
}

TEST(Reader, InputsAndOutputsAreChecked) {
  const auto input = [](const std::string& text) {
    return Yaml("inputs:\n- " + text + "\n") + kOneTask;
  };
  CheckAll({
      {"all types that need no more",
       Yaml("inputs:\n- {id: a, type: STRING}\n- {id: b, type: INT, min: 1, max: 3}\n- {id: c, "
            "type: BOOL}\n"
            "- {id: d.e, type: SELECT, values: [1, b]}\n- {id: f, type: ARRAY, itemType: INT}\n"
            "- {id: g, type: FILE}\n- {id: h, type: JSON, defaults: {a: 1}}\n"
            "- {id: i, type: DATE, after: 2024-01-01}\n") +
           kOneTask,
       {}},
      {"an id that is none",
       input("{id: a b, type: STRING}"),
       {"error line 4, column 8: a b.id: must match \"^[a-zA-Z0-9][.a-zA-Z0-9_-]*\""}},
      {"an unknown type",
       input("{id: a, type: STRNG}"),
       {"error line 4, column 17: a.type: Invalid type: STRNG; it must be one of STRING, INT, "
        "FLOAT, BOOL, "
        "BOOLEAN, SELECT, MULTISELECT, ENUM, DATETIME, DATE, TIME, DURATION, FILE, JSON, YAML, "
        "URI, SECRET, "
        "EMAIL, ARRAY, FORM; did you mean `STRING`?"}},
      {"no type", input("{id: a}"), {"error line 4, column 3: a.type: must not be null"}},
      {"name for id",
       input("{name: a, type: STRING}"),
       {"deprecation line 4, column 4: a: `name` is an older spelling of `id`"}},
      {"a property of another type",
       input("{id: a, type: STRING, min: 1}"),
       {"error line 4, column 25: a.min: Unrecognized field \"min\""}},
      {"a bound of a wrong kind",
       input("{id: a, type: INT, min: abc}"),
       {"error line 4, column 27: a.min: must be an integer, not a text"}},
      {"a bad pattern",
       input("{id: a, type: STRING, validator: '['}"),
       {"error line 4, column 36: a.validator: invalid pattern [[]"}},
      {"ARRAY without itemType",
       input("{id: a, type: ARRAY}"),
       {"error line 4, column 3: a.itemType: must not be null"}},
      {"ARRAY of ARRAY",
       input("{id: a, type: ARRAY, itemType: ARRAY}"),
       {"error line 4, column 34: a.itemType: `itemType` cannot be `ARRAY`"}},
      {"ENUM without values",
       input("{id: a, type: ENUM}"),
       {"error line 4, column 3: a.values: must not be null",
        "deprecation line 4, column 17: a: ENUM is deprecated; use SELECT"}},
      {"SELECT without values",
       input("{id: a, type: SELECT}"),
       {"warning line 4, column 3: a.values: neither `values` nor `expression` is given: no value "
        "can be "
        "chosen"}},
      {"a default of an optional input",
       input("{id: a, type: STRING, required: false, defaults: x}"),
       {"warning line 4, column 42: a.defaults: with `required: false` a default is always used "
        "instead of "
        "nothing"}},
      {"FILE with a default",
       input("{id: a, type: FILE, defaults: 'kestra:///x'}"),
       {"error line 4, column 33: a.defaults: a FILE takes only a `file:` or `nsfile:` address as "
        "default"}},
      {"a dependency on nothing",
       input("{id: a, type: STRING, dependsOn: {inputs: [b]}}"),
       {"error line 4, column 3: a.dependsOn: there is no input `b`; did you mean `a`?"}},
      {"a ring",
       Yaml("inputs:\n- {id: a, type: STRING, dependsOn: {inputs: [b]}}\n"
            "- {id: b, type: STRING, dependsOn: {inputs: [a]}}\n") +
           kOneTask,
       {"error line 4, column 3: a.dependsOn: inputs depend on each other: a -> b -> a",
        "error line 5, column 3: b.dependsOn: inputs depend on each other: b -> a -> b"}},
      {"a value that would hold values",
       Yaml("inputs:\n- {id: a.b, type: STRING}\n- {id: a, type: STRING}\n") + kOneTask,
       {"error line 4, column 3: a.b.id: the input `a` cannot hold a value and `a.b`"}},
      {"an output without much",
       Yaml(kOneTask) + "outputs: [{id: o}]\n",
       {"error line 4, column 11: outputs[0].type: must not be null",
        "error line 4, column 11: outputs[0].value: must not be null"}},
      {"an output with itemType",
       Yaml(kOneTask) + "outputs: [{id: o, type: ARRAY, value: x, itemType: INT}]\n",
       {"error line 4, column 42: outputs[0].itemType: Unrecognized field \"itemType\""}},
  });
}

TEST(Reader, LabelsAreAMapOrAList) {
  const auto labels = [](const std::string& text) {
    return Yaml("labels: " + text + "\n") + kOneTask;
  };
  CheckAll({
      {"a map", labels("{a: x, b: 1, c: true, d: 1.5}"), {}},
      {"a list", labels("[{key: a, value: x}]"), {}},
      {"nothing", labels("{}"), {}},
      {"the author's own system label", labels("{system.readOnly: true}"), {}},
      {"a text",
       labels("x"),
       {"error line 3, column 9: labels: must be a map, or a list of `key` and `value`, not a "
        "text"}},
      {"null",
       labels("{a: null}"),
       {"error line 3, column 13: labels[0]: Unsupported type for key: a; a label is a text, a "
        "number or a "
        "boolean"}},
      {"a bad key",
       labels("{A: x}"),
       {"error line 3, column 10: labels[0].key: Invalid label key `A`: it begins with a "
        "lower-case letter and "
        "holds letters, digits, `-`, `_` and `.`"}},
      {"a system label",
       labels("{system.username: x}"),
       {"error line 3, column 10: labels[0]: System labels are set by the server alone, offending "
        "label: "
        "system.username=x"}},
      {"an empty value",
       labels("{a: ''}"),
       {"error line 3, column 13: labels[0].value: must not be empty"}},
  });
}

TEST(Reader, IdsAreUniqueOverTheWholeFlow) {
  CheckAll({
      {"in branches",
       Yaml("tasks:\n- {id: t, type: debug.Return}\n- id: i\n  type: flow.If\n  condition: x\n"
            "  then: [{id: t, type: debug.Return}]\n  else: [{id: e, type: debug.Return}]\n"
            "errors: [{id: e, type: debug.Return}]\n"),
       {"error line 8, column 10: Invalid Flow: Duplicate task id with name [t, e] (again at line "
        "8, 10)"}},
      {"disabled ones count",
       Yaml("tasks:\n- {id: t, type: debug.Return}\n- {id: t, type: debug.Return, disabled: "
            "true}\n"),
       {"error line 5, column 3: Invalid Flow: Duplicate task id with name [t] (again at line 5)"}},
      {"inputs, outputs and triggers",
       Yaml(kOneTask) +
           "inputs: [{id: t, type: STRING}, {id: t, type: STRING}]\n"
           "outputs: [{id: o, type: STRING, value: x}, {id: o, type: STRING, value: x}]\n"
           "triggers:\n- {id: w, type: trigger.Webhook, key: k}\n- {id: w, type: trigger.Webhook, "
           "key: k}\n",
       {"error line 4, column 33: Invalid Flow: Duplicate input with name [t] (again at line 4)",
        "error line 5, column 44: Invalid Flow: Duplicate output with name [o] (again at line 5)",
        "error line 8, column 3: Invalid Flow: Duplicate trigger id with name [w] (again at line "
        "8)"}},
      {"a task and a trigger may share one",
       Yaml(kOneTask) + "triggers: [{id: t, type: trigger.Webhook, key: k}]\n",
       {}},
  });
}

TEST(Reader, AFlowMayNotCallItself) {
  const ReadResult result = ReadFlow(Yaml("tasks:\n- id: p\n  type: flow.Parallel\n  tasks: [{id: "
                                          "s, type: flow.Subflow, namespace: a, flowId: f}]\n"),
                                     Types(), Everything());
  EXPECT_THAT(
      Texts(result),
      ElementsAre(
          "error line 6, column 11: s: Invalid Flow: Recursive call to flow [a.f]",
          "error line 6, column 25: s.type: `flow.Subflow` cannot be run by this release yet"));
}

TEST(Reader, ADashInAReferenceIsAMinus) {
  CheckAll({
      {"in inputs and outputs",
       Yaml("inputs: [{id: a-b, type: STRING}]\ntasks:\n- {id: t-x, type: debug.Return, format: "
            "'{{ inputs.a-b }}'}\n"
            "- {id: u, type: debug.Return, format: \"{{ outputs.t-x.value }} {{ inputs['a-b'] "
            "}}\"}\n"),
       {"error line 5, column 45: Invalid Flow: in `inputs.a-b` the dash is a minus; use "
        "inputs['a-b']",
        "error line 6, column 43: Invalid Flow: in `outputs.t-x` the dash is a minus; use "
        "outputs['t-x']"}},
      {"not in texts, nor outside of expressions",
       Yaml("inputs: [{id: a-b, type: STRING}]\ntasks:\n"
            "- {id: t, type: debug.Return, format: \"inputs.a-b {{ 'inputs.a-b' }}\"}\n"),
       {}},
      {"a subtraction is one",
       Yaml("inputs: [{id: a, type: INT}]\ntasks: [{id: t, type: debug.Return, format: '{{ "
            "inputs.a-1 }}'}]\n"),
       {}},
  });
}

TEST(Reader, TriggersSlasAndConcurrencyHaveTheirShapes) {
  CheckAll({
      {"a webhook without key",
       Yaml(kOneTask) + "triggers: [{id: w, type: trigger.Webhook}]\n",
       {"error line 4, column 12: triggers[0].key: must not be null"}},
      {"a key that is too long",
       Yaml(kOneTask) + "triggers: [{id: w, type: trigger.Webhook, key: " + std::string(257, 'k') +
           "}]\n",
       {"error line 4, column 48: triggers[0].key: size must be between 0 and 256"}},
      {"a webhook that waits for several",
       Yaml(kOneTask) + "triggers: [{id: w, type: trigger.Webhook, key: k, conditions: [{type: "
                        "condition.MultipleCondition}]}]\n",
       {"error line 4, column 71: triggers[0].conditions: a webhook has one call at a time: "
        "conditions of type "
        "MultipleCondition are not supported"}},
      {"a schedule with more than it has",
       Yaml(kOneTask) + "triggers: [{id: w, type: trigger.Schedule, cron: '@daily', corn: x}]\n",
       {"error line 4, column 60: triggers[0].corn: Unrecognized field \"corn\"; did you mean "
        "`cron`?"}},
      {"a trigger without id",
       Yaml(kOneTask) + "triggers: [{type: trigger.Webhook, key: k}]\n",
       {"error line 4, column 12: triggers[0].id: must not be null"}},
      {"an sla without id",
       Yaml(kOneTask) + "sla: [{type: MAX_DURATION, duration: PT1S, behavior: FAIL}]\n",
       {"error line 4, column 7: sla[0].id: must not be empty"}},
      {"no limit",
       Yaml("concurrency: {behavior: FAIL}\n") + kOneTask,
       {"error line 3, column 14: concurrency.limit: must be greater than or equal to 1"}},
      {"a limit of none",
       Yaml("concurrency: {limit: 0}\n") + kOneTask,
       {"error line 3, column 22: concurrency.limit: must be greater than or equal to 1"}},
  });
}

TEST(Reader, ABrokenExpressionIsAWarningAtItsPlace) {
  const ReadResult result = ReadFlow(
      Yaml("tasks:\n- id: a\n  type: debug.Return\n  format: |\n    fine\n    {{ 1 + }}\n"),
      Types());
  ASSERT_NE(result.flow, nullptr);
  ASSERT_EQ(result.complaints.size(), 1u);
  EXPECT_EQ(result.complaints[0].severity, Severity::kWarning);
  EXPECT_EQ(result.complaints[0].path, "a.format");
  EXPECT_EQ(result.complaints[0].mark.line, 8);
}

TEST(Reader, ALenientReaderBuildsWhatItCan) {
  ReadOptions options;
  options.lenient = true;
  const ReadResult result =
      ReadFlow(Yaml("surprise: 1\ntasks: [{id: t, type: log.Log, message: m, mesage: x}]\n"),
               Types(), options);
  ASSERT_NE(result.flow, nullptr);
  EXPECT_THAT(
      Texts(result),
      ElementsAre(
          "warning line 3, column 1: surprise: Unrecognized field \"surprise\"",
          "warning line 4, column 44: t.mesage: Unrecognized field \"mesage\"; did you mean "
          "`message`?"));
  EXPECT_EQ(ReadFlow(Yaml("tasks: [{id: t, type: flow.Pause}]\n"), Types(), options).flow, nullptr);
  EXPECT_EQ(ReadFlow(Yaml("tasks: [{id: t, type: debug.Return}, {id: t, type: debug.Return}]\n"),
                     Types(), options)
                .flow,
            nullptr);
}

}  // namespace
}  // namespace orch::flow
