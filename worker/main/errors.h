// The errors that starting a worker gives birth to.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace orch::worker {

// kFailedPrecondition
inline absl::Status FolderTaken(const std::string& folder, const std::string& holder) {
  return absl::FailedPreconditionError(absl::StrFormat(
      "the data folder %s is used by another worker (process %s); stop it, or choose --data",
      folder, holder));
}

// kFailedPrecondition
inline absl::Status NoShim(const std::string& path) {
  return absl::FailedPreconditionError(absl::StrFormat(
      "there is no executable %s, under which scripts run; install orch-shim beside orch-worker",
      path));
}

// kInvalidArgument
inline absl::Status BadOption(const std::string& option, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrFormat("%s: %s", option, why));
}

}  // namespace orch::worker
