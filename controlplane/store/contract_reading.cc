// The suite: what is loaded and listed.
#include <tuple>

#include "base/status_matchers.h"
#include "controlplane/store/contract.h"
#include "controlplane/store/contract_rows.h"

namespace orch::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

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
    ORCH_ASSERT_OK_AND_ASSIGN(const auto heads,
                              store().LiveHeads(0, 100, seen.empty() ? "" : seen.back(), 7));
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
  ORCH_ASSERT_OK_AND_ASSIGN(const auto due, store().Timers(0, 100, absl::FromUnixMicros(300), 10));
  ASSERT_THAT(due, SizeIs(2));
  EXPECT_EQ(due[0].execution_id(), "b");
  EXPECT_EQ(due[1].execution_id(), "a");
  ORCH_ASSERT_OK_AND_ASSIGN(const auto first, store().Timers(0, 100, absl::InfiniteFuture(), 1));
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
      {0, 100, {1, 2, 3, 4, 5, 6, 7, 8}},
      {1, 2, {1, 2}},
      {3, 3, {3, 4, 5}},
      {6, 2, {6, 7}},
      {8, 9, {8}},
      {9, 9, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.first);
    ORCH_ASSERT_OK_AND_ASSIGN(const auto records, store().ListRecords(id, c.first, c.limit));
    EXPECT_EQ(Numbers(records), c.then);
  }
}

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

TEST_P(StoreContract, ExecutionsAreCountedByStateAndTime) {
  Writer writer(store(), "a");
  const int64_t noon = 1'790'000'000'000'000 / 60'000'000 * 60'000'000;
  Rows rows;
  for (int i = 0; i < 6; ++i) {  // Two each minute, the second of them failed in even minutes.
    v1::ExecutionHead head = TestHead(TestId(i));
    head.set_created_micros(noon + i / 2 * 60'000'000 + i % 2 * 59'999'999);
    if (i % 4 == 1) head.set_state(v1::FAILED);
    rows.heads.push_back(head);
  }
  rows.heads[5].set_flow_id("other");
  rows.payloads.push_back(TestPayload(TestId(0)));
  writer.Put(rows);
  struct Case {
    const char* name;
    ExecutionFilter filter;
    int limit;
    std::vector<std::tuple<int, v1::State, int64_t>> then;  // Minute, state, count.
    bool complete;
  };
  const Case cases[] = {
      {"all",
       {},
       100,
       {{0, v1::RUNNING, 1},
        {0, v1::FAILED, 1},
        {1, v1::RUNNING, 2},
        {2, v1::RUNNING, 1},
        {2, v1::FAILED, 1}},
       true},
      {"as many as the limit",
       {.flow_id = "etl"},
       5,
       {{0, v1::RUNNING, 1}, {0, v1::FAILED, 1}, {1, v1::RUNNING, 2}, {2, v1::RUNNING, 1}},
       true},
      {"the newest ones", {.flow_id = "etl"}, 2, {{1, v1::RUNNING, 1}, {2, v1::RUNNING, 1}}, false},
      {"by label", {.labels = {TestPayload("").labels(0)}}, 10, {{0, v1::RUNNING, 1}}, true},
      {"none", {.flow_id = "never"}, 10, {}, true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionSummary summary,
                              store().SummarizeExecutions(c.filter, absl::Minutes(1), c.limit));
    std::vector<std::tuple<int, v1::State, int64_t>> counts;
    for (const ExecutionCount& count : summary.counts) {
      counts.emplace_back((absl::ToUnixMicros(count.from) - noon) / 60'000'000, count.state,
                          count.count);
    }
    EXPECT_EQ(counts, c.then);
    EXPECT_EQ(summary.complete, c.complete);
  }
  EXPECT_THAT(store().SummarizeExecutions({}, absl::ZeroDuration(), 10),
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

}  // namespace
}  // namespace orch::store
