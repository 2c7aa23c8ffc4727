// The suite: what belongs to no shard, and health.
#include <set>

#include "base/manual_clock.h"
#include "base/random.h"
#include "base/status_matchers.h"
#include "controlplane/store/columns.h"
#include "controlplane/store/contract.h"
#include "controlplane/store/contract_rows.h"
#include "controlplane/store/simulated_store.h"

namespace orch::store {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

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
  ORCH_ASSERT_OK(store().Write({.kv = {TestKv("b_1", 1), TestKv("a", 1), TestKv("b%2", 1),
                                       TestKv("b_", 1), TestKv("B_", 1)}}));
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
    ORCH_ASSERT_OK_AND_ASSIGN(const auto rows,
                              store().ListKv("main", "company", c.prefix, c.limit));
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
  TaskTypeRow type{.type = "core.log",
                   .version = "1",
                   .digest = "d",
                   .schema = "{}",
                   .markdown = "# Log",
                   .seen_at = absl::FromUnixSeconds(5)};
  const SharedRows rows = {
      .mails = {TestMail("execution/x", "r", 1)},
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
  const MetricRow metric{.execution_id = "e1",
                         .attempt = "r1/1",
                         .task_id = "t",
                         .name = "rows",
                         .type = "counter",
                         .value = 2.5,
                         .tags = "{}",
                         .micros = 9};
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

// Batches by chance, given to the keeper and to the simulation alike: whatever is asked, both
// answer the same.
TEST_P(StoreContract, AnswersAreThoseOfTheSimulation) {
  SeededRandom random(42);
  ManualClock clock;
  SimulatedStore simulated(clock, nullptr, 4);
  Writer writer(store(), "a");
  Writer twin(simulated, "a");
  const auto some_id = [&] {
    const int number = static_cast<int>(random.Below(20));
    return TestId(number, absl::FromUnixSeconds(1'790'000'000) + absl::Hours(24) * (number % 3));
  };
  const auto chance = [&] { return random.Below(3) == 0; };
  for (int step = 0; step < 60; ++step) {
    Rows rows;
    std::set<std::string> ids;
    for (uint64_t i = random.Below(5); i > 0; --i) ids.insert(some_id());
    for (const std::string& id : ids) {
      v1::ExecutionHead head = TestHead(id);
      head.set_bucket(static_cast<uint32_t>(id.back()));
      head.set_state(chance() ? v1::PAUSED : v1::RUNNING);
      head.set_live(!chance());
      head.set_continue_due(random.Below(5) == 0);
      head.set_version(step);
      rows.heads.push_back(head);
      if (chance()) rows.payloads.push_back(TestPayload(id, "n", std::to_string(step)));
      if (chance()) {
        rows.runs.push_back(TestRun(id, static_cast<int64_t>(random.Below(4))));
        rows.runs.back().set_live(chance());
        rows.runs.back().set_line_count(step);
      }
      const v1::Timer timer = TestTimer(id, static_cast<int64_t>(random.Below(2)), step);
      if (chance()) {
        rows.timers.push_back(timer);
      } else if (chance()) {
        rows.timers_gone.push_back(KeyOf(timer));
      }
      const auto sequence = static_cast<int64_t>(random.Below(3));
      if (chance()) {
        rows.mails.push_back(TestMail(ExecutionAddress(id), "s", sequence));
      } else if (chance()) {
        rows.mails_gone.push_back({ExecutionAddress(id), "s", sequence});
      }
      if (chance()) {
        rows.slots.push_back(TestSlot(id, chance(), step));
      } else if (chance()) {
        rows.slots_gone.push_back(TestSlot(id, false, 0));
      }
    }
    rows.flow_states = {TestFlowState()};
    if (!ids.empty()) rows.records.push_back(TestRecords(*ids.begin(), 10 * step, 3));
    twin.Put(rows);
    writer.Put(rows);

    // A text of all answers; where two differ, so do the texts.
    const auto ask = [&](Store& asked) {
      std::string text;
      const auto add = [&](const google::protobuf::Message& message) {
        text += message.ShortDebugString() + "\n";
      };
      const auto heads = asked.LiveHeads(0, 110, "", 100);
      for (const auto& head : *heads) add(head);
      const auto orphans = asked.Orphans(100);
      for (const std::string& id : *orphans) text += id + "\n";
      const auto timers = asked.Timers(0, 65'535, absl::FromUnixMicros(step - 5), 7);
      for (const auto& timer : *timers) add(timer);
      const auto mails = asked.Mails(0, 65'535, 100);
      for (const auto& mail : *mails) add(mail);
      const auto flow = asked.LoadFlowState("main", "company.team", "etl");
      for (const auto& slot : (*flow)->slots) add(slot);
      const auto page = asked.ListExecutions({.states = {v1::PAUSED}}, {.page = 2, .size = 3});
      for (const auto& head : page->heads) add(head);
      text += std::to_string(page->total) + " " + page->next_cursor + "\n";
      for (const std::string& id : ids) {
        const auto loaded = asked.LoadExecution(id);
        add(loaded->head);
        add(loaded->payload);
        for (const auto& run : loaded->runs) add(run);
        for (const auto& timer : loaded->timers) add(timer);
        const auto records = asked.ListRecords(id, 10 * step - 25, 4);
        for (const auto& record : *records) add(record);
      }
      return text;
    };
    ASSERT_EQ(ask(store()), ask(simulated)) << "after step " << step;
  }
}

TEST_P(StoreContract, AStoreSaysThatItIsWellAndWhatItIs) {
  ORCH_EXPECT_OK(store().Check());
  EXPECT_NE(store().Describe(), "");
}

}  // namespace
}  // namespace orch::store
