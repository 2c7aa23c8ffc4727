#include "cli/exit_code.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"

namespace orch::cli {
namespace {

constexpr char kPayload[] = "orch.cli/exit-code";

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  if (const auto payload = status.GetPayload(kPayload)) {
    int code = kGeneric;
    if (absl::SimpleAtoi(std::string(*payload), &code)) return code;
  }
  switch (status.code()) {
    case absl::StatusCode::kOk: return kOk;
    case absl::StatusCode::kNotFound: return kNotFoundExit;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied: return kAuth;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition: return kConflict;
    case absl::StatusCode::kInvalidArgument: return kValidation;
    case absl::StatusCode::kDeadlineExceeded: return kTimeout;
    case absl::StatusCode::kUnavailable: return kUnreachable;
    case absl::StatusCode::kCancelled: return kInterrupted;
    default: return kGeneric;
  }
}

absl::Status WithExitCode(absl::Status status, ExitCode code) {
  status.SetPayload(kPayload, absl::Cord(std::to_string(static_cast<int>(code))));
  return status;
}

absl::Status UsageError(std::string_view message) {
  return WithExitCode(absl::InvalidArgumentError(absl::string_view(message.data(), message.size())),
                      kUsage);
}

int ExitCodeOfState(std::string_view state, bool fail_on_warning) {
  if (state == "SUCCESS" || state == "SKIPPED") return kOk;
  if (state == "WARNING") return fail_on_warning ? kRunWarning : kOk;
  if (state == "FAILED") return kRunFailed;
  if (state == "KILLED") return kRunKilled;
  if (state == "CANCELLED") return kRunCancelled;
  return kGeneric;
}

}  // namespace orch::cli
