// What PostgreSQL itself does with the table of task runs on this machine: the floor that Orch's
// rates are measured against. It has the keeper's table, settings and statement, and none of its
// work.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace orch::store::postgres {

// Rows a second in a database that a PostgresStore has opened before: each of `rows` / 2 runs is
// put twice, when it is leased and when it has ended, `rows_per_transaction` rows in each
// transaction, as binary arrays over one connection.
absl::StatusOr<double> UpsertRunsPerSecond(const std::string& conninfo, int rows,
                                           int rows_per_transaction = 500);

// How long each of `count` durable transactions of one row takes.
absl::StatusOr<std::vector<int64_t>> SingleCommitMicros(const std::string& conninfo, int count);

}  // namespace orch::store::postgres
