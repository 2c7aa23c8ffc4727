#include "controlplane/store/sqlite/floor.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "controlplane/store/sqlite/database.h"
#include "controlplane/store/sqlite/migrations.h"

namespace orch::store::sqlite {
namespace {

using Steady = std::chrono::steady_clock;

constexpr char kUpsert[] =
    "INSERT INTO task_run (day, execution_id, number, state, live, awaits, body)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (day, execution_id, number) DO UPDATE SET"
    " state = excluded.state, live = excluded.live, awaits = excluded.awaits, body = excluded.body";

// As long as the bodies of a run that is leased, and of one that has ended with small outputs.
constexpr size_t kLeasedSize = 180;
constexpr size_t kEndedSize = 330;

absl::Status Put(Database& database, int first, int count, bool ended) {
  const std::string body(ended ? kEndedSize : kLeasedSize, 'x');
  return database
      .Transact([&](Connection& connection) -> absl::Status {
        ORCH_ASSIGN_OR_RETURN(Statement statement, connection.Prepare(kUpsert));
        for (int i = first; i < first + count; ++i) {
          const std::string id = absl::StrFormat("01k0000000%016d", i / 5);
          statement.Bind(1, int64_t{20'000});
          statement.Bind(2, std::string_view(id));
          statement.Bind(3, int64_t{i % 5});
          statement.Bind(4, int64_t{ended ? 6 : 2});
          statement.Bind(5, int64_t{!ended});
          statement.Bind(6, int64_t{!ended});
          statement.BindBlob(7, body);
          if (const int code = statement.Run(); code != SQLITE_OK) return connection.Error(code);
        }
        return absl::OkStatus();
      })
      .status;
}

}  // namespace

absl::StatusOr<double> UpsertRunsPerSecond(const std::string& folder, int rows,
                                           int rows_per_transaction) {
  Database database({.path = folder + "/floor.db", .reader_count = 1}, MainMigrations());
  ORCH_RETURN_IF_ERROR(database.Open());
  const Steady::time_point start = Steady::now();
  const int runs = std::max(1, rows / 2);
  for (int first = 0; first < runs; first += rows_per_transaction) {
    const int count = std::min(rows_per_transaction, runs - first);
    ORCH_RETURN_IF_ERROR(Put(database, first, count, /*ended=*/false));
    ORCH_RETURN_IF_ERROR(Put(database, first, count, /*ended=*/true));
  }
  return 2.0 * runs / std::chrono::duration<double>(Steady::now() - start).count();
}

absl::StatusOr<std::vector<int64_t>> SingleCommitMicros(const std::string& folder, int count) {
  Database database({.path = folder + "/floor.db", .reader_count = 1}, MainMigrations());
  ORCH_RETURN_IF_ERROR(database.Open());
  std::vector<int64_t> micros;
  for (int i = 0; i < count; ++i) {
    const Steady::time_point start = Steady::now();
    ORCH_RETURN_IF_ERROR(Put(database, i, 1, /*ended=*/false));
    micros.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - start).count());
  }
  return micros;
}

}  // namespace orch::store::sqlite
