// Errors of the engine, each born here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace orch::engine {

inline absl::Status NotARunId(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrFormat("'%s' is no task run id: write <execution id>-<number>", std::string(text)));
}
inline absl::Status NotAnAttemptId(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrFormat("'%s' is no attempt id: write <task run id>/<attempt>", std::string(text)));
}
inline absl::Status RowsContradict(std::string_view execution_id, std::string_view what) {
  return absl::DataLossError(absl::StrFormat("the rows of execution '%s' contradict each other: %s",
                                             std::string(execution_id), std::string(what)));
}
inline absl::Status NoEncryptionKey() {
  return absl::FailedPreconditionError(
      "the outputs hold a secret and cannot be stored: set ORCH_ENCRYPTION_SECRET_KEY to the "
      "base64 "
      "text of 32 bytes, and run it again");
}

}  // namespace orch::engine
