// A step does a slice of work; the rest stays visible in the rows.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/engine/invariants.h"
#include "controlplane/engine/world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::engine {
namespace {

World::Options Large() {
  World::Options options;
  options.check_every_step = false;
  return options;
}

std::string Values(int count) {
  std::vector<int> values(count);
  for (int i = 0; i < count; ++i) values[i] = i;
  return absl::StrCat("[", absl::StrJoin(values, ", "), "]");
}

std::string Loop(int count, int limit, std::string_view tasks) {
  return absl::StrCat(
      "id: f\nnamespace: n\ntasks: [{id: L, type: flow.ForEach, concurrencyLimit: ", limit,
      ", values: ", Values(count), ", tasks: [", std::string(tasks), "]}]\n");
}

void ExpectSlices(const World& world) {
  for (const Step& step : world.steps()) {
    EXPECT_LE(step.record.changes().runs_size(), kSliceRunCount + 2);
    EXPECT_LE(step.record.changes().ByteSizeLong(), 2 * kSliceBytes);
  }
}

TEST(Slices, AFanOutOfInlineTasksGoesInSlicesAndWritesEachRunOnce) {
  for (const int limit : {0, 1, 3}) {
    SCOPED_TRACE(limit);
    World world(Loop(2000, limit, "{id: r, type: debug.Return, format: '{{ taskrun.value }}'}"),
                Large());
    world.Create();
    EXPECT_EQ(world.state(), v1::SUCCESS);
    EXPECT_EQ(world.run_count(), 2001);
    ExpectSlices(world);
    EXPECT_GT(world.steps().size(), 2000u / kSliceRunCount);
    std::map<int64_t, int> written;
    for (const v1::Record& record : world.records()) {
      for (const v1::TaskRun& run : record.changes().runs()) ++written[run.number()];
    }
    written.erase(0);
    for (const auto& [number, count] : written) EXPECT_EQ(count, 1) << number;
    EXPECT_TRUE(CheckInvariants(world.execution()).ok());
    world.CheckFold();
  }
}

TEST(Slices, WithoutItsContinueTheRestStaysVisibleAndSurvivesACrash) {
  World::Options options = Large();
  options.auto_continue = false;
  World world(
      Loop(600, 0,
           "{id: r, type: debug.Return, format: x}, {id: s, type: debug.Return, format: y}"),
      options);
  Step step = world.Create();
  int steps = 1;
  while (step.continue_due) {
    EXPECT_TRUE(world.execution().head().continue_due());
    EXPECT_TRUE(CheckInvariants(world.execution()).ok()) << CheckInvariants(world.execution());
    EXPECT_FALSE(world.execution().head().live() && world.execution().ready_runs().empty() &&
                 world.execution().head().branch().tally().live() == 0);
    world.mutable_execution() = world.ReadBack();
    step = world.Continue();
    ++steps;
    ASSERT_LT(steps, 100);
  }
  EXPECT_EQ(world.state(), v1::SUCCESS);
  EXPECT_EQ(world.run_count(), 1201);
  EXPECT_GE(steps, 1201 / kSliceRunCount);
  world.CheckFold();
}

TEST(Slices, ManyInlineTasksInARowGoInSlices) {
  std::string yaml = "id: f\nnamespace: n\ntasks:\n";
  for (int i = 0; i < 700; ++i)
    absl::StrAppend(&yaml, "- {id: t", i, ", type: log.Log, message: x}\n");
  World world(yaml, Large());
  world.Create();
  EXPECT_EQ(world.state(), v1::SUCCESS);
  EXPECT_EQ(world.run_count(), 700);
  ExpectSlices(world);
}

TEST(Slices, AtMostAThousandChildrenWaitForALease) {
  World world(Loop(1500, 0, "{id: w, type: acme.Work}, {id: x, type: acme.Work}"), Large());
  world.Create();
  EXPECT_EQ(world.run_count(), 1001);
  EXPECT_EQ(world.offers().size(), 1000u);
  EXPECT_FALSE(world.execution().head().continue_due());
  for (int i = 0; i < 10; ++i) world.Lease(absl::StrCat("w@", i));
  EXPECT_EQ(world.run_count(), 1011) << "each lease makes room for one more";
  for (int i = 0; i < 10; ++i) world.Succeed(absl::StrCat("w@", i));
  EXPECT_EQ(world.execution().FindRun(0)->branch().resumable_size(), 10)
      << "no room to go on with them";
  for (int i = 10; i < 20; ++i) world.Lease(absl::StrCat("w@", i));
  EXPECT_TRUE(world.HasRun("x@9"));
  EXPECT_FALSE(world.HasRun("x@10"));
  const v1::Tally& tally = world.execution().FindRun(0)->branch().tally();
  EXPECT_EQ(tally.live() - tally.running(), kUnleasedChildCountMax);
  for (int i = 10; i < 20; ++i) world.Succeed(absl::StrCat("w@", i));
  world.WorkAll();
  EXPECT_EQ(world.state(), v1::SUCCESS);
  EXPECT_EQ(world.run_count(), 3001);
  EXPECT_TRUE(CheckInvariants(world.execution()).ok());
}

TEST(Slices, AKillWalksInSlicesAndSurvivesACrash) {
  World::Options options = Large();
  options.auto_continue = false;
  World world(Loop(900, 0, "{id: w, type: acme.Work}"), options);
  for (Step step = world.Create(); step.continue_due; step = world.Continue()) {
  }
  for (int i = 0; i < 900; i += 3) world.Lease(absl::StrCat("w@", i));
  Step step = world.Kill();
  EXPECT_TRUE(step.continue_due);
  EXPECT_FALSE(world.Lease("w@899").changed) << "nothing starts, walked or not";
  EXPECT_EQ(world.Succeed("w@897").record.changes().runs_size() > 0, true);
  EXPECT_EQ(world.StateOf("w@897"), v1::KILLED) << "results are powerless at once";
  int steps = 0;
  while (world.execution().head().continue_due()) {
    world.mutable_execution() = world.ReadBack();
    world.Continue();
    ASSERT_LT(++steps, 20);
  }
  for (int i = 0; i < 897; i += 3) {
    ASSERT_EQ(world.StateOf(absl::StrCat("w@", i)), v1::KILLING) << i;
    world.Confirm(absl::StrCat("w@", i));
  }
  EXPECT_EQ(world.state(), v1::KILLED);
  EXPECT_EQ(world.History(), "CREATED RUNNING KILLING KILLED");
  EXPECT_TRUE(CheckInvariants(world.execution()).ok());
  EXPECT_TRUE(world.execution().timers().empty());
  world.CheckFold();
}

TEST(Slices, AStepIsBoundedInBytesToo) {
  World world(
      Loop(64, 0,
           absl::StrCat("{id: r, type: debug.Return, format: '", std::string(20'000, 'x'), "'}")),
      Large());
  world.Create();
  EXPECT_EQ(world.state(), v1::SUCCESS);
  ExpectSlices(world);
  EXPECT_GT(world.steps().size(), 4u);
}

TEST(Slices, AContinueThatNobodyOwesChangesNothing) {
  World world("id: f\nnamespace: n\ntasks: [{id: a, type: acme.Work}]");
  world.Create();
  EXPECT_FALSE(world.Continue().changed);
}

}  // namespace
}  // namespace orch::engine
