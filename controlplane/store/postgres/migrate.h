// Brings a database to today's shape.
#pragma once

#include "absl/status/status.h"
#include "controlplane/store/postgres/session.h"

namespace orch::store::postgres {

// Runs the migrations that are missing, one process at a time, and makes the shards of a new store.
//   kFailedPrecondition  a later release wrote it.
absl::Status Migrate(Session& session, int shard_count);

}  // namespace orch::store::postgres
