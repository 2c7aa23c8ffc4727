// The errors that are born here.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace orch::conductor {

absl::Status NotReady();                        // kUnavailable: shards are being taken over.
absl::Status TookOver();                        // kUnavailable: another replica owns the shard now.
absl::Status NotStored();                       // kUnavailable: the batch could not be stored.
absl::Status NoRoom();                          // kResourceExhausted
absl::Status TooBusy(int64_t work_count_max);   // kResourceExhausted
absl::Status Stopping();                        // kUnavailable
absl::Status NoExecution(std::string_view id);  // kNotFound
absl::Status AlreadyEnded(std::string_view id, std::string_view state);  // kFailedPrecondition
absl::Status Quarantined(std::string_view id);                           // kFailedPrecondition
absl::Status KeyConflict(std::string_view key);                          // kAlreadyExists
absl::Status FlowDisabled(std::string_view namespace_, std::string_view id);

}  // namespace orch::conductor
