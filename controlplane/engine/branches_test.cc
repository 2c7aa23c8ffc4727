// Owners of task lists: who comes next, and how the owner ends. Section 12 of the language's counting guide.
#include "absl/strings/str_cat.h"
#include "controlplane/engine/world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::engine {
namespace {

constexpr char kHead[] = "id: f\nnamespace: n\n";

struct Case {
  const char* name;
  const char* yaml;
  const char* states;  // In order of creation.
  v1::State state;
};

void Check(const Case& c) {
  SCOPED_TRACE(c.name);
  World world(absl::StrCat(kHead, c.yaml));
  world.Create();
  world.WorkAll();
  EXPECT_EQ(world.States(), c.states);
  EXPECT_EQ(v1::State_Name(world.state()), v1::State_Name(c.state));
}

TEST(Branches, TheCountingGuideHolds) {
  const Case cases[] = {
      {"n plain tasks",
       "tasks: [{id: a, type: log.Log, message: x}, {id: b, type: acme.Work}, {id: c, type: "
       "log.Log, message: x}]",
       "a SUCCESS, b SUCCESS, c SUCCESS", v1::SUCCESS},
      {"the second fails, no errors",
       "tasks: [{id: a, type: log.Log, message: x}, {id: b, type: execution.Fail}, {id: c, type: "
       "log.Log, message: x}]",
       "a SUCCESS, b FAILED", v1::FAILED},
      {"the same with flow errors of two tasks",
       "tasks: [{id: a, type: log.Log, message: x}, {id: b, type: execution.Fail}, {id: c, type: "
       "log.Log, message: x}]\n"
       "errors: [{id: e1, type: log.Log, message: x}, {id: e2, type: log.Log, message: x}]",
       "a SUCCESS, b FAILED, e1 SUCCESS, e2 SUCCESS", v1::FAILED},
      {"a failure in errors stops nothing and starts nothing",
       "tasks: [{id: b, type: execution.Fail}]\n"
       "errors: [{id: e1, type: execution.Fail}, {id: e2, type: log.Log, message: x}]",
       "b FAILED, e1 FAILED, e2 SUCCESS", v1::FAILED},
      {"a failure that is allowed",
       "tasks: [{id: a, type: execution.Fail, allowFailure: true}, {id: b, type: log.Log, message: "
       "x}]",
       "a WARNING, b SUCCESS", v1::WARNING},
      {"a failure that is allowed with its warning",
       "tasks: [{id: a, type: execution.Fail, allowFailure: true, allowWarning: true}, {id: b, "
       "type: log.Log, message: x}]",
       "a SUCCESS, b SUCCESS", v1::SUCCESS},
      {"all tasks are disabled", "tasks: [{id: a, type: log.Log, message: x, disabled: true}]", "",
       v1::SUCCESS},
      {"a task in the middle is disabled",
       "tasks: [{id: a, type: log.Log, message: x}, {id: b, type: execution.Fail, disabled: true}, "
       "{id: c, type: log.Log, message: x}]",
       "a SUCCESS, c SUCCESS", v1::SUCCESS},
      {"a falsy runIf counts and is skipped",
       "tasks: [{id: a, type: log.Log, message: x, runIf: 'false'}, {id: b, type: log.Log, "
       "message: x, runIf: 'no'}]",
       "a SKIPPED, b SUCCESS", v1::SUCCESS},
      {"a skipped flowable has no children",
       "tasks: [{id: s, type: flow.Sequential, runIf: '0', tasks: [{id: a, type: log.Log, message: "
       "x}]}]",
       "s SKIPPED", v1::SUCCESS},
      {"Sequential with local errors, then z, flow errors g",
       "tasks:\n- {id: S, type: flow.Sequential, tasks: [{id: a, type: log.Log, message: x}, {id: "
       "b, type: execution.Fail}, {id: c, type: log.Log, message: x}],\n"
       "   errors: [{id: e1, type: log.Log, message: x}, {id: e2, type: log.Log, message: x}]}\n"
       "- {id: z, type: log.Log, message: x}\nerrors: [{id: g, type: log.Log, message: x}]",
       "S FAILED, a SUCCESS, b FAILED, e1 SUCCESS, e2 SUCCESS, g SUCCESS", v1::FAILED},
      {"AllowFailure with errors, then z",
       "tasks:\n- {id: AF, type: flow.AllowFailure, tasks: [{id: a, type: log.Log, message: x}, "
       "{id: b, type: execution.Fail}, {id: c, type: log.Log, message: x}],\n"
       "   errors: [{id: e, type: log.Log, message: x}]}\n"
       "- {id: z, type: log.Log, message: x}",
       "AF WARNING, a SUCCESS, b FAILED, e SUCCESS, z SUCCESS", v1::WARNING},
      {"AllowFailure keeps its warning although warnings are allowed",
       "tasks: [{id: AF, type: flow.AllowFailure, allowWarning: true, tasks: [{id: b, type: "
       "execution.Fail}]}]",
       "AF WARNING, b FAILED", v1::WARNING},
      {"Parallel of two, then z",
       "tasks:\n- {id: P, type: flow.Parallel, tasks: [{id: a, type: acme.Work}, {id: b, type: "
       "acme.Work}]}\n- {id: z, type: log.Log, message: x}",
       "P SUCCESS, a SUCCESS, b SUCCESS, z SUCCESS", v1::SUCCESS},
      {"Parallel: all due children are there before one fails",
       "tasks: [{id: P, type: flow.Parallel, tasks: [{id: a, type: execution.Fail}, {id: b, type: "
       "log.Log, message: x}]}]",
       "P FAILED, a FAILED, b SUCCESS", v1::FAILED},
      {"Parallel with one slot creates none after a failure",
       "tasks: [{id: P, type: flow.Parallel, concurrent: 1, tasks: [{id: a, type: execution.Fail}, "
       "{id: b, type: log.Log, message: x}]}]",
       "P FAILED, a FAILED", v1::FAILED},
      {"If true",
       "tasks: [{id: i, type: flow.If, condition: '{{ 1 == 1 }}', then: [{id: a, type: log.Log, "
       "message: x}], else: [{id: b, type: log.Log, message: x}]}]",
       "i SUCCESS, a SUCCESS", v1::SUCCESS},
      {"If false",
       "tasks: [{id: i, type: flow.If, condition: '{{ 1 == 2 }}', then: [{id: a, type: log.Log, "
       "message: x}], else: [{id: b, type: log.Log, message: x}]}]",
       "i SUCCESS, b SUCCESS", v1::SUCCESS},
      {"If false without else",
       "tasks: [{id: i, type: flow.If, condition: '-0', then: [{id: a, type: log.Log, message: "
       "x}]}]",
       "i SUCCESS", v1::SUCCESS},
      {"If with a condition that cannot be evaluated",
       "tasks: [{id: i, type: flow.If, condition: '{{ nowhere.x }}', then: [{id: a, type: log.Log, "
       "message: x}]}]",
       "i FAILED", v1::FAILED},
      {"If whose branch is all disabled",
       "tasks: [{id: i, type: flow.If, condition: 'yes', then: [{id: a, type: execution.Fail, "
       "disabled: true}]}]",
       "i SUCCESS", v1::SUCCESS},
      {"Switch takes its case",
       "tasks: [{id: s, type: flow.Switch, value: b, cases: {a: [{id: x1, type: log.Log, message: "
       "x}], b: [{id: x2, type: log.Log, message: x}]}}]",
       "s SUCCESS, x2 SUCCESS", v1::SUCCESS},
      {"Switch takes defaults",
       "tasks: [{id: s, type: flow.Switch, value: c, cases: {a: [{id: x1, type: log.Log, message: "
       "x}]}, defaults: [{id: d, type: log.Log, message: x}]}]",
       "s SUCCESS, d SUCCESS", v1::SUCCESS},
      {"Switch without match and without defaults fails, without own errors",
       "tasks: [{id: s, type: flow.Switch, value: c, cases: {a: [{id: x1, type: log.Log, message: "
       "x}]}, errors: [{id: e, type: log.Log, message: x}]}]",
       "s FAILED", v1::FAILED},
      {"Dag of three",
       "tasks:\n- id: d\n  type: flow.Dag\n  tasks:\n  - task: {id: c, type: acme.Work}\n    "
       "dependsOn: [a, b]\n  - task: {id: b, type: acme.Work}\n    dependsOn: [a]\n  - task: {id: "
       "a, type: acme.Work}\n",
       "d SUCCESS, a SUCCESS, b SUCCESS, c SUCCESS", v1::SUCCESS},
      {"a disabled dependency is ignored",
       "tasks:\n- id: d\n  type: flow.Dag\n  tasks:\n  - task: {id: a, type: acme.Work, disabled: "
       "true}\n  - task: {id: b, type: acme.Work}\n    dependsOn: [a]\n",
       "d SUCCESS, b SUCCESS", v1::SUCCESS},
      {"finally runs after success and failure, of flow and flowable",
       "tasks:\n- {id: S, type: flow.Sequential, tasks: [{id: a, type: execution.Fail}, {id: b, "
       "type: log.Log, message: x}],\n"
       "   errors: [{id: e1, type: log.Log, message: x}, {id: e2, type: log.Log, message: x}], "
       "finally: [{id: f1, type: log.Log, message: x}, {id: f2, type: log.Log, message: x}]}\n"
       "finally: [{id: g, type: log.Log, message: x}]",
       "S FAILED, a FAILED, e1 SUCCESS, e2 SUCCESS, f1 SUCCESS, f2 SUCCESS, g SUCCESS", v1::FAILED},
      {"finally leaves success as it is",
       "tasks: [{id: a, type: log.Log, message: x}]\nfinally: [{id: g, type: execution.Fail}]",
       "a SUCCESS, g FAILED", v1::SUCCESS},
  };
  for (const Case& c : cases) Check(c);
}

TEST(Branches, LoopsCountTheirDistinctValues) {
  const Case cases[] = {
      {"EachSequential of two values by two tasks, then z",
       "tasks:\n- {id: L, type: flow.EachSequential, value: '[\"u\",\"v\",\"u\"]', tasks: [{id: a, "
       "type: acme.Work}, {id: b, type: log.Log, message: x}]}\n- {id: z, type: log.Log, message: "
       "x}",
       "L SUCCESS, a@u SUCCESS, b@u SUCCESS, a@v SUCCESS, b@v SUCCESS, z SUCCESS", v1::SUCCESS},
      {"EachSequential over nothing",
       "tasks: [{id: L, type: flow.EachSequential, value: '[]', tasks: [{id: a, type: "
       "acme.Work}]}]",
       "L SUCCESS", v1::SUCCESS},
      {"finally of an empty loop runs",
       "tasks: [{id: L, type: flow.EachSequential, value: '[]', tasks: [{id: a, type: acme.Work}], "
       "finally: [{id: f, type: log.Log, message: x}]}]",
       "L SUCCESS, f SUCCESS", v1::SUCCESS},
      {"a null among the values",
       "tasks: [{id: L, type: flow.EachSequential, value: '[\"a\", null]', tasks: [{id: a, type: "
       "acme.Work}]}]",
       "L FAILED", v1::FAILED},
      {"values that are no list",
       "tasks: [{id: L, type: flow.EachSequential, value: '{}', tasks: [{id: a, type: "
       "acme.Work}]}]",
       "L FAILED", v1::FAILED},
      {"a Sequential for each value",
       "tasks:\n- {id: L, type: flow.EachSequential, value: [u, v], tasks: [{id: s, type: "
       "flow.Sequential, tasks: [{id: a, type: acme.Work}]}]}",
       "L SUCCESS, s@u SUCCESS, a@u SUCCESS, s@v SUCCESS, a@v SUCCESS", v1::SUCCESS},
      {"EachParallel creates all (value, task) at once",
       "tasks: [{id: L, type: flow.EachParallel, value: [u, v], tasks: [{id: a, type: acme.Work}, "
       "{id: b, type: acme.Work}]}]",
       "L SUCCESS, a@u SUCCESS, b@u SUCCESS, a@v SUCCESS, b@v SUCCESS", v1::SUCCESS},
      {"ForEach with its default limit goes one by one",
       "tasks: [{id: L, type: flow.ForEach, values: [u, 2], tasks: [{id: a, type: acme.Work}, {id: "
       "b, type: acme.Work}]}]",
       "L SUCCESS, a@u SUCCESS, b@u SUCCESS, a@2 SUCCESS, b@2 SUCCESS", v1::SUCCESS},
      {"ForEach without limit begins all groups, each a sequence",
       "tasks: [{id: L, type: flow.ForEach, concurrencyLimit: 0, values: [u, v, w], tasks: [{id: "
       "a, type: acme.Work}, {id: b, type: acme.Work}]}]",
       "L SUCCESS, a@u SUCCESS, a@v SUCCESS, a@w SUCCESS, b@u SUCCESS, b@v SUCCESS, b@w SUCCESS",
       v1::SUCCESS},
      {"ForEach of two goes on with a group before it begins another",
       "tasks: [{id: L, type: flow.ForEach, concurrencyLimit: 2, values: [u, v, w], tasks: [{id: "
       "a, type: acme.Work}, {id: b, type: acme.Work}]}]",
       "L SUCCESS, a@u SUCCESS, a@v SUCCESS, b@u SUCCESS, b@v SUCCESS, a@w SUCCESS, b@w SUCCESS",
       v1::SUCCESS},
      {"a disabled task of a group is passed over",
       "tasks: [{id: L, type: flow.ForEach, concurrencyLimit: 2, values: [u, v], tasks: [{id: x, "
       "type: acme.Work, disabled: true}, {id: a, type: acme.Work}, {id: y, type: acme.Work, "
       "disabled: true}, {id: b, type: acme.Work}]}]",
       "L SUCCESS, a@u SUCCESS, a@v SUCCESS, b@u SUCCESS, b@v SUCCESS", v1::SUCCESS},
      {"ForEach over Parallel",
       "tasks: [{id: L, type: flow.ForEach, values: [u], tasks: [{id: p, type: flow.Parallel, "
       "tasks: [{id: a, type: acme.Work}, {id: b, type: acme.Work}]}]}]",
       "L SUCCESS, p@u SUCCESS, a@u SUCCESS, b@u SUCCESS", v1::SUCCESS},
      {"maps are values, as JSON",
       "tasks: [{id: L, type: flow.ForEach, values: [{k: v}], tasks: [{id: a, type: acme.Work}]}]",
       "L SUCCESS, a@{\"k\":\"v\"} SUCCESS", v1::SUCCESS},
      {"a failing value stops those that have not begun",
       "tasks: [{id: L, type: flow.ForEach, values: [u, v], tasks: [{id: a, type: "
       "execution.Fail}], errors: [{id: e, type: log.Log, message: x}]}]",
       "L FAILED, a@u FAILED, e SUCCESS", v1::FAILED},
  };
  for (const Case& c : cases) Check(c);
}

TEST(Branches, AParallelEndsWhenItsSiblingsHave) {
  World world(
      absl::StrCat(kHead,
                   "tasks: [{id: P, type: flow.Parallel, tasks: [{id: a, type: acme.Work}, {id: b, "
                   "type: acme.Work}], errors: [{id: e, type: log.Log, message: x}]}]"));
  world.Create();
  world.Lease("a");
  world.Lease("b");
  world.Fail("a");
  EXPECT_EQ(world.States(), "P RUNNING, a FAILED, b RUNNING, e SUCCESS") << "errors start at once";
  world.Succeed("b");
  EXPECT_EQ(world.States(), "P FAILED, a FAILED, b SUCCESS, e SUCCESS");
  EXPECT_EQ(world.state(), v1::FAILED);
}

TEST(Branches, ALimitIsNeverExceeded) {
  for (const int limit : {1, 2, 3}) {
    World world(absl::StrCat(kHead, "tasks: [{id: P, type: flow.Parallel, concurrent: ", limit,
                             ", tasks: [{id: a, type: acme.Work}, {id: b, type: acme.Work}, {id: "
                             "c, type: acme.Work}, {id: d, type: acme.Work}]}]"));
    world.Create();
    while (!world.offers().empty()) {
      EXPECT_LE(world.execution().FindRun(0)->branch().tally().live(), limit);
      const std::string first =
          world.NameOf(*world.execution().FindRun(world.offers().begin()->first));
      world.Lease(first);
      EXPECT_LE(world.execution().FindRun(0)->branch().tally().live(), limit);
      world.Succeed(first);
    }
    EXPECT_EQ(world.state(), v1::SUCCESS);
  }
}

TEST(Branches, AFlowWithNothingEnabledNeverRuns) {
  World world(absl::StrCat(kHead, "tasks: [{id: a, type: acme.Work, disabled: true}]"));
  world.Create();
  EXPECT_EQ(world.History(), "CREATED SUCCESS");
}

TEST(Branches, ADagSkipsAndWarnsWithoutStopping) {
  World world(
      absl::StrCat(kHead,
                   "tasks:\n- id: d\n  type: flow.Dag\n  tasks:\n  - task: {id: a, type: log.Log, "
                   "message: x, runIf: 'false'}\n"
                   "  - task: {id: b, type: execution.Fail, allowFailure: true}\n    dependsOn: "
                   "[a]\n  - task: {id: c, type: acme.Work}\n    dependsOn: [b]\n"));
  world.Create();
  world.WorkAll();
  EXPECT_EQ(world.States(), "d WARNING, a SKIPPED, b WARNING, c SUCCESS");
}

}  // namespace
}  // namespace orch::engine
