#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace orch::cli {

// What the process answers to its shell. Scripts rely on these numbers.
enum ExitCode : int {
  kOk = 0,
  kGeneric = 1,
  kUsage = 2,
  kNotFoundExit = 3,
  kAuth = 4,
  kConflict = 5,    // A conflict, or the wrong state.
  kValidation = 6,  // The request or the flow was refused.
  kTimeout = 7,
  kUnreachable = 8,
  kRunFailed = 10,
  kRunKilled = 11,
  kRunCancelled = 12,
  kRunWarning = 13,  // Only under --fail-on=warning.
  kInterrupted = 130,
};

// The exit code that an error asks for: the one it was given by WithExitCode, else by its code.
int ExitCodeOf(const absl::Status& status);

// The same error, with an exit code of its own.
absl::Status WithExitCode(absl::Status status, ExitCode code);

// kInvalidArgument with the exit code of a wrong command line.
absl::Status UsageError(std::string_view message);

// The exit code of a run that ended in a state, e.g. "FAILED". A state that is no end is kGeneric.
int ExitCodeOfState(std::string_view state, bool fail_on_warning);

}  // namespace orch::cli
