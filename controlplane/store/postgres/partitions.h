// Partitions makes sure that the tables have a partition for a day before its first row comes.
//
// Threads     Thread-safe.
// Memory      The days that were seen.
#pragma once

#include <set>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "controlplane/store/postgres/session.h"

namespace orch::store::postgres {

class Partitions {
 public:
  // Whether the partitions of all these days are known to be there.
  bool Have(const std::set<int>& days);

  // Makes those that are missing, over `session`, each day in a transaction of its own.
  absl::Status Ensure(const std::set<int>& days, Session& session);

 private:
  Mutex mutex_;
  std::set<int> days_ ABSL_GUARDED_BY(mutex_) = {0};
};

}  // namespace orch::store::postgres
