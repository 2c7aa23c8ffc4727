#include "controlplane/store/sqlite/sqlite_store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/manual_clock.h"
#include "base/status_matchers.h"
#include "controlplane/store/contract.h"
#include "controlplane/store/sqlite/fault_vfs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::store {
namespace sqlite {
namespace {

using testing::HasSubstr;

// A folder that is gone with it.
class Folder {
 public:
  Folder() {
    const char* below = std::getenv("TEST_TMPDIR");
    std::string path = std::string(below != nullptr ? below : "/tmp") + "/store.XXXXXX";
    path_ = ::mkdtemp(path.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class SqliteKeeper final : public Keeper {
 public:
  SqliteKeeper() { Open(); }
  ~SqliteKeeper() override { Relent(); }

  Store& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    Open();
  }
  std::vector<Refusal> refusals() const override { return {Refusal::kConflict, Refusal::kNoRoom}; }
  void Refuse(Refusal refusal) override {
    if (refusal == Refusal::kNoRoom) faults_.full = true;
    if (refusal == Refusal::kConflict) Run("BEGIN IMMEDIATE");
  }
  void Relent() override {
    faults_.full = false;
    sqlite3_close(shell_);
    shell_ = nullptr;
  }
  void BreakHead(const std::string& execution_id) override {
    Run("UPDATE head SET body = x'ff' WHERE id = '" + execution_id + "'");
    Relent();
  }
  bool refuses_nul() const override { return false; }

  FaultVfs& faults() { return faults_; }
  const std::string& folder() const { return folder_.path(); }

  // As someone with a shell would.
  void Run(const std::string& sql) {
    if (shell_ == nullptr) {
      ASSERT_EQ(sqlite3_open((folder_.path() + "/orch.db").c_str(), &shell_), SQLITE_OK);
    }
    ASSERT_EQ(sqlite3_exec(shell_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(shell_);
  }

 private:
  void Open() {
    absl::StatusOr<std::unique_ptr<SqliteStore>> store =
        SqliteStore::Open({.folder = folder_.path(),
                           .shard_count = 4,
                           .busy_wait = absl::Milliseconds(20),
                           .vfs = faults_.name()},
                          clock_);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  Folder folder_;
  FaultVfs faults_;
  ManualClock clock_;
  std::unique_ptr<SqliteStore> store_;
  sqlite3* shell_ = nullptr;
};

Rows OneExecution(int number) {
  return {.heads = {TestHead(TestId(number))}, .runs = {TestRun(TestId(number), 0)}};
}

bool Holds(Store& store, int number) { return store.GetHead(TestId(number)).ok(); }

TEST(SqliteStore, AFlushThatFailsOnceAtCommitIsUnknownAndResolvesToNotDone) {
  SqliteKeeper keeper;
  Writer writer(keeper.store(), "a");
  writer.Put(OneExecution(1));
  const Batch batch = writer.Next(OneExecution(2));
  keeper.faults().sync_failures = 1;
  const CommitResult result = CommitNow(keeper.store(), batch);
  EXPECT_EQ(result.outcome, CommitResult::Outcome::kUnknown) << result.message;
  const Resolution resolution = ResolveNow(keeper.store(), batch);
  EXPECT_EQ(resolution.outcome, Resolution::Outcome::kNotDone) << resolution.message;
  EXPECT_FALSE(Holds(keeper.store(), 2));
  EXPECT_EQ(CommitNow(keeper.store(), batch).outcome, CommitResult::Outcome::kCommitted);
  writer.Committed();
  keeper.Reopen();
  EXPECT_TRUE(Holds(keeper.store(), 1));
  EXPECT_TRUE(Holds(keeper.store(), 2));
}

TEST(SqliteStore, ADiskThatFlushesNothingForAWhileMayHaveKeptTheBatchAfterAll) {
  SqliteKeeper keeper;
  Writer writer(keeper.store(), "a");
  writer.Put(OneExecution(1));
  const Batch batch = writer.Next(OneExecution(2));
  keeper.faults().sync_failures = 1'000;
  EXPECT_EQ(CommitNow(keeper.store(), batch).outcome, CommitResult::Outcome::kUnknown);
  EXPECT_EQ(ResolveNow(keeper.store(), batch).outcome, Resolution::Outcome::kUnavailable);
  EXPECT_EQ(ResolveNow(keeper.store(), batch).outcome, Resolution::Outcome::kUnavailable);
  keeper.faults().sync_failures = 0;
  const int flushed = keeper.faults().sync_count;
  const Resolution resolution = ResolveNow(keeper.store(), batch);
  EXPECT_EQ(resolution.outcome, Resolution::Outcome::kCommitted) << resolution.message;
  EXPECT_GT(keeper.faults().sync_count, flushed) << "what was found is flushed before it is told";
  EXPECT_TRUE(Holds(keeper.store(), 2));
  writer.Committed();
  writer.Put(OneExecution(3));
  keeper.Reopen();
  EXPECT_TRUE(Holds(keeper.store(), 1));
  EXPECT_TRUE(Holds(keeper.store(), 2));
  EXPECT_TRUE(Holds(keeper.store(), 3));
}

TEST(SqliteStore, AWriteThatFailsAtCommitIsUnknownAndResolvesToNotDone) {
  SqliteKeeper keeper;
  Writer writer(keeper.store(), "a");
  const Batch batch = writer.Next(OneExecution(1));
  keeper.faults().wal_write_failures = 1;
  EXPECT_EQ(CommitNow(keeper.store(), batch).outcome, CommitResult::Outcome::kUnknown);
  EXPECT_EQ(ResolveNow(keeper.store(), batch).outcome, Resolution::Outcome::kNotDone);
  EXPECT_EQ(CommitNow(keeper.store(), batch).outcome, CommitResult::Outcome::kCommitted);
  EXPECT_TRUE(Holds(keeper.store(), 1));
}

TEST(SqliteStore, ALostAnswerToWriteIsUnknownAndTheStoreGoesOn) {
  SqliteKeeper keeper;
  const SharedRows rows = {.attempt_answers = {{"r/1", "yes"}}};
  keeper.faults().sync_failures = 1;
  EXPECT_THAT(keeper.store().Write(rows), StatusIs(absl::StatusCode::kUnknown));
  ORCH_EXPECT_OK(keeper.store().Write(rows));
  keeper.faults().full = true;
  EXPECT_THAT(keeper.store().Write({.attempt_answers = {{"r/2", "yes"}}}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(keeper.store().Check(), StatusIs(absl::StatusCode::kResourceExhausted));
  keeper.faults().full = false;
  ORCH_EXPECT_OK(keeper.store().Check());
}

TEST(SqliteStore, EachCommitIsFlushed) {
  SqliteKeeper keeper;
  Writer writer(keeper.store(), "a");
  const int before = keeper.faults().sync_count;
  for (int i = 0; i < 5; ++i) writer.Put(OneExecution(i));
  EXPECT_GE(keeper.faults().sync_count, before + 5);
}

TEST(SqliteStore, ASecondProcessIsToldWhoHoldsTheFolder) {
  SqliteKeeper keeper;
  ManualClock clock;
  const auto second = SqliteStore::Open({.folder = keeper.folder()}, clock);
  EXPECT_THAT(second,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("process " + std::to_string(::getpid()) + " since 2026-")));
}

TEST(SqliteStore, AStoreOfALaterReleaseIsNotOpened) {
  Folder folder;
  ManualClock clock;
  ORCH_ASSERT_OK(SqliteStore::Open({.folder = folder.path()}, clock));
  sqlite3* shell = nullptr;
  ASSERT_EQ(sqlite3_open((folder.path() + "/orch.db").c_str(), &shell), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(shell, "PRAGMA user_version = 999", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(shell);
  EXPECT_THAT(SqliteStore::Open({.folder = folder.path()}, clock),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("later release")));
}

TEST(SqliteStore, AKilledProcessLosesNothingThatWasAnswered) {
  Folder folder;
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {  // Commits until it is killed, telling each one that was answered.
    ManualClock clock;
    auto store = SqliteStore::Open({.folder = folder.path(), .shard_count = 4}, clock);
    if (!store.ok()) ::_exit(1);
    Writer writer(**store, "child");
    for (int number = 0;; ++number) {
      writer.Put(OneExecution(number));
      if (::write(pipe[1], &number, sizeof(number)) != sizeof(number)) ::_exit(2);
    }
  }
  ::close(pipe[1]);
  int last = -1;
  while (last < 40) ASSERT_EQ(::read(pipe[0], &last, sizeof(last)), ssize_t{sizeof(last)});
  ::kill(child, SIGKILL);
  while (::read(pipe[0], &last, sizeof(last)) == sizeof(last)) {
  }
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  ManualClock clock;
  ORCH_ASSERT_OK_AND_ASSIGN(const auto store, SqliteStore::Open({.folder = folder.path()}, clock));
  for (int number = 0; number <= last; ++number) EXPECT_TRUE(Holds(*store, number)) << number;
  Writer writer(*store, "parent");
  writer.Put(OneExecution(last + 2));
}

TEST(SqliteStore, TheWalStaysBoundedWhileCommitsGoOn) {
  SqliteKeeper keeper;
  Writer writer(keeper.store(), "a");
  v1::TaskRunPayload big;
  big.set_execution_id(TestId(1));
  big.mutable_body()->set_utf8(std::string(4'000'000, 'x'));
  for (int i = 0; i < 60; ++i) {
    big.set_number(i);
    writer.Put({.run_payloads = {big}});
  }
  // 240 MB went through it; one checkpoint's worth of pages is 64 MB.
  EXPECT_LT(std::filesystem::file_size(keeper.folder() + "/orch.db-wal"), 150'000'000u);
}

}  // namespace

KeeperUnderTest UnderTest() {
  return {"Sqlite", [] { return std::make_unique<SqliteKeeper>(); }};
}

}  // namespace sqlite

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, testing::Values(sqlite::UnderTest()));

}  // namespace orch::store
