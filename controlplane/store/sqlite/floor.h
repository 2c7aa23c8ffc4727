// What SQLite itself does with the table of task runs on this machine: the floor that Orch's rates
// are measured against. It has the keeper's file, settings and statement, and none of its work.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace orch::store::sqlite {

// Rows a second of a new file in `folder`: each of `rows` / 2 runs is put twice, when it is leased
// and when it has ended, `rows_per_transaction` rows in each transaction, on one connection.
absl::StatusOr<double> UpsertRunsPerSecond(const std::string& folder, int rows,
                                           int rows_per_transaction = 500);

// How long each of `count` durable transactions of one row takes.
absl::StatusOr<std::vector<int64_t>> SingleCommitMicros(const std::string& folder, int count);

}  // namespace orch::store::sqlite
