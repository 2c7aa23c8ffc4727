// The suite: batches and shards.
#include "base/status_matchers.h"
#include "controlplane/store/columns.h"
#include "controlplane/store/contract.h"
#include "controlplane/store/contract_rows.h"

namespace orch::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Outcome = CommitResult::Outcome;

TEST_P(StoreContract, EveryKindOfRowComesBackAsItWasWritten) {
  const std::string id = TestId(1);
  const std::string flow = FlowAddress("main", "company.team", "etl");
  Rows rows;
  rows.heads = {TestHead(id)};
  rows.payloads = {TestPayload(id)};
  rows.runs = {TestRun(id, 1), TestRun(id, 0)};
  v1::TaskRunPayload outputs;
  outputs.set_execution_id(id);
  outputs.set_number(1);
  outputs.set_kind(v1::TaskRunPayload::VALUES);
  outputs.mutable_body()->set_utf8(std::string(100'000, 'x'));
  rows.run_payloads = {outputs};
  rows.timers = {TestTimer(id, 1, 5000)};
  rows.mails = {TestMail(ExecutionAddress(id), flow, 1)};
  v1::EngineLog log;
  log.set_execution_id(id);
  log.set_run(-1);
  log.set_sequence(4);
  log.add_lines()->set_text("started\n");
  rows.engine_logs = {log};
  rows.records = {TestRecords(id, 1, 2), TestRecords(flow, 1, 1)};
  rows.flow_states = {TestFlowState()};
  rows.slots = {TestSlot(id, false, 10)};
  rows.idempotency_keys = {TestKey("once", id)};
  rows.audits = {TestAudit("a1", 77)};
  Writer writer(store(), "a");
  writer.Put(rows);

  for (const bool reopened : {false, true}) {
    SCOPED_TRACE(reopened ? "after reopening" : "at once");
    if (reopened) keeper().Reopen();
    ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionRows loaded, store().LoadExecution(id));
    EXPECT_TRUE(Same(loaded.head, rows.heads[0]));
    EXPECT_TRUE(Same(loaded.payload, rows.payloads[0]));
    ASSERT_THAT(loaded.runs, SizeIs(2));
    EXPECT_TRUE(Same(loaded.runs[0], rows.runs[1])) << "runs come in order of number";
    EXPECT_TRUE(Same(loaded.runs[1], rows.runs[0]));
    ASSERT_THAT(loaded.run_payloads, SizeIs(1));
    EXPECT_TRUE(Same(loaded.run_payloads[0], outputs));
    ASSERT_THAT(loaded.timers, SizeIs(1));
    EXPECT_TRUE(Same(loaded.timers[0], rows.timers[0]));

    ORCH_ASSERT_OK_AND_ASSIGN(const v1::ExecutionHead head, store().GetHead(id));
    EXPECT_TRUE(Same(head, rows.heads[0]));
    ORCH_ASSERT_OK_AND_ASSIGN(const v1::ExecutionPayload payload, store().GetPayload(id));
    EXPECT_TRUE(Same(payload, rows.payloads[0]));
    ORCH_ASSERT_OK_AND_ASSIGN(const auto values,
                              store().GetRunPayload(id, 1, v1::TaskRunPayload::VALUES));
    ASSERT_TRUE(values.has_value());
    EXPECT_TRUE(Same(*values, outputs));
    ORCH_ASSERT_OK_AND_ASSIGN(const auto none,
                              store().GetRunPayload(id, 1, v1::TaskRunPayload::OUTPUTS));
    EXPECT_FALSE(none.has_value());
    ORCH_ASSERT_OK_AND_ASSIGN(const auto mails, store().Mails(0, 65535, 10));
    ASSERT_THAT(mails, SizeIs(1));
    EXPECT_TRUE(Same(mails[0], rows.mails[0]));
    ORCH_ASSERT_OK_AND_ASSIGN(const auto logs, store().ListEngineLogs(id));
    ASSERT_THAT(logs, SizeIs(1));
    EXPECT_TRUE(Same(logs[0], log));
    ORCH_ASSERT_OK_AND_ASSIGN(const auto records, store().ListRecords(id, 0, 10));
    ASSERT_THAT(records, SizeIs(2));
    EXPECT_TRUE(Same(records[1], rows.records[0].records(1)));
    ORCH_ASSERT_OK_AND_ASSIGN(const auto flow_records, store().ListRecords(flow, 0, 10));
    EXPECT_THAT(flow_records, SizeIs(1));
    ORCH_ASSERT_OK_AND_ASSIGN(const auto state,
                              store().LoadFlowState("main", "company.team", "etl"));
    ASSERT_TRUE(state.has_value());
    EXPECT_TRUE(Same(state->state, rows.flow_states[0]));
    ASSERT_THAT(state->slots, SizeIs(1));
    EXPECT_TRUE(Same(state->slots[0], rows.slots[0]));
    ORCH_ASSERT_OK_AND_ASSIGN(const auto key, store().FindIdempotencyKey("main", "once"));
    ASSERT_TRUE(key.has_value());
    EXPECT_EQ(key->execution_id, id);
    EXPECT_EQ(key->digest, "digest of " + id);
    EXPECT_EQ(key->created_at, rows.idempotency_keys[0].created_at);
    ORCH_ASSERT_OK_AND_ASSIGN(const auto audits, store().ListAudit("main", 10));
    ASSERT_THAT(audits, SizeIs(1));
    EXPECT_TRUE(Same(audits[0], rows.audits[0]));
  }
}

TEST_P(StoreContract, TheLastStateOfARowWins) {
  const std::string id = TestId(1);
  Writer writer(store(), "a");
  writer.Put({.heads = {TestHead(id)},
              .payloads = {TestPayload(id)},
              .runs = {TestRun(id, 0)},
              .timers = {TestTimer(id, 0, 5000)},
              .flow_states = {TestFlowState()},
              .slots = {TestSlot(id, true, 10)}});
  v1::ExecutionHead head = TestHead(id);
  head.set_state(v1::SUCCESS);
  head.set_live(false);
  v1::TaskRun run = TestRun(id, 0);
  run.set_state(v1::SUCCESS);
  run.set_live(false);
  v1::FlowState state = TestFlowState();
  state.set_execution_count(10);
  writer.Put({.heads = {head},
              .payloads = {TestPayload(id, "team", "red")},
              .runs = {run},
              .timers = {TestTimer(id, 0, 9000)},
              .flow_states = {state},
              .slots = {TestSlot(id, false, 20)}});
  ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionRows loaded, store().LoadExecution(id));
  EXPECT_TRUE(Same(loaded.head, head));
  EXPECT_EQ(loaded.payload.labels(0).value(), "red");
  ASSERT_THAT(loaded.runs, SizeIs(1));
  EXPECT_TRUE(Same(loaded.runs[0], run));
  ASSERT_THAT(loaded.timers, SizeIs(1));
  EXPECT_EQ(loaded.timers[0].due_micros(), 9000);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto flow, store().LoadFlowState("main", "company.team", "etl"));
  EXPECT_EQ(flow->state.execution_count(), 10);
  ASSERT_THAT(flow->slots, SizeIs(1));
  EXPECT_FALSE(flow->slots[0].queued());
  EXPECT_THAT(store().LiveHeads(0, 65535, "", 10), IsOkAndHolds(IsEmpty()));
  ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionPage page,
                            store().ListExecutions({.states = {v1::SUCCESS}}, {}));
  EXPECT_THAT(Ids(page.heads), ElementsAre(id));
}

TEST_P(StoreContract, RowsThatAreGoneAreGoneAndGoingTwiceIsHarmless) {
  const std::string id = TestId(1);
  const v1::Timer timer = TestTimer(id, 0, 5000);
  const v1::Timer other = TestTimer(id, 1, 5000);
  Writer writer(store(), "a");
  writer.Put({.heads = {TestHead(id)},
              .timers = {timer, other},
              .mails = {TestMail("execution/x", "s", 1), TestMail("execution/x", "s", 2)},
              .flow_states = {TestFlowState()},
              .slots = {TestSlot(id, true, 10), TestSlot(TestId(2), true, 11)}});
  const Rows gone = {.timers_gone = {KeyOf(timer)},
                     .mails_gone = {{"execution/x", "s", 1}},
                     .slots_gone = {TestSlot(id, true, 10)}};
  writer.Put(gone);
  writer.Put(gone);
  ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionRows loaded, store().LoadExecution(id));
  ASSERT_THAT(loaded.timers, SizeIs(1));
  EXPECT_EQ(loaded.timers[0].run(), 1);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto mails, store().Mails(0, 65535, 10));
  ASSERT_THAT(mails, SizeIs(1));
  EXPECT_EQ(mails[0].sequence(), 2);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto flow, store().LoadFlowState("main", "company.team", "etl"));
  ASSERT_THAT(flow->slots, SizeIs(1));
  EXPECT_EQ(flow->slots[0].execution_id(), TestId(2));
}

TEST_P(StoreContract, ABatchOfAnOldEpochIsFencedAndLeavesNothing) {
  Writer before(store(), "a");
  ORCH_ASSERT_OK(store().ReleaseShards("a"));
  Writer after(store(), "b");
  EXPECT_GT(after.shards()[0].epoch, before.shards()[0].epoch);
  const Batch late = before.Next({.heads = {TestHead(TestId(1))}});
  EXPECT_EQ(CommitNow(store(), late).outcome, Outcome::kFenced);
  EXPECT_EQ(ResolveNow(store(), late).outcome, Resolution::Outcome::kFenced);
  EXPECT_THAT(store().GetHead(TestId(1)), StatusIs(absl::StatusCode::kNotFound));
  after.Put({.heads = {TestHead(TestId(2))}});
}

TEST_P(StoreContract, AReleasedShardTakesNothingMoreFromItsOwner) {
  Writer writer(store(), "a");
  ORCH_ASSERT_OK(store().ReleaseShards("a"));
  EXPECT_EQ(CommitNow(store(), writer.Next({})).outcome, Outcome::kFenced);
}

TEST_P(StoreContract, ASkippedSequenceIsFencedAndLeavesNothing) {
  Writer writer(store(), "a");
  Batch batch = writer.Next({.heads = {TestHead(TestId(1))}});
  ++batch.claims[0].sequence;
  EXPECT_EQ(CommitNow(store(), batch).outcome, Outcome::kFenced);
  EXPECT_THAT(store().GetHead(TestId(1)), StatusIs(absl::StatusCode::kNotFound));
  writer.Put({});
}

TEST_P(StoreContract, ABatchOverSeveralShardsIsAllOrNothing) {
  Writer writer(store(), "a");
  Batch batch = writer.Next({.heads = {TestHead(TestId(1))}});
  batch.claims.push_back({writer.shards()[1].id, writer.shards()[1].epoch + 1, 1});
  EXPECT_EQ(CommitNow(store(), batch).outcome, Outcome::kFenced);
  EXPECT_EQ(ResolveNow(store(), batch).outcome, Resolution::Outcome::kFenced);
  batch.claims[1].epoch = writer.shards()[1].epoch;
  EXPECT_EQ(ResolveNow(store(), batch).outcome, Resolution::Outcome::kNotDone);
  EXPECT_EQ(CommitNow(store(), batch).outcome, Outcome::kCommitted);
  EXPECT_EQ(ResolveNow(store(), batch).outcome, Resolution::Outcome::kCommitted);
  writer.Committed();
  // Shard 1 moved on as well.
  Batch next{.id = "next", .claims = {{writer.shards()[1].id, writer.shards()[1].epoch, 2}}};
  EXPECT_EQ(CommitNow(store(), next).outcome, Outcome::kCommitted);
}

TEST_P(StoreContract, ABatchSentAgainIsCommittedAndChangesNothing) {
  const std::string id = TestId(1);
  Writer writer(store(), "a");
  const Batch batch = writer.Next({.heads = {TestHead(id)},
                                   .records = {TestRecords(id, 1, 2)},
                                   .idempotency_keys = {TestKey("once", id)}});
  EXPECT_EQ(ResolveNow(store(), batch).outcome, Resolution::Outcome::kNotDone);
  const CommitResult first = CommitNow(store(), batch);
  ASSERT_EQ(first.outcome, Outcome::kCommitted) << first.message;
  EXPECT_EQ(ResolveNow(store(), batch).outcome, Resolution::Outcome::kCommitted);
  const CommitResult again = CommitNow(store(), batch);
  EXPECT_EQ(again.outcome, Outcome::kCommitted);
  EXPECT_GE(again.now, first.now);
  writer.Committed();
  writer.Put({});
  // Once the shard has gone on nobody can tell any more.
  EXPECT_EQ(ResolveNow(store(), batch).outcome, Resolution::Outcome::kFenced);
  EXPECT_EQ(CommitNow(store(), batch).outcome, Outcome::kFenced);
}

TEST_P(StoreContract, AnotherBatchInTheSamePlaceIsFenced) {
  Writer writer(store(), "a");
  Batch batch = writer.Next({});
  ASSERT_EQ(CommitNow(store(), batch).outcome, Outcome::kCommitted);
  batch.id = "another";
  EXPECT_EQ(CommitNow(store(), batch).outcome, Outcome::kFenced);
  EXPECT_EQ(ResolveNow(store(), batch).outcome, Resolution::Outcome::kFenced);
}

TEST_P(StoreContract, ABatchMustClaimItsShardsInOrder) {
  Writer writer(store(), "a");
  Batch batch = writer.Next({.heads = {TestHead(TestId(1))}});
  batch.claims.push_back(batch.claims[0]);
  const CommitResult twice = CommitNow(store(), batch);
  EXPECT_EQ(twice.outcome, Outcome::kRefused);
  EXPECT_EQ(twice.refusal, Refusal::kBadRow);
  batch.claims.clear();
  EXPECT_EQ(CommitNow(store(), batch).outcome, Outcome::kRefused);
  EXPECT_THAT(store().GetHead(TestId(1)), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(StoreContract, TheStoresClockNeverGoesBack) {
  Writer writer(store(), "a");
  absl::Time last = absl::InfinitePast();
  for (int i = 0; i < 5; ++i) {
    const CommitResult result = CommitNow(store(), writer.Next({}));
    ASSERT_EQ(result.outcome, Outcome::kCommitted);
    EXPECT_GE(result.now, last);
    last = result.now;
    writer.Committed();
  }
}

TEST_P(StoreContract, EachRefusalKeepsNothingAndTheSameBatchGoesInLater) {
  Writer writer(store(), "a");
  int number = 0;
  for (const Refusal refusal : keeper().refusals()) {
    SCOPED_TRACE(static_cast<int>(refusal));
    const std::string id = TestId(++number);
    const Batch batch = writer.Next({.heads = {TestHead(id)}, .runs = {TestRun(id, 0)}});
    keeper().Refuse(refusal);
    const CommitResult result = CommitNow(store(), batch);
    keeper().Relent();
    EXPECT_EQ(result.outcome, Outcome::kRefused) << result.message;
    EXPECT_EQ(result.refusal, refusal) << result.message;
    EXPECT_THAT(store().GetHead(id), StatusIs(absl::StatusCode::kNotFound));
    const CommitResult later = CommitNow(store(), batch);
    EXPECT_EQ(later.outcome, Outcome::kCommitted) << later.message;
    EXPECT_THAT(store().GetHead(id), IsOk());
    writer.Committed();
  }
}

TEST_P(StoreContract, AKeyThatIsThereRefusesTheBatchAndNamesItsExecution) {
  const std::string first = TestId(1);
  const std::string good = TestId(2);
  const std::string bad = TestId(3);
  Writer writer(store(), "a");
  writer.Put({.heads = {TestHead(first)}, .idempotency_keys = {TestKey("once", first)}});
  const Batch batch =
      writer.Next({.heads = {TestHead(good), TestHead(bad)},
                   .runs = {TestRun(good, 0), TestRun(bad, 0)},
                   .idempotency_keys = {TestKey("other", good), TestKey("once", bad)}});
  const CommitResult result = CommitNow(store(), batch);
  EXPECT_EQ(result.outcome, Outcome::kRefused);
  EXPECT_EQ(result.refusal, Refusal::kBadRow);
  EXPECT_THAT(store().GetHead(good), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store().FindBadAggregates(batch), IsOkAndHolds(ElementsAre(bad)));
  EXPECT_THAT(store().GetHead(good), StatusIs(absl::StatusCode::kNotFound)) << "it was only tried";
  ORCH_ASSERT_OK_AND_ASSIGN(const auto key, store().FindIdempotencyKey("main", "once"));
  EXPECT_EQ(key->execution_id, first);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto other, store().FindIdempotencyKey("main", "other"));
  EXPECT_FALSE(other.has_value());
  writer.Put({.heads = {TestHead(good)}});
}

TEST_P(StoreContract, ARowThatCannotBeStoredIsFound) {
  if (!keeper().refuses_nul()) return;
  const std::string good = TestId(1);
  v1::ExecutionHead bad = TestHead(TestId(2));
  bad.set_flow_id(std::string("a\0b", 3));
  Writer writer(store(), "a");
  const Batch batch = writer.Next({.heads = {TestHead(good), bad}, .runs = {TestRun(good, 0)}});
  const CommitResult result = CommitNow(store(), batch);
  EXPECT_EQ(result.outcome, Outcome::kRefused);
  EXPECT_EQ(result.refusal, Refusal::kBadRow) << result.message;
  EXPECT_THAT(store().FindBadAggregates(batch), IsOkAndHolds(ElementsAre(bad.id())));
  EXPECT_THAT(store().Write({.flows = {TestFlow(std::string("n\0s", 3), "f", 1)}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(StoreContract, ShardsCoverEveryBucketOnce) {
  ORCH_ASSERT_OK_AND_ASSIGN(const auto shards, store().TakeShards("a", absl::Hours(1)));
  ASSERT_THAT(shards, SizeIs(4));
  uint32_t next = 0;
  for (const Shard& shard : shards) {
    EXPECT_EQ(shard.bucket_first, next);
    EXPECT_EQ(shard.owner, "a");
    next = shard.bucket_last + 1;
  }
  EXPECT_EQ(next, 65536u);
}

TEST_P(StoreContract, AnOwnerThatLivesKeepsItsShardsUntilTheyExpire) {
  ORCH_ASSERT_OK_AND_ASSIGN(const auto taken, store().TakeShards("a", absl::Hours(1)));
  EXPECT_THAT(store().TakeShards("b", absl::Hours(1)), IsOkAndHolds(IsEmpty()));
  // The same owner again: the same epoch, a new term, which is over at once.
  ORCH_ASSERT_OK_AND_ASSIGN(const auto again, store().TakeShards("a", absl::ZeroDuration()));
  ASSERT_THAT(again, SizeIs(4));
  EXPECT_EQ(again[0].epoch, taken[0].epoch);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto other, store().TakeShards("b", absl::Hours(1)));
  ASSERT_THAT(other, SizeIs(4));
  EXPECT_EQ(other[0].epoch, taken[0].epoch + 1);
  EXPECT_THAT(store().TakeShards("a", absl::Hours(1)), IsOkAndHolds(IsEmpty()));
}

TEST_P(StoreContract, ABatchExtendsTheTermOfItsShards) {
  ORCH_ASSERT_OK_AND_ASSIGN(const auto taken, store().TakeShards("a", absl::ZeroDuration()));
  Batch beat{.id = "beat", .lease_ttl = absl::Hours(1)};
  for (const Shard& shard : taken) beat.claims.push_back({shard.id, shard.epoch, 1});
  ASSERT_EQ(CommitNow(store(), beat).outcome, Outcome::kCommitted);
  EXPECT_THAT(store().TakeShards("b", absl::Hours(1)), IsOkAndHolds(IsEmpty()));
}

TEST_P(StoreContract, TheShardsOfADeadProcessAreFreeAtOnce) {
  Writer before(store(), "a");
  before.Put({.heads = {TestHead(TestId(1))}});
  keeper().Reopen();
  Writer after(store(), "b");
  ASSERT_THAT(after.shards(), SizeIs(4));
  EXPECT_EQ(after.shards()[0].epoch, before.shards()[0].epoch + 1);
  EXPECT_EQ(after.shards()[0].sequence, 1);
  EXPECT_EQ(after.shards()[0].batch, "a-1");
  EXPECT_EQ(CommitNow(store(), before.Next({})).outcome, Outcome::kFenced);
}

TEST_P(StoreContract, ANameUsedAgainByAnotherProcessGetsANewEpoch) {
  Writer before(store(), "a");
  keeper().Reopen();
  Writer after(store(), "a");
  EXPECT_EQ(after.shards()[0].epoch, before.shards()[0].epoch + 1);
}

}  // namespace
}  // namespace orch::store
