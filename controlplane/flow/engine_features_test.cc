// What a release can run: read as it stands. What it cannot: refused by name.
#include "controlplane/flow/reader_test_support.h"
#include "gtest/gtest.h"

namespace orch::flow {
namespace {

TEST(EngineFeatures, WhatTheEngineCannotDoYetIsRefusedByName) {
  const std::string at = "error line ";
  CheckAll(
      {
          {"a flowable",
           Yaml("tasks:\n- {id: p, type: io.kestra.plugin.core.flow.Pause}\n"),
           {at + "4, column 17: p.type: `flow.Pause` cannot be run by this release yet"}},
          {"a retry by a new execution, of a task",
           Yaml("tasks:\n- {id: t, type: debug.Return, retry: {type: constant, interval: 1, "
                "behavior: CREATE_NEW_EXECUTION}}\n"),
           {at + "4, column 78: tasks[0].retry.behavior: `CREATE_NEW_EXECUTION` cannot be run by "
                 "this release yet"}},
          {"and of the flow",
           Yaml("retry: {type: constant, interval: 1, behavior: CREATE_NEW_EXECUTION}\n") +
               kOneTask,
           {at + "3, column 48: retry.behavior: `CREATE_NEW_EXECUTION` cannot be run by this "
                 "release yet"}},
          {"what to do without a worker",
           Yaml("workerGroup: {key: k, fallback: CANCEL}\n"
                "tasks: [{id: t, type: debug.Return, workerGroup: {key: k, fallback: FAIL}}]\n"),
           {at + "3, column 33: workerGroup.fallback: `CANCEL` cannot be run by this release yet",
            at + "4, column 69: tasks[0].workerGroup.fallback: `FAIL` cannot be run by this "
                 "release yet"}},
          {"a disabled task may ask for anything",
           Yaml("tasks:\n- {id: t, type: debug.Return, disabled: true, workerGroup: {key: k, "
                "fallback: FAIL}, retry: {type: constant, interval: 1, behavior: "
                "CREATE_NEW_EXECUTION}}\n- {id: u, type: debug.Return}\n"),
           {}},
          {"concurrency",
           Yaml("concurrency: {limit: 1}\n") + kOneTask,
           {at + "3, column 1: concurrency: `concurrency` cannot be run by this release yet"}},
          {"triggers",
           Yaml(kOneTask) + "triggers:\n- {id: w, type: trigger.Webhook, key: k}\n",
           {at + "5, column 3: triggers[0]: `triggers` cannot be run by this release yet"}},
          {"a disabled trigger says nothing",
           Yaml(kOneTask) + "triggers:\n- {id: w, type: trigger.Webhook, key: k, disabled: true}\n",
           {}},
          {"sla, checks and afterExecution",
           Yaml(kOneTask) + "sla: [{id: s, type: MAX_DURATION, duration: PT1S, behavior: FAIL}]\n"
                            "checks: [{condition: x, message: y}]\n"
                            "afterExecution: [{id: a, type: debug.Return}]\n",
           {at + "4, column 1: sla: `sla` cannot be run by this release yet",
            at + "5, column 1: checks: `checks` cannot be run by this release yet",
            at +
                "6, column 1: afterExecution: `afterExecution` cannot be run by this release yet"}},
          {"empty lists ask for nothing",
           Yaml("errors: []\ntriggers: []\nsla: []\nlisteners: []\n") + kOneTask,
           {}},
      },
      ReadOptions());
}

TEST(EngineFeatures, WhatTheEngineCanDoIsReadAsItStands) {
  const ReadResult result = ReadFlow(
      Yaml("retry: {type: exponential, interval: PT1S, maxInterval: PT1M, maxAttempts: 4}\n"
           "tasks:\n"
           "- id: seq\n"
           "  type: flow.EachSequential\n"
           "  value: [a, b]\n"
           "  tasks: [{id: s, type: debug.Return}]\n"
           "- id: par\n"
           "  type: io.kestra.core.tasks.flows.EachParallel\n"
           "  value: '{{ inputs.l }}'\n"
           "  concurrent: 3\n"
           "  tasks: [{id: p, type: debug.Return}]\n"
           "  errors: [{id: pe, type: debug.Return}]\n"
           "- {id: all, type: flow.EachParallel, value: '[]', tasks: []}\n"
           "- {id: w, type: flow.Sleep, duration: PT1S}\n"
           "- {id: ok, type: execution.Assert, conditions: ['{{ 1 == 1 }}', true]}\n"
           "- {id: set, type: execution.SetVariables, variables: {x: 1}, overwrite: false}\n"
           "- {id: unset, type: execution.UnsetVariables, variables: [x]}\n"
           "errors: [{id: e, type: debug.Return}]\n"
           "finally: [{id: f, type: debug.Return}]\n"),
      Types());
  ASSERT_NE(result.flow, nullptr);
  EXPECT_FALSE(AnyError(result.complaints));
  const Task& seq = *result.flow->FindTask("seq");
  EXPECT_EQ(seq.flowable, Flowable::kForEach);
  EXPECT_EQ(seq.concurrency, 1);
  EXPECT_EQ(seq.properties.Find("value")->size(), 2u);
  const Task& par = *result.flow->FindTask("par");
  EXPECT_EQ(par.flowable, Flowable::kForEach);
  EXPECT_EQ(par.type, "flow.EachParallel");
  EXPECT_EQ(par.concurrency, 3);
  EXPECT_EQ(par.errors.size(), 1u);
  EXPECT_EQ(result.flow->FindTask("all")->concurrency, 0);
  EXPECT_EQ(result.flow->FindTask("w")->flowable, Flowable::kSleep);
  EXPECT_EQ(result.flow->FindTask("ok")->place, Place::kInline);
  EXPECT_EQ(result.flow->retry->attempt_count_max, 4);
  EXPECT_EQ(result.flow->errors.size(), 1u);
  EXPECT_EQ(result.flow->finally.size(), 1u);
}

TEST(EngineFeatures, LoopsOfTheOlderKindSayWhatTheyLack) {
  CheckAll(
      {
          {"no value, no tasks",
           Yaml("tasks:\n- {id: l, type: flow.EachSequential}\n"),
           {"error line 4, column 3: l.value: must not be null",
            "error line 4, column 3: l.tasks: The 'tasks' property cannot be empty",
            "deprecation line 4, column 17: l: `flow.EachSequential` is deprecated"}},
          {"side by side",
           Yaml("tasks:\n- {id: l, type: flow.EachParallel, value: '[]'}\n"),
           {"error line 4, column 3: l.tasks: must not be null",
            "deprecation line 4, column 17: l: `flow.EachParallel` is deprecated"}},
      },
      ReadOptions());
}

}  // namespace
}  // namespace orch::flow
