#include "controlplane/store/postgres/migrate.h"

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "controlplane/store/claims.h"
#include "controlplane/store/postgres/migrations.h"

namespace orch::store::postgres {
namespace {

constexpr char kLock[] = "SELECT pg_advisory_xact_lock(7893460020)";
constexpr char kTable[] =
    "CREATE TABLE IF NOT EXISTS migration (number int PRIMARY KEY, name text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())";

absl::StatusOr<int64_t> Number(Session& session, const std::string& sql) {
  int64_t number = 0;
  ORCH_RETURN_IF_ERROR(session.Query(sql, {}, [&](const sql::SqlRow& row) {
    number = row.Int(0);
    return absl::OkStatus();
  }));
  return number;
}

absl::Status MigrateInTransaction(Session& session, int shard_count) {
  ORCH_RETURN_IF_ERROR(session.Run(kLock));
  ORCH_RETURN_IF_ERROR(session.Run(kTable));
  const std::vector<sql::Migration> migrations = Migrations();
  ORCH_ASSIGN_OR_RETURN(const int64_t version,
                        Number(session, "SELECT coalesce(max(number), 0) FROM migration"));
  if (version > static_cast<int64_t>(migrations.size())) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "the database was written by a later release of Orch (shape %d, this one knows %d)",
        version, migrations.size()));
  }
  for (const sql::Migration& migration : migrations) {
    if (migration.number <= version) continue;
    ORCH_RETURN_IF_ERROR(session.Run(migration.script));
    ORCH_RETURN_IF_ERROR(session
                             .Execute("INSERT INTO migration (number, name) VALUES ($1, $2)",
                                      {int64_t{migration.number}, migration.name})
                             .status());
  }
  ORCH_ASSIGN_OR_RETURN(const int64_t shards, Number(session, "SELECT count(*) FROM shard"));
  if (shards > 0) return absl::OkStatus();
  for (const BucketRange& range : SplitBuckets(shard_count)) {
    ORCH_RETURN_IF_ERROR(
        session
            .Execute("INSERT INTO shard (id, bucket_first, bucket_last) VALUES ($1, $2, $3)",
                     {int64_t{range.shard}, int64_t{range.first}, int64_t{range.last}})
            .status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Migrate(Session& session, int shard_count) {
  ORCH_RETURN_IF_ERROR(session.Run("BEGIN"));
  absl::Status status = MigrateInTransaction(session, shard_count);
  if (status.ok()) return session.Run("COMMIT");
  if (!session.broken()) session.Run("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace orch::store::postgres
