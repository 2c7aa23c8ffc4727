#include "controlplane/store/sqlite/sqlite_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <future>

#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "controlplane/store/claims.h"
#include "controlplane/store/columns.h"
#include "controlplane/store/errors.h"
#include "controlplane/store/sqlite/log_migrations.h"
#include "controlplane/store/sqlite/migrations.h"

namespace orch::store::sqlite {
namespace {

Refusal RefusalOf(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT: return Refusal::kConflict;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE: return Refusal::kBadRow;
    default: return Refusal::kNoRoom;  // The disk or the file: it takes someone to mend it.
  }
}

CommitResult Refused(Refusal refusal, const absl::Status& why) {
  return {.outcome = CommitResult::Outcome::kRefused,
          .refusal = refusal,
          .message = std::string(why.message())};
}

}  // namespace

SqliteStore::SqliteStore(Options options, Clock& clock, FolderLock lock)
    : options_(std::move(options)),
      clock_(clock),
      lock_(std::move(lock)),
      main_(
          {.path = options_.folder + "/orch.db",
           .vfs = options_.vfs,
           .reader_count = options_.reader_count,
           .busy_wait = options_.busy_wait,
           .checkpoint_due = [this] { checkpointing_.PostIfIdle([this] { main_.Checkpoint(); }); },
           .before_close = [this] { row_writer_.reset(); }},
          MainMigrations()),
      logs_(
          {.path = options_.folder + "/logs.db",
           .vfs = options_.vfs,
           .reader_count = 2,
           .busy_wait = options_.busy_wait,
           .checkpoint_due = [this] { checkpointing_.PostIfIdle([this] { logs_.Checkpoint(); }); }},
          LogMigrations()),
      writing_("store-writer"),
      checkpointing_("store-checkpoint") {}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(Options options, Clock& clock) {
  if (::mkdir(options.folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoError(errno, "make the folder " + options.folder);
  }
  ORCH_ASSIGN_OR_RETURN(FolderLock lock, FolderLock::Take(options.folder, clock.Now()));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(options), clock, std::move(lock)));
  ORCH_RETURN_IF_ERROR(store->main_.Open());
  ORCH_RETURN_IF_ERROR(store->logs_.Open());
  ORCH_RETURN_IF_ERROR(store->OnWriter([&] { return store->MakeShards(); }));
  return store;
}

SqliteStore::~SqliteStore() {
  writing_.Stop();
  checkpointing_.Stop();
  main_.Close();
}

absl::Status SqliteStore::MakeShards() {
  return main_
      .Transact([this](Connection& connection) -> absl::Status {
        int64_t count = 0;
        ORCH_RETURN_IF_ERROR(
            connection.Query("SELECT count(*) FROM shard", {}, [&](const sql::SqlRow& row) {
              count = row.Int(0);
              return absl::OkStatus();
            }));
        if (count > 0) return absl::OkStatus();
        for (const BucketRange& range : SplitBuckets(options_.shard_count)) {
          ORCH_RETURN_IF_ERROR(
              connection
                  .Execute("INSERT INTO shard (id, bucket_first, bucket_last) VALUES ($1, $2, $3)",
                           {int64_t{range.shard}, int64_t{range.first}, int64_t{range.last}})
                  .status());
        }
        return absl::OkStatus();
      })
      .status;
}

absl::Time SqliteStore::Now() {
  now_ = std::max(now_, clock_.Now());
  return now_;
}

absl::Status SqliteStore::OnWriter(const std::function<absl::Status()>& work) {
  std::promise<absl::Status> promise;
  writing_.Post([&] { promise.set_value(work()); });
  return promise.get_future().get();
}

absl::StatusOr<RowWriter*> SqliteStore::Writer() {
  if (row_writer_ == nullptr || row_writer_generation_ != main_.generation()) {
    row_writer_.reset();
    ORCH_ASSIGN_OR_RETURN(row_writer_, RowWriter::Make(main_.writer()));
    row_writer_generation_ = main_.generation();
  }
  return row_writer_.get();
}

absl::StatusOr<std::vector<Shard>> SqliteStore::TakeShards(const std::string& owner,
                                                           absl::Duration lease_ttl) {
  std::vector<Shard> shards;
  const auto take = [&](Connection& connection) -> absl::Status {
    const absl::Time now = Now();
    std::vector<Shard> all;
    ORCH_RETURN_IF_ERROR(connection.Query(
        "SELECT id, bucket_first, bucket_last, owner, epoch, seq, batch, expires_micros"
        " FROM shard ORDER BY id",
        {}, [&](const sql::SqlRow& row) {
          all.push_back({.id = static_cast<int>(row.Int(0)),
                         .bucket_first = static_cast<uint32_t>(row.Int(1)),
                         .bucket_last = static_cast<uint32_t>(row.Int(2)),
                         .owner = row.Text(3),
                         .epoch = row.Int(4),
                         .sequence = row.Int(5),
                         .batch = row.Text(6),
                         .expires_at = absl::FromUnixMicros(row.Int(7))});
          return absl::OkStatus();
        }));
    for (Shard& shard : all) {
      // The folder's lock is ours: an owner that is not of this process is dead.
      const bool held = owners_.contains(shard.owner);
      const bool ours = held && shard.owner == owner;
      if (held && !ours && shard.expires_at > now) continue;
      if (!ours) ++shard.epoch;
      shard.owner = owner;
      shard.expires_at = now + lease_ttl;
      ORCH_RETURN_IF_ERROR(
          connection
              .Execute("UPDATE shard SET owner = $2, epoch = $3, expires_micros = $4 WHERE id = $1",
                       {int64_t{shard.id}, shard.owner, shard.epoch,
                        absl::ToUnixMicros(shard.expires_at)})
              .status());
      shards.push_back(shard);
    }
    return absl::OkStatus();
  };
  ORCH_RETURN_IF_ERROR(OnWriter([&] {
    shards.clear();
    Database::Ending ending = main_.Transact(take);
    if (ending.status.ok()) owners_.insert(owner);
    return ending.status;
  }));
  return shards;
}

absl::Status SqliteStore::ReleaseShards(const std::string& owner) {
  return OnWriter([&] {
    return main_
        .Transact([&](Connection& connection) {
          // A new epoch, so that nothing of the owner's can follow.
          return connection
              .Execute(
                  "UPDATE shard SET owner = '', epoch = epoch + 1, expires_micros = 0"
                  " WHERE owner = $1",
                  {owner})
              .status();
        })
        .status;
  });
}

void SqliteStore::Commit(std::shared_ptr<const Batch> batch,
                         std::function<void(CommitResult)> done) {
  writing_.Post(
      [this, batch = std::move(batch), done = std::move(done)] { done(CommitNow(*batch)); });
}

CommitResult SqliteStore::CommitNow(const Batch& batch) {
  if (absl::Status status = CheckClaims(batch); !status.ok()) {
    return Refused(Refusal::kBadRow, status);
  }
  const absl::Time now = Now();
  const int64_t expires_micros = absl::ToUnixMicros(now + batch.lease_ttl);
  bool fenced = false;
  const Database::Ending ending = main_.Transact([&](Connection&) -> absl::Status {
    ORCH_ASSIGN_OR_RETURN(RowWriter * writer, Writer());
    for (const ShardClaim& claim : batch.claims) {
      ORCH_ASSIGN_OR_RETURN(
          const bool claimed,
          writer->Claim(claim.shard, claim.epoch, claim.sequence, batch.id, expires_micros));
      if (!claimed) {
        fenced = true;
        return absl::AbortedError(
            absl::StrFormat("shard %d is not ours at epoch %d, or does not stand before batch %d",
                            claim.shard, claim.epoch, claim.sequence));
      }
    }
    return writer->Put(batch.rows);
  });
  switch (ending.outcome) {
    case Database::Ending::Outcome::kCommitted:
      return {.outcome = CommitResult::Outcome::kCommitted, .now = now};
    case Database::Ending::Outcome::kUnknown:
      return {.outcome = CommitResult::Outcome::kUnknown,
              .message = std::string(ending.status.message())};
    case Database::Ending::Outcome::kRefused: break;
  }
  if (!fenced) return Refused(RefusalOf(ending.code), ending.status);
  const absl::StatusOr<Resolution::Outcome> found = Look(*main_.writer(), batch);
  if (found.ok() && *found == Resolution::Outcome::kCommitted) {
    return {.outcome = CommitResult::Outcome::kCommitted, .now = now};
  }
  return {.outcome = CommitResult::Outcome::kFenced,
          .message = std::string(ending.status.message())};
}

void SqliteStore::Resolve(const Batch& batch, std::function<void(Resolution)> done) {
  // Only the claims and the id matter; rows may be many.
  Batch question{.id = batch.id, .claims = batch.claims};
  writing_.Post([this, question = std::move(question), done = std::move(done)] {
    done(ResolveNow(question));
  });
}

Resolution SqliteStore::ResolveNow(const Batch& batch) {
  Resolution resolution;
  if (absl::Status status = main_.Mend(); !status.ok()) {
    resolution.message = std::string(status.message());
    return resolution;
  }
  const absl::StatusOr<Resolution::Outcome> found = Look(*main_.writer(), batch);
  if (!found.ok()) {
    resolution.message = std::string(found.status().message());
    return resolution;
  }
  resolution.outcome = *found;
  resolution.now = Now();
  return resolution;
}

absl::StatusOr<Resolution::Outcome> SqliteStore::Look(Connection& connection, const Batch& batch) {
  std::vector<ShardStanding> standings;
  for (const ShardClaim& claim : batch.claims) {
    ShardStanding& standing = standings.emplace_back();
    ORCH_RETURN_IF_ERROR(connection.Query("SELECT epoch, seq, batch FROM shard WHERE id = $1",
                                          {int64_t{claim.shard}}, [&](const sql::SqlRow& row) {
                                            standing = {row.Int(0), row.Int(1), row.Text(2)};
                                            return absl::OkStatus();
                                          }));
  }
  return Judge(batch, standings);
}

absl::StatusOr<std::vector<std::string>> SqliteStore::FindBadAggregates(const Batch& batch) {
  std::vector<std::string> bad;
  absl::Status failed;
  ORCH_RETURN_IF_ERROR(OnWriter([&]() -> absl::Status {
    const Database::Ending ending = main_.Transact([&](Connection& connection) -> absl::Status {
      ORCH_ASSIGN_OR_RETURN(RowWriter * writer, Writer());
      for (const AggregateRows& part : SplitByAggregate(batch.rows)) {
        if (const int rc = connection.Run("SAVEPOINT part"); rc != SQLITE_OK) {
          return connection.Error(rc);
        }
        const absl::Status status = writer->Put(part.rows);
        if (absl::IsInvalidArgument(status)) {
          bad.push_back(part.aggregate);
        } else if (!status.ok()) {
          return failed = status;
        }
        connection.Run("ROLLBACK TO part; RELEASE part");
      }
      return absl::CancelledError("only tried");
    });
    return ending.status.code() == absl::StatusCode::kCancelled ? absl::OkStatus() : ending.status;
  }));
  return bad;
}

absl::Status SqliteStore::Read(Place place, const Work& work) {
  Database& database = place == Place::kMain ? main_ : logs_;
  return database.Read([&](Connection& connection) { return work(connection); });
}

absl::Status SqliteStore::Transact(Place place, const Work& work) {
  if (place == Place::kMain) {
    return OnWriter([&] { return main_.Transact([&](Connection& c) { return work(c); }).status; });
  }
  MutexLock lock(&logs_mutex_);
  return logs_.Transact([&](Connection& c) { return work(c); }).status;
}

std::string SqliteStore::Describe() const {
  return absl::StrFormat("SQLite %s at %s", sqlite3_libversion(), options_.folder);
}

}  // namespace orch::store::sqlite
