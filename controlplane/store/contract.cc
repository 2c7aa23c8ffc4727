#include "controlplane/store/contract.h"

#include <future>

#include "base/ids.h"
#include "base/status_matchers.h"
#include "controlplane/store/columns.h"

namespace orch::store {
namespace {

using Outcome = CommitResult::Outcome;

testing::AssertionResult Same(const google::protobuf::MessageLite& a,
                              const google::protobuf::MessageLite& b) {
  if (a.SerializeAsString() == b.SerializeAsString()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "the message that came back is another:\n"
                                     << dynamic_cast<const google::protobuf::Message&>(a).DebugString()
                                     << "\ninstead of\n"
                                     << dynamic_cast<const google::protobuf::Message&>(b).DebugString();
}

v1::ExecutionPayload TestPayload(const std::string& id, const std::string& key = "team",
                                 const std::string& value = "blue") {
  v1::ExecutionPayload payload;
  payload.set_execution_id(id);
  payload.mutable_inputs()->set_utf8(R"({"n":1.50})");
  v1::Label* label = payload.add_labels();
  label->set_key(key);
  label->set_value(value);
  return payload;
}

v1::RecordRow TestRecords(const std::string& aggregate, int64_t first, int count) {
  v1::RecordRow row;
  row.set_aggregate(aggregate);
  row.set_first_number(first);
  for (int i = 0; i < count; ++i) {
    v1::Record* record = row.add_records();
    record->set_number(first + i);
    record->set_now_micros(1000 + first + i);
    record->mutable_cause()->mutable_continue_();
  }
  return row;
}

v1::Timer TestTimer(const std::string& id, int64_t run, int64_t due, uint32_t bucket = 7) {
  v1::Timer timer;
  timer.set_execution_id(id);
  timer.set_run(run);
  timer.set_kind(v1::Timer::RETRY);
  timer.set_due_micros(due);
  timer.set_bucket(bucket);
  return timer;
}

v1::TimerKey KeyOf(const v1::Timer& timer) {
  v1::TimerKey key;
  key.set_execution_id(timer.execution_id());
  key.set_run(timer.run());
  key.set_kind(timer.kind());
  return key;
}

v1::Mail TestMail(const std::string& receiver, const std::string& sender, int64_t sequence,
                  uint32_t bucket = 7) {
  v1::Mail mail;
  mail.set_receiver(receiver);
  mail.set_sender(sender);
  mail.set_sequence(sequence);
  mail.set_receiver_bucket(bucket);
  mail.mutable_event()->mutable_kill_requested()->set_cascade(true);
  return mail;
}

v1::FlowState TestFlowState() {
  v1::FlowState state;
  state.set_tenant("main");
  state.set_namespace_("company.team");
  state.set_flow_id("etl");
  state.set_limit(2);
  state.set_execution_count(9);
  return state;
}

v1::FlowSlot TestSlot(const std::string& id, bool queued, int64_t since) {
  v1::FlowSlot slot;
  slot.set_tenant("main");
  slot.set_namespace_("company.team");
  slot.set_flow_id("etl");
  slot.set_execution_id(id);
  slot.set_queued(queued);
  slot.set_since_micros(since);
  return slot;
}

v1::AuditRecord TestAudit(const std::string& id, int64_t micros) {
  v1::AuditRecord audit;
  audit.set_id(id);
  audit.set_tenant("main");
  audit.set_verb("EXECUTION_CREATE");
  audit.set_micros(micros);
  return audit;
}

IdempotencyKey TestKey(const std::string& key, const std::string& id) {
  return {.tenant = "main",
          .key = key,
          .execution_id = id,
          .digest = "digest of " + id,
          .created_at = absl::FromUnixSeconds(1'790'000'000)};
}

FlowRow TestFlow(const std::string& ns, const std::string& id, int revision) {
  FlowRow flow{.tenant = "main",
               .namespace_ = ns,
               .id = id,
               .revision = revision,
               .source = "id: " + id + "\n# revision " + std::to_string(revision),
               .digest = "d" + std::to_string(revision),
               .description = "what it does",
               .updated_at = absl::FromUnixSeconds(1'790'000'000 + revision)};
  v1::Label label;
  label.set_key("owner");
  label.set_value("ops");
  flow.labels.push_back(label);
  return flow;
}

KvRow TestKv(const std::string& key, int revision) {
  return {.tenant = "main",
          .namespace_ = "company",
          .key = key,
          .type = "NUMBER",
          .value = std::to_string(revision),
          .description = "a number",
          .revision = revision,
          .created_at = absl::FromUnixSeconds(1),
          .updated_at = absl::FromUnixSeconds(1 + revision)};
}

std::vector<std::string> Ids(const std::vector<v1::ExecutionHead>& heads) {
  std::vector<std::string> ids;
  for (const auto& head : heads) ids.push_back(head.id());
  return ids;
}

std::vector<std::string> Keys(const std::vector<KvRow>& rows) {
  std::vector<std::string> keys;
  for (const auto& row : rows) keys.push_back(row.key);
  return keys;
}

std::vector<int64_t> Numbers(const std::vector<v1::Record>& records) {
  std::vector<int64_t> numbers;
  for (const auto& record : records) numbers.push_back(record.number());
  return numbers;
}

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

}  // namespace

CommitResult CommitNow(Store& store, const Batch& batch) {
  auto promise = std::make_shared<std::promise<CommitResult>>();
  store.Commit(batch, [promise](CommitResult result) { promise->set_value(std::move(result)); });
  return promise->get_future().get();
}

Resolution ResolveNow(Store& store, const Batch& batch) {
  auto promise = std::make_shared<std::promise<Resolution>>();
  store.Resolve(batch, [promise](Resolution answer) { promise->set_value(std::move(answer)); });
  return promise->get_future().get();
}

Writer::Writer(Store& store, std::string owner) : store_(store), owner_(std::move(owner)) {
  absl::StatusOr<std::vector<Shard>> shards = store_.TakeShards(owner_, absl::Hours(1));
  EXPECT_THAT(shards, IsOk());
  if (shards.ok()) shards_ = *std::move(shards);
  EXPECT_THAT(shards_, SizeIs(4));
  if (!shards_.empty()) sequence_ = shards_[0].sequence;
}

Batch Writer::Next(Rows rows) {
  Batch batch{.id = owner_ + "-" + std::to_string(sequence_ + 1), .rows = std::move(rows)};
  if (!shards_.empty()) {
    batch.claims.push_back({shards_[0].id, shards_[0].epoch, sequence_ + 1});
  }
  return batch;
}

void Writer::Put(Rows rows) {
  const CommitResult result = CommitNow(store_, Next(std::move(rows)));
  ASSERT_EQ(result.outcome, Outcome::kCommitted) << result.message;
  Committed();
}

std::string TestId(int number, absl::Time at) {
  SeededRandom random(static_cast<uint64_t>(number) + 1);
  return NewTimeId(at + absl::Milliseconds(number), random);
}

v1::ExecutionHead TestHead(const std::string& id) {
  v1::ExecutionHead head;
  head.set_id(id);
  head.set_bucket(7);
  head.set_tenant("main");
  head.set_namespace_("company.team");
  head.set_flow_id("etl");
  head.set_flow_revision(3);
  head.set_state(v1::RUNNING);
  head.set_live(true);
  head.set_generation(1);
  head.set_created_micros(1'790'000'000'000'000);
  head.mutable_branch()->mutable_tally()->set_created(2);
  return head;
}

v1::TaskRun TestRun(const std::string& execution_id, int64_t number) {
  v1::TaskRun run;
  run.set_execution_id(execution_id);
  run.set_number(number);
  run.set_task_id("extract");
  run.set_parent(-1);
  run.set_state(v1::CREATED);
  run.set_live(true);
  run.mutable_lease()->set_session("s1");
  run.mutable_outputs()->set_utf8(std::string("{\"b\":\"\\u0000\"}\0x", 16));
  return run;
}

// ---- Batches ---------------------------------------------------------------------------------------

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
  ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionPage page, store().ListExecutions({.states = {v1::SUCCESS}}, {}));
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
  const Batch batch = writer.Next({.heads = {TestHead(good), TestHead(bad)},
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

// ---- Shards ----------------------------------------------------------------------------------------

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

// ---- Loading ---------------------------------------------------------------------------------------

TEST_P(StoreContract, LiveHeadsComeInOrderOfIdPageByPage) {
  Writer writer(store(), "a");
  Rows rows;
  std::vector<std::string> live;
  for (int i = 0; i < 30; ++i) {
    // Over three days, as their ids say.
    v1::ExecutionHead head =
        TestHead(TestId(i, absl::FromUnixSeconds(1'790'000'000) + absl::Hours(24) * (i / 10)));
    if (i % 5 == 4) head.set_live(false);
    if (i % 5 == 3) head.set_bucket(60'000);
    if (i % 5 < 3) live.push_back(head.id());
    rows.heads.push_back(head);
  }
  writer.Put(rows);
  std::vector<std::string> seen;
  for (;;) {
    ORCH_ASSERT_OK_AND_ASSIGN(
        const auto heads, store().LiveHeads(0, 100, seen.empty() ? "" : seen.back(), 7));
    if (heads.empty()) break;
    EXPECT_LE(heads.size(), 7u);
    for (const auto& head : heads) seen.push_back(head.id());
  }
  EXPECT_EQ(seen, live);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto others, store().LiveHeads(50'000, 65'535, "", 100));
  EXPECT_THAT(others, SizeIs(6));
}

TEST_P(StoreContract, AHeadThatCannotBeDecodedIsShownAndHarmsNoOther) {
  Writer writer(store(), "a");
  writer.Put({.heads = {TestHead(TestId(1)), TestHead(TestId(2))}});
  keeper().BreakHead(TestId(1));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto heads, store().LiveHeads(0, 65'535, "", 10));
  ASSERT_THAT(Ids(heads), ElementsAre(TestId(1), TestId(2)));
  EXPECT_EQ(heads[0].version(), -1);
  EXPECT_EQ(heads[0].bucket(), 7u);
  EXPECT_EQ(heads[0].flow_id(), "etl");
  EXPECT_EQ(heads[1].version(), 0);
  EXPECT_THAT(store().LoadExecution(TestId(1)), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(store().GetHead(TestId(1)), StatusIs(absl::StatusCode::kDataLoss));
  ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionPage page, store().ListExecutions({}, {}));
  EXPECT_THAT(Ids(page.heads), ElementsAre(TestId(2), TestId(1)));
}

TEST_P(StoreContract, TimersAndMailsComeByBucketInOrder) {
  Writer writer(store(), "a");
  writer.Put({.timers = {TestTimer("c", 0, 300), TestTimer("a", 0, 200), TestTimer("b", 0, 100),
                         TestTimer("d", 0, 50, 9000)},
              .mails = {TestMail("execution/b", "s", 2), TestMail("execution/b", "s", 1),
                        TestMail("execution/a", "t", 10), TestMail("execution/a", "t", 9),
                        TestMail("execution/0", "t", 1, 9000)}});
  ORCH_ASSERT_OK_AND_ASSIGN(const auto due,
                            store().Timers(0, 100, absl::FromUnixMicros(300), 10));
  ASSERT_THAT(due, SizeIs(2));
  EXPECT_EQ(due[0].execution_id(), "b");
  EXPECT_EQ(due[1].execution_id(), "a");
  ORCH_ASSERT_OK_AND_ASSIGN(const auto first,
                            store().Timers(0, 100, absl::InfiniteFuture(), 1));
  EXPECT_THAT(first, SizeIs(1));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto mails, store().Mails(0, 100, 3));
  ASSERT_THAT(mails, SizeIs(3));
  EXPECT_EQ(mails[0].sequence(), 9);
  EXPECT_EQ(mails[1].sequence(), 10);
  EXPECT_EQ(mails[2].receiver(), "execution/b");
  EXPECT_EQ(mails[2].sequence(), 1);
}

TEST_P(StoreContract, WhatIsNotThereIsSaidSo) {
  const std::string id = TestId(1);
  EXPECT_THAT(store().LoadExecution(id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store().GetHead(id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store().GetHead("no id at all"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store().GetPayload(id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store().ListRuns(id, 0, 10), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store().ListRecords(id, 0, 10), IsOkAndHolds(IsEmpty()));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto state, store().LoadFlowState("main", "n", "f"));
  EXPECT_FALSE(state.has_value());
  ORCH_ASSERT_OK_AND_ASSIGN(const auto key, store().FindIdempotencyKey("main", "k"));
  EXPECT_FALSE(key.has_value());
}

TEST_P(StoreContract, RunsAndRecordsArePagedByNumber) {
  const std::string id = TestId(1);
  Writer writer(store(), "a");
  Rows rows{.heads = {TestHead(id)}};
  for (int i = 0; i < 12; ++i) rows.runs.push_back(TestRun(id, i));
  rows.records = {TestRecords(id, 1, 3), TestRecords(id, 4, 1), TestRecords(id, 5, 4)};
  writer.Put(rows);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto runs, store().ListRuns(id, 9, 2));
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs[0].number(), 9);
  EXPECT_EQ(runs[1].number(), 10);
  struct Case {
    int64_t first;
    int limit;
    std::vector<int64_t> then;
  };
  const Case cases[] = {
      {0, 100, {1, 2, 3, 4, 5, 6, 7, 8}}, {1, 2, {1, 2}}, {3, 3, {3, 4, 5}},
      {6, 2, {6, 7}},                     {8, 9, {8}},    {9, 9, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.first);
    ORCH_ASSERT_OK_AND_ASSIGN(const auto records, store().ListRecords(id, c.first, c.limit));
    EXPECT_EQ(Numbers(records), c.then);
  }
}

// ---- Lists -----------------------------------------------------------------------------------------

TEST_P(StoreContract, ExecutionsAreFoundByWhatTheFilterSays) {
  Writer writer(store(), "a");
  const absl::Time noon = absl::FromUnixMicros(1'790'000'000'000'000);
  Rows rows;
  for (int i = 0; i < 6; ++i) {
    v1::ExecutionHead head = TestHead(TestId(i));
    head.set_created_micros(absl::ToUnixMicros(noon + absl::Minutes(i)));
    rows.heads.push_back(head);
    rows.payloads.push_back(TestPayload(head.id(), "n", std::to_string(i)));
  }
  rows.heads[0].set_namespace_("company");
  rows.heads[1].set_namespace_("company-x");
  rows.heads[1].set_flow_id("Report");
  rows.heads[2].set_tenant("other");
  rows.heads[3].set_state(v1::FAILED);
  rows.heads[3].set_live(false);
  rows.heads[4].set_state(v1::SUCCESS);
  rows.heads[4].set_parent_id(TestId(3));
  v1::Label* second = rows.payloads[5].add_labels();
  second->set_key("team");
  second->set_value("a\nb\x1f\\");
  writer.Put(rows);
  const auto label = [](const std::string& key, const std::string& value) {
    v1::Label made;
    made.set_key(key);
    made.set_value(value);
    return made;
  };
  struct Case {
    const char* name;
    ExecutionFilter filter;
    std::vector<int> then;
  };
  const Case cases[] = {
      {"all of a tenant, newest first", {}, {5, 4, 3, 1, 0}},
      {"another tenant", {.tenant = "other"}, {2}},
      {"a namespace and what lies below it", {.namespace_ = "company"}, {5, 4, 3, 0}},
      {"a namespace by name", {.namespace_ = "company.team"}, {5, 4, 3}},
      {"no namespace of that name", {.namespace_ = "comp"}, {}},
      {"a flow", {.flow_id = "Report"}, {1}},
      {"states", {.states = {v1::FAILED, v1::SUCCESS}}, {4, 3}},
      {"children", {.parent_id = TestId(3)}, {4}},
      {"from an instant on", {.created_after = noon + absl::Minutes(4)}, {5, 4}},
      {"up to an instant", {.created_before = noon + absl::Minutes(1)}, {0}},
      {"within a time",
       {.created_after = noon + absl::Minutes(1), .created_before = noon + absl::Minutes(4)},
       {3, 1}},
      {"a part of the flow's name, in any case", {.query = "EPOR"}, {1}},
      {"a part of the namespace", {.query = "y-x"}, {1}},
      {"an id", {.query = TestId(4)}, {4}},
      {"a part of nothing", {.query = "%"}, {}},
      {"a label", {.labels = {label("n", "3")}}, {3}},
      {"two labels, one odd", {.labels = {label("n", "5"), label("team", "a\nb\x1f\\")}}, {5}},
      {"a part of a label is none", {.labels = {label("team", "a")}}, {}},
      {"labels that no one execution has", {.labels = {label("n", "3"), label("n", "4")}}, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionPage page, store().ListExecutions(c.filter, {}));
    std::vector<std::string> ids;
    for (const int i : c.then) ids.push_back(TestId(i));
    EXPECT_EQ(Ids(page.heads), ids);
    EXPECT_EQ(page.total, static_cast<int64_t>(c.then.size()));
    EXPECT_FALSE(page.total_estimated);
    EXPECT_EQ(page.next_cursor, "");
    ASSERT_EQ(page.payloads.size(), page.heads.size());
    for (size_t i = 0; i < c.then.size(); ++i) {
      EXPECT_TRUE(Same(page.payloads[i], rows.payloads[c.then[i]]));
    }
  }
}

TEST_P(StoreContract, PagesAndCursorsShowEachExecutionOnce) {
  Writer writer(store(), "a");
  Rows rows;
  std::vector<std::string> newest_first;
  for (int i = 0; i < 25; ++i) {
    const std::string id =
        TestId(i, absl::FromUnixSeconds(1'790'000'000) + absl::Hours(24) * (i / 8));
    rows.heads.push_back(TestHead(id));
    newest_first.insert(newest_first.begin(), id);
  }
  writer.Put(rows);
  std::vector<std::string> by_page;
  for (int page = 1; page <= 4; ++page) {
    ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionPage answer,
                              store().ListExecutions({}, {.page = page, .size = 7}));
    EXPECT_EQ(answer.total, 25);
    for (const std::string& id : Ids(answer.heads)) by_page.push_back(id);
  }
  EXPECT_EQ(by_page, newest_first);
  std::vector<std::string> by_cursor;
  Page page{.page = 9, .size = 10};
  ORCH_ASSERT_OK_AND_ASSIGN(ExecutionPage answer, store().ListExecutions({}, {.size = 10}));
  for (;;) {
    for (const std::string& id : Ids(answer.heads)) by_cursor.push_back(id);
    EXPECT_EQ(answer.total, 25);
    if (answer.next_cursor.empty()) break;
    page.cursor = answer.next_cursor;  // It takes precedence over the number.
    auto next = store().ListExecutions({}, page);
    ORCH_ASSERT_OK(next);
    answer = *std::move(next);
    ASSERT_FALSE(answer.heads.empty());
  }
  EXPECT_EQ(by_cursor, newest_first);
}

TEST_P(StoreContract, PagesEndAtTenThousand) {
  EXPECT_THAT(store().ListExecutions({}, {.page = 10, .size = 1000}), IsOk());
  EXPECT_THAT(store().ListExecutions({}, {.page = 11, .size = 1000}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(store().ListExecutions({}, {.page = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(store().ListExecutions({}, {.size = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(store().ListExecutions({}, {.size = 1001}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(store().ListFlows({}, {.cursor = "nonsense"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(StoreContract, TotalsAreExactToTenThousand) {
  Writer writer(store(), "a");
  int number = 0;
  for (int batch = 0; batch < 4; ++batch) {
    Rows rows;
    for (int i = 0; i < 2500; ++i) rows.heads.push_back(TestHead(TestId(++number)));
    writer.Put(std::move(rows));
  }
  ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionPage exact, store().ListExecutions({}, {}));
  EXPECT_EQ(exact.total, 10'000);
  EXPECT_FALSE(exact.total_estimated);
  writer.Put({.heads = {TestHead(TestId(++number))}});
  ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionPage more, store().ListExecutions({}, {}));
  EXPECT_EQ(more.total, 10'000);
  EXPECT_TRUE(more.total_estimated);
}

// ---- What belongs to no shard --------------------------------------------------------------------

TEST_P(StoreContract, ARevisionIsNeverChangedAndAFailedWriteLeavesNothing) {
  ORCH_ASSERT_OK(store().Write({.flows = {TestFlow("n", "f", 1)}}));
  FlowRow other = TestFlow("n", "f", 1);
  other.source = "changed";
  EXPECT_THAT(store().Write({.flows = {TestFlow("n", "g", 1), other},
                             .mails = {TestMail("flow/main/n/g", "r", 1)},
                             .audits = {TestAudit("a", 1)}}),
              StatusIs(absl::StatusCode::kAborted));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto kept, store().GetFlow("main", "n", "f", 1));
  EXPECT_EQ(kept->source, TestFlow("n", "f", 1).source);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto none, store().GetFlow("main", "n", "g", std::nullopt));
  EXPECT_FALSE(none.has_value());
  EXPECT_THAT(store().Mails(0, 65535, 10), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store().ListAudit("main", 10), IsOkAndHolds(IsEmpty()));
}

TEST_P(StoreContract, FlowsAreFoundByRevisionAndListedByTheirNewest) {
  FlowRow gone = TestFlow("b", "gone", 2);
  gone.deleted = true;
  FlowRow newest = TestFlow("a.b", "f", 2);
  newest.disabled = true;
  ORCH_ASSERT_OK(store().Write({.flows = {TestFlow("a.b", "f", 1), TestFlow("b", "gone", 1),
                                          TestFlow("a", "z", 1), TestFlow("ab", "Query", 1)}}));
  ORCH_ASSERT_OK(store().Write({.flows = {newest, gone}}));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto found, store().GetFlow("main", "a.b", "f", std::nullopt));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->revision, 2);
  EXPECT_TRUE(found->disabled);
  EXPECT_EQ(found->source, newest.source);
  EXPECT_EQ(found->digest, "d2");
  EXPECT_EQ(found->description, "what it does");
  EXPECT_EQ(found->updated_at, newest.updated_at);
  ASSERT_THAT(found->labels, SizeIs(1));
  EXPECT_EQ(found->labels[0].value(), "ops");
  ORCH_ASSERT_OK_AND_ASSIGN(const auto deleted, store().GetFlow("main", "b", "gone", std::nullopt));
  EXPECT_TRUE(deleted->deleted);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto revisions, store().ListRevisions("main", "a.b", "f"));
  ASSERT_THAT(revisions, SizeIs(2));
  EXPECT_EQ(revisions[0].revision, 1);

  struct Case {
    const char* name;
    FlowFilter filter;
    std::vector<std::string> then;
  };
  const Case cases[] = {
      {"all", {}, {"z", "f", "Query"}},
      {"with those deleted", {.with_deleted = true}, {"z", "f", "Query", "gone"}},
      {"below a namespace", {.namespace_ = "a"}, {"z", "f"}},
      {"by a part, in any case", {.query = "uer"}, {"Query"}},
      {"another tenant", {.tenant = "other"}, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ORCH_ASSERT_OK_AND_ASSIGN(const FlowPage page, store().ListFlows(c.filter, {}));
    std::vector<std::string> ids;
    for (const FlowRow& flow : page.flows) ids.push_back(flow.id);
    EXPECT_EQ(ids, c.then);
    EXPECT_EQ(page.total, static_cast<int64_t>(c.then.size()));
  }
  ORCH_ASSERT_OK_AND_ASSIGN(const FlowPage first, store().ListFlows({}, {.size = 2}));
  ASSERT_NE(first.next_cursor, "");
  ORCH_ASSERT_OK_AND_ASSIGN(const FlowPage rest,
                            store().ListFlows({}, {.size = 2, .cursor = first.next_cursor}));
  ASSERT_THAT(rest.flows, SizeIs(1));
  EXPECT_EQ(rest.flows[0].id, "Query");
  EXPECT_EQ(rest.next_cursor, "");
}

TEST_P(StoreContract, AKeyIsChangedOnlyFromTheRevisionThatWasRead) {
  ORCH_ASSERT_OK(store().Write({.kv = {TestKv("a", 1)}}));
  EXPECT_THAT(store().Write({.kv = {TestKv("a", 1)}}), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(store().Write({.kv = {TestKv("a", 3)}}), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(store().Write({.kv = {TestKv("new", 2)}}), StatusIs(absl::StatusCode::kAborted));
  KvRow second = TestKv("a", 2);
  second.expires_at = absl::FromUnixSeconds(99);
  ORCH_ASSERT_OK(store().Write({.kv = {second}}));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto found, store().GetKv("main", "company", "a"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->revision, 2);
  EXPECT_EQ(found->value, "2");
  EXPECT_EQ(found->type, "NUMBER");
  EXPECT_EQ(found->description, "a number");
  EXPECT_EQ(found->created_at, second.created_at);
  EXPECT_EQ(found->updated_at, second.updated_at);
  EXPECT_EQ(found->expires_at, second.expires_at);
  ORCH_ASSERT_OK(store().Write({.kv_gone = {second, TestKv("never", 1)}}));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto gone, store().GetKv("main", "company", "a"));
  EXPECT_FALSE(gone.has_value());
  ORCH_ASSERT_OK(store().Write({.kv = {TestKv("a", 1)}}));
}

TEST_P(StoreContract, KeysAreListedByPrefixInOrder) {
  ORCH_ASSERT_OK(store().Write(
      {.kv = {TestKv("b_1", 1), TestKv("a", 1), TestKv("b%2", 1), TestKv("b_", 1), TestKv("B_", 1)}}));
  struct Case {
    std::string prefix;
    int limit;
    std::vector<std::string> then;
  };
  const Case cases[] = {{"", 10, {"B_", "a", "b%2", "b_", "b_1"}},
                        {"b_", 10, {"b_", "b_1"}},
                        {"b", 2, {"b%2", "b_"}},
                        {"c", 10, {}}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.prefix);
    ORCH_ASSERT_OK_AND_ASSIGN(const auto rows, store().ListKv("main", "company", c.prefix, c.limit));
    EXPECT_EQ(Keys(rows), c.then);
  }
  EXPECT_THAT(store().ListKv("main", "else", "", 10), IsOkAndHolds(IsEmpty()));
}

TEST_P(StoreContract, AnAttemptIsAnsweredOnce) {
  const std::string answer("ok\0\xff", 4);
  ORCH_ASSERT_OK(store().Write({.attempt_answers = {{"r1/1", answer}}}));
  EXPECT_THAT(store().Write({.kv = {TestKv("a", 1)}, .attempt_answers = {{"r1/1", "other"}}}),
              StatusIs(absl::StatusCode::kAborted));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto found, store().GetAttemptAnswer("r1/1"));
  EXPECT_EQ(found, answer);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto none, store().GetAttemptAnswer("r1/2"));
  EXPECT_FALSE(none.has_value());
  ORCH_ASSERT_OK_AND_ASSIGN(const auto kv, store().GetKv("main", "company", "a"));
  EXPECT_FALSE(kv.has_value()) << "the change of an attempt that was answered is not made again";
}

TEST_P(StoreContract, TaskTypesAuditAndMailAreKeptAndSafeToRepeat) {
  TaskTypeRow type{.type = "core.log", .version = "1", .digest = "d", .schema = "{}",
                   .markdown = "# Log", .seen_at = absl::FromUnixSeconds(5)};
  const SharedRows rows = {.mails = {TestMail("execution/x", "r", 1)},
                           .task_types = {type},
                           .audits = {TestAudit("a1", 10), TestAudit("a2", 30), TestAudit("a3", 20)}};
  ORCH_ASSERT_OK(store().Write(rows));
  ORCH_ASSERT_OK(store().Write(rows));
  type.seen_at = absl::FromUnixSeconds(6);
  ORCH_ASSERT_OK(store().Write({.task_types = {type}}));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto types, store().ListTaskTypes());
  ASSERT_THAT(types, SizeIs(1));
  EXPECT_EQ(types[0].markdown, "# Log");
  EXPECT_EQ(types[0].seen_at, type.seen_at);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto audits, store().ListAudit("main", 2));
  ASSERT_THAT(audits, SizeIs(2));
  EXPECT_EQ(audits[0].id(), "a2");
  EXPECT_EQ(audits[1].id(), "a3");
  EXPECT_THAT(store().Mails(0, 65535, 10), IsOkAndHolds(SizeIs(1)));
}

TEST_P(StoreContract, LogChunksAreKeptOnceAndReadInOrder) {
  const auto chunk = [](const std::string& attempt, int64_t first) {
    return LogChunkRow{.execution_id = "e1",
                       .attempt = attempt,
                       .first_line = first,
                       .line_count = 10,
                       .gap_count = 2,
                       .level_counts = {0, 1, 8, 1, 0},
                       .first_micros = 100,
                       .last_micros = 200,
                       .task_id = "t",
                       .body = std::string("z\0\xfe", 3)};
  };
  ORCH_ASSERT_OK(store().AppendLogs({chunk("r1/1", 11), chunk("r1/1", 1), chunk("r0/1", 1)}));
  LogChunkRow again = chunk("r1/1", 1);
  again.body = "other";
  ORCH_ASSERT_OK(store().AppendLogs({again}));
  keeper().Reopen();
  ORCH_ASSERT_OK_AND_ASSIGN(const auto all, store().ListLogChunks("e1", "", 0, 10));
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(all[0].attempt, "r0/1");
  EXPECT_EQ(all[1].first_line, 1);
  EXPECT_EQ(all[1].body, chunk("r1/1", 1).body);
  EXPECT_EQ(all[1].line_count, 10);
  EXPECT_EQ(all[1].gap_count, 2);
  EXPECT_EQ(all[1].level_counts, chunk("r1/1", 1).level_counts);
  EXPECT_EQ(all[1].first_micros, 100);
  EXPECT_EQ(all[1].last_micros, 200);
  EXPECT_EQ(all[1].task_id, "t");
  ORCH_ASSERT_OK_AND_ASSIGN(const auto rest, store().ListLogChunks("e1", "r1/1", 1, 10));
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_EQ(rest[0].first_line, 11);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto some, store().ListLogChunks("e1", "", 0, 2));
  EXPECT_THAT(some, SizeIs(2));
  EXPECT_THAT(store().ListLogChunks("e2", "", 0, 2), IsOkAndHolds(IsEmpty()));
}

TEST_P(StoreContract, MetricsAreKeptOnce) {
  const MetricRow metric{.execution_id = "e1", .attempt = "r1/1", .task_id = "t", .name = "rows",
                         .type = "counter", .value = 2.5, .tags = "{}", .micros = 9};
  MetricRow other = metric;
  other.micros = 8;
  ORCH_ASSERT_OK(store().AppendMetrics({metric, other}));
  ORCH_ASSERT_OK(store().AppendMetrics({metric}));
  ORCH_ASSERT_OK_AND_ASSIGN(const auto found, store().ListMetrics("e1", 10));
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].micros, 8);
  EXPECT_EQ(found[1].value, 2.5);
  EXPECT_EQ(found[1].name, "rows");
  EXPECT_EQ(found[1].type, "counter");
  EXPECT_EQ(found[1].tags, "{}");
  EXPECT_EQ(found[1].task_id, "t");
}

// ---- Health ----------------------------------------------------------------------------------------

TEST_P(StoreContract, AnOrphanIsLiveAndWaitsForNothing) {
  struct Case {
    const char* name;
    bool orphan;
    std::function<void(const std::string& id, Rows& rows)> given;
  };
  const auto run = [](const std::string& id, bool live, bool container) {
    v1::TaskRun made = TestRun(id, 0);
    made.set_live(live);
    if (container) made.mutable_branch();
    return made;
  };
  const Case cases[] = {
      {"nothing at all", true, [](const std::string&, Rows&) {}},
      {"a run that ended", true,
       [&](const std::string& id, Rows& rows) { rows.runs.push_back(run(id, false, false)); }},
      {"a container whose children ended", true,
       [&](const std::string& id, Rows& rows) { rows.runs.push_back(run(id, true, true)); }},
      {"a run that lives", false,
       [&](const std::string& id, Rows& rows) { rows.runs.push_back(run(id, true, false)); }},
      {"a container that is paused", false,
       [&](const std::string& id, Rows& rows) {
         rows.runs.push_back(run(id, true, true));
         rows.runs.back().set_state(v1::PAUSED);
       }},
      {"a timer", false,
       [](const std::string& id, Rows& rows) { rows.timers.push_back(TestTimer(id, -1, 1)); }},
      {"mail to it", false,
       [](const std::string& id, Rows& rows) {
         rows.mails.push_back(TestMail(ExecutionAddress(id), "s", 1));
       }},
      {"mail from it", false,
       [](const std::string& id, Rows& rows) {
         rows.mails.push_back(TestMail("flow/main/a/b", ExecutionAddress(id), 1));
       }},
      {"a place in the queue", false,
       [](const std::string& id, Rows& rows) { rows.slots.push_back(TestSlot(id, true, 1)); }},
      {"a slot it holds is no wait", true,
       [](const std::string& id, Rows& rows) { rows.slots.push_back(TestSlot(id, false, 1)); }},
      {"a step that goes on", false,
       [](const std::string&, Rows& rows) { rows.heads.back().set_continue_due(true); }},
      {"paused", false,
       [](const std::string&, Rows& rows) { rows.heads.back().set_state(v1::PAUSED); }},
      {"ended", false, [](const std::string&, Rows& rows) { rows.heads.back().set_live(false); }},
  };
  Writer writer(store(), "a");
  Rows rows;
  std::vector<std::string> orphans;
  int number = 0;
  for (const Case& c : cases) {
    const std::string id = TestId(++number);
    rows.heads.push_back(TestHead(id));
    c.given(id, rows);
    if (c.orphan) orphans.push_back(id);
  }
  writer.Put(rows);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto found, store().Orphans(100));
  EXPECT_EQ(found, orphans);
  EXPECT_THAT(store().Orphans(1), IsOkAndHolds(SizeIs(1)));
}

TEST_P(StoreContract, AStoreSaysThatItIsWellAndWhatItIs) {
  ORCH_EXPECT_OK(store().Check());
  EXPECT_NE(store().Describe(), "");
}

}  // namespace orch::store
