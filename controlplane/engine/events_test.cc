// Each event has one answer, and late news changes nothing.
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

constexpr char kOne[] = "id: f\nnamespace: n\ntasks: [{id: a, type: acme.Work}]";
constexpr char kTwo[] =
    "id: f\nnamespace: n\ntasks: [{id: P, type: flow.Parallel, tasks: [{id: a, type: acme.Work}, "
    "{id: b, type: acme.Work}]}]";

v1::Event Ended(const World& world, int attempt, uint64_t fence, v1::State state) {
  v1::Event event;
  event.mutable_task_run_ended()->set_run(world.Run("a").number());
  event.mutable_task_run_ended()->set_attempt(attempt);
  event.mutable_task_run_ended()->set_fence(fence);
  event.mutable_task_run_ended()->set_state(state);
  event.mutable_task_run_ended()->set_worker_id("w1");
  return event;
}

TEST(Events, ARunIsOfferedLeasedAndEnds) {
  World world(kOne);
  const Step created = world.Create();
  EXPECT_EQ(created.effects, std::vector<Effect>({OfferRun{0, "default", "acme.Work"}}));
  EXPECT_EQ(world.History(), "CREATED RUNNING");
  world.Lease("a");
  EXPECT_EQ(world.StateOf("a"), v1::RUNNING);
  EXPECT_EQ(world.Run("a").attempts(0).worker_id(), "w1");
  const Step ended = world.Succeed("a", R"({"x":1,"gone":null})");
  EXPECT_TRUE(ended.ended);
  EXPECT_EQ(world.History(world.Run("a")), "CREATED RUNNING SUCCESS");
  EXPECT_EQ(world.Outputs("a"), R"({"x":1})");
  EXPECT_EQ(world.History(), "CREATED RUNNING SUCCESS");
}

TEST(Events, NewsOfAnOldTokenChangeNothing) {
  struct Case {
    const char* name;
    int attempt;
    uint64_t fence;
  };
  for (const Case& c : {Case{"another attempt", 2, 1}, Case{"another fence", 1, 2},
                        Case{"a fence of the past", 1, 0}}) {
    SCOPED_TRACE(c.name);
    World world(kOne);
    world.Create();
    world.Lease("a");
    const Step step = world.Send(Ended(world, c.attempt, c.fence, v1::SUCCESS));
    EXPECT_FALSE(step.changed);
    EXPECT_EQ(step.record.changes().ByteSizeLong(), 0u);
    EXPECT_EQ(world.StateOf("a"), v1::RUNNING);
  }
}

TEST(Events, AResultToldTwiceCountsOnce) {
  World world(kTwo);
  world.Create();
  world.Lease("a");
  const v1::Event event = Ended(world, 1, 1, v1::SUCCESS);
  EXPECT_TRUE(world.Send(event).changed);
  EXPECT_FALSE(world.Send(event).changed);
}

TEST(Events, ALeaseThatDoesNotFitIsNoLease) {
  World world(kTwo);
  world.Create();
  v1::Event event;
  v1::TaskRunLeased& leased = *event.mutable_task_run_leased();
  leased.set_run(world.Run("a").number());
  leased.mutable_lease()->set_attempt(2);
  leased.mutable_lease()->set_fence(9);
  EXPECT_FALSE(world.Send(event).changed) << "an attempt is skipped";
  leased.mutable_lease()->set_attempt(1);
  leased.mutable_lease()->set_fence(0);
  EXPECT_FALSE(world.Send(event).changed) << "the fence does not grow";
  leased.mutable_lease()->set_fence(1);
  EXPECT_TRUE(world.Send(event).changed);
  EXPECT_FALSE(world.Send(event).changed) << "told twice";
  leased.set_run(0);
  EXPECT_FALSE(world.Send(event).changed) << "a container is not lent";
  leased.set_run(77);
  EXPECT_FALSE(world.Send(event).changed) << "there is no such run";
}

TEST(Events, ALostWorkerIsNoFailureAndTheThirdIs) {
  World world(kOne);
  world.Create();
  for (int loss = 1; loss <= 2; ++loss) {
    world.Lease("a");
    const Step step = world.Expire("a");
    EXPECT_THAT(step.effects, Contains(Effect(OfferRun{0, "default", "acme.Work"})));
    EXPECT_EQ(world.StateOf("a"), v1::CREATED);
    EXPECT_EQ(world.Run("a").attempts(loss - 1).state(), v1::RESUBMITTED);
    EXPECT_EQ(world.Run("a").lost_count(), loss);
  }
  world.Lease("a");
  world.Expire("a");
  EXPECT_EQ(world.StateOf("a"), v1::FAILED);
  EXPECT_EQ(world.Run("a").error_code(), "WORKER_LOST");
  EXPECT_EQ(world.Run("a").attempts(2).state(), v1::FAILED);
  EXPECT_EQ(world.state(), v1::FAILED);
  EXPECT_EQ(world.History(world.Run("a")),
            "CREATED RUNNING CREATED RUNNING CREATED RUNNING FAILED");
}

TEST(Events, ATaskThatMustNotRunTwiceFailsOnTheFirstLoss) {
  World world(
      "id: f\nnamespace: n\ntasks: [{id: a, type: acme.Work, worker: {restartStrategy: NEVER}}]");
  world.Create();
  world.Lease("a");
  world.Expire("a");
  EXPECT_EQ(world.StateOf("a"), v1::FAILED);
  EXPECT_EQ(world.Run("a").error_code(), "WORKER_LOST");
}

TEST(Events, ALeaseReturnedUnbegunIsFreeTenTimes) {
  World world(kOne);
  world.Create();
  for (int i = 0; i < 10; ++i) {
    world.Lease("a");
    const Step step = world.Return("a", /*begun=*/false);
    EXPECT_THAT(step.effects, ElementsAre(Effect(OfferRun{0, "default", "acme.Work"})));
    EXPECT_EQ(world.Run("a").attempt_count(), 0);
    EXPECT_EQ(world.Run("a").lost_count(), 0);
  }
  world.Lease("a");
  world.Return("a", false);
  EXPECT_EQ(world.Run("a").lost_count(), 1);
  EXPECT_EQ(world.Run("a").attempt_count(), 1);
}

TEST(Events, ALeaseReturnedAfterItBeganIsALoss) {
  World world(kOne);
  world.Create();
  world.Lease("a");
  world.Return("a", true);
  EXPECT_EQ(world.Run("a").lost_count(), 1);
  EXPECT_EQ(world.Run("a").attempts(0).state(), v1::RESUBMITTED);
}

TEST(Events, ATimeoutToldByTheControlPlaneStopsTheWorker) {
  World world(kOne);
  world.Create();
  world.Lease("a");
  v1::Event event = Ended(world, 1, 1, v1::FAILED);
  event.mutable_task_run_ended()->clear_worker_id();
  event.mutable_task_run_ended()->set_error_code("TIMEOUT");
  event.mutable_task_run_ended()->set_error("Timeout after PT5S");
  const Step step = world.Send(event);
  EXPECT_THAT(step.effects,
              Contains(Effect(StopAttempt{0, 1, 1, "s1", StopAttempt::Reason::kTimedOut})));
  EXPECT_EQ(world.StateOf("a"), v1::FAILED);
  EXPECT_THAT(world.Lines(), ElementsAre("a ERROR Timeout after PT5S"));
}

TEST(Events, OutputsThatAreNoObjectFailTheRun) {
  for (const char* outputs : {"[1]", "{", "7", "\"x\""}) {
    World world(kOne);
    world.Create();
    world.Lease("a");
    world.Succeed("a", outputs);
    EXPECT_EQ(world.StateOf("a"), v1::FAILED) << outputs;
    EXPECT_EQ(world.Run("a").error_code(), "INVALID_OUTPUT");
  }
}

TEST(Events, LargeOutputsHaveARowOfTheirOwn) {
  World world(kOne);
  world.Create();
  world.Lease("a");
  const std::string json = absl::StrCat(R"({"x":")", std::string(2000, 'y'), "\"}");
  world.Succeed("a", json);
  EXPECT_TRUE(world.Run("a").outputs_apart());
  EXPECT_FALSE(world.Run("a").has_outputs());
  EXPECT_EQ(world.Outputs("a"), json);
  EXPECT_EQ(std::get<expression::Value>(world.Eval("{{ outputs.a.x | length }}")).AsInt(), 2000);
}

TEST(Events, ARenderingThatFailsFailsTheRun) {
  World world(kOne);
  world.Create();
  v1::Event event;
  event.mutable_rendering_failed()->set_run(0);
  event.mutable_rendering_failed()->set_error("line 1: no such variable");
  world.Send(event);
  EXPECT_EQ(world.History(world.Run("a")), "CREATED RUNNING FAILED");
  EXPECT_EQ(world.Run("a").attempts_size(), 1);
  EXPECT_FALSE(world.Send(event).changed);
}

// ---- Kill ---------------------------------------------------------------------------------------

TEST(Kill, WaitingRunsEndAtOnceAndLeasedOnesWhenTheirWorkerAnswers) {
  World world(kTwo);
  world.Create();
  world.Lease("a");
  const Step killed = world.Kill();
  EXPECT_THAT(killed.effects,
              ElementsAre(Effect(StopAttempt{1, 1, 1, "s1", StopAttempt::Reason::kKilled}),
                          Effect(WithdrawRun{2})));
  EXPECT_EQ(world.States(), "P RUNNING, a KILLING, b KILLED");
  EXPECT_EQ(world.state(), v1::KILLING);
  world.Confirm("a");
  EXPECT_EQ(world.States(), "P KILLED, a KILLED, b KILLED");
  EXPECT_EQ(world.History(), "CREATED RUNNING KILLING KILLED");
  EXPECT_TRUE(world.execution().timers().empty());
}

TEST(Kill, SuccessThatComesAfterItDoesNotUndoIt) {
  World world(kTwo);
  world.Create();
  world.Lease("a");
  world.Kill();
  world.Succeed("a", R"({"x":1})");
  EXPECT_EQ(world.StateOf("a"), v1::KILLED);
  EXPECT_EQ(world.Outputs("a"), "");
  EXPECT_EQ(world.state(), v1::KILLED);
}

TEST(Kill, TheGraceEndsWhoeverDoesNotAnswer) {
  World world(kOne);
  world.Create();
  world.Lease("a");
  world.Kill();
  world.Wait(absl::Seconds(29));
  EXPECT_EQ(world.StateOf("a"), v1::KILLING);
  world.Wait(absl::Seconds(1));
  EXPECT_EQ(world.StateOf("a"), v1::KILLED);
  EXPECT_EQ(world.state(), v1::KILLED);
}

TEST(Kill, ALostWorkerOfAKilledRunEndsIt) {
  World world(kOne);
  world.Create();
  world.Lease("a");
  world.Kill();
  world.Expire("a");
  EXPECT_EQ(world.StateOf("a"), v1::KILLED);
}

TEST(Kill, NothingStartsAfterIt) {
  World world(
      "id: f\nnamespace: n\ntasks: [{id: a, type: acme.Work}, {id: b, type: acme.Work}]\nerrors: "
      "[{id: e, type: acme.Work}]");
  world.Create();
  world.Lease("a");
  world.Kill();
  world.Fail("a");
  EXPECT_EQ(world.States(), "a KILLED");
  EXPECT_EQ(world.state(), v1::KILLED);
}

TEST(Kill, FinallyOfWhatHadBegunStillRuns) {
  World world(
      "id: f\nnamespace: n\ntasks:\n- {id: S, type: flow.Sequential, tasks: [{id: a, type: "
      "acme.Work}], finally: [{id: f1, type: acme.Work}]}\n"
      "finally: [{id: g, type: flow.Sequential, tasks: [{id: g1, type: acme.Work}]}]");
  world.Create();
  world.Lease("a");
  world.Kill();
  world.Confirm("a");
  EXPECT_EQ(world.States(), "S RUNNING, a KILLED, f1 CREATED");
  world.WorkAll();
  EXPECT_EQ(world.States(), "S KILLED, a KILLED, f1 SUCCESS, g SUCCESS, g1 SUCCESS");
  EXPECT_EQ(world.History(), "CREATED RUNNING KILLING KILLED");
}

TEST(Kill, TwiceIsOnce) {
  World world(kOne);
  world.Create();
  world.Lease("a");
  world.Kill();
  EXPECT_FALSE(world.Kill().changed);
  v1::Event cascade;
  cascade.mutable_kill_requested()->set_cascade(true);
  world.Send(cascade);
  EXPECT_TRUE(world.execution().head().kill_cascade());
  world.Confirm("a");
  EXPECT_FALSE(world.Kill().changed) << "it has ended";
}

// ---- Creation, schedule, labels ---------------------------------------------------------------------

TEST(Creation, LabelsAreTheFlowsThenTheCallersThenTheCorrelation) {
  World world(
      "id: f\nnamespace: n\nlabels: {team: dwh, tier: 1}\ntasks: [{id: a, type: acme.Work}]");
  v1::Label team;
  team.set_key("team");
  team.set_value("ops");
  v1::Label extra;
  extra.set_key("x");
  extra.set_value("y");
  world.Create("", {team, extra});
  std::vector<std::string> labels;
  for (const v1::Label& label : world.execution().payload().labels()) {
    labels.push_back(label.key() + "=" + label.value());
  }
  EXPECT_THAT(labels, ElementsAre("team=ops", "tier=1", "x=y", "system.correlationId=e1"));
}

TEST(Creation, TwiceIsOnce) {
  World world(kOne);
  world.Create();
  EXPECT_FALSE(world.Create().changed);
}

TEST(Creation, AnEventBeforeItChangesNothing) {
  World world(kOne);
  EXPECT_FALSE(world.Kill().changed);
  EXPECT_FALSE(world.Continue().changed);
}

TEST(Creation, AScheduledStartWaitsForItsDate) {
  World world(kOne);
  v1::Event event;
  v1::ExecutionCreated& created = *event.mutable_execution_created();
  created.set_execution_id("e1");
  created.set_schedule_micros(absl::ToUnixMicros(world.now() + absl::Hours(1)));
  world.Send(event);
  EXPECT_EQ(world.History(), "CREATED");
  world.Wait(absl::Minutes(59));
  EXPECT_EQ(world.run_count(), 0);
  world.Wait(absl::Minutes(1));
  EXPECT_EQ(world.States(), "a CREATED");
}

TEST(Creation, AScheduledStartCanBeKilled) {
  World world(kOne);
  v1::Event event;
  event.mutable_execution_created()->set_execution_id("e1");
  event.mutable_execution_created()->set_schedule_micros(
      absl::ToUnixMicros(world.now() + absl::Hours(1)));
  world.Send(event);
  world.Kill();
  EXPECT_EQ(world.History(), "CREATED KILLING KILLED");
  EXPECT_TRUE(world.execution().timers().empty());
}

TEST(LabelsChanged, BeginsTheNextGenerationOfAnEndedExecution) {
  World world(kOne);
  world.Create();
  v1::Event event;
  event.mutable_labels_changed()->add_labels()->set_key("k");
  EXPECT_FALSE(world.Send(event).changed) << "it is live";
  world.WorkAll();
  world.Send(event);
  EXPECT_EQ(world.execution().payload().labels_size(), 1);
  EXPECT_EQ(world.execution().head().generation(), 2);
}

}  // namespace
}  // namespace orch::engine
