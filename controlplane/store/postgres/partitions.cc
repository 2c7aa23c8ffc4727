#include "controlplane/store/postgres/partitions.h"

#include <algorithm>

#include "base/status_macros.h"

namespace orch::store::postgres {

bool Partitions::Have(const std::set<int>& days) {
  MutexLock lock(&mutex_);
  return std::includes(days_.begin(), days_.end(), days.begin(), days.end());
}

absl::Status Partitions::Ensure(const std::set<int>& days, Session& session) {
  for (const int day : days) {
    if (Have({day})) continue;
    ORCH_RETURN_IF_ERROR(session.Run("SELECT ensure_day(" + std::to_string(day) + ")"));
    MutexLock lock(&mutex_);
    days_.insert(day);
  }
  return absl::OkStatus();
}

}  // namespace orch::store::postgres
