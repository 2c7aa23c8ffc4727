#include "controlplane/store/postgres/ownership.h"

#include <map>

#include "base/hash.h"
#include "base/status_macros.h"
#include "controlplane/store/errors.h"

namespace orch::store::postgres {
namespace {

int64_t LockKey(const std::string& owner) {
  return static_cast<int64_t>(StableHash("orch owner " + owner));
}

absl::StatusOr<bool> AskBool(Session& session, const std::string& sql, int64_t key) {
  bool answer = false;
  ORCH_RETURN_IF_ERROR(session.Query(sql, {key}, [&](const sql::SqlRow& row) {
    answer = row.Bool(0);
    return absl::OkStatus();
  }));
  return answer;
}

}  // namespace

absl::Status Ownership::Connect() {
  if (session_ == nullptr || session_->Stale()) {
    session_.reset();
    held_.clear();
    ORCH_ASSIGN_OR_RETURN(session_, Session::Open(options_));
  }
  for (const std::string& owner : owners_) ORCH_RETURN_IF_ERROR(Hold(owner));
  return absl::OkStatus();
}

absl::Status Ownership::Hold(const std::string& owner) {
  if (held_.contains(owner)) return absl::OkStatus();
  ORCH_ASSIGN_OR_RETURN(const bool got,
                        AskBool(*session_, "SELECT pg_try_advisory_lock($1)", LockKey(owner)));
  if (!got) {
    // Our own lock on a line that broke may still stand for a while.
    if (owners_.contains(owner)) return absl::UnavailableError("the old line still holds the lock");
    return OwnerLives(owner);
  }
  held_.insert(owner);
  return absl::OkStatus();
}

absl::StatusOr<bool> Ownership::Lives(const std::string& owner) {
  if (owner.empty()) return false;
  if (owners_.contains(owner)) return true;
  // Its lock ends with this transaction.
  ORCH_ASSIGN_OR_RETURN(const bool free,
                        AskBool(*session_, "SELECT pg_try_advisory_xact_lock($1)", LockKey(owner)));
  return !free;
}

absl::StatusOr<std::vector<Shard>> Ownership::Take(const std::string& owner,
                                                   absl::Duration lease_ttl) {
  MutexLock lock(&mutex_);
  ORCH_RETURN_IF_ERROR(Connect());
  ORCH_RETURN_IF_ERROR(Hold(owner));
  ORCH_RETURN_IF_ERROR(session_->Run("BEGIN"));
  std::vector<Shard> taken;
  absl::Status status = TakeInTransaction(owner, lease_ttl, &taken);
  if (status.ok()) status = session_->Run("COMMIT");
  if (!status.ok()) {
    if (!session_->broken()) session_->Run("ROLLBACK").IgnoreError();
    return status;
  }
  owners_.insert(owner);
  return taken;
}

absl::Status Ownership::TakeInTransaction(const std::string& owner, absl::Duration lease_ttl,
                                          std::vector<Shard>* taken) {
  struct Seen {
    int64_t id;
    std::string owner;
    bool expired;
  };
  std::vector<Seen> all;
  ORCH_RETURN_IF_ERROR(
      session_->Query("SELECT id, owner, expires_micros <= now_micros() FROM shard ORDER BY id", {},
                      [&](const sql::SqlRow& row) {
                        all.push_back({row.Int(0), row.Text(1), row.Bool(2)});
                        return absl::OkStatus();
                      }));
  std::map<std::string, bool> lives;
  for (const Seen& shard : all) {
    if (lives.contains(shard.owner)) continue;
    ORCH_ASSIGN_OR_RETURN(lives[shard.owner], Lives(shard.owner));
  }
  for (const Seen& shard : all) {
    const bool alive = lives[shard.owner];
    const bool ours = alive && shard.owner == owner;
    if (alive && !ours && !shard.expired) continue;
    // The row may have changed since it was seen; then it is left to the next call.
    const std::string sql =
        std::string("UPDATE shard SET owner = $2, epoch = epoch + ") + (ours ? "0" : "1") +
        ", expires_micros = now_micros() + $3 WHERE id = $1 AND owner = $4" +
        (alive && !ours ? " AND expires_micros <= now_micros()" : "") +
        " RETURNING bucket_first, bucket_last, epoch, seq, batch, expires_micros";
    ORCH_RETURN_IF_ERROR(
        session_->Query(sql, {shard.id, owner, absl::ToInt64Microseconds(lease_ttl), shard.owner},
                        [&](const sql::SqlRow& row) {
                          taken->push_back({.id = static_cast<int>(shard.id),
                                            .bucket_first = static_cast<uint32_t>(row.Int(0)),
                                            .bucket_last = static_cast<uint32_t>(row.Int(1)),
                                            .owner = owner,
                                            .epoch = row.Int(2),
                                            .sequence = row.Int(3),
                                            .batch = row.Text(4),
                                            .expires_at = absl::FromUnixMicros(row.Int(5))});
                          return absl::OkStatus();
                        }));
  }
  return absl::OkStatus();
}

absl::Status Ownership::Release(const std::string& owner) {
  MutexLock lock(&mutex_);
  ORCH_RETURN_IF_ERROR(Connect());
  // A new epoch, so that nothing of the owner's can follow.
  return session_
      ->Execute(
          "UPDATE shard SET owner = '', epoch = epoch + 1, expires_micros = 0 WHERE owner = $1",
          {owner})
      .status();
}

}  // namespace orch::store::postgres
