// Ownership gives shards to owners, and knows which owners live.
//
// An owner lives as long as its process holds an advisory lock in the database, on a connection
// that does nothing else: it ends with the process, however that dies.
//
// Threads     Thread-safe; calls wait for each other.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "controlplane/store/postgres/session.h"
#include "controlplane/store/store.h"

namespace orch::store::postgres {

class Ownership {
 public:
  explicit Ownership(SessionOptions options) : options_(std::move(options)) {}

  // As Store says.
  absl::StatusOr<std::vector<Shard>> Take(const std::string& owner, absl::Duration lease_ttl);
  absl::Status Release(const std::string& owner);

 private:
  absl::Status Connect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Hold(const std::string& owner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<bool> Lives(const std::string& owner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeInTransaction(const std::string& owner, absl::Duration lease_ttl,
                                 std::vector<Shard>* taken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SessionOptions options_;
  Mutex mutex_;
  std::unique_ptr<Session> session_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> held_ ABSL_GUARDED_BY(mutex_);    // Locks of this session.
  std::set<std::string> owners_ ABSL_GUARDED_BY(mutex_);  // Those of this process.
};

}  // namespace orch::store::postgres
