#include "controlplane/conductor/pending_batch.h"

#include "controlplane/engine/flow_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::conductor {
namespace {

using testing::ElementsAre;

// A record that begins an execution, or changes it: its head says `version`.
v1::Record RecordOf(const std::string& id, int64_t number) {
  v1::Record record;
  record.set_number(number);
  record.mutable_changes()->mutable_head()->set_id(id);
  record.mutable_changes()->mutable_head()->set_version(number);
  return record;
}

void AddRun(v1::Record* record, const std::string& id, int64_t number, v1::State state) {
  v1::TaskRun& run = *record->mutable_changes()->add_runs();
  run.set_execution_id(id);
  run.set_number(number);
  run.set_task_id("t");
  run.set_parent(-1);
  run.set_state(state);
  run.set_live(!engine::IsTerminal(state));
}

// Executions by id, as a strand keeps them.
class PendingBatchTest : public testing::Test {
 protected:
  void Change(const std::string& id, v1::Record record) {
    executions_[id].Apply(record);
    batch_.Add(id, std::move(record));
  }
  store::Rows Build() {
    return batch_.Build([this](const std::string& id) { return &executions_.at(id); });
  }

  std::map<std::string, engine::Execution> executions_;
  PendingBatch batch_;
};

TEST_F(PendingBatchTest, ARowThatChangedTwiceIsWrittenOnceAsItIsLast) {
  v1::Record first = RecordOf("e", 1);
  AddRun(&first, "e", 0, v1::CREATED);
  v1::Record second = RecordOf("e", 2);
  AddRun(&second, "e", 0, v1::RUNNING);
  Change("e", first);
  EXPECT_EQ(batch_.row_count(), 3) << "a head, a run, and the row of the records";
  Change("e", second);
  EXPECT_EQ(batch_.row_count(), 3);
  const store::Rows rows = Build();
  ASSERT_EQ(rows.heads.size(), 1u);
  EXPECT_EQ(rows.heads[0].version(), 2);
  ASSERT_EQ(rows.runs.size(), 1u);
  EXPECT_EQ(rows.runs[0].state(), v1::RUNNING);
  ASSERT_EQ(rows.records.size(), 1u);
  EXPECT_EQ(rows.records[0].aggregate(), "e");
  EXPECT_EQ(rows.records[0].first_number(), 1);
  ASSERT_EQ(rows.records[0].records_size(), 2) << "records are kept whole";
  EXPECT_EQ(rows.records[0].records(0).changes().runs(0).state(), v1::CREATED);
  EXPECT_EQ(rows.Count(), 3);
}

TEST_F(PendingBatchTest, ExecutionsStandInTheOrderInWhichTheyBecameDirty) {
  for (const char* id : {"b", "a", "b", "c"}) {
    Change(id, RecordOf(id, executions_[id].head().version() + 1));
  }
  EXPECT_THAT(batch_.executions(), ElementsAre("b", "a", "c"));
  EXPECT_TRUE(batch_.Holds("a"));
  EXPECT_FALSE(batch_.Holds("d"));
}

TEST_F(PendingBatchTest, ATimerThatWasSetAndTakenAwayIsGone) {
  v1::Record set = RecordOf("e", 1);
  v1::Timer& timer = *set.mutable_changes()->add_timers();
  timer.set_execution_id("e");
  timer.set_run(4);
  timer.set_kind(v1::Timer::RETRY);
  v1::Record taken = RecordOf("e", 2);
  v1::TimerKey& key = *taken.mutable_changes()->add_timers_gone();
  key.set_execution_id("e");
  key.set_run(4);
  key.set_kind(v1::Timer::RETRY);
  Change("e", set);
  Change("e", taken);
  const store::Rows rows = Build();
  EXPECT_TRUE(rows.timers.empty());
  ASSERT_EQ(rows.timers_gone.size(), 1u);
  EXPECT_EQ(rows.timers_gone[0].execution_id(), "e");
  EXPECT_EQ(rows.timers_gone[0].run(), 4);
  EXPECT_EQ(rows.timers_gone[0].kind(), v1::Timer::RETRY);
}

TEST_F(PendingBatchTest, IsFullByRowsAndByBytes) {
  v1::Record many = RecordOf("rows", 1);
  for (int64_t i = 0; i < kBatchRowCountMax - 3; ++i) AddRun(&many, "rows", i, v1::CREATED);
  Change("rows", many);
  EXPECT_FALSE(batch_.full()) << batch_.row_count();
  batch_.AddAudit({});
  EXPECT_TRUE(batch_.full()) << batch_.row_count();

  PendingBatch heavy;
  v1::Record record = RecordOf("bytes", 1);
  record.mutable_changes()->mutable_payload()->mutable_outputs()->set_utf8(
      std::string(kBatchBytesMax - 1000, 'x'));
  heavy.Add("bytes", record);
  EXPECT_FALSE(heavy.full());
  record.mutable_changes()->mutable_payload()->mutable_outputs()->set_utf8(std::string(1000, 'x'));
  heavy.Add("bytes", record);
  EXPECT_TRUE(heavy.full());
}

TEST_F(PendingBatchTest, AFlowsStateIsWrittenOnceWithAllItsRecordsAndNamesItsBucket) {
  engine::FlowAggregate flow("main", "acme", "f");
  for (int revision = 1; revision <= 2; ++revision) {
    v1::Event event;
    event.mutable_flow_saved()->set_revision(revision);
    const engine::FlowStep step =
        engine::DecideFlow(flow, event, absl::FromUnixSeconds(1), /*seed=*/1);
    flow.Apply(step.record);
    v1::RecordRow row;
    row.set_aggregate("flow/main/acme/f");
    row.set_first_number(step.record.number());
    *row.add_records() = step.record;
    batch_.AddFlowState(flow.state(), {}, {}, row);
    batch_.AddMailGone({"flow/main/acme/f", "catalog", revision}, flow.state().bucket());
  }
  EXPECT_THAT(batch_.buckets(), ElementsAre(flow.state().bucket()));
  EXPECT_EQ(batch_.row_count(), 4);
  const store::Rows rows = Build();
  ASSERT_EQ(rows.flow_states.size(), 1u);
  EXPECT_EQ(rows.flow_states[0].revision(), 2);
  ASSERT_EQ(rows.records.size(), 1u);
  EXPECT_EQ(rows.records[0].first_number(), 1);
  EXPECT_EQ(rows.records[0].records_size(), 2);
  ASSERT_EQ(rows.mails_gone.size(), 2u);
  EXPECT_EQ(rows.mails_gone[1].sequence, 2);
  EXPECT_EQ(rows.Count(), 4);
}

TEST_F(PendingBatchTest, OfASlotTheLastWordCounts) {
  v1::FlowSlot slot;
  slot.set_execution_id("e");
  const auto record = [] {
    v1::RecordRow row;
    row.set_aggregate("flow/main/acme/f");
    return row;
  };
  batch_.AddFlowState({}, {slot}, {}, record());
  batch_.AddFlowState({}, {}, {slot}, record());
  const store::Rows rows = Build();
  EXPECT_TRUE(rows.slots.empty());
  EXPECT_EQ(rows.slots_gone.size(), 1u);
}

TEST_F(PendingBatchTest, WhoWaitsForItKeepsItFromBeingEmpty) {
  EXPECT_TRUE(batch_.empty());
  int done = 0;
  batch_.After({[&] { ++done; }, nullptr});
  EXPECT_FALSE(batch_.empty());
  EXPECT_EQ(batch_.row_count(), 0);
  const std::vector<AfterCommit> waited = batch_.TakeAfter();
  ASSERT_EQ(waited.size(), 1u);
  waited[0].done();
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace orch::conductor
