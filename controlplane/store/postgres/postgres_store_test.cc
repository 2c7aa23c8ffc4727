#include "controlplane/store/postgres/postgres_store.h"

#include <cstdlib>

#include "base/ids.h"
#include "base/status_matchers.h"
#include "controlplane/store/contract.h"
#include "controlplane/store/postgres/test_proxy.h"
#include "controlplane/store/postgres/test_server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::store {
namespace postgres {
namespace {

using testing::HasSubstr;
using Outcome = CommitResult::Outcome;

constexpr char kTemplate[] = "orch_template";

std::unique_ptr<PostgresStore> OpenStore(const std::string& conninfo) {
  absl::StatusOr<std::unique_ptr<PostgresStore>> store =
      PostgresStore::Open({.conninfo = conninfo,
                           .shard_count = 4,
                           .days_ahead = 0,
                           .connect_timeout = absl::Seconds(3),
                           .statement_timeout = absl::Seconds(5)});
  EXPECT_THAT(store, IsOk());
  return store.ok() ? *std::move(store) : nullptr;
}

// One server for this binary, with a template of today's shape.
class Server : public testing::Environment {
 public:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<TestServer>> server = TestServer::Start();
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    ORCH_ASSERT_OK(server_->Run("postgres", std::string("CREATE DATABASE ") + kTemplate));
    ASSERT_NE(OpenStore(server_->ConnInfo(kTemplate)), nullptr);
  }
  void TearDown() override { server_.reset(); }
  static TestServer& Get() { return *self_->server_; }
  static Server* Make() { return self_ = new Server; }  // gtest owns it.

 private:
  static inline Server* self_ = nullptr;
  std::unique_ptr<TestServer> server_;
};

const testing::Environment* const kServer = testing::AddGlobalTestEnvironment(Server::Make());

class PostgresKeeper final : public Keeper {
 public:
  PostgresKeeper() : proxy_(Server::Get().socket_path()) {
    absl::StatusOr<std::string> name = Server::Get().NewDatabase(kTemplate);
    EXPECT_THAT(name, IsOk());
    database_ = *name;
    Reopen();
  }
  Store& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    store_ = OpenStore("host=" + proxy_.folder() + " user=orch dbname=" + database_);
  }
  std::vector<Refusal> refusals() const override {
    return {Refusal::kConflict, Refusal::kNoRoom, Refusal::kNoLine, Refusal::kBadRow};
  }
  void Refuse(Refusal refusal) override {
    switch (refusal) {
      case Refusal::kNoLine: proxy_.Close(); break;
      case Refusal::kConflict: Raise("40001"); break;
      case Refusal::kNoRoom: Raise("53100"); break;
      case Refusal::kBadRow: Raise("22003"); break;
      case Refusal::kNone: break;
    }
  }
  void Relent() override {
    proxy_.Open();
    Run("DROP TRIGGER IF EXISTS fault ON task_run");
  }
  void BreakHead(const std::string& execution_id) override {
    Run("UPDATE head SET body = '\\xff' WHERE id = '" + execution_id + "'");
  }
  bool refuses_nul() const override { return true; }

  void Run(const std::string& script) { ORCH_EXPECT_OK(Server::Get().Run(database_, script)); }
  // From now on rows of task_run run into this error.
  void Raise(const std::string& sql_state) {
    Run("CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'a fault of the test' USING ERRCODE = '" +
        sql_state +
        "'; END $$; CREATE TRIGGER fault BEFORE INSERT ON task_run"
        " FOR EACH ROW EXECUTE FUNCTION fault()");
  }
  TestProxy& proxy() { return proxy_; }
  const std::string& database() const { return database_; }

 private:
  TestProxy proxy_;
  std::string database_;
  std::unique_ptr<PostgresStore> store_;
};

Rows OneExecution(int number) {
  return {.heads = {TestHead(TestId(number))}, .runs = {TestRun(TestId(number), 0)}};
}

bool Holds(Store& store, int number) { return store.GetHead(TestId(number)).ok(); }

// The ghost: the line is cut when the server has begun to commit, and goes on. For a while the old
// row is what a plain SELECT reads.
TEST(PostgresStore, ACommitUnderWayIsWaitedForByResolve) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  writer.Put(OneExecution(1));
  keeper.Run(
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
      " $$ BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON idempotency_key DEFERRABLE INITIALLY DEFERRED"
      " FOR EACH ROW EXECUTE FUNCTION slow()");
  Rows rows = OneExecution(2);
  rows.idempotency_keys.push_back(
      {.tenant = "main", .key = "k", .execution_id = TestId(2), .created_at = absl::UnixEpoch()});
  const Batch batch = writer.Next(rows);
  keeper.proxy().CutNext(TestProxy::Cut::kAfterSync);
  const CommitResult result = CommitNow(keeper.store(), batch);
  EXPECT_EQ(result.outcome, Outcome::kUnknown) << result.message;
  EXPECT_FALSE(Holds(keeper.store(), 2)) << "a plain SELECT lies: it is not there yet";
  const Resolution resolution = ResolveNow(keeper.store(), batch);
  EXPECT_EQ(resolution.outcome, Resolution::Outcome::kCommitted) << resolution.message;
  EXPECT_TRUE(Holds(keeper.store(), 2));
  writer.Committed();
  keeper.Run("DROP TRIGGER slow ON idempotency_key");
  writer.Put(OneExecution(3));
}

TEST(PostgresStore, ACommitUnderWayThatFailsResolvesToNotDone) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  keeper.Run(
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
      " $$ BEGIN PERFORM pg_sleep(1); RAISE EXCEPTION 'no'; END $$;"
      "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON idempotency_key DEFERRABLE INITIALLY DEFERRED"
      " FOR EACH ROW EXECUTE FUNCTION slow()");
  Rows rows = OneExecution(1);
  rows.idempotency_keys.push_back(
      {.tenant = "main", .key = "k", .execution_id = TestId(1), .created_at = absl::UnixEpoch()});
  const Batch batch = writer.Next(rows);
  keeper.proxy().CutNext(TestProxy::Cut::kAfterSync);
  EXPECT_EQ(CommitNow(keeper.store(), batch).outcome, Outcome::kUnknown);
  EXPECT_EQ(ResolveNow(keeper.store(), batch).outcome, Resolution::Outcome::kNotDone);
  EXPECT_FALSE(Holds(keeper.store(), 1));
  keeper.Run("DROP TRIGGER slow ON idempotency_key");
  EXPECT_EQ(CommitNow(keeper.store(), batch).outcome, Outcome::kCommitted);
  EXPECT_TRUE(Holds(keeper.store(), 1));
}

// The same batch sent again while the ghost of the first is still at work: kept once, and no fence.
TEST(PostgresStore, ABatchSentAgainBesideItsGhostIsCommittedOnce) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  keeper.Run(
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
      " $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON idempotency_key DEFERRABLE INITIALLY DEFERRED"
      " FOR EACH ROW EXECUTE FUNCTION slow()");
  Rows rows = OneExecution(1);
  rows.idempotency_keys.push_back(
      {.tenant = "main", .key = "k", .execution_id = TestId(1), .created_at = absl::UnixEpoch()});
  const Batch batch = writer.Next(rows);
  keeper.proxy().CutNext(TestProxy::Cut::kAfterSync);
  EXPECT_EQ(CommitNow(keeper.store(), batch).outcome, Outcome::kUnknown);
  const CommitResult again = CommitNow(keeper.store(), batch);
  EXPECT_EQ(again.outcome, Outcome::kCommitted) << again.message;
  EXPECT_EQ(ResolveNow(keeper.store(), batch).outcome, Resolution::Outcome::kCommitted);
}

TEST(PostgresStore, ALineCutBeforeTheSyncKeepsNothing) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  writer.Put(OneExecution(1));
  const Batch batch = writer.Next(OneExecution(2));
  keeper.proxy().CutNext(TestProxy::Cut::kBeforeSync);
  EXPECT_EQ(CommitNow(keeper.store(), batch).outcome, Outcome::kUnknown);
  EXPECT_TRUE(keeper.proxy().cut_done());
  EXPECT_EQ(ResolveNow(keeper.store(), batch).outcome, Resolution::Outcome::kNotDone);
  EXPECT_FALSE(Holds(keeper.store(), 2));
  EXPECT_EQ(CommitNow(keeper.store(), batch).outcome, Outcome::kCommitted);
}

TEST(PostgresStore, WithoutALineResolveIsUnavailableAndWriteWroteNothing) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  const Batch batch = writer.Next(OneExecution(1));
  keeper.proxy().Close();
  EXPECT_EQ(ResolveNow(keeper.store(), batch).outcome, Resolution::Outcome::kUnavailable);
  EXPECT_THAT(keeper.store().Write({.attempt_answers = {{"r/1", "x"}}}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(keeper.store().Check(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(keeper.store().GetHead(TestId(1)), StatusIs(absl::StatusCode::kUnavailable));
  keeper.proxy().Open();
  ORCH_EXPECT_OK(keeper.store().Check());
  EXPECT_THAT(keeper.store().GetAttemptAnswer("r/1"), IsOkAndHolds(std::nullopt));
}

TEST(PostgresStore, AnErrorAtCommitIsRefusedAndTheLaneGoesOn) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  keeper.Run(
      "CREATE FUNCTION deny() RETURNS trigger LANGUAGE plpgsql AS"
      " $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END $$;"
      "CREATE CONSTRAINT TRIGGER deny AFTER INSERT ON idempotency_key DEFERRABLE INITIALLY DEFERRED"
      " FOR EACH ROW EXECUTE FUNCTION deny()");
  Rows rows = OneExecution(1);
  rows.idempotency_keys.push_back(
      {.tenant = "main", .key = "k", .execution_id = TestId(1), .created_at = absl::UnixEpoch()});
  const Batch batch = writer.Next(rows);
  const CommitResult result = CommitNow(keeper.store(), batch);
  EXPECT_EQ(result.outcome, Outcome::kRefused) << result.message;
  EXPECT_EQ(result.refusal, Refusal::kBadRow) << result.message;
  EXPECT_FALSE(Holds(keeper.store(), 1));
  EXPECT_THAT(keeper.store().FindBadAggregates(batch),
              IsOkAndHolds(testing::ElementsAre(TestId(1))));
  writer.Put(OneExecution(2));
}

TEST(PostgresStore, AReadOnlyDatabaseHasNoRoom) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  writer.Put(OneExecution(1));
  const Batch batch = writer.Next(OneExecution(2));
  keeper.Run("ALTER ROLE orch IN DATABASE " + keeper.database() +
             " SET default_transaction_read_only = on");
  keeper.proxy().Close();  // New lines see the setting.
  keeper.proxy().Open();
  const CommitResult result = CommitNow(keeper.store(), batch);
  EXPECT_EQ(result.outcome, Outcome::kRefused) << result.message;
  EXPECT_EQ(result.refusal, Refusal::kNoRoom) << result.message;
}

TEST(PostgresStore, ABatchThatWaitsTooLongForItsShardIsAConflict) {
  PostgresKeeper keeper;
  auto store = PostgresStore::Open({.conninfo = Server::Get().ConnInfo(keeper.database()),
                                    .days_ahead = 0,
                                    .statement_timeout = absl::Milliseconds(300)});
  ORCH_ASSERT_OK(store);
  Writer writer(**store, "a");
  absl::StatusOr<std::unique_ptr<Session>> other =
      Session::Open({.conninfo = Server::Get().ConnInfo(keeper.database())});
  ORCH_ASSERT_OK(other);
  ORCH_ASSERT_OK((*other)->Run("BEGIN; SELECT * FROM shard FOR UPDATE"));
  const Batch batch = writer.Next(OneExecution(1));
  const CommitResult result = CommitNow(**store, batch);
  EXPECT_EQ(result.outcome, Outcome::kRefused) << result.message;
  EXPECT_EQ(result.refusal, Refusal::kConflict);
  EXPECT_EQ(ResolveNow(**store, batch).outcome, Resolution::Outcome::kUnavailable);
  ORCH_ASSERT_OK((*other)->Run("ROLLBACK"));
  EXPECT_EQ(CommitNow(**store, batch).outcome, Outcome::kCommitted);
}

TEST(PostgresStore, AnOwnerWhoseProcessLivesElsewhereIsLeftItsShardsAndItsName) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  const std::string conninfo = Server::Get().ConnInfo(keeper.database());
  std::unique_ptr<PostgresStore> other = OpenStore(conninfo);
  ASSERT_NE(other, nullptr);
  EXPECT_THAT(other->TakeShards("b", absl::Hours(1)), IsOkAndHolds(testing::IsEmpty()));
  EXPECT_THAT(other->TakeShards("a", absl::Hours(1)), StatusIs(absl::StatusCode::kAlreadyExists));
  // Its session ends as with its process; then its shards are free at once.
  keeper.proxy().Close();
  absl::StatusOr<std::vector<Shard>> taken;
  for (int i = 0; i < 100 && (!taken.ok() || taken->empty()); ++i) {
    taken = other->TakeShards("b", absl::Hours(1));
  }
  ASSERT_THAT(taken, IsOkAndHolds(testing::SizeIs(4)));
  keeper.proxy().Open();
  EXPECT_EQ(CommitNow(keeper.store(), writer.Next({})).outcome, Outcome::kFenced);
}

TEST(PostgresStore, TwoStoresThatOpenAtOnceMakeOneShape) {
  ORCH_ASSERT_OK_AND_ASSIGN(const std::string name, Server::Get().NewDatabase());
  const std::string conninfo = Server::Get().ConnInfo(name);
  std::vector<std::thread> threads;
  std::atomic<int> opened{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { opened += OpenStore(conninfo) != nullptr; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, 3);
  ORCH_EXPECT_OK(Server::Get().Run(name, "INSERT INTO migration (number, name) VALUES (999, 'x')"));
  EXPECT_THAT(PostgresStore::Open({.conninfo = conninfo}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("later release")));
}

TEST(PostgresStore, RowsLieInThePartitionOfTheirIdsDayHoweverOld) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  const absl::Time old = absl::FromUnixSeconds(1'600'000'000);
  const std::string id = TestId(1, old);
  writer.Put({.heads = {TestHead(id)}, .runs = {TestRun(id, 0)}});
  EXPECT_THAT(keeper.store().GetHead(id), IsOk());
  const std::string day = std::to_string(DayOf(old));
  keeper.Run("DO $$ BEGIN ASSERT (SELECT count(*) FROM head_d" + day +
             ") = 1; ASSERT (SELECT count(*)"
             " FROM task_run_d" +
             day + ") = 1; END $$");
}

TEST(PostgresStore, APartitionIsMadeWhileAnotherDayIsRead) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  writer.Put(OneExecution(1));
  absl::StatusOr<std::unique_ptr<Session>> reader =
      Session::Open({.conninfo = Server::Get().ConnInfo(keeper.database())});
  ORCH_ASSERT_OK(reader);
  ORCH_ASSERT_OK((*reader)->Run("BEGIN; SELECT count(*) FROM head; UPDATE head SET state = state"));
  const std::string id = TestId(2, absl::FromUnixSeconds(1'600'000'000));
  writer.Put({.heads = {TestHead(id)}});  // Would wait until its timeout if it were locked out.
  EXPECT_THAT(keeper.store().GetHead(id), IsOk());
}

TEST(PostgresStore, AServerThatMayLoseWhatItAnsweredIsRefused) {
  for (const char* setting : {"fsync", "full_page_writes"}) {
    SCOPED_TRACE(setting);
    ORCH_ASSERT_OK_AND_ASSIGN(const auto server,
                              TestServer::Start(std::string("-c ") + setting + "=off"));
    EXPECT_THAT(PostgresStore::Open({.conninfo = server->ConnInfo("postgres")}),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(setting)));
  }
}

TEST(PostgresStore, APoolerInBetweenIsRefused) {
  TestProxy proxy(Server::Get().socket_path());
  proxy.FakeProcess();
  EXPECT_THAT(
      PostgresStore::Open({.conninfo = "host=" + proxy.folder() + " user=orch dbname=postgres"}),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("pooler")));
}

TEST(PostgresStore, WithoutAServerItDoesNotOpen) {
  EXPECT_THAT(PostgresStore::Open({.conninfo = "host=/nowhere user=orch"}),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST(PostgresStore, ABatchLargerThanTheSocketsBuffersGoesThrough) {
  PostgresKeeper keeper;
  Writer writer(keeper.store(), "a");
  Rows rows;
  for (int i = 0; i < 2'000; ++i) {
    v1::TaskRunPayload& payload = rows.run_payloads.emplace_back();
    payload.set_execution_id(TestId(1));
    payload.set_number(i);
    payload.mutable_body()->set_utf8(std::string(8'000, static_cast<char>('a' + i % 26)));
    rows.runs.push_back(TestRun(TestId(1), i));
  }
  writer.Put(rows);
  ORCH_ASSERT_OK_AND_ASSIGN(
      const auto last, keeper.store().GetRunPayload(TestId(1), 1'999, v1::TaskRunPayload::OUTPUTS));
  EXPECT_EQ(last->body().utf8().size(), 8'000u);
}

TEST(PostgresStore, BatchesOfSeveralStrandsAreWrittenSideBySide) {
  PostgresKeeper keeper;
  ORCH_ASSERT_OK_AND_ASSIGN(const auto shards, keeper.store().TakeShards("a", absl::Hours(1)));
  std::vector<std::thread> strands;
  for (const Shard& shard : shards) {
    strands.emplace_back([&keeper, shard] {
      for (int k = 1; k <= 50; ++k) {
        const int number = shard.id * 1000 + k;
        const Batch batch = {.id = "b" + std::to_string(number),
                             .claims = {{shard.id, shard.epoch, k}},
                             .rows = OneExecution(number)};
        EXPECT_EQ(CommitNow(keeper.store(), batch).outcome, Outcome::kCommitted);
      }
    });
  }
  for (std::thread& strand : strands) strand.join();
  ORCH_ASSERT_OK_AND_ASSIGN(const ExecutionPage page, keeper.store().ListExecutions({}, {}));
  EXPECT_EQ(page.total, 200);
}

}  // namespace

KeeperUnderTest UnderTest() {
  return {"Postgres", [] { return std::make_unique<PostgresKeeper>(); }};
}

}  // namespace postgres

INSTANTIATE_TEST_SUITE_P(Postgres, StoreContract, testing::Values(postgres::UnderTest()));

}  // namespace orch::store
