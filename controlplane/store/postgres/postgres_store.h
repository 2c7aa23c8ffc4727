// PostgresStore keeps a store in a PostgreSQL database, for any number of processes.
//
// Time        The store's clock is the database's. Every call ends within its timeouts.
// Threads     Starts some: lanes, on which Commit answers, each with a connection of its own; one
// for
//             Resolve, on a new connection each time; one that makes partitions ahead. Queries and
//             Write run in their callers' threads over a pool of connections.
// Ownership   Commits handed over are answered before it is destroyed.
// Durability  synchronous_commit; a server that may lose what it answered is refused.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "controlplane/store/postgres/lane.h"
#include "controlplane/store/postgres/ownership.h"
#include "controlplane/store/postgres/partitions.h"
#include "controlplane/store/postgres/session.h"
#include "controlplane/store/sql/sql_store.h"
#include "controlplane/store/work_queue.h"

namespace orch::store::postgres {

class PostgresStore final : public sql::SqlStore {
 public:
  struct Options {
    std::string conninfo;  // As libpq takes it. The database must be there.
    int shard_count = 16;  // Of a new store; an old one keeps its own. 1..1,024
    int lane_count = 2;    // > 0. How many batches are written at the same time.
    int log_count = 2;     // > 0. Connections of logs and metrics.
    int reader_count = 4;  // > 0
    int days_ahead = 2;    // Partitions made before their day comes.
    absl::Duration connect_timeout = absl::Seconds(5);
    absl::Duration statement_timeout = absl::Seconds(30);
  };
  // Connects, brings the database to today's shape, and makes today's partitions.
  //   kFailedPrecondition  the server is not fit, or a later release wrote the database.
  //   kUnavailable         no line.
  static absl::StatusOr<std::unique_ptr<PostgresStore>> Open(const Options& options);
  ~PostgresStore() override;

  absl::StatusOr<std::vector<Shard>> TakeShards(const std::string& owner,
                                                absl::Duration lease_ttl) override;
  absl::Status ReleaseShards(const std::string& owner) override;
  using Store::Commit;
  void Commit(std::shared_ptr<const Batch> batch, std::function<void(CommitResult)> done) override;
  void Resolve(const Batch& batch, std::function<void(Resolution)> done) override;
  absl::StatusOr<std::vector<std::string>> FindBadAggregates(const Batch& batch) override;
  std::string Describe() const override { return description_; }

 protected:
  absl::Status Read(Place place, const Work& work) override;
  absl::Status Transact(Place place, const Work& work) override;

 private:
  // Sessions that are lent for a call; logs have some of their own.
  struct Pool {
    std::vector<std::unique_ptr<Session>> free;
    int lent_count = 0;
    int count_max = 1;
  };
  explicit PostgresStore(const Options& options);
  Pool& PoolOf(Place place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return place == Place::kLogs ? logs_ : main_;
  }
  absl::Status Prepare();
  absl::Status EnsureDays(const std::set<int>& days);
  CommitResult CommitNow(const Batch& batch);
  Resolution ResolveNow(const Batch& batch);
  absl::StatusOr<std::unique_ptr<Session>> Borrow(Place place);
  void Return(Place place, std::unique_ptr<Session> session);
  void MakePartitionsAhead();

  const Options options_;
  const SessionOptions session_options_;
  std::string description_;
  Ownership ownership_;
  Partitions partitions_;

  Mutex mutex_;
  CondVar changed_;
  std::vector<std::unique_ptr<Lane>> free_lanes_ ABSL_GUARDED_BY(mutex_);
  Pool main_ ABSL_GUARDED_BY(mutex_);
  Pool logs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  WorkQueue committing_;
  WorkQueue resolving_;
  std::thread partitioning_;
};

}  // namespace orch::store::postgres
