// SqliteStore keeps a store in a folder of this machine, for one process.
//
// Time        Reads the Clock it is given; what it tells as the store's clock never goes back.
// Threads     Starts two: the writer, on which Commit and Resolve answer, one batch at a time; and
// one
//             that checkpoints. Readers run in their callers' threads. Write and TakeShards wait
//             for the writer: never call them from a callback of Commit.
// Ownership   Holds the folder (orch.lock) until it is destroyed. Commits handed over are answered
// first. Durability  WAL with synchronous=FULL; a commit is flushed before it is answered.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "controlplane/store/sql/sql_store.h"
#include "controlplane/store/sqlite/database.h"
#include "controlplane/store/sqlite/folder_lock.h"
#include "controlplane/store/sqlite/row_writer.h"
#include "controlplane/store/work_queue.h"

namespace orch::store::sqlite {

class SqliteStore final : public sql::SqlStore {
 public:
  struct Options {
    std::string folder;   // Made when it is missing; its parent must be there.
    int shard_count = 1;  // Of a new store; an old one keeps its own. 1..1,024
    int reader_count = 4;
    absl::Duration busy_wait =
        absl::Seconds(5);  // Then a commit is kConflict, a query kUnavailable.
    std::string vfs;       // Of SQLite; "" for its own. Tests put faults here.
  };
  // Opens or makes the store. `clock` must outlive it.
  //   kFailedPrecondition  another process holds the folder, or a later release wrote it.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(Options options, Clock& clock);
  ~SqliteStore() override;

  absl::StatusOr<std::vector<Shard>> TakeShards(const std::string& owner,
                                                absl::Duration lease_ttl) override;
  absl::Status ReleaseShards(const std::string& owner) override;
  using Store::Commit;
  void Commit(std::shared_ptr<const Batch> batch, std::function<void(CommitResult)> done) override;
  void Resolve(const Batch& batch, std::function<void(Resolution)> done) override;
  absl::StatusOr<std::vector<std::string>> FindBadAggregates(const Batch& batch) override;
  std::string Describe() const override;

 protected:
  absl::Status Read(Place place, const Work& work) override;
  absl::Status Transact(Place place, const Work& work) override;

 private:
  SqliteStore(Options options, Clock& clock, FolderLock lock);
  absl::Status MakeShards();
  absl::Time Now();

  // On the writer's thread.
  CommitResult CommitNow(const Batch& batch);
  Resolution ResolveNow(const Batch& batch);
  absl::StatusOr<RowWriter*> Writer();
  absl::StatusOr<Resolution::Outcome> Look(Connection& connection, const Batch& batch);
  absl::Status OnWriter(const std::function<absl::Status()>& work);

  const Options options_;
  Clock& clock_;
  FolderLock lock_;
  Database main_;
  Mutex logs_mutex_;  // Orders the writers of logs_.
  Database logs_;

  // Of the writer's thread.
  std::unique_ptr<RowWriter> row_writer_;
  int64_t row_writer_generation_ = 0;
  absl::Time now_ = absl::InfinitePast();
  std::set<std::string> owners_;  // Those of this process.

  WorkQueue writing_;
  WorkQueue checkpointing_;
};

}  // namespace orch::store::sqlite
