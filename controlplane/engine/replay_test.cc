// Whatever happens, in whatever order: records fold to the rows, deciding again gives equal changes, and an
// execution that was read back decides as the one that was dropped. World checks that at every step; here it
// is driven by chance.
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "controlplane/engine/invariants.h"
#include "controlplane/engine/world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::engine {
namespace {

constexpr const char* kFlows[] = {
    "tasks: [{id: a, type: acme.Work}, {id: b, type: acme.Work, retry: {type: constant, interval: "
    "PT1S, maxAttempt: 3}}, {id: c, type: log.Log, message: '{{ tasks.a.state }}'}]\n"
    "errors: [{id: e, type: acme.Work}]\nfinally: [{id: g, type: acme.Work}]\n",
    "tasks: [{id: P, type: flow.Parallel, concurrent: 2, tasks: [{id: a, type: acme.Work}, {id: b, "
    "type: acme.Work, allowFailure: true}, {id: s, type: flow.Sleep, duration: PT3S}, {id: c, "
    "type: debug.Return, format: x}],"
    " errors: [{id: e, type: acme.Work}], finally: [{id: g, type: log.Log, message: x}]}, {id: z, "
    "type: acme.Work}]\n",
    "tasks: [{id: L, type: flow.ForEach, concurrencyLimit: 2, values: [u, v, w], tasks: [{id: a, "
    "type: acme.Work}, {id: i, type: flow.If, condition: \"{{ kv('k') }}\", then: [{id: b, type: "
    "acme.Work}], else: [{id: c, type: debug.Return, format: \"{{ secret('S') }}\"}]}]}]\n"
    "outputs: [{id: o, type: STRING, value: \"{{ outputs.a.u.x ?? kv('k') }}\"}]\n",
    "tasks:\n- id: d\n  type: flow.Dag\n  tasks:\n  - task: {id: a, type: acme.Work}\n  - task: "
    "{id: b, type: acme.Work}\n    dependsOn: [a]\n  - task: {id: c, type: flow.AllowFailure, "
    "tasks: [{id: c1, type: acme.Work}]}\n    dependsOn: [a]\n",
};

// One event, drawn: what a worker, a clock or a person might do next, in order or out of it.
void Disturb(World& world, Random& random) {
  std::vector<std::string> waiting, leased;
  for (const int64_t number : world.execution().live_runs()) {
    const v1::TaskRun& run = *world.execution().FindRun(number);
    if (run.has_lease()) leased.push_back(world.NameOf(run));
    if (world.offers().contains(number) && run.state() == v1::CREATED)
      waiting.push_back(world.NameOf(run));
  }
  const auto any = [&random](const std::vector<std::string>& names) {
    return names[random.Below(names.size())];
  };
  switch (random.Below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      if (!waiting.empty()) world.Lease(any(waiting));
      break;
    case 4:
    case 5:
    case 6:
      if (!leased.empty()) world.Succeed(any(leased), random.Below(2) == 0 ? R"({"x":"y"})" : "");
      break;
    case 7:
      if (!leased.empty()) world.Fail(any(leased));
      break;
    case 8:
      if (!leased.empty()) world.Expire(any(leased));
      break;
    case 9:
      if (!leased.empty()) world.Return(any(leased), random.Below(2) == 0);
      break;
    case 10: world.Wait(absl::Seconds(static_cast<int64_t>(random.Below(3)))); break;
    case 11:
      if (random.Below(20) == 0) world.Kill();
      if (!leased.empty()) world.Confirm(any(leased));
      break;
  }
}

TEST(Replay, WhateverHappensRecordsFoldAndDecideAlikeAndEveryFlowEnds) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(absl::StrCat("replay with seed ", seed));
    SeededRandom random(seed);
    World world(absl::StrCat("id: f\nnamespace: n\n", kFlows[seed % std::size(kFlows)]));
    world.kv = {{"k", seed % 3 == 0 ? "\"true\"" : "\"false\""}};
    world.secrets = {{"S", "hush"}};
    world.Create();
    for (int i = 0; i < 60 && world.execution().head().live(); ++i) Disturb(world, random);
    // Then it heals: nothing may be left that nobody would ever wake.
    for (int i = 0; i < 200 && world.execution().head().live(); ++i) {
      for (const int64_t number : std::set<int64_t>(world.execution().live_runs())) {
        const v1::TaskRun& run = *world.execution().FindRun(number);
        if (run.live() && run.has_lease()) world.Succeed(world.NameOf(run));
      }
      world.WorkAll();
      world.Wait(absl::Seconds(31));
    }
    ASSERT_FALSE(world.execution().head().live()) << world.States();
    EXPECT_TRUE(world.execution().live_runs().empty());
    EXPECT_TRUE(world.execution().timers().empty());
    EXPECT_TRUE(StandingOrders(world.execution(), world.flow(), world.environment()).empty());
    if (HasFailure()) return;
  }
}

TEST(Replay, RowsThatContradictEachOtherAreRefused) {
  World world(
      "id: f\nnamespace: n\ntasks: [{id: P, type: flow.Parallel, tasks: [{id: a, type: "
      "acme.Work}]}]");
  world.Create();
  const Execution& good = world.execution();
  const std::vector<v1::TaskRun> runs = {*good.FindRun(0), *good.FindRun(1)};
  EXPECT_TRUE(Execution::FromRows(good.head(), good.payload(), runs, {}, {}).ok());
  const auto refused = [&](std::vector<v1::TaskRun> bad) {
    return absl::IsDataLoss(
        Execution::FromRows(good.head(), good.payload(), std::move(bad), {}, {}).status());
  };
  EXPECT_TRUE(refused({runs[0]})) << "one is missing";
  EXPECT_TRUE(refused({runs[0], runs[0]})) << "one is there twice";
  std::vector<v1::TaskRun> bad = runs;
  bad[1].set_parent(5);
  EXPECT_TRUE(refused(bad)) << "its parent does not exist";
  bad = runs;
  bad[1].set_state(v1::SUCCESS);
  EXPECT_TRUE(refused(bad)) << "it has ended and is live";
}

TEST(Replay, ABrokenInvariantFailsTheExecutionWithAnHonestError) {
  World world("id: f\nnamespace: n\ntasks: [{id: a, type: acme.Work}]");
  world.Create();
  // A row that no step could have made: its tally says that nothing lives.
  v1::ExecutionHead head = world.execution().head();
  head.mutable_branch()->mutable_tally()->set_live(0);
  Execution bad = *Execution::FromRows(head, world.execution().payload(),
                                       {*world.execution().FindRun(0)}, {}, {});
  v1::Event event;
  event.mutable_rendering_failed()->set_run(0);
  const Step step = Decide(bad, event, world.flow(), world.environment(), world.now(), 1);
  EXPECT_TRUE(step.ended);
  EXPECT_EQ(step.record.changes().head().state(), v1::FAILED);
  EXPECT_THAT(step.record.changes().head().error(), testing::HasSubstr("internal error"));
}

}  // namespace
}  // namespace orch::engine
