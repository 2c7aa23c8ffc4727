#include "controlplane/store/postgres/postgres_store.h"

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "controlplane/store/claims.h"
#include "controlplane/store/columns.h"
#include "controlplane/store/errors.h"
#include "controlplane/store/postgres/migrate.h"

namespace orch::store::postgres {
namespace {

constexpr absl::Duration kPartitionsEvery = absl::Hours(1);
constexpr int kTransactTries = 3;

// The last error of a transaction that is worth another try at once: a deadlock and its like.
bool IsConflict(const absl::Status& status) {
  const std::string text(status.message());
  return absl::IsUnavailable(status) && (text.ends_with("(40001)") || text.ends_with("(40P01)"));
}

}  // namespace

PostgresStore::PostgresStore(const Options& options)
    : options_(options),
      session_options_{.conninfo = options.conninfo,
                       .connect_timeout = options.connect_timeout,
                       .statement_timeout = options.statement_timeout},
      ownership_(session_options_),
      committing_("store-lane", options.lane_count),
      resolving_("store-resolve") {
  MutexLock lock(&mutex_);
  main_.count_max = options.reader_count;
  logs_.count_max = options.log_count;
  for (int i = 0; i < options.lane_count; ++i) {
    free_lanes_.push_back(std::make_unique<Lane>(session_options_));
  }
}

absl::StatusOr<std::unique_ptr<PostgresStore>> PostgresStore::Open(const Options& options) {
  std::unique_ptr<PostgresStore> store(new PostgresStore(options));
  ORCH_RETURN_IF_ERROR(store->Prepare());
  store->partitioning_ = std::thread([self = store.get()] { self->MakePartitionsAhead(); });
  return store;
}

PostgresStore::~PostgresStore() {
  committing_.Stop();
  resolving_.Stop();
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (partitioning_.joinable()) partitioning_.join();
}

absl::Status PostgresStore::Prepare() {
  ORCH_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Open(session_options_));
  const int version = session->server_version();
  description_ = absl::StrFormat("PostgreSQL %d.%d", version / 10'000, version % 10'000);
  ORCH_RETURN_IF_ERROR(Migrate(*session, options_.shard_count));
  MutexLock lock(&mutex_);
  main_.free.push_back(std::move(session));
  return absl::OkStatus();
}

void PostgresStore::MakePartitionsAhead() {
  for (;;) {
    int today = 0;
    absl::Status status = Read(Place::kMain, [&](sql::SqlSession& session) {
      return session.Query("SELECT (now_micros() / 86400000000)::int", {},
                           [&](const sql::SqlRow& row) {
                             today = static_cast<int>(row.Int(0));
                             return absl::OkStatus();
                           });
    });
    std::set<int> days;
    for (int ahead = 0; status.ok() && ahead <= options_.days_ahead; ++ahead) {
      days.insert(today + ahead);
    }
    // An error is left to the next round, and to the first batch of the day.
    EnsureDays(days).IgnoreError();
    MutexLock lock(&mutex_);
    if (!stopping_) changed_.WaitWithTimeout(&mutex_, kPartitionsEvery);
    if (stopping_) return;
  }
}

absl::Status PostgresStore::EnsureDays(const std::set<int>& days) {
  if (partitions_.Have(days)) return absl::OkStatus();
  return Read(Place::kMain, [&](sql::SqlSession& session) {
    return partitions_.Ensure(days, static_cast<Session&>(session));
  });
}

// ---- Shards and batches ------------------------------------------------------------------------

absl::StatusOr<std::vector<Shard>> PostgresStore::TakeShards(const std::string& owner,
                                                             absl::Duration lease_ttl) {
  return ownership_.Take(owner, lease_ttl);
}

absl::Status PostgresStore::ReleaseShards(const std::string& owner) {
  return ownership_.Release(owner);
}

void PostgresStore::Commit(std::shared_ptr<const Batch> batch,
                           std::function<void(CommitResult)> done) {
  committing_.Post(
      [this, batch = std::move(batch), done = std::move(done)] { done(CommitNow(*batch)); });
}

CommitResult PostgresStore::CommitNow(const Batch& batch) {
  const auto refused = [](Refusal refusal, const absl::Status& why) {
    return CommitResult{.outcome = CommitResult::Outcome::kRefused,
                        .refusal = refusal,
                        .message = std::string(why.message())};
  };
  if (absl::Status status = CheckClaims(batch); !status.ok()) {
    return refused(Refusal::kBadRow, status);
  }
  if (absl::Status status = EnsureDays(RowEncoder::DaysOf(batch.rows)); !status.ok()) {
    return refused(absl::IsUnavailable(status) ? Refusal::kNoLine : Refusal::kNoRoom, status);
  }
  std::unique_ptr<Lane> lane;
  {
    MutexLock lock(&mutex_);  // There are as many lanes as threads that come here.
    lane = std::move(free_lanes_.back());
    free_lanes_.pop_back();
  }
  CommitResult result = lane->Commit(batch);
  {
    MutexLock lock(&mutex_);
    free_lanes_.push_back(std::move(lane));
  }
  if (result.outcome != CommitResult::Outcome::kFenced) return result;
  // It may be our own batch that went in before: sent twice, or by a line that was given up.
  const Resolution resolution = ResolveNow(batch);
  switch (resolution.outcome) {
    case Resolution::Outcome::kCommitted:
      return {.outcome = CommitResult::Outcome::kCommitted, .now = resolution.now};
    case Resolution::Outcome::kFenced: return result;
    case Resolution::Outcome::kNotDone:
    case Resolution::Outcome::kUnavailable: break;
  }
  return {.outcome = CommitResult::Outcome::kUnknown, .message = resolution.message};
}

void PostgresStore::Resolve(const Batch& batch, std::function<void(Resolution)> done) {
  // Only the claims and the id matter; rows may be many.
  Batch question{.id = batch.id, .claims = batch.claims};
  resolving_.Post([this, question = std::move(question), done = std::move(done)] {
    done(ResolveNow(question));
  });
}

Resolution PostgresStore::ResolveNow(const Batch& batch) {
  Resolution resolution;
  std::vector<ShardStanding> standings(batch.claims.size());
  const auto look = [&]() -> absl::Status {
    ORCH_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, Session::Open(session_options_));
    ORCH_RETURN_IF_ERROR(session->Run("BEGIN"));
    for (size_t i = 0; i < batch.claims.size(); ++i) {
      // FOR UPDATE waits for a COMMIT still under way; without it the old row would be read.
      ORCH_RETURN_IF_ERROR(
          session->Query("SELECT epoch, seq, batch FROM shard WHERE id = $1 FOR UPDATE",
                         {int64_t{batch.claims[i].shard}}, [&](const sql::SqlRow& row) {
                           standings[i] = {row.Int(0), row.Int(1), row.Text(2)};
                           return absl::OkStatus();
                         }));
    }
    ORCH_RETURN_IF_ERROR(session->Query("SELECT now_micros()", {}, [&](const sql::SqlRow& row) {
      resolution.now = absl::FromUnixMicros(row.Int(0));
      return absl::OkStatus();
    }));
    return session->Run("ROLLBACK");
  };
  if (absl::Status status = look(); !status.ok()) {
    resolution.message = std::string(status.message());
    return resolution;
  }
  resolution.outcome = Judge(batch, standings);
  return resolution;
}

absl::StatusOr<std::vector<std::string>> PostgresStore::FindBadAggregates(const Batch& batch) {
  ORCH_RETURN_IF_ERROR(EnsureDays(RowEncoder::DaysOf(batch.rows)));
  Lane lane(session_options_);
  std::vector<std::string> bad;
  for (const AggregateRows& part : SplitByAggregate(batch.rows)) {
    const absl::Status status = lane.Try(part.rows);
    if (absl::IsInvalidArgument(status)) {
      bad.push_back(part.aggregate);
    } else if (!status.ok()) {
      return status;
    }
  }
  return bad;
}

// ---- Sessions ----------------------------------------------------------------------------------

absl::StatusOr<std::unique_ptr<Session>> PostgresStore::Borrow(Place place) {
  {
    MutexLock lock(&mutex_);
    Pool& pool = PoolOf(place);
    while (pool.lent_count >= pool.count_max) changed_.Wait(&mutex_);
    ++pool.lent_count;
    while (!pool.free.empty()) {
      std::unique_ptr<Session> session = std::move(pool.free.back());
      pool.free.pop_back();
      if (!session->Stale()) return session;
    }
  }
  absl::StatusOr<std::unique_ptr<Session>> session = Session::Open(session_options_);
  if (!session.ok()) Return(place, nullptr);
  return session;
}

void PostgresStore::Return(Place place, std::unique_ptr<Session> session) {
  MutexLock lock(&mutex_);
  Pool& pool = PoolOf(place);
  --pool.lent_count;
  if (session != nullptr && !session->broken()) pool.free.push_back(std::move(session));
  changed_.SignalAll();
}

absl::Status PostgresStore::Read(Place place, const Work& work) {
  ORCH_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Borrow(place));
  absl::Status status = work(*session);
  Return(place, std::move(session));
  return status;
}

absl::Status PostgresStore::Transact(Place place, const Work& work) {
  absl::Status status;
  for (int i = 0; i < kTransactTries; ++i) {
    ORCH_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Borrow(place));
    status = session->Run("BEGIN");
    if (status.ok()) status = work(*session);
    if (status.ok()) {
      status = session->Run("COMMIT");
      // Once COMMIT was sent only an answer tells.
      if (!status.ok() && session->broken()) status = absl::UnknownError(status.message());
    } else if (!session->broken() && !session->Run("ROLLBACK").ok()) {
      session.reset();
    }
    Return(place, std::move(session));
    if (status.ok() || !IsConflict(status)) return status;
  }
  return status;
}

}  // namespace orch::store::postgres
