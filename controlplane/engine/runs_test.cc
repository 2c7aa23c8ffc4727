// The life of one run: inline tasks, runIf, retries, sleep, softening.
#include "absl/strings/str_cat.h"
#include "controlplane/engine/world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::engine {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Flow(std::string_view task) {
  return absl::StrCat("id: f\nnamespace: n\ntasks:\n- ", std::string(task), "\n");
}

TEST(InlineTasks, EachHasItsStateOutputsAndLines) {
  struct Case {
    const char* name;
    const char* task;
    v1::State state;
    const char* outputs;
    std::vector<std::string> lines;
  };
  const Case cases[] = {
      {"log.Log writes a line",
       "{id: a, type: log.Log, message: 'x {{ flow.id }}'}",
       v1::SUCCESS,
       "",
       {"a INFO x f"}},
      {"log.Log writes one for each message",
       "{id: a, type: log.Log, level: WARN, message: [x, y]}",
       v1::SUCCESS,
       "",
       {"a WARN x", "a WARN y"}},
      {"lines below the task's level are not stored",
       "{id: a, type: log.Log, logLevel: ERROR, message: x}",
       v1::SUCCESS,
       "",
       {}},
      {"debug.Return gives its text",
       "{id: a, type: debug.Return, format: 'v {{ 1 + 1 }}'}",
       v1::SUCCESS,
       R"({"value":"v 2"})",
       {"a DEBUG v 2"}},
      {"debug.Return without format gives nothing",
       "{id: a, type: debug.Return}",
       v1::SUCCESS,
       "",
       {}},
      {"debug.Echo writes a line",
       "{id: a, type: debug.Echo, format: hi}",
       v1::SUCCESS,
       "",
       {"a INFO hi"}},
      {"output.OutputValues keeps kinds and drops nulls",
       "{id: a, type: output.OutputValues, values: {n: 1, t: '{{ flow.id }}', l: [null, 'b'], "
       "gone: null}}",
       v1::SUCCESS,
       R"({"values":{"n":1,"t":"f","l":[null,"b"]}})",
       {}},
      {"execution.Fail fails",
       "{id: a, type: execution.Fail}",
       v1::FAILED,
       "",
       {"a ERROR Task failure"}},
      {"execution.Fail tells its message",
       "{id: a, type: execution.Fail, condition: 'yes', errorMessage: 'no {{ flow.id }}'}",
       v1::FAILED,
       "",
       {"a ERROR Fail on a condition", "a ERROR no f"}},
      {"execution.Fail with a falsy condition",
       "{id: a, type: execution.Fail, condition: ' 0 '}",
       v1::SUCCESS,
       "",
       {}},
      {"execution.Assert counts",
       "{id: a, type: execution.Assert, conditions: ['{{ 1 == 1 }}', '{{ 1 == 2 }}'], "
       "errorMessage: sorry}",
       v1::FAILED,
       R"({"success":1,"failed":1})",
       {"a ERROR Assertion `{{ 1 == 2 }}` failed!", "a ERROR 1 assertion(s) failed!\nsorry"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    World world(Flow(c.task));
    world.Create();
    EXPECT_EQ(v1::State_Name(world.StateOf("a")), v1::State_Name(c.state));
    EXPECT_EQ(world.Outputs("a"), c.outputs);
    EXPECT_EQ(world.Lines(), c.lines);
    EXPECT_EQ(world.Run("a").attempts_size(), 1);
    EXPECT_EQ(world.records().size(), 1u) << "an inline run is written once";
    EXPECT_EQ(World::History(world.Run("a")),
              absl::StrCat("CREATED RUNNING ", v1::State_Name(c.state)));
  }
}

TEST(InlineTasks, AnUnknownVariableFailsTheRunAndSaysWhich) {
  World world(Flow("{id: a, type: debug.Return, format: '{{ outputs.b.x }}'}"));
  world.Create();
  EXPECT_EQ(world.StateOf("a"), v1::FAILED);
  EXPECT_THAT(world.Run("a").error(), HasSubstr("outputs"));
  EXPECT_THAT(world.Lines(), Contains(HasSubstr("a ERROR")));
}

TEST(InlineTasks, ALongLineIsStoredInPieces) {
  World world(
      Flow(absl::StrCat("{id: a, type: log.Log, message: '", std::string(25'000, 'x'), "'}")));
  world.Create();
  ASSERT_EQ(world.Lines().size(), 3u);
  EXPECT_EQ(world.Lines()[0].size(), 10'240 + std::string("a INFO ").size());
}

TEST(InlineTasks, LabelsReplaceByKeyAndNumbersBecomeText) {
  World world(
      "id: f\nnamespace: n\nlabels: {team: dwh}\ntasks: [{id: a, type: execution.Labels, labels: "
      "{team: '{{ flow.id }}', n: 7}}]");
  world.Create();
  std::vector<std::string> labels;
  for (const v1::Label& label : world.execution().payload().labels()) {
    labels.push_back(label.key() + "=" + label.value());
  }
  EXPECT_THAT(labels, ElementsAre("team=f", "system.correlationId=e1", "n=7"));
}

TEST(InlineTasks, LabelsThatCannotBeFailTheRun) {
  for (const char* labels :
       {"{system.x: y}", "{k: ''}", "{k: null}", "'{\"k\": [1]}'", "'no json'"}) {
    World world(Flow(absl::StrCat("{id: a, type: execution.Labels, labels: ", labels, "}")));
    world.Create();
    EXPECT_EQ(world.StateOf("a"), v1::FAILED) << labels;
    EXPECT_EQ(world.execution().payload().labels_size(), 1);
  }
}

TEST(InlineTasks, VariablesAreSetMergedAndUnset) {
  World world(
      "id: f\nnamespace: n\nvariables: {m: {a: 1}}\ntasks:\n"
      "- {id: s, type: execution.SetVariables, variables: {m: {b: 2}, t: '{{ vars.m.a }}'}}\n"
      "- {id: r, type: debug.Return, format: '{{ vars.m.a }}{{ vars.m.b }}{{ t }}'}\n"
      "- {id: u, type: execution.UnsetVariables, variables: [m.a]}\n"
      "- {id: q, type: debug.Return, format: '{{ vars.m.a ?? \"gone\" }}'}\n"
      "- {id: n, type: execution.UnsetVariables, variables: [nowhere]}\n");
  world.Create();
  EXPECT_EQ(world.Outputs("r"), R"({"value":"121"})");
  EXPECT_EQ(world.Outputs("q"), R"({"value":"gone"})");
  EXPECT_EQ(world.StateOf("n"), v1::FAILED);
}

TEST(RunIf, ThatCannotBeEvaluatedFailsWithoutAttemptAndIsNotSoftened) {
  World world(
      Flow("{id: a, type: acme.Work, allowFailure: true, runIf: '{{ nowhere }}', retry: {type: "
           "constant, interval: PT1S, maxAttempt: 3}}"));
  world.Create();
  EXPECT_EQ(world.StateOf("a"), v1::FAILED);
  EXPECT_EQ(world.Run("a").attempts_size(), 0);
  EXPECT_EQ(World::History(world.Run("a")), "CREATED FAILED");
  EXPECT_THAT(world.Lines(),
              ElementsAre(HasSubstr("a ERROR Failed to evaluate the runIf condition")));
}

TEST(RunIf, ThatIsFalsySkipsTheRunAndItsAttempt) {
  World world(Flow("{id: a, type: acme.Work, runIf: '{{ false }}'}"));
  EXPECT_TRUE(world.Create().effects.empty());
  ASSERT_EQ(world.Run("a").attempts_size(), 1);
  EXPECT_EQ(world.Run("a").attempts(0).state(), v1::SKIPPED);
}

TEST(Softening, TheTableHolds) {
  struct Case {
    v1::State outcome;
    bool allow_failure, allow_warning;
    v1::State then;
  };
  const Case cases[] = {
      {v1::FAILED, true, false, v1::WARNING},   {v1::FAILED, true, true, v1::SUCCESS},
      {v1::FAILED, false, false, v1::FAILED},   {v1::FAILED, false, true, v1::FAILED},
      {v1::WARNING, false, false, v1::WARNING}, {v1::WARNING, true, false, v1::WARNING},
      {v1::WARNING, false, true, v1::SUCCESS},  {v1::WARNING, true, true, v1::SUCCESS},
  };
  for (const Case& c : cases) {
    World world(Flow(
        absl::StrCat("{id: a, type: acme.Work, allowFailure: ", c.allow_failure ? "true" : "false",
                     ", allowWarning: ", c.allow_warning ? "true" : "false", "}")));
    world.Create();
    world.Lease("a");
    world.End("a", c.outcome);
    EXPECT_EQ(v1::State_Name(world.StateOf("a")), v1::State_Name(c.then));
    EXPECT_EQ(world.Run("a").attempts(0).state(), c.outcome) << "the attempt keeps what happened";
    EXPECT_EQ(world.state(), c.then);
  }
}

TEST(Retry, TheRunWaitsAndIsOfferedAgain) {
  World world(
      Flow("{id: a, type: acme.Work, retry: {type: constant, interval: PT10S, maxAttempt: 2}}"));
  world.Create();
  world.Lease("a");
  world.Fail("a");
  EXPECT_EQ(world.StateOf("a"), v1::RETRYING);
  EXPECT_EQ(world.state(), v1::RETRYING);
  world.Wait(absl::Seconds(9));
  EXPECT_EQ(world.StateOf("a"), v1::RETRYING);
  world.Wait(absl::Seconds(1));
  EXPECT_EQ(world.StateOf("a"), v1::CREATED);
  EXPECT_EQ(world.state(), v1::RUNNING);
  world.Lease("a");
  world.Fail("a");
  EXPECT_EQ(world.StateOf("a"), v1::FAILED);
  EXPECT_EQ(world.Run("a").attempts_size(), 2);
  EXPECT_EQ(world.state(), v1::FAILED);
}

TEST(Retry, DelaysFollowTheirPolicy) {
  struct Case {
    const char* name;
    const char* retry;
    std::vector<int> seconds;  // Between the attempts.
  };
  const Case cases[] = {
      {"constant", "{type: constant, interval: PT5S, maxAttempt: 4}", {5, 5, 5}},
      {"exponential is linear and begins at once",
       "{type: exponential, interval: PT5S, maxInterval: PT15S, maxAttempt: 5}",
       {0, 10, 15, 15}},
      {"maxDuration ends it", "{type: constant, interval: PT5S, maxDuration: PT12S}", {5, 5}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    World world(Flow(absl::StrCat("{id: a, type: execution.Fail, retry: ", c.retry, "}")));
    world.Create();
    for (const int seconds : c.seconds) {
      ASSERT_EQ(world.StateOf("a"), v1::RETRYING);
      const int before = world.Run("a").attempt_count();
      if (seconds > 0) world.Wait(absl::Milliseconds(seconds * 1000 - 1));
      EXPECT_EQ(world.Run("a").attempt_count(), before);
      world.Wait(absl::Milliseconds(seconds > 0 ? 1 : 0));
      EXPECT_EQ(world.Run("a").attempt_count(), before + 1);
    }
    EXPECT_EQ(world.StateOf("a"), v1::FAILED);
  }
}

TEST(Retry, IsInheritedFromTheNearestEnclosingTaskAndTheFlow) {
  World world(
      "id: f\nnamespace: n\nretry: {type: constant, interval: PT1S, maxAttempt: 5}\ntasks:\n"
      "- {id: s, type: flow.Sequential, retry: {type: constant, interval: PT1S, maxAttempt: 2}, "
      "tasks: [{id: a, type: execution.Fail, allowFailure: true}]}\n"
      "- {id: b, type: execution.Fail}\n");
  world.Create();
  world.Wait(absl::Minutes(1));
  EXPECT_EQ(world.Run("a").attempt_count(), 2);
  EXPECT_EQ(world.Run("b").attempt_count(), 5);
}

TEST(Retry, ASuccessAfterItWarnsWhereAsked) {
  World world(Flow(
      "{id: a, type: acme.Work, retry: {type: constant, interval: PT1S, warningOnRetry: true}}"));
  world.Create();
  world.Lease("a");
  world.Fail("a");
  world.Wait(absl::Seconds(1));
  world.Lease("a");
  world.Succeed("a");
  EXPECT_EQ(world.StateOf("a"), v1::WARNING);
  EXPECT_EQ(world.Run("a").attempts(1).state(), v1::SUCCESS);
}

TEST(Retry, ALostWorkerCostsNone) {
  World world(
      Flow("{id: a, type: acme.Work, retry: {type: constant, interval: PT1S, maxAttempt: 2}}"));
  world.Create();
  world.Lease("a");
  world.Expire("a");
  world.Lease("a");
  world.Fail("a");
  EXPECT_EQ(world.StateOf("a"), v1::RETRYING) << "one of two is used up";
}

TEST(Retry, AKillEndsARunThatWaitsForIt) {
  World world(Flow("{id: a, type: execution.Fail, retry: {type: constant, interval: PT10S}}"));
  world.Create();
  world.Kill();
  EXPECT_EQ(world.StateOf("a"), v1::KILLED);
  EXPECT_TRUE(world.execution().timers().empty());
  EXPECT_EQ(world.History(), "CREATED RUNNING RETRYING KILLING KILLED");
}

TEST(Sleep, IsATimerAndNoSlot) {
  World world(Flow("{id: a, type: flow.Sleep, duration: '{{ \"PT5S\" }}'}"));
  EXPECT_TRUE(world.Create().effects.empty());
  EXPECT_EQ(world.StateOf("a"), v1::RUNNING);
  world.Wait(absl::Milliseconds(4999));
  EXPECT_EQ(world.StateOf("a"), v1::RUNNING);
  world.Wait(absl::Milliseconds(1));
  EXPECT_EQ(world.StateOf("a"), v1::SUCCESS);
  EXPECT_TRUE(world.execution().timers().empty());
}

TEST(Sleep, ObeysItsTimeoutAndAKill) {
  World late(Flow("{id: a, type: flow.Sleep, duration: PT5S, timeout: PT2S}"));
  late.Create();
  late.Wait(absl::Seconds(2));
  EXPECT_EQ(late.StateOf("a"), v1::FAILED);
  EXPECT_THAT(late.Lines(), Contains(HasSubstr("Timeout")));
  World killed(Flow("{id: a, type: flow.Sleep, duration: PT5S}"));
  killed.Create();
  killed.Kill();
  EXPECT_EQ(killed.StateOf("a"), v1::KILLED);
  EXPECT_EQ(killed.state(), v1::KILLED);
}

TEST(Sleep, ATimerThatFiresEarlyOrTwiceChangesNothing) {
  World world(
      "id: f\nnamespace: n\ntasks: [{id: a, type: flow.Sleep, duration: PT5S}, {id: b, type: "
      "acme.Work}]");
  world.Create();
  v1::Event event;
  event.mutable_timer_fired()->set_run(0);
  event.mutable_timer_fired()->set_kind(v1::Timer::SLEEP);
  event.mutable_timer_fired()->set_generation(1);
  event.mutable_timer_fired()->set_attempt(1);
  EXPECT_FALSE(world.Send(event).changed);
  world.Wait(absl::Seconds(5));
  EXPECT_FALSE(world.Send(event).changed);
}

TEST(WorkerGroups, NameTheQueueOfTheRun) {
  World world(
      "id: f\nnamespace: n\nvariables: {g: gpu}\ntasks: [{id: a, type: acme.Work, workerGroup: "
      "{key: '{{ vars.g }}'}}]");
  EXPECT_THAT(world.Create().effects, ElementsAre(Effect(OfferRun{0, "gpu", "acme.Work"})));
  EXPECT_THAT(StandingOrders(world.execution(), world.flow(), world.environment()),
              ElementsAre(Effect(OfferRun{0, "gpu", "acme.Work"})));
}

TEST(WorkerGroups, AKeyThatCannotBeRenderedFailsTheRun) {
  World world(Flow("{id: a, type: acme.Work, workerGroup: {key: '{{ nowhere }}'}}"));
  EXPECT_TRUE(world.Create().effects.empty());
  EXPECT_EQ(world.StateOf("a"), v1::FAILED);
}

}  // namespace
}  // namespace orch::engine
